"""`make soak`: `contact-sync run` under traffic for an hour; it must lose nothing and leak nothing.

Webhooks of people who complain, bounce, opt out and opt in again; a platform that fails for a
while, a restart in the middle. At the end the platform's list must be what the mart says, and every
event that was answered must be there once. Exits 1 with what differs.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from bench.process import run, say
from bench.settings import PROJECT
from sync.sandbox.server import running

_KEY: Final = "soak"
#: Requests a second, events a request, and how many people they are about.
_RATE: Final = 2.0
_BATCH: Final = 5
_PEOPLE: Final = 5_000
#: Seconds between two looks at the processes.
_LOOK_EVERY: Final = 10.0
#: What memory may grow by after the warm-up, from the first third of the looks to the last.
_GROWTH: Final = 1.3
#: Looks that count as warm-up, and how many more tell anything.
_WARM_UP = _FEWEST = 30
#: What SendGrid says of people, how often, and what that is for us.
_SAID: Final = {"delivered": 60, "open": 25, "spamreport": 1, "bounce": 3, "unsubscribe": 6}
_MEANT: Final = {"spamreport": "complaint"}

#: Address, type, and second of an event.
Event = tuple[str, str, int]
_SECONDS_TO_SETTLE: Final = 300


class Traffic:
    """Posts webhooks, and keeps in mind what was answered."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._number = 0
        self.answered: Counter[Event] = Counter()
        self.refused = 0

    def post(self, receiver: str) -> None:
        """One request. What is not answered counts as refused: a platform sends it again."""
        try:
            if self._dice.random() < 0.1:
                self._opt_in(receiver)
            else:
                self._batch(receiver)
        except OSError:
            self.refused += 1

    def _batch(self, receiver: str) -> None:
        kinds = self._dice.choices(list(_SAID), list(_SAID.values()), k=_BATCH)
        told = [(self._somebody(), kind, int(time.time())) for kind in kinds]
        self._number += 1
        events = [
            {"email": email, "event": kind, "timestamp": at, "sg_event_id": f"{self._number}-{n}"}
            for n, (email, kind, at) in enumerate(told)
        ]
        _post(f"{receiver}/webhooks/sendgrid", json.dumps(events).encode(), "application/json")
        self.answered.update((email, _MEANT.get(kind, kind), at) for email, kind, at in told)

    def _opt_in(self, receiver: str) -> None:
        somebody, at = self._somebody(), int(time.time())
        fields = {
            "type": "subscribe",
            "fired_at": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}",
            "data[email]": somebody,
            "data[list_id]": "soak",
        }
        body = urllib.parse.urlencode(fields).encode()
        _post(f"{receiver}/webhooks/mailchimp", body, "application/x-www-form-urlencoded")
        self.answered[somebody, "subscribe", at] += 1

    def _somebody(self) -> str:
        return f"person-{self._dice.randrange(_PEOPLE)}@soak.example"


