"""`contact-sync run` under an hour of traffic: nothing lost or leaked, lists equal to the mart.

As a program (`python -m bench.soak --minutes 60`) it posts made-up webhooks of five platforms to a
run, whose platforms are the sandbox's. In the middle the run is ended by SIGTERM and started again;
later one destination fails for a few minutes. At the end it waits until nothing is pending, and
compares. Exit code 1 where anything differs, grows or is missing.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import duckdb

from bench.builds import Builder
from bench.goals import table
from bench.process import CommandFailed, run, say
from bench.settings import PROJECT, read_settings
from sync.demo.generator import land
from sync.demo.platforms import enable, everyone, settings
from sync.sandbox.server import running

#: Whom it pushes to, and on which channel.
DESTINATIONS: Final = {
    "sendgrid": "email",
    "mailgun": "email",
    "postmark": "email",
    "twilio": "sms",
}
_SOURCES: Final = ("sendgrid", "mailgun", "postmark", "twilio", "segment")
_FAILING: Final = "mailgun"
_PEOPLE: Final = 2_000
_HISTORY: Final = 2_000
#: Seconds between two looks at the processes, and of what is no steady state yet.
_LOOK_EVERY: Final = 5.0
_WARM_UP: Final = 120.0
_GROWTH: Final = 1.3
_MORE_FILES: Final = 8
#: Seconds to wait for: the end after SIGTERM, and that nothing is pending.
_PATIENCE: Final = 30.0
_UNTIL_QUIET: Final = 900.0
_GUARDS: Final = ("--max-suppress", "100%:1000000", "--max-release", "100%:1000000")
_TOKEN: Final = re.compile(r"soak(\d{8})")


class Posted:
    """A delivery that was posted. unclear: attempts without an answer, which may have landed."""

    __slots__ = ("is_answered", "unclear")

    def __init__(self) -> None:
        self.is_answered = False
        self.unclear = 0


@dataclass(slots=True)
class Traffic:
    """Posts until told to stop; what gets no 2xx is posted again, as a platform does."""

    url: str
    rate: float
    dice: random.Random
    posted: list[Posted] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def post_all(self) -> None:
        """Until `stop`, and then what is still without an answer."""
        while not self.stop.wait(self.dice.expovariate(self.rate)):
            number = len(self.posted)
            source, kind, body, form = _delivery(self.dice, number)
            self.kinds[f"{source} {kind}"] += 1
            self.posted.append(Posted())
            data = urlencode(body).encode() if form else body
            assert isinstance(data, bytes)
            self._post(source, data, self.posted[-1], is_form=form)

    def _post(self, source: str, data: bytes, posted: Posted, *, is_form: bool) -> None:
        kind = "application/x-www-form-urlencoded" if is_form else "application/json"
        while True:
            request = urllib.request.Request(
                f"{self.url}/webhooks/{source}", data, {"Content-Type": kind}
            )
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    answer.read()
                posted.is_answered = True
                return
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise CommandFailed(f"{source}: {error.code} {error.read()!r}") from None
            except OSError as error:
                cause = getattr(error, "reason", error)
                posted.unclear += not isinstance(cause, ConnectionRefusedError)
            self.retries += 1
            time.sleep(0.5)


def _delivery(dice: random.Random, number: int) -> tuple[str, str, Any, bool]:
    """Source, kind, body, and whether it is a form."""
    token, who = f"soak{number:08d}", dice.randrange(_PEOPLE)
    email, phone = f"person-{who}@soak.example", f"+1415{5550000 + who}"
    now = time.time()
    iso = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z"
    source, kind = dice.choices([pair for pair, _ in _MIX], [share for _, share in _MIX])[0]
    if kind == "cut":
        return source, kind, f'[{{"email": "{email}", "id": "{token}'.encode(), False
    body: Any
    if source == "sendgrid":
        body = [{"email": email, "event": kind, "timestamp": int(now), "sg_event_id": token}]
        if kind == "bounce":
            body[0] |= {"type": "bounce", "status": "5.1.1", "reason": "550 unknown"}
    elif source == "mailgun":
        data = {"event": kind, "id": token, "timestamp": now, "recipient": email}
        body = {"event-data": data, "signature": {}}
    elif source == "postmark":
        body = {"RecordType": "SubscriptionChange", "MessageID": token, "ChangedAt": iso}
        body |= {"MessageStream": "outbound", "Recipient": email, "Origin": "Recipient"}
        body |= {"SuppressSending": kind == "off"}
        body |= {"SuppressionReason": "ManualSuppression" if kind == "off" else None}
    elif source == "segment":
        body = {"type": "track", "event": "Marketing Preference Updated", "messageId": token}
        body |= {
            "userId": f"soaked-{who}",
            "timestamp": iso,
            "context": {"traits": {"email": email}},
        }
        properties = {
            "channel": "email",
            "new_status": kind,
            "source_of_change": "preference_center",
        }
        body |= {"properties": properties}
    else:
        body = {"MessageSid": token, "From": phone, "To": "+12025550100", "Body": kind}
        body |= {"OptOutType": kind, "SmsStatus": "received", "NumMedia": "0"}
        body |= {"MessagingServiceSid": "MG00000000000000000000000000000001"}
        return source, kind, body, True
    return source, kind, json.dumps(body).encode(), False


_MIX: Final = (
    (("sendgrid", "delivered"), 30),
    (("sendgrid", "open"), 15),
    (("sendgrid", "unsubscribe"), 6),
    (("sendgrid", "spamreport"), 3),
    (("sendgrid", "bounce"), 5),
    (("sendgrid", "cut"), 1),
    (("mailgun", "delivered"), 10),
    (("mailgun", "unsubscribed"), 4),
    (("mailgun", "complained"), 2),
    (("postmark", "off"), 4),
    (("postmark", "on"), 3),
    (("segment", "subscribed"), 6),
    (("segment", "unsubscribed"), 3),
    (("twilio", "STOP"), 5),
    (("twilio", "START"), 3),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process: seconds since the soak began, resident bytes, open files."""

    at: float
    rss: int
    files: int


