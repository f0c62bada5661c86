"""Takes a person out of every table of the warehouse; the ledger keeps its rows, under no name."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence

from sync.privacy.person import Person
from sync.progress import QUIET, Steps
from sync.warehouse.base import Table, Warehouse

#: A number as it was written without what stands between digits; `translate` takes twice as long.
_DIGITS = (
    "replace(replace(replace(replace(replace({}, ' ', ''), '-', ''), '(', ''), ')', ''), '.', '')"
)
#: Columns that hold one address, and how texts that were never normalized are compared.
_ADDRESSES = {
    "address": ("{}", "lower(trim({}))"),
    "email": ("lower(trim({}))",),
    "recipient_email": ("lower(trim({}))",),
    "subject": ("{}",),
    "silent_address": ("{}",),
    "push_token": ("trim({})",),
    "phone": (_DIGITS,),
}
_AS_IT_IS = ("{}",)
_IDS = ("external_id",)
_CONTACTS = ("contact_id", "subject")
#: Columns of free text, which may quote an address in a row about somebody else.
_TEXTS = ("element", "payload", "reason", "error", "traits", "trait_value", "message_id")
_MESSAGE_ID = "message_id"
#: What landed is cut, not deleted: see `landing`.
_LANDED = "webhook_deliveries"
_LEDGER = "sync_ledger"
_EVENTS = "int_events_unioned"
#: No table holds the event any more, and by its time it could be known again.
_NO_EVENT = "event_id = null, event_timestamp = null"
#: Last, for they say which names and events are the person's: a run that was cut off is repeated.
_LAST = ("int_contact_identifiers", "int_events_latest", _EVENTS, "int_platform_ids")


def erase_tables(
    warehouse: Warehouse, person: Person, *, dry_run: bool = False, steps: Steps = QUIET
) -> dict[str, int]:
    """Deletes the person's rows, and overwrites quotes in others'; gives how many, by table.

    dry_run: only counts, and no quotes.
    """
    with warehouse.session(patient=not dry_run):
        return _erase_tables(warehouse, person, dry_run, steps)


def _erase_tables(
    warehouse: Warehouse, person: Person, dry_run: bool, steps: Steps
) -> dict[str, int]:
    tables = [table for table in warehouse.tables() if table.name != _LANDED]
    tables.sort(key=lambda table: (_place_of(table), table.place, table.name))
    steps.begin("tables", len(tables))
    of_events = {"event_ids": _events_of(warehouse, tables, person)}
    changed: dict[str, int] = {}
    for table in tables:
        conditions, parameters = _condition(table, person)
        count = 0
        if of_events["event_ids"] and "event_id" in table.texts:
            of_person = "event_id in unnest(@event_ids)"
            if table.name == _LEDGER:
                # Their address is others', too.
                change = f"update {{}} set {_NO_EVENT}"
                count += _change_rows(warehouse, table, change, of_person, of_events, dry_run)
            else:
                parameters = {**parameters, **of_events}
                conditions = f"{conditions} or {of_person}" if conditions else of_person
        count += _erase_rows(warehouse, table, conditions, parameters, dry_run) if conditions else 0
        count += 0 if dry_run else _mask_texts(warehouse, table, person)
        if count:
            changed[table.name] = count
        steps.advance(1)
    return changed


def _events_of(warehouse: Warehouse, tables: Sequence[Table], person: Person) -> list[str]:
    """The ids of the person's events: read once, for every table that names events."""
    for table in tables:
        if table.name == _EVENTS:
            conditions, parameters = _condition(table, person)
            if conditions:
                rows = warehouse.rows(
                    f"select distinct event_id from {{marts}}.{_EVENTS} where {conditions}",
                    parameters,
                )
                return sorted(row["event_id"] for row in rows if row["event_id"] is not None)
    return []


