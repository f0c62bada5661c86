"""Landing lines of a history in the platforms' real shapes, and what each of them means.

Bodies follow the platforms' documents (SendGrid Event Webhook, Postmark webhooks, Mailgun webhooks
v3, Twilio Programmable Messaging, Segment track and identify). `copies` says what the same lines
mean, without reading them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from . import history as names
from .history import Delivery, Element, Entry, History, Mail
from .world import CHANNELS, Copy, Event

Body = dict[str, Any]

TOPICS = ("318", "319")  # SendGrid unsubscribe groups
STREAMS = ("broadcast", "outbound")  # Postmark message streams
SENDERS = ("+12025550100", "+12025550177")  # our own numbers at Twilio
# Spellings of "no custom argument"; None leaves it out.
NOBODY = (None, None, None, "", "null", "undefined", "0")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a landing file. `table` is the folder (webhook_deliveries with its source, or a
    log).
    """

    table: str
    source: str
    step: int
    row: Body


# kind -> (fields of the body, event type, is an echo)
SENDGRID: dict[str, tuple[Body, str, bool]] = {
    "processed": ({"event": "processed"}, "sent", False),
    "delivered": ({"event": "delivered", "response": "250 OK"}, "delivered", False),
    "open": ({"event": "open", "useragent": "Mozilla/5.0"}, "open", False),
    "click": ({"event": "click", "url": "https://shop.example/x"}, "click", False),
    "bounce": ({"event": "bounce", "type": "bounce", "reason": "550 5.1.1"}, "bounce", False),
    "bounce_untyped": ({"event": "bounce", "reason": "550 5.1.1"}, "bounce", False),
    "blocked": ({"event": "bounce", "type": "blocked", "status": "5.7.1"}, "soft_bounce", False),
    "deferred": ({"event": "deferred", "attempt": "3"}, "soft_bounce", False),
    "full": ({"event": "deferred", "response": "452 4.2.2 over quota"}, "soft_bounce", False),
    # What the platform calls permanent and the receiver's answer does not.
    "bounce_full": (
        {"event": "bounce", "type": "bounce", "reason": "552 5.2.2 over quota"},
        "soft_bounce",
        False,
    ),
    "bounce_unauthenticated": (
        {"event": "bounce", "type": "bounce", "status": "5.7.26"},
        "soft_bounce",
        False,
    ),
    "dropped_bounced": ({"event": "dropped", "reason": "Bounced Address"}, "bounce", True),
    "dropped_invalid": ({"event": "dropped", "reason": "Invalid"}, "bounce", True),
    "dropped_unsubscribed": (
        {"event": "dropped", "reason": "Unsubscribed Address"},
        "unsubscribe",
        True,
    ),
    "dropped_spam": ({"event": "dropped", "reason": "Spam Reporting Address"}, "complaint", True),
    "dropped_other": ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, "other", False),
    "spamreport": ({"event": "spamreport"}, "complaint", False),
    "unsubscribe": ({"event": "unsubscribe"}, "unsubscribe", False),
    "group_unsubscribe": ({"event": "group_unsubscribe"}, "topic_unsubscribe", False),
    "group_resubscribe": ({"event": "group_resubscribe"}, "topic_subscribe", False),
}
#: Soft bounces that the mailbox itself makes.
OF_MAILBOX = {"full", "bounce_full", "soft_bounce"}
#: What the platform calls a bounce.
SAID_PERMANENT = {"bounce_full", "bounce_unauthenticated", "hard_bounce_unauthenticated"}
#: What a platform says of its own list of bounces.
LIST_ENTRIES = {"suppressed_bounce", "dropped_bounced"}
# kind -> (fields, name of the field that holds the time, event type)
POSTMARK: dict[str, tuple[Body, str, str]] = {
    "hard_bounce": ({"RecordType": "Bounce", "Type": "HardBounce"}, "BouncedAt", "bounce"),
    "hard_bounce_unauthenticated": (
        {"RecordType": "Bounce", "Type": "HardBounce", "Details": "smtp;550 5.7.26 no SPF"},
        "BouncedAt",
        "soft_bounce",
    ),
    "soft_bounce": ({"RecordType": "Bounce", "Type": "SoftBounce"}, "BouncedAt", "soft_bounce"),
    "bounce_unsubscribe": (
        {"RecordType": "Bounce", "Type": "Unsubscribe"},
        "BouncedAt",
        "unsubscribe",
    ),
    "bounce_subscribe": ({"RecordType": "Bounce", "Type": "Subscribe"}, "BouncedAt", "subscribe"),
    "spam": ({"RecordType": "SpamComplaint", "Type": "SpamComplaint"}, "BouncedAt", "complaint"),
    "unsubscribed": (
        {"SuppressSending": True, "SuppressionReason": "ManualSuppression", "Origin": "Recipient"},
        "ChangedAt",
        "unsubscribe",
    ),
    "suppressed_by_staff": (
        {"SuppressSending": True, "SuppressionReason": "ManualSuppression", "Origin": "Customer"},
        "ChangedAt",
        "block",
    ),
    "suppressed_by_admin": (
        {"SuppressSending": True, "SuppressionReason": "ManualSuppression", "Origin": "Admin"},
        "ChangedAt",
        "block",
    ),
    "suppressed_bounce": (
        {"SuppressSending": True, "SuppressionReason": "HardBounce", "Origin": "Recipient"},
        "ChangedAt",
        "bounce",
    ),
    "suppressed_spam": (
        {"SuppressSending": True, "SuppressionReason": "SpamComplaint", "Origin": "Customer"},
        "ChangedAt",
        "complaint",
    ),
    "resubscribed": (
        {"SuppressSending": False, "SuppressionReason": None, "Origin": "Recipient"},
        "ChangedAt",
        "subscribe",
    ),
    "reactivated": (
        {"SuppressSending": False, "SuppressionReason": None, "Origin": "Customer"},
        "ChangedAt",
        "reactivate",
    ),
    "delivered": ({"RecordType": "Delivery", "Details": "250 OK"}, "DeliveredAt", "delivered"),
    "opened": ({"RecordType": "Open", "FirstOpen": True}, "ReceivedAt", "open"),
    "clicked": (
        {"RecordType": "Click", "OriginalLink": "https://shop.example/x"},
        "ReceivedAt",
        "click",
    ),
}
MAILGUN: dict[str, tuple[Body, str, bool]] = {
    "accepted": ({"event": "accepted"}, "sent", False),
    "delivered": ({"event": "delivered"}, "delivered", False),
    "opened": ({"event": "opened"}, "open", False),
    "clicked": ({"event": "clicked"}, "click", False),
    "failed": ({"event": "failed", "severity": "permanent", "reason": "bounce"}, "bounce", False),
    "failed_generic": (
        {"event": "failed", "severity": "Permanent", "reason": "generic"},
        "bounce",
        False,
    ),
    "failed_old": (
        {"event": "failed", "severity": "permanent", "reason": "old"},
        "soft_bounce",
        False,
    ),
    "failed_temporary": (
        {"event": "failed", "severity": "temporary", "reason": "generic"},
        "soft_bounce",
        False,
    ),
    "suppress_bounce": (
        {"event": "failed", "severity": "permanent", "reason": "suppress-bounce"},
        "bounce",
        True,
    ),
    "suppress_unsubscribe": (
        {"event": "failed", "severity": "permanent", "reason": "suppress-unsubscribe"},
        "unsubscribe",
        True,
    ),
    "suppress_complaint": (
        {"event": "failed", "severity": "permanent", "reason": "suppress-complaint"},
        "complaint",
        True,
    ),
    "complained": ({"event": "complained"}, "complaint", False),
    "unsubscribed": ({"event": "unsubscribed"}, "unsubscribe", False),
}
# kind -> (fields, an incoming message (else a status callback), event type, is an echo)
TWILIO: dict[str, tuple[Body, bool, str, bool]] = {
    "stop": ({"OptOutType": "STOP", "Body": "Stop"}, True, "unsubscribe", False),
    "stop_word": ({"Body": " stopall "}, True, "unsubscribe", False),
    "start": ({"OptOutType": "START", "Body": "START"}, True, "subscribe", False),
    "start_word": ({"Body": "unstop"}, True, "subscribe", False),
    "help": ({"OptOutType": "HELP", "Body": "Help"}, True, "other", False),
    "sent": ({"MessageStatus": "sent"}, False, "sent", False),
    "delivered": ({"MessageStatus": "delivered"}, False, "delivered", False),
    "unknown_number": (
        {"MessageStatus": "undelivered", "ErrorCode": "30005"},
        False,
        "bounce",
        False,
    ),
    "unreachable": (
        {"MessageStatus": "undelivered", "ErrorCode": "30003"},
        False,
        "soft_bounce",
        False,
    ),
    "opted_out": ({"MessageStatus": "failed", "ErrorCode": "21610"}, False, "unsubscribe", True),
}
# Email spec: kind -> (name of the track, event type)
SEGMENT_SPEC: dict[str, tuple[str, str]] = {
    "spec_delivered": ("Email Delivered", "delivered"),
    "spec_opened": ("Email Opened", "open"),
    "spec_clicked": ("Email Link Clicked", "click"),
    "spec_bounced": ("Email Bounced", "bounce"),
    "spec_spam": ("Email Marked as Spam", "complaint"),
    "spec_unsubscribed": ("Unsubscribed", "unsubscribe"),
}
TRAITS = {
    "email": "email_subscribed_status",
    "sms": "sms_subscribed_status",
    "push": "push_notification_enabled",
}


