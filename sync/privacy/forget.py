"""`contact-sync forget`: the refusal is kept first, then the person is taken out everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sync.addresses import Country
from sync.errors import ConfigError
from sync.landing import land
from sync.privacy.hashes import check_key, keep, read_key
from sync.privacy.landing import erase_files, erase_logs, erase_rows
from sync.privacy.person import Person, counts, find_person
from sync.privacy.returns import statement_of
from sync.privacy.tables import erase_tables
from sync.profile import Target, dbt_variable, landing_directory
from sync.progress import QUIET, Steps
from sync.warehouse.base import Warehouse
from sync.warehouse.published import withdraw


@dataclass(slots=True)
class Forgotten:
    """What was found and taken out; it names nobody."""

    names: Mapping[str, int]
    refusals: int
    shared: int
    landed: int = 0
    logs: int = 0
    tables: Mapping[str, int] = field(default_factory=dict)
    is_dry_run: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether nothing of the person is here."""
        return not (self.landed or self.tables or self.refusals)


def forget(
    target: Target,
    warehouse: Warehouse,
    given: str,
    environment: Mapping[str, str],
    *,
    dry_run: bool,
    country: Country | None = None,
    steps: Steps = QUIET,
) -> Forgotten:
    """Erases the person that an address or external_id names. steps: told what is under way.

    Repeating it after a run that was cut off ends the work. Raises MissingCredential without a key,
    ConfigError where an address is several contacts'.
    """
    key = read_key(environment)
    check_key(warehouse, key)
    if not dry_run:
        # First, too: a run that was cut off may have left nothing else of the person.
        _withdraw_copies(warehouse)
    steps.begin("the person's names and deliveries")
    with warehouse.session():
        person = find_person(warehouse, given, country)
    kept = len(person.refusals) + len(person.of_shared)
    found = Forgotten(counts(person.names), kept, person.shared, is_dry_run=dry_run)
    if not person.names:
        return found
    if target.engine == "duckdb" and not landing_directory().is_dir():
        # Else what landed would be passed over without a word.
        raise ConfigError(
            f"There is no landing directory at {landing_directory().absolute()}: run this in the "
            "folder in which the builds run, or set CONTACT_SYNC_LANDING. Nothing was changed."
        )
    if not dry_run:
        keep(warehouse, key, person.refusals)
        if person.of_shared:
            land(target, "operator", (statement_of(one) for one in person.of_shared))
    found.landed = _erase_landing(target, warehouse, person, dry_run=dry_run, steps=steps)
    found.tables = erase_tables(warehouse, person, dry_run=dry_run, steps=steps)
    if not dry_run:
        steps.begin("the warehouse's file, written anew")
        warehouse.compact()
        _withdraw_copies(warehouse)
        steps.begin("dbt's logs")
        found.logs = erase_logs(_log_folder(), person)
    return found


def _erase_landing(
    target: Target, warehouse: Warehouse, person: Person, *, dry_run: bool, steps: Steps
) -> int:
    if target.engine == "duckdb":
        return erase_files(landing_directory(), person, dry_run=dry_run, steps=steps)
    steps.begin("landed rows")
    return erase_rows(warehouse, person, dry_run=dry_run)


def _withdraw_copies(warehouse: Warehouse) -> None:
    """Deletes what was published of the warehouse; the next build makes it again."""
    for file in warehouse.local_files()[:1]:
        withdraw(file)


def _log_folder() -> Path:
    """Where dbt writes its log."""
    return Path(dbt_variable("LOG_PATH") or "logs")