class Service:
    """A run, which can be started again, and what its processes hold."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment, self._log = environment, log
        self._process: subprocess.Popen[bytes] | None = None
        self.receiver = ""
        #: Of each start, by process: bytes and open files at each look.
        self.looks: list[dict[str, list[tuple[int, int]]]] = []

    def start(self) -> None:
        """Returns once it receives."""
        with self._log.open("ab") as out:
            begins = out.tell()
            unsigned = ("--allow-unsigned", "sendgrid", "--allow-unsigned", "mailchimp")
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sync", "run", "--port", "0", *unsigned],
                cwd=PROJECT,
                env=dict(self._environment),
                stdout=out,
                stderr=out,
            )
        self.looks.append({"run": [], "builder": []})
        for _ in range(300):
            said = self._log.read_text(encoding="utf-8")[begins:]
            if "Receiver at " in said:
                self.receiver = said.split("Receiver at ")[1].split(",")[0]
                return
            time.sleep(0.2)
        raise SystemExit(f"The run did not begin to receive: {self._log}")

    def stop(self) -> float:
        """Seconds until it had ended."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        if code != 0:
            raise SystemExit(f"The run ended with {code}: {self._log}")
        return time.monotonic() - began

    def look(self) -> None:
        """Notes what its processes hold now."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise SystemExit(f"The run died: {self._log}")
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        # Threads start it, too: any of theirs.
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            children += path.read_text(encoding="ascii").split()
        for name, number in (("run", str(pid)), *(("builder", one) for one in set(children))):
            found = _held(number)
            if found is not None:
                self.looks[-1][name].append(found)

    def builds(self) -> int:
        """How many ended well."""
        return self._log.read_text(encoding="utf-8").count("build: ok")


def _held(pid: str) -> tuple[int, int] | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return int(status.split("VmRSS:")[1].split()[0]) * 1024, files
    except (OSError, IndexError):
        # It has just ended.
        return None


def _post(url: str, body: bytes, kind: str) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def _ask(url: str, method: str = "GET", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


@contextmanager
def _place(directory: Path) -> Iterator[tuple[dict[str, str], str]]:
    """A built and pushed project with a sandbox: the environment of its commands, the sandbox."""
    shutil.rmtree(directory, ignore_errors=True)
    landing = directory / "landing" / "webhook_deliveries" / "source=sendgrid" / "date=2026-01-01"
    landing.mkdir(parents=True)
    first = {"email": "first@soak.example", "event": "spamreport", "timestamp": 1_767_225_600}
    line = {"delivery_id": "first", "received_at": "2026-01-01T00:00:00Z"}
    line["payload"] = json.dumps([{**first, "sg_event_id": "first"}])
    (landing / "first.ndjson").write_text(json.dumps(line) + "\n", encoding="utf-8")
    (directory / "profiles.yml").write_text(
        (PROJECT / "profiles.example.yml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with running(rate=None, environment={"SENDGRID_API_KEY": _KEY}) as sandbox:
        environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("DBT_")},
            "CONTACT_SYNC_LANDING": str(directory / "landing"),
            "CONTACT_SYNC_DUCKDB": str(directory / "contact_sync.duckdb"),
            "DBT_PROFILES_DIR": str(directory),
            "DBT_TARGET_PATH": str(directory / "target"),
            "DBT_LOG_PATH": str(directory / "logs"),
            "SENDGRID_API_KEY": _KEY,
            "SENDGRID_BASE_URL": f"{sandbox}/sendgrid",
            "SENDGRID_RATE": "0",
        }
        say("a first build, and a first push")
        command = [sys.executable, "-m", "sync"]
        run([*command, "build", "everything"], directory / "build.log", environment)
        plan = run([*command, "plan", "--output", "json"], directory / "plan.log", environment)
        told = json.loads(plan.output)["hash"]
        run([*command, "push", "--plan", told], directory / "push.log", environment)
        yield environment, sandbox


def _traffic(service: Service, traffic: Traffic, sandbox: str, seconds: float) -> None:
    """Half of the time before a restart; the platform fails for a tenth of it, after a quarter."""
    began = time.monotonic()
    next_look, failing, restarted = 0.0, False, False
    while (passed := time.monotonic() - began) < seconds:
        if not failing and 0.25 * seconds < passed < 0.35 * seconds:
            failing = True
            say("the platform answers with errors from now on")
            _ask(f"{sandbox}/_sandbox/faults", "POST", {"kind": "error"})
        if failing and passed > 0.35 * seconds:
            failing = False
            say("the platform is well again")
            _ask(f"{sandbox}/_sandbox/faults", "DELETE")
        if not restarted and passed > 0.5 * seconds:
            restarted = True
            say(f"SIGTERM: ended in {service.stop():.1f} s; started again")
            service.start()
        if passed > next_look:
            next_look = passed + _LOOK_EVERY
            service.look()
        traffic.post(service.receiver)
        time.sleep(1 / _RATE)


def _differences(database: Path, sandbox: str) -> list[str]:
    """What the platform's list and the mart disagree in; nothing while neither can be read."""
    with duckdb.connect(str(database), read_only=True) as connection:
        listed = connection.execute(
            "select distinct address from main.suppression_list where channel = 'email'"
        ).fetchall()
    there = set(_ask(f"{sandbox}/_sandbox/lists.json")["sendgrid"]["global"])
    here = {address for (address,) in listed}
    return [
        *(f"on the list and not at the platform: {one}" for one in sorted(here - there)),
        *(f"at the platform and not on the list: {one}" for one in sorted(there - here)),
    ]


