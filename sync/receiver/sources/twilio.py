"""Twilio signs the URL that it called and the form's fields in the order of their names.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
A JSON body is signed by its hash in the URL. The port counts or not, so both are tried. The answer
is empty TwiML: any other text would be sent to the person as a reply.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urlsplit, urlunsplit

from sync.receiver.request import Delivery, Refused
from sync.receiver.sources.base import Source
from sync.receiver.verification import Context, check_hmac, in_base64, is_same, needed_header

SIGNATURE = "x-twilio-signature"
_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"(\[[^]]*\]|[^:]*):?(\d*)")


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the account's token signed URL and fields, or URL and hash."""
    given = needed_header(delivery, SIGNATURE)
    body_hash = delivery.query.get("bodySHA256")
    fields = [] if body_hash else sorted(set(delivery.fields()))
    parts = [part for field in fields for part in field]
    messages = [(url.encode(), *parts) for url in _urls(delivery.url)]
    check_hmac(context, "sha1", messages, given, in_base64)
    if body_hash:
        if not is_same(hashlib.sha256(delivery.body).hexdigest(), body_hash.lower()):
            raise Refused("the hash of the body does not match")
    elif not delivery.is_form:
        raise Refused("the body is not signed")


def _urls(url: str) -> list[str]:
    """The URL without a port and with it."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    found = _HOST.fullmatch(host)
    if found is None:
        return [url]
    name, port = found.groups()
    hosts = (name, f"{name}:{port or _PORTS.get(parts.scheme, 443)}")
    return [urlunsplit(parts._replace(netloc=user + at + host)) for host in hosts]


SOURCE = Source(
    needs="the account's auth token",
    verify=verify,
    is_signed=True,
    unverified_limit=1024 * 1024,
    answer=("text/xml", "<Response/>"),
)
