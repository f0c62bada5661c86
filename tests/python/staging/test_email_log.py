"""The sender's own log: what each line becomes."""

from __future__ import annotations

from tests.python.staging.bodies import Landed, event

SOURCE = "email_log"

EVENTS = {
    "sent|mia@example.org|m1": event(
        "email", "sent", "sent", "mia@example.org", at="2026-05-01 10:00:00"
    ),
    "sent|noa@example.org|m1": event(
        "email", "sent", "sent", "noa@example.org", at="2026-05-01 10:00:00"
    ),
    "sent|leo@example.net|2026-05-01": event(
        "email", "sent", "sent", "leo@example.net", at="2026-05-01 00:00:00"
    ),
    "sent|leo@example.net|2026-05-02": event(
        "email", "sent", "sent", "leo@example.net", at="2026-05-02 00:00:00"
    ),
    "opened|7": event("email", "open", "opened", "mia@example.org", at="2026-05-01 11:00:00"),
    "opened|noa@example.org|1777706130": event("email", "open", "opened", "noa@example.org"),
}


def test_a_line_becomes_an_event(landed: Landed) -> None:
    names = event(None, "", "")
    found = {
        row["delivery_id"]: {name: row[name] for name in names} for row in landed.of_source(SOURCE)
    }
    assert found == EVENTS


def test_a_line_is_received_when_it_happened(landed: Landed) -> None:
    assert all(row["received_at"] == row["event_timestamp"] for row in landed.of_source(SOURCE))


def test_a_line_without_a_time_or_an_address_is_quarantined(landed: Landed) -> None:
    quarantined = landed.warehouse.rows(
        "select reason, payload from main.quarantined_deliveries where source = ? order by reason",
        SOURCE,
    )
    assert [row["reason"] for row in quarantined] == ["invalid address", "no received_at"]
    assert quarantined[1]["payload"] == (
        '{"recipient_email":"ivy@example.net","send_date":"last week","message_id":"m2"}'
    )
