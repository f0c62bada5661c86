"""Knows the forgotten when they come back, and lands what they refused again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sync.clock import utc_now
from sync.errors import WarehouseMissing
from sync.landing import Statement, instant_text, land
from sync.privacy.hashes import check_key, hashed, read_key, stored_by_hash
from sync.privacy.person import Name, Refusal
from sync.profile import Target
from sync.warehouse.base import Warehouse

_RELATION = "forgotten"
_MEMBER = {"email": "email", "sms": "phone", "push": "push_token", "external_id": "external_id"}


def has_forgotten(warehouse: Warehouse) -> bool:
    """Whether anybody was ever forgotten here; before the first build, nobody was."""
    try:
        return bool(warehouse.rows("select 1 as one from {raw}.forgotten limit 1"))
    except WarehouseMissing:
        return False


def land_returned(target: Target, warehouse: Warehouse, environment: Mapping[str, str]) -> int:
    """Looks through what was taken since the last look; gives how many refusals were landed again.

    They count from the next build. Raises MissingCredential where the key is not set.
    """
    if not has_forgotten(warehouse):
        return 0
    key = read_key(environment)
    check_key(warehouse, key)
    seen_until, names = _named_since_the_last_look(warehouse)
    statements = list(statements_for(names, key, stored_by_hash(warehouse)))
    if statements:
        land(target, "operator", statements)
    if seen_until is not None:
        # After the landing: a run that dies between looks again, and lands nothing twice.
        warehouse.execute(
            "insert into {raw}.watermarks (relation, taken_until, as_of)"
            " values (@relation, @taken_until, @as_of)",
            {"relation": _RELATION, "taken_until": seen_until, "as_of": utc_now()},
        )
    return len(statements)


def statements_for(
    names: Iterable[Name], key: bytes, tombstones: Mapping[str, list[dict[str, Any]]]
) -> Iterator[Statement]:
    """What those among the names refused who were forgotten, as statements of an operator."""
    for name in names:
        for row in tombstones.get(hashed(key, name.kind, name.value), []):
            yield statement_of(Refusal(*name, row["channel"], row["reason"], row["refused_at"]))


def statement_of(refusal: Refusal) -> Statement:
    """A refusal that outlives the one who is forgotten, as a statement of an operator."""
    return {
        "event": "forgotten",
        "detail": refusal.reason,
        "channel": refusal.channel,
        _MEMBER[refusal.kind]: refusal.value,
        "reason": "refused before it was forgotten",
        "by": "contact-sync forget",
        "at": instant_text(refusal.refused_at),
    }


def _named_since_the_last_look(warehouse: Warehouse) -> tuple[Any, Iterable[Name]]:
    since = warehouse.rows(
        """
        select coalesce(
            (select max(taken_until) from {raw}.watermarks where relation = @relation),
            (select min(forgotten_at) from {raw}.forgotten)
        ) as since
        """,
        {"relation": _RELATION},
    )[0]["since"]
    # Until first: what a build adds meanwhile is looked at the next time.
    until = warehouse.rows(
        "select max(loaded_at) as until from {marts}.events where loaded_at > @since",
        {"since": since},
    )[0]["until"]
    if until is None:
        return None, []
    rows = warehouse.rows(
        """
        select distinct channel, address, external_id, email, phone, push_token
        from {marts}.events
        -- What was landed for one who came back is no return of its own.
        where loaded_at > @since and loaded_at <= @until and provider_event not like 'forgotten/%'
        """,
        {"since": since, "until": until},
    )
    names = {
        Name(kind, value)
        for row in rows
        for kind, value in (
            (row["channel"], row["address"]),
            ("external_id", row["external_id"]),
            ("email", row["email"]),
            ("sms", row["phone"]),
            ("push", row["push_token"]),
        )
        if kind and value
    }
    return until, sorted(names)
