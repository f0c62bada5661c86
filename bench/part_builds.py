"""Goals 1 to 4: full builds against the bare script, increments, memory, unengaged, JSON parses."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.builds import EVERYTHING, FREQUENT, FULL, Build, Builder
from bench.goals import Result, Verdict, median, table
from bench.landing import AS_OF, Landed, increment_appended, land_for, show_increment
from bench.parses import Parses, count_parses
from bench.process import Run, run_worker, say
from bench.settings import Settings

_KEPT_SQL = ("unengaged", "int_events_unioned")


@dataclass(slots=True)
class Measures:
    """All that the part measured. Lists have one entry per pair."""

    landed: Landed
    baseline_seconds: list[float] = field(default_factory=list)
    baseline_runs: list[Run] = field(default_factory=list)
    full: list[Build] = field(default_factory=list)
    frequent: list[Build] = field(default_factory=list)
    appended: list[Build] = field(default_factory=list)
    everything: list[Build] = field(default_factory=list)
    limited: list[Build] = field(default_factory=list)
    baseline_comparison: dict[str, dict[str, Any]] = field(default_factory=dict)
    rebuild_comparison: dict[str, dict[str, Any]] = field(default_factory=dict)
    silence: dict[str, float] = field(default_factory=dict)
    parses: dict[str, Parses] = field(default_factory=dict)
    parses_in_filters: int = 0


def measure(settings: Settings) -> Result:
    """Measures goals 1 to 4."""
    measures = _Measurer(settings).measure()
    landed = measures.landed
    return Result(
        verdicts=_judge(measures, settings.memory_limit),
        details=_details(measures),
        raw=asdict(measures),
        circumstances={
            "events": landed.events,
            "people": settings.people,
            "log_rows": landed.log_rows,
            "landed_mb": round(landed.bytes / 1e6),
            "files": landed.files,
            "landing_seconds": landed.seconds,
            "increment": landed.increment,
        },
    )


class _Measurer:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._logs = settings.directory / "logs"
        self._place, self._landed = land_for(settings)
        self._landing = self._place / "landing"
        self._builder = Builder(settings, self._landing)

    def measure(self) -> Measures:
        """Each step is told as it begins."""
        landed = self._landed
        measures = Measures(landed)
        show_increment(self._place, landed, shown=False)
        for pair in range(1, self._settings.pairs + 1):
            self._measure_pair(measures, f"pair {pair} of {self._settings.pairs}")
        say("full rebuild with the increment, to compare")
        show_increment(self._place, landed, shown=True)
        self._builder.remove("rebuild")
        self._builder.build("rebuild", FULL)
        show_increment(self._place, landed, shown=False)
        measures.rebuild_comparison = self._compare("marts", "everything", "rebuild")
        self._builder.remove("rebuild")
        say(f"full build with memory_limit={self._settings.memory_limit}")
        self._builder.remove("limited")
        measures.limited.append(self._builder.build("limited", FULL, self._settings.memory_limit))
        self._builder.remove("limited")
        say("unengaged against the document's query; JSON parses")
        self._measure_silence(measures)
        self._count_parses(measures)
        return measures

    def _measure_pair(self, measures: Measures, pair: str) -> None:
        builder = self._builder
        say(f"{pair}: bare script")
        builder.remove("bare")
        bare = builder.database("bare")
        bare.parent.mkdir(parents=True)
        done, told = run_worker("bare", str(self._landing), str(bare), log=self._logs / "bare.log")
        measures.baseline_runs.append(done)
        measures.baseline_seconds.append(told["seconds"])
        say(f"{pair}: full build")
        builder.remove("full")
        measures.full.append(builder.build("full", FULL))
        if len(measures.full) == 1:
            self._keep_sql()
            measures.baseline_comparison = self._compare("baseline", "bare", "full")
        show_increment(self._place, measures.landed, shown=True)
        for name, command, builds in (
            ("frequent", FREQUENT, measures.frequent),
            ("everything", EVERYTHING, measures.everything),
        ):
            say(f"{pair}: increment, {name}")
            builder.copy("full", to=name)
            builds.append(builder.build(name, command))
        show_increment(self._place, measures.landed, shown=False)
        say(f"{pair}: increment, appended to files of weeks ago")
        builder.copy("full", to="appended")
        with increment_appended(self._place, measures.landed):
            measures.appended.append(builder.build("appended", FREQUENT))
        builder.remove("appended")

    def _keep_sql(self) -> None:
        """Keeps what the full build ran, before an increment compiles its other branch."""
        directory = self._settings.directory / "sql"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for model in _KEPT_SQL:
            (directory / f"{model}.sql").write_text(self._builder.compiled(model), encoding="utf-8")

    def _sql(self, model: str) -> str:
        return str(self._settings.directory / "sql" / f"{model}.sql")

    def _compare(self, kind: str, one: str, other: str) -> dict[str, dict[str, object]]:
        paths = [str(self._builder.database(name)) for name in (one, other)]
        _, told = run_worker("compare", kind, *paths, log=self._logs / f"compare-{kind}.log")
        comparison: dict[str, dict[str, object]] = told
        return comparison

    def _measure_silence(self, measures: Measures) -> None:
        arguments = (
            self._builder.database("full"),
            self._sql("unengaged"),
            self._settings.pairs,
            AS_OF,
        )
        _, measures.silence = run_worker(
            "silence", *map(str, arguments), log=self._logs / "silence.log"
        )

    def _count_parses(self, measures: Measures) -> None:
        for path in sorted((self._builder.target / "compiled").rglob("stg_*__events.sql")):
            parses = count_parses(path.read_text(encoding="utf-8"))
            # Logs and the directory are lines of typed columns, not JSON inside of JSON.
            if parses.per_event:
                measures.parses[path.parent.name] = parses
        _, measures.parses_in_filters = run_worker(
            "parses",
            str(self._builder.database("full")),
            self._sql("int_events_unioned"),
            log=self._logs / "parses.log",
        )


def _model_seconds(builds: Iterable[Build]) -> float:
    """Median of the sums of model times."""
    return median(build.model_seconds for build in builds)


def _judge(measures: Measures, memory_limit: str) -> dict[str, Verdict]:
    baseline = median(measures.baseline_seconds)
    full = _model_seconds(measures.full)
    rate = measures.landed.events / baseline
    peak = max(build.run.peak_bytes for build in measures.full) / 1e9
    limited = _model_seconds(measures.limited) / full
    limited_peak = max(build.run.peak_bytes for build in measures.limited) / 1e9
    silence = measures.silence["document_seconds"] / measures.silence["model_seconds"]
    per_event = {parses.per_event for parses in measures.parses.values()}
    verdicts = {
        "full": Verdict(
            f"{full / baseline:.2f} ({full:.1f} s / {baseline:.1f} s)", full <= 1.5 * baseline
        ),
        "bare_rate": Verdict(f"{rate:,.0f}", rate >= 300_000),
        "same_as_bare": _sameness(measures.baseline_comparison),
        "same_as_rebuild": _sameness(measures.rebuild_comparison),
        "peak": Verdict(f"{peak:.2f} GB", peak <= 4),
        "limited": Verdict(
            f"{limited:.2f} ({memory_limit}; {limited_peak:.2f} GB at its peak)", limited <= 1.6
        ),
        "unengaged": Verdict(f"{silence:.1f}", silence >= 5),
        "parses": Verdict(
            f"{', '.join(map(str, sorted(per_event)))}; {measures.parses_in_filters} in filters",
            per_event == {1} and not measures.parses_in_filters,
        ),
    }
    for name, builds in (("frequent", measures.frequent), ("everything", measures.everything)):
        seconds = _model_seconds(builds)
        verdicts[name] = Verdict(f"{seconds / full:.3f} ({seconds:.2f} s)", seconds <= 0.08 * full)
    return verdicts


def _sameness(comparison: dict[str, dict[str, Any]]) -> Verdict:
    unlike = {
        table: found["different"] for table, found in comparison.items() if found["different"]
    }
    if unlike:
        told = "; ".join(f"{table}: {count:,} rows differ" for table, count in unlike.items())
        return Verdict(told, is_met=False)
    rows = sum(found["rows"] for found in comparison.values())
    return Verdict(f"equal: {len(comparison)} tables, {rows:,} rows", is_met=True)


def _details(measures: Measures) -> str:
    """Cost of each command, and the models that take longest."""
    named = {
        "full build": measures.full,
        "increment, frequent": measures.frequent,
        "increment, frequent, appended": measures.appended,
        "increment, everything": measures.everything,
        "full build, limited": measures.limited,
    }
    commands: list[Sequence[str]] = [
        ("command", "models s", "snapshot s", "tests s", "start to end s", "CPU s", "peak GB"),
        (
            "bare script",
            f"{median(measures.baseline_seconds):.2f}",
            "",
            "",
            *_costs(measures.baseline_runs),
        ),
    ]
    commands += [(name, *_build_costs(builds)) for name, builds in named.items()]
    times = {
        "full": _model_medians(measures.full),
        "frequent": _model_medians(measures.frequent),
        "everything": _model_medians(measures.everything),
    }
    names = sorted(times["full"], key=lambda name: -times["full"][name])
    models: list[Sequence[str]] = [("model, seconds", *times)]
    models += [
        (name, *(f"{taken[name]:.2f}" if name in taken else "" for taken in times.values()))
        for name in names
        if any(taken.get(name, 0) >= 0.05 for taken in times.values())
    ]
    return f"{table(commands)}\n\n{table(models)}"


def _build_costs(builds: Sequence[Build]) -> Sequence[str]:
    tests = ""
    if builds[0].tests:
        tests = f"{median(build.test_seconds for build in builds):.2f} ({builds[0].tests})"
    return (
        f"{_model_seconds(builds):.2f}",
        f"{median(build.snapshot_seconds for build in builds):.2f}",
        tests,
        *_costs([build.run for build in builds]),
    )


def _costs(runs: Sequence[Run]) -> Sequence[str]:
    return (
        f"{median(run.seconds for run in runs):.1f}",
        f"{median(run.cpu_seconds for run in runs):.1f}",
        f"{max(run.peak_bytes for run in runs) / 1e9:.2f}",
    )


def _model_medians(builds: Sequence[Build]) -> dict[str, float]:
    return {name: median(build.models[name] for build in builds) for name in builds[0].models}
