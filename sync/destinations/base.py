"""What a destination is: plain data in, an outcome per item out; no HTTP library, rate or retry."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

from sync.destinations.identifiers import why_not_addressable
from sync.destinations.meanings import Meanings
from sync.errors import (
    AnswerUnreadable,
    ItemsRefused,
    ListNotReadable,
    ListNotThere,
    NeedsPerson,
    NotThere,
    PlatformError,
    SyncError,
)

Action = Literal["suppress", "release", "subscribe"]
_Cursor = TypeVar("_Cursor", int, str)
#: What makes the headers that sign one call: from its method, URL, headers and body.
Signer = Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str]]
# Reasons that an act of the person's own alone ends.
_CONSENT = frozenset({"complaint", "unsubscribe"})
#: `intended`: about to be sent; the others tell how it ended, `unsent`: the run ended before.
Result = Literal["intended", "confirmed", "accepted", "rejected", "absent", "failed", "unsent"]


class Item(NamedTuple):
    """One row of `sync_deltas`, in the order of its columns.

    kept_topics: of a release, the platform's lists that the person still refuses, by comma.
    traits: of a profile row, the JSON object that the profile is to hold.
    suppressed_at: of a release, when we sent what it takes back (UTC).
    """

    delta_id: str
    destination: str
    channel: str
    scope: str
    address: str | None
    contact_id: str | None
    external_id: str | None
    email: str | None
    phone: str | None
    push_token_type: str | None
    action: Action
    reason: str
    event_id: str | None
    event_timestamp: datetime | None
    priority: int
    kept_topics: str | None = None
    traits: str | None = None
    suppressed_at: datetime | None = None


class Outcome(NamedTuple):
    """What became of one item. status: the HTTP status, None where no call was made."""

    item: Item
    result: Result
    status: int | None = None
    error: str | None = None
    attempts: int = 1

    @classmethod
    def of_error(cls, item: Item, error: PlatformError) -> Outcome:
        """The outcome of a call that was this item's alone: only a refusal of it is final."""
        result: Result = "rejected" if isinstance(error, ItemsRefused) else "failed"
        return cls(item, result, error.status, str(error), error.attempts)


@dataclass(frozen=True, slots=True)
class Request:
    """One call. path is a template; each {name} in it is replaced by the encoded value of parts.

    Messages and logs show the template only. sample: the answer that a dry run goes on with.
    form: fields of a form in place of JSON. headers: besides those of every call. host: scheme and
    host where it is not the destination's own. is_repeatable: whether sending it twice does no
    more than once; one that is not is never repeated after an end that leaves its effect unknown.
    is_whole_list: whether the answer is a list without pages, which may be large.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    parts: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    params: Mapping[str, str] = field(default_factory=dict)
    sample: object = None
    form: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    host: str | None = None
    is_repeatable: bool = True
    is_whole_list: bool = False

    @property
    def label(self) -> str:
        """The call without anybody's address in it."""
        return f"{self.method} {self.path}"

    def encoded_path(self) -> str:
        """The path with its parts percent-encoded whole; ValueError where a part is blank."""
        encoded = {}
        for name, value in self.parts.items():
            if not value.strip() or value in (".", ".."):
                # An empty part turns "delete this one" into "delete all" on some platforms.
                raise ValueError(f"{self.label}: {name} is empty")
            encoded[name] = quote(value, safe="")
        return self.path.format_map(encoded)


@dataclass(frozen=True, slots=True)
class Response:
    """A successful answer (2xx). data: its JSON, None where it has no body."""

    status: int
    data: Any
    attempts: int = 1


class Limit(NamedTuple):
    """A documented limit of one credential: at most so many calls within any so many seconds.

    method, path: the calls that it counts, by a pattern of Request.path. each: the part of the path
    whose every value is counted apart.
    """

    calls: int
    seconds: float
    path: str = "*"
    method: str = "*"
    each: str = ""

    @property
    def is_of_all_calls(self) -> bool:
        """Whether no call is outside it."""
        return self == Limit(self.calls, self.seconds)

    def counts(self, request: Request) -> bool:
        """Whether the call is one of those that it limits."""
        return self.method in ("*", request.method) and fnmatchcase(request.path, self.path)


