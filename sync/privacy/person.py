"""Who is to be erased: the external_ids and the addresses that are this person's alone."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from sync.addresses import Country, readings, unicode_domain
from sync.errors import ConfigError
from sync.warehouse.base import Warehouse

#: Kinds of names that are no addresses.
_IDS = frozenset({"external_id", "platform_id"})

# A display name before an address in angle brackets, or the scheme of a link.
_AROUND = re.compile(r"^\s*(?:[^<>]*<|(?:mailto|tel|sms|whatsapp|rcs):)|>\s*$", re.IGNORECASE)

# A character as JSON may write it; with more backslashes in a text within a text.
_ESCAPED = re.compile(r"\\+(?:u([0-9A-Fa-f]{4})|(/))")


def unescaped(text: str) -> str:
    """The text with JSON's escapes of letters, signs and slashes undone."""
    if "\\" not in text:
        return text
    plain = _ESCAPED.sub(lambda found: found[2] or chr(int(found[1], 16)), text)
    # A character beyond the first 65,536 is written as two.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Name(NamedTuple):
    """What can name a person. kind: email, sms, push, external_id or platform_id."""

    kind: str
    value: str


class Refusal(NamedTuple):
    """What must go on holding. kind, value: what it names; reason as in the policy."""

    kind: str
    value: str
    channel: str
    reason: str
    refused_at: datetime


@dataclass(frozen=True)
class Person:
    """Names, and the deliveries that say something of the person."""

    names: frozenset[Name]
    refusals: tuple[Refusal, ...] = ()
    deliveries: frozenset[str] = frozenset()
    #: Of addresses that others have too, what this person refused: it goes on holding there.
    of_shared: tuple[Refusal, ...] = ()
    shared: int = 0

    @property
    def addresses(self) -> list[str]:
        """Of every channel."""
        return sorted(name.value for name in self.names if name.kind not in _IDS)

    @property
    def external_ids(self) -> list[str]:
        """The ids in the production database."""
        return sorted(name.value for name in self.names if name.kind == "external_id")

    @property
    def platform_ids(self) -> list[str]:
        """Platforms' own ids, each after the platform's name and a colon."""
        return sorted(name.value for name in self.names if name.kind == "platform_id")

    @cached_property
    def written_ids(self) -> frozenset[str]:
        """The ids as bodies have them."""
        return frozenset(self.external_ids) | {one.partition(":")[2] for one in self.platform_ids}

    @property
    def contact_ids(self) -> list[str]:
        """The contact_ids of all names, as macros/keys.sql makes them."""
        return sorted(_md5(f"{name.kind}|{name.value}") for name in self.names)

    @property
    def own_deliveries(self) -> list[str]:
        """Deliveries whose id is made of names, as those of the directory and of the logs."""
        ids = set(self.external_ids)
        return sorted(
            one for one in self.deliveries if ids & set(one.split("|")) or self.is_quoted_in(one)
        )

    def is_quoted_in(self, text: str) -> bool:
        """Whether a text holds an address, also in JSON's escapes."""
        if self.pattern is None:
            return False
        return bool(self.pattern.search(text) or self.pattern.search(unescaped(text)))

    def is_named_by(self, text: str) -> bool:
        """Whether a text is nothing but an address, perhaps with a display name or a prefix."""
        if self.pattern is None:
            return False
        bare = _AROUND.sub("", text).strip()
        return self.pattern.fullmatch(bare) is not None

    def masked(self, text: str) -> str:
        """The text with every address overwritten, in its length in bytes.

        All of it is, where escapes hide an address.
        """
        if self.pattern is None:
            return text
        rest = self.pattern.sub(lambda found: "*" * len(found[0].encode()), text)
        is_hidden = self.pattern.search(unescaped(rest)) is not None
        return "*" * len(text.encode(errors="surrogateescape")) if is_hidden else rest

    def is_held_by(self, text: str) -> bool:
        """Whether an address is a part of a text, whatever stands beside it; `=` is an @, too."""
        held = text.lower().replace("=", "@")
        return any(address.lower() in held for address in self.addresses)

    def masked_id(self, text: str) -> str:
        """The id of a message, all of it overwritten where it holds an address: nobody can tell
        there what stands beside one from a longer address.
        """
        whole = "*" * len(text.encode(errors="surrogateescape"))
        return whole if self.is_held_by(text) else self.masked(text)

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """Finds any of the addresses in a text, however phone numbers are written."""
        forms = [_form(name) for name in self.names if name.kind not in _IDS]
        return re.compile("|".join(sorted(forms))) if forms else None


