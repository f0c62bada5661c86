"""What a broken or hostile platform answers ends that destination's run, and nothing else."""

from __future__ import annotations

import logging
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from sync.destinations import get
from sync.destinations.base import Entry, Request
from sync.errors import (
    AnswerUnreadable,
    DestinationDown,
    PlatformError,
    PlatformUnreachable,
    UnknownScope,
)
from sync.http import HttpClient
from sync.sandbox.hostile import Hostile
from tests.python.size import sized
from tests.python.sync.cases import Case
from tests.python.sync.test_contract import (
    CASES,
    MANY,
    READABLE,
    connected,
    identities,
    settings_of,
)
from tests.python.sync.test_contract_runs import connect, outcomes
from tests.python.sync.world import SandboxClient, World, wait_until

LIMITED = {"CONTACT_SYNC_TIMEOUT": "0.4"}
#: What no destination can take for an answer.
UNREADABLE = ("bomb", "deep", "charset", "surrogate")
#: Each destination meets its own shapes and some of the rest: every trick is played by somebody.
PLAYED = [
    (case, trick)
    for number, case in enumerate(CASES)
    for turn, trick in enumerate(Hostile.TRICKS)
    if trick == "shape" or (number + turn) % sized(small=4, deep=1) == 0
]
LISTS: dict[str, dict[str, Any]] = {
    "braze": {"hard_bounced": MANY},
    "brevo": {"email": MANY},
    "klaviyo": {"email": [[one, "HARD_BOUNCE"] for one in MANY]},
    "mailchimp": {"a6b5da1054": {"unsubscribed": MANY}},
    "mailgun": {"mg.example.com complaints": MANY},
    "sendgrid": {"bounces": MANY},
    "ses": {"account": MANY},
    "sparkpost": {"non_transactional": MANY},
}


