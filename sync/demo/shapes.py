"""The platforms' webhook bodies, as text with gaps, for the generator.

Field names and shapes are the platforms' own (SendGrid event webhook, Mailgun v3 and legacy,
Postmark, Twilio Programmable Messaging, Segment HTTP API and webhooks); every value is ours.

A shape is written once as plain data, `{name}` standing for a text and `{#name}` for a number, and
compiled once into a %-format of the JSON text as it stands inside a landing line (where the payload
is a JSON string of its own). Filling a gap is then the only work that an event costs.
"""

import json
import re
from typing import Any, Final

Shape = str
"""A %-format with named gaps; what is put in must need no JSON escape."""


def compile_shape(body: object) -> Shape:
    """The format of `body`, escaped for a JSON string."""
    text = json.dumps(body, separators=(",", ":")).replace("%", "%%")
    text = re.sub(r'"\{#(\w+)\}"', r"%(\1)s", text)
    text = re.sub(r"\{(\w+)\}", r"%(\1)s", text)
    return escape(text)


def escape(text: str) -> str:
    """`text` as it stands between the quotes of a JSON string."""
    return json.dumps(text)[1:-1]


def _compiled(bodies: dict[str, dict[str, Any]]) -> dict[str, Shape]:
    return {name: compile_shape(body) for name, body in bodies.items()}


def _with(bodies: dict[str, dict[str, Any]], extra: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: body | extra for name, body in bodies.items()}


# --- SendGrid: flat objects, landed in arrays; the customer's own argument at the top level ---

_AGENT: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"


def _sendgrid(event: str, **fields: Any) -> dict[str, Any]:
    head = {"email": "{email}", "timestamp": "{#ts}", "event": event}
    return head | fields | {"sg_event_id": "{id}", "sg_message_id": "{mid}.recvd-1-0"}


_SENDGRID_BODIES: Final = {
    "processed": _sendgrid(
        "processed", **{"smtp-id": "<{mid}@ismtpd>", "category": ["news", "may"]}
    ),
    "delivered": _sendgrid(
        "delivered", response="250 2.0.0 OK", ip="192.0.2.10", tls=1, category="news"
    ),
    "deferred": _sendgrid("deferred", response="451 4.3.0 try later", attempt="2", tls=0),
    "bounce": _sendgrid(
        "bounce",
        type="bounce",
        status="5.1.1",
        reason="550 5.1.1 user unknown",
        bounce_classification="Invalid Address",
        tls=1,
    ),
    "blocked": _sendgrid(
        "bounce",
        type="blocked",
        status="4.7.1",
        reason="421 4.7.1 rate limited",
        bounce_classification="Reputation",
    ),
    "dropped": _sendgrid("dropped", status="5.0.0", reason="{reason}"),
    "open": _sendgrid("open", sg_content_type="html", useragent=_AGENT, ip="203.0.113.4"),
    "machine_open": _sendgrid(
        "open", sg_machine_open=True, sg_content_type="html", useragent=_AGENT, ip="203.0.113.4"
    ),
    "click": _sendgrid(
        "click",
        url="https://shop.example/may",
        url_offset={"index": 0, "type": "html"},
        useragent=_AGENT,
        ip="203.0.113.4",
    ),
    "spamreport": _sendgrid("spamreport"),
    "unsubscribe": _sendgrid("unsubscribe"),
    "group_unsubscribe": _sendgrid(
        "group_unsubscribe", asm_group_id=318, url="https://u.example/asm", ip="203.0.113.4"
    ),
    "group_resubscribe": _sendgrid("group_resubscribe", asm_group_id=318),
}
SENDGRID: Final = _compiled(_SENDGRID_BODIES)
SENDGRID_NAMED: Final = _compiled(_with(_SENDGRID_BODIES, {"user_id": "{uid}"}))

# --- Mailgun v3: one event per delivery; the legacy form; the documents' simplified shape ---

_MAILGUN_SIGNATURE: Final = {
    "timestamp": "{ts}",
    "token": "{id}5d0c7a91b2",
    "signature": "9a1fc27d",
}


def _mailgun(event: str, **fields: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "event": event,
        "id": "{id}",
        "timestamp": "{#time}",
        "recipient": "{email}",
        "recipient-domain": "{domain}",
        "message": {"headers": {"message-id": "{mid}@mg.shop.example", "subject": "May news"}},
        "flags": {"is-test-mode": False},
        "tags": ["may"],
    }
    return {"signature": _MAILGUN_SIGNATURE, "event-data": data | fields}


def _mailgun_failed(severity: str, reason: str, code: int, message: str) -> dict[str, Any]:
    status = {"code": code, "message": message, "attempt-no": 1}
    return _mailgun("failed", severity=severity, reason=reason, **{"delivery-status": status})


