"""What is kept of the forgotten: keyed hashes of their names, and what they refused.

The key is the environment's alone (CONTACT_SYNC_FORGET_KEY): whoever has the warehouse only cannot
try addresses against it. HMAC with SHA-256, RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sync.clock import utc_now
from sync.errors import ConfigError, MissingCredential
from sync.privacy.person import Refusal
from sync.warehouse.base import Warehouse

KEY_VARIABLE = "CONTACT_SYNC_FORGET_KEY"
_SHORTEST_KEY = 16
# The kind of the row that tells one key from another.
_PROOF = "key"
#: What addresses are hashed with in recipient files.
DIGESTS = ("sha256", "md5")


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


def check_key(warehouse: Warehouse, key: bytes) -> None:
    """Raises ConfigError where the key is not that of the hashes; the first one is noted."""
    proof = hashed(key, _PROOF, _PROOF)
    found = warehouse.rows(
        "select name_hash from {raw}.forgotten where kind = @kind", {"kind": _PROOF}
    )
    if any(row["name_hash"] != proof for row in found):
        raise ConfigError(
            f"{KEY_VARIABLE} is another key than that of the hashes in raw.forgotten: with it the "
            "forgotten would not be known when they come back. Set the key that was used first."
        )


def _note_key(warehouse: Warehouse, key: bytes) -> None:
    if not warehouse.rows(
        "select 1 as one from {raw}.forgotten where kind = @kind", {"kind": _PROOF}
    ):
        _insert(warehouse, hashed(key, _PROOF, _PROOF), _PROOF, "", "", utc_now())


def _insert(
    warehouse: Warehouse,
    name_hash: str,
    kind: str,
    channel: str,
    reason: str,
    refused_at: datetime,
) -> None:
    warehouse.execute(
        "insert into {raw}.forgotten (name_hash, kind, channel, reason, refused_at, forgotten_at)"
        " values (@name_hash, @kind, @channel, @reason, @refused_at, @forgotten_at)",
        {
            "name_hash": name_hash,
            "kind": kind,
            "channel": channel,
            "reason": reason,
            "refused_at": refused_at,
            "forgotten_at": utc_now(),
        },
    )


def hashed(key: bytes, kind: str, value: str) -> str:
    """The keyed hash of a name, in hex."""
    return hmac.new(key, f"{kind}\n{value}".encode(), hashlib.sha256).hexdigest()


def keep(warehouse: Warehouse, key: bytes, refusals: Iterable[Refusal]) -> None:
    """Stores what must go on holding, under the hashes."""
    known = {
        (row["name_hash"], row["channel"], row["reason"]): row["refused_at"]
        for row in _stored(warehouse)
    }
    _note_key(warehouse, key)
    for one in refusals:
        for kind, value in _forms(one):
            name_hash = hashed(key, kind, value)
            before = known.get((name_hash, one.channel, one.reason), datetime.min)
            if before < one.refused_at:
                _insert(warehouse, name_hash, kind, one.channel, one.reason, one.refused_at)


def _forms(refusal: Refusal) -> Iterator[tuple[str, str]]:
    """The name as it is, and its digests, as recipient files of ad platforms hold them."""
    yield refusal.kind, refusal.value
    if refusal.kind == "external_id":
        return
    texts = {refusal.value, refusal.value.removeprefix("+")}
    for algorithm in DIGESTS:
        for text in sorted(texts):
            yield (
                digest_kind(refusal.kind, algorithm),
                hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest(),
            )


def digest_kind(kind: str, algorithm: str) -> str:
    """The kind of a name that is known by its digest only."""
    return f"{kind}/{algorithm}"


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
