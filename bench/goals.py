"""The goals and the table that says of each what was measured."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple


class Goal(NamedTuple):
    """One line of the table. number: the goal's in the project's list of goals."""

    number: int
    what: str
    target: str


class Verdict(NamedTuple):
    """What was measured for a goal."""

    measured: str
    is_met: bool


GOALS: Final = {
    "full": Goal(1, "full build / bare script", "<= 1.5"),
    "bare_rate": Goal(1, "bare script, events/s", ">= 300,000"),
    "same_as_bare": Goal(1, "both list the same", "row for row"),
    "frequent": Goal(2, "1 % increment, frequent / full build", "<= 0.08"),
    "everything": Goal(2, "1 % increment, everything / full build", "<= 0.08"),
    "same_as_rebuild": Goal(2, "increment's marts = full rebuild's", "row for row"),
    "peak": Goal(3, "peak memory of a full build", "<= 4 GB"),
    "limited": Goal(3, "full build under a memory limit / without", "<= 1.6"),
    "unengaged": Goal(4, "unengaged: the document's query / model", ">= 5"),
    "parses": Goal(4, "JSON parses per event", "1"),
    "deltas": Goal(5, "sync_deltas of one destination", "<= 0.5 s"),
    "push_dlt": Goal(6, "push / dlt, items per second", ">= 3"),
    "push_single": Goal(6, "push / one call per address, items per second", ">= 100"),
    "drain_short": Goal(6, "drain / (calls / rate), latency 0.1 s", "<= 1.05"),
    "drain_long": Goal(6, "drain / (calls / rate), latency 0.4 s", "<= 1.05"),
    "refusals": Goal(6, "refusals in both drains / calls", "<= 1 %"),
    "drains": Goal(6, "slowest drain of a destination / (calls / rate)", "<= 1.05"),
    "receive_single": Goal(7, "receive: one fsync per group / one per request", ">= 2.5"),
    "receive_nothing": Goal(7, "receive: as it is / landing nothing", ">= 0.6"),
    "receive_memory": Goal(7, "receive: most memory / that at first", "<= 1.2"),
    "help": Goal(8, "contact-sync --help", "< 0.3 s"),
    "plan_seconds": Goal(8, "contact-sync plan, time", "< 20 s"),
    "plan_memory": Goal(8, "contact-sync plan, peak memory", "<= 1 GB"),
    "overhead_empty": Goal(9, "frequent, nothing landed / dbt parse, CPU", "<= 2.0"),
    "overhead_full": Goal(9, "frequent, nothing new / dbt parse, CPU", "<= 2.0"),
    "overhead_new": Goal(9, "frequent, 1,000 new events / dbt parse, CPU", "<= 2.5"),
    "statements": Goal(9, "statements of frequent with nothing new", "<= 15"),
    "statements_new": Goal(9, "statements of frequent with 1,000 new events", "<= 60"),
    "latency": Goal(10, "contact-sync run: 95 % of refusals obeyed within", "<= 10 s"),
}
"""Every goal that the bench can measure; that a kill loses nothing is shown by a test."""


@dataclass(slots=True)
class Result:
    """What one part measured. verdicts: by the names of `GOALS`; raw: all figures, for JSON."""

    verdicts: dict[str, Verdict]
    details: str
    raw: dict[str, Any]
    circumstances: dict[str, object] = field(default_factory=dict)


def median(values: Iterable[float]) -> float:
    """The median, of one value or more."""
    return statistics.median(values)


def goal_table(verdicts: Mapping[str, Verdict]) -> str:
    """The table of all goals; one that this run did not measure says so."""
    rows: list[Sequence[str]] = [("goal", "what", "target", "measured", "")]
    for name, goal in GOALS.items():
        verdict = verdicts.get(name)
        told = ("", "not measured in this run")
        if verdict is not None:
            told = (verdict.measured, "met" if verdict.is_met else "NOT MET")
        rows.append((str(goal.number), goal.what, goal.target, *told))
    return table(rows)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns, a line under the first."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
