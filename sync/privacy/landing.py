"""Takes a person out of what landed: lines of files (DuckDB), rows of raw tables (BigQuery)."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sync.errors import SyncError
from sync.privacy.person import Person, unescaped
from sync.privacy.prefilter import Prefilter
from sync.privacy.redaction import redacted
from sync.progress import QUIET, Steps
from sync.warehouse.base import Warehouse

# Bytes of a file that are looked through at once, to the end of the last line.
_BLOCK = 4 * 1024 * 1024


def erase_files(
    landing: Path, person: Person, *, dry_run: bool = False, steps: Steps = QUIET
) -> int:
    """Blanks the person in every landing file; gives how many lines were changed.

    dry_run: only counts.

    In place, so that a receiver that still appends to a file loses nothing: what is taken out is
    overwritten with blanks, which a build passes over.
    """
    files = [path for path in sorted(landing.rglob("*.ndjson")) if path.is_file()]
    steps.begin("landed files", len(files))
    prefilter = Prefilter(person)
    changed = 0
    for path in files:
        changed += _erase_lines(path, person, prefilter, dry_run)
        steps.advance(1)
    return changed


def erase_logs(folder: Path, person: Person) -> int:
    """Blanks the person's addresses in log files; gives how many times."""
    changed = 0
    for path in sorted(folder.rglob("*.log*")) if folder.is_dir() else ():
        text = path.read_bytes().decode("utf-8", errors="surrogateescape")
        if person.pattern is None or person.pattern.search(text) is None:
            continue
        changed += len(person.pattern.findall(text))
        blank = person.masked(text)
        with path.open("r+b") as file:
            file.write(blank.encode("utf-8", errors="surrogateescape"))
    return changed


def erase_rows(warehouse: Warehouse, person: Person, *, dry_run: bool = False) -> int:
    """The same in raw.webhook_deliveries of a warehouse that has it as a table."""
    changed = 0
    for row in _candidates(warehouse, person):
        payload = row["payload"] or ""
        kept = redacted(payload, person, is_about=row["delivery_id"] in person.deliveries)
        if kept == payload:
            continue
        changed += 1
        if dry_run:
            continue
        key = {"delivery_id": row["delivery_id"], "received_at": row["received_at"]}
        where = " where delivery_id = @delivery_id and received_at = @received_at"
        if kept is None:
            warehouse.execute("delete from {raw}.webhook_deliveries" + where, key)
        else:
            warehouse.execute(
                "update {raw}.webhook_deliveries set payload = @payload" + where,
                {**key, "payload": kept},
            )
    return changed


def _candidates(warehouse: Warehouse, person: Person) -> Iterator[dict[str, Any]]:
    """Deliveries that are known to be about the person, or hold one of the addresses."""
    deliveries = sorted(person.deliveries)
    for first in range(0, len(deliveries), 500):
        names = {f"id_{n}": one for n, one in enumerate(deliveries[first : first + 500])}
        marks = ", ".join(f"@{name}" for name in names)
        yield from warehouse.rows(
            "select delivery_id, received_at, payload from {raw}.webhook_deliveries"
            f" where delivery_id in ({marks})",
            names,
        )
    for address in person.addresses:
        yield from warehouse.rows(
            "select delivery_id, received_at, payload from {raw}.webhook_deliveries"
            " where strpos(lower(payload), @address) > 0",
            {"address": address.lower()},
        )


def _erase_lines(path: Path, person: Person, prefilter: Prefilter, dry_run: bool) -> int:
    changed = 0
    with path.open("rb" if dry_run else "r+b") as file:
        for offset, line in _candidate_lines(file, prefilter):
            new = _line_without(line, person)
            if new is not None and not dry_run:
                # One write per line: a crash leaves it as it was or as it is to be.
                os.pwrite(file.fileno(), _padded(new, line, path), offset)
            changed += new is not None
        if changed and not dry_run:
            os.fsync(file.fileno())
    return changed


def _candidate_lines(file: BinaryIO, prefilter: Prefilter) -> Iterator[tuple[int, bytes]]:
    """The lines that may hold a name, each after its offset."""
    offset = 0
    while block := file.read(_BLOCK):
        block += file.readline()
        if prefilter.may_hold(block):
            start = offset
            # By the line feed alone, as a build reads them.
            for line in io.BytesIO(block):
                if prefilter.may_hold(line):
                    yield start, line
                start += len(line)
        offset += len(block)


def _line_without(line: bytes, person: Person) -> bytes | None:
    """What is to stand in place of a line; None where it is not about the person."""
    text = line.decode("utf-8", errors="replace")
    plain = unescaped(text)
    if not (
        person.is_quoted_in(text)
        or person.is_held_by(plain)
        or any(one in plain for one in person.written_ids)
    ):
        return None
    try:
        row = json.loads(text)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        return person.masked(text).rstrip("\n").encode() if person.is_quoted_in(text) else None
    if not isinstance(row.get("payload"), str):
        return b"" if _is_of_the_person(row, person) else None
    kept = redacted(
        row["payload"], person, is_about=str(row.get("delivery_id")) in person.deliveries
    )
    if kept == row["payload"]:
        return None
    if kept is None:
        return b""
    made = {**row, "payload": kept}
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def _is_of_the_person(row: dict[str, Any], person: Person) -> bool:
    """A row of the directory, the sends or the opens: the person's, or not."""
    if str(row.get("external_id") or "").strip() in person.external_ids:
        return True
    names = ("email", "phone", "push_token", "recipient_email")
    return any(person.is_named_by(str(row[name])) for name in names if row.get(name) is not None)


def _padded(new: bytes, line: bytes, path: Path) -> bytes:
    end = b"\n" if line.endswith(b"\n") else b""
    room = len(line) - len(end) - len(new)
    if room < 0:
        raise SyncError(
            f"{path}: a line without the person is longer than with them; take the person out of "
            "it by hand, then repeat the command."
        )
    return new + b" " * room + end