_MAILGUN_BODIES: Final = {
    "accepted": _mailgun("accepted", **{"log-level": "info"}),
    "delivered": _mailgun(
        "delivered", **{"delivery-status": {"code": 250, "message": "OK", "tls": True}}
    ),
    "permanent": _mailgun_failed("permanent", "bounce", 550, "5.1.1 no such user"),
    "temporary": _mailgun_failed("temporary", "generic", 451, "4.7.652 try later"),
    "suppress-bounce": _mailgun_failed("permanent", "suppress-bounce", 605, "Not delivering"),
    "suppress-unsubscribe": _mailgun_failed(
        "permanent", "suppress-unsubscribe", 606, "Not delivering"
    ),
    "suppress-complaint": _mailgun_failed("permanent", "suppress-complaint", 607, "Not delivering"),
    "opened": _mailgun(
        "opened", ip="203.0.113.4", **{"client-info": {"bot": "", "user-agent": _AGENT}}
    ),
    "machine_opened": _mailgun("opened", **{"client-info": {"bot": "apple"}}),
    "clicked": _mailgun("clicked", url="https://shop.example/may", **{"client-info": {"bot": ""}}),
    "complained": _mailgun("complained", **{"log-level": "warn"}),
    "unsubscribed": _mailgun("unsubscribed", **{"client-info": {"bot": ""}}),
}


def _mailgun_named(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"event-data": body["event-data"] | {"user-variables": {"uid": "{uid}"}}}


MAILGUN: Final = _compiled(_MAILGUN_BODIES)
MAILGUN_NAMED: Final = _compiled(
    {name: _mailgun_named(body) for name, body in _MAILGUN_BODIES.items()}
)


def _mailgun_legacy(event: str, **fields: str) -> dict[str, Any]:
    head = {"event": event, "recipient": "{email}", "domain": "mg.shop.example"}
    return head | fields | {"timestamp": "{ts}", "token": "{id}5d0c7a91b2", "signature": "9a1fc27d"}


MAILGUN_LEGACY: Final = _compiled(
    {
        "delivered": _mailgun_legacy("delivered", **{"Message-Id": "<{mid}@mg.shop.example>"}),
        "permanent": _mailgun_legacy("bounced", code="550", error="5.1.1 no such user"),
        "suppress-unsubscribe": _mailgun_legacy(
            "dropped", code="606", reason="hardfail", description="Not delivering"
        ),
        "opened": _mailgun_legacy("opened", city="Reykjavik", country="IS"),
        "clicked": _mailgun_legacy("clicked", url="https://shop.example/may"),
        "complained": _mailgun_legacy("complained"),
        "unsubscribed": _mailgun_legacy("unsubscribed", tag="may"),
    }
)
MAILGUN_SIMPLIFIED: Final = compile_shape(
    {"event-data": {"recipient": "{email}", "timestamp": "{#ts}"}, "event": "complained"}
)

# --- Postmark: one object per delivery, told apart by RecordType; local times with seven digits ---


def _postmark(record: str, **fields: Any) -> dict[str, Any]:
    tail = {"MessageID": "{mid}", "ServerID": 55, "MessageStream": "broadcast", "Tag": "may"}
    return {"RecordType": record} | fields | tail


def _postmark_bounce(kind: str, code: int, *, inactive: bool) -> dict[str, Any]:
    record = "SpamComplaint" if kind == "SpamComplaint" else "Bounce"
    return _postmark(
        record,
        ID="{#bounce_id}",
        Type=kind,
        TypeCode=code,
        Description="The server was unable to deliver your message",
        Email="{email}",
        From="news@shop.example",
        BouncedAt="{local}.1234567-04:00",
        Inactive=inactive,
        CanActivate=True,
    )


def _postmark_change(suppress: bool, reason: str | None, origin: str) -> dict[str, Any]:
    return _postmark(
        "SubscriptionChange",
        ChangedAt="{iso}Z",
        Recipient="{email}",
        Origin=origin,
        SuppressSending=suppress,
        SuppressionReason=reason,
    )