class Api(Protocol):
    """How a destination calls its platform; limits, retries and credentials are behind it."""

    def call(self, request: Request) -> Response:
        """The answer; raises a PlatformError once retries are used up, Stopped on SIGTERM."""

    def map(self, requests: Iterable[Request]) -> list[Response | SyncError]:
        """The answers in order, called side by side; errors stand in their place (see `check`)."""


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that a destination reads.

    is_header: whether it stands in a header as it is; a file's text, with its lines, does not.
    instead: the variable that is read where this one is not set. Those of secrets go together:
    where one has a value of its own, none of them is read from elsewhere.
    """

    name: str
    purpose: str
    required: bool = False
    secret: bool = False
    is_header: bool = True
    instead: str = ""


class Entry(NamedTuple):
    """One entry of a platform's own list. since: aware, None where the platform does not say.

    listed_in: the list, as `seeds/provider_events.csv` says what it means (provider_event `list`).
    topic: the group or tag that is refused, where it is not all mail. platform_id: the platform's
    own id of the person, where its events name nothing else.
    """

    channel: str
    address: str
    listed_in: str
    since: datetime | None = None
    topic: str | None = None
    platform_id: str | None = None


class Destination(ABC):
    """A platform that is told whom not to contact. One subclass per file in this folder."""

    name: ClassVar[str]
    title: ClassVar[str]
    #: Scheme and host; <NAME>_BASE_URL replaces them.
    host: ClassVar[str]
    variables: ClassVar[tuple[Variable, ...]]
    #: The channels that it can be told about.
    channels: ClassVar[frozenset[str]]
    #: How calls are spaced, within the limit of one credential; <NAME>_RATE replaces it.
    calls_per_second: ClassVar[float]
    #: The limits that its documents name; none: calls_per_second is all that is known.
    limits: ClassVar[tuple[Limit, ...]] = ()
    #: Items per call; <NAME>_BATCH_SIZE replaces it.
    batch_size: ClassVar[int]
    #: Most items that are released together: they are read again right before.
    release_batch_size: ClassVar[int] = 100
    #: Calls of one credential that may be under way at once, where the platform sets a limit.
    most_connections: ClassVar[int | None] = None
    #: Its own words with which a 403 refuses the credential as such, and not a right.
    credential_codes: ClassVar[frozenset[str]] = frozenset()
    #: Of its lists those that what we send is put on; None for all. Others may be purged.
    placed_in: ClassVar[frozenset[str] | None] = None

    def __init__(
        self, api: Api, settings: Mapping[str, str], meanings: Meanings | None = None
    ) -> None:
        """settings: the variables of `variables` that are set. meanings: of the platform's errors.

        Without them nothing that it says of an item is final.
        """
        self.api = api
        self.settings = settings
        self.meanings = meanings or Meanings()

    @classmethod
    @abstractmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """The headers of every call, credentials included."""

    @classmethod
    def members(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """What every JSON body holds besides its own: a credential that no header takes.

        It is added as a call leaves, so that no Request holds it.
        """
        del settings
        return {}

    @classmethod
    def signer(cls, settings: Mapping[str, str]) -> Signer | None:
        """What signs each attempt of a call, as it leaves: a signature holds its time. None: none.

        Raises ConfigError where it cannot be made.
        """
        del settings
        return None

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """How many calls `plan` expects for so many items."""
        del action, reason
        return -(-items // batch_size)

    @classmethod
    def judge(cls, status: int, body: object) -> type[PlatformError] | None:
        """What an unsuccessful answer means, where it is not what its status says everywhere.

        body: its JSON, None where it has none.
        """
        del status, body
        return None

    def refusal(self, item: Item) -> str | None:
        """Why no call may be made for this item, or None."""
        if item.channel not in self.channels:
            return f"{self.title} cannot be told about {item.channel}"
        return why_not_addressable(item.channel, item.address)

    def outcome_of(self, item: Item, answer: Response, said: object, words: str) -> Outcome:
        """The outcome of an item that an answer of success calls at fault.

        said: what the answer says of it, looked up in seeds/destination_errors.csv; words: the same
        as text. What no row speaks of is tried again.
        """
        meaning = self.meanings.of(answer.status, said)
        if meaning is None:
            return Outcome(item, "failed", answer.status, words, answer.attempts)
        if meaning.is_stopped and item.action == "suppress":
            return Outcome(item, "confirmed", answer.status, None, answer.attempts)
        result: Result = "rejected" if meaning.meaning == "final" else "failed"
        return Outcome(item, result, answer.status, meaning.told(words), answer.attempts)

    @classmethod
    def release_size(cls, batch_size: int) -> int:
        """How many items are released together. Where a call takes one, several go side by side."""
        return (
            cls.release_batch_size
            if cls.batch_size == 1
            else min(batch_size, cls.release_batch_size)
        )

    @abstractmethod
    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """Harmless calls that succeed where credential, rights and scopes are as they must be.

        rows: channel and scope of each enabled row of seeds/destinations.csv.
        """

    def objection(self, probe: Request, answer: Response) -> str | None:
        """What the successful answer of a probe shows to be wrong all the same, or None."""
        del probe, answer
        return None

    @abstractmethod
    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Puts items of one scope on the list. May raise in the middle: what was yielded stands."""

    @abstractmethod
    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Takes the items of one scope off every list that their reason may have put them on."""

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """What the platform's own lists of a row hold, page by page.

        Raises UnknownScope where the platform lacks the list, ListNotReadable where it shows none.
        """
        del scope
        raise ListNotReadable(f"{self.title} shows no list of those who are stopped on {channel}.")

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Marks the contacts of one scope as having consented: for platforms that keep profiles."""
        text = f"{self.title} keeps a do-not-send list: it has no subscribe"
        for item in items:
            yield Outcome(item, "rejected", None, text, 0)


