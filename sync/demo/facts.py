"""What the demonstration reads back: from the warehouse, and from the sandbox's own lists."""

import json
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sync.demo.story import PEOPLE, Person
from sync.demo.workspace import Workspace

# Loopback only: a proxy of the caller's environment has no part in it.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class State:
    """The state of one named person's addresses, and the event that decides it."""

    reasons: tuple[str | None, ...]
    """Per address: why it is listed; None where it is not."""
    source: str | None
    provider_event: str | None
    effective_at: datetime | None

    @property
    def reason(self) -> str | None:
        """The reason that all of the addresses share; `mixed` where they differ."""
        return self.reasons[0] if len(set(self.reasons)) == 1 else "mixed"


def listed_by_channel(workspace: Workspace) -> dict[str, dict[str, int]]:
    """Addresses on `suppression_list`: channel, reason, how many."""
    rows = workspace.rows(
        """
        select channel, event_type, count(*) as addresses from {marts}.suppression_list
        group by channel, event_type order by channel, event_type
        """
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["channel"], {})[row["event_type"]] = row["addresses"]
    return found


def quarantined_by_reason(workspace: Workspace) -> dict[str, int]:
    """Rows of `quarantined_deliveries` by reason, most first."""
    rows = workspace.rows(
        """
        select reason, count(*) as pieces from {marts}.quarantined_deliveries
        group by reason order by count(*) desc, reason
        """
    )
    return {row["reason"]: row["pieces"] for row in rows}


def wanted_at(workspace: Workspace, destination: str, channel: str) -> set[str]:
    """Addresses of `suppression_list` that the destination's rows of the seeds ask for."""
    rows = workspace.rows(
        """
        select distinct listed.address
        from {marts}.suppression_list as listed
        inner join {marts}.destination_reasons as wanted
            on listed.channel = wanted.channel and listed.event_type = wanted.reason
        where wanted.destination = @destination and wanted.channel = @channel
        """,
        {"destination": destination, "channel": channel},
    )
    return {row["address"] for row in rows}


def held_by_sandbox(url: str, destination: str) -> set[str]:
    """Addresses that the sandbox, asked itself, will not send to."""
    return set(lists_of_sandbox(url)[destination]["global"])


def lists_of_sandbox(url: str) -> dict[str, Any]:
    """Every list of every platform, as the sandbox shows them."""
    with _OPENER.open(f"{url}/_sandbox/lists.json", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def webhooks_of_sandbox(url: str) -> list[dict[str, Any]]:
    """What the platforms reported of our own calls: source and body."""
    with _OPENER.open(f"{url}/_sandbox/webhooks", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def enabled_rows(workspace: Workspace) -> list[tuple[str, str]]:
    """Destination and channel of every enabled row."""
    rows = workspace.rows(
        "select distinct destination, channel from {marts}.destinations where enabled"
        " order by destination, channel"
    )
    return [(row["destination"], row["channel"]) for row in rows]


def rows_for_opt_outs(workspace: Workspace) -> list[tuple[str, str]]:
    """Destination and channel of every enabled row that takes opt-outs: others stop receipts."""
    rows = workspace.rows(
        "select distinct taken.destination, taken.channel from {marts}.destinations as enabled"
        " inner join {marts}.destination_reasons as taken"
        " on enabled.destination = taken.destination and enabled.channel = taken.channel"
        " and coalesce(enabled.scope, '') = coalesce(taken.scope, '')"
        " where enabled.enabled and taken.reason = 'unsubscribe'"
    )
    return [(row["destination"], row["channel"]) for row in rows]


def own_events(workspace: Workspace) -> int:
    """How many events are the platforms' repetitions of what they were told."""
    rows = workspace.rows("select count(*) as events from {marts}.events where is_own")
    return int(rows[0]["events"])


def state_of(workspace: Workspace, person: Person) -> State:
    """What the build says about the person's addresses."""
    parameters = {f"address_{place}": address for place, address in enumerate(person.addresses)}
    wanted = ", ".join(f"@{name}" for name in parameters)
    rows = workspace.rows(
        f"""
        select
            state.address,
            listed.event_type as reason,
            events.source,
            events.provider_event,
            events.effective_at
        from {{marts}}.int_contact_state as state
        left join {{marts}}.suppression_list as listed
            on state.channel = listed.channel and state.address = listed.address
        left join {{marts}}.events as events
            on events.event_id = case
                when state.is_suppressed then state.reason_event_id else state.released_event_id
            end
        where state.channel = @channel and state.address in ({wanted})
        order by events.effective_at desc nulls last
        """,
        {"channel": person.channel, **parameters},
    )
    reasons = {row["address"]: row["reason"] for row in rows}
    first: dict[str, Any] = rows[0] if rows else {}
    return State(
        tuple(reasons.get(address) for address in person.addresses),
        first.get("source"),
        first.get("provider_event"),
        first.get("effective_at"),
    )


def states(workspace: Workspace) -> dict[str, State]:
    """The state of each of the named people, by name."""
    return {person.name: state_of(workspace, person) for person in PEOPLE}
