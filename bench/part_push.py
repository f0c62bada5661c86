"""Goal 6: push against dlt and against one call per address, and drains under a limit."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench.builds import FULL, Builder
from bench.goals import Result, Verdict, median, table
from bench.process import CommandFailed, Run, run_worker, say
from bench.server import counts, serving
from bench.settings import PROJECT, Settings

_NAME: Final = "push"
_BATCH: Final = 1_000
_SAMPLE: Final = 2_000
"""Addresses that are sent one by one: all of them would take an hour."""
_RATE: Final = 10
_CALLS: Final = 200
"""Calls of one drain."""
_LATENCIES: Final = {"drain_short": 0.1, "drain_long": 0.4}
_DLT: Final = PROJECT / ".tools/dlt/bin/python"
_SENDERS: Final = {
    "push": "contact-sync push",
    "dlt": "dlt, its default: rows, stored as JSON",
    "dlt_arrow": "dlt, from Arrow tables, stored as Parquet",
    "client": "one call per address, one kept-alive client",
    "post": "one call per address, httpx.post",
}


def measure(settings: Settings) -> Result:
    """Measures goal 6. Raises CommandFailed where dlt's environment is missing."""
    if not _DLT.is_file():
        raise CommandFailed(f"{_DLT} is missing: `make bench` installs it")
    measurer = _Measurer(settings)
    rates, raw = measurer.rates()
    drains = measurer.drains()
    measurer.close()
    medians = {name: median(values) for name, values in rates.items()}
    return Result(
        verdicts=_judge(medians, drains),
        details=_details(medians, raw, drains),
        raw={"items_per_second": rates, "runs": raw, "drains": drains},
        circumstances={"push_rows": settings.push_rows, "push_batch": _BATCH},
    )


class _Measurer:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._logs = settings.directory / "logs"
        builder = self._builder = Builder(settings, settings.directory / "nothing")
        say(f"a database with {settings.push_rows:,} deltas to push")
        builder.remove(_NAME)
        builder.build(_NAME, FULL)
        self._database = builder.database(_NAME)
        self._worker("push_stock", str(self._database), str(settings.push_rows))

    def close(self) -> None:
        """Deletes the databases."""
        self._builder.remove(_NAME)
        self._builder.remove("pushed")

    def rates(self) -> tuple[dict[str, list[float]], dict[str, list[dict[str, Any]]]]:
        """Items per second of each sender in each pair, and all that was told of each run."""
        rates: dict[str, list[float]] = {name: [] for name in _SENDERS}
        runs: dict[str, list[dict[str, Any]]] = {}
        for pair in range(1, self._settings.pairs + 1):
            say(f"pair {pair} of {self._settings.pairs}: push, dlt, one by one")
            for name, told in (
                ("push", self._push(0, _BATCH)),
                ("dlt", self._dlt("jsonl")),
                ("dlt_arrow", self._dlt("parquet")),
            ):
                rates[name].append(self._settings.push_rows / told["seconds"])
                runs.setdefault(name, []).append(told)
            told = self._one_by_one()
            for name in ("client", "post"):
                rates[name].append(told[f"{name}_per_second"])
            runs.setdefault("one by one", []).append(told)
        return rates, runs

    def drains(self) -> dict[str, dict[str, Any]]:
        """One push of each latency under the limit."""
        size = -(-self._settings.push_rows // _CALLS)
        found = {}
        for name, latency in _LATENCIES.items():
            say(f"drain at {_RATE} calls a second, latency {latency} s")
            told = self._push(_RATE, size, latency)
            ideal = (told["calls"] - told["refused"]) / _RATE
            found[name] = told | {"latency": latency, "ideal_seconds": ideal}
        return found

    def _push(self, rate: int, size: int, latency: float = 0.0) -> dict[str, Any]:
        self._builder.copy(_NAME, to="pushed")
        database = str(self._builder.database("pushed"))
        with serving(rate, latency) as url:
            told = self._worker("push_ours", database, url, str(rate), str(size))
            return self._check(told | counts(url))

    def _dlt(self, storage: str) -> dict[str, Any]:
        place = self._settings.directory / "dlt"
        shutil.rmtree(place, ignore_errors=True)
        arguments = (storage, str(place))
        with serving() as url:
            told = self._worker("push_dlt", str(self._database), url, *arguments, python=_DLT)
            return self._check(told | counts(url))

    def _one_by_one(self) -> dict[str, Any]:
        with serving() as url:
            return self._worker("push_single", str(self._database), url, str(_SAMPLE))

    def _check(self, told: dict[str, Any]) -> dict[str, Any]:
        """Nobody is fast by leaving something out."""
        if told["addresses"] != self._settings.push_rows:
            raise CommandFailed(f"not every address arrived: {told}")
        return told

    def _worker(self, module: str, *arguments: str, python: Path | None = None) -> dict[str, Any]:
        log = self._logs / f"{module}.log"
        done, told = run_worker(module, *arguments, log=log, python=python)
        return {**told, "process": _cost(done)}


def _cost(done: Run) -> dict[str, float]:
    return {name: value for name, value in asdict(done).items() if name != "output"}


def _judge(rates: dict[str, float], drains: dict[str, dict[str, Any]]) -> dict[str, Verdict]:
    dlt, single = rates["push"] / rates["dlt"], rates["push"] / rates["client"]
    verdicts = {
        "push_dlt": Verdict(f"{dlt:.1f} ({rates['push']:,.0f} / {rates['dlt']:,.0f})", dlt >= 3),
        "push_single": Verdict(
            f"{single:.0f} ({rates['push']:,.0f} / {rates['client']:,.0f}, kept alive)",
            single >= 100,
        ),
    }
    for name, drain in drains.items():
        ratio = drain["seconds"] / drain["ideal_seconds"]
        seconds = f"{drain['seconds']:.1f} s / {drain['ideal_seconds']:.1f} s"
        verdicts[name] = Verdict(f"{ratio:.3f} ({seconds})", ratio <= 1.05)
    refused = sum(drain["refused"] for drain in drains.values())
    calls = sum(drain["calls"] for drain in drains.values())
    verdicts["refusals"] = Verdict(f"{refused} of {calls}", refused <= 0.01 * calls)
    return verdicts


def _details(
    rates: dict[str, float],
    runs: dict[str, list[dict[str, Any]]],
    drains: dict[str, dict[str, Any]],
) -> str:
    rows: list[Sequence[str]] = [("sender", "items/s", "process s", "CPU s", "peak GB")]
    for name, title in _SENDERS.items():
        costs = [run["process"] for run in runs.get(name, [])]
        told = (
            (
                f"{median(cost['seconds'] for cost in costs):.1f}",
                f"{median(cost['cpu_seconds'] for cost in costs):.1f}",
                f"{max(cost['peak_bytes'] for cost in costs) / 1e9:.2f}",
            )
            if costs
            else ("", "", "")
        )
        rows.append((title, f"{rates[name]:,.0f}", *told))
    limited: list[Sequence[str]] = [("drain, latency", "calls", "refused", "seconds", "calls/rate")]
    limited += [
        (
            f"{drain['latency']} s",
            str(drain["calls"]),
            str(drain["refused"]),
            f"{drain['seconds']:.2f}",
            f"{drain['ideal_seconds']:.2f}",
        )
        for drain in drains.values()
    ]
    return f"{table(rows)}\n\n{table(limited)}"