# --- what it means ------------------------------------------------------------------------------


def copies(history: History, n: int) -> list[Copy]:
    """Every copy of every event of a history, as the platforms' documents define them."""
    found: list[Copy] = []
    for delivery in history.deliveries:
        for position, element in enumerate(delivery.elements):
            for event in events(element, n):
                found.append(Copy(event, delivery_id(delivery, n), position, delivery.received_at))
    for mail in history.mails:
        found.append(Copy(_mail_event(mail, n), f"log-{n:05d}-{mail.uid:03d}", 0, mail.at))
    for entry in history.entries:
        seen = entry.at or datetime(2005, 1, 1)
        found.append(Copy(_entry_event(entry, n), f"directory-{n:05d}-{entry.contact}", 0, seen))
    return found


def delivery_id(delivery: Delivery, n: int) -> str:
    """The id of a delivery."""
    return f"h{n:05d}-d{delivery.rank:03d}"


def events(element: Element, n: int) -> tuple[Event, ...]:
    """The events that one element makes."""
    return _MEANINGS[element.source](element, n)


def _sendgrid_events(e: Element, n: int) -> tuple[Event, ...]:
    if e.kind == "junk":
        return ()
    body, event_type, is_echo = SENDGRID[e.kind]
    return (
        Event(
            source="sendgrid",
            word=body["event"],
            key=f"sg-{n:05d}-{e.uid}",
            event_type=event_type,
            channel="email",
            external_id=names.external_id(n, e.contact),
            email=names.email(n, e.email),
            timestamp=e.at.replace(microsecond=0) if e.at else None,
            topic=TOPICS[e.topic] if e.topic is not None else None,
            is_machine=e.is_machine,
            is_echo=is_echo,
            is_list_entry=e.kind in LIST_ENTRIES,
            bounce_class="mailbox_full" if e.kind in OF_MAILBOX else None,
            said_type="bounce" if e.kind in SAID_PERMANENT else None,
        ),
    )


