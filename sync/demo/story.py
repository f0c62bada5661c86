"""Six people whose story the demonstration tells: what happened to them, and on the second day.

Each shows one rule. `before` and `after` are what the rule promises for their addresses, and the
demonstration checks that the build and the platform agree with it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from sync.demo.platforms import Someone
from sync.demo.times import Clock, epoch
from sync.landing.files import WholeFiles

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Person:
    """A named person: the addresses that are watched, and what the second day does to them."""

    name: str
    channel: str
    addresses: tuple[str, ...]
    before: str | None
    """The reason that they are on the list for after the first build, None if they are not."""
    after: str | None
    """The same after the second build."""
    happened: str
    """What the second day brought."""
    rule: str
    """Why the state is what it is then."""


PEOPLE: Final = (
    Person(
        "Noa",
        "email",
        ("noa@example.org",),
        None,
        "bounce",
        "SendGrid: the mailbox does not exist any more",
        "A permanent bounce lists the address",
    ),
    Person(
        "Ben",
        "email",
        ("ben@example.org", "ben@work.example"),
        None,
        "unsubscribe",
        "Segment: opted out in the app, naming only his id",
        "An opt-out covers every address that he ever had",
    ),
    Person(
        "Mia",
        "email",
        ("mia@example.org",),
        "unsubscribe",
        None,
        "Segment: subscribed again in the preference centre",
        "Her later act ends her earlier one: the latest wins",
    ),
    Person(
        "Zoe",
        "email",
        ("zoe@example.org",),
        "unsubscribe",
        "unsubscribe",
        "Segment: her phone resent a cached 'subscribed' trait",
        "A trait can opt out, never in: only an act can",
    ),
    Person(
        "Ivy",
        "email",
        ("ivy@example.org",),
        "complaint",
        "complaint",
        "SendGrid: refused to send, she is on its spam list",
        "An echo of a recorded act adds nothing",
    ),
    Person(
        "Leo",
        "sms",
        ("+12025550141",),
        None,
        "unsubscribe",
        "Twilio: answered STOP to a text message",
        "An opt-out counts on its channel: email goes on",
    ),
)
"""In the order told."""

_Delivery = tuple[str, int, object]


def land_first_days(directory: Path, *, start: date, days: int) -> int:
    """Lands what is known of the six before the second day; returns the number of deliveries.

    `start` and `days` are those of the generator's period, at the end of which it happens.
    """
    now = epoch(start) + days * _DAY
    known = [
        ("mia", {"email": "mia@example.org"}),
        ("noa", {"email": "noa@example.org"}),
        ("ivy", {"email": "ivy@example.org"}),
        ("zoe", {"email": "zoe@example.org"}),
        ("leo", {"email": "leo@example.net", "phone": "+1 (202) 555-0141"}),
        ("ben", {"email": "ben@example.org"}),
        ("ben", {"email": "Ben@Work.example"}),
    ]
    deliveries: list[_Delivery] = [
        ("segment", now - 14 * _DAY + place, _identify(uid, now - 14 * _DAY + place, traits))
        for place, (uid, traits) in enumerate(known)
    ]
    sent, unsubscribed = now - 6 * _DAY, now - 5 * _DAY
    deliveries += [
        (
            "sendgrid",
            sent + 600,
            [
                _sendgrid("mia", "delivered", sent, response="250 2.0.0 OK"),
                _sendgrid("noa", "delivered", sent, response="250 2.0.0 OK"),
                _sendgrid("noa", "open", sent + 540, useragent="Mozilla/5.0"),
            ],
        ),
        (
            "sendgrid",
            unsubscribed + 9,
            [
                _sendgrid("mia", "click", unsubscribed - 20, url="https://shop.example/may"),
                _sendgrid("mia", "unsubscribe", unsubscribed),
            ],
        ),
        ("mailgun", now - 4 * _DAY, _complained("ivy@example.org", now - 4 * _DAY - 3)),
        ("postmark", now - 3 * _DAY, _suppressed("zoe", "zoe@example.org", now - 3 * _DAY - 5)),
        ("twilio", now - 2 * _DAY, _delivered("+12025550141")),
    ]
    return _land(directory, "first", deliveries)


def land_second_day(directory: Path, *, start: date, days: int) -> int:
    """Lands the day after the generator's period; returns the number of deliveries."""
    now = epoch(start) + days * _DAY + 8 * 3600
    bounce = {
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
        "bounce_classification": "Invalid Address",
    }
    dropped = {"reason": "Spam Reporting Address", "status": "5.0.0"}
    deliveries: list[_Delivery] = [
        ("sendgrid", now + 9, [_sendgrid("noa", "bounce", now, **bounce)]),
        ("segment", now + 601, _preference("ben", now + 600, "unsubscribed", None)),
        ("segment", now + 1_202, _preference("mia", now + 1_200, "subscribed", "mia@example.org")),
        (
            "segment",
            now + 1_801,
            _identify(
                "zoe", now + 1_800, {"email": "zoe@example.org", "email_subscribed_status": True}
            ),
        ),
        ("sendgrid", now + 2_405, [_sendgrid("ivy", "dropped", now + 2_400, **dropped)]),
        ("twilio", now + 3_000, _stop("+12025550141")),
    ]
    # The platforms deliver at least once: the bounce comes twice.
    deliveries.append(("sendgrid", now + 69, deliveries[0][2]))
    return _land(directory, "second", deliveries)


