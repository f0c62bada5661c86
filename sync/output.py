"""Results as text for people (tables) and as JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sync.acts import Done, Holding
from sync.delivery.check import Checked
from sync.delivery.plan import DestinationPlan, Plan
from sync.delivery.report import Part, Report
from sync.destinations.base import Request
from sync.erasure.command import Forgotten
from sync.lists.adopt import Adopted
from sync.lists.command import Reconciled
from sync.lists.reconcile import KINDS
from sync.run.parts import OVER
from sync.scrub import Scrubbed
from sync.status import SECTIONS, Status
from sync.terminal import echo

if TYPE_CHECKING:
    # It needs the extra `backfill`.
    from sync.backfill.command import BackfillReport

# Where the output is no terminal: wide enough that no row is folded.
_WIDE = 200
# Addresses of one body that a dry run prints as text; JSON has them all.
_SHOWN_ADDRESSES = 3


#: Characters of what a part of a run says, in `status`.
_DETAIL = 160


def print_json(value: Any) -> None:
    """One JSON document on standard output; instants in ISO form, UTC."""
    echo(json.dumps(value, default=json_value, indent=2, ensure_ascii=False))


def print_plan(plan: Plan, options: str = "") -> None:
    """The plan as a table per destination, the guard's verdict and the next command.

    options: those of the plan that a push of it needs too.
    """
    for part in plan.destinations:
        _print_destination_plan(part)
    faults = plan.guard + [fault for part in plan.destinations for fault in part.guard]
    echo(f"Plan {plan.hash}")
    if faults:
        echo("The guard would stop `contact-sync push`:")
        for fault in faults:
            echo(f"  - {fault}")
    held = [fault for part in plan.destinations for fault in part.held]
    if held:
        echo(f"The guard would hold back what would free people: {'; '.join(held)}")
    items = sum(part.items for part in plan.destinations)
    if items:
        echo(f"Send exactly this: contact-sync push{options} --plan {plan.hash}")
    else:
        echo("Nothing to send.")


def _print_destination_plan(part: DestinationPlan) -> None:
    if part.problem:
        echo(f"{part.destination}: {part.problem}")
        return
    for warning in part.warnings:
        echo(f"Warning: {warning}")
    if part.unknown:
        echo(f"{_named(part)}: {unknown_keys(part.unknown)}")
    if not part.counts:
        echo(f"{_named(part)}: nothing to send\n")
        return
    echo(
        f"{_named(part)}: {part.items:,} to send, about {_calls(part.calls)}, "
        f"about {duration(part.seconds)}"
    )
    print_table(
        ("channel", "scope", "action", "reason", "items"),
        [
            (count.channel, count.scope, count.action, count.reason, count.items)
            for count in part.counts
        ],
    )
    echo()


def unknown_keys(items: int) -> str:
    """What a call without an answer leaves behind."""
    return (
        f"{items:,} in an unknown state (a call without an answer yet): what holds of them is sent"
    )


def _named(part: DestinationPlan | Checked) -> str:
    """The destination, and where it is if not at the platform."""
    return part.destination if part.place is None else f"{part.destination} at {part.place}"


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as data."""
    return {
        "hash": plan.hash,
        "guard": plan.guard + [fault for part in plan.destinations for fault in part.guard],
        "held": [fault for part in plan.destinations for fault in part.held],
        "destinations": [
            {
                "destination": part.destination,
                "place": part.place,
                "items": part.items,
                "unknown": part.unknown,
                "calls": part.calls,
                "seconds": round(part.seconds, 1),
                "guard": part.guard,
                "held": part.held,
                "warnings": part.warnings,
                "problem": part.problem,
                "counts": [
                    {
                        "channel": count.channel,
                        "scope": count.scope,
                        "action": count.action,
                        "reason": count.reason,
                        "items": count.items,
                    }
                    for count in part.counts
                ],
            }
            for part in plan.destinations
        ],
    }


def print_check(found: Sequence[Checked]) -> None:
    """A line per probe, and what to do about those that failed."""
    if not found:
        echo("No destination is enabled in seeds/destinations.csv.")
    for one in found:
        echo(f"{_named(one)}: {'ready' if one.is_ok else 'NOT READY'}")
        for finding in one.findings:
            echo(f"  {'ok     ' if finding.error is None else 'missing'} {finding.probe}")
            if finding.error is not None:
                echo(f"          {finding.error}")


def check_json(found: Sequence[Checked]) -> dict[str, Any]:
    """The findings as data."""
    return {
        "destinations": [
            {
                "destination": one.destination,
                "place": one.place,
                "ok": one.is_ok,
                "findings": [
                    {"probe": finding.probe, "error": finding.error} for finding in one.findings
                ],
            }
            for one in found
        ]
    }


