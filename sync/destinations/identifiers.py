"""Which addresses may go into a call at all. What is refused here is never sent anywhere."""

from __future__ import annotations

import re

# RFC 5322 atext without / ? # % *: a careless server could read them as a URL or a wildcard.
_LOCAL = re.compile(r"[\w!$&'+\-=^`{|}~]+(?:\.[\w!$&'+\-=^`{|}~]+)*")
_LABEL = r"[^\W_](?:[\w\-]{0,61}[^\W_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# FCM, APNs and web push tokens are base64url or hex, with colons.
_TOKEN = re.compile(r"[A-Za-z0-9_\-:.=+~]{8,4096}")


def why_not_addressable(channel: str, address: str | None) -> str | None:
    """None for an address that a call may name, else the reason (without the address in it)."""
    if address is None or not address.strip():
        return "the address is empty"
    if channel == "email":
        return None if _is_email(address) else "not an email address that can be sent safely"
    if channel == "sms":
        return None if _E164.fullmatch(address) else "not a phone number in E.164 form"
    if channel == "push":
        return None if _TOKEN.fullmatch(address) and ".." not in address else "not a push token"
    return "unknown channel"


def _is_email(address: str) -> bool:
    local, at, domain = address.rpartition("@")
    # 64 and 254: RFC 5321 section 4.5.3.1.
    return bool(
        at
        and len(address) <= 254
        and len(local) <= 64
        and _LOCAL.fullmatch(local)
        and _DOMAIN.fullmatch(domain)
    )
