"""What a push is asked to do, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sync.clock import duration
from sync.delivery.guard import Limits
from sync.delivery.lock import Tally
from sync.delivery.shard import Shard
from sync.errors import GuardStop, SyncError
from sync.terminal import counted

# Of the codes of several destinations, the first of these that occurred is the command's.
_WORST_FIRST = (143, 2, 3, 4, 1, 0)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `push`. plan: the hash that `plan` printed; limit: items per destination.

    shard: the part of the deltas that is sent.
    """

    destinations: Sequence[str] = ()
    limit: int | None = None
    plan: str | None = None
    limits: Limits = field(default_factory=Limits)
    shard: Shard | None = None


class Progress(Protocol):
    """Who is told how far each destination is."""

    def start(self, destination: str, items: int) -> None:
        """Delivery begins."""

    def advance(self, destination: str, items: int) -> None:
        """So many items more are settled."""


@dataclass(slots=True)
class Part:
    """What became of one destination. status as in raw.sync_runs; error: why it ended early."""

    destination: str
    items: int = 0
    status: str = "finished"
    tally: Tally = field(default_factory=Tally)
    held_policy: int = 0
    calls: int = 0
    refusals: int = 0
    seconds: float = 0.0
    #: Why the latest of the failed items failed.
    failure: str | None = None
    error: SyncError | None = None
    #: Why nobody was freed, though suppressions were sent.
    held: GuardStop | None = None
    #: What somebody should look at, though nothing was held back for it.
    warnings: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """Design section 8."""
        if self.error is not None:
            return self.error.exit_code
        if self.held is not None:
            return self.held.exit_code
        return 1 if self.tally.rejected or self.tally.failed else 0

    @property
    def summary(self) -> str:
        """What was sent, in how many calls and how long."""
        tally = self.tally
        counts = [
            (tally.suppressed, "suppressed"),
            (tally.released, "released"),
            (tally.subscribed, "subscribed"),
            (tally.rejected, "rejected"),
            (tally.absent, "absent"),
            (tally.failed, "failed"),
            (tally.withdrawn, "no longer wanted"),
        ]
        shown = [f"{count:,} {name}" for count, name in counts if count]
        if not shown:
            return "nothing sent" if self.items or self.error else "nothing to send"
        return f"{', '.join(shown)} ({counted(self.calls, 'call')}, {duration(self.seconds)})"


@dataclass(slots=True)
class Report:
    """What `push` prints."""

    run_id: str
    plan_hash: str | None
    parts: list[Part]

    @property
    def exit_code(self) -> int:
        """The most urgent code of all destinations."""
        codes = {part.exit_code for part in self.parts}
        return next((code for code in _WORST_FIRST if code in codes), 0)