def print_report(report: Report) -> None:
    """What was sent, per destination; errors go to standard error."""
    for part in report.parts:
        echo(f"{part.destination}: {summary(part)}")
        for warning in part.warnings:
            echo(f"Warning: {warning}")
        if part.held_policy:
            echo(
                f"{part.destination}: {part.held_policy:,} releases that no event explains (reason "
                "policy) were left out: they are sent by `push --plan HASH` only"
            )
        if part.held is not None:
            echo(f"Error: {part.held}", err=True)
        if part.error is not None:
            echo(f"Error: {part.error}", err=True)
        elif part.failure is not None:
            echo(
                f"{part.destination}: failed items are tried again by the next run; the last: "
                f"{part.failure}",
                err=True,
            )
        if part.tally.rejected:
            echo(
                f"{part.destination}: `contact-sync status` shows why items were rejected", err=True
            )


def summary(part: Part) -> str:
    """What was sent to one destination, in how many calls and how long."""
    tally = part.tally
    counts = [
        (tally.suppressed, "suppressed"),
        (tally.released, "released"),
        (tally.subscribed, "subscribed"),
        (tally.rejected, "rejected"),
        (tally.absent, "absent"),
        (tally.failed, "failed"),
        (tally.withdrawn, "no longer wanted"),
    ]
    shown = [f"{count:,} {name}" for count, name in counts if count]
    if not shown:
        return "nothing sent" if part.items or part.error else "nothing to send"
    return f"{', '.join(shown)} ({_calls(part.calls)}, {duration(part.seconds)})"


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number:,} calls"


def report_json(report: Report) -> dict[str, Any]:
    """The report as data."""
    return {
        "run_id": report.run_id,
        "plan": report.plan_hash,
        "exit_code": report.exit_code,
        "destinations": [
            {
                "destination": part.destination,
                "status": part.status,
                "exit_code": part.exit_code,
                "items": part.items,
                "suppressed": part.tally.suppressed,
                "released": part.tally.released,
                "subscribed": part.tally.subscribed,
                "confirmed": part.tally.confirmed,
                "accepted": part.tally.accepted,
                "rejected": part.tally.rejected,
                "absent": part.tally.absent,
                "failed": part.tally.failed,
                "withdrawn": part.tally.withdrawn,
                "held_policy": part.held_policy,
                "warnings": part.warnings,
                "calls": part.calls,
                "rate_limited": part.refusals,
                "seconds": round(part.seconds, 3),
                "failure": part.failure,
                "held": None if part.held is None else str(part.held),
                "error": None if part.error is None else str(part.error),
            }
            for part in report.parts
        ],
    }


def request_json(destination: str, request: Request) -> dict[str, Any]:
    """A request of a dry run as data."""
    return {
        "destination": destination,
        "method": request.method,
        "path": request.encoded_path(),
        "body": [list(pair) for pair in request.form] or request.json,
    }


def print_request(destination: str, request: Request) -> None:
    """A request of a dry run in one line; of a long body the first addresses."""
    content = [f"{name}={value}" for name, value in request.form] or request.json
    body = "" if content is None else f" {json.dumps(_shortened(content))}"
    echo(f"{destination}: {request.method} {request.encoded_path()}{body}")


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list) and len(value) > _SHOWN_ADDRESSES:
        return [*value[:_SHOWN_ADDRESSES], f"... and {len(value) - _SHOWN_ADDRESSES:,} more"]
    return value


def print_act(done: Done) -> None:
    """What was landed, and what goes on holding all the same."""
    act = done.act
    echo(
        f"Landed: {act.event_type} of {act.address} on {act.channel}, by {act.by}. It counts from "
        "the next `dbt build`."
    )
    if done.holding is None:
        echo("There is no build yet to say what holds for this address now.")
    for one in done.remaining:
        echo(
            f"It does not end the {one.reason} of {one.since:%Y-%m-%d %H:%M:%S} (event "
            f"{one.event_id}): {_who_ends(one)}.",
            err=True,
        )


def _who_ends(one: Holding) -> str:
    if one.is_consent:
        return "only the person may; where they did, say so with --person-asked EVIDENCE"
    return "seeds/suppression_releases.csv says what does"


def act_json(done: Done) -> dict[str, Any]:
    """What was landed, as data."""
    act = done.act
    return {
        "event_type": act.event_type,
        "channel": act.channel,
        "address": act.address,
        "by": act.by,
        "because": act.because,
        "evidence": act.evidence,
        "holding": None if done.holding is None else [_holding(one) for one in done.holding],
    }


def _holding(one: Holding) -> dict[str, Any]:
    return {
        "reason": one.reason,
        "since": one.since,
        "event_id": one.event_id,
        "is_ended": one.is_ended,
        "is_consent": one.is_consent,
    }


