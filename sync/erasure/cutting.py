"""Takes a person out of a body: the elements of lists that name the person, else all of it."""

from __future__ import annotations

import json
from typing import Any

from sync.erasure.person import Person

_GONE = object()


def cut(payload: str, person: Person, *, with_ids: bool) -> str | None:
    """The body without the person; None where nothing of it is somebody else's.

    with_ids: whether a value that is one of the external_ids names the person; only of a delivery
    that is known to be about them, for an id may be a plain number.
    """
    try:
        body = json.loads(payload)
    except ValueError:
        return None if person.is_named_in(payload, with_ids=False) else payload
    kept = _without(body, person, with_ids)
    if kept is _GONE:
        return None
    return payload if kept == body else _text(kept)


def _without(value: Any, person: Person, with_ids: bool) -> Any:
    if isinstance(value, list):
        found = [_without(item, person, with_ids) for item in value]
        kept = [item for item in found if item is not _GONE]
        return kept if kept or not value else _GONE
    if isinstance(value, dict):
        members = {name: _without(item, person, with_ids) for name, item in value.items()}
        is_gone = any(item is _GONE for item in members.values()) or any(
            person.is_named_in(name, with_ids=False) for name in value
        )
        return _GONE if is_gone else members
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        return _without_inner(value, person, with_ids)
    is_named = value is not None and person.is_named_in(str(value), with_ids=with_ids)
    return _GONE if is_named else value


def _without_inner(text: str, person: Person, with_ids: bool) -> Any:
    """A text that holds JSON, as in a form's field."""
    try:
        inner = json.loads(text)
    except ValueError:
        return _GONE if person.is_named_in(text, with_ids=False) else text
    kept = _without(inner, person, with_ids)
    if kept is _GONE or kept == inner:
        return _GONE if kept is _GONE else text
    return _text(kept)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