#: Bytes of an external_id: one that is longer names nobody, and would fill an event of Segment's.
_LONGEST_NAME = 1000


class ProfileDestination(Destination):
    """A platform that keeps a profile per contact: it is told a channel's state, by external_id."""

    def refusal(self, item: Item) -> str | None:
        """Why no call may be made for this item: a profile needs a name, not an address."""
        if item.channel not in self.channels:
            return f"{self.title} cannot be told about {item.channel}"
        if not (item.external_id or "").strip():
            return f"{self.title} knows contacts by external_id, and none is known of this one"
        if len((item.external_id or "").encode()) > _LONGEST_NAME:
            return f"the external_id is longer than {_LONGEST_NAME} bytes"
        return None


def traits_of(item: Item) -> dict[str, Any]:
    """The traits that a profile is to hold (`sync_deltas.traits`)."""
    found = json.loads(item.traits) if item.traits else {}
    return found if isinstance(found, dict) else {}


def outcomes_of(
    items: Sequence[Item], answers: Sequence[Response | SyncError], result: Result
) -> Iterator[Outcome]:
    """The outcomes of calls for one item each; one that the platform does not know is absent.

    Raises what ends the run, once what was answered is told.
    """
    for item, answer in zip(items, answers, strict=True):
        if isinstance(answer, Response):
            yield Outcome(item, result, answer.status, None, answer.attempts)
        elif isinstance(answer, NotThere):
            yield Outcome(item, "absent", answer.status, str(answer), answer.attempts)
        elif isinstance(answer, PlatformError) and answer.attempts:
            yield Outcome.of_error(item, answer)
    check(answers)


def release_what_is_filed(
    api: Api,
    items: Sequence[Item],
    look: Callable[[Item], Request],
    decide: Callable[[Item, Response], Request | str | None],
    told: Callable[[Item, Response], Outcome],
) -> Iterator[Outcome]:
    """Releases at a platform whose own entries may be the person's: each is read right before.

    look: the call that reads an item's entry, answered NotThere where there is none. decide: the
    call that ends what the answer shows; None where nothing stops the person, text where it is to
    stay. told: the outcome of that call. Raises ListNotThere; and what ends the run, once what was
    answered is told.
    """
    answers = api.map(look(item) for item in items)
    for answer in answers:
        if isinstance(answer, ListNotThere):
            raise answer
    calls: list[tuple[Item, Request]] = []
    for item, answer in zip(items, answers, strict=True):
        if isinstance(answer, NotThere):
            yield Outcome(item, "confirmed", answer.status, None, answer.attempts)
        elif isinstance(answer, Response):
            try:
                found = decide(item, answer)
            except AnswerUnreadable as error:
                yield Outcome(item, "failed", answer.status, str(error), answer.attempts)
                continue
            if isinstance(found, Request):
                calls.append((item, found))
            else:
                result: Result = "confirmed" if found is None else "rejected"
                yield Outcome(item, result, answer.status, found, answer.attempts)
        elif isinstance(answer, PlatformError) and answer.attempts:
            yield Outcome.of_error(item, answer)
    check(answers)
    ends = api.map(request for _, request in calls)
    for (item, _), end in zip(calls, ends, strict=True):
        if isinstance(end, Response):
            yield told(item, end)
        elif isinstance(end, NotThere):
            yield Outcome(item, "confirmed", end.status, None, end.attempts)
        elif isinstance(end, PlatformError) and end.attempts:
            yield Outcome.of_error(item, end)
    check(ends)


