"""Mandrill signs the URL as it was registered, and the form's fields in the order of their names.

https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/
It tries a new URL with HEAD, else with an empty list that is signed with a known key.
"""

from __future__ import annotations

from dataclasses import replace

from sync.receiver.delivery import Delivery
from sync.receiver.sources.base import Source, land_as_received
from sync.receiver.verification import (
    Context,
    Refused,
    check_hmac,
    in_base64,
    needed_header,
)

SIGNATURE = "x-mandrill-signature"
TRIAL_KEY = "test-webhook"


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the webhook's key signed URL and fields; an empty trial has its own."""
    fields = sorted(delivery.form())
    message = delivery.url + "".join(name + value for name, value in fields)
    if _is_trial(delivery):
        context = replace(context, secrets=[*context.secrets, TRIAL_KEY])
    given = needed_header(delivery, SIGNATURE)
    check_hmac(context, "sha1", [message.encode()], given, in_base64)


def land(delivery: Delivery) -> str | None:
    """The form; nothing of a trial."""
    return None if _is_trial(delivery) else land_as_received(delivery)


def _is_trial(delivery: Delivery) -> bool:
    try:
        events = [value for name, value in delivery.form() if name == "mandrill_events"]
        return bool(events) and all(
            "".join(value[:16].split()) == "[]" and len(value) <= 16 for value in events
        )
    except Refused:
        return False


SOURCE = Source(
    needs="the key of the webhook",
    verify=verify,
    is_signed=True,
    land=land,
    handshakes=frozenset({"HEAD", "GET"}),
)
