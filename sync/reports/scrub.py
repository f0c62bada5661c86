"""Splits a file of recipients into those who may be contacted and those who may not.

The file is streamed, and of the suppression list each address is kept as 64 bits of a hash: memory
does not grow with the file, and little with the list. What cannot be read may not be contacted.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import shutil
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final, Literal, cast

from sync.addresses import normalizer
from sync.clock import utc_now
from sync.delivery.guard import Limits, build_faults, read_facts
from sync.errors import ConfigError, GuardStop
from sync.files import lines_of
from sync.privacy.tombstones import Tombstones
from sync.scratch import new_folder, partial_file
from sync.warehouse.base import Warehouse

INVALID: Final = "invalid address"
MISSHAPEN: Final = "wrong number of columns"

# Headers, as `_plain` writes them, and the channel whose addresses stand below them.
_COLUMNS: Final = {
    **dict.fromkeys(
        (
            "email",
            "e_mail",
            "mail",
            "email_address",
            "emailaddress",
            "recipient_email",
            "recipient",
        ),
        "email",
    ),
    **dict.fromkeys(("hashed_email", "email_sha256", "email_hash", "email_md5"), "email"),
    **dict.fromkeys(
        (
            "phone",
            "phone_number",
            "phonenumber",
            "mobile",
            "mobile_phone",
            "mobile_number",
            "msisdn",
        ),
        "sms",
    ),
    **dict.fromkeys(("hashed_phone", "phone_sha256", "phone_hash", "phone_md5"), "sms"),
    **dict.fromkeys(("push_token", "device_token", "registration_token", "fcm_token"), "push"),
}
_DELIMITERS: Final = ",;\t"
_BOM: Final = "\ufeff"
_LISTED: Final = """
    select address, event_type as reason, event_timestamp as since
    from {marts}.suppression_list where channel = @channel
