"""Lands what is measured: BENCH_EVENTS from the generator, and an increment of one in a hundred.

As a program (`python -m bench.landing EVENTS PEOPLE SEED DIRECTORY`) it lands both, and writes what
it landed to DIRECTORY/landed.json; a directory that has this file is complete and is used again.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from bench.process import CommandFailed, run_worker, say
from bench.settings import Settings
from sync.demo.generator import SOURCES, START, land

DAYS: Final = 120
"""Days of the base; the increment comes in on the two days after."""
INCREMENT_DAYS: Final = 2
FEW: Final = 1_000
"""Events of a frequent run that finds something new."""
AS_OF: Final = START + timedelta(days=DAYS + INCREMENT_DAYS)
"""Stands for now in every build: nothing is received later."""

# Shares of the increment, in events. What is left is new, of the days after the base.
_WEEKS_LATE, _AGAIN, _EARLIER, _TIED = 0.20, 0.02, 0.005, 0.005
_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Landed:
    """What lies in a landing directory."""

    version: int
    events: int
    """Distinct events of the platforms in the base."""
    log_rows: int
    """Rows of the sender's own logs and of the directory in the base."""
    files: int
    bytes: int
    increment_files: list[str]
    """Paths below both `landing` and `increment`."""
    increment: dict[str, int]
    """Events of the increment by kind: new, weeks late, again, earlier, tied."""
    seconds: float
    """How long it took to land all of it."""