def _erase_rows(
    warehouse: Warehouse,
    table: Table,
    conditions: str,
    parameters: Mapping[str, list[str]],
    dry_run: bool,
) -> int:
    pseudonym = f"forgotten-{secrets.token_hex(8)}"
    change = (
        f"update {{}} set address = '{pseudonym}', contact_id = '{pseudonym}', {_NO_EVENT}"
        if table.name == _LEDGER
        else "delete from {}"
    )
    return _change_rows(warehouse, table, change, conditions, parameters, dry_run)


def _change_rows(
    warehouse: Warehouse,
    table: Table,
    change: str,
    conditions: str,
    parameters: Mapping[str, list[str]],
    dry_run: bool,
) -> int:
    """Gives how many rows meet the conditions, and changes them unless it is a dry run."""
    name = f"{{{table.place}}}.{table.name}"
    found = warehouse.rows(f"select count(*) as n from {name} where {conditions}", parameters)
    count = int(found[0]["n"])
    if count and not dry_run:
        warehouse.execute(f"{change.format(name)} where {conditions}", parameters)
    return count


def _place_of(table: Table) -> int:
    return _LAST.index(table.name) if table.name in _LAST else -1


def _condition(table: Table, person: Person) -> tuple[str, Mapping[str, list[str]]]:
    """Whether a row is the person's, and the parameters of that."""
    parameters: dict[str, list[str]] = {}
    return " or ".join(_equalities(table, person, parameters)), parameters


def _mask_texts(warehouse: Warehouse, table: Table, person: Person) -> int:
    """Overwrites free texts of other rows that quote an address; gives how many rows."""
    name = f"{{{table.place}}}.{table.name}"
    changed = 0
    for column in _quoting_columns(warehouse, table, person):
        mask = person.masked_id if column == _MESSAGE_ID else person.masked
        for address in person.addresses:
            found = warehouse.rows(
                f"select distinct {column} as text from {name}"
                f" where strpos({_searched(column)}, @address) > 0",
                {"address": address.lower()},
            )
            for row in found:
                masked = mask(row["text"])
                if masked != row["text"]:
                    warehouse.execute(
                        f"update {name} set {column} = @masked where {column} = @text",
                        {"masked": masked, "text": row["text"]},
                    )
                    changed += 1
    return changed


def _quoting_columns(warehouse: Warehouse, table: Table, person: Person) -> list[str]:
    """The columns of free text in which any row holds an address: one look at the table."""
    columns = sorted(table.texts & set(_TEXTS))
    if not columns or not person.addresses:
        return []
    named = {f"quote_{n}": address.lower() for n, address in enumerate(person.addresses)}
    found = warehouse.rows(
        "select "
        + ", ".join(
            "max(case when "
            + " or ".join(f"strpos({_searched(column)}, @{name}) > 0" for name in named)
            + f" then 1 else 0 end) as {column}"
            for column in columns
        )
        + f" from {{{table.place}}}.{table.name}",
        named,
    )[0]
    return [column for column in columns if found[column]]


def _searched(column: str) -> str:
    return f"replace(lower({column}), '=', '@')" if column == _MESSAGE_ID else f"lower({column})"


def _equalities(table: Table, person: Person, parameters: dict[str, list[str]]) -> Iterator[str]:
    kinds = (
        ("addresses", _ADDRESSES, person.addresses),
        ("ids", dict.fromkeys(_IDS, _AS_IT_IS), person.external_ids),
        ("platform_ids", {"platform_id": _AS_IT_IS}, person.platform_ids),
        ("contacts", dict.fromkeys(_CONTACTS, _AS_IT_IS), person.contact_ids),
        ("deliveries", {"delivery_id": _AS_IT_IS}, person.own_deliveries),
    )
    for name, columns, values in kinds:
        for column, forms in columns.items():
            if column in table.texts and values:
                parameters[name] = values
                # Not `in (…)`: beside an `or`, DuckDB compares with each value anew.
                yield from (f"{form.format(column)} in unnest(@{name})" for form in forms)
