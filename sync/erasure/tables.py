"""Takes a person out of every table of the warehouse; the ledger keeps its rows, under no name."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

from sync.erasure.person import Person
from sync.warehouse.base import Table, Warehouse

#: Columns that hold one address, and how texts that were never normalized are compared.
_ADDRESSES = {
    "address": "lower(trim({}))",
    "email": "lower(trim({}))",
    "recipient_email": "lower(trim({}))",
    "subject": "{}",
    "push_token": "trim({})",
    "phone": "translate({}, ' -().', '')",
}
_IDS = ("external_id",)
_CONTACTS = ("contact_id", "subject")
#: Columns of free text, which may quote an address.
_TEXTS = ("element", "payload", "reason", "error", "traits", "trait_value")
#: What landed is cut, not deleted: see `landing`.
_LANDED = "webhook_deliveries"
_LEDGER = "sync_ledger"
_EVENTS = "int_events__unioned"
#: Last, for they say which names and events are the person's: a run that was cut off is repeated.
_LAST = ("int_contact_identifiers", "int_latest_events", _EVENTS)


def erase_tables(warehouse: Warehouse, person: Person) -> dict[str, int]:
    """Deletes the person's rows; gives how many, by table."""
    tables = [table for table in warehouse.tables() if table.name != _LANDED]
    tables.sort(key=lambda table: (_place_of(table), table.place, table.name))
    events = next((table for table in tables if table.name == _EVENTS), None)
    changed: dict[str, int] = {}
    for table in tables:
        conditions, parameters = _condition(table, person)
        if events is not None and "event_id" in table.texts and table.name != _LEDGER:
            of_events, more = _condition(events, person)
            parameters = {**parameters, **more}
            of_person = f"event_id in (select event_id from {{marts}}.{_EVENTS} where {of_events})"
            conditions = f"{conditions} or {of_person}" if conditions else of_person
        if not conditions:
            continue
        name = f"{{{table.place}}}.{table.name}"
        count = warehouse.rows(f"select count(*) as n from {name} where {conditions}", parameters)
        if not count[0]["n"]:
            continue
        changed[table.name] = count[0]["n"]
        if table.name == _LEDGER:
            pseudonym = f"forgotten-{secrets.token_hex(8)}"
            warehouse.execute(
                f"update {name} set address = @pseudonym, contact_id = @pseudonym, event_id = null"
                f" where {conditions}",
                {**parameters, "pseudonym": pseudonym},
            )
        else:
            warehouse.execute(f"delete from {name} where {conditions}", parameters)
    return changed


def _place_of(table: Table) -> int:
    return _LAST.index(table.name) if table.name in _LAST else -1


def _condition(table: Table, person: Person) -> tuple[str, Mapping[str, str]]:
    """Whether a row names the person, and the parameters of that."""
    parameters: dict[str, str] = {}
    parts = list(_equalities(table, person, parameters))
    for column in table.texts:
        if column in _TEXTS:
            for n, address in enumerate(person.addresses):
                parameters[f"text_{n}"] = address.lower()
                parts.append(f"strpos(lower({column}), @text_{n}) > 0")
    return " or ".join(parts), parameters


def _equalities(table: Table, person: Person, parameters: dict[str, str]) -> Iterator[str]:
    kinds = (
        ("address", _ADDRESSES, person.addresses),
        ("id", dict.fromkeys(_IDS, "{}"), person.external_ids),
        ("contact", dict.fromkeys(_CONTACTS, "{}"), person.contact_ids),
        ("delivery", {"delivery_id": "{}"}, person.own_deliveries),
    )
    for prefix, columns, values in kinds:
        named = {f"{prefix}_{n}": value for n, value in enumerate(values)}
        for column, form in columns.items():
            if column in table.texts and named:
                parameters.update(named)
                marks = ", ".join(f"@{name}" for name in named)
                yield f"{form.format(column)} in ({marks})"
