"""What the file of a platform says: how it signs, what is landed of it, how it wants its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sync.errors import ConfigError
from sync.receiver.request import Delivery
from sync.receiver.verification import Context


def land_as_received(delivery: Delivery) -> str | None:
    """The body as it is; a form as a JSON object of text, of a name that comes twice the first."""
    if not delivery.is_form:
        return delivery.text()
    return json.dumps(first_values(delivery.form()), ensure_ascii=False)


def first_values(form: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A form by name, of a name that comes twice the first value."""
    fields: dict[str, str] = {}
    for name, value in form:
        fields.setdefault(name, value)
    return fields


def blank(text: str, *names: str) -> str:
    """JSON text with the text values of these names emptied wherever they stand, else untouched."""
    # Possessive: a long text is gone through once. Where the body is cut off, all the rest is gone.
    value = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
    pattern = rf'("(?:{"|".join(map(re.escape, names))})"\s*+:\s*+){value}'
    return re.sub(pattern, r'\1""', text, flags=re.DOTALL)


def any_secret(secret: str) -> None:
    """Accepts a secret of any form that is not trivial to guess."""
    if len(secret) < 8:
        raise ConfigError("is shorter than 8 characters")


@dataclass(frozen=True, slots=True)
class Source:
    """One platform.

    verify: raises Refused for what is not shown to come from it. is_signed: whether it signs, so
    that `verify` is more than a shared secret. check_secret: raises ConfigError for a secret that
    cannot be one; its message continues the variable's name. land: the payload to land; None for
    traffic that is no delivery. needs: what the operator sets <SOURCE>_WEBHOOK_SECRET to.
    handshakes: methods besides POST that the platform tries the URL with. busy_status: the answer
    on which it tries again later. answer: type and body of a good answer. waits: whether `verify`
    may wait for the network. unverified_limit: bytes of a body that must be parsed to be verified.
    """

    needs: str
    verify: Callable[[Delivery, Context], None]
    is_signed: bool
    check_secret: Callable[[str], None] = any_secret
    land: Callable[[Delivery], str | None] = land_as_received
    handshakes: frozenset[str] = frozenset()
    busy_status: int = 503
    answer: tuple[str, str] = ("text/plain", "")
    waits: bool = False
    unverified_limit: int | None = None
