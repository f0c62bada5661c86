"""The directory of contacts: what each row becomes."""

from __future__ import annotations

from tests.python.conftest import instant
from tests.python.staging.bodies import Landed

SOURCE = "directory"


def test_a_row_names_a_contact_and_its_addresses(landed: Landed) -> None:
    rows = {row["external_id"]: row for row in landed.of_source(SOURCE)}
    mia = rows["c-901"]
    assert (mia["event_type"], mia["channel"], mia["address"]) == ("identify", None, None)
    assert mia["email"] == "mia@example.org"
    assert mia["phone"] == "+12025550141"
    assert mia["push_token"] == "eT0k:APA91bSample"
    assert mia["received_at"] == instant("2026-05-01T10:00:00Z")


def test_a_row_without_a_time_was_always_so(landed: Landed) -> None:
    rows = {row["external_id"]: row for row in landed.of_source(SOURCE)}
    assert rows["c-902"]["received_at"] == instant("2005-01-01T00:00:00Z")
    assert rows["c-902"]["event_timestamp"] is None


def test_a_row_of_nobody_with_a_national_number_is_quarantined(landed: Landed) -> None:
    assert landed.warehouse.values(
        "select reason from main.quarantined_deliveries where source = ?", SOURCE
    ) == ["invalid address"]
