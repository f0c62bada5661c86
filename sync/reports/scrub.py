"""Splits a file of recipients into those who may be contacted and those who may not.

The file is read in batches, and each is joined with the suppression list in a file of DuckDB's:
memory grows with neither of them. What cannot be read may not be contacted.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final, Literal, cast

from sync.addresses import Country, normalizer
from sync.delivery.guard import require_current_list
from sync.errors import ConfigError
from sync.files import lines_of
from sync.privacy.tombstones import Tombstones
from sync.scratch import new_folder, partial_file
from sync.warehouse.base import Warehouse

INVALID: Final = "invalid address"
MISSHAPEN: Final = "wrong number of columns"

# Headers, as `_plain` writes them, and the channel whose addresses stand below them.
_COLUMNS: Final = {
    name: channel
    for channel, names in (
        ("email", "email e_mail mail email_address emailaddress recipient_email recipient"),
        ("email", "hashed_email email_sha256 email_hash email_md5"),
        ("sms", "phone phone_number phonenumber mobile mobile_phone mobile_number msisdn"),
        ("sms", "hashed_phone phone_sha256 phone_hash phone_md5"),
        ("push", "push_token device_token registration_token fcm_token"),
    )
    for name in names.split()
}
_DELIMITERS: Final = ",;\t"
_BOM: Final = "\ufeff"
_LISTED: Final = """
    select address, event_type as reason, event_timestamp as since
    from {marts}.suppression_list where channel = @channel
"""
# key: what a file holds of an address.
_KEPT: Final = """
    create table listed as
    select *, hash(key) as hash from (
        select {key} as key, reason, coalesce(strftime(since, '%Y-%m-%dT%H:%M:%SZ'), '') as since
        from read_parquet($file)
    )
"""
# By numbers, which is faster than by texts; whoever asks looks for the key itself in what is found.
# The keys are one text, handed over in half the time of a list: none of them holds a blank.
_FOUND: Final = """
    select key, reason, since from listed
    where hash in (select hash(unnest(string_split($keys, ' '))))
