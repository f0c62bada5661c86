"""What the columns of an export mean: headers.csv and words.csv, applied to one file's header.

A meaning is one of
- an identifier: external_id, email, phone, push_token; address (its channel is the row's own)
- what belongs to the row: push_token_type, device_type, channel, updated_at, listed_at, reason
- a fact: status (a word), refused (true is a refusal), notification_types (a number), or a time by
  which it happened: opted_in_at, opted_out_at, bounced_at, complained_at; and status_at, the time
  of the word. email_, sms_ or push_ before it names the channel, else the row's own is meant
- list:KIND: a column that only lists of that kind have; ignored: one that only marks its platform
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
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
_OF_ROW: Final = ("push_token_type", "device_type", "channel", "updated_at", "listed_at", "reason")
_FACTS: Final = (
    "status",
    "refused",
    "notification_types",
    *(f"{kind}_at" for kind in KINDS),
)
_ANY: Final = "any"
_DIRECTORY: Final = "directory"
# Of these a file has one column each; a fact may stand in several.
_SINGLE: Final = {*_IDENTIFIERS, *_OF_ROW} | {
    name for channel in ("", "email_", "sms_", "push_") for name in (f"{channel}status_at",)
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
        return first if first in CHANNELS and rest in {*_FACTS, "status_at"} else None

    @property
    def fact(self) -> str | None:
        """The fact without its channel; None where it is none."""
        name = self.meaning.removeprefix(f"{self.channel}_") if self.channel else self.meaning
        return name if name in _FACTS else None


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

    @property
    def channel(self) -> str:
        """The channel of rows that do not name one: of the first address that the file has."""
        return next((channel for channel in CHANNELS if self.named(ADDRESS_OF[channel])), "email")


def column_names() -> tuple[str, ...]:
    """The names that --column takes."""
    facts = tuple(f for f in _FACTS if f != "notification_types")
    prefixed = [f"{channel}_{fact}" for channel in CHANNELS for fact in (*facts, "status_at")]
    return ("external_id", "email", "phone", "push_token", "push_token_type", "channel",
            "updated_at", "reason", "listed_at", *facts, "status_at", *prefixed)  # fmt: skip


@cache
def words() -> Mapping[str, str]:
    """What a status word means, by its normalized form; '' for one that says nothing."""
    return {_normal_word(row["word"]): row["kind"] for row in _data("words.csv")}


def kind_of(word: str, more: Mapping[str, str]) -> str | None:
    """The kind that a status says, '' for nothing, None for a word that nobody knows."""
    normal = _normal_word(word)
    if not normal:
        return ""
    return more.get(normal, words().get(normal))


def more_words(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """--word as kind_of takes it. Raises ConfigError for a kind that does not exist."""
    for _, kind in given:
        if kind not in {*KINDS, "nothing"}:
            raise ConfigError(f"--word: {kind!r} is none of {', '.join(KINDS)} or nothing.")
    return {_normal_word(word): "" if kind == "nothing" else kind for word, kind in given}


def recognize(
    path: Path,
    header: Sequence[str],
    mapped: Mapping[str, str],
    list_kind: str | None,
    *,
    is_certain: bool = True,
) -> Layout:
    """The layout of a file with this header.

    mapped: --column, by name the header (or #N, its place from 1). list_kind: --all. is_certain:
    whether it was said of this file; of several files it is that of lists of addresses only, for a
    directory must not become a list of refusals.
    Raises ConfigError where no column identifies anybody, where two columns claim to be the same,
    and where nothing says what the rows are.
    """
    if any("@" in text for text in header):
        raise ConfigError(
            f"{path.name}: its first line is no header: there is an address in it. Add a line with "
            "the columns' names."
        )
    places = {name: _place(header, wanted) for name, wanted in mapped.items()}
    given = {place: name for name, place in places.items() if place is not None}
    platform = _platform(header)
    known = _meanings(platform)
    columns: list[Column] = []
    unread = []
    for position, text in enumerate(header):
        meaning = given.get(position) or known.get(_normal(text), "")
        # A name that --column gave to another column is no longer this one's.
        taken = position not in given and places.get(meaning) is not None
        if meaning and not taken:
            columns.append(Column(position, text.strip(), meaning))
        elif text.strip():
            unread.append(redact(text.strip()))
    used = tuple(column for column in columns if column.meaning != "ignored")
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
    number = re.fullmatch(r"#(\d{1,9})", wanted.strip())
    if number:
        return int(number[1]) - 1 if 0 < int(number[1]) <= len(header) else None
    found = [place for place, text in enumerate(header) if _normal(text) == _normal(wanted)]
    return found[0] if found else None


def _check_doubles(path: Path, columns: Sequence[Column]) -> None:
    counts = Counter(column.meaning for column in columns if column.meaning in _SINGLE)
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


def _normal_word(word: str) -> str:
    return re.sub(r"[\s_\-\"'\[\]]+", "", word).casefold()
