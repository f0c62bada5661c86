"""Reads files with pandas, in chunks, into the tables of a local DuckDB file.

`rows` has whom each row is about, `facts` what its columns say of a subscription, both as the file
has them; `rejects` the rows that are none. merging.sql reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from sync.backfill.headers import ADDRESS_OF, CHANNELS, Column, Layout, kind_of
from sync.backfill.records import MARK, WIDTH, Records

if TYPE_CHECKING:
    import duckdb

# Rows of one chunk: some MB as text.
_CHUNK: Final = 20_000
_TEXTS: Final = ("external_id", "email", "phone", "push_token", "push_token_type", "updated_at",
                 "reason")  # fmt: skip
# OneSignal's device_type: https://documentation.onesignal.com/reference/view-devices
_DEVICE_CHANNEL: Final = {"11": "email", "14": "sms", "email": "email", "sms": "sms"}
_DEVICE_TYPE: Final = {"0": "ios", "1": "android"}
_CHANNEL_WORDS: Final = {"text": "sms", "mms": "sms", "phone": "sms", "mobile": "sms",
                         "marketing": "", **{name: name for name in CHANNELS}}  # fmt: skip
_TRUE: Final = {"opted_in": "opted_out", "opted_out": "opted_in"}
# What exports write where there is no time.
_NO_TIME: Final = r"(?i)|0|false|f|no|null|none|n/a|-|0000-00-00.*"


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its number in the tables, its name, its layout, and the words of --word."""

    number: int
    name: str
    layout: Layout
    words: Mapping[str, str]


