"""Times of made-up events, formatted fast."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1)


class Clock:
    """Formats epoch seconds (UTC) fast: one table for the time of day, one entry per day seen."""

    def __init__(self) -> None:
        self._times = [
            f"{hour:02d}:{minute:02d}:{second:02d}"
            for hour in range(24)
            for minute in range(60)
            for second in range(60)
        ]
        self._dates: dict[int, str] = {}

    def date(self, seconds: int) -> str:
        """The day of `seconds`, `YYYY-MM-DD`."""
        day = seconds // _DAY
        text = self._dates.get(day)
        if text is None:
            text = self._dates[day] = (_EPOCH + timedelta(days=day)).isoformat()
        return text

    def iso(self, seconds: int) -> str:
        """`seconds` as `YYYY-MM-DDTHH:MM:SS`, no zone."""
        return f"{self.date(seconds)}T{self._times[seconds % _DAY]}"


def epoch(day: date) -> int:
    """Epoch seconds of the start of `day`, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
