"""The goals, what was measured for each, and the table of both."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.builds import Build
from bench.landing import Landed
from bench.parses import Parses
from bench.process import Run


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table."""

    number: str
    what: str
    target: str
    measured: str
    is_met: bool


@dataclass(slots=True)
class Measures:
    """All that a run measured. Lists have one entry per pair."""

    landed: Landed
    baseline_seconds: list[float] = field(default_factory=list)
    baseline_runs: list[Run] = field(default_factory=list)
    full: list[Build] = field(default_factory=list)
    frequent: list[Build] = field(default_factory=list)
    everything: list[Build] = field(default_factory=list)
    limited: Build | None = None
    baseline_comparison: dict[str, dict[str, Any]] = field(default_factory=dict)
    rebuild_comparison: dict[str, dict[str, Any]] = field(default_factory=dict)
    silence: dict[str, float] = field(default_factory=dict)
    parses: dict[str, Parses] = field(default_factory=dict)
    parses_in_filters: int = 0
    help_seconds: list[float] = field(default_factory=list)


def median(values: Iterable[float]) -> float:
    """The median, of one value or more."""
    return statistics.median(values)


def model_seconds(builds: Iterable[Build]) -> float:
    """Median of the sums of model times."""
    return median(build.model_seconds for build in builds)


def judge(measures: Measures, memory_limit: str) -> list[Goal]:
    """The goals of one finished run."""
    if measures.limited is None:
        raise ValueError("the build under a memory limit is missing")
    baseline = median(measures.baseline_seconds)
    full = model_seconds(measures.full)
    rate = measures.landed.events / baseline
    peak = max(build.run.peak_bytes for build in measures.full) / 1e9
    limited = measures.limited.model_seconds / full
    limited_peak = measures.limited.run.peak_bytes / 1e9
    silence = measures.silence["document_seconds"] / measures.silence["model_seconds"]
    goals = [
        Goal(
            "1",
            "full build / bare script",
            "<= 1.5",
            f"{full / baseline:.2f} ({full:.1f} s / {baseline:.1f} s)",
            full <= 1.5 * baseline,
        ),
        Goal("1", "bare script, events/s", ">= 300,000", f"{rate:,.0f}", rate >= 300_000),
        Goal("1", "both list the same", "row for row", *_sameness(measures.baseline_comparison)),
    ]
    for name, builds in (("frequent", measures.frequent), ("everything", measures.everything)):
        seconds = model_seconds(builds)
        goals.append(
            Goal(
                "2",
                f"1 % increment, {name} / full build",
                "<= 0.08",
                f"{seconds / full:.3f} ({seconds:.2f} s)",
                seconds <= 0.08 * full,
            )
        )
    per_event = {parses.per_event for parses in measures.parses.values()}
    starts = median(measures.help_seconds)
    return [
        *goals,
        Goal(
            "2",
            "increment's marts = full rebuild's",
            "row for row",
            *_sameness(measures.rebuild_comparison),
        ),
        Goal("3", "peak memory of a full build", "<= 4 GB", f"{peak:.2f} GB", peak <= 4),
        Goal(
            "3",
            f"full build with memory_limit={memory_limit}",
            "<= 1.6",
            f"{limited:.2f} ({limited_peak:.2f} GB at its peak)",
            limited <= 1.6,
        ),
        Goal(
            "4", "unengaged: the document's query / model", ">= 5", f"{silence:.1f}", silence >= 5
        ),
        Goal(
            "4",
            "JSON parses per event",
            "1",
            f"{', '.join(map(str, sorted(per_event)))}; {measures.parses_in_filters} in filters",
            per_event == {1} and not measures.parses_in_filters,
        ),
        Goal("8", "contact-sync --help", "< 0.3 s", f"{starts:.2f} s", starts < 0.3),
    ]


def _sameness(comparison: dict[str, dict[str, Any]]) -> tuple[str, bool]:
    unlike = {
        table: found["different"] for table, found in comparison.items() if found["different"]
    }
    rows = sum(found["rows"] for found in comparison.values())
    if unlike:
        return "; ".join(
            f"{table}: {count:,} rows differ" for table, count in unlike.items()
        ), False
    return f"equal: {len(comparison)} tables, {rows:,} rows", True


def goal_table(goals: Sequence[Goal]) -> str:
    """The table as text."""
    rows = [("goal", "what", "target", "measured", "")]
    rows += [
        (goal.number, goal.what, goal.target, goal.measured, "met" if goal.is_met else "NOT MET")
        for goal in goals
    ]
    return table(rows)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns, a line under the first."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def details(measures: Measures) -> str:
    """What stands beside the goals: cost of each command, and the models that take longest."""
    commands: list[tuple[str, ...]] = [
        ("command", "models s", "snapshot s", "tests s", "start to end s", "CPU s", "peak GB")
    ]
    runs = measures.baseline_runs
    commands.append(
        (
            "bare script",
            f"{median(measures.baseline_seconds):.2f}",
            "",
            "",
            f"{median(run.seconds for run in runs):.1f}",
            f"{median(run.cpu_seconds for run in runs):.1f}",
            f"{max(run.peak_bytes for run in runs) / 1e9:.2f}",
        )
    )
    for name, builds in {
        "full build": measures.full,
        "increment, frequent": measures.frequent,
        "increment, everything": measures.everything,
        "full build, limited": [measures.limited] if measures.limited else [],
    }.items():
        tests = (
            f"{median(build.test_seconds for build in builds):.2f} ({builds[0].tests})"
            if builds[0].tests
            else ""
        )
        commands.append(
            (
                name,
                f"{model_seconds(builds):.2f}",
                f"{median(build.snapshot_seconds for build in builds):.2f}",
                tests,
                f"{median(build.run.seconds for build in builds):.1f}",
                f"{median(build.run.cpu_seconds for build in builds):.1f}",
                f"{max(build.run.peak_bytes for build in builds) / 1e9:.2f}",
            )
        )
    times = {
        name: _model_medians(builds)
        for name, builds in {
            "full": measures.full,
            "frequent": measures.frequent,
            "everything": measures.everything,
        }.items()
    }
    names = sorted(times["full"], key=lambda name: -times["full"][name])
    models = [("model, seconds", *times)] + [
        (name, *(f"{taken[name]:.2f}" if name in taken else "" for taken in times.values()))
        for name in names
        if any(taken.get(name, 0) >= 0.05 for taken in times.values())
    ]
    return f"{table(commands)}\n\n{table(models)}"


def _model_medians(builds: Sequence[Build]) -> dict[str, float]:
    return {name: median(build.models[name] for build in builds) for name in builds[0].models}
