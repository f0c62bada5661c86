"""Goal 7: the receiver with one fsync per group, with one per request, and landing nothing."""

import shutil
import subprocess
import sys
from typing import Any, Final

from bench.goals import Result, Verdict, median, table
from bench.process import run_worker, say
from bench.settings import PROJECT, Settings

_SECONDS: Final = 8
_CONNECTIONS: Final = 64
_MODES: Final = {
    "grouped": "as it is: one fsync per group",
    "single": "one fsync per request",
    "nothing": "landing nothing",
}


def measure(settings: Settings) -> Result:
    """Measures goal 7, in turns."""
    runs: dict[str, list[dict[str, Any]]] = {mode: [] for mode in _MODES}
    for pair in range(1, settings.pairs + 1):
        say(f"pair {pair} of {settings.pairs}: the receiver under load")
        for mode in _MODES:
            runs[mode].append(_run(settings, mode))
    rates = {mode: median(_rate(run) for run in found) for mode, found in runs.items()}
    over_single, of_nothing = (rates["grouped"] / rates[mode] for mode in ("single", "nothing"))
    growth = max(max(run["memory"]) / run["memory"][0] for run in runs["grouped"])
    return Result(
        verdicts={
            "receive_single": Verdict(
                f"{over_single:.1f} ({rates['grouped']:,.0f} / {rates['single']:,.0f})",
                over_single >= 2.5,
            ),
            "receive_nothing": Verdict(
                f"{of_nothing:.2f} ({rates['grouped']:,.0f} / {rates['nothing']:,.0f})",
                of_nothing >= 0.6,
            ),
            "receive_memory": Verdict(f"{growth:.2f}", growth <= 1.2),
        },
        details=_details(runs, rates),
        raw=dict(runs),
        circumstances={"connections": _CONNECTIONS, "load_seconds": _SECONDS},
    )


def _run(settings: Settings, mode: str) -> dict[str, Any]:
    landing = settings.directory / "received"
    shutil.rmtree(landing, ignore_errors=True)
    command = [sys.executable, "-m", "bench.receive_server", mode, str(landing)]
    server = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip().rpartition(":")[2]
        arguments = (port, str(_SECONDS), str(_CONNECTIONS), str(server.pid))
        log = settings.directory / "logs" / "receive_load.log"
        _, told = run_worker("receive_load", *arguments, log=log)
    finally:
        server.terminate()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()
        shutil.rmtree(landing, ignore_errors=True)
    measured: dict[str, Any] = told
    return measured


def _rate(run: dict[str, Any]) -> float:
    return float(run["requests"] / run["seconds"])


def _details(runs: dict[str, list[dict[str, Any]]], rates: dict[str, float]) -> str:
    rows = [("receiver, 2 KB signed", "requests/s", "p99 ms", "memory MB, first and most")]
    for mode, title in _MODES.items():
        latency = median(run["p99_ms"] for run in runs[mode])
        first = median(run["memory"][0] for run in runs[mode]) / 1e6
        most = max(max(run["memory"]) for run in runs[mode]) / 1e6
        rows.append((title, f"{rates[mode]:,.0f}", f"{latency:.0f}", f"{first:.0f}, {most:.0f}"))
    return table(rows)
