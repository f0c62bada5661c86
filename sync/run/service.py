"""Starts the parts of a run, and ends them in the order in which nothing is lost."""

from __future__ import annotations

import csv
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sync.alerts.channels import Channel
from sync.alerts.tell import local_run
from sync.delivery.guard import Limits
from sync.errors import SyncError
from sync.metrics.measures import is_sent
from sync.place import Place
from sync.profile import landing_directory
from sync.run.alerter import Alerter
from sync.run.builder import Builder
from sync.run.gauger import Gauger
from sync.run.landing import signature
from sync.run.loop import Loop, Times
from sync.run.parts import Parts, alone
from sync.run.pusher import Pusher
from sync.warehouse import open_warehouse
from sync.warehouse.base import Warehouse

log = logging.getLogger(__name__)

#: Seconds from the word to end: a build that takes longer is ended, and made again by the next
#: run; what waits for its file has the rest. Less than the 30 that a user was told, also with what
#: metrics take at the end.
_BUILD_PATIENCE: Final = 15.0
_PATIENCE: Final = 26.0


#: Makes what serves until it is ended, and what ends it. Given: called when something landed, and
#: the states of all parts.
Server = Callable[
    [Callable[[], None], Callable[[], Mapping[str, Mapping[str, str]]]],
    tuple[Callable[[], None], Callable[[], None]],
]


def run(
    place: Place,
    times: Times,
    limits: Limits,
    stop: threading.Event,
    *,
    tell: Callable[..., None],
    server: Server | None,
    is_published: bool,
    channels: Sequence[Channel],
) -> None:
    """Until `stop` is set. server: the receiver; None: another process receives.

    is_published: whether readers get a copy of DuckDB's file. channels: who is told what is wrong.

    Raises ConfigError where a run of this warehouse is at it already, or the receiver cannot start;
    SyncError where it ended by itself.
    """
    with alone(place.state):
        parts = Parts(place.state, tell)
        _run(place, times, limits, stop, parts, server, is_published, channels)


def _run(
    place: Place,
    times: Times,
    limits: Limits,
    stop: threading.Event,
    parts: Parts,
    server: Server | None,
    is_published: bool,
    channels: Sequence[Channel],
) -> None:
    for selection in ("daily", "weekly"):
        if parts.noted(selection) is None:
            # The first of them is due at the next of its times.
            parts.note(selection, datetime.now(UTC))

    def waiting(text: str) -> None:
        # Our own push has the file for moments.
        if f"(PID {os.getpid()})" not in text:
            parts.say("build", "waiting" if text else "working", text)

    builder = Builder(
        project=place.project,
        lock=place.lock,
        database=place.database,
        schema=place.target.schema,
        options=place.options,
        wait=timedelta(minutes=5),
        announce=lambda text: parts.say("build", "working", text),
        waiting=waiting,
    )

    def opened() -> Warehouse:
        return open_warehouse(place.target, read_only=False)

    pusher = Pusher(
        place.target,
        opened,
        os.environ,
        limits,
        parts,
    )
    # Before the first build: what cannot be pushed is known when the run starts.
    pusher.say_unready(_enabled(place.project))
    is_local = place.target.engine == "duckdb"
    landing = landing_directory()
    looks = (lambda: signature(landing)) if is_local else None
    lookouts = []
    if channels:
        alerter = Alerter(channels, place.target.name, opened, parts, local_run(place))
        lookouts.append(alerter.start())
    if is_sent():
        lookouts.append(Gauger(opened).start())

    def has_ended() -> None:
        for one in lookouts:
            one.ask()

    loop = Loop(
        builder,
        pusher,
        parts,
        times,
        looks,
        database=place.database if is_published else None,
        has_ended=has_ended,
    )
    end_receiver, join_receiver = _receive(server, loop, parts, stop)

    asked_at: list[float] = []

    def end() -> None:
        stop.wait()
        asked_at.append(time.monotonic())
        # What was answered is landed; what comes later, the platform sends again.
        end_receiver()
        pusher.end()
        for one in lookouts:
            one.end()
        builder.stop(_BUILD_PATIENCE)

    ending = threading.Thread(target=end, name="end", daemon=True)
    ending.start()
    try:
        loop.run(stop)
    finally:
        stop.set()
        ending.join()
        deadline = asked_at[0] + _PATIENCE
        join_receiver(deadline)
        pusher.join(deadline)
        for one in lookouts:
            one.join(deadline)
        for name in ("build", "push", "publish", "alert"):
            if name in parts.as_json():
                parts.say(name, "stopped")
    if parts.as_json()["receive"]["state"] == "failing":
        raise SyncError("The receiver ended by itself; see the log above.")


def _enabled(project: Path) -> list[str]:
    """The destinations that the project's seed enables."""
    seed = project / "seeds" / "destinations.csv"
    with seed.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["enabled"].strip().lower() == "true"]
    return sorted({row["destination"] for row in rows})


def _receive(
    server: Server | None, loop: Loop, parts: Parts, stop: threading.Event
) -> tuple[Callable[[], None], Callable[[float], None]]:
    """What ends the receiver, and what waits for its end."""

    if server is None:
        parts.say("receive", "off", "another process receives")
        return (lambda: None), (lambda _: None)
    serve, end = server(loop.woken.set, parts.as_json)

    def receive() -> None:
        parts.say("receive", "working")
        try:
            serve()
        except Exception:
            log.exception("receive: a fault of contact-sync itself")
        finally:
            # uvicorn may end by SystemExit. Without the receiver a run is no run: whoever started
            # it starts it again.
            parts.say("receive", "stopped" if stop.is_set() else "failing")
            stop.set()

    thread = threading.Thread(target=receive, name="receive", daemon=True)
    thread.start()
    return end, lambda deadline: thread.join(max(0.0, deadline - time.monotonic()))