def find_person(warehouse: Warehouse, given: str, country: Country | None = None) -> Person:
    """The person that an address or an external_id names.

    An external_id is taken before an address, and so before a number without its country.

    Raises ConfigError where an address is several contacts': which one is meant must be said.
    """
    text = given.strip()
    read = readings(text, country)
    wanted = {Name(kind, value) for kind, value in {**read, "external_id": text}.items()}
    linked = _links(warehouse, wanted)
    ids = {name for name in wanted if name.kind == "external_id"} & linked.keys()
    if not ids:
        ids = {one for one, addresses in linked.items() if addresses & wanted}
        if len(ids) > 1:
            raise ConfigError(
                f"{len(ids)} contacts were named with this address: forget each by its external_id."
            )
    own = {address for one in ids for address in linked[one]}
    shared = {address for address in own if _owners(warehouse, address) - ids}
    names = ids | (own - shared) if ids else _certain(warehouse, wanted, readings(text))
    names |= _platform_ids(warehouse, names)
    return Person(
        frozenset(names),
        tuple(_refusals(warehouse, names)),
        frozenset(_deliveries(warehouse, names)) if names else frozenset(),
        tuple(_refusals_of_shared(warehouse, ids, shared)),
        len(shared),
    )


def _links(warehouse: Warehouse, wanted: Iterable[Name]) -> dict[Name, set[Name]]:
    """All addresses of the contacts that the names name or belong to."""
    values = {name.value for name in wanted}
    marks, parameters = in_list("value", values)
    rows = warehouse.rows(
        f"""
        select external_id, channel, address from {{marts}}.int_contact_identifiers
        where external_id in ({marks})
            or external_id in (
                select external_id from {{marts}}.int_contact_identifiers
                where address in ({marks})
            )
        """,
        parameters,
    )
    found: dict[Name, set[Name]] = {}
    for row in rows:
        addresses = found.setdefault(Name("external_id", row["external_id"]), set())
        addresses.add(Name(row["channel"], row["address"]))
    for row in warehouse.rows(
        f"select distinct external_id from {{marts}}.int_events_latest"
        f" where external_id in ({marks})",
        parameters,
    ):
        found.setdefault(Name("external_id", row["external_id"]), set())
    return found


def _certain(warehouse: Warehouse, wanted: Iterable[Name], written: Mapping[str, str]) -> set[Name]:
    """Of names without a contact: what is written as an email or with its country, or is known.

    Anything else could be part of other people's data.
    """
    return {
        name
        for name in wanted
        if (name.kind in ("email", "sms") and written.get(name.kind) == name.value)
        or warehouse.rows(
            "select 1 as one from {marts}.int_events_latest"
            " where channel = @channel and address = @address limit 1",
            {"channel": name.kind, "address": name.value},
        )
    }


def _platform_ids(warehouse: Warehouse, names: set[Name]) -> set[Name]:
    """The platforms' own ids that stand for these addresses, and for nobody else's."""
    marks, parameters = in_list("value", {name.value for name in names})
    rows = warehouse.rows(
        f"""
        select platform_id, channel, address from {{marts}}.int_platform_ids
        where platform_id in (
            select platform_id from {{marts}}.int_platform_ids where address in ({marks})
        )
        """,
        parameters,
    )
    found: dict[str, set[Name]] = {}
    for row in rows:
        found.setdefault(row["platform_id"], set()).add(Name(row["channel"], row["address"]))
    return {Name("platform_id", one) for one, addresses in found.items() if addresses <= names}


def _refusals_of_shared(
    warehouse: Warehouse, ids: Iterable[Name], shared: Iterable[Name]
) -> Iterable[Refusal]:
    """What the contacts refused at addresses that stay, for those are others' too."""
    values = {name.value for name in ids}
    if not values or not shared:
        return ()
    marks, parameters = in_list("value", values)
    rows = warehouse.rows(
        f"""
        select
            reasons.channel, reasons.address, reasons.reason, max(reasons.reason_at) as refused_at
        from {{marts}}.int_suppression_reasons as reasons
        inner join {{marts}}.suppression_policy as policy on reasons.reason = policy.reason
        where reasons.holds and policy.attribute <> 'engagement'
            and reasons.external_id in ({marks}) and reasons.address is not null
        group by reasons.channel, reasons.address, reasons.reason
        """,
        parameters,
    )
    return [
        Refusal(row["channel"], row["address"], row["channel"], row["reason"], row["refused_at"])
        for row in rows
        if Name(row["channel"], row["address"]) in shared
    ]


