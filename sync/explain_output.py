"""What `explain` prints: one screen for people, the same as data for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sync.delivery.lock import utc_now
from sync.explain import Confirmation, Explanation, Reason, Subject, Verdict
from sync.output import duration, print_table
from sync.terminal import echo

_LONGEST_SAYING = 100
# Of a longer timeline, or of a contact with more addresses, JSON has the rest.
_SHOWN_EVENTS: Final = 50
_SHOWN_ADDRESSES: Final = 12

_EVENT: Final = (
    "event_id",
    "source",
    "channel",
    "event_type",
    "provider_event",
    "address",
    "external_id",
    "topic",
    "reason",
    "source_of_change",
    "is_own",
    "is_echo",
    "is_machine",
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
        "state": _state(one),
        "known": [_picked(row, _ANSWER) for row in one.known],
        "latest": _picked(one.latest, _LEDGER_ROW),
        "pending": [_picked(row, _DELTA) for row in one.pending],
    }


def _picked(row: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any] | None:
    return None if row is None else {name: row[name] for name in names}


def print_explanation(found: Explanation) -> None:
    """The verdicts, the end of the timeline, and what each platform's list has."""
    echo(_heading(found.subject))
    _print_build(found.build)
    shown = found.verdicts[:_SHOWN_ADDRESSES]
    for verdict in shown:
        _print_verdict(verdict, found.subject)
    if len(found.verdicts) > len(shown):
        echo(f"... and {len(found.verdicts) - len(shown):,} more addresses: --output json")
    _print_timeline(found.timeline)
    _print_confirmations([one for one in found.confirmations if _concerns(one, shown)])


def _heading(subject: Subject) -> str:
    if subject.address is not None:
        what = f"{subject.address} ({subject.channel})"
    else:
        what = f"external_id {subject.external_id}"
    if subject.is_known:
        return what
    return f"{what}: nothing is known of it, and nothing on record forbids contact."


def _print_build(build: Mapping[str, Any] | None) -> None:
    if build is None:
        echo("No build is recorded. Next: dbt build\n")
        return
    age = duration((utc_now() - build["ended_at"]).total_seconds())
    verdict = "" if build["ok"] else ", and it FAILED (or a test of it)"
    echo(f"As of the newest build, {age} ago{verdict}.\n")


def _print_verdict(verdict: Verdict, subject: Subject) -> None:
    name = f"{verdict.channel} {verdict.address or '(no address known)'}"
    echo(f"{name}: {_answer(verdict, subject)}")
    for reason in verdict.reasons:
        _print_reason(reason, verdict)
    for reason in verdict.released:
        _print_release(reason, verdict)
    for row in verdict.topics:
        echo(f"  left list {row['topic']} of {row['source']} {_time(row['last_at'])}")


def _answer(verdict: Verdict, subject: Subject) -> str:
    if verdict.answer == "unknown":
        return "unknown - nothing on record, nothing forbids contact"
    if verdict.answer == "no":
        return "NO"
    if verdict.is_subscribed is None:
        said = "consent was never said"
    elif verdict.subscribed_at is None:
        said = "subscribed, as its profile says"
    else:
        said = f"subscribed since {_time(verdict.subscribed_at)}"
    others = [name for name in verdict.contacts if name not in (None, subject.external_id)]
    whose = f"; contact {', '.join(map(str, others))}" if others else ""
    return f"yes - nothing forbids it; {said}{whose}"


def _print_reason(reason: Reason, verdict: Verdict) -> None:
    effect = "" if reason.is_suppressing else " (recorded only, by the policy)"
    echo(f"  {reason.reason} since {_time(reason.since)}{_for_whom(reason, verdict)}{effect}")
    echo(f"    event    {_event(reason)}")
    echo(
        f"    policy   {reason.reason} ({reason.attribute}): precedence {reason.precedence}, "
        f"suppresses {reason.suppresses}"
    )
    for way in reason.routes:
        echo(f"    through  {way.text}")
    echo(f"    ends by  {reason.ends_by}")


