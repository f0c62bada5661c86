"""Whether each destination can be pushed to: credential, rights and scopes, by harmless calls."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sync.delivery.connection import connected
from sync.delivery.messages import stopped_receipts
from sync.delivery.plan import selected
from sync.delivery.settings import Settings, place, read_settings, unknown_row
from sync.destinations import get
from sync.destinations.base import Destination
from sync.errors import ConfigError, CredentialRefused, PlatformError, UnknownDestination
from sync.warehouse.base import Warehouse

_CALLS = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe found, or why none could be made. error: what is missing, None if nothing."""

    probe: str
    error: str | None = None


@dataclass(slots=True)
class Checked:
    """What was found of one destination. is_configuration: it could not be called at all.

    place: the host that stands for the platform's own, if the environment names one.
    """

    destination: str
    findings: list[Finding] = field(default_factory=list)
    is_configuration: bool = False
    place: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        """Whether everything that was tried went well."""
        return all(finding.error is None for finding in self.findings)


def check(
    warehouse: Warehouse, wanted: Sequence[str], environment: Mapping[str, str]
) -> list[Checked]:
    """Probes of the enabled destinations (or those wanted), side by side. Nothing is changed there.

    Raises UnknownDestination for one that is wanted and does not exist.
    """
    with warehouse.session():
        names = selected(warehouse, wanted)
        rows = warehouse.rows(
            "select destination, channel, scope from {marts}.destinations where enabled"
            " order by destination, channel, scope"
        )
        warnings = stopped_receipts(warehouse)
    places = {
        name: [(row["channel"], row["scope"] or "") for row in rows if row["destination"] == name]
        for name in names
    }
    with ThreadPoolExecutor(max(len(names), 1)) as pool:
        found = list(pool.map(lambda name: _check_one(name, places[name], environment), names))
    for one in found:
        one.warnings += warnings.get(one.destination, [])
    return found


def _check_one(
    name: str, rows: Sequence[tuple[str, str]], environment: Mapping[str, str]
) -> Checked:
    try:
        kind = get(name)
        settings = read_settings(kind, environment)
    except UnknownDestination:
        return Checked(name, [Finding("seeds/destinations.csv", unknown_row(name))], True)
    except ConfigError as error:
        return Checked(name, [Finding("environment", str(error))], True)
    findings = [
        Finding(
            f"row {channel} {scope}".strip(),
            f"{kind.title} cannot be told about {channel}: correct the row, or disable it.",
        )
        for channel, scope in rows
        if channel not in kind.channels
    ]
    try:
        return Checked(
            name, findings + _probe(kind, settings, rows), place=place(name, environment)
        )
    except ConfigError as error:
        return Checked(name, [*findings, Finding("environment", str(error))], True)


def _probe(
    kind: type[Destination], settings: Settings, rows: Sequence[tuple[str, str]]
) -> list[Finding]:
    with connected(kind, settings, stop=threading.Event(), workers=_CALLS) as (destination, caller):
        findings = []
        try:
            probes = destination.probes(rows)
        except PlatformError as error:
            return [Finding("sign-in", _advice(error, kind))]
        for probe in probes:
            try:
                answer = caller.call(probe)
                findings.append(Finding(probe.label, destination.objection(probe, answer)))
            except PlatformError as error:
                findings.append(Finding(probe.label, _advice(error, kind)))
        return findings


def _advice(error: PlatformError, kind: type[Destination]) -> str:
    """The platform's answer, and what it means for whoever set the credential up."""
    hints = {
        401: "the credential is not accepted",
        403: "the credential lacks this right",
        404: "what the row's scope names is not there, or the host is not the platform's",
    }
    status = error.status or 0
    is_said_otherwise = status not in hints or error.code in kind.credential_codes
    if isinstance(error, CredentialRefused) and is_said_otherwise:
        # Mandrill says it with 500, Amazon with 403.
        status = 401
    hint = hints.get(status)
    return f"{error} ({hint})" if hint else str(error)
