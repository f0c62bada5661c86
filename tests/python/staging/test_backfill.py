"""What `contact-sync backfill` landed of exports: what each statement becomes."""

from __future__ import annotations

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "backfill"

EVENTS = {
    "exports": [
        event(None, "identify", "contact", external_id="c-911", at=None),
        event("email", "unsubscribe", "opted_out", "mia@example.org", external_id="c-911"),
        event("sms", "subscribe", "opted_in", "+12025550141"),
        event("email", "identify", "status", "noa@example.org", trait_value=True, at=None),
        event("email", "bounce", "bounced", "leo@example.net"),
        event("email", "complaint", "complained", "ivy@example.net"),
    ],
}


def test_every_body_is_expected() -> None:
    assert bodies(SOURCE) == EVENTS.keys()


def test_a_statement_becomes_an_event(landed: Landed) -> None:
    assert landed.events(SOURCE, "exports") == EVENTS["exports"]


def test_an_identity_keeps_every_address(landed: Landed) -> None:
    names = ("email", "phone", "push_token")
    contact = {name: landed.column(name, SOURCE, "exports")[0] for name in names}
    assert contact == {
        "email": "mia@example.org",
        "phone": "+12025550141",
        "push_token": "eT0k:APA91bSample",
    }


def test_the_file_and_line_are_kept(landed: Landed) -> None:
    assert landed.column("source_of_change", SOURCE, "exports")[1] == "mailchimp.csv"
    assert landed.column("reason", SOURCE, "exports")[1] == "mailchimp.csv:3 column email"


def test_exports_that_are_landed_again_add_nothing(landed: Landed) -> None:
    assert landed.bodies_with_new_events_on_retry(SOURCE) == []
