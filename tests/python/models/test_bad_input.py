"""Bad input is quarantined with a reason, counted, and never stops the rest."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.python.conftest import Warehouse

GOOD = {"email": "noa@example.org", "event": "bounce", "type": "bounce", "timestamp": 1777706133}
FIVE_MEGABYTES = 5 * 1024 * 1024


def event(number: int, **changes: object) -> dict[str, object]:
    return {**GOOD, "sg_event_id": f"event-{number}", **changes}


@pytest.fixture(scope="module")
def fed(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """One build over everything that has ever gone wrong on the wire."""
    warehouse = new_warehouse()
    land = warehouse.land
    land("sendgrid", [event(1)], delivery_id="good")
    land("sendgrid", '[{"email": "noa@exam', delivery_id="cut-body")
    land("sendgrid", "\x00\x01\x02", delivery_id="nul-bytes")
    land(
        "sendgrid", '[{"email":"nul\\u0000@example.org","event":"open"}]', delivery_id="nul-escape"
    )
    land("sendgrid", "[" * 500 + "]" * 500, delivery_id="nested-500")
    land("sendgrid", [event(2, reason="x" * FIVE_MEGABYTES)], delivery_id="five-megabytes")
    land("sendgrid", "y" * FIVE_MEGABYTES, delivery_id="five-megabytes-of-noise")
    land("sendgrid", "[]", delivery_id="no-elements")
    land("sendgrid", "", delivery_id="no-body")
    land("sendgrid", "null", delivery_id="null-body")
    land("sendgrid", "{}", delivery_id="object-for-array")
    land("sendgrid", '["text", 5, null, {}]', delivery_id="elements-that-are-no-objects")
    land(
        "sendgrid",
        [event(3), event(4, email="Noa <noa@example.org>"), event(5, email=5), event(6)],
        delivery_id="one-bad-element",
    )
    land("sendgrid", [event(9), "text", event(10)], delivery_id="one-shapeless-element")
    land("sendgrid", [event(7, email="")], delivery_id="no-recipient")
    land("sendgrid", [event(8, email="a@example.org, b@example.org")], delivery_id="two-addresses")
    land("mailgun", "[1, 2]", delivery_id="array-for-object")
    land("postmark", '{"RecordType": {"a": 1}, "Email": ["x"]}', delivery_id="objects-for-text")
    land("twilio", {"From": "12345", "Body": "STOP", "MessageSid": "SM1"}, delivery_id="short-code")
    land("segment", '{"type":"track"}', delivery_id="nobody")
    land("nobody-we-know", {"hello": "world"}, delivery_id="unknown-source")
    warehouse.append(
        "webhook_deliveries/source=sendgrid/date=2026-05-02", '{"delivery_id":"torn","rec'
    )
    warehouse.append(
        "webhook_deliveries/source=sendgrid/date=2026-05-02", '"a string, not a delivery"'
    )
    warehouse.append(
        "webhook_deliveries/source=sendgrid/date=2026-05-02",
        '{"delivery_id":"when","received_at":"the day before",'
        '"payload":"[{\\"email\\":\\"noa@example.org\\",\\"event\\":\\"open\\",\\"sg_event_id\\":\\"w\\"}]"}',
    )
    noise = warehouse.landing / "webhook_deliveries/source=sendgrid/date=2026-05-02/noise.ndjson"
    noise.write_bytes(random.Random(5).randbytes(20_000))
    warehouse.build()
    return warehouse


@pytest.mark.parametrize(
    ("delivery", "reasons"),
    [
        ("cut-body", ["malformed JSON"]),
        ("nul-bytes", ["malformed JSON"]),
        ("five-megabytes-of-noise", ["malformed JSON"]),
        ("nested-500", ["wrong shape"]),
        ("no-elements", ["empty"]),
        ("no-body", ["empty"]),
        ("null-body", ["wrong shape"]),
        ("object-for-array", ["wrong shape"]),
        ("array-for-object", ["wrong shape"]),
        ("no-recipient", ["no recipient"]),
        ("two-addresses", ["invalid address"]),
        ("nul-escape", ["invalid address"]),
        ("one-bad-element", ["invalid address", "invalid address"]),
        ("short-code", ["invalid address"]),
        ("unknown-source", ["unknown source"]),
        ("when", ["no received_at"]),
    ],
)
def test_a_bad_delivery_is_quarantined_with_its_reason(
    fed: Warehouse, delivery: str, reasons: list[str]
) -> None:
    found = fed.values(
        "select reason from main.quarantined_deliveries where delivery_id = ? order by position",
        delivery,
    )
    assert found == reasons


@pytest.mark.parametrize(
    ("delivery", "good"), [("one-bad-element", [0, 3]), ("one-shapeless-element", [0, 2])]
)
def test_one_bad_element_of_a_batch_is_quarantined_alone(
    fed: Warehouse, delivery: str, good: list[int]
) -> None:
    standing = fed.values(
        "select position from main.events where delivery_id = ? order by position", delivery
    )
    assert standing == good


def test_a_good_event_of_five_megabytes_is_an_event(fed: Warehouse) -> None:
    assert fed.values("select address from main.events where delivery_id = 'five-megabytes'") == [
        "noa@example.org"
    ]


def test_lines_that_cannot_be_read_are_counted(fed: Warehouse) -> None:
    unreadable = fed.values(
        "select count(*) from main.quarantined_deliveries where reason = 'unreadable line'"
    )
    assert unreadable[0] >= 3


def test_the_payload_of_what_is_quarantined_is_kept(fed: Warehouse) -> None:
    kept = fed.values(
        "select payload from main.quarantined_deliveries where delivery_id = 'cut-body'"
    )
    assert kept == ['[{"email": "noa@exam']


def test_every_delivery_is_an_event_or_quarantined(fed: Warehouse) -> None:
    landed = set(
        fed.values("select delivery_id from raw.webhook_deliveries where delivery_id is not null")
    )
    accounted = set(
        fed.values(
            "select delivery_id from main.events"
            " union select delivery_id from main.quarantined_deliveries"
        )
    )
    assert landed - accounted == set()


def test_an_empty_landing_directory_builds_empty_marts(warehouse: Warehouse) -> None:
    warehouse.build()
    warehouse.build()
    assert warehouse.values("select count(*) from main.suppression_list") == [0]
    assert warehouse.values("select ok from raw.builds order by started_at") == [True, True]


def test_a_delivery_of_an_unknown_source_is_quarantined_once_by_increments(
    warehouse: Warehouse,
) -> None:
    warehouse.land("nobody-we-know", {"hello": "world"}, delivery_id="unknown-source")
    warehouse.build("--selector", "frequent")
    warehouse.land("sendgrid", [event(1)], delivery_id="good")
    warehouse.build("--selector", "frequent")
    assert warehouse.values("select reason from main.quarantined_deliveries") == ["unknown source"]
    loaded = warehouse.values("select delivery_id from main.int_events_unioned order by 1")
    assert loaded == ["good", "unknown-source"]
