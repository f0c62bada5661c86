"""Goal 10: how soon a refusal that is posted to `contact-sync run` is on the platform's list.

Refusals are posted at random moments, some while a build or a push is under way. The platform is
the sandbox without latency. The baseline is what cron would do: `contact-sync build`, then `push`.
"""

import json
import random
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from bench.builds import Builder
from bench.goals import Result, Verdict, table
from bench.landing import land_for
from bench.process import CommandFailed, run, say
from bench.settings import PROJECT, Settings
from sync.sandbox.server import running

_NAME: Final = "latency"
_REFUSALS: Final = 100
# Seconds between two of them on average; a build lasts about as long.
_GAP: Final = 4.0
_KEY: Final = "bench"
_GOAL: Final = 10.0
_STAGES: Final = """
    select
        epoch(runs.started_at - events.received_at) as until_push,
        epoch(ledger.pushed_at - runs.started_at) as push,
        epoch(ledger.pushed_at - events.received_at) as whole
    from raw.sync_ledger as ledger
    inner join main.events as events on ledger.event_id = events.event_id
    inner join (
        select run_id, min(started_at) as started_at from raw.sync_runs group by run_id
    ) as runs on ledger.run_id = runs.run_id
    where ledger.outcome = 'confirmed' and ledger.address like 'refused-%'
"""


def measure(settings: Settings) -> Result:
    """Measures goal 10. Raises CommandFailed where a refusal was not obeyed."""
    place, landed = land_for(settings)
    builder = Builder(settings, place / "landing", _NAME)
    builder.remove(_NAME)
    builder.database(_NAME).parent.mkdir(parents=True)
    with running(rate=None, environment={"SENDGRID_API_KEY": _KEY}) as url:
        environment = builder.environment(_NAME) | {
            "SENDGRID_API_KEY": _KEY,
            "SENDGRID_BASE_URL": f"{url}/sendgrid",
            "SENDGRID_RATE": "0",
        }
        commands = _Commands(environment, settings.directory / "logs")
        say("a first build, and a push of all that is pending")
        commands.run("build", "everything")
        told = json.loads(commands.run("plan", "--output", "json").output)
        commands.run("push", "--plan", told["hash"])
        commands.run("build")
        turn = sum(commands.run(name).seconds for name in ("build", "push"))
        say(f"{_REFUSALS} refusals, one in {_GAP:g} s on average")
        with _receiving(environment, settings.directory / "logs") as (receiver, memory):
            answered = _post_all(receiver, settings.seed)
            _wait_for(url, _REFUSALS)
            peak = memory()
    stages = _stages(builder.database(_NAME))
    return _result(answered, stages, turn, peak, landed)


class _Commands:
    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self._environment, self._logs = environment, logs

    def run(self, *arguments: str) -> Any:
        log = self._logs / f"{_NAME}-{arguments[0]}.log"
        return run([sys.executable, "-m", "sync", *arguments], log, self._environment)


@contextmanager
def _receiving(environment: dict[str, str], logs: Path) -> Iterator[tuple[str, Any]]:
    log = logs / f"{_NAME}-run.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "sync", "run", "--port", "0", "--allow-unsigned", "sendgrid"],
            cwd=PROJECT,
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        for _ in range(600):
            if "build: ok" in log.read_text():
                break
            time.sleep(0.2)
        else:
            raise CommandFailed(f"the run did not build: {log}")
        yield (
            log.read_text().split("Receiver at ")[1].split(",")[0],
            lambda: _resident(process.pid),
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _resident(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


def _post_all(receiver: str, seed: int) -> list[float]:
    """Seconds until each was answered."""
    dice = random.Random(seed)
    answered = []
    for number in range(_REFUSALS):
        time.sleep(dice.expovariate(1 / _GAP))
        event = {
            "email": f"refused-{number}@bench.example",
            "event": "spamreport",
            "timestamp": int(time.time()),
            "sg_event_id": f"refused-{number}",
        }
        request = urllib.request.Request(
            f"{receiver}/webhooks/sendgrid",
            json.dumps([event]).encode(),
            {"Content-Type": "application/json"},
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
        answered.append(time.perf_counter() - began)
    return answered


def _wait_for(sandbox: str, count: int) -> None:
    """Nobody is fast by leaving somebody out."""
    for _ in range(60):
        with urllib.request.urlopen(f"{sandbox}/_sandbox/lists.json", timeout=30) as answer:
            listed = json.loads(answer.read())["sendgrid"]["global"]
        if sum(address.startswith("refused-") for address in listed) == count:
            return
        time.sleep(1)
    raise CommandFailed("not every refusal reached the platform within a minute")


def _stages(database: Path) -> dict[str, list[float]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(_STAGES).fetchall()
    if len(rows) != _REFUSALS:
        raise CommandFailed(f"the ledger confirms {len(rows)} of {_REFUSALS} refusals")
    return dict(
        zip(("until_push", "push", "whole"), map(list, zip(*rows, strict=True)), strict=True)
    )


def _result(
    answered: list[float], stages: dict[str, list[float]], turn: float, peak: int, landed: Any
) -> Result:
    rows: list[Sequence[str]] = [("stage", "median s", "95 % within", "most")]
    for name, values in (
        ("answered: the refusal is on the disk", answered),
        ("until the push begins: wait, build", stages["until_push"]),
        ("push: until the platform's answer is recorded", stages["push"]),
        ("from arrival to obeyed", stages["whole"]),
    ):
        rows.append((name, *(f"{value:.2f}" for value in _quantiles(values))))
    rows.append(("contact-sync build, then push, as commands", f"{turn:.2f}", "", ""))
    worst = _quantiles(stages["whole"])[1]
    return Result(
        verdicts={"latency": Verdict(f"{worst:.1f} s", worst <= _GOAL)},
        details=f"{table(rows)}\nThe run's own process: at most {peak / 1e6:,.0f} MB.",
        raw={"answered": answered, "stages": stages, "turn": turn, "peak_bytes": peak},
        circumstances={"refusals": _REFUSALS, "landed": landed},
    )


def _quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    return statistics.median(values), statistics.quantiles(values, n=20)[-1], max(values)
