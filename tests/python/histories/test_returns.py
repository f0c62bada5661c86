"""What platforms report of our own pushes changes nothing, and a grant of ours lifts nothing.

Two databases hold the same histories and the same ledger; in one of them the platforms' reports of
our pushes land as well, as they send them. Every column of both marts stays the same in both, step
by step and after a full refresh.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.python.conftest import every_row_enabled, project_with_seeds

from .payloads import Line, lines
from .scale import COUNT, SEED
from .strategies import AS_OF, collect, histories
from .trial import differences, world_of
from .warehouse import Warehouse
from .witnesses import WITNESSES

# dbt leaves its log file to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

Delta = dict[str, Any]


@dataclass
class Clock:
    """Instants of this run, each later than the one before."""

    now: datetime

    def later(self, seconds: float = 60) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def record(warehouse: Warehouse, deltas: Sequence[Delta], pushed_at: datetime) -> None:
    """As if a push had sent these, and every platform had taken them."""
    with duckdb.connect(str(warehouse.home / "warehouse.duckdb")) as connection:
        connection.executemany(
            "insert into raw.sync_runs (run_id, destination, started_at, expires_at, status)"
            " values (?, ?, ?, ?, 'finished')",
            [
                [f"run-{pushed_at:%H%M%S}", name, pushed_at - timedelta(seconds=5), pushed_at]
                for name in {one["destination"] for one in deltas}
            ],
        )
        connection.executemany(
            "insert into raw.sync_ledger (run_id, delta_id, destination, channel, scope, address,"
            " contact_id, action, reason, event_id, outcome, attempts, pushed_at)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'confirmed', 1, ?)",
            [
                [
                    f"run-{pushed_at:%H%M%S}",
                    *(
                        one[name]
                        for name in (
                            "delta_id",
                            "destination",
                            "channel",
                            "scope",
                            "address",
                            "contact_id",
                            "action",
                            "reason",
                            "event_id",
                        )
                    ),
                    pushed_at,
                ]
                for one in deltas
            ],
        )


def delivery(source: str, body: object, at: datetime) -> Line:
    row = {
        "delivery_id": hashlib.md5(json.dumps([source, body]).encode()).hexdigest(),
        "received_at": f"{at.isoformat(sep=' ')}Z",
        "payload": json.dumps(body),
    }
    return Line("webhook_deliveries", source, 0, row)


def epoch(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())


def reports(deltas: Sequence[Delta], at: datetime) -> Iterator[Line]:
    """What the platforms send about a push, in their own words."""
    for one in deltas:
        is_off = one["action"] == "suppress"
        if one["destination"] == "sendgrid" and is_off:
            # The next send is refused: the person stands on the list that we put them on.
            event = {
                "email": one["address"],
                "timestamp": epoch(at),
                "event": "dropped",
                "reason": "Unsubscribed Address",
                "sg_event_id": f"returned-{one['delta_id']}",
            }
            yield delivery("sendgrid", [event], at)
        elif one["destination"] == "postmark":
            change = {
                "RecordType": "SubscriptionChange",
                "MessageID": "00000000-0000-0000-0000-000000000000",
                "MessageStream": one["scope"],
                "ChangedAt": f"{at.isoformat(timespec='seconds')}Z",
                "Recipient": one["address"],
                # Who asked for a release is told as the recipient, the worst that can be said.
                "Origin": "Customer" if is_off else "Recipient",
                "SuppressSending": is_off,
                "SuppressionReason": "ManualSuppression" if is_off else None,
            }
            yield delivery("postmark", change, at)
        elif one["destination"] == "braze" and one["channel"] == "email":
            state = {
                "event_type": "users.behaviors.subscription.GlobalStateChange",
                "id": f"returned-{one['delta_id']}",
                "time": epoch(at),
                "user": {"external_user_id": None},
                "properties": {
                    "channel": "email",
                    "channel_identifier": one["address"],
                    "subscription_status": "Unsubscribed" if is_off else "Subscribed",
                    "state_change_source": "REST API",
                },
            }
            yield delivery("braze", {"events": [state]}, at)
        elif one["destination"] == "attentive" and is_off:
            body = {
                "type": "sms.unsubscribed",
                "timestamp": epoch(at) * 1000,
                "subscriber": {"phone": one["address"]},
                "subscription": {"type": "MARKETING"},
            }
            yield delivery("attentive", body, at)
        elif one["destination"] == "segment":
            yield from segment(one, at, is_off=is_off)


def segment(one: Delta, at: datetime, *, is_off: bool) -> Iterator[Line]:
    """Our own calls, as the source's webhook repeats them."""
    common = {
        "userId": one["external_id"],
        "timestamp": f"{at.isoformat(timespec='milliseconds')}Z",
        "context": {"source_of_change": "contact-sync"},
    }
    identify = {
        "type": "identify",
        "messageId": f"{one['delta_id']}-identify",
        "traits": json.loads(one["traits"]),
        **common,
    }
    yield delivery("segment", identify, at)
    track = {
        "type": "track",
        "event": "Marketing Preference Updated",
        "messageId": f"{one['delta_id']}-track",
        "properties": {
            "channel": one["channel"],
            "new_status": "unsubscribed" if is_off else "subscribed",
            "source_of_change": "contact-sync",
        },
        **common,
    }
    yield delivery("segment", track, at)


