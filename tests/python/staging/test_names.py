"""Names of tracks and traits that a team gives itself: rows of the seeds."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.python.conftest import ROOT, Warehouse, project_with_seeds

#: source, name of the track, event type; channel, or none where no row names the track.
TRACKS = (
    ("segment", "marketing opt out", "unsubscribe", "all"),
    ("segment", "sms stop pressed", "unsubscribe", "sms"),
    ("segment", "newsletter left", "unsubscribe", None),
    ("twilio_engage", "newsletter wanted", "subscribe", "email"),
    ("mparticle", "left for good", "unsubscribe", "all"),
    ("mparticle", "letters stopped", "unsubscribe", "email"),
)
TRAITS = (
    ("segment", "newsletter", "email", False),
    ("twilio_engage", "No More Texts", "sms", True),
    ("mparticle", "$push", "push", False),
)


def seed(name: str, *rows: str) -> str:
    return (ROOT / "seeds" / name).read_text() + "".join(f"{row}\n" for row in rows)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    meanings = [
        f"{source},{name},*,{event_type},false,false,"
        if channel
        else f"{source},track,{name},{event_type},false,false,"
        for source, name, event_type, channel in TRACKS
    ]
    tracks = [f"{source},{name},{channel}" for source, name, _, channel in TRACKS if channel]
    traits = [f"{source},{name},{channel},{inverted}" for source, name, channel, inverted in TRAITS]
    return project_with_seeds(
        tmp_path_factory.mktemp("project"),
        {
            "provider_events.csv": seed("provider_events.csv", *meanings),
            "track_names.csv": seed("track_names.csv", *tracks),
            "trait_names.csv": seed("trait_names.csv", *traits),
        },
    )


@pytest.fixture(scope="module")
def built(new_warehouse: Callable[[], Warehouse], project: Path) -> Warehouse:
    warehouse = new_warehouse()
    warehouse.project = project
    for number, (source, name, _, _) in enumerate(TRACKS):
        warehouse.land(source, call(source, name.title(), number), delivery_id=name)
    for source, name, _, inverted in TRAITS:
        warehouse.land(source, profile(source, name, inverted), delivery_id=name)
    warehouse.build(
        "--select", "+events", "+quarantined_deliveries", "--exclude-resource-type", "test"
    )
    return warehouse


def call(source: str, name: str, number: int) -> dict[str, Any]:
    if source == "mparticle":
        # What the call itself says of a channel is about something else.
        data = {"event_name": name, "event_id": number, "custom_attributes": {"channel": "SMS"}}
        event = {"event_type": "custom_event", "data": data}
        return {"user_identities": {"customer_id": "c-1"}, "batch_id": number, "events": [event]}
    traits = {"email": "mia@example.org"}
    return {"type": "track", "event": name, "userId": "c-1", "context": {"traits": traits}}


def profile(source: str, name: str, inverted: bool) -> dict[str, Any]:
    if source == "mparticle":
        attributes = {name: inverted}
        return {"user_identities": {"customer_id": "c-2"}, "user_attributes": attributes}
    return {"type": "identify", "userId": "c-2", "traits": {name: inverted}}


def channels(built: Warehouse, delivery: str, event_type: str) -> list[tuple[Any, ...]]:
    rows = built.rows(
        "select channel, coalesce(address, external_id) as who, trait_value from main.events"
        " where delivery_id = ? and event_type = ? and channel is not null order by channel",
        delivery,
        event_type,
    )
    return [tuple(row.values()) for row in rows]


def test_a_track_named_in_the_seed_is_about_its_channel(built: Warehouse) -> None:
    assert channels(built, "sms stop pressed", "unsubscribe") == [("sms", "c-1", None)]
    assert channels(built, "newsletter wanted", "subscribe") == [("email", "mia@example.org", None)]
    assert channels(built, "letters stopped", "unsubscribe") == [("email", "c-1", None)]


@pytest.mark.parametrize("track", ["marketing opt out", "left for good"])
def test_a_track_about_all_channels_is_about_each(built: Warehouse, track: str) -> None:
    found = [channel for channel, _, _ in channels(built, track, "unsubscribe")]
    assert found == ["email", "push", "sms"]


def test_an_opt_out_that_names_no_channel_is_quarantined_and_fails_a_test(built: Warehouse) -> None:
    found = built.rows("select delivery_id, reason from main.quarantined_deliveries")
    assert found == [{"delivery_id": "newsletter left", "reason": "no channel"}]
    checked = built.dbt(
        "test", "--select", "opt_outs_reach_somebody", "named_tracks_have_a_meaning"
    )
    statuses = {result.node.name: str(result.status) for result in checked.result.results}
    assert statuses["opt_outs_reach_somebody"] == "fail"
    assert statuses["named_tracks_have_a_meaning"] == "pass"
    built.rows("delete from main.track_names where name = 'sms stop pressed'")
    checked = built.dbt("test", "--select", "named_tracks_have_a_meaning")
    statuses = {result.node.name: str(result.status) for result in checked.result.results}
    assert statuses["named_tracks_have_a_meaning"] == "fail"


@pytest.mark.parametrize(("name", "channel"), [trait[1:3] for trait in TRAITS])
def test_a_trait_named_in_the_seed_refuses(built: Warehouse, name: str, channel: str) -> None:
    assert channels(built, name, "identify") == [(channel, "c-2", False)]


def test_what_the_seed_is_shipped_with_is_not_taken_for_the_teams_own() -> None:
    """`status` warns of a team's own tracks that never came, and of no other (shipped_tracks)."""
    text = (ROOT / "macros" / "names.sql").read_text(encoding="utf-8")
    shipped = re.findall(r"'([^']+)'", text.split("macro shipped_tracks()")[1])
    with (ROOT / "seeds" / "track_names.csv").open(encoding="utf-8", newline="") as file:
        assert {row["name"] for row in csv.DictReader(file)} == set(shipped)
