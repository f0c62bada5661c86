"""An explanation as data, for programs and for the record of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sync.reports.explain import Confirmation, Explanation, Reason, Verdict

_EVENT: Final = (
    "event_id",
    "source",
    "channel",
    "event_type",
    "provider_event",
    "address",
    "external_id",
    "platform_id",
    "topic",
    "reason",
    "source_of_change",
    "is_own",
    "is_echo",
    "is_machine",
    "is_softened",
    "is_list_entry",
    "effective_at",
    "event_timestamp",
    "received_at",
    "delivery_id",
)
_ANSWER: Final = (
    "action",
    "reason",
    "event_id",
    "run_id",
    "delta_id",
    "known_at",
    "is_attempted",
    "is_unknown",
)
_LEDGER_ROW: Final = (
    "outcome",
    "action",
    "reason",
    "event_id",
    "run_id",
    "http_status",
    "error",
    "attempts",
    "pushed_at",
)
_DELTA: Final = ("delta_id", "action", "reason", "event_id", "event_timestamp")


def explanation_json(found: Explanation) -> dict[str, Any]:
    """The explanation as data; every event of the timeline, every address."""
    return {
        "subject": asdict(found.subject),
        "build": found.build,
        "verdicts": [verdict_json(verdict) for verdict in found.verdicts],
        "timeline": [_picked(row, _EVENT) for row in found.timeline],
        "destinations": [_confirmation_json(one) for one in found.confirmations],
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """May an address be contacted, and why, as data."""
    return {
        "channel": verdict.channel,
        "address": verdict.address,
        "may_contact": verdict.answer,
        "is_asked": verdict.is_asked,
        "is_listed": verdict.is_listed,
        "is_subscribed": verdict.is_subscribed,
        "subscribed_at": verdict.subscribed_at,
        "contacts": verdict.contacts,
        "reasons": [_reason_json(reason) for reason in verdict.reasons],
        "released": [_reason_json(reason) for reason in verdict.released],
        "topics_left": verdict.topics,
    }


def _reason_json(reason: Reason) -> dict[str, Any]:
    return {
        "reason": reason.reason,
        "holds": reason.holds,
        "since": reason.since,
        "policy": {
            "reason": reason.reason,
            "attribute": reason.attribute,
            "precedence": reason.precedence,
            "suppresses": reason.suppresses,
        },
        "event_id": reason.event_id,
        "event": _picked(reason.event, _EVENT),
        "source": reason.source,
        "source_of_change": reason.source_of_change,
        "received_at": reason.received_at,
        "derived_from": reason.derived,
        "contacts": reason.contacts,
        "through": [asdict(way) for way in reason.routes],
        "released_by": reason.released_by,
        "ends_by": reason.ends_by if reason.holds else None,
        "ended_at": reason.ended_at,
        "ended_event_id": reason.ended_event_id,
        "ended_by": _picked(reason.ended, _EVENT),
    }


def _confirmation_json(one: Confirmation) -> dict[str, Any]:
    return {
        "destination": one.destination,
        "channel": one.channel,
        "scope": one.scope,
        "mode": one.mode,
        "subject": one.subject,
        "name": one.shown,
        "state": _state(one),
        "known": [_picked(row, _ANSWER) for row in one.known],
        "latest": _picked(one.latest, _LEDGER_ROW),
        "pending": [_picked(row, _DELTA) for row in one.pending],
    }


def _state(one: Confirmation) -> str:
    """One word: `failed`, `pending`, the outcome of the newest row, `reported` or `never told`.

    `unknown`: a call had no answer, and nothing is pending.
    """
    outcome = None if one.latest is None else str(one.latest["outcome"])
    if outcome == "unsent":
        outcome = None
    if one.pending and outcome != "failed":
        return "pending"
    if outcome == "intended":
        return "unknown"
    return outcome or ("reported" if one.known else "never told")


def _picked(row: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any] | None:
    return None if row is None else {name: row[name] for name in names}
