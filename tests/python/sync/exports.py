"""A folder of exports, and what `contact-sync backfill` lands of them."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync.backfill.command import BackfillReport, Options, backfill
from sync.profile import Target
from sync.progress import Lines

MODIFIED = datetime(2026, 1, 1, tzinfo=UTC)

#: Event, channel, whom it names (external_id, then the address), its time.
Said = tuple[str, str | None, str | None, str | None, str | None]


class Exports:
    """A folder of exports, the landing directory beside it, and what a backfill landed there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.landing = directory / "landing"

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.utime(path, (MODIFIED.timestamp(), MODIFIED.timestamp()))
        return path

    def backfill(self, *files: Path, is_dry_run: bool = False, **options: Any) -> BackfillReport:
        target = Target("duckdb", "duckdb", "main", {})
        options.setdefault("rejects", self.directory / "rejects.csv")
        with Lines() as progress:
            return backfill(
                None if is_dry_run else target, Options(files, **options), progress=progress
            )

    def statements(self) -> list[dict[str, Any]]:
        """What has landed, in a stable order."""
        lines = [
            json.loads(line)
            for path in sorted(self.landing.rglob("*.ndjson"))
            # Not splitlines: a value may hold other ends of lines.
            for line in path.read_text().split("\n")
            if line
        ]
        said = [one for line in lines for one in json.loads(line["payload"])["statements"]]
        return sorted(said, key=lambda one: json.dumps(one, sort_keys=True))

    def said(self, *files: Path, **options: Any) -> list[Said]:
        """What a backfill of the files lands of preferences, without origins."""
        self.backfill(*files, **options)
        said = [brief(one) for one in self.statements() if one["event"] != "contact"]
        return sorted(said, key=str)

    def rejected(self) -> list[list[str]]:
        with (self.directory / "rejects.csv").open(newline="") as lines:
            return list(csv.reader(lines))[1:]


def brief(one: dict[str, Any]) -> Said:
    address = one.get("email") or one.get("phone") or one.get("push_token")
    at = one.get("at")
    return (
        one["event"],
        one["channel"],
        one.get("external_id"),
        address,
        at.removesuffix("+00:00") if at else None,
    )
