"""`contact-sync reconcile`: compares, then repairs and adopts where it is asked to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sync.delivery.guard import Limits
from sync.delivery.push import push
from sync.delivery.report import Options, Report
from sync.landing import land
from sync.lists.reading import is_fault, reading, rows_of
from sync.lists.reconcile import Comparison, Reconciliation
from sync.privacy.tombstones import Tombstones
from sync.profile import Target
from sync.progress import Bar, Lines, Quiet, StepLine
from sync.warehouse.base import Warehouse

_TO_SEND = ("missing", "removed", "reason_differs")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found and done. adopted: foreign entries landed; report: of the repair, if any."""

    comparison: Comparison
    adopted: int = 0
    report: Report | None = None
    csv_file: Path | None = None
    written: int | None = None

    @property
    def exit_code(self) -> int:
        """0 where nothing is left to do, else 1 or the code of the repair."""
        left = self.comparison.of_kind("list_deleted")
        left += sum(map(is_fault, self.comparison.unread.values()))
        left += 0 if self.adopted else self.comparison.of_kind("foreign")
        if self.report is not None:
            return self.report.exit_code or (1 if left else 0)
        return 1 if left + self.comparison.of_kind(*_TO_SEND) else 0


def reconcile(
    target: Target,
    warehouse: Warehouse,
    name: str,
    environment: Mapping[str, str],
    *,
    repairs: bool,
    adopts: bool,
    csv_file: Path | None,
    limits: Limits,
    advance: Callable[[int], None],
    steps: StepLine | Quiet,
    progress: Bar | Lines,
    stop: threading.Event,
    tombstones: Tombstones | None,
) -> Reconciled:
    """Compares the enabled rows of a destination with the platform.

    repairs: sends what is missing, under the guard. adopts: lands what is foreign. steps, progress:
    shown one after the other, for a terminal has one line. Raises what reading the platform or the
    warehouse raises.
    """
    rows = rows_of(warehouse, name, ())
    with Reconciliation(warehouse, name, rows) as reconciliation:
        with steps:
            with reading(name, environment, stop, tombstones) as reader:
                found = reconciliation.compare(reader, advance, steps)
            written = None if csv_file is None else reconciliation.write(csv_file)
            adopted = 0
            if adopts and found.of_kind("foreign", "reason_differs"):
                steps.begin("landing what is foreign there")
                adopted = land(target, "adopt", reconciliation.foreign())
        report = None
        if repairs and found.of_kind(*_TO_SEND):
            with progress:
                report = push(
                    warehouse,
                    Options((name,), limits=limits),
                    environment,
                    progress=progress,
                    stop=stop,
                    deltas=reconciliation.missing(),
                )
    return Reconciled(found, adopted, report, csv_file, written)