def print_forgotten(done: Forgotten) -> None:
    """What was taken out, without a name."""
    if done.is_unknown:
        echo("Nothing of this person is here.")
        return
    if done.is_dry_run:
        echo("Dry run: nothing is changed. It would be:")
    names = ", ".join(f"{count} {kind}" for kind, count in done.names.items())
    echo(f"Known by: {names or 'nothing'}; {done.refusals} refusals are kept by their hash.")
    if done.shared:
        echo(f"{done.shared} addresses are other contacts' too, and stay theirs.")
    if done.landed or done.logs:
        echo(f"Taken out of {done.landed:,} landed deliveries, {done.logs:,} log lines.")
    if done.tables:
        print_table(("table", "rows"), sorted(done.tables.items()))


def forgotten_json(done: Forgotten) -> dict[str, Any]:
    """The same as data."""
    return {
        "names": dict(done.names),
        "refusals": done.refusals,
        "shared": done.shared,
        "landed": done.landed,
        "logs": done.logs,
        "tables": dict(done.tables),
        "dry_run": done.is_dry_run,
    }


def print_adopted(done: Adopted) -> None:
    """How many entries of which list were landed."""
    if done.forgotten:
        echo(f"{done.destination}: {done.forgotten:,} entries are of people who were forgotten")
    if not done.entries:
        echo(f"{done.destination}: nothing else is on its lists, nothing was landed.")
        return
    echo(f"{done.destination}: {done.entries:,} entries landed as events of it")
    print_table(
        ("channel", "scope", "list", "entries"),
        [(*key, count) for key, count in done.counts.items()],
    )
    echo("They count from the next `dbt build`.")


def adopted_json(done: Adopted) -> dict[str, Any]:
    """The same as data."""
    lists = [
        {"channel": channel, "scope": scope, "list": listed_in, "entries": count}
        for (channel, scope, listed_in), count in done.counts.items()
    ]
    return {
        "destination": done.destination,
        "entries": done.entries,
        "forgotten": done.forgotten,
        "lists": lists,
    }


def print_reconciled(done: Reconciled) -> None:
    """Counts and examples of the differences, and what was done about them."""
    found = done.comparison
    echo(
        f"{found.destination}: {found.wanted:,} should be there, {found.entries:,} entries are; "
        + (f"{found.items:,} to settle" if found.items else "no difference")
    )
    if found.differences:
        print_table(
            ("channel", "scope", "difference", "items", "meaning", "for example"),
            [
                (one.channel, one.scope, one.kind, one.items, KINDS[one.kind], _few(one.examples))
                for one in found.differences
            ],
        )
    if found.unknown:
        echo(f"{found.destination}: {unknown_keys(found.unknown)}")
    for row in found.unreadable:
        echo(f"{found.destination} shows no list of {f'{row.channel} {row.scope}'.strip()}")
    if found.forgotten:
        echo(f"{found.forgotten:,} entries are of people who were forgotten: no difference")
    if done.written is not None:
        echo(f"{done.written:,} rows written to {done.csv_file}")
    if done.adopted:
        echo(f"{done.adopted:,} foreign entries landed as events: run `dbt build`")
    if done.report is not None:
        print_report(done.report)
    if found.items and not (done.adopted or done.report):
        echo("Next: the same with --repair, --adopt, or both; then `dbt build`.")


def _few(examples: Sequence[str]) -> str:
    return ", ".join(examples)


def reconciled_json(done: Reconciled) -> dict[str, Any]:
    """The same as data."""
    found = done.comparison
    return {
        "destination": found.destination,
        "wanted": found.wanted,
        "entries": found.entries,
        "forgotten": found.forgotten,
        "unknown": found.unknown,
        "unreadable": [list(row) for row in found.unreadable],
        "items": found.items,
        "differences": [one._asdict() for one in found.differences],
        "adopted": done.adopted,
        "repair": None if done.report is None else report_json(done.report),
        "exit_code": done.exit_code,
    }


def print_status(status: Status, run: Mapping[str, Any] | None) -> None:
    """The sections that have rows, and what to do about them. run: as sync.run.parts.read says."""
    build = status.build
    if build is None:
        echo("No build is recorded. Next: dbt build\n")
    else:
        verdict = "ok" if build["ok"] else "FAILED (or a test of it): run `dbt build`"
        echo(f"Newest build: {verdict}, {duration(build['age_seconds'])} ago\n")
    if run is not None:
        _print_run(run)
    for section in SECTIONS:
        rows = status.sections[section.key]
        if not rows:
            continue
        echo(section.title)
        print_table(section.columns, [[row[column] for column in section.columns] for row in rows])
        echo(f"{section.hint}\n" if section.hint else "")


