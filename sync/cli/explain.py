"""`contact-sync explain`: why somebody may or may not be contacted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sync.cli.main import cli
from sync.cli.options import CHANNEL, FILE, Project, output_option, warehouse_options
from sync.cli.tables import print_json, print_table
from sync.clock import duration, utc_now
from sync.errors import ConfigError
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.addresses import Country
    from sync.reports.explain import Confirmation, Explanation, Reason, Subject, Verdict
    from sync.warehouse.base import Warehouse

_LONGEST_SAYING: Final = 100
# Of a longer timeline, or of a contact with more addresses, JSON has the rest.
_SHOWN_EVENTS: Final = 50
_SHOWN_ADDRESSES: Final = 12


@cli.command()
@warehouse_options
@click.argument("subject", metavar="ADDRESS|EXTERNAL_ID")
@click.option("--channel", type=CHANNEL, help="Only what concerns this channel.  [default: all]")
@click.option(
    "--evidence",
    type=FILE,
    metavar="FILE",
    help="Write the full record as JSON lines, readable by you alone, and print its sha256: "
    "verdicts, state, reasons, events, hashes of the raw payloads, history, ledger.",
)
@output_option
def explain(
    project: Project, subject: str, channel: str | None, evidence: Path | None, output: str
) -> None:
    """Say whether a person may be contacted, why not, what would end it, and who was told.

    ADDRESS|EXTERNAL_ID: an email address, a phone number or a push token; what is known as none of
    them is looked up as an external_id. Of each reason: the event, the row of the policy, how it
    reaches the address. Exit code 0 whatever the answer is, also where nothing is known: then
    nothing on record forbids contact. Nothing is changed.

    \b
    Examples:
      contact-sync explain ann@example.com
      contact-sync explain 42 --channel sms --output json
      contact-sync explain ann@example.com --evidence ann.jsonl
    """
    from sync.progress import make_steps
    from sync.reports.explain import read_explanation
    from sync.reports.explain_json import explanation_json

    if not subject.strip():
        raise click.UsageError("ADDRESS|EXTERNAL_ID is empty.")
    warehouse = project.open_to_read(may_be_older=evidence is None)
    country = project.country()
    written = None
    with make_steps() as steps:
        found = read_explanation(warehouse, subject, channel=channel, country=country, steps=steps)
        if evidence is not None:
            from sync.reports.evidence import write_evidence

            steps.begin("the record, with every delivery")
            written = write_evidence(warehouse, found, evidence)
    forgotten = _forgotten_refusal(warehouse, found.subject, country)
    if output == "json":
        data = explanation_json(found)
        data["forgotten"] = forgotten
        if written is not None:
            data["evidence"] = written.as_json()
        print_json(data)
        return
    print_explanation(found)
    if forgotten is not None:
        click.echo(
            f"\nIt was forgotten after the {forgotten['reason']} of "
            f"{forgotten['since']:%Y-%m-%d %H:%M:%S}, which is kept by a hash: do not contact it. "
            "Should it come back, it is suppressed again."
        )
    if written is not None:
        click.echo(f"\n{written.path}: {written.records:,} records, sha256 {written.sha256}")


def _forgotten_refusal(
    warehouse: Warehouse, subject: Subject, country: Country | None
) -> dict[str, Any] | None:
    """Reason and time of what a forgotten address refused; None too where the key is not here."""
    from sync.privacy.tombstones import Tombstones

    if subject.is_known or subject.channel is None or subject.address is None:
        return None
    try:
        tombstones = Tombstones(warehouse, os.environ, country)
        refusal = tombstones.refusal_of(subject.channel, subject.address)
    except ConfigError as error:
        click.echo(f"Whether it was forgotten cannot be told: {error}", err=True)
        return None
    return None if refusal is None else {"reason": refusal[0], "since": refusal[1]}


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
    if event["bounce_class"] not in (None, "unknown"):
        words.append(f"class {event['bounce_class']}")
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
                row["address"] or _named(row),
                row["external_id"],
                row["topic"],
                _marks(row),
            )
            for row in shown
        ],
    )


def _named(row: Mapping[str, Any]) -> str:
    """The addresses of an event that is about no channel: whom a profile says that they are."""
    return " ".join(row[name] for name in ("email", "phone", "push_token") if row[name])


def _marks(row: Mapping[str, Any]) -> str:
    marks = ("own", "echo", "machine", "softened", "list_entry")
    return " ".join(name.replace("_", " ") for name in marks if row[f"is_{name}"])


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
                one.shown,
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


def _time(value: datetime | None) -> str:
    return "at an unknown time" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"