"""
# Of the list, in memory at once as text.
_ROWS_AT_ONCE: Final = 10_000
_BUCKETS: Final = 256
_HEX_DIGITS: Final = {"sha256": 64, "md5": 32}
# No field of a recipient file is as long; an unclosed quote would swallow the file.
_LONGEST_FIELD: Final = 1 << 20

Digest = Callable[[str], bytes]


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
    country_code: str | None = None
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
    with _table(path) as table:
        index, channel = _address_column(table.header, options)
        options = replace(options, channel=channel, may=may, may_not=may_not)
        listed = _read_list(warehouse, channel, options)
        tombstones = Tombstones(warehouse, environment, options.country_code)
        reasons: Counter[str] = Counter()
        rows = _split(table, index, options, listed, tombstones, reasons)
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


class _List:
    """Reason and time of each address on the list, found by the hash of what a file holds."""

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        self._reasons: list[str] = []
        self._keys: list[array[int]] = [array("Q") for _ in range(_BUCKETS)]
        self._values: list[array[int]] = [array("Q") for _ in range(_BUCKETS)]

    def add(self, address: str, reason: str, since: datetime | None) -> None:
        """One address of the list."""
        if reason not in self._reasons:
            self._reasons.append(reason)
        seconds = 0 if since is None else int(since.replace(tzinfo=UTC).timestamp())
        key = _key(self._digest(address))
        self._keys[key >> 56].append(key)
        self._values[key >> 56].append(max(seconds, 0) << 8 | self._reasons.index(reason))

    def close(self) -> None:
        """Sorts, after the last address and before the first question."""
        for number in range(_BUCKETS):
            pairs = sorted(zip(self._keys[number], self._values[number], strict=True))
            self._keys[number] = array("Q", (key for key, _ in pairs))
            self._values[number] = array("Q", (value for _, value in pairs))

    def find(self, digest: bytes) -> tuple[str, str] | None:
        """Reason, and time in ISO form, of what has that digest; None if it is not listed."""
        key = _key(digest)
        keys = self._keys[key >> 56]
        place = bisect_left(keys, key)
        if place == len(keys) or keys[place] != key:
            return None
        value = self._values[key >> 56][place]
        since = datetime.fromtimestamp(value >> 8, UTC)
        return self._reasons[value & 0xFF], f"{since:%Y-%m-%dT%H:%M:%SZ}" if value >> 8 else ""


def _key(digest: bytes) -> int:
    # 64 bits: among ten million addresses a false match is less likely than a broken disk.
    return int.from_bytes(digest[:8])


def _digest(hashed: str | None) -> Digest:
    """How an address is hashed to be found."""
    if hashed == "sha256":
        return lambda text: hashlib.sha256(text.encode()).digest()
    if hashed == "md5":
        return lambda text: hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return lambda text: hashlib.blake2b(text.encode(), digest_size=8).digest()


def _read_list(warehouse: Warehouse, channel: str, options: Options) -> _List:
    """The list of the channel. Raises GuardStop where a refusal may be missing from it."""
    import duckdb

    listed = _List(_digest(options.hashed_in))
    folder = new_folder()
    try:
        with warehouse.session():
            _judge(warehouse, options.max_age)
            warehouse.export(_LISTED, folder / "list.parquet", {"channel": channel})
        with duckdb.connect() as connection:
            connection.execute("set memory_limit = '256MB'")
            file = str(folder / "list.parquet")
            found = connection.execute("select * from read_parquet($1)", [file])
            while rows := found.fetchmany(_ROWS_AT_ONCE):
                for address, reason, since in rows:
                    for form in _forms(address, channel, options.hashed_in):
                        listed.add(form, reason, since)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    listed.close()
    return listed


def _forms(address: str, channel: str, hashed_in: str | None) -> tuple[str, ...]:
    # Some ad platforms hash a phone number without its plus sign.
    if hashed_in and channel == "sms":
        return (address, address.removeprefix("+"))
    return (address,)


def _judge(warehouse: Warehouse, max_age: timedelta) -> None:
    faults = build_faults(read_facts(warehouse, ()), Limits(max_age=max_age), utc_now())
    if faults:
        raise GuardStop(f"The list may lack a refusal, nothing was written: {'; '.join(faults)}.")


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
            for row in reader:
                if row:
                    yield row
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


def _split(
    table: _Table,
    index: int,
    options: Options,
    listed: _List,
    tombstones: Tombstones,
    reasons: Counter[str],
) -> int:
    """Writes both files; gives the number of rows."""
    judge = _judgement(options, listed, tombstones)
    width = len(table.header)
    added = _added_columns(table.header)
    count = 0
    assert options.may is not None
    assert options.may_not is not None
    with ExitStack() as files:
        may = files.enter_context(_writer(options.may, table))
        may_not = files.enter_context(_writer(options.may_not, table))
        may.writerow(table.header)
        may_not.writerow([*table.header, *added])
        for row in table.rows:
            count += 1
            shown, why = judge(row[index] if index < len(row) else "")
            rest, is_short = row[width:], len(row) < width
            row = [*row[:width], *[""] * (width - len(row))]
            row[index] = shown
            if rest or is_short:
                # Which of them is the address cannot be told for sure.
                why = (MISSHAPEN, "")
            if why is None:
                may.writerow(row)
            else:
                reasons[why[0]] += 1
                may_not.writerow([*row, *why, *rest])
    return count


def _judgement(
    options: Options, listed: _List, tombstones: Tombstones
) -> Callable[[str], tuple[str, tuple[str, str] | None]]:
    """What a cell becomes in the outputs; and reason and time, if it may not be contacted."""
    assert options.channel is not None
    channel, hashed_out = options.channel, options.hashed_out
    if options.hashed_in is not None:
        algorithm = options.hashed_in
        digits = re.compile(f"[0-9a-f]{{{_HEX_DIGITS[options.hashed_in]}}}")

        def judge_digest(cell: str) -> tuple[str, tuple[str, str] | None]:
            text = cell.strip().lower()
            if not digits.fullmatch(text):
                return ("" if hashed_out else cell), (INVALID, "")
            found = tombstones.refusal_of_digest(channel, algorithm, text) if tombstones else None
            why = listed.find(bytes.fromhex(text)) or _dated(found)
            return (text if hashed_out else cell), why

        return judge_digest
    normalize = normalizer(channel, options.country_code)
    digest = _digest(None)

    def judge_address(cell: str) -> tuple[str, tuple[str, str] | None]:
        address = normalize(cell)
        if address is None:
            # No digest can be made of it, and the text itself was not to be shown.
            return ("" if hashed_out else cell), (INVALID, "")
        shown = hashlib.sha256(address.encode()).hexdigest() if hashed_out else cell
        found = tombstones.refusal_of(channel, address) if tombstones else None
        return shown, listed.find(digest(address)) or _dated(found)

    return judge_address


def _dated(found: tuple[str, datetime] | None) -> tuple[str, str] | None:
    return None if found is None else (found[0], f"{found[1]:%Y-%m-%dT%H:%M:%SZ}")


def _added_columns(header: Sequence[str]) -> list[str]:
    """`reason` and `since`; under a longer name where the file has such a column."""
    return [f"contact_sync_{name}" if name in header else name for name in ("reason", "since")]


@contextmanager
def _writer(path: Path, table: _Table) -> Iterator[Any]:
    """Writes rows to a file that appears under its name when all are written."""
    with partial_file(path) as partial, _open(partial, "w") as file:
        file.write(_BOM if table.has_bom else "")
        yield csv.writer(file, delimiter=table.delimiter, lineterminator="\n")
