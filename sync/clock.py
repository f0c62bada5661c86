"""The time now, and spans of time in words."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now as naive UTC, as all timestamps of the warehouse are."""
    return datetime.now(UTC).replace(tzinfo=None)


def duration(seconds: float) -> str:
    """Seconds in the two largest units: 3.4 s, 12 min, 5 h 30 min, 2 d 3 h."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
