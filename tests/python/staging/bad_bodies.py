"""Bodies that no platform sends, and what each must be called."""

from __future__ import annotations

import json
from functools import cache

from tests.python.conftest import Warehouse
from tests.python.staging.bodies import SOURCES

ARRAYS_ARE_READ = {
    "sendgrid", "segment", "twilio_engage", "sparkpost", "brevo", "klaviyo", "fcm", "mandrill",
    "braze", "mparticle", "backfill", "adopt", "operator",
}  # fmt: skip
OBJECTS_ARE_READ = set(SOURCES) - {"sendgrid", "sparkpost", "mandrill"}
FIVE_MEGABYTES = 5 * 1024 * 1024

_EVERY_FIELD = (
    "event", "email", "timestamp", "sg_event_id", "type", "reason", "recipient", "event-data",
    "signature", "RecordType", "Type", "ID", "Email", "Recipient", "BouncedAt", "SuppressSending",
    "Metadata",
    "MessageSid", "MessageStatus", "SmsStatus", "From", "To", "Body", "ErrorCode",
    "messageId", "userId", "traits", "context", "properties",
    "eventType", "notificationType", "Message", "mail", "msys", "ts_epoch", "message-id",
    "topic", "external_id", "payload", "token", "name", "sent_at",
    "fired_at", "data", "data[email]",
    "mandrill_events", "_id", "ts", "msg", "action", "reject",
    "company", "subscriber", "subscription", "message", "link",
    "event.kind", "event.id", "user",
)  # fmt: skip


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def _by_kind(source: str, array: list[str], scalar: list[str]) -> list[str]:
    return array if source in ARRAYS_ARE_READ else scalar


@cache
def bad_bodies(source: str) -> dict[str, tuple[str, list[str]]]:
    """By name: a body, and the reasons for which its elements are quarantined."""
    empty_object = ["empty"] if source in OBJECTS_ARE_READ else ["wrong shape"]
    objects = {name: {"a": 1} for name in _EVERY_FIELD}
    arrays = {name: ["a", 1] for name in _EVERY_FIELD}
    found = {
        "nothing": ("", ["empty"]),
        "blanks": (" \r\n\t", ["empty"]),
        "empty_array": ("[]", _by_kind(source, ["empty"], ["wrong shape"])),
        "empty_object": (" { } ", empty_object),
        "null": ("null", ["wrong shape"]),
        "empty_text": ('""', ["wrong shape"]),
        "number": ("5", ["wrong shape"]),
        "truth": ("true", ["wrong shape"]),
        "cut_object": ('{"event": "unsub', ["malformed JSON"]),
        "cut_array": ('[{"event": "unsubscribe"}', ["malformed JSON"]),
        "two_bodies": ("{}{}", ["malformed JSON"]),
        "form": ("MessageSid=SM1&Body=STOP", ["malformed JSON"]),
        "nul_bytes": ('{"event": "\x00"}', ["malformed JSON"]),
        "half_a_surrogate": ('[{"event": "\\ud83d"}]', ["malformed JSON"]),
        "scalars": ('[5, "x", null, [1]]', _by_kind(source, ["wrong shape"] * 4, ["wrong shape"])),
        "nested": (_nested(500), ["wrong shape"]),
        "nested_in_a_field": (f'{{"x": {_nested(500)}}}', ["wrong shape"]),
        "megabytes_of_noise": ("y" * FIVE_MEGABYTES, ["malformed JSON"]),
        "megabytes_in_a_name": (json.dumps({"y" * FIVE_MEGABYTES: 1}), ["wrong shape"]),
        "objects_for_text": (json.dumps(objects), ["wrong shape"]),
        "arrays_for_text": (json.dumps(arrays), ["wrong shape"]),
    }
    if source == "segment":
        found["batch_of_scalars"] = ('{"batch": [1, null]}', ["wrong shape"] * 2)
        found["batch_that_is_none"] = ('{"batch": "x"}', ["wrong shape"])
    if source == "klaviyo":
        # Its batch is an array called data.
        found["arrays_for_text"] = (json.dumps(arrays), ["wrong shape"] * 2)
    if source == "mandrill":
        found["arrays_for_text"] = (json.dumps(arrays), ["wrong shape"] * 2)
        found["events_that_are_none"] = ('{"mandrill_events": "x"}', ["malformed JSON"])
        found["event_in_the_form"] = ('{"mandrill_events": "{}"}', ["wrong shape"])
    return found


def land_bad_bodies(warehouse: Warehouse) -> None:
    """Land every bad body of every platform."""
    for source in SOURCES:
        for name, (body, _) in bad_bodies(source).items():
            warehouse.land(source, body, delivery_id=f"{source}/bad/{name}", file="bad.ndjson")
