"""Mandrill signs the URL as it was registered, and the form's fields in the order of their names.

https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/
It tries a new URL with HEAD, else with an empty list that is signed with a known key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from sync.receiver.request import Delivery
from sync.receiver.sources.base import Source, land_as_received
from sync.receiver.verification import (
    Context,
    check_hmac,
    in_base64,
    needed_header,
)

SIGNATURE = "x-mandrill-signature"
TRIAL_KEY = "test-webhook"
_EMPTY_LIST = re.compile(rb"\s*+\[\s*+\]\s*+")


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the webhook's key signed URL and fields; an empty trial has its own."""
    given = needed_header(delivery, SIGNATURE)
    fields = delivery.fields()
    if _is_trial(fields):
        context = replace(context, secrets=[*context.secrets, TRIAL_KEY])
    message = (delivery.url.encode(), *(part for field in sorted(fields) for part in field))
    check_hmac(context, "sha1", [message], given, in_base64)


def land(delivery: Delivery) -> str | None:
    """The form; nothing of a trial."""
    return None if _is_trial(delivery.fields()) else land_as_received(delivery)


def _is_trial(fields: Iterable[tuple[bytes, bytes]]) -> bool:
    events = [value for name, value in fields if name == b"mandrill_events"]
    return bool(events) and all(_EMPTY_LIST.fullmatch(value) for value in events)


SOURCE = Source(
    needs="the key of the webhook",
    verify=verify,
    is_signed=True,
    land=land,
    handshakes=frozenset({"HEAD", "GET"}),
)
