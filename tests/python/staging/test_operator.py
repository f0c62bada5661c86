"""What operators did, and what the forgotten refused: what each act becomes."""

from __future__ import annotations

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "operator"

EVENTS = {
    "acts": [
        event("email", "block", "suppress", "mia@example.org"),
        event("sms", "reactivate", "release", "+12025550141"),
        event("email", "unsubscribe", "person_asked/stop", "noa@example.org"),
        event("push", "subscribe", "person_asked/resume", "eT0k:APA91bSample"),
        event("email", "complaint", "forgotten/complaint", "leo@example.net"),
    ],
}


def test_every_body_is_expected() -> None:
    assert bodies(SOURCE) == EVENTS.keys()


def test_an_act_becomes_an_event(landed: Landed) -> None:
    assert landed.events(SOURCE, "acts") == EVENTS["acts"]


def test_who_did_it_and_why_are_kept(landed: Landed) -> None:
    assert landed.column("source_of_change", SOURCE, "acts")[0] == "ops@example.com"
    assert landed.column("reason", SOURCE, "acts")[0] == "a lawyer wrote"


def test_an_act_that_is_landed_again_adds_nothing(landed: Landed) -> None:
    assert landed.bodies_with_new_events_on_retry(SOURCE) == []