def read_landed(directory: Path) -> Landed | None:
    """What was landed in `directory`; None where it is not complete, or of another version."""
    try:
        landed = json.loads((directory / "landed.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Landed(**landed) if landed.get("version") == _VERSION else None


def land_for(settings: Settings) -> tuple[Path, Landed]:
    """The directory with what a run measures, landed once for each size and seed.

    Raises CommandFailed where it cannot be landed.
    """
    size = f"{settings.events}-{settings.people}-{settings.seed}"
    place = settings.directory / "landings" / size
    landed = read_landed(place)
    if landed is None:
        say(f"landing {settings.events:,} events and the increment")
        arguments = (settings.events, settings.people, settings.seed, place)
        run_worker("landing", *map(str, arguments), log=settings.directory / "logs" / "landing.log")
        landed = read_landed(place)
    if landed is None:
        raise CommandFailed(f"nothing complete was landed in {place}")
    return place, landed


def show_increment(directory: Path, landed: Landed, *, shown: bool) -> None:
    """Puts the increment's files into the landing zone, or takes them out."""
    for name in landed.increment_files:
        place = directory / "landing" / name
        place.unlink(missing_ok=True)
        if shown:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(directory / "increment" / name, place)


@contextmanager
def increment_appended(directory: Path, landed: Landed) -> Iterator[None]:
    """The increment at the end of files that were landed weeks ago, as no receiver does it."""
    ours = {directory / "landing" / name for name in landed.increment_files}
    before: dict[Path, tuple[int, int]] = {}
    try:
        for place in sorted(ours):
            olds = sorted(set(place.parent.glob("*.ndjson")) - ours)
            target = olds[0] if olds else place
            if olds:
                stat = target.stat()
                before.setdefault(target, (stat.st_size, stat.st_mtime_ns))
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab") as out:
                out.write(
                    (
                        directory / "increment" / place.relative_to(directory / "landing")
                    ).read_bytes()
                )
        yield
    finally:
        for target, (size, changed_at) in before.items():
            os.truncate(target, size)
            os.utime(target, ns=(changed_at, changed_at))
        show_increment(directory, landed, shown=False)


def land_few(directory: Path, settings: Settings, number: int) -> None:
    """Lands a thousand new events, in new files, as the receiver does; another number, others."""
    landing, made = directory / "landing", directory / "few"
    shutil.rmtree(made, ignore_errors=True)
    start = START + timedelta(days=DAYS)
    seed = settings.seed + 100 + number
    land(made, events=FEW, seed=seed, start=start, people=settings.people, days=1, logs=False)
    for path in made.rglob("*.ndjson"):
        place = landing / path.relative_to(made).with_name(f"few-{number}-{path.name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)


def remove_few(directory: Path) -> None:
    """Takes out what `land_few` landed."""
    for path in (directory / "landing").rglob("few-*.ndjson"):
        path.unlink()


def _land_all(events: int, people: int, seed: int, directory: Path) -> Landed:
    began = time.perf_counter()
    shutil.rmtree(directory, ignore_errors=True)
    base = land(directory / "landing", events=events, seed=seed, days=DAYS, people=people)
    extra = max(100, events // 100)
    counts = {
        "weeks late": int(extra * _WEEKS_LATE),
        "again": int(extra * _AGAIN),
        "earlier": int(extra * _EARLIER),
        "tied": int(extra * _TIED),
    }
    counts = {"new": extra - sum(counts.values())} | counts
    increment = directory / "increment"
    land(
        increment,
        events=counts["new"],
        seed=seed + 1,
        start=START + timedelta(days=DAYS),
        days=INCREMENT_DAYS,
        people=people,
        logs=False,
    )
    # Received in the base's second half, and landed only now.
    land(
        increment,
        events=counts["weeks late"],
        seed=seed + 2,
        start=START + timedelta(days=DAYS // 2),
        days=DAYS // 2,
        people=people,
        logs=False,
    )
    random = Random(f"increment {seed}")
    for kind in ("again", "earlier", "tied"):
        counts[kind] = _land_changed(directory, kind, counts[kind], random)
    files = sorted(path.relative_to(increment).as_posix() for path in increment.rglob("*.ndjson"))
    for name in files:
        _reorder(increment / name, random)
    return Landed(
        version=_VERSION,
        events=base.events,
        log_rows=base.sends + base.opens + base.contacts,
        files=base.files,
        bytes=base.bytes,
        increment_files=files,
        increment=counts,
        seconds=round(time.perf_counter() - began, 1),
    )


def _land_changed(directory: Path, kind: str, events: int, random: Random) -> int:
    """Lands deliveries of the base anew, changed as `kind` says; returns how many events they hold.

    again: the same body, received later. earlier: the same body, received earlier but landed now,
    so that what was built from the other is taken back. tied: another event in the same second,
    the opposite where it can be.
    """
    made: dict[str, list[str]] = {}
    count = 0
    for source, delivery in _deliveries(directory / "landing", random):
        if count >= events:
            break
        payload = delivery["payload"]
        if kind == "tied":
            if source == "segment" and '"new_status"' in payload:
                payload = _opposite(payload).replace('"messageId":"', '"messageId":"tied-')
            elif source == "sendgrid":
                payload = payload.replace('"sg_event_id":"', '"sg_event_id":"tied-')
            else:
                continue
        received = datetime.fromisoformat(delivery["received_at"])
        shift = timedelta(seconds={"again": 5_400, "earlier": -2, "tied": 0}[kind])
        changed = {
            "delivery_id": f"{kind}-{delivery['delivery_id']}",
            "received_at": (received + shift).isoformat(timespec="milliseconds"),
            "payload": payload,
        }
        made.setdefault(source, []).append(json.dumps(changed))
        count += max(1, payload.count('"sg_event_id"'), payload.count('"messageId"'))
    day = START + timedelta(days=DAYS)
    for source, lines in made.items():
        folder = directory / "increment/webhook_deliveries" / f"source={source}" / f"date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{kind}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return count


def _opposite(payload: str) -> str:
    for one, other in (("subscribed", "unsubscribed"), ("opted_in", "opted_out")):
        if f'"new_status":"{other}"' in payload:
            return payload.replace(f'"new_status":"{other}"', f'"new_status":"{one}"')
        payload = payload.replace(f'"new_status":"{one}"', f'"new_status":"{other}"')
    return payload


def _deliveries(landing: Path, random: Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Readable deliveries of the base, a few of each file, the files in random order."""
    paths = sorted(
        path
        for source in SOURCES
        for path in landing.glob(f"webhook_deliveries/source={source}/**/*.ndjson")
    )
    while paths:
        random.shuffle(paths)
        for path in paths:
            lines = path.read_text(encoding="utf-8").splitlines()
            try:
                delivery = json.loads(random.choice(lines))
                json.loads(delivery["payload"])
            except json.JSONDecodeError:
                continue
            if delivery["received_at"]:
                yield path.parts[-3].removeprefix("source="), delivery


def _reorder(path: Path, random: Random) -> None:
    text = path.read_text(encoding="utf-8")
    # A torn last line stays the last.
    whole, _, torn = text.rpartition("\n")
    lines = whole.split("\n")
    random.shuffle(lines)
    path.write_text("\n".join(lines) + "\n" + torn, encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Lands base and increment and writes what was landed."""
    events, people, seed = (int(argument) for argument in arguments[:3])
    directory = Path(arguments[3])
    landed = asdict(_land_all(events, people, seed, directory))
    part = directory / "landed.tmp"
    part.write_text(json.dumps(landed), encoding="utf-8")
    os.replace(part, directory / "landed.json")  # noqa: PTH105 (whole or not at all)
    print(json.dumps(landed))


if __name__ == "__main__":
    main(sys.argv[1:])