def _settle(published: Path, sandbox: str) -> None:
    """Waits until the copy that readers have and the platform are equal twice in a row."""
    equal = 0
    for _ in range(_SECONDS_TO_SETTLE // 5):
        time.sleep(5)
        equal = equal + 1 if published.exists() and not _differences(published, sandbox) else 0
        if equal == 3:
            return


def _check(database: Path, sandbox: str, traffic: Traffic) -> list[str]:
    faults = _differences(database, sandbox)
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            "select address, event_type, epoch(event_timestamp)::bigint from main.events"
            " where address like 'person-%'"
        ).fetchall()
    found = Counter(rows)
    for what, events in (("lost", traffic.answered - found), ("extra", found - traffic.answered)):
        if events:
            # Of a request that was cut off by the restart, nobody knows.
            is_known = what == "lost" or events.total() > traffic.refused * _BATCH
            first = next(iter(events))
            faults += [f"{events.total():,} events are {what}, the first {first}"] * is_known
    return faults


def _leaks(service: Service) -> list[str]:
    """Prints what the processes held; gives what grew."""
    faults = []
    for number, looks in enumerate(service.looks, 1):
        for name, all_held in looks.items():
            held = all_held[_WARM_UP:]
            third = len(held) // 3
            if len(held) < _FEWEST:
                print(f"  start {number}, {name}: too short to tell whether it grows")
                continue
            for what, values, unit in (
                ("memory", [one / 1e6 for one, _ in held], "MB"),
                ("open files", [float(one) for _, one in held], ""),
            ):
                first = statistics.median(values[:third])
                last = statistics.median(values[-third:])
                print(
                    f"  start {number}, {name}: {what} {first:,.0f} {unit} in the first third, "
                    f"{last:,.0f} in the last, {max(values):,.0f} at most"
                )
                if last > first * _GROWTH:
                    faults.append(f"{what} of {name} grew from {first:,.0f} to {last:,.0f} {unit}")
    return faults


def main() -> None:
    """Runs it, and exits 1 where something was lost or leaked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    directory = PROJECT / ".bench" / "soak"
    traffic = Traffic(asked.seed)
    with _place(directory) as (environment, sandbox):
        database = directory / "contact_sync.duckdb"
        service = Service(environment, directory / "run.log")
        service.start()
        say(f"traffic for {asked.minutes:g} minutes, about {_PEOPLE:,} people")
        _traffic(service, traffic, sandbox, asked.minutes * 60)
        say("traffic has ended: waits until all is obeyed")
        _settle(database.with_name(f"{database.name}.published") / database.name, sandbox)
        say(f"SIGTERM: ended in {service.stop():.1f} s")
        faults = _check(database, sandbox, traffic)
        listed = len(_ask(f"{sandbox}/_sandbox/lists.json")["sendgrid"]["global"])
        print(
            f"  {traffic.answered.total():,} events answered, {traffic.refused:,} requests not; "
            f"{service.builds():,} builds; {listed:,} listed"
        )
    faults += _leaks(service)
    for fault in faults:
        print(f"  FAULT: {fault}")
    sys.exit(1 if faults else print("  nothing lost, nothing leaked, the lists are equal"))


if __name__ == "__main__":
    main()