def _postmark_events(e: Element, n: int) -> tuple[Event, ...]:
    body, _, event_type = POSTMARK[e.kind]
    return (
        Event(
            source="postmark",
            word=body.get("RecordType", "SubscriptionChange").lower(),
            key=_postmark_key(e, n),
            event_type=event_type,
            channel="email",
            external_id=names.external_id(n, e.contact),
            email=names.email(n, e.email),
            timestamp=e.at,
            topic=STREAMS[e.topic or 0],
            source_of_change=body.get("Origin"),
            is_list_entry=e.kind in LIST_ENTRIES,
            bounce_class="mailbox_full" if e.kind in OF_MAILBOX else None,
            said_type="bounce" if e.kind in SAID_PERMANENT else None,
        ),
    )


def _mailgun_events(e: Element, n: int) -> tuple[Event, ...]:
    body, event_type, is_echo = MAILGUN[e.kind]
    return (
        Event(
            source="mailgun",
            word=body["event"],
            key=_mailgun_key(e, n),
            event_type=event_type,
            channel="email",
            external_id=names.external_id(n, e.contact),
            email=names.email(n, e.email),
            timestamp=e.at,
            is_machine=e.is_machine,
            is_echo=is_echo,
        ),
    )


def _twilio_events(e: Element, n: int) -> tuple[Event, ...]:
    body, is_incoming, event_type, is_echo = TWILIO[e.kind]
    sid = f"SM{n:05d}{e.uid:03d}"
    return (
        Event(
            source="twilio",
            word="incoming" if is_incoming else body["MessageStatus"],
            key=sid
            if is_incoming
            else _key(sid, body["MessageStatus"], body.get("ErrorCode"), None),
            event_type=event_type,
            channel="sms",
            phone=names.phone(n, e.phone),
            topic=SENDERS[e.topic or 0],
            is_echo=is_echo,
        ),
    )