AVA: Final = Someone(
    "c-ava", "ava@example.org", "+12025550188", "eT0k-ava:APA91bSample-0123456789abcdefghij"
)
"""Who refuses and consents on all three channels on the third day."""


def land_refusals_of_ava(directory: Path, *, start: date, days: int) -> int:
    """Lands who Ava is, and that she opts out of emails, texts and push; number of deliveries."""
    now = epoch(start) + days * _DAY + 32 * 3600
    token = {"device": {"token": AVA.push, "type": "android"}}
    traits = {"email": AVA.email, "phone": AVA.sms}
    deliveries: list[_Delivery] = [
        ("segment", now + 1, {**_identify("ava", now, traits), "context": token}),
        ("mailchimp", now + 2, _member(AVA.email, now + 1)),
        ("sendgrid", now + 69, [_sendgrid("ava", "unsubscribe", now + 60)]),
        ("twilio", now + 120, _stop(AVA.sms, "SM000000000000000000000000000570a3")),
        ("segment", now + 181, _permission("ava", now + 180, token, is_on=False)),
    ]
    return _land(directory, "third", deliveries)


def land_consents_of_ava(directory: Path, *, start: date, days: int) -> int:
    """Lands that Ava opts in again everywhere; returns the number of deliveries."""
    now = epoch(start) + days * _DAY + 56 * 3600
    token = {"device": {"token": AVA.push, "type": "android"}}
    start_word = {"Body": "Start", "OptOutType": "START"}
    message = {**_stop(AVA.sms, "SM000000000000000000000000000570a4"), **start_word}
    deliveries: list[_Delivery] = [
        ("segment", now + 1, _preference("ava", now, "subscribed", AVA.email)),
        ("twilio", now + 60, message),
        ("segment", now + 121, _permission("ava", now + 120, token, is_on=True)),
    ]
    return _land(directory, "fourth", deliveries)


def land_reports(directory: Path, webhooks: Sequence[Mapping[str, Any]], received: int) -> int:
    """Lands what platforms report of our own calls, received at an instant (epoch seconds)."""
    reports = [(w["source"], received, _landed(w["body"])) for w in webhooks]
    return _land(directory, "reports", reports)


def _landed(body: Any) -> Any:
    """A body as the receiver lands it: a form as an object of texts."""
    return dict(parse_qsl(body)) if isinstance(body, str) else body


