"""When the daily and the weekly build are due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of day (UTC), of every day or of one of the week (0 is Monday)."""

    at: time
    weekday: int | None = None

    @classmethod
    def parse(cls, text: str) -> Moment:
        """`03:00` or `sunday 04:00`. Raises ValueError."""
        *day, clock = text.lower().split()
        at = time.fromisoformat(clock)
        if len(day) > 1 or (day and day[0] not in DAYS) or at.tzinfo is not None:
            raise ValueError
        return cls(at, DAYS.index(day[0]) if day else None)

    def last(self, now: datetime) -> datetime:
        """The latest such moment that is not after now. Aware, UTC."""
        found = datetime.combine(now.astimezone(UTC).date(), self.at, UTC)
        back = 0 if self.weekday is None else (found.weekday() - self.weekday) % 7
        found -= timedelta(days=back)
        step = timedelta(days=1 if self.weekday is None else 7)
        return found if found <= now else found - step
