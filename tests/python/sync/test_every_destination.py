"""Pushes to all destinations at once, killed and disturbed, over what dbt really builds."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.python.conftest import (
    Warehouse,
    every_row_enabled,
    new_built_warehouse,
    project_with_seeds,
)
from tests.python.size import sized
from tests.python.sync.cases import Case, all_cases
from tests.python.sync.real import cli, started
from tests.python.sync.test_contract import settings_of
from tests.python.sync.test_real_models import EVERYTHING
from tests.python.sync.world import SandboxClient, item

KILLS = sized(small=2, deep=200)
#: Pushes that are killed before one that is not, after which all lists are compared.
TOGETHER = sized(small=2, deep=3)
CASES = all_cases()
CHANNELS = ("email", "sms", "push")
BEGAN_AT = datetime(2026, 5, 1, tzinfo=UTC)
#: What befalls three calls in ten.
TROUBLES: tuple[dict[str, Any], ...] = (
    {"kind": "reset_after"},
    {"kind": "reset"},
    {"kind": "error", "status": 503},
    {"kind": "error", "status": 429},
    {"kind": "timeout", "seconds": 1.0},
    {"kind": "truncate"},
)
#: Where a profile platform of the sandbox shows what it has of each person.
PROFILES = {"segment": "traits", "mparticle": "attributes"}


@dataclass(frozen=True)
class Person:
    """A contact with an address of each channel, each of which it speaks for alone."""

    number: int

    @property
    def user(self) -> str:
        return f"user-{self.number}"

    @property
    def email(self) -> str:
        return f"person{self.number}@example.com"

    def address(self, channel: str) -> str:
        if channel == "email":
            return self.email
        return f"+1415555{self.number:04d}" if channel == "sms" else f"token{self.number}:APA91b-x"


PEOPLE = tuple(Person(number) for number in range(4))


@dataclass
class History:
    """What the people do, as the platforms report it; each event is later than the one before."""

    warehouse: Warehouse
    chance: random.Random
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    #: Why each must not be contacted, where it is so.
    refused: dict[tuple[Person, str], str] = field(default_factory=dict)

    def begin(self) -> None:
        """Everybody is known with all addresses, opts in and out; Mailchimp knows half of them."""
        for person in PEOPLE:
            self._segment("identify", person, traits=_addresses_of(person))
            for channel in CHANNELS:
                self._opts(person, channel, "subscribed")
        for person in PEOPLE[::2]:
            at = self._next()
            member = {"data[list_id]": "a6b5da1054", "data[email]": person.email}
            body = {"type": "profile", "fired_at": f"{at:%Y-%m-%d %H:%M:%S}", **member}
            self._land("mailchimp", body, at)
        self._turn_all(1.0)

    def go_on(self) -> None:
        """Some who could be contacted refuse or bounce, some who could not are freed."""
        self._turn_all(0.5)

    def _turn_all(self, share: float) -> None:
        for person, channel in itertools.product(PEOPLE, CHANNELS):
            if self.chance.random() < share:
                self._turn(person, channel)

    def _turn(self, person: Person, channel: str) -> None:
        key = (person, channel)
        reason = self.refused.pop(key, None)
        if reason is None:
            is_fault = channel == "email" and self.chance.random() < 0.4
            self.refused[key] = "bounce" if is_fault else "unsubscribe"
            if is_fault:
                self._sendgrid(person, "bounce", type="bounce")
            else:
                self._opts(person, channel, "unsubscribed")
            return
        if reason == "bounce":
            self._sendgrid(person, "delivered")
        else:
            self._opts(person, channel, "subscribed")

    def _opts(self, person: Person, channel: str, status: str) -> None:
        properties = {"channel": channel, "new_status": status}
        self._segment("track", person, event="Marketing Preference Updated", properties=properties)

    def _segment(self, kind: str, person: Person, **more: Any) -> None:
        at = self._next()
        call = {
            "type": kind,
            "messageId": f"message-{at:%d%H%M%S}",
            "userId": person.user,
            "timestamp": at.isoformat(),
            "context": {
                "traits": _addresses_of(person),
                "device": {"token": person.address("push"), "type": "android"},
            },
            **more,
        }
        self._land("segment", call, at)

    def _sendgrid(self, person: Person, kind: str, **more: Any) -> None:
        at = self._next()
        told = {"email": person.email, "event": kind, "timestamp": int(at.timestamp())}
        self._land("sendgrid", [{**told, "sg_event_id": f"{kind}-{at:%d%H%M%S}", **more}], at)

    def _next(self) -> datetime:
        return BEGAN_AT + timedelta(minutes=next(self._numbers))

    def _land(self, source: str, body: object, at: datetime) -> None:
        received_at = at + timedelta(seconds=1)
        self.warehouse.land(source, body, received_at=f"{received_at:%Y-%m-%dT%H:%M:%SZ}")


def _addresses_of(person: Person) -> dict[str, str]:
    return {"email": person.email, "phone": person.address("sms")}


@pytest.fixture
def enabled(tmp_path: Path) -> Warehouse:
    """What dbt builds where every row of seeds/destinations.csv is enabled."""
    warehouse = new_built_warehouse(tmp_path)
    seeds = {"destinations.csv": every_row_enabled()}
    warehouse.project = project_with_seeds(tmp_path / "project", seeds)
    return warehouse


def reaching(sandbox: SandboxClient) -> dict[str, str]:
    """The settings by which the command reaches every platform in the sandbox."""
    found = {"CONTACT_SYNC_RETRY_WAIT": "0.01", "CONTACT_SYNC_TIMEOUT": "0.5"}
    for case in CASES:
        name = case.name.upper()
        found |= {f"{name}_BASE_URL": f"{sandbox.url}/{case.name}", f"{name}_RATE": "0"}
        found |= {**settings_of(case)}
    return found


def push_all(warehouse: Warehouse, sandbox: SandboxClient) -> None:
    """A push that nobody disturbs, of a plan that somebody read: every item is answered.

    Without a plan a first push to a row waits, and so does, at Attentive, whose row takes no
    bounces, the release of who opted in again while the mailbox bounces.
    """
    settings = reaching(sandbox)
    plan = cli(warehouse, sandbox, "plan", **settings)[1]["hash"]
    _, report = cli(warehouse, sandbox, "push", "--plan", plan, **settings)
    parts = {part["destination"]: part for part in report["destinations"]}
    assert parts.keys() == {case.name for case in CASES}
    for name, part in parts.items():
        assert (part["error"], part["held"], part["failed"]) == (None, None, 0), name


def push_and_kill(warehouse: Warehouse, sandbox: SandboxClient, until: int) -> bool:
    """A push under faults, killed after so many calls; whether it was not through by then."""
    for trouble in TROUBLES:
        sandbox.fault(**trouble, probability=0.3 / len(TROUBLES))
    until += sandbox.call_count()
    few = {f"{case.name.upper()}_BATCH_SIZE": "2" for case in CASES}
    settings = reaching(sandbox) | few
    process = started(warehouse, sandbox, "push", *EVERYTHING, **settings)
    while sandbox.call_count() < until and process.poll() is None:
        time.sleep(0.005)
    is_killed = process.poll() is None
    process.kill()
    process.communicate()
    sandbox.heal()
    return is_killed


Held = set[tuple[str, str]]


def wanted_of(warehouse: Warehouse, case: Case) -> Held:
    """Channel and identity of whom the marts keep from a platform's messages."""
    if case.is_profile:
        return {
            (channel, one["external_id"])
            for one in warehouse.rows("select * from main.contact_profiles")
            for channel in CHANNELS
            if one[f"{channel}_suppressed"]
        }
    listed = warehouse.rows(
        "select distinct listed.channel, listed.address, listed.external_id"
        " from main.suppression_list as listed"
        " inner join main.destination_reasons as taken"
        " on listed.channel = taken.channel and listed.event_type = taken.reason"
        " where taken.destination = ?"
        " and (taken.destination <> 'mailchimp' or listed.address in ("
        " select address from main.events where source = 'mailchimp'))",
        case.name,
    )
    return {
        (
            one["channel"],
            case.identity(
                item(one["address"], channel=one["channel"], external_id=one["external_id"])
            ),
        )
        for one in listed
    }