def is_consent(reason: str) -> bool:
    """Whether an act of the person's own alone ends the reason."""
    return reason in _CONSENT


def is_undone(item: Item, refused_at: datetime | None) -> bool:
    """Whether what ended the item's reason ends a refusal of the person's own at the platform, too.

    Only a later act of consent does. refused_at: aware, None where the platform does not say.
    """
    if not is_consent(item.reason) or item.event_timestamp is None or refused_at is None:
        return False
    return refused_at < item.event_timestamp.replace(tzinfo=UTC)


def check(answers: Sequence[Response | SyncError]) -> None:
    """Raises the first error that ends the run, as one of a call that was not sent.

    Items whose call was sent have their outcome by then, or take part in no call yet. Then the
    first that ends what is sent to the scope.
    """
    for answer in answers:
        if isinstance(answer, PlatformError) and answer.ends_run:
            raise type(answer)(str(answer), status=answer.status, attempts=0)
        if isinstance(answer, SyncError) and not isinstance(answer, PlatformError):
            raise answer
    for answer in answers:
        if isinstance(answer, NeedsPerson):
            raise answer


def expect_list(data: object, label: str, key: str | None = None) -> list[Any]:
    """data (or data[key]) if it is a list, else AnswerUnreadable."""
    found = data.get(key) if key is not None and isinstance(data, dict) else data
    if not isinstance(found, list):
        raise AnswerUnreadable(f"{label}: the answer has no list{f' {key!r}' if key else ''}.")
    return found


def expect_rows(data: object, label: str, key: str | None = None) -> list[dict[str, Any]]:
    """data (or data[key]) if it is a list of objects, else AnswerUnreadable."""
    found = expect_list(data, label, key)
    if not all(isinstance(row, dict) for row in found):
        raise AnswerUnreadable(f"{label}: the answer's list holds what is no object.")
    return found


def pages_of(
    label: str, first: _Cursor, read: Callable[[_Cursor], tuple[list[Any], _Cursor | None]]
) -> Iterator[list[Any]]:
    """The pages of a list. read: the rows at a cursor, and the cursor that follows, if any does.

    Raises AnswerUnreadable where a page or its cursor comes again: it would have no end.
    """
    cursor: _Cursor | None = first
    seen: set[object] = set()
    while cursor is not None:
        rows, following = read(cursor)
        marks = {cursor, hashlib.sha256(repr(rows).encode()).digest()}
        if marks & seen:
            raise AnswerUnreadable(f"{label}: the same page came twice; the list has no end.")
        seen |= marks
        yield rows
        cursor = following


def member_of(row: object, name: str, label: str) -> str:
    """A member of a listed row as text, else AnswerUnreadable."""
    value = row.get(name) if isinstance(row, dict) else None
    if value is None or isinstance(value, (dict, list)) or not str(value).strip():
        raise AnswerUnreadable(f"{label}: a row of the answer has no {name!r}.")
    return str(value).strip()


def instant_of(text: object) -> datetime | None:
    """When an entry was made: epoch seconds, ISO 8601 or RFC 2822; aware. None where unsaid."""
    said = str(text or "").strip()
    for parse in (_epoch, datetime.fromisoformat, parsedate_to_datetime, _spaced):
        try:
            found = parse(said)
        except (ValueError, TypeError, OverflowError, OSError):
            continue
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return None


def _epoch(text: str) -> datetime:
    # Amazon's have fractions.
    return datetime.fromtimestamp(float(text), UTC)


def _spaced(text: str) -> datetime:
    # Braze: 2026-08-25 15:24:32 +0000.
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")
