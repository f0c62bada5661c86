"""Where a project and its warehouse are, and the files beside them that processes meet by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sync.profile import Target, dbt_variable
from sync.warehouse import open_warehouse


@dataclass(frozen=True, slots=True)
class Place:
    """Which project, and which warehouse."""

    target: Target
    project: Path
    #: dbt's own options: --target, --profiles-dir.
    options: tuple[str, ...]

    @property
    def state(self) -> Path:
        """The file in which a run says what it does."""
        return self._beside("run.json")

    @property
    def lock(self) -> Path:
        """The file that a build holds."""
        return self._beside("build")

    @property
    def database(self) -> Path | None:
        """DuckDB's file; None for a warehouse that is elsewhere."""
        return next(iter(open_warehouse(self.target, read_only=True).local_files()), None)

    def _beside(self, name: str) -> Path:
        if self.database is not None:
            return Path(f"{self.database}.{name}")
        # Of each target one, as their builds and runs have nothing to do with each other.
        logs = Path(dbt_variable("LOG_PATH") or self.project / "logs")
        return logs / f"{self.target.name}.{name}"