def consent(channel: str, address: str, at: datetime) -> Line:
    """A person's own act at a platform that we do not push to."""
    if channel == "sms":
        body: object = {
            "MessageSid": f"SM-start-{address}",
            "From": address,
            "To": "+12025550100",
            "Body": "START",
            "SmsStatus": "received",
        }
        return delivery("twilio", body, at)
    context = (
        {"traits": {"email": address}}
        if channel == "email"
        else {"device": {"token": address, "type": "android"}}
    )
    name = "Push Notification Permission Changed" if channel == "push" else "Email Subscribed"
    track = {
        "type": "track",
        "event": "Marketing Preference Updated" if channel == "email" else name,
        "messageId": f"consent-{channel}-{address}",
        "anonymousId": "nobody",
        "timestamp": f"{at.isoformat(timespec='milliseconds')}Z",
        "context": context,
        "properties": {"channel": channel, "new_status": "subscribed", "enabled": True},
    }
    return delivery("segment", track, at)


def refusal(address: str, at: datetime) -> Line:
    """A complaint at a platform that we do not hear back from."""
    event = {
        "event": "unsubscribed",
        "id": f"refused-{address}",
        "timestamp": epoch(at),
        "recipient": address,
    }
    return delivery("mailgun", {"event-data": event}, at)


def test_what_comes_back_of_our_own_pushes_changes_nothing(tmp_path: Path) -> None:
    project = project_with_seeds(
        _made(tmp_path / "project"), {"destinations.csv": every_row_enabled()}
    )
    untold = Warehouse(tmp_path / "untold", project)
    world = world_of([*WITNESSES, *collect(histories(), COUNT // 10, SEED)])
    clock = Clock(datetime.now(UTC).replace(tzinfo=None, microsecond=0))
    untold.land(line for n, history in world.items() for line in lines(history, n))
    untold.build(AS_OF)
    told = untold.copied(tmp_path / "told")
    both = (told, untold)

    # Everybody who must not be contacted is pushed, and the platforms report it.
    deltas = untold.query("select * from main.sync_deltas where action = 'suppress'")
    assert len({one["destination"] for one in deltas}) > 8
    pushed_at = clock.now
    for warehouse in both:
        record(warehouse, deltas, pushed_at)
    told.land(reports(deltas, clock.later(5)))
    as_of = clock.later()
    for warehouse in both:
        warehouse.build(as_of)
    assert differences(untold.marts(), told.marts()) == []
    own = told.query("select distinct source from main.events where is_own")
    assert {row["source"] for row in own} == {
        "sendgrid",
        "postmark",
        "braze",
        "attentive",
        "segment",
    }

    # They consent by an act of their own; what is undone is reported, after new refusals.
    listed = untold.query("select channel, address from main.suppression_list")
    at = clock.later()
    as_of = clock.later(5)
    for warehouse in both:
        warehouse.land([consent(row["channel"], row["address"], at) for row in listed])
        warehouse.build(as_of)
    freed = untold.query("select * from main.sync_deltas where action <> 'suppress'")
    assert {one["action"] for one in freed} == {"release", "subscribe"}
    # So soon that what made us push could be taken for its report.
    pushed_at = clock.later(10)
    emails = {one["address"] for one in freed if one["channel"] == "email" and one["address"]}
    again = sorted(emails)[::2]
    refused_at = clock.later(5)
    for warehouse in both:
        record(warehouse, freed, pushed_at)
        warehouse.land([refusal(address, refused_at) for address in again])
    told.land(reports(freed, clock.later(5)))
    as_of = clock.later()
    for warehouse in both:
        warehouse.build(as_of)
    assert differences(untold.marts(), told.marts()) == []
    still = {row["address"] for row in told.query("select address from main.suppression_list")}
    assert set(again) <= still

    told.build(clock.later(), "--full-refresh")
    assert differences(untold.marts(), told.marts()) == []


def _made(path: Path) -> Path:
    path.mkdir()
    return path