def case_of(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


@pytest.mark.parametrize(
    ("case", "trick"), PLAYED, ids=[f"{case.name}-{trick}" for case, trick in PLAYED]
)
def test_no_trick_goes_beyond_its_destination(
    world: World, sandbox: SandboxClient, case: Case, trick: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    other = case_of("postmark" if case.name != "postmark" else "mailgun")
    connect(world, other, other.rows[0])
    world.enable(case.name, case.rows[0].channel, case.rows[0].scope)
    world.already_pushed(case.rows[0].scope, case.name, case.rows[0].channel)
    world.connect(case.name, settings_of(case))
    people, others = case.people(case.rows[0], 5), other.people(other.rows[0], 2)
    world.want_items([*people, *others])
    sandbox.fault("hostile", platform=case.name, trick=trick, status=200)
    report = world.push(environment=LIMITED)
    parts = {part.destination: part for part in report.parts}
    assert parts[other.name].exit_code == 0
    # No fault of our own code: it would stand there as one.
    assert caplog.text == ""
    assert "itself" not in str(parts[case.name].error)
    found = outcomes(world)
    assert {found[one.delta_id] for one in others} == {other.success}
    sent = {found[one.delta_id] for one in people if one.delta_id in found}
    if trick in UNREADABLE or trick == "drip":
        assert sent == {"failed"}
        assert parts[case.name].exit_code == 1
    sandbox.heal()
    # What was not believed is sent again, and what was is there.
    world.push()
    assert {outcomes(world)[one.delta_id] for one in people} <= {case.success, "absent"}
    if trick != "shape":
        assert case.suppressed(sandbox.lists(case.name)) == identities(case, people)


@pytest.mark.parametrize(
    ("name", "channel", "scope"), sorted(READABLE), ids=["-".join(row) for row in sorted(READABLE)]
)
@pytest.mark.parametrize("trick", [*UNREADABLE, "shape"])
def test_a_list_that_cannot_be_read_ends_its_reading_with_one_error(
    sandbox: SandboxClient, name: str, channel: str, scope: str, trick: str
) -> None:
    sandbox.fault("hostile", platform=name, trick=trick, status=200)
    for _ in range(5 if trick == "shape" else 1):
        shown: list[Entry] = []
        # An empty answer is an empty list; a scope that the answer does not show is not there.
        with (
            connected(name, sandbox) as destination,
            suppress(AnswerUnreadable, DestinationDown, UnknownScope),
        ):
            shown = list(destination.entries(channel, scope))
        assert shown == []


@pytest.mark.parametrize("name", sorted(LISTS))
def test_the_same_page_for_ever_ends_the_reading(name: str, sandbox: SandboxClient) -> None:
    case = case_of(name)
    sandbox.fill(LISTS[name], name)
    sandbox.fault("hostile", platform=name, trick="same_page")
    with connected(name, sandbox) as destination:
        entries = destination.entries("email", case.rows[0].scope)
        with pytest.raises(AnswerUnreadable, match="same page"):
            list(entries)
    assert sandbox.call_count() < 10


def test_adopting_from_a_list_without_end_is_an_error_and_no_traceback(
    world: World, sandbox: SandboxClient
) -> None:
    sandbox.fill({"bounces": MANY}, "sendgrid")
    sandbox.fault("hostile", platform="sendgrid", trick="same_page")
    done = world.cli("adopt", "--destination", "sendgrid")
    assert done.returncode == 1, done.stderr
    assert "the same page came twice" in done.stderr
    assert "Traceback" not in done.stderr


def test_sigterm_ends_a_push_whose_answers_drip(world: World, sandbox: SandboxClient) -> None:
    case = case_of("sendgrid")
    connect(world, case, case.rows[0])
    world.want_items(case.people(case.rows[0], 3))
    sandbox.fault("hostile", platform="sendgrid", trick="drip", seconds=600)
    process = world.start("push", CONTACT_SYNC_TIMEOUT="600")
    try:
        wait_until(lambda: sandbox.call_count() > 0, "the first call")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143, errors
    assert set(outcomes(world).values()) == {"failed"}


def test_a_bomb_never_takes_the_memory_that_it_asks_for(sandbox: SandboxClient) -> None:
    sandbox.fault("hostile", platform="sendgrid", trick="bomb")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with connected("sendgrid", sandbox) as destination, pytest.raises(AnswerUnreadable):
        destination.api.call(Request("GET", "/v3/suppression/bounces"))
    # In kilobytes; the bomb is a gigabyte.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("trick", UNREADABLE)
def test_every_status_may_come_with_a_body_that_cannot_be_read(
    sandbox: SandboxClient, status: int, trick: str
) -> None:
    sandbox.fault("hostile", platform="sendgrid", trick=trick, status=status)
    with connected("sendgrid", sandbox) as destination, pytest.raises(PlatformError) as raised:
        destination.api.call(Request("GET", "/v3/suppression/bounces"))
    str(raised.value).encode()


@contextmanager
def dripping_headers() -> Iterator[str]:
    """A server that sends a byte of its head now and then, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not done.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        done.set()
        thread.join()
        listener.close()


def test_a_head_that_drips_ends_at_the_deadline() -> None:
    with (
        dripping_headers() as url,
        HttpClient(url, {}, timeout=0.3, connections=1) as client,
        pytest.raises(PlatformUnreachable, match="timed out"),
    ):
        client.send(Request("GET", "/"))


def test_a_limit_used_up_for_years_ends_the_run_after_the_answer_is_recorded(
    world: World, sandbox: SandboxClient
) -> None:
    case = case_of("sendgrid")
    connect(world, case, case.rows[0])
    world.want_items(case.people(case.rows[0], 60))
    sandbox.fault("hostile", platform="sendgrid", trick="long_reset")
    part = world.push(environment={"SENDGRID_BATCH_SIZE": "1"}).parts[0]
    assert isinstance(part.error, DestinationDown)
    assert "pause" in str(part.error)
    assert "confirmed" in set(outcomes(world).values())
    sandbox.heal()
    world.push()
    assert set(outcomes(world).values()) == {"confirmed"}


def test_every_trick_is_played_by_turns(sandbox: SandboxClient) -> None:
    kind = get("sendgrid")
    sandbox.fault("hostile", platform=kind.name, status=200, seconds=0.1)
    for _ in Hostile.TRICKS:
        with connected(kind.name, sandbox) as destination:
            destination.api.map([Request("GET", "/v3/suppression/bounces")])
    assert sandbox.call_count() >= len(Hostile.TRICKS)
