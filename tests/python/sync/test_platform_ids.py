"""Platforms' own ids: what names them alone waits for an address, and counts from its own time."""

from __future__ import annotations

from typing import Any

import pytest

from sync.sandbox.platforms.klaviyo import profile_id
from tests.python.conftest import Warehouse
from tests.python.sync.real import cli, run
from tests.python.sync.test_forget import places_that_hold
from tests.python.sync.world import KEY, SandboxClient

on_duckdb = pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
ANN, WORK, BEN = "ann.secret@example.com", "ann.work@example.com", "+14155550123"
PHONE, TABLET = "eT0k:APA91bPhone", "eT0k:APA91bTablet"
BENS_PHONE = "eT0k:APA91bBen"
ANN_ID, BEN_ID = profile_id(ANN), "01JBENPROFILE"
PHONE_ID, NUMBER_ID = "1c9f0c55-0001-4a00-8b00-0000000000a1", "1c9f0c55-0001-4a00-8b00-0000000000b1"


def klaviyo(topic: str, profile: str, at: str) -> dict[str, Any]:
    """As Klaviyo documents it: nothing but its own id."""
    event = f"{topic}-{at}"
    return {
        "external_id": event,
        "topic": f"event:klaviyo.{topic}",
        "payload": {
            "data": {
                "type": "event",
                "id": event,
                "attributes": {"datetime": at},
                "relationships": {"profile": {"data": {"type": "profile", "id": profile}}},
            }
        },
    }


def listed(warehouse: Warehouse) -> dict[str, tuple[str, str, str | None]]:
    rows = warehouse.rows(
        "select address, event_type, cast(event_timestamp as string) as at, external_id"
        " from suppression_list"
    )
    return {row["address"]: (row["event_type"], row["at"][:10], row["external_id"]) for row in rows}


def waiting(warehouse: Warehouse, sandbox: SandboxClient) -> dict[tuple[str, str], int]:
    found = cli(warehouse, sandbox, "status")[1]["waiting_opt_outs"]
    return {(row["source"], row["channel"]): row["opt_outs"] for row in found}


def land_before_the_links(warehouse: Warehouse) -> None:
    opt_outs = [
        klaviyo("unsubscribed_from_email_marketing", ANN_ID, "2026-03-01T00:00:00+00:00"),
        klaviyo("unsubscribed_from_sms_marketing", BEN_ID, "2026-03-02T00:00:00+00:00"),
        klaviyo("unsubscribed_from_push_marketing", BEN_ID, "2026-03-05T00:00:00+00:00"),
    ]
    warehouse.land("klaviyo", {"data": opt_outs})
    # The sample of OneSignal's own page: flat, and without the token. Ann has two devices.
    warehouse.land(
        "onesignal",
        {
            "event.kind": "message.push.unsubscribed",
            "event.id": "e1",
            "event.timestamp": "1772496000",
            "event.subscription_id": PHONE_ID,
            "event.external_id": "c-1",
        },
    )
    warehouse.land(
        "onesignal",
        {
            "event": {
                "kind": "message.sms.unsubscribed",
                "id": "e2",
                "datetime": "2026-03-04T00:00:00.000Z",
                "subscription_id": NUMBER_ID,
            }
        },
    )
    warehouse.land_rows(
        "contacts",
        [
            {"external_id": "c-1", "email": ANN, "push_token": PHONE, "updated_at": "2026-01-01"},
            {"external_id": "c-1", "email": WORK, "push_token": TABLET, "updated_at": "2026-01-02"},
        ],
    )