def held_by(sandbox: SandboxClient, case: Case) -> Held:
    """Whom a platform keeps from messages."""
    lists = sandbox.lists(case.name)
    if case.is_profile:
        return {
            (channel, user)
            for user, rows in lists[PROFILES[case.name]].items()
            for channel in CHANNELS
            if rows[0].get(f"{channel}_suppressed")
        }
    found = case.suppressed(lists)
    channels = {row.channel for row in case.rows}
    known = {
        (channel, identity_of(case, person, channel)) for person in PEOPLE for channel in channels
    }
    assert found <= {identity for _, identity in known}
    return {(channel, identity) for channel, identity in known if identity in found}


def identity_of(case: Case, person: Person, channel: str) -> str:
    one = item(person.address(channel), channel=channel, external_id=person.user)
    return case.identity(one)


def kept_for_good(warehouse: Warehouse, case: Case) -> Held:
    """Whom a platform does not let go of: Attentive nobody, Mailchimp none who bounced there,
    Klaviyo and Brevo no number, Brevo, SparkPost and Mandrill none without an act of consent, and
    Brevo none by one that is long ago.
    """
    others = ("mailchimp", "klaviyo", "brevo", "sparkpost", "mandrill")
    if case.release != "rejected" and case.name not in others:
        return set()
    return {
        (row["channel"], row["address"])
        for row in warehouse.rows(
            "select distinct channel, address from raw.sync_ledger where destination = ?"
            " and action = 'release' and outcome = 'rejected'",
            case.name,
        )
    }


def assert_as_the_marts_say(warehouse: Warehouse, sandbox: SandboxClient) -> None:
    """Every platform keeps out whom it is to, and nobody else that it could let go of."""
    for case in CASES:
        wanted, held = wanted_of(warehouse, case), held_by(sandbox, case)
        assert wanted - held == set(), case.name
        assert held - wanted - kept_for_good(warehouse, case) == set(), case.name


def test_every_list_ends_as_the_marts_say_whatever_was_killed_and_lost(
    enabled: Warehouse, sandbox: SandboxClient
) -> None:
    """One more build and one more push are enough, whatever was under way."""
    history = History(enabled, random.Random(14))
    history.begin()
    frequent = ("--selector", "frequent")
    enabled.dbt("seed")
    enabled.build(*frequent)
    push_all(enabled, sandbox)
    killed = 0
    while killed < KILLS:
        for _ in range(TOGETHER):
            history.go_on()
            enabled.build(*frequent)
            killed += push_and_kill(enabled, sandbox, history.chance.randint(1, 40))
        history.go_on()
        enabled.build(*frequent)
        push_all(enabled, sandbox)
        assert_as_the_marts_say(enabled, sandbox)
        assert enabled.rows("select * from main.sync_deltas") == []