_POSTMARK_BODIES: Final = {
    "Delivery": _postmark(
        "Delivery", Recipient="{email}", DeliveredAt="{iso}Z", Details="250 2.0.0 OK"
    ),
    "Open": _postmark(
        "Open",
        FirstOpen=True,
        Client={"Name": "Apple Mail"},
        OS={},
        Platform="Desktop",
        UserAgent=_AGENT,
        ReceivedAt="{iso}.9070259Z",
        Recipient="{email}",
    ),
    "Click": _postmark(
        "Click",
        ClickLocation="HTML",
        OriginalLink="https://shop.example/may",
        Platform="Desktop",
        ReceivedAt="{iso}Z",
        Recipient="{email}",
    ),
    "HardBounce": _postmark_bounce("HardBounce", 1, inactive=True),
    "SoftBounce": _postmark_bounce("SoftBounce", 4096, inactive=False),
    "SpamComplaint": _postmark_bounce("SpamComplaint", 512, inactive=True),
    "change_hard": _postmark_change(True, "HardBounce", "Recipient"),
    "change_complaint": _postmark_change(True, "SpamComplaint", "Recipient"),
    "change_manual": _postmark_change(True, "ManualSuppression", "Recipient"),
    "change_staff": _postmark_change(True, "ManualSuppression", "Customer"),
    "change_reactivated": _postmark_change(False, None, "Customer"),
}
POSTMARK: Final = _compiled(_with(_POSTMARK_BODIES, {"Metadata": {}}))
POSTMARK_NAMED: Final = _compiled(_with(_POSTMARK_BODIES, {"Metadata": {"customer": "{uid}"}}))

# --- Twilio: a form, landed as an object of texts; nothing in it says when ---

_TWILIO_SENDER: Final = {
    "AccountSid": "AC00000000000000000000000000000001",
    "MessagingServiceSid": "MG00000000000000000000000000000001",
    "ApiVersion": "2010-04-01",
}


def _twilio_status(status: str, **fields: str) -> dict[str, Any]:
    head = {"SmsSid": "{mid}", "MessageSid": "{mid}", "SmsStatus": status, "MessageStatus": status}
    return head | fields | {"To": "{phone}", "From": "+12025550100"} | _TWILIO_SENDER


def _twilio_incoming(**fields: str) -> dict[str, Any]:
    head = {"SmsMessageSid": "{mid}", "MessageSid": "{mid}", "From": "{phone}"}
    tail = {"To": "+12025550100", "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received"}
    return head | tail | fields | _TWILIO_SENDER


TWILIO: Final = _compiled(
    {
        "sent": _twilio_status("sent"),
        "delivered": _twilio_status("delivered"),
        "unreachable": _twilio_status("undelivered", ErrorCode="30003"),
        "unknown": _twilio_status("undelivered", ErrorCode="30005"),
        "opted_out": _twilio_status("failed", ErrorCode="21610"),
        "advanced": _twilio_incoming(Body="{body}", OptOutType="{keyword}"),
        "incoming": _twilio_incoming(Body="{body}"),
    }
)

# --- Segment: single objects, bare arrays and {"batch": []}; `MESSAGE` is what all calls share ---


def _segment(kind: str, **fields: Any) -> dict[str, Any]:
    head = {"type": kind, "messageId": "{id}", "userId": "{uid}", "timestamp": "{iso}.{ms}Z"}
    return head | fields


def _traits(**traits: Any) -> dict[str, Any]:
    return {"email": "{email}", "phone": "{phone}"} | traits


SEGMENT: Final = _compiled(
    {
        "identify": _segment("identify", traits=_traits(), context={}),
        "identify_true": _segment(
            "identify",
            traits=_traits(email_subscribed_status=True, sms_subscribed_status=True),
            context={},
        ),
        "identify_false": _segment(
            "identify", traits=_traits(email_subscribed_status=False), context={}
        ),
        "identify_push": _segment(
            "identify",
            traits={"push_notification_enabled": True},
            context={"device": {"token": "{token}", "type": "android"}},
        ),
        "messaging": _segment(
            "identify",
            traits={},
            context={
                "messaging_subscriptions": [
                    {"key": "{email}", "type": "EMAIL", "status": "SUBSCRIBED"},
                    {"key": "{phone}", "type": "SMS", "status": "{status}"},
                ]
            },
        ),
        "preference": _segment(
            "track",
            event="Marketing Preference Updated",
            context={"traits": {"email": "{email}", "phone": "{phone}"}},
            properties={
                "channel": "{channel}",
                "new_status": "{status}",
                "source_of_change": "{change}",
                "timestamp": "{iso}Z",
            },
        ),
        "preference_named": _segment(
            "track",
            event="Marketing Preference Updated",
            properties={
                "channel": "{channel}",
                "new_status": "{status}",
                "source_of_change": "{change}",
            },
        ),
        "push": _segment(
            "track",
            event="Push Notification Permission Changed",
            context={"device": {"token": "{token}", "id": "dv-{uid}", "type": "android"}},
            properties={"enabled": "{#enabled}"},
        ),
        "order": _segment(
            "track",
            event="Gift Card Sent",
            context={"traits": {"email": "{email}"}},
            properties={"email": "friend@example.net", "value": 25},
        ),
        "page": _segment("page", name="Home", properties={"path": "/"}),
    }
)
