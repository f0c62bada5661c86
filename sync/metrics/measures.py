"""Every metric by name and unit (docs/metrics.md); the code adds to it where it counts anyway.

Nobody hears of it unless `sync.metrics.otlp` sends it. Attributes are names of destinations,
channels, sources and outcomes: never an address, a topic or a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

#: total: a counter that is kept elsewhere.
Kind = Literal["counter", "total", "histogram", "gauge"]
Attributes = Mapping[str, str]


@dataclass(eq=False, slots=True)
class Metric:
    """One metric. unit: of UCUM. bounds: of a histogram's buckets.

    take: of a counter or histogram, hears of each value while metrics are sent. read: of a gauge or
    total, gives the values.
    """

    name: str
    kind: Kind
    unit: str
    says: str
    attributes: tuple[str, ...]
    bounds: Sequence[float] = ()
    take: Callable[[float, dict[str, str]], None] | None = None
    read: Callable[[], Iterable[tuple[float, Attributes]]] = tuple

    def add(self, value: float, **attributes: str) -> None:
        """Counts so much more, or records a value of a histogram."""
        if self.take is not None:
            self.take(value, attributes)


ITEMS: Final = Metric(
    "contact_sync.push.items",
    "counter",
    "{item}",
    "What became of the items of a push.",
    ("destination", "channel", "action", "outcome"),
)
PUSHES: Final = Metric(
    "contact_sync.pushes",
    "counter",
    "{push}",
    "Pushes to a destination, by how they ended.",
    ("destination", "status"),
)
GUARD_STOPS: Final = Metric(
    "contact_sync.push.guard_stops",
    "counter",
    "{stop}",
    "Pushes of which the guard held back everything, or what would free people.",
    ("destination", "held"),
)
CALLS: Final = Metric(
    "contact_sync.calls",
    "counter",
    "{call}",
    "Calls to a platform, each attempt for itself.",
    ("destination", "status_class"),
)
CALL_DURATION: Final = Metric(
    "contact_sync.call.duration",
    "histogram",
    "s",
    "How long a call took, from the connection to the last byte of the answer.",
    ("destination", "status_class"),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
RATE_LIMIT_WAIT: Final = Metric(
    "contact_sync.rate_limit.wait",
    "counter",
    "s",
    "For how long no call began because the platform asked for it.",
    ("destination",),
)
PENDING: Final = Metric(
    "contact_sync.pending.items",
    "gauge",
    "{item}",
    "What waits to be sent.",
    ("destination", "action"),
)
OLDEST_OPT_OUT: Final = Metric(
    "contact_sync.pending.oldest_opt_out",
    "gauge",
    "s",
    "How long ago the oldest opt-out was that waits to be sent; 0 where none waits.",
    ("destination",),
)
QUARANTINED: Final = Metric(
    "contact_sync.quarantined",
    "gauge",
    "{element}",
    "Elements of deliveries that could not be read.",
    ("source",),
)
POSSIBLE_OPT_OUTS: Final = Metric(
    "contact_sync.possible_opt_outs",
    "gauge",
    "{reply}",
    "Replies that may be opt-outs, and wait for a person.",
    ("source",),
)
BUILDS: Final = Metric(
    "contact_sync.builds",
    "counter",
    "{build}",
    "Builds, by how they ended.",
    ("selection", "outcome"),
)
BUILD_DURATION: Final = Metric(
    "contact_sync.build.duration",
    "histogram",
    "s",
    "How long dbt took for a build that was ok.",
    ("selection",),
    (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
)
REQUESTS: Final = Metric(
    "contact_sync.receiver.requests",
    "total",
    "{request}",
    "Requests that the receiver answered.",
    ("source", "status_class"),
)
METRICS: Final = (
    ITEMS,
    PUSHES,
    GUARD_STOPS,
    CALLS,
    CALL_DURATION,
    RATE_LIMIT_WAIT,
    PENDING,
    OLDEST_OPT_OUT,
    QUARANTINED,
    POSSIBLE_OPT_OUTS,
    BUILDS,
    BUILD_DURATION,
    REQUESTS,
)


def is_sent() -> bool:
    """Whether somebody hears of what is measured."""
    return ITEMS.take is not None


def status_class(status: int | None) -> str:
    """Of an answer: `2xx`, `4xx`, `5xx`, and `429` by itself, for it is no fault; else `none`."""
    if status is None:
        return "none"
    return "429" if status == 429 else f"{status // 100}xx"