class Watched:
    """The run as a process, and what it and its builder need."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self.began = time.monotonic()
        with log.open("a") as out:
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env=dict(environment), stdout=out, stderr=out
            )
        self.samples: dict[str, list[Sample]] = {"run": [], "builder": []}

    def look(self, at: float) -> None:
        """Notes what the processes need now."""
        for name, pids in (("run", [self.process.pid]), ("builder", self._builders())):
            for pid in pids:
                try:
                    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                    files = len([*Path(f"/proc/{pid}/fd").iterdir()])
                except OSError:
                    # It ended.
                    continue
                page = os.sysconf("SC_PAGE_SIZE")
                self.samples[name].append(Sample(at, resident * page, files))

    def _builders(self) -> list[str]:
        pid = self.process.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for thread in Path(f"/proc/{pid}/task").iterdir():
                children += (thread / "children").read_text().split()
            return [
                child
                for child in dict.fromkeys(children)
                if b"sync.run.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
            ]
        except OSError:
            return []

    def end(self) -> tuple[float, int]:
        """SIGTERM; gives the seconds that the end took, and the exit code."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(4 * _PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        return time.monotonic() - began, code


@dataclass(slots=True)
class Soak:
    """One soak in a folder of its own."""

    minutes: float
    rate: float
    seed: int
    directory: Path
    faults: list[str] = field(default_factory=list)
    runs: list[Watched] = field(default_factory=list)
    began: float = 0.0

    def run(self) -> int:
        """Gives the exit code."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        landing = self.directory / "landing"
        land(landing, events=_HISTORY, seed=self.seed, people=_HISTORY // 5, days=30, logs=False)
        enable(PROJECT, self.directory / "project", DESTINATIONS)
        with running() as sandbox:
            environment = self._environment(landing) | settings(sandbox)
            self._prepare(environment)
            self._soak(sandbox, environment, landing)
        for fault in self.faults:
            print(f"FAULT: {fault}")
        print("Nothing differs." if not self.faults else f"{len(self.faults)} faults.")
        return 1 if self.faults else 0

    def _environment(self, landing: Path) -> dict[str, str]:
        builder = Builder(read_settings({"BENCH_DIR": str(self.directory)}), landing)
        builder.database("soak").parent.mkdir(parents=True)
        project = {"DBT_PROJECT_DIR": str(self.directory / "project")}
        return builder.environment("soak") | project

    @property
    def _database(self) -> Path:
        return self.directory / "databases" / "soak" / "contact_sync.duckdb"

    def _prepare(self, environment: dict[str, str]) -> None:
        say("a first build, and a push of all that is pending")
        self._command(environment, "build", "everything")
        plan = _json(environment, "plan", *_GUARDS)
        self._command(environment, "push", *_GUARDS, "--plan", plan["hash"])

    def _command(self, environment: dict[str, str], *arguments: str) -> None:
        log = self.directory / "logs" / f"{arguments[0]}.log"
        run([sys.executable, "-m", "sync", *arguments], log, environment)

    def _soak(self, sandbox: str, environment: dict[str, str], landing: Path) -> None:
        port = _free_port()
        command = [sys.executable, "-m", "sync", "run", "--port", str(port), *_GUARDS]
        command += [word for name in _SOURCES for word in ("--allow-unsigned", name)]

        def start() -> Watched:
            return Watched(command, environment, self.directory / "logs" / "run.log")

        self.began = time.monotonic()
        self.runs.append(start())
        traffic = Traffic(f"http://127.0.0.1:{port}", self.rate, random.Random(self.seed))
        failed: list[BaseException] = []
        thread = threading.Thread(target=_noting(traffic.post_all, failed), daemon=True)
        thread.start()
        say(f"{self.minutes:g} minutes of {self.rate:g} deliveries a second; {self.runs[0].log}")
        try:
            self._play(sandbox, start, failed)
            traffic.stop.set()
            thread.join(120)
            if thread.is_alive() or failed:
                raise CommandFailed(f"posting ended early: {failed or 'no answer'}")
            say(f"{len(traffic.posted):,} posted; waiting until nothing is pending")
            self._wait_until_quiet(environment)
            self._end(self.runs[-1])
        finally:
            if self.runs[-1].process.poll() is None:
                self.runs[-1].process.kill()
        self._compare(sandbox, traffic, landing)
        self._tell(traffic)

    def _play(
        self, sandbox: str, start: Callable[[], Watched], failed: list[BaseException]
    ) -> None:
        """The minutes themselves: the restart in the middle, the fault after it."""
        length = self.minutes * 60
        trouble = min(300.0, length / 6)
        acts: list[tuple[float, Callable[[], None]]] = [
            (length * 0.5, lambda: self._restart(start)),
            (length * 0.65, lambda: _set_fault(sandbox, is_on=True)),
            (length * 0.65 + trouble, lambda: _set_fault(sandbox, is_on=False)),
        ]
        while (passed := time.monotonic() - self.began) < length and not failed:
            if acts and passed >= acts[0][0]:
                acts.pop(0)[1]()
            self.runs[-1].look(time.monotonic() - self.began)
            if self.runs[-1].process.poll() is not None:
                code = self.runs[-1].process.returncode
                raise CommandFailed(f"the run ended by itself with {code}: {self.runs[-1].log}")
            time.sleep(_LOOK_EVERY)
        for _, act in acts:
            act()

    def _restart(self, start: Callable[[], Watched]) -> None:
        self._end(self.runs[-1])
        self.runs.append(start())

    def _end(self, watched: Watched) -> None:
        seconds, code = watched.end()
        say(f"SIGTERM: the run ended after {seconds:.1f} s with {code}")
        if seconds > _PATIENCE or code != 0:
            self.faults.append(f"SIGTERM: {seconds:.1f} s, exit code {code}")

    def _wait_until_quiet(self, environment: dict[str, str]) -> None:
        """Until a build that began after the last delivery is done, and a plan is empty."""
        ended = datetime.now(UTC).replace(tzinfo=None)
        until = time.monotonic() + _UNTIL_QUIET
        while time.monotonic() < until:
            plan = _json(environment, "plan", *_GUARDS)
            if plan and not sum(part["items"] for part in plan["destinations"]):
                build = _json(environment, "status").get("build")
                if build and datetime.fromisoformat(build["started_at"].rstrip("Z")) > ended:
                    return
            time.sleep(_LOOK_EVERY)
        self.faults.append(f"something is still pending after {_UNTIL_QUIET:.0f} s")

    def _compare(self, sandbox: str, traffic: Traffic, landing: Path) -> None:
        landed = _landed(landing)
        answered = [number for number, one in enumerate(traffic.posted) if one.is_answered]
        lost = [number for number in answered if number not in landed]
        often = [
            number
            for number in answered
            if len(landed.get(number, ())) > 1 + traffic.posted[number].unclear
        ]
        with duckdb.connect(str(self._database), read_only=True) as connection:
            seen = {
                row[0]
                for row in connection.execute(
                    "select delivery_id from events union"
                    " select delivery_id from quarantined_deliveries"
                ).fetchall()
            }
            unseen = [n for n in answered if n in landed and not seen.intersection(landed[n])]
            for what, numbers in (
                ("answered and not landed", lost),
                ("landed more often than posted", often),
                ("landed, and neither in events nor in quarantine", unseen),
            ):
                if numbers:
                    self.faults.append(f"{what}: {len(numbers):,}, the first {numbers[:5]}")
            self._compare_lists(connection, sandbox)
            (builds, failing) = connection.execute(
                "select count(*), count(*) filter (not ok) from raw.builds"
            ).fetchall()[0]
        print(f"builds: {builds:,}, {failing:,} of them not ok")

    def _compare_lists(self, connection: duckdb.DuckDBPyConnection, sandbox: str) -> None:
        with urllib.request.urlopen(f"{sandbox}/_sandbox/lists.json", timeout=30) as answer:
            lists = json.loads(answer.read())
        for name, channel in DESTINATIONS.items():
            wanted = {
                row[0]
                for row in connection.execute(
                    """
                    select distinct listed.address from suppression_list as listed
                    inner join destination_reasons as wanted
                        on listed.channel = wanted.channel and listed.event_type = wanted.reason
                    where wanted.destination = ? and wanted.channel = ?
                    """,
                    [name, channel],
                ).fetchall()
            }
            # Postmark, say, lets nobody off its list who complained: the ledger has its answer.
            refused = {
                row[0]
                for row in connection.execute(
                    "select address from raw.sync_ledger"
                    " where destination = ? and action = 'release' and outcome = 'rejected'",
                    [name],
                ).fetchall()
            }
            held = everyone(lists[name])
            print(
                f"{name}: {len(held):,} on its lists, {len(wanted):,} in suppression_list, "
                f"{len(refused & held - wanted):,} whose release it refused"
            )
            held -= refused - wanted
            for what, some in (("not there", wanted - held), ("there alone", held - wanted)):
                if some:
                    self.faults.append(f"{name}, {what}: {len(some):,}, e.g. {sorted(some)[:3]}")

    def _tell(self, traffic: Traffic) -> None:
        print(
            f"posted: {len(traffic.posted):,} deliveries, {traffic.retries:,} attempts without 2xx"
        )
        print(", ".join(f"{kind} {count:,}" for kind, count in sorted(traffic.kinds.items())))
        print(table([_HEADER, *self._windows()]))
        for number, watched in enumerate(self.runs, 1):
            for name, samples in watched.samples.items():
                self._judge(f"{name} {number}", samples)

    def _windows(self) -> Iterator[Sequence[str]]:
        """By run and ten minutes: first, median and last memory, and open files."""
        for number, watched in enumerate(self.runs, 1):
            for name, samples in watched.samples.items():
                windows: dict[int, list[Sample]] = {}
                for sample in samples:
                    windows.setdefault(int(sample.at // 600), []).append(sample)
                for window, found in windows.items():
                    sizes = [one.rss / 1e6 for one in found]
                    files = [one.files for one in found]
                    yield (
                        f"{name} {number}",
                        f"{window * 10}-{window * 10 + 10}",
                        *(
                            f"{size:,.0f}"
                            for size in (sizes[0], statistics.median(sizes), sizes[-1])
                        ),
                        f"{files[0]}, {statistics.median(files):g}, {files[-1]}",
                    )

    def _judge(self, name: str, samples: Sequence[Sample]) -> None:
        """Of what comes after the warm-up, the last third against the first."""
        steady = [one for one in samples if one.at >= samples[0].at + _WARM_UP]
        third = len(steady) // 3
        if third < 3:
            print(f"{name}: too short a time to tell whether it grows")
            return
        first, last = steady[:third], steady[-third:]
        sizes = [statistics.median(one.rss for one in part) for part in (first, last)]
        files = [statistics.median(one.files for one in part) for part in (first, last)]
        print(
            f"{name}: last third / first third {sizes[1] / sizes[0]:.2f} of memory, "
            f"{files[0]:g} -> {files[1]:g} files"
        )
        if sizes[1] > sizes[0] * _GROWTH:
            self.faults.append(f"{name} grows: {sizes[0] / 1e6:.0f} to {sizes[1] / 1e6:.0f} MB")
        if files[1] > files[0] + _MORE_FILES:
            self.faults.append(f"{name} opens more files: {files[0]:g} to {files[1]:g}")


_HEADER: Final = ("process", "minutes", "first MB", "median", "last", "open files: f., m., l.")


def _noting(work: Callable[[], None], failed: list[BaseException]) -> Callable[[], None]:
    def noted() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    return noted


def _json(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """What a command says; nothing where it could not read now, for a build has the file."""
    done = subprocess.run(
        [sys.executable, "-m", "sync", *arguments, "--output", "json"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def _set_fault(sandbox: str, *, is_on: bool) -> None:
    say(f"{_FAILING} {'fails from now on' if is_on else 'works again'}")
    fault = {"kind": "error", "platform": _FAILING, "status": 503}
    request = urllib.request.Request(
        f"{sandbox}/_sandbox/faults",
        json.dumps(fault).encode() if is_on else None,
        {"Content-Type": "application/json"},
        method="POST" if is_on else "DELETE",
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def _landed(landing: Path) -> dict[int, list[str]]:
    """The ids under which each delivery landed."""
    found: dict[int, list[str]] = {}
    for path in sorted(landing.rglob("*.ndjson")):
        for line in path.read_text(encoding="utf-8").splitlines():
            numbers = {int(number) for number in _TOKEN.findall(line)}
            for number in numbers:
                found.setdefault(number, []).append(json.loads(line)["delivery_id"])
    return found


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 all is as it should be; 1 something differs, or a command failed."""
    parser = argparse.ArgumentParser(
        prog="bench.soak", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=5.0, help="deliveries a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=PROJECT / ".bench" / "soak")
    given = parser.parse_args(arguments)
    try:
        return Soak(given.minutes, given.rate, given.seed, given.directory.resolve()).run()
    except CommandFailed as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