@on_duckdb
def test_what_names_a_platforms_id_waits_for_its_address_and_counts_from_its_own_time(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    land_before_the_links(warehouse)
    warehouse.build()
    assert listed(warehouse) == {}
    assert waiting(warehouse, sandbox) == {
        ("klaviyo", "email"): 1,
        ("klaviyo", "sms"): 1,
        ("klaviyo", "push"): 1,
        ("onesignal", "push"): 1,
        ("onesignal", "sms"): 1,
    }
    assert warehouse.values("select count(*) from quarantined_deliveries") == [0]

    # One by the platform's own list, the others by exports.
    sandbox.fill({"email": [[ANN, "USER_SUPPRESSED", "2025-12-01T00:00:00+00:00"]]}, "klaviyo")
    access = {"KLAVIYO_API_KEY": KEY, "KLAVIYO_BASE_URL": f"{sandbox.url}/klaviyo"}
    adopt = ("adopt", "--destination", "klaviyo", "--scope", "")
    assert cli(warehouse, sandbox, *adopt, **access)[0] == 0
    (warehouse.directory / "klaviyo.csv").write_text(
        f"Email,Klaviyo ID,Phone Number,Email Marketing Consent\n,{BEN_ID},{BEN},NEVER_SUBSCRIBED\n"
    )
    (warehouse.directory / "onesignal.csv").write_text(
        "id,identifier,device_type,notification_types,external_user_id\n"
        f"{PHONE_ID},{PHONE},1,,c-1\n{NUMBER_ID},+15551230011,14,,\n"
    )
    # What Klaviyo's Get Push Tokens says.
    (warehouse.directory / "tokens.csv").write_text(
        f"klaviyo_profile_id,push_token,enablement_status\n{BEN_ID},{BENS_PHONE},AUTHORIZED\n"
    )
    says_nothing = ("--column", "push_status=enablement_status", "--word", "AUTHORIZED=nothing")
    assert run(warehouse, sandbox, "backfill", "klaviyo.csv", "onesignal.csv").returncode == 0
    assert run(warehouse, sandbox, "backfill", "tokens.csv", *says_nothing).returncode == 0
    warehouse.build()
    by_id = ("unsubscribe", "2026-03-01", "c-1")
    refused = {
        # Whoever has the address, and all of theirs; of the device, that one alone.
        ANN: by_id,
        WORK: by_id,
        PHONE: ("unsubscribe", "2026-03-03", "c-1"),
        BEN: ("unsubscribe", "2026-03-02", None),
        BENS_PHONE: ("unsubscribe", "2026-03-05", None),
        "+15551230011": ("unsubscribe", "2026-03-04", None),
    }
    assert listed(warehouse) == refused
    assert waiting(warehouse, sandbox) == {}
    # A platform's id is nobody's contact.
    assert set(warehouse.values("select external_id from contact_profiles")) == {"c-1", None}
    assert warehouse.values(
        "select count(*) from int_contact_addresses where external_id like '%:%'"
    ) == [0]
    found = cli(warehouse, sandbox, "explain", ANN)[1]
    (reason,) = [one for one in found["verdicts"][0]["reasons"] if one["reason"] == "unsubscribe"]
    assert f"klaviyo:{ANN_ID}" in str(reason)

    # The owner's preference switches no device on, and Klaviyo's own word ends what its id refused.
    opted_in = {"event": "opted_in", "at": "2026-04-01", "channel": "push", "external_id": "c-1"}
    warehouse.land("backfill", {"statements": [opted_in]})
    opt_in = klaviyo("subscribed_to_email_marketing", ANN_ID, "2026-04-01T00:00:00+00:00")
    warehouse.land("klaviyo", {"data": [opt_in]})
    warehouse.build()
    del refused[ANN], refused[WORK]
    assert listed(warehouse) == refused
    # What the exports were read from is the operator's own.
    for file in ("klaviyo.csv", "onesignal.csv", "tokens.csv"):
        (warehouse.directory / file).unlink()
    forget = ("forget", "c-1", "--yes")
    key = {"CONTACT_SYNC_FORGET_KEY": "a key of the tests, long enough"}
    code, done = cli(warehouse, sandbox, *forget, **key)
    assert (code, done["names"]["platform_id"]) == (0, 2)
    assert places_that_hold(warehouse, ANN_ID, PHONE_ID) == []
    assert places_that_hold(warehouse, BEN_ID)
