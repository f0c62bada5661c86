"""Goal 9: what a frequent run costs that finds nothing or little new, against dbt's own start.

`dbt parse` on the same project is the baseline: it imports dbt and reads the project, no more.
Statements are what the run sends to the warehouse, transactions' own words left out; on BigQuery
each of them costs money.
"""

import re
from pathlib import Path
from typing import Final

from bench.builds import EVERYTHING, FREQUENT, Builder
from bench.goals import Result, Verdict, median, table
from bench.landing import FEW, land_few, land_for, remove_few, show_increment
from bench.process import say
from bench.settings import Settings

_STATEMENT: Final = re.compile(r"\bOn [\w.]+: (?!BEGIN|COMMIT|ROLLBACK|Close)")
EMPTY: Final = "overhead-empty"
FULL: Final = "overhead-full"
NEW: Final = "overhead-new"


def measure(settings: Settings) -> Result:
    """Measures goal 9 with nothing landed and with BENCH_EVENTS, interleaved with `dbt parse`.

    Raises CommandFailed where a build fails.
    """
    nothing = settings.directory / "nothing"
    nothing.mkdir(parents=True, exist_ok=True)
    place, landed = land_for(settings)
    show_increment(place, landed, shown=False)
    remove_few(place)
    landings = {EMPTY: nothing, FULL: place / "landing"}
    projects = {name: Builder(settings, landing, name) for name, landing in landings.items()}
    for name, builder in projects.items():
        say(f"{name}: a first build")
        builder.remove(name)
        builder.build(name, EVERYTHING)
    costs: dict[str, list[float]] = {"parse": [], EMPTY: [], FULL: [], NEW: []}
    statements: dict[str, int] = {}
    for pair in range(settings.pairs):
        say(f"parse and frequent with nothing new, {pair + 1} of {settings.pairs}")
        costs["parse"].append(projects[EMPTY].command(EMPTY, ("parse",)).cpu_seconds)
        for name, builder in projects.items():
            costs[name].append(builder.build(name, FREQUENT).run.cpu_seconds)
        land_few(place, settings, pair)
        costs[NEW].append(projects[FULL].build(FULL, FREQUENT).run.cpu_seconds)
    for name, builder in projects.items():
        statements[name] = _statements(settings, name, builder)
    land_few(place, settings, settings.pairs)
    statements[NEW] = _statements(settings, FULL, projects[FULL])
    remove_few(place)
    parse = median(costs["parse"])
    ratios = {name: median(costs[name]) / parse for name in (EMPTY, FULL, NEW)}
    rows: list[tuple[str, ...]] = [("a run", "CPU s", "/ parse", "statements")]
    rows.append(("dbt parse", f"{parse:.1f}", "1.00", ""))
    for name, what in (
        (EMPTY, "frequent, nothing landed"),
        (FULL, f"frequent, {settings.events:,} events, nothing new"),
        (NEW, f"frequent, {settings.events:,} events, {FEW:,} new"),
    ):
        seconds = f"{median(costs[name]):.1f}"
        rows.append((what, seconds, f"{ratios[name]:.2f}", str(statements[name])))
    return Result(
        verdicts={
            "overhead_empty": Verdict(f"{ratios[EMPTY]:.2f}", ratios[EMPTY] <= 2.0),
            "overhead_full": Verdict(f"{ratios[FULL]:.2f}", ratios[FULL] <= 2.0),
            "overhead_new": Verdict(f"{ratios[NEW]:.2f}", ratios[NEW] <= 2.5),
            "statements": Verdict(f"{statements[FULL]}", statements[FULL] <= 15),
            "statements_new": Verdict(f"{statements[NEW]}", statements[NEW] <= 60),
        },
        details=table(rows),
        raw={"cpu_seconds": costs, "statements": statements},
    )


def _statements(settings: Settings, name: str, builder: Builder) -> int:
    """How many statements dbt's log of one more run says were sent."""
    log: Path = settings.directory / "logs" / "dbt.log"
    log.unlink(missing_ok=True)
    builder.build(name, (*FREQUENT, "--log-level-file", "debug"))
    return len(_STATEMENT.findall(log.read_text(encoding="utf-8")))