def _owners(warehouse: Warehouse, address: Name) -> set[Name]:
    rows = warehouse.rows(
        "select external_id from {marts}.int_contact_identifiers"
        " where channel = @channel and address = @address",
        {"channel": address.kind, "address": address.value},
    )
    return {Name("external_id", row["external_id"]) for row in rows}


def _refusals(warehouse: Warehouse, names: Iterable[Name]) -> Iterable[Refusal]:
    """The reasons that hold for the addresses; of consent, those of the contact too."""
    values = {name.value for name in names}
    marks, parameters = in_list("value", values)
    rows = warehouse.rows(
        f"""
        select
            reasons.external_id, reasons.channel, reasons.address, reasons.reason,
            policy.attribute, max(reasons.reason_at) as refused_at
        from {{marts}}.int_suppression_reasons as reasons
        inner join {{marts}}.suppression_policy as policy on reasons.reason = policy.reason
        where reasons.holds and policy.attribute <> 'engagement'
            and (reasons.address in ({marks}) or reasons.external_id in ({marks}))
        group by
            reasons.external_id, reasons.channel, reasons.address, reasons.reason, policy.attribute
        """,
        parameters,
    )
    known = set(names)
    found: dict[tuple[str, str, str, str], Refusal] = {}
    for row in rows:
        subjects = [Name(row["channel"], row["address"] or "")]
        if row["attribute"] == "consent" and row["external_id"]:
            subjects.append(Name("external_id", row["external_id"]))
        for subject in subjects:
            if subject in known:
                refusal = Refusal(*subject, row["channel"], row["reason"], row["refused_at"])
                key = refusal[:4]
                if key not in found or found[key].refused_at < refusal.refused_at:
                    found[key] = refusal
    return found.values()


def _deliveries(warehouse: Warehouse, names: Iterable[Name]) -> Iterable[str]:
    marks, parameters = in_list("value", {name.value for name in names})
    rows = warehouse.rows(
        f"""
        select distinct delivery_id from {{marts}}.int_events_unioned
        where address in ({marks}) or external_id in ({marks}) or email in ({marks})
            or phone in ({marks}) or push_token in ({marks}) or platform_id in ({marks})
        """,
        parameters,
    )
    return [row["delivery_id"] for row in rows]


def in_list(prefix: str, values: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Parameters for `in (…)`; of no value one that nothing equals."""
    parameters = {f"{prefix}_{n}": value for n, value in enumerate(sorted(values) or [""])}
    return ", ".join(f"@{name}" for name in parameters), parameters


def _form(name: Name) -> str:
    if name.kind == "sms":
        digits = r"[\s().-]*".join(re.escape(digit) for digit in name.value.lstrip("+"))
        return rf"(?<!\d)\+?{digits}(?!\d)"
    if name.kind == "email":
        local, _, domain = name.value.partition("@")
        # Neither joann@x.com nor bob@a.co.uk is ann@x.com or bob@a.co.
        domains = _spellings(domain) | _spellings(unicode_domain(domain))
        address = rf"{_any_of(_spellings(local))}(?:@|%40|\\u0040){_any_of(domains)}"
        return rf"(?<![\w.+-])(?i:{address})(?![\w-]|\.\w)"
    return rf"(?<![\w:.-]){re.escape(name.value)}(?![\w:.-])"


def _spellings(text: str) -> set[str]:
    """The text with accents as part of their letters, and as characters of their own."""
    return {unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}


def _any_of(texts: Iterable[str]) -> str:
    return rf"(?:{'|'.join(sorted(map(re.escape, texts)))})"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def counts(names: Iterable[Name]) -> Mapping[str, int]:
    """How many names of each kind there are: what may be told of a person."""
    found: dict[str, int] = {}
    for name in sorted(names):
        found[name.kind] = found.get(name.kind, 0) + 1
    return found