def _print_run(run: Mapping[str, Any]) -> None:
    is_over = all(part["state"] in OVER for part in run["parts"].values())
    if run["is_alive"]:
        echo(f"contact-sync run, process {run['pid']}")
    else:
        echo("contact-sync run: stopped" if is_over else "contact-sync run: DIED, start it again")
    if run["is_alive"] or not is_over:
        rows = [
            (name, part["state"], part["since"], _cut(" ".join(part["detail"].split())))
            for name, part in run["parts"].items()
        ]
        print_table(("part", "state", "since", "detail"), rows)
    echo()


def _cut(text: str) -> str:
    return text if len(text) <= _DETAIL else f"{text[: _DETAIL - 1]}…"


def status_json(status: Status, run: Mapping[str, Any] | None) -> dict[str, Any]:
    """The status as data: `build`, `run`, and one list per section, empty ones included."""
    return {"build": status.build, "run": run, **status.sections}


def print_scrubbed(done: Scrubbed) -> None:
    """The counts, by reason, and where the rows are."""
    echo(f"{done.rows:,} rows, by the {done.channel} addresses of {done.column}")
    echo(f"  may      {done.rows - done.refused:>10,}  {done.may}")
    echo(f"  may not  {done.refused:>10,}  {done.may_not}")
    for reason, count in done.reasons.items():
        echo(f"           {count:>10,}  {reason}")


def print_backfill(report: BackfillReport, *, is_dry_run: bool) -> None:
    """Files, what landed, conflicts by where they stand (no address), and what to do next."""
    print_table(
        ("file", "read as", "rows", "rejected"),
        [(part.name, part.platform, part.rows, part.rejected) for part in report.files],
    )
    echo()
    for part in report.files:
        read = ", ".join(f"{header} = {meaning}" for header, meaning in part.columns)
        echo(f"{part.name}: {read}")
        if part.unread:
            echo(f"  not read: {', '.join(part.unread)}")
    echo()
    if report.statements:
        echo("Would land:" if is_dry_run else "Landed:")
        print_table(
            ("event", "channel", "statements"),
            [
                (event, channel or "(identity)", count)
                for event, channel, count in report.statements
            ],
        )
        echo()
    _print_conflicts(report)
    if report.rejects is not None:
        total = sum(part.rejected for part in report.files)
        echo(f"{total:,} rows did not count: {report.rejects} has their lines.", err=True)
    if is_dry_run:
        echo("Dry run: nothing landed.")
    else:
        echo("Next: dbt build" if report.landed else "Nothing to land.")


def _print_conflicts(report: BackfillReport) -> None:
    if not report.conflicts:
        echo("No conflicts.")
        return
    echo(f"Conflicts: {report.conflicts:,} (--conflicts FILE writes all of them)")
    print_table(
        ("attribute", "value", "at", "source", "", "rule"),
        [
            (
                one["attribute"],
                one["value"],
                f"{one['at'] or ''}{' (--as-of)' if one['is_at_as_of'] else ''}",
                one["source"],
                "holds" if one["is_winner"] else "",
                one["rule"] if one["is_winner"] else "",
            )
            for one in report.shown
        ],
    )
    echo()


def backfill_json(report: BackfillReport) -> dict[str, Any]:
    """The report as data; conflicts by where they stand, without whom they are about."""
    return {
        "files": [
            {
                "file": part.name,
                "read_as": part.platform,
                "columns": [
                    {"header": header, "means": meaning} for header, meaning in part.columns
                ],
                "not_read": list(part.unread),
                "rows": part.rows,
                "rejected": part.rejected,
            }
            for part in report.files
        ],
        "statements": [
            {"event": event, "channel": channel, "statements": count}
            for event, channel, count in report.statements
        ],
        "conflicts": report.conflicts,
        "first_conflicts": [
            {name: value for name, value in one.items() if name != "key"} for one in report.shown
        ],
        "rejects": None if report.rejects is None else str(report.rejects),
        "landed": report.landed,
    }


def duration(seconds: float) -> str:
    """Seconds in the two largest units: 3.4 s, 12 min, 5 h 30 min, 2 d 3 h."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table for people; columns that hold nothing are left out."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    body = [[_cell(value) for value in row] for row in rows]
    # A column of blanks (a scope that no row has) says nothing.
    kept = [index for index in range(len(columns)) if any(row[index] for row in body)]
    for index in kept:
        numeric = all(row[index].replace(",", "").isdigit() for row in body)
        table.add_column(columns[index], justify="right" if numeric else "left", no_wrap=numeric)
    for row in body:
        table.add_row(*(row[index] for index in kept))
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    echo("\n".join(line for line in lines if line))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)


def json_value(value: Any) -> str:
    """Text for what JSON has no word for: instants in ISO form, UTC."""
    if isinstance(value, datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    return str(value)
