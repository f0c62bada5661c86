"""Takes a person out of a body: the elements of lists that are about the person, else all of it.

An element that merely quotes an address in its text is about somebody else: the address in it is
overwritten, and the rest stays.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sync.privacy.person import Person

_GONE = object()
# Members that carry our own id, without case and separators: what staging reads them from.
_IDS = frozenset(
    {"externalid", "externaluserid", "userid", "uid", "customer", "customerid", "clientuserid"}
)
# Members that say whose all the rest of a body is.
_IDENTITIES = frozenset({"useridentities", "identities"})
# Members that hold the id of a message.
_MESSAGES = frozenset({"messageid", "sgmessageid", "smtpid"})
# An id of fewer digits could be a number of anything.
_PLAIN_NUMBER = re.compile(r"\d{1,9}")


def redacted(payload: str, person: Person, *, is_about: bool) -> str | None:
    """The body without the person; None where nothing of it is somebody else's.

    is_about: whether the delivery is known to say something of the person: only then is an
    id looked for.
    """
    try:
        body = json.loads(payload)
        kept = _without(body, person, is_about, "")
        if kept is _GONE:
            return None
        return payload if kept == body else _text(kept)
    except ValueError:
        # No JSON, or numbers that JSON cannot write.
        return person.masked(payload)


def _without(value: Any, person: Person, is_about: bool, name: str) -> Any:
    if isinstance(value, list):
        found = [_without(item, person, is_about, name) for item in value]
        kept = [item for item in found if item is not _GONE]
        is_whole = len(kept) == len(value)
        return _GONE if not is_whole and (not kept or name in _IDENTITIES) else kept
    if isinstance(value, dict):
        members = {
            key: _without(item, person, is_about, _plain(key)) for key, item in value.items()
        }
        is_gone = any(item is _GONE for item in members.values())
        is_gone = is_gone or any(person.is_named_by(key) for key in value)
        return _GONE if is_gone else members
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        return _without_inner(value, person, is_about)
    return _GONE if _is_the_person(value, person, is_about, name) else _masked(value, person, name)


def _is_the_person(value: Any, person: Person, is_about: bool, name: str) -> bool:
    if value is None or isinstance(value, bool):
        return False
    text = str(value)
    if is_about and text.strip() in person.written_ids:
        return name in _IDS or not _PLAIN_NUMBER.fullmatch(text.strip())
    return person.is_named_by(text)


def _masked(value: Any, person: Person, name: str) -> Any:
    if not isinstance(value, str):
        return value
    return person.masked_id(value) if name in _MESSAGES else person.masked(value)


def _without_inner(text: str, person: Person, is_about: bool) -> Any:
    """A text that holds JSON, as in a form's field."""
    try:
        inner = json.loads(text)
    except ValueError:
        return person.masked(text)
    kept = _without(inner, person, is_about, "")
    if kept is _GONE or kept == inner:
        return _GONE if kept is _GONE else text
    return _text(kept)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