def _segment_events(e: Element, n: int) -> tuple[Event, ...]:
    def event(event_type: str, channel: str | None, trait: bool | None = None) -> Event:
        is_preference = e.kind.startswith("preference")
        return Event(
            source="segment",
            word=_segment_word(e.kind),
            key=f"seg-{n:05d}-{e.uid}",
            event_type=event_type,
            channel=channel,
            external_id=names.external_id(n, e.contact),
            email=names.email(n, e.email),
            phone=names.phone(n, e.phone),
            # A user's preference is the user's on all devices; only a permission is one device's.
            push_token=None
            if is_preference and e.contact is not None
            else names.push_token(n, e.token),
            timestamp=e.at,
            trait_value=trait,
            source_of_change=f"place-{e.style}" if is_preference else None,
        )

    if e.kind == "identify":
        return (
            event("identify", None),
            *(event("identify", channel, value) for channel, value in e.traits),
        )
    if e.kind in ("preference_on", "preference_off"):
        verb = "subscribe" if e.kind == "preference_on" else "unsubscribe"
        return tuple(
            event(verb, channel) for channel in (CHANNELS if e.channel == "all" else (e.channel,))
        )
    if e.kind in ("permission_on", "permission_off"):
        return (event("subscribe" if e.kind == "permission_on" else "unsubscribe", "push"),)
    if e.kind == "track_other":
        return (event("other", None),)
    return (event(SEGMENT_SPEC[e.kind][1], "email"),)


def _segment_word(kind: str) -> str:
    if kind in SEGMENT_SPEC:
        return SEGMENT_SPEC[kind][0].lower()
    called = {
        "preference": "marketing preference updated",
        "permission": "push notification permission changed",
    }
    return called.get(kind.partition("_")[0], kind.partition("_")[0])


def _mail_event(mail: Mail, n: int) -> Event:
    is_send = mail.table == "email_sends"
    address, message = names.email(n, mail.email), _message_id(mail, n)
    return Event(
        source="email_log",
        word="sent" if is_send else "opened",
        key=_key("sent", address, message) if is_send else _key("opened", message),
        event_type="sent" if is_send else "open",
        channel="email",
        email=address,
        timestamp=mail.at,
    )


def _entry_event(entry: Entry, n: int) -> Event:
    return Event(
        source="directory",
        word="contact",
        key=_key(*_entry_row(entry, n).values()),
        event_type="identify",
        external_id=names.external_id(n, entry.contact),
        email=names.email(n, entry.email),
        phone=names.phone(n, entry.phone),
        push_token=names.push_token(n, entry.token),
        timestamp=entry.at,
    )


def _key(*parts: str | None) -> str:
    """What identifies an event whose platform gives it no id of its own: what tells it apart,
    absent parts empty.
    """
    return "|".join(part or "" for part in parts)


def _postmark_key(e: Element, n: int) -> str:
    """Bounces and complaints have an ID; of all else the whole of what is said is the identity."""
    body = _postmark_body(e, n)
    if "ID" in body:
        return _key(body["RecordType"].lower(), str(body["ID"]))
    suppresses = body.get("SuppressSending")
    return _key(
        body["RecordType"].lower(),
        body["MessageID"],
        names.email(n, e.email),
        None,
        None if suppresses is None else str(suppresses).lower(),
        (body.get("SuppressionReason") or "").lower(),
        (body.get("Origin") or "").lower(),
        body["MessageStream"],
        body.get("OriginalLink"),
        body[POSTMARK[e.kind][1]],
    )


def _mailgun_key(e: Element, n: int) -> str:
    """The platform's id is unique within a day only."""
    data = _mailgun_body(e, n)["event-data"]
    is_usable = e.at is not None and e.at >= datetime(2005, 1, 1)
    return _key(data["event"], data["id"], e.at.date().isoformat() if e.at and is_usable else None)


