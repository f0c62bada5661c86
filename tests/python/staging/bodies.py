"""The fixtures of every platform, landed and built once, and what became of each body."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.python.conftest import ROOT, Warehouse

FIXTURES = ROOT / "tests" / "fixtures"
SOURCES = (
    "sendgrid", "mailgun", "postmark", "mailchimp", "mandrill", "braze", "twilio", "attentive",
    "fcm", "onesignal", "segment", "twilio_engage", "mparticle", "ses", "sparkpost", "brevo",
    "klaviyo",
    # What our own commands land: macros/statements.sql.
    "backfill", "adopt", "operator",
)  # fmt: skip
# The instant of most fixtures, 1777706130 s.
AT = "2026-05-02 07:15:30"

SENDS: list[dict[str, Any]] = [
    {"recipient_email": "mia@example.org", "send_date": "2026-05-01T10:00:00Z", "message_id": "m1"},
    {"recipient_email": "noa@example.org", "send_date": "2026-05-01T10:00:00Z", "message_id": "m1"},
    {"recipient_email": "leo@example.net", "send_date": "2026-05-01", "message_id": None},
    {"recipient_email": "leo@example.net", "send_date": "2026-05-02", "message_id": None},
    {"recipient_email": "ivy@example.net", "send_date": "last week", "message_id": "m2"},
    {"recipient_email": "Ivy", "send_date": "2026-05-01", "message_id": "m3"},
]
OPENS: list[dict[str, Any]] = [
    {"id": 7, "recipient_email": " Mia@Example.org", "open_date": "2026-05-01 11:00:00"},
    {"id": None, "recipient_email": "noa@example.org", "open_date": 1777706130},
]
CONTACTS: list[dict[str, Any]] = [
    {
        "external_id": "c-901",
        "email": "mia@example.org",
        "phone": "+1 (202) 555-0141",
        "push_token": "eT0k:APA91bSample",
        "updated_at": "2026-05-01T10:00:00Z",
    },
    {"external_id": "c-902", "email": "noa@example.org"},
    {"external_id": "undefined", "phone": "02025550141"},
]


def event(
    channel: str | None,
    event_type: str,
    provider_event: str,
    address: str | None = None,
    *,
    external_id: str | None = None,
    topic: str | None = None,
    trait_value: bool | None = None,
    is_machine: bool = False,
    is_echo: bool = False,
    at: str | None = AT,
) -> dict[str, Any]:
    """The columns of an event that its body decides."""
    return {
        "channel": channel,
        "event_type": event_type,
        "provider_event": provider_event,
        "address": address,
        "external_id": external_id,
        "topic": topic,
        "trait_value": trait_value,
        "is_machine": is_machine,
        "is_echo": is_echo,
        "at": at,
    }


class Landed:
    """A warehouse in which every fixture was landed, and landed again as a retry an hour later."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._quarantined: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in warehouse.rows(
            "select *, cast(event_timestamp as varchar) as at from main.events"
            " order by delivery_id, position, channel nulls first, address, provider_event"
        ):
            self._events[row["delivery_id"]].append(row)
        for row in warehouse.rows(
            "select * from main.quarantined_deliveries order by delivery_id, position"
        ):
            self._quarantined[row["delivery_id"]].append(row)

    def events(self, source: str, body: str) -> list[dict[str, Any]]:
        """The events of a body, in its order, those without a channel first."""
        names = event(None, "", "")
        return [{name: row[name] for name in names} for row in self._events[f"{source}/{body}"]]

    def column(self, name: str, source: str, body: str) -> list[Any]:
        """One column of the events of a body."""
        return [row[name] for row in self._events[f"{source}/{body}"]]

    def quarantined(self, name: str, source: str, body: str) -> list[Any]:
        """One column of what was quarantined of a body."""
        return [row[name] for row in self._quarantined[f"{source}/{body}"]]

    def of_source(self, source: str) -> list[dict[str, Any]]:
        """All events of a source."""
        return [row for rows in self._events.values() for row in rows if row["source"] == source]

    def bodies_with_new_events_on_retry(self, source: str) -> list[str]:
        """The bodies of which the retry was taken for something new."""
        retries = (identity.split("/") for identity, rows in self._events.items() if rows)
        return [parts[1] for parts in retries if parts[0] == source and parts[-1] == "retry"]


def land_fixtures(warehouse: Warehouse) -> None:
    """Land every fixture of every platform twice, one landing file each time and platform."""
    for source in SOURCES:
        for path in sorted((FIXTURES / source).glob("*.json")):
            body = path.read_text()
            identity = f"{source}/{path.stem}"
            warehouse.land(source, body, delivery_id=identity, file="first.ndjson")
            warehouse.land(
                source,
                body,
                delivery_id=f"{identity}/retry",
                received_at="2026-05-02T09:00:00Z",
                file="retry.ndjson",
            )


def land_logs(warehouse: Warehouse) -> None:
    """Land the sender's own log and the directory."""
    warehouse.land_rows("email_sends", SENDS)
    warehouse.land_rows("email_opens", OPENS)
    warehouse.land_rows("contacts", CONTACTS)


def bodies(source: str) -> set[str]:
    """The names of a platform's fixtures."""
    return {path.stem for path in (FIXTURES / source).glob("*.json")}
