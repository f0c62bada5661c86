"""Tells people what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sync.alerts.channels import Channel
from sync.alerts.tell import Run, tell
from sync.run.lookout import Lookout
from sync.run.parts import Parts
from sync.warehouse.base import Warehouse

#: Seconds between two looks, at least; and at most: what lasts, and what is not there, needs no
#: build to be seen.
_PAUSE: Final = 60.0
_LONGEST: Final = 300.0


class Alerter:
    """A look for incidents; how it went is the part `alert` of the run."""

    name = "alert"

    def __init__(
        self,
        channels: Sequence[Channel],
        target: str,
        open_warehouse: Callable[[], Warehouse],
        parts: Parts,
        run: Run,
    ) -> None:
        """target: of the dbt profile. run: this one, as local_run says."""
        self._channels = channels
        self._target = target
        self._open = open_warehouse
        self._parts = parts
        self._run = run

    def start(self, *, pause: float = _PAUSE, longest: float = _LONGEST) -> Lookout:
        """The thread that does it."""
        return Lookout(self, pause=pause, longest=longest, is_at_once=True)

    def __call__(self) -> None:
        """Tells what is news."""
        done = tell(self._open(), self._channels, self._target, self._run)
        if done.failed:
            self.failed(f"no message was taken by {', '.join(done.failed)}")
        else:
            told = "; ".join(f"{channel}: {message.title}" for channel, message in done.told)
            self._parts.say(self.name, "idle", told)

    def busy(self, why: str) -> None:
        """A build has the file."""
        self._parts.say(self.name, "waiting", why)

    def failed(self, why: str) -> None:
        """It could not look, or no channel took it."""
        self._parts.say(self.name, "failing", why)