def _message_id(mail: Mail, n: int) -> str:
    return f"{'m' if mail.table == 'email_sends' else 'o'}-{n:05d}-{mail.uid}"


_MEANINGS = {
    "sendgrid": _sendgrid_events,
    "postmark": _postmark_events,
    "mailgun": _mailgun_events,
    "twilio": _twilio_events,
    "segment": _segment_events,
}


# --- what it looks like -------------------------------------------------------------------------


def lines(history: History, n: int) -> Iterator[Line]:
    """The landing lines of a history."""
    for delivery in history.deliveries:
        row = {
            "delivery_id": delivery_id(delivery, n),
            "received_at": delivery.received_at.isoformat() + "Z",
            "payload": json.dumps(_payload(delivery, n)),
        }
        yield Line("webhook_deliveries", delivery.source, delivery.step, row)
    for mail in history.mails:
        yield Line(mail.table, "", mail.step, _mail_row(mail, n))
    for entry in history.entries:
        yield Line("contacts", "", entry.step, _entry_row(entry, n))


def _payload(delivery: Delivery, n: int) -> Any:
    bodies = [_BODIES[delivery.source](element, n) for element in delivery.elements]
    if delivery.source == "sendgrid":
        return bodies
    if delivery.source == "segment" and (len(bodies) > 1 or delivery.style):
        return (
            bodies if delivery.style == 1 else {"batch": bodies, "sentAt": "2026-05-02T07:15:37Z"}
        )
    (body,) = bodies
    return body


def _sendgrid_body(e: Element, n: int) -> Any:
    if e.kind == "junk":
        return "not an event"
    fields, event_type, _ = SENDGRID[e.kind]
    body: Body = {
        "email": _spelled(names.email(n, e.email), e.style) or "",
        "sg_event_id": f"sg-{n:05d}-{e.uid}",
        **fields,
    }
    if e.at:
        seconds = _epoch(e.at.replace(microsecond=0))
        body["timestamp"] = str(int(seconds)) if e.style == 1 else int(seconds)
    elif e.style == 1:
        body["timestamp"] = "soon"
    if e.is_machine and event_type == "open":
        body["sg_machine_open"] = True
    if e.topic is not None:
        body["asm_group_id"] = int(TOPICS[e.topic])
    return _with_id(body, "user_id", e, n)


def _postmark_body(e: Element, n: int) -> Body:
    fields, time_field, _ = POSTMARK[e.kind]
    body: Body = {
        "RecordType": "SubscriptionChange",
        **fields,
        "MessageStream": STREAMS[e.topic or 0],
        "ServerID": 55,
    }
    is_bounce = body["RecordType"] in ("Bounce", "SpamComplaint")
    body["Email" if is_bounce else "Recipient"] = _spelled(names.email(n, e.email), e.style)
    if is_bounce:
        body["ID"] = 4_510_000_000_000_000_000 + n * 1000 + e.uid
    body["MessageID"] = f"pm-{n:05d}-{e.uid}"
    if e.at:
        body[time_field] = _postmark_time(e.at, e.style)
    elif e.style == 1 or not is_bounce:  # without a time it would have no identity
        body[time_field] = "yesterday"
    return {**body, "Metadata": _with_id({}, "customer", e, n)}