def _print_release(reason: Reason, verdict: Verdict) -> None:
    echo(
        f"  {reason.reason} of {_time(reason.since)} ended {_time(reason.ended_at)}"
        f"{_for_whom(reason, verdict)}"
    )
    echo(f"    event    {_event(reason)}")
    echo(f"    ended by {_event_words(reason.ended, reason.ended_event_id)}")


def _for_whom(reason: Reason, verdict: Verdict) -> str:
    """For which contact, where not for all of the address."""
    names = [name for name in reason.contacts if name is not None]
    if not names or len(names) == len(verdict.contacts):
        return ""
    return f" for contact {', '.join(names)}, of {len(verdict.contacts)} who share it"


def _event(reason: Reason) -> str:
    if reason.event is not None:
        return _event_words(reason.event, reason.event_id)
    words = f"none: {reason.source} derived it, {reason.event_id}"
    if reason.derived is None:
        return words
    return (
        f"{words}; last mailed {_time(reason.derived['last_sent_at'])}, no sign of life since "
        f"{_time(reason.derived['base_at'])}"
    )


def _event_words(event: Mapping[str, Any] | None, event_id: str | None) -> str:
    if event is None:
        return str(event_id)
    words = [f"{event['source']} {event['provider_event'] or event['event_type']}"]
    words.append(_time(event["event_timestamp"] or event["received_at"]))
    if event["source_of_change"]:
        words.append(f"from {event['source_of_change']}")
    if event["reason"]:
        # Of an operator's act the why; of a bounce the server's own words.
        words.append(f"saying {str(event['reason'])[:_LONGEST_SAYING]!r}")
    words.append(f"event {event['event_id']}")
    words.append(f"delivery {event['delivery_id']}")
    return ", ".join(words)


def _print_timeline(timeline: Sequence[Mapping[str, Any]]) -> None:
    shown = timeline[-_SHOWN_EVENTS:]
    if not shown:
        echo("\nTimeline: no event names it.")
        return
    of_all = "" if len(shown) == len(timeline) else f", the last {len(shown)} of {len(timeline):,}"
    echo(f"\nTimeline{of_all}")
    columns = ("at", "source", "channel", "event", "provider's word", "address", "contact")
    print_table(
        (*columns, "topic", "marks"),
        [
            (
                row["effective_at"],
                row["source"],
                row["channel"],
                row["event_type"],
                row["provider_event"],
                row["address"],
                row["external_id"],
                row["topic"],
                _marks(row),
            )
            for row in shown
        ],
    )


def _marks(row: Mapping[str, Any]) -> str:
    return " ".join(name for name in ("own", "echo", "machine") if row[f"is_{name}"])


def _concerns(one: Confirmation, shown: Iterable[Verdict]) -> bool:
    """Of an address that is shown; profiles are of all."""
    return one.mode == "profile" or any(
        (one.channel, one.subject) == (verdict.channel, verdict.address) for verdict in shown
    )


def _print_confirmations(confirmations: Sequence[Confirmation]) -> None:
    if not confirmations:
        echo("\nNo enabled row of seeds/destinations.csv takes it.")
        return
    echo("\nAt the platforms")
    print_table(
        ("destination", "channel", "scope", "subject", "known there", "latest answer", "pending"),
        [
            (
                one.destination,
                one.channel,
                one.scope,
                one.subject,
                "; ".join(_known(row) for row in one.known) or "nothing",
                _latest(one.latest),
                "; ".join(f"{row['action']} ({row['reason']})" for row in one.pending),
            )
            for one in confirmations
        ],
    )


def _known(row: Mapping[str, Any]) -> str:
    said = f"{row['action']} ({row['reason']}) {_time(row['known_at'])}"
    if row["is_attempted"]:
        return f"{said}, sent or about to be, without an answer"
    by = "" if row["run_id"] else ", as it reported"
    since = ", unknown since: a later call had no answer" if row["is_unknown"] else ""
    return f"{said}{by}{since}"


def _latest(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "never told"
    error = f": {row['error']}" if row["error"] else ""
    return f"{row['outcome']} {_time(row['pushed_at'])}{error}"


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


def _time(value: datetime | None) -> str:
    return "at an unknown time" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"
