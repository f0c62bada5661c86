"""What is kept of the forgotten: keyed hashes of their names, and what they refused.

The key is the environment's alone (CONTACT_SYNC_FORGET_KEY): whoever has the warehouse only cannot
try addresses against it. HMAC with SHA-256, RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sync.delivery.lock import utc_now
from sync.erasure.person import Refusal
from sync.errors import MissingCredential
from sync.warehouse.base import Warehouse

KEY_VARIABLE = "CONTACT_SYNC_FORGET_KEY"
_SHORTEST_KEY = 16


def read_key(environment: Mapping[str, str]) -> bytes:
    """The key. Raises MissingCredential where it is not set, or too short to keep a secret."""
    key = environment.get(KEY_VARIABLE, "").strip()
    if len(key) < _SHORTEST_KEY:
        raise MissingCredential(
            f"{KEY_VARIABLE} is not set, or shorter than {_SHORTEST_KEY} characters: it is the key "
            "of the hashes by which the forgotten stay blocked. Make one with `openssl rand -hex "
            "32`, keep it as long as the warehouse, and never change it."
        )
    return key.encode()


def hashed(key: bytes, kind: str, value: str) -> str:
    """The keyed hash of a name, in hex."""
    return hmac.new(key, f"{kind}\n{value}".encode(), hashlib.sha256).hexdigest()


def keep(warehouse: Warehouse, key: bytes, refusals: Iterable[Refusal]) -> int:
    """Stores what must go on holding, under the hashes; gives how many."""
    known = {
        (row["name_hash"], row["channel"], row["reason"]): row["refused_at"]
        for row in _stored(warehouse)
    }
    added = 0
    for one in refusals:
        name_hash = hashed(key, one.kind, one.value)
        if known.get((name_hash, one.channel, one.reason), datetime.min) >= one.refused_at:
            continue
        warehouse.execute(
            "insert into {raw}.forgotten"
            " (name_hash, kind, channel, reason, refused_at, forgotten_at)"
            " values (@name_hash, @kind, @channel, @reason, @refused_at, @forgotten_at)",
            {
                "name_hash": name_hash,
                "kind": one.kind,
                "channel": one.channel,
                "reason": one.reason,
                "refused_at": one.refused_at,
                "forgotten_at": utc_now(),
            },
        )
        added += 1
    return added


def _stored(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.rows(
        "select name_hash, kind, channel, reason, max(refused_at) as refused_at"
        " from {raw}.forgotten group by name_hash, kind, channel, reason"
    )


def stored_by_hash(warehouse: Warehouse) -> dict[str, list[dict[str, Any]]]:
    """What was kept, by hash."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in _stored(warehouse):
        found.setdefault(row["name_hash"], []).append(row)
    return found