"""
# Of the file, in memory at once: rows, and characters of them.
_MOST_ROWS: Final = 20_000
_MOST_TEXT: Final = 1 << 23
_HEX_DIGITS: Final = {"sha256": 64, "md5": 32}
# No field of a recipient file is as long; an unclosed quote would swallow the file.
_LONGEST_FIELD: Final = 1 << 20

#: Reason and time in ISO form, or nothing.
Why = tuple[str, str]
Find = Callable[[Sequence[str]], Mapping[str, Why]]
Judge = Callable[[Sequence[str]], Iterator[tuple[str, Why | None]]]


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is read and written. None: told by the file.

    hashed_in: the column holds hex digests (sha256, md5) of the normalized address. hashed_out:
    the outputs hold such digests instead of it.
    """

    column: str | None = None
    channel: str | None = None
    may: Path | None = None
    may_not: Path | None = None
    hashed_in: str | None = None
    hashed_out: str | None = None
    country: Country | None = None
    max_age: timedelta = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What was written. reasons: rows that may not be contacted, by reason."""

    channel: str
    column: str
    rows: int
    may: Path
    may_not: Path
    reasons: Mapping[str, int]

    @property
    def refused(self) -> int:
        """Rows that may not be contacted."""
        return sum(self.reasons.values())

    def as_json(self) -> dict[str, Any]:
        """As data."""
        return {
            "channel": self.channel,
            "column": self.column,
            "rows": self.rows,
            "may": self.rows - self.refused,
            "may_not": self.refused,
            "reasons": dict(self.reasons),
            "files": {"may": str(self.may), "may_not": str(self.may_not)},
        }


def scrub(
    warehouse: Warehouse, path: Path, options: Options, environment: Mapping[str, str]
) -> Scrubbed:
    """Splits the file by the suppression list of its channel, after judging the newest build.

    Who was forgotten and had refused is stopped too, by the keyed hash.

    Both files are written whole or not at all. Raises GuardStop where the list cannot be relied
    on, ConfigError where the file cannot be read or does not say which column holds the address.
    """
    may = options.may or _beside(path, "may")
    may_not = options.may_not or _beside(path, "may-not")
    if len({file.absolute() for file in (path, may, may_not)}) < 3:
        raise ConfigError("FILE, --may and --may-not must be three files.")
    if options.hashed_out and options.hashed_in not in (None, options.hashed_out):
        raise ConfigError(
            f"--hashed-out {options.hashed_out}: no such digest can be made of {options.hashed_in}."
        )
    reasons: Counter[str] = Counter()
    with _table(path) as table:
        index, channel = _address_column(table.header, options)
        options = replace(options, channel=channel, may=may, may_not=may_not)
        with _list(warehouse, channel, options) as find:
            tombstones = Tombstones(warehouse, environment, options.country)
            rows = _split(
                table, index, options, _judge(channel, options, find, tombstones), reasons
            )
    return Scrubbed(
        channel=channel,
        column=table.header[index],
        rows=rows,
        may=may,
        may_not=may_not,
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def _beside(path: Path, word: str) -> Path:
    name = path.name.removesuffix(".gz")
    return path.with_name(f"{Path(name).stem}.{word}.csv")


# The suppression list ----------------------------------------------------------------------------


@contextmanager
def _list(warehouse: Warehouse, channel: str, options: Options) -> Iterator[Find]:
    """Finds what is on the list of the channel. Raises GuardStop where a refusal may be missing."""
    import duckdb

    folder = new_folder()
    try:
        with warehouse.session():
            require_current_list(warehouse, options.max_age)
            warehouse.export(_LISTED, folder / "list.parquet", {"channel": channel})
        with duckdb.connect(
            folder / "list.duckdb", config={"memory_limit": "128MB", "threads": 1}
        ) as connection:
            forms = ["address"]
            if options.hashed_in:
                # Some ad platforms hash a phone number without its plus sign.
                forms += ["ltrim(address, '+')"] if channel == "sms" else []
                forms = [f"{options.hashed_in}({form})" for form in forms]
            sql = _KEPT.format(key=f"unnest([{', '.join(forms)}])")
            connection.execute(sql, {"file": str(folder / "list.parquet")})

            def find(keys: Sequence[str]) -> Mapping[str, Why]:
                found = connection.execute(_FOUND, {"keys": " ".join(keys)})
                return {key: (reason, since) for key, reason, since in found.fetchall()}

            yield find
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _judge(channel: str, options: Options, find: Find, tombstones: Tombstones) -> Judge:
    """What cells become in the outputs; and reason and time, if they may not be contacted."""
    hashed_in, hashed_out = options.hashed_in, options.hashed_out
    read = _digest_in(hashed_in) if hashed_in else normalizer(channel, options.country)

    def shown(cell: str, key: str | None) -> str:
        if not hashed_out:
            return cell
        # No digest can be made of what is no address, and the text itself was not to be shown.
        return "" if key is None else key if hashed_in else hashlib.sha256(key.encode()).hexdigest()

    def why(key: str | None, listed: Mapping[str, Why]) -> Why | None:
        if key is None:
            return (INVALID, "")
        if key in listed or not tombstones:
            return listed.get(key)
        found = (
            tombstones.refusal_of_digest(channel, hashed_in, key)
            if hashed_in
            else tombstones.refusal_of(channel, key)
        )
        return found and (found[0], f"{found[1]:%Y-%m-%dT%H:%M:%SZ}")

    def judge(cells: Sequence[str]) -> Iterator[tuple[str, Why | None]]:
        keys = [read(cell) for cell in cells]
        listed = find([key for key in keys if key is not None])
        return ((shown(cell, key), why(key, listed)) for cell, key in zip(cells, keys, strict=True))

    return judge


def _digest_in(algorithm: str) -> Callable[[str], str | None]:
    digits = re.compile(f"[0-9a-f]{{{_HEX_DIGITS[algorithm]}}}")
    return lambda cell: text if digits.fullmatch(text := cell.strip().lower()) else None


# The file ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """An open file: its header, delimiter, and the rows below, each with its line."""

    header: Sequence[str]
    delimiter: str
    has_bom: bool
    rows: Iterator[list[str]]


@contextmanager
def _table(path: Path) -> Iterator[_Table]:
    csv.field_size_limit(_LONGEST_FIELD)
    with ExitStack() as files:
        with _told(path):
            file = files.enter_context(_open(path, "r"))
            lines = lines_of(file, path)
            start = next(lines, "")
        has_bom = start.startswith(_BOM)
        start = start.removeprefix(_BOM)
        if not start.strip():
            raise ConfigError(f"{path} is empty: its first line names the columns.")
        delimiter = _delimiter(start)
        reader = csv.reader(chain([start], lines), delimiter=delimiter, strict=True)
        rows = _checked(reader, path)
        yield _Table(next(rows), delimiter, has_bom, rows)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Says of what cannot be read which file it is."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        said = getattr(error, "strerror", None) or "it is cut off or no gzip file"
        raise ConfigError(f"{path} cannot be read: {said}.") from None


def _open(path: Path, mode: Literal["r", "w"]) -> IO[str]:
    # Bytes that are no UTF-8 come out as they went in.
    kinds: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    if path.suffix == ".gz":
        return cast("IO[str]", gzip.open(path, f"{mode}t", **kinds))
    return cast("IO[str]", path.open(mode, **kinds))


def _delimiter(header: str) -> str:
    """That of the three which stands most often in the header, outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=bare.count)