def _land(directory: Path, stem: str, deliveries: Sequence[_Delivery]) -> int:
    clock, lander = Clock(), WholeFiles(directory, f"story-{stem}")
    for number, (source, received, body) in enumerate(deliveries, 1):
        line = {
            "delivery_id": f"story-{stem}-{number:02d}",
            "received_at": f"{clock.iso(received)}Z",
            "payload": json.dumps(body),
        }
        folder = f"webhook_deliveries/source={source}/date={clock.date(received)}"
        lander.add(folder, json.dumps(line))
    lander.close()
    return len(deliveries)


def _iso(second: int) -> str:
    return f"{Clock().iso(second)}.000Z"


def _identify(uid: str, second: int, traits: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "identify",
        "messageId": f"story-{uid}-identify-{second}",
        "userId": f"c-{uid}",
        "timestamp": _iso(second),
        "traits": traits,
        "context": {},
    }


def _preference(uid: str, second: int, status: str, email: str | None) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Marketing Preference Updated",
        "messageId": f"story-{uid}-preference-{second}",
        "userId": f"c-{uid}",
        "timestamp": _iso(second),
        "context": {"traits": {"email": email}} if email else {},
        "properties": {
            "channel": "email",
            "new_status": status,
            "source_of_change": "preference_center" if email else "Mobile App Settings",
        },
    }


def _sendgrid(uid: str, event: str, second: int, **fields: Any) -> dict[str, Any]:
    return {
        "email": f"{uid}@example.org",
        "timestamp": second,
        "event": event,
        **fields,
        "sg_event_id": f"story-{uid}-{event}-{second}",
        "sg_message_id": f"story-{uid}.recvd-1-0",
        "user_id": f"c-{uid}",
    }


def _complained(email: str, second: int) -> dict[str, Any]:
    return {
        "signature": {
            "timestamp": str(second + 1),
            "token": "story5d0c7a91b2",
            "signature": "9a1f",
        },
        "event-data": {
            "event": "complained",
            "id": "story-complained",
            "timestamp": second + 0.118,
            "log-level": "warn",
            "recipient": email,
            "message": {"headers": {"message-id": "story@mg.shop.example"}},
            "user-variables": {"uid": "c-ivy"},
        },
    }


def _suppressed(uid: str, email: str, second: int) -> dict[str, Any]:
    return {
        "RecordType": "SubscriptionChange",
        "MessageID": "7c9e6679-7425-40de-944b-0000000570ae",
        "ServerID": 55,
        "MessageStream": "broadcast",
        "ChangedAt": f"{Clock().iso(second)}Z",
        "Recipient": email,
        "Origin": "Recipient",
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
        "Tag": "may",
        "Metadata": {"customer": f"c-{uid}"},
    }


def _delivered(phone: str) -> dict[str, str]:
    return {
        "SmsSid": "SM000000000000000000000000000570a1",
        "MessageSid": "SM000000000000000000000000000570a1",
        "SmsStatus": "delivered",
        "MessageStatus": "delivered",
        "To": phone,
        "From": "+12025550100",
        "AccountSid": "AC00000000000000000000000000000001",
        "ApiVersion": "2010-04-01",
    }


def _permission(uid: str, second: int, device: Mapping[str, Any], *, is_on: bool) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Push Notification Permission Changed",
        "messageId": f"story-{uid}-permission-{second}",
        "userId": f"c-{uid}",
        "timestamp": _iso(second),
        "context": dict(device),
        "properties": {"enabled": is_on},
    }


def _member(email: str, second: int) -> dict[str, str]:
    return {
        "type": "profile",
        "fired_at": Clock().iso(second).replace("T", " "),
        "data[id]": "8a25ff1d98",
        "data[list_id]": "a6b5da1054",
        "data[email]": email,
        "data[merges][EMAIL]": email,
    }


def _stop(phone: str, sid: str = "SM000000000000000000000000000570a2") -> dict[str, str]:
    return {
        "SmsMessageSid": sid,
        "MessageSid": sid,
        "From": phone,
        "To": "+12025550100",
        "Body": "Stop",
        "OptOutType": "STOP",
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "MessagingServiceSid": "MG00000000000000000000000000000001",
        "AccountSid": "AC00000000000000000000000000000001",
        "ApiVersion": "2010-04-01",
    }
