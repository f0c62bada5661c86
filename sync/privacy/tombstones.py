"""What the forgotten refused, looked up by a name: for the commands that read names of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sync.addresses import Country, normalizer
from sync.landing import Statement, land
from sync.privacy.hashes import check_key, digest_kind, hashed, read_key, stored_by_hash
from sync.privacy.person import Name
from sync.privacy.returns import has_forgotten, statements_for
from sync.profile import Target
from sync.warehouse.base import Warehouse

_MEMBERS = {"email": "email", "phone": "sms", "push_token": "push"}


class Tombstones:
    """The refusals that are kept under hashes."""

    def __init__(
        self, warehouse: Warehouse, environment: Mapping[str, str], country: Country | None = None
    ) -> None:
        """Raises MissingCredential where somebody was forgotten and the key is not set."""
        self._warehouse = warehouse
        self._key = read_key(environment) if has_forgotten(warehouse) else b""
        if self._key:
            check_key(warehouse, self._key)
        self._by_hash = stored_by_hash(warehouse) if self._key else {}
        self._normalize: dict[str, Callable[[str], str | None]] = {
            kind: normalizer(kind, country) for kind in _MEMBERS.values()
        }
        self._returned: set[Name] = set()

    def __bool__(self) -> bool:
        return bool(self._by_hash)

    def refusal_of(self, channel: str, address: str) -> tuple[str, datetime] | None:
        """Reason and time of what a forgotten address refused, unless it consented since."""
        rows = self._rows(Name(channel, address))
        found = [(row["refused_at"], row["reason"]) for row in rows if row["channel"] == channel]
        if not found:
            return None
        refused_at, reason = max(found)
        since = self._warehouse.rows(
            "select max(subscribed_at) as at from {marts}.int_contact_state"
            " where channel = @channel and address = @address",
            {"channel": channel, "address": address},
        )[0]["at"]
        return None if since is not None and since > refused_at else (reason, refused_at)

    def refusal_of_digest(
        self, channel: str, algorithm: str, digest: str
    ) -> tuple[str, datetime] | None:
        """The same of an address that is known by its hex digest only; a consent is not seen."""
        rows = self._rows(Name(digest_kind(channel, algorithm), digest.lower()))
        found = [(row["refused_at"], row["reason"]) for row in rows]
        refused_at, reason = max(found, default=(None, ""))
        return None if refused_at is None else (reason, refused_at)

    def has_refused(self, channel: str, address: str) -> bool:
        """Whether a forgotten person refused at this address (a platform's, as it writes it)."""
        normalized = self._normalize[channel](address) if self._by_hash else None
        return normalized is not None and bool(self._rows(Name(channel, normalized)))

    def watch(self, statements: Iterable[Statement]) -> Iterator[Statement]:
        """The statements as they are; notes the forgotten among those whom they name."""
        for statement in statements:
            if self._by_hash:
                self._returned.update(name for name in self._names(statement) if self._rows(name))
            yield statement

    def land_returned(self, target: Target) -> int:
        """Lands again what those who were noted refused; gives how many."""
        found = list(statements_for(sorted(self._returned), self._key, self._by_hash))
        return land(target, "operator", found) if found else 0

    def _rows(self, name: Name) -> list[dict[str, Any]]:
        return self._by_hash.get(hashed(self._key, name.kind, name.value), [])

    def _names(self, statement: Statement) -> Iterator[Name]:
        for member, kind in _MEMBERS.items():
            address = self._normalize[kind](str(statement.get(member) or ""))
            if address is not None:
                yield Name(kind, address)
        if statement.get("external_id"):
            yield Name("external_id", str(statement["external_id"]).strip())
