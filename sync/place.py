"""Where a project and its warehouse are, and the files beside them that processes meet by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sync.profile import Target
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

    def _beside(self, name: str) -> Path:
        files = open_warehouse(self.target, read_only=True).local_files()
        if files:
            return Path(f"{files[0]}.{name}")
        return self.project / "logs" / ("build.lock" if name == "build" else name)
