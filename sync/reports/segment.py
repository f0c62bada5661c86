"""Who is in a segment (seeds/segments.csv), counted or written to a file."""

from __future__ import annotations

import shutil
from collections.abc import Set
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import duckdb

from sync.delivery.guard import require_current_list
from sync.errors import ConfigError
from sync.scratch import new_folder, partial_file
from sync.warehouse.base import Warehouse

#: Of a file of members: the column of each channel's address.
_ADDRESSES: Final = {"email": "email", "sms": "phone", "push": "push_token"}
#: Conditions by which a segment is about the addresses of a channel.
_FOR_CONTACT: Final = {"subscribed", "not_suppressed", "unknown"}
_COUNTS: Final = """
    select segments.segment, count(distinct members.contact_id) as contacts
    from {marts}.segments as segments
    left join {marts}.contact_segments as members on segments.segment = members.segment
    group by segments.segment
    order by segments.segment
"""
_CONDITIONS: Final = """
    select channel, condition from {marts}.segments where segment = @segment
"""
_MEMBERS: Final = """
    select profiles.contact_id, profiles.external_id, {addresses}
    from {{marts}}.contact_segments as members
    inner join {{marts}}.contact_profiles as profiles on members.contact_id = profiles.contact_id
    where members.segment = @segment
    order by profiles.contact_id
"""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment and how many contacts are in it."""

    segment: str
    contacts: int


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the members of a segment."""

    segment: str
    contacts: int
    file: Path

    def as_json(self) -> dict[str, Any]:
        """All of it, as data."""
        return {**asdict(self), "file": str(self.file)}


def read_segments(warehouse: Warehouse) -> list[Segment]:
    """Every segment of the seed, by name."""
    return [Segment(**row) for row in warehouse.rows(_COUNTS)]


def write_segment(warehouse: Warehouse, segment: str, out: Path, max_age: timedelta) -> Written:
    """Writes the members to a file: CSV, or Parquet where its name ends so.

    An address is in it only on channels that the segment is about, and not where it is listed,
    unless the segment is of those who are. Memory does not grow with them. Raises ConfigError where
    there is no such segment, GuardStop where the newest build failed or is older than max_age: the
    list may lack an opt-out.
    """
    folder = new_folder()
    try:
        rows = folder / "members.parquet"
        with warehouse.session():
            known = [row["segment"] for row in warehouse.rows(_COUNTS)]
            if segment not in known:
                raise ConfigError(
                    f"There is no segment {segment!r} in seeds/segments.csv, as the last build has "
                    f"it. There are: {', '.join(known) or 'none'}."
                )
            require_current_list(warehouse, max_age)
            conditions = {
                (row["channel"], row["condition"])
                for row in warehouse.rows(_CONDITIONS, {"segment": segment})
            }
            warehouse.export(_members(conditions), rows, {"segment": segment})
        with partial_file(out) as partial:
            contacts = _write(rows, partial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Written(segment, contacts, out)


def _members(conditions: Set[tuple[str, str]]) -> str:
    addresses = []
    for channel, column in _ADDRESSES.items():
        if (channel, "suppressed") in conditions:
            value = f"profiles.{column}"
        elif any((channel, condition) in conditions for condition in _FOR_CONTACT):
            value = f"case when not profiles.{channel}_suppressed then profiles.{column} end"
        else:
            value = "cast(null as string)"
        addresses.append(f"{value} as {column}")
    return _MEMBERS.format(addresses=", ".join(addresses))


def _write(rows: Path, out: Path) -> int:
    """Copies the rows of a Parquet file to a file of the form that its name says; how many."""
    form = "parquet" if out.suffix == ".parquet" else "csv, header"
    target = str(out).replace("'", "''")
    with duckdb.connect(config={"memory_limit": "128MB", "threads": 1}) as connection:
        copied = connection.execute(
            f"copy (select * from read_parquet($rows)) to '{target}' (format {form})",
            {"rows": str(rows)},
        ).fetchone()
    return int(copied[0]) if copied else 0
