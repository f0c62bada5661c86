"""What `contact-sync adopt` landed of the platforms' own lists: what each entry becomes."""

from __future__ import annotations

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "adopt"

EVENTS = {
    "lists": [
        event("email", "unsubscribe", "list/unsubscribes", "mia@example.org"),
        event(
            "email",
            "topic_unsubscribe",
            "list/group",
            "noa@example.org",
            topic="14567",
            is_echo=True,
            at=None,
        ),
        event(
            "email", "topic_unsubscribe", "list/unsubscribes/tag", "leo@example.net", topic="weekly"
        ),
        event("email", "bounce", "list/cleaned", "ivy@example.net", is_echo=True, at=None),
        event("email", "bounce", "list/hardbounce/recipient", "ida@example.org"),
    ],
}


def test_every_body_is_expected() -> None:
    assert bodies(SOURCE) == EVENTS.keys()


def test_an_entry_becomes_an_event(landed: Landed) -> None:
    assert landed.events(SOURCE, "lists") == EVENTS["lists"]


def test_an_entry_is_its_platforms(landed: Landed) -> None:
    assert landed.column("source", SOURCE, "lists") == [
        "sendgrid", "sendgrid", "mailgun", "mailchimp", "postmark",
    ]  # fmt: skip


def test_a_list_that_is_read_again_on_the_same_day_adds_nothing(landed: Landed) -> None:
    assert landed.bodies_with_new_events_on_retry(SOURCE) == []
