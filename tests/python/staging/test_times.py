"""docs/times.md, row by row: a body in which all times differ, and which of them counts."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from tests.python.conftest import ROOT, Warehouse, instant

RECEIVED_AT = "2026-05-02T08:00:00Z"
#: What a body without a readable time happened at, by the word of the page.
OTHERWISE = {
    "received_at": instant(RECEIVED_AT),
    "earliest_event": instant("2005-01-01T00:00:00Z"),
    "quarantined": None,
}
UNREADABLE = {"empty": "", "word": "soon", "zeros": "0000-00-00 00:00:00"}


@dataclass(frozen=True)
class Row:
    """One row of the page."""

    source: str
    events: str
    fields: tuple[str, ...]
    otherwise: str
    never: tuple[str, ...]


def page() -> list[Row]:
    """The table of docs/times.md."""
    text = (ROOT / "docs" / "times.md").read_text()
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    names = [[tuple(re.findall(r"`([^`]+)`", cell)) for cell in row] for row in rows]
    return [
        Row(source[0], row[1].strip(), fields, row[3].strip().strip("`"), never)
        for row, (source, _, fields, _, never) in zip(rows, names, strict=True)
    ]


PAGE = page()


@dataclass(frozen=True)
class Body:
    """A body without its times, and the event in it that is looked at."""

    source: str
    events: str
    body: Any
    provider_event: str
    word: str = ""  # What <a word> of the page's paths stands for.
    is_flat: bool = False  # A path is one key, dots and all.
    landed: Callable[[Any], Any] = field(default=lambda body: body)
    table: str | None = None  # The log that it is a line of.

    @property
    def row(self) -> Row:
        return next(row for row in PAGE if (row.source, row.events) == (self.source, self.events))

    def at(self, times: dict[str, str]) -> Any:
        """The body with these times at their paths."""
        body = copy.deepcopy(self.body)
        for path, text in times.items():
            put(body, [path] if self.is_flat else re.findall(r"\[\]|[^.\[\]]+", path), text)
        return self.landed(body)

    def variants(self) -> Iterator[tuple[str, Any, str | None]]:
        """The body with all its times, and with the first fields of its row missing or unreadable;
        each with the time that counts then.
        """
        paths = [re.sub("<.*?>", self.word, path) for path in (*self.row.fields, *self.row.never)]
        fields = paths[: len(self.row.fields)]
        texts = {path: f"2026-05-01T10:{minute:02}:00Z" for minute, path in enumerate(paths)}
        yield "all", self.at(texts), texts[fields[0]]
        for count in range(1, len(fields) + 1):
            gone = fields[:count]
            counts = texts[fields[count]] if count < len(fields) else None
            rest = {path: text for path, text in texts.items() if path not in gone}
            yield f"missing-{count}", self.at(rest), counts
            for name, text in UNREADABLE.items():
                yield f"{name}-{count}", self.at({**texts, **dict.fromkeys(gone, text)}), counts


def put(body: Any, path: list[str], value: Any) -> None:
    """Set what stands at a path; `[]` is the first element of a list."""
    step, *rest = path
    if not rest:
        body[step] = value
    elif step == "[]":
        put(body[0], rest, value)
    else:
        put(body.setdefault(step, [{}] if rest[0] == "[]" else {}), rest, value)


def segment_bodies(source: str) -> Iterator[Body]:
    call = {"userId": "c-1", "messageId": "m"}
    traits = {"context": {"traits": {"email": "mia@example.org"}}}
    email = {"properties": {"channel": "email", "new_status": "subscribed"}}
    for track, properties in (
        ("Marketing Preference Updated", email),
        ("Email Subscribed", {}),
        ("Unsubscribed", {}),
        ("Email Bounced", {}),
        ("Push Notification Permission Changed", {"properties": {"enabled": True}}),
    ):
        body = {"type": "track", "event": track, **call, **traits, **properties}
        yield Body(source, "tracks that name a recipient", body, track.lower())
    rest = "all other calls, `messaging_subscriptions`"
    yield Body(source, rest, {"type": "track", "event": "Invite Sent", **call}, "track")
    yield Body(source, rest, {"type": "identify", **call}, "identify")
    subscription = {"key": "mia@example.org", "type": "EMAIL", "status": "UNSUBSCRIBED"}
    context = {"context": {"messaging_subscriptions": [subscription]}}
    yield Body(source, rest, {"type": "identify", **call, **context}, "messaging_subscriptions")
    body = {"type": "track", "event": "Unsubscribed", **call, **context}
    yield Body(source, rest, body, "messaging_subscriptions")


def mparticle_bodies() -> Iterator[Body]:
    attributes = {"channel": "email", "new_status": "unsubscribed"}
    preference = {"event_name": "Marketing Preference Updated", "custom_attributes": attributes}
    push = {"register": False, "registration_token": "eT0k:APA91bSample"}
    identities = [{"identity_type": "email", "identity": "mia@example.org"}]
    for events, kind, data, provider_event in (
        ("`Marketing Preference Updated`", "custom_event", preference, preference["event_name"]),
        ("other events", "push_registration", push, "push_registration"),
        ("consent that a batch repeats", "push_registration", push, "consent_state"),
        ("whom a batch is about", "push_registration", push, "identify"),
    ):
        batch = {
            "mpid": "1",
            "user_identities": identities,
            "consent_state": {"gdpr": {"email_marketing": {"consented": False}}},
            "events": [{"event_type": kind, "data": data}],
        }
        yield Body("mparticle", events, batch, str(provider_event).lower(), "email_marketing")


def ses_bodies() -> Iterator[Body]:
    mail = {"messageId": "1", "destination": ["mia@example.org"]}
    address = {"emailAddress": "mia@example.org"}
    kinds: dict[str, dict[str, Any]] = {
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [address]},
        "complaint": {"complainedRecipients": [address]},
        "delivery": {"recipients": ["mia@example.org"]},
        "deliveryDelay": {"delayedRecipients": [address]},
        "open": {},
        "click": {},
        "subscription": {"newTopicPreferences": {"unsubscribeAll": True}},
        "send": {},
        "reject": {},
    }
    for kind, part in kinds.items():
        events = "all others" if kind in {"send", "reject"} else "those with a time of their own"
        message = {"eventType": kind[0].upper() + kind[1:], kind: part, "mail": mail}
        body = {"Type": "Notification", "Message": message}
        yield Body("ses", events, body, kind.lower(), kind, landed=message_as_text)


def message_as_text(body: Any) -> Any:
    return {**body, "Message": json.dumps(body["Message"])}


def form_of_mandrill(body: Any) -> Any:
    return {"mandrill_events": json.dumps(body)}


def simple_bodies() -> Iterator[Body]:
    email = {"email": "mia@example.org"}
    statement = {"channel": "email", **email}
    for source, events, event in (
        ("adopt", "entries of a list", "list"),
        ("backfill", "all", "opted_out"),
        ("operator", "all", "suppress"),
    ):
        yield Body(source, events, {"statements": [{"event": event, **statement}]}, event)
    person = {"subscriber": {**email, "phone": "+12025550141"}}
    yield Body("attentive", "all", {"type": "sms.unsubscribed", **person}, "sms.unsubscribed")
    unsubscribe = "users.messages.email.Unsubscribe"
    braze = {"event_type": unsubscribe, "id": "1", "properties": {"email_address": email["email"]}}
    yield Body("braze", "all", {"events": [braze]}, "messages.email.unsubscribe")
    for event in ("unsubscribe", "hard_bounce"):
        yield Body("brevo", "all", {"event": event, "camp_id": 1, **email}, event)
    yield Body("fcm", "all", {"token": "eT0k", "error": {"status": "NOT_FOUND"}}, "error")
    klaviyo = {"external_id": "1", "topic": "event:klaviyo.unsubscribed_from_email_marketing"}
    included = {"payload": {"included": [{"attributes": email}]}}
    yield Body(
        "klaviyo", "all", {"data": [{**klaviyo, **included}]}, "unsubscribed_from_email_marketing"
    )
    yield Body("mailchimp", "all", {"type": "unsubscribe", "data": email}, "unsubscribe")
    event_data = {"event": "unsubscribed", "id": "1", "recipient": email["email"]}
    yield Body("mailgun", "all", {"event-data": event_data}, "unsubscribed")
    kind = "message.email.unsubscribed"
    yield Body("onesignal", "all", {"event": {"kind": kind, "external_id": "c-1"}}, kind)
    flat = {"event.kind": kind, "event.external_id": "c-1"}
    yield Body("onesignal", "all", flat, kind, is_flat=True)
    for event in ("processed", "unsubscribe", "bounce", "group_resubscribe"):
        yield Body("sendgrid", "all", [{"event": event, **email, "sg_event_id": event}], event)
    for part, event in (
        ("message_event", "bounce"),
        ("track_event", "click"),
        ("gen_event", "generation_failure"),
        ("unsubscribe_event", "link_unsubscribe"),
    ):
        sparkpost = {"type": event, "event_id": event, "rcpt_to": email["email"]}
        yield Body("sparkpost", "all", [{"msys": {part: sparkpost}}], event, part)
    to = {"MessageSid": "SM1", "To": "+12025550141"}
    yield Body("twilio", "all", {"MessageStatus": "failed", "ErrorCode": "21610", **to}, "failed")


_OTHERS = "other entries changed or removed"


def mandrill_bodies() -> Iterator[Body]:
    message = {"event": "unsub", "_id": "1", "msg": {"_id": "1", "email": "mia@example.org"}}
    yield Body("mandrill", "messages", [message], "unsub", landed=form_of_mandrill)
    for kind, entry in (("blacklist", "reject"), ("whitelist", "entry")):
        changed = "entries of the denylist that changed" if kind == "blacklist" else _OTHERS
        for action, events in (
            ("add", "entries added to a list"),
            ("change", changed),
            ("remove", _OTHERS),
        ):
            listed = {"type": kind, "action": action, entry: {"email": "mia@example.org"}}
            yield Body("mandrill", events, [listed], kind, entry, landed=form_of_mandrill)


def postmark_bodies() -> Iterator[Body]:
    kinds = ("`Bounce`, `SpamComplaint`", "`SubscriptionChange`", "`Delivery`", "`Open`, `Click`")
    for events in kinds:
        for kind in re.findall("`(.*?)`", events):
            address = {"Email" if "Bounce" in events else "Recipient": "mia@example.org"}
            body = {"RecordType": kind, "MessageID": "1", "Type": "HardBounce", **address}
            yield Body("postmark", events, body, kind.lower())


def lines() -> Iterator[Body]:
    for source, table, address, provider_event in (
        ("email_log", "email_sends", "recipient_email", "sent"),
        ("email_log", "email_opens", "recipient_email", "opened"),
        ("directory", "contacts", "email", "contact"),
    ):
        yield Body(source, f"rows of `{table}`", {address: ""}, provider_event, table=table)


BODIES = [
    *simple_bodies(), *mandrill_bodies(), *mparticle_bodies(), *postmark_bodies(), *ses_bodies(),
    *segment_bodies("segment"), *segment_bodies("twilio_engage"), *lines(),
]  # fmt: skip
NAMES = [f"{number}-{body.source}-{body.provider_event}" for number, body in enumerate(BODIES)]


@pytest.fixture(scope="module")
def times(new_warehouse: Callable[[], Warehouse]) -> dict[tuple[str, str], list[tuple[Any, Any]]]:
    """The time of each event and the time that it counts at, by delivery and event."""
    warehouse = new_warehouse()
    for number, body in enumerate(BODIES):
        for name, payload, _ in body.variants():
            identity = f"{number}-{name}"
            if body.table:
                # A line has no delivery: its address names it.
                (address,) = (key for key in payload if "email" in key)
                line = {**payload, address: f"{identity}@example.org"}
                warehouse.land_rows(body.table, [line])
            else:
                warehouse.land(
                    body.source,
                    payload,
                    received_at=RECEIVED_AT,
                    delivery_id=identity,
                    file="all.ndjson",
                )
    warehouse.build("--select", "+int_events_unioned", "--exclude-resource-type", "test")
    found: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for row in warehouse.rows("select * from main.int_events_unioned"):
        is_line = row["source"] in {"email_log", "directory"}
        identity = row["email"].split("@")[0] if is_line else row["delivery_id"]
        event = row["provider_event"].split("/")[0]
        found.setdefault((identity, event), []).append(
            (row["event_timestamp"], row["effective_at"])
        )
    return found


def test_the_page_names_every_source_and_no_other() -> None:
    sources = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]["sources"]
    assert {row.source for row in PAGE} == set(sources)


def test_every_row_of_the_page_is_tried() -> None:
    tried = {(body.source, body.events) for body in BODIES}
    assert {(row.source, row.events) for row in PAGE} == tried


@pytest.mark.parametrize("number", range(len(BODIES)), ids=NAMES)
def test_the_first_time_that_can_be_read_counts(
    times: dict[tuple[str, str], list[tuple[Any, Any]]], number: int
) -> None:
    body = BODIES[number]
    expected, found = {}, {}
    for name, _, counts in body.variants():
        at = instant(counts) if counts else None
        expected[name] = [(at, at or OTHERWISE[body.row.otherwise])]
        found[name] = times[f"{number}-{name}", body.provider_event]
    assert found == expected