def _postmark_time(at: datetime, style: int) -> str:
    if style == 1:  # seven digits, and an offset: what Postmark writes on bounces
        return (at - timedelta(hours=4)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "9-04:00"
    return at.isoformat() + "Z"


def _mailgun_body(e: Element, n: int) -> Body:
    fields, _, _ = MAILGUN[e.kind]
    data: Body = {
        **fields,
        "id": f"mg-{n:05d}-{e.uid}",
        "recipient": _spelled(names.email(n, e.email), e.style),
    }
    if e.at:
        data["timestamp"] = round(_epoch(e.at), 3)
    elif e.style == 1:
        data["timestamp"] = "never"
    if e.kind in ("opened", "clicked"):
        data["client-info"] = {"bot": "apple" if e.is_machine else ""}
    return {"signature": {}, "event-data": {**data, "user-variables": _with_id({}, "uid", e, n)}}


def _twilio_body(e: Element, n: int) -> Body:
    fields, is_incoming, _, _ = TWILIO[e.kind]
    ours, theirs = SENDERS[e.topic or 0], names.phone(n, e.phone)
    body: Body = {"MessageSid": f"SM{n:05d}{e.uid:03d}", "AccountSid": "AC01", **fields}
    if is_incoming:
        return {**body, "From": theirs, "To": ours, "SmsStatus": "received", "NumMedia": "0"}
    return {**body, "From": ours, "To": theirs, "SmsStatus": body["MessageStatus"]}


def _segment_body(e: Element, n: int) -> Body:
    body: Body = {"type": "track", "messageId": f"seg-{n:05d}-{e.uid}", "anonymousId": "an-1"}
    if e.contact is not None:
        body["userId"] = names.external_id(n, e.contact)
    elif e.style == 1:
        body["userId"] = "undefined"
    at = e.at.isoformat(timespec="milliseconds") + "Z" if e.at else "n/a" if e.style == 1 else None
    addresses: Body = {}
    if e.email is not None:
        addresses["email"] = _spelled(names.email(n, e.email), e.style)
    if e.phone is not None:
        plain = names.phone(n, e.phone) or ""
        addresses["phone"] = (
            f"{plain[:2]} ({plain[2:5]}) {plain[5:8]}-{plain[8:]}" if e.style == 1 else plain
        )
    context: Body = {"library": {"name": "analytics.js"}}
    if e.token is not None:
        context["device"] = {"token": names.push_token(n, e.token), "type": "android"}
    properties: Body = {}
    if e.kind == "identify":
        traits = {
            TRAITS[channel]: (str(value).lower() if e.style == 1 else value)
            for channel, value in e.traits
        }
        body.update(type="identify", traits={**addresses, **traits})
    elif e.kind == "track_other":
        body["event"] = "Friend Invited"
        properties = addresses
    else:
        context["traits"] = addresses
        if e.kind in SEGMENT_SPEC:
            body["event"] = SEGMENT_SPEC[e.kind][0]
            properties = {"email_id": "e1"}
        elif e.kind.startswith("permission"):
            body["event"] = "Push Notification Permission Changed"
            properties = {"enabled": e.kind == "permission_on"}
        else:
            body["event"] = "Marketing Preference Updated"
            words: tuple[Any, Any] = (
                (True, False) if e.style == 1 else ("subscribed", "unsubscribed")
            )
            properties = {
                "channel": e.channel,
                "new_status": words[0] if e.kind == "preference_on" else words[1],
                "source_of_change": f"place-{e.style}",
            }
            if e.at and at and e.at.year > 2004 and e.style == 2:  # the act's own time wins
                properties["timestamp"], at = at, "2026-05-31T00:00:00Z"
    if at is not None:
        body["timestamp"] = at
    return (
        {**body, "context": context}
        if e.kind == "identify"
        else {**body, "properties": properties, "context": context}
    )


def _mail_row(mail: Mail, n: int) -> Body:
    address = names.email(n, mail.email)
    at = mail.at.strftime("%Y-%m-%d %H:%M:%S")
    if mail.table == "email_sends":
        return {"recipient_email": address, "send_date": at, "message_id": _message_id(mail, n)}
    return {"id": _message_id(mail, n), "recipient_email": address, "open_date": at}


def _entry_row(entry: Entry, n: int) -> Body:
    return {
        "external_id": names.external_id(n, entry.contact),
        "email": names.email(n, entry.email),
        "phone": names.phone(n, entry.phone),
        "push_token": names.push_token(n, entry.token),
        "updated_at": entry.at.isoformat() if entry.at else None,
    }


_BODIES = {
    "sendgrid": _sendgrid_body,
    "postmark": _postmark_body,
    "mailgun": _mailgun_body,
    "twilio": _twilio_body,
    "segment": _segment_body,
}


def _with_id(body: Body, key: str, e: Element, n: int) -> Body:
    value = (
        names.external_id(n, e.contact) if e.contact is not None else NOBODY[e.uid % len(NOBODY)]
    )
    return body if value is None else {**body, key: value}


def _spelled(address: str | None, style: int) -> str | None:
    """The same address as people and forms spell it."""
    return f" {address.upper()} " if address and style == 1 else address


def _epoch(at: datetime) -> float:
    return at.replace(tzinfo=UTC).timestamp()