def _checked(reader: Any, path: Path) -> Iterator[list[str]]:
    try:
        with _told(path):
            yield from filter(None, reader)
    except csv.Error as error:
        raise ConfigError(
            f"{path}, line {reader.line_num}: {error}. Nothing was written."
        ) from None


def _address_column(header: Sequence[str], options: Options) -> tuple[int, str]:
    """Where the address stands and of which channel it is."""
    names = [_plain(name) for name in header]
    if options.column is not None:
        found = [number for number, name in enumerate(header) if name.strip() == options.column]
        found = found or [n for n, name in enumerate(names) if name == _plain(options.column)]
    else:
        found = [
            number
            for number, name in enumerate(names)
            if name in _COLUMNS and options.channel in (None, _COLUMNS[name])
        ]
    listing = ", ".join(header)
    if not found:
        raise ConfigError(f"Name the column of the address with --column; the file has: {listing}.")
    if len(found) > 1:
        which = ", ".join(header[number] for number in found)
        raise ConfigError(f"Several columns may hold the address ({which}): choose by --column.")
    channel = options.channel or _COLUMNS.get(names[found[0]])
    if channel is None:
        raise ConfigError(f"Say with --channel of what kind the addresses of {options.column} are.")
    return found[0], channel


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _split(table: _Table, index: int, options: Options, judge: Judge, reasons: Counter[str]) -> int:
    """Writes both files; gives the number of rows."""
    width = len(table.header)
    count = 0
    assert options.may is not None
    assert options.may_not is not None
    with _writer(options.may, table) as may, _writer(options.may_not, table) as may_not:
        may.writerow(table.header)
        may_not.writerow([*table.header, *_added_columns(table.header)])
        for batch in _batches(table.rows):
            count += len(batch)
            cells = [row[index] if index < len(row) else "" for row in batch]
            for row, (shown, why) in zip(batch, judge(cells), strict=True):
                rest: list[str] = []
                if len(row) != width:
                    # Which of them is the address cannot be told for sure.
                    why = (MISSHAPEN, "")
                    row, rest = [*row[:width], *[""] * (width - len(row))], row[width:]
                row[index] = shown
                if why is None:
                    may.writerow(row)
                else:
                    reasons[why[0]] += 1
                    may_not.writerow([*row, *why, *rest])
    return count


def _batches(rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    batch: list[list[str]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(map(len, row))
        if len(batch) == _MOST_ROWS or size > _MOST_TEXT:
            yield batch
            batch, size = [], 0
    yield batch


def _added_columns(header: Sequence[str]) -> list[str]:
    """`reason` and `since`; under a longer name where the file has such a column."""
    return [f"contact_sync_{name}" if name in header else name for name in ("reason", "since")]


@contextmanager
def _writer(path: Path, table: _Table) -> Iterator[Any]:
    """Writes rows to a file that appears under its name when all are written."""
    with partial_file(path) as partial, _open(partial, "w") as file:
        file.write(_BOM if table.has_bom else "")
        yield csv.writer(file, delimiter=table.delimiter, lineterminator="\n")
