"""What the columns of an export mean: headers.csv, words.csv and, of unknown headers, consent.csv.

A meaning is one of
- an identifier: external_id, email, phone, push_token; address (its channel is the row's own)
- a platform's own id of the person or device: klaviyo_profile_id, onesignal_subscription_id
- what belongs to the row: push_token_type, device_type, channel, updated_at, listed_at, reason
- a fact: status (a word), refused, bounced, complained (true or false), suppression (why it is
  suppressed, nothing if it is not), notification_types (a number), or a time by which it happened:
  opted_in_at, opted_out_at, bounced_at, complained_at; and status_at, suppression_at: the time of
  that word. email_, sms_ or push_ before it names the channel, else the row's own is meant
- list:KIND: a column that only lists of that kind have; ignored: one that says nothing to us
"""

from __future__ import annotations

import csv
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from sync.errors import ConfigError
from sync.redaction import redact

CHANNELS: Final = ("email", "sms", "push")
KINDS: Final = ("opted_in", "opted_out", "bounced", "complained")
#: The column that holds the address of a channel.
ADDRESS_OF: Final = {"email": "email", "sms": "phone", "push": "push_token"}

_IDENTIFIERS: Final = ("external_id", "email", "phone", "push_token", "address")
#: Platforms' own ids, and the platform of each.
PLATFORM_IDS: Final = {"klaviyo_profile_id": "klaviyo", "onesignal_subscription_id": "onesignal"}
_OF_ROW: Final = ("push_token_type", "device_type", "channel", "updated_at", "listed_at", "reason")
#: Facts that are words, and the meaning of the column that has their time.
_TIME_OF: Final = {
    "status": "status_at",
    "refused": "status_at",
    "notification_types": "status_at",
    "suppression": "suppression_at",
    "bounced": "",
    "complained": "",
}
_FACTS: Final = (*_TIME_OF, *(f"{kind}_at" for kind in KINDS))
_TIMES: Final = ("status_at", "suppression_at")
_IGNORED: Final = "ignored"
_ANY: Final = "any"
_DIRECTORY: Final = "directory"
# Of these a file has one column each; a fact may stand in several.
_SINGLE: Final = {*_IDENTIFIERS, *PLATFORM_IDS, *_OF_ROW} | {
    f"{channel}{name}" for channel in ("", "email_", "sms_", "push_") for name in _TIMES
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column that is read: its position from 0, its header, and what it means."""

    position: int
    header: str
    meaning: str

    @property
    def channel(self) -> str | None:
        """The channel that its meaning names; None for the row's own."""
        first, _, rest = self.meaning.partition("_")
        return first if first in CHANNELS and rest in {*_FACTS, *_TIMES} else None

    @property
    def fact(self) -> str | None:
        """The fact without its channel; None where it is none."""
        name = self.meaning.removeprefix(f"{self.channel}_") if self.channel else self.meaning
        return name if name in _FACTS else None

    @property
    def refusal(self) -> str | None:
        """The kind of refusal that a time or a yes in it says; None where it says none."""
        name = str(self.fact).removesuffix("_at")
        kind = "opted_out" if name in ("refused", "suppression") else name
        return kind if kind in ("opted_out", "bounced", "complained") else None

    @property
    def is_word(self) -> bool:
        """Whether its fact is said by a word, not by the time of it."""
        return self.fact in _TIME_OF


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file's columns say.

    list_kind: what all of its rows are, where no column says it. unread: headers nobody knows.
    """

    platform: str
    columns: tuple[Column, ...]
    list_kind: str | None
    unread: tuple[str, ...] = ()

    def named(self, meaning: str) -> Column | None:
        """The column of a meaning that a file has once."""
        return next((column for column in self.columns if column.meaning == meaning), None)

    @property
    def facts(self) -> tuple[Column, ...]:
        """The columns that say something of a person's subscription."""
        return tuple(column for column in self.columns if column.fact)

    def time_of(self, fact: Column) -> Column | None:
        """The column that has the time of what a column says: its own, if it says when itself."""
        if fact.fact not in _TIME_OF:
            return fact
        same = [
            other
            for other in self.facts
            if other.channel == fact.channel
            and _TIME_OF.get(str(other.fact)) == _TIME_OF[str(fact.fact)]
        ]
        # Of several words under one time it is the status's.
        if len(same) > 1 and fact.fact != "status":
            return None
        name = _TIME_OF[str(fact.fact)]
        return self.named(f"{fact.channel}_{name}" if fact.channel else name)

    @property
    def times(self) -> tuple[Column, ...]:
        """The columns that hold times, or may hold one in place of a word."""
        return tuple(c for c in self.columns if c.meaning.endswith("_at") or c.refusal)

    @property
    def channel(self) -> str:
        """The channel of rows that do not name one: of the first address that the file has."""
        return next((channel for channel in CHANNELS if self.named(ADDRESS_OF[channel])), "email")


def column_names() -> tuple[str, ...]:
    """The names that --column takes."""
    facts = (*(f for f in _FACTS if f != "notification_types"), *_TIMES)
    prefixed = [f"{channel}_{fact}" for channel in CHANNELS for fact in facts]
    return ("external_id", "email", "phone", "push_token", "push_token_type", "channel",
            *PLATFORM_IDS, "updated_at", "reason", "listed_at", _IGNORED,
            *facts, *prefixed)  # fmt: skip


def words(given: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Status words and what they mean, '' for nothing: words.csv, then --word.

    Raises ConfigError for a kind that does not exist.
    """
    for _, kind in given:
        if kind not in {*KINDS, "nothing"}:
            raise ConfigError(f"--word: {kind!r} is none of {', '.join(KINDS)} or nothing.")
    known = [(row["word"], row["kind"]) for row in _data("words.csv")]
    return known + [(word, "" if kind == "nothing" else kind) for word, kind in given]


def recognize(
    path: Path,
    header: Sequence[str],
    mapped: Mapping[str, str],
    ignored: Sequence[str],
    list_kind: str | None,
    *,
    is_certain: bool = True,
) -> Layout:
    """The layout of a file with this header.

    mapped: --column, by name the header (or #N, its place from 1; '' for none). ignored: headers
    that are not to be read. list_kind: --all. is_certain: whether it was said of this file; of
    several files it is that of lists of addresses only, for a directory must not become a list of
    opt-outs.
    Raises ConfigError where no column identifies anybody, where two columns claim to be the same,
    where nothing says what the rows are, and where a column that looks like consent is not read.
    """
    if any("@" in text for text in header):
        raise ConfigError(
            f"{path.name}: its first line is no header: there is an address in it. Add a line with "
            "the columns' names."
        )
    places = {name: _place(header, wanted) for name, wanted in mapped.items()}
    given = {place: name for name, place in places.items() if place is not None}
    given |= {place: _IGNORED for wanted in ignored for place in _places(header, wanted)}
    platform = _platform(header)
    known = _meanings(platform)
    columns: list[Column] = []
    unread = []
    overlooked = []
    for position, text in enumerate(header):
        meaning = given.get(position) or known.get(_normal(text), "")
        # A name that --column gave to another column, or to none, is no longer this one's.
        is_taken = position not in given and meaning in places
        if meaning and not is_taken:
            columns.append(Column(position, text.strip(), meaning))
        elif text.strip():
            unread.append(redact(text.strip()))
            if not is_taken and (likely := _likely_meaning(text)) is not None:
                overlooked.append((position, text.strip(), likely))
    _check_overlooked(path, header, overlooked)
    used = _without_lone_times(tuple(c for c in columns if c.meaning != _IGNORED))
    _check_doubles(path, used)
    _check_identifiers(path, header, used)
    lists = {c.meaning.removeprefix("list:") for c in used if c.meaning.startswith("list:")}
    used = tuple(column for column in used if not column.meaning.startswith("list:"))
    layout = Layout(platform, used, None, tuple(unread))
    if layout.facts:
        _check_not_a_list(path, layout, list_kind if is_certain else None)
        return layout
    if not is_certain and layout.named("external_id") is not None:
        list_kind = None
    kind = list_kind or (lists.pop() if len(lists) == 1 else None)
    _check_says_something(path, layout, kind)
    return replace(layout, list_kind=kind)


def has_header(header: Sequence[str], wanted: str) -> bool:
    """Whether --column's right side is a column of this header."""
    return _place(header, wanted) is not None


def _place(header: Sequence[str], wanted: str) -> int | None:
    return next(iter(_places(header, wanted)), None)


def _places(header: Sequence[str], wanted: str) -> list[int]:
    number = re.fullmatch(r"#(\d{1,9})", wanted.strip())
    if number:
        return [int(number[1]) - 1] if 0 < int(number[1]) <= len(header) else []
    normal = _normal(wanted)
    return [place for place, text in enumerate(header) if normal and _normal(text) == normal]


def _without_lone_times(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The time of a suppression whose reason the file does not have is that of an opt-out."""
    meanings = {column.meaning for column in columns}
    return tuple(
        replace(column, meaning=column.meaning.replace("suppression_at", "opted_out_at"))
        if column.meaning.endswith("suppression_at") and column.meaning[:-3] not in meanings
        else column
        for column in columns
    )


# What a header says beside consent, if it ends so; that it is a time; and of which channel.
_ASIDE: Final = re.compile(r".*_(ip|ip_address|url|link|id|count|campaign|title|plan|price)_")
_WHEN: Final = r"at|on|date\w*|time\w*|since|when|am|datum|fecha|zeit\w*|utc"
_CHANNEL_WORDS: Final = {
    "email": r"e_?mails?|mailings?",
    "sms": r"sms|mms|texts?|phone|mobile|call|whatsapp",
    "push": r"push|notifications?",
}


def _likely_meaning(header: str) -> str | None:
    """The name of --column that a header probably wants; None where it is not about consent."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", re.sub("['\u2019]", "", header))
    words = "_" + "_".join(re.findall(r"[^\W_]+", apart.lower())) + "_"

    def has(pattern: str) -> bool:
        return re.search(f"_(?:{pattern})_", words) is not None

    row = next((row for row in _data("consent.csv") if has(row["words"])), None)
    if row is None or _ASIDE.fullmatch(words):
        return None
    channel = next((f"{name}_" for name, pattern in _CHANNEL_WORDS.items() if has(pattern)), "")
    return channel + (row["time"] if has(_WHEN) else row["fact"])


def _check_overlooked(
    path: Path, header: Sequence[str], overlooked: Sequence[tuple[int, str, str]]
) -> None:
    """An opt-out that nobody reads is an opt-out that nobody obeys."""
    if not overlooked:
        return

    def options() -> Iterator[str]:
        for place, text, likely in overlooked:
            plain = text.isprintable() and redact(text) == text and len(text) <= 80
            is_one = len(_places(header, text)) == 1 and not text.startswith("#")
            named = text if plain and is_one else f"#{place + 1}"
            yield (
                f"  --column {shlex.quote(f'{likely}={named}')}"
                f"   or   --column {shlex.quote(f'{_IGNORED}={named}')}"
            )

    raise ConfigError(
        f"{path.name}: these columns look like consent and are not read. Say what each one means, "
        "or that it is ignored:\n" + "\n".join(options())
    )


def _check_doubles(path: Path, columns: Sequence[Column]) -> None:
    meanings = {column.meaning for column in columns}
    shared = {time.removesuffix("_at") for time in meanings if time.endswith(_TIMES)}
    counts = Counter(c.meaning for c in columns if c.meaning in _SINGLE | shared)
    for meaning, count in counts.items():
        if count > 1:
            same = [c for c in columns if c.meaning == meaning]
            listed = ", ".join(f"{c.header!r} (#{c.position + 1})" for c in same)
            raise ConfigError(
                f"{path.name}: several columns mean {meaning}: {listed}. Say which one counts: "
                f"--column {meaning}=#{same[0].position + 1}"
            )


def _check_identifiers(path: Path, header: Sequence[str], columns: Sequence[Column]) -> None:
    if any(column.meaning in _IDENTIFIERS for column in columns):
        return
    listed = ", ".join(repr(redact(text.strip())[:40]) for text in header[:30])
    raise ConfigError(
        f"{path.name}: no column says whom a row is about. Its columns: {listed}. Name one: "
        "--column email=HEADER (or external_id, phone, push_token; also "
        "email_status, email_opted_out_at, updated_at ...: `contact-sync backfill --help` has all)"
    )


def _check_not_a_list(path: Path, layout: Layout, list_kind: str | None) -> None:
    if list_kind is not None:
        said = ", ".join(repr(column.header) for column in layout.facts)
        raise ConfigError(
            f"{path.name}: --all says that every row is {list_kind}, but its columns say what each "
            f"one is: {said}. Leave --all out, or those columns."
        )


def _check_says_something(path: Path, layout: Layout, kind: str | None) -> None:
    if kind is not None or layout.named("external_id") is not None:
        return
    others = ", ".join(name for name in KINDS if name != "opted_out")
    raise ConfigError(
        f"{path.name}: its columns do not say what its rows are, opt-outs or else. Say it: "
        f"--all {path.name}=opted_out (or {others}), or name the column that says it: "
        "--column email_status=HEADER"
    )


def _platform(header: Sequence[str]) -> str:
    """The platform that knows most of these columns, of those that at least one marks."""
    here = {_normal(text) for text in header}
    marked = {
        row["platform"]
        for row in _data("headers.csv")
        if row["marks"] == "yes" and _normal(row["header"]) in here
    }
    # At a tie the directory: what it lands ends nothing.
    return max(
        sorted(marked or {_DIRECTORY}),
        key=lambda name: (len(here & _meanings(name).keys()), name == _DIRECTORY),
    )


@cache
def _meanings(platform: str) -> Mapping[str, str]:
    rows = _data("headers.csv")
    # The names of --column are headers, too. A bare status is often that of an account.
    found = {_normal(name): name for name in column_names() if name != "status"}
    for wanted in (_ANY, platform):
        found |= {_normal(r["header"]): r["meaning"] for r in rows if r["platform"] == wanted}
    return found


@cache
def _data(name: str) -> tuple[Mapping[str, str], ...]:
    text = files("sync.backfill").joinpath(name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def _normal(header: str) -> str:
    return re.sub(r"[\s_\-\ufeff]+", "", header).casefold()
