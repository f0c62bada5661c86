"""Goal 5: sync_deltas of one destination over a large ledger, against a bare query."""

from typing import Any

from bench.goals import Result, Verdict, median, table
from bench.process import run_worker, say
from bench.settings import Settings


def measure(settings: Settings) -> Result:
    """Measures goal 5 at BENCH_LEDGER_ROWS."""
    say(f"sync_deltas over a ledger of {settings.ledger_rows:,} rows")
    arguments = (settings.directory, settings.ledger_rows, settings.pairs)
    log = settings.directory / "logs" / "deltas.log"
    _, told = run_worker("deltas", *map(str, arguments), log=log)
    seconds = median(told["seconds"])
    return Result(
        verdicts={
            "deltas": Verdict(
                f"{seconds:.2f} s at {told['ledger_rows']:,} rows "
                f"(bare query: {median(told['baseline_seconds']):.2f} s)",
                seconds <= 0.5,
            )
        },
        details=_details(told),
        raw=told,
        circumstances={
            name: told[name] for name in ("ledger_rows", "known_rows", "list_rows", "deltas")
        },
    )


def _details(told: dict[str, Any]) -> str:
    rows = [
        ("ledger", "seconds"),
        ("sync_deltas of one destination, into a table", f"{median(told['seconds']):.3f}"),
        ("the bare query, into a table", f"{median(told['baseline_seconds']):.3f}"),
        ("one destination, as the CLI reads it", f"{median(told['cli_seconds']):.3f}"),
        ("five destinations, as the CLI reads them", f"{median(told['cli_all_seconds']):.3f}"),
        ("int_deltas, of everybody", f"{told['deltas_seconds']:.3f}"),
        ("int_ledger_latest, full build", f"{told['compact_seconds']:.3f}"),
        ("int_ledger_latest, increment", f"{told['merge_seconds']:.3f}"),
        ("rows in which view and bare query differ", str(told["different"])),
    ]
    return table(rows)