def read_file(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    records: Records,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Puts the file into the tables; gives its records, broken ones included.

    advance: told of each chunk how many bytes of the file it was.
    """
    count = 0
    position = records.position
    for chunk in _chunks(source.layout, records):
        count += len(chunk)
        whole = chunk["mark"] == MARK
        _insert(connection, "rejects", _broken(source, chunk[~whole]))
        _insert_chunk(connection, source, chunk[whole])
        advance(records.position - position)
        position = records.position
    broken = pd.DataFrame(records.broken, columns=["line", "reason"]).assign(file=source.number)
    _insert(connection, "rejects", broken)
    return count + len(records.broken)


def _chunks(layout: Layout, records: Records) -> Iterator[pd.DataFrame]:
    names = [f"c{place}" for place in range(len(records.header))]
    for chunk in pd.read_csv(
        records,
        sep=records.separator,
        header=None,
        names=["line", *names, "mark"],
        usecols=["line", *(f"c{column.position}" for column in layout.columns), "mark"],
        dtype=str,
        keep_default_na=False,
        skipinitialspace=True,
        chunksize=_CHUNK,
        # Longer ones are kept up to the header's length: the mark tells them.
        on_bad_lines="skip",
    ):
        yield chunk[chunk["line"] != WIDTH]


def _broken(source: Source, chunk: pd.DataFrame) -> pd.DataFrame:
    reason = "broken line: not as many fields as the header has"
    return pd.DataFrame({"file": source.number, "line": chunk["line"], "reason": reason})


def _insert_chunk(
    connection: duckdb.DuckDBPyConnection, source: Source, chunk: pd.DataFrame
) -> None:
    if chunk.empty:
        return
    channel = _row_channel(source.layout, chunk)
    _insert(connection, "rows", _rows(source, chunk, channel))
    for fact in _facts(source, chunk, channel):
        _insert(connection, "facts", fact)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, frame: pd.DataFrame) -> None:
    if frame.empty:
        return
    connection.register("frame", frame)
    connection.execute(f"insert into {table} by name select * from frame")
    connection.unregister("frame")


def _text(layout: Layout, chunk: pd.DataFrame, meaning: str) -> pd.Series[str]:
    column = layout.named(meaning)
    if column is None:
        return pd.Series("", index=chunk.index, dtype=object)
    return chunk[f"c{column.position}"].fillna("").str.strip()


def _row_channel(layout: Layout, chunk: pd.DataFrame) -> pd.Series[str]:
    """The channel of each row, for what its columns say without one."""
    if layout.named("device_type") is not None:
        return _text(layout, chunk, "device_type").str.lower().map(_DEVICE_CHANNEL).fillna("push")
    named = _text(layout, chunk, "channel").str.lower()
    found = named.map(_CHANNEL_WORDS).fillna("unknown").where(named != "", "")
    return found.where(found != "", layout.channel)


def _rows(source: Source, chunk: pd.DataFrame, channel: pd.Series[str]) -> pd.DataFrame:
    layout = source.layout
    rows = pd.DataFrame({name: _text(layout, chunk, name) for name in _TEXTS})
    if layout.named("address") is not None:
        address = _text(layout, chunk, "address")
        for name, column in ADDRESS_OF.items():
            rows[column] = rows[column].where(channel != name, address)
    if layout.named("device_type") is not None:
        types = _text(layout, chunk, "device_type")
        rows["push_token_type"] = types.map(_DEVICE_TYPE).fillna("")
    # A channel that does not exist is for merging.sql to refuse.
    rows["channel"] = channel
    return rows.assign(file=source.number, line=chunk["line"])


def _facts(source: Source, chunk: pd.DataFrame, channel: pd.Series[str]) -> Iterator[pd.DataFrame]:
    layout = source.layout
    if layout.list_kind is not None:
        column = layout.named("listed_at")
        times = _times(_text(layout, chunk, "listed_at"))
        place = column.position if column else -1
        yield _fact(source, chunk, channel, place, layout.list_kind, times, is_word=False)
        return
    for column in layout.facts:
        values = chunk[f"c{column.position}"].fillna("").str.strip()
        kinds, times, is_word = _said(source, chunk, column, values)
        its_channel = pd.Series(column.channel, index=chunk.index) if column.channel else channel
        fact = _fact(source, chunk, its_channel, column.position, kinds, times, is_word=is_word)
        yield fact[fact["kind"] != ""]


def _fact(
    source: Source,
    chunk: pd.DataFrame,
    channel: pd.Series[str],
    position: int,
    kind: str | pd.Series[str],
    at: pd.Series[str],
    *,
    is_word: bool,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "file": source.number,
            "line": chunk["line"],
            "position": position,
            "channel": channel,
            "kind": kind,
            "at_text": at,
            "is_word": is_word,
        }
    )


def _said(
    source: Source, chunk: pd.DataFrame, column: Column, values: pd.Series[str]
) -> tuple[pd.Series[str], pd.Series[str], bool]:
    """Kind ('' for nothing) and time of what a column says, and whether it says it with a word."""
    if column.fact not in {"status", "refused", "notification_types"}:
        times = _times(values)
        kind = str(column.fact).removesuffix("_at")
        return pd.Series(kind, index=values.index).where(times != "", ""), times, False
    status_at = f"{column.channel}_status_at" if column.channel else "status_at"
    times = _times(_text(source.layout, chunk, status_at))
    # A column has few words, however many rows.
    meanings = {word: _kind(source, column.fact, word) for word in values.unique()}
    return values.map(meanings), times, True


def _kind(source: Source, fact: str, word: str) -> str:
    if word == "":
        return ""
    if fact == "notification_types":
        # Positive: subscribed; -2: the person turned it off; others: never asked, or an error.
        # https://documentation.onesignal.com/docs/subscriptions
        if not re.fullmatch(r"-?[0-9]{1,18}", word):
            return "unreadable"
        return "opted_out" if word == "-2" else "opted_in" if int(word) > 0 else ""
    kind = kind_of(word, source.words)
    if kind is None:
        return "unreadable"
    return _TRUE.get(kind, kind) if fact == "refused" else kind


def _times(values: pd.Series[str]) -> pd.Series[str]:
    return values.where(~values.str.fullmatch(_NO_TIME), "")
