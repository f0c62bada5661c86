"""`contact-sync backfill`: lands what the lists of the years before say."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sync.cli.main import cli
from sync.cli.options import FILE, ParsedType, Project, output_option, shortened, warehouse_options
from sync.cli.tables import print_json, print_table
from sync.extras import needs
from sync.terminal import counted, echo

if TYPE_CHECKING:
    from sync.backfill.command import BackfillReport
    from sync.backfill.reading import Dates


def _pair(text: str) -> tuple[str, str]:
    """NAME=VALUE: both sides, without blanks around them."""
    name, right = _column(text)
    if not right:
        raise ValueError(f"{shortened(text)} is not NAME=VALUE")
    return name, right


def _column(text: str) -> tuple[str, str]:
    """NAME=HEADER, or NAME= for no column."""
    name, equals, right = text.partition("=")
    if not name.strip() or not equals:
        raise ValueError(f"{shortened(text)} is not NAME=VALUE")
    return name.strip(), right.strip()


def _list_kind(text: str) -> tuple[str, str]:
    """KIND, or FILE=KIND: the file's name, '' for all, and the kind."""
    name, _, kind = text.rpartition("=")
    if not kind.strip():
        raise ValueError(f"{text!r} is not KIND or FILE=KIND")
    return Path(name.strip()).name, kind.strip()


def _instant(text: str) -> datetime:
    """A time in ISO form, to the second; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(text.strip()).replace(microsecond=0)
        # The first and the last year's times have no UTC in some offsets.
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{shortened(text)} is not a time like 2026-05-01 or 2026-05-01T08:00:00Z"
        ) from None


@cli.command()
@click.argument("files", nargs=-1, metavar="FILE...", type=FILE)
@warehouse_options
@click.option(
    "--column",
    "columns",
    type=ParsedType("name=value", _column),
    multiple=True,
    metavar="NAME=HEADER",
    help="What a column means, where its header does not tell or tells wrong; HEADER may be #N, "
    "its place from 1. NAME= alone: no column has it. May be repeated. The names are listed above.",
)
@click.option(
    "--all",
    "lists",
    type=ParsedType("[file=]kind", _list_kind),
    multiple=True,
    metavar="[FILE=]KIND",
    help="What all rows are of files whose columns do not say: opted_out, opted_in, bounced or "
    "complained. May be repeated.",
)
@click.option(
    "--word",
    "words",
    type=ParsedType("name=value", _pair),
    multiple=True,
    metavar="WORD=KIND",
    help="What an unknown status means: a KIND as of --all, or nothing. May be repeated.",
)
@click.option(
    "--dates",
    type=click.Choice(["dmy", "mdy", "iso"]),
    help="How dates like 01/02/2024 are read: day first, month first, or not at all.  [default: as "
    "all values of a column agree]",
)
@click.option(
    "--encoding",
    metavar="NAME",
    help="The encoding of the files, for example latin-1.  [default: UTF-8, or UTF-16 by its mark]",
)
@click.option(
    "--as-of",
    type=ParsedType("time", _instant),
    metavar="TIME",
    help="When opt-outs count that have no time.  [default: the file's modification time]",
)
@click.option("--dry-run", is_flag=True, help="Tell what would land; land nothing.")
@click.option(
    "--conflicts",
    type=FILE,
    metavar="FILE",
    help="Instead of reading files: write where rows of exports said the opposite about one "
    "address, and what the last build decided, as CSV.",
)
@click.option(
    "--rejects",
    type=FILE,
    metavar="FILE",
    help="Where rows are named that did not count.  [default: <first FILE>.rejects.csv]",
)
@output_option
def backfill(
    files: tuple[Path, ...],
    project: Project,
    columns: tuple[tuple[str, str], ...],
    lists: tuple[tuple[str, str], ...],
    words: tuple[tuple[str, str], ...],
    dates: Dates | None,
    encoding: str | None,
    as_of: datetime | None,
    dry_run: bool,
    conflicts: Path | None,
    rejects: Path | None,
    output: str,
) -> None:
    """Land what years of lists say: CSV exports of platforms and of the production directory.

    FILE may be gzip, and separated by commas, semicolons or tabs. Columns are recognized by the
    platforms' own headers; one that looks like consent and is not known is an error. Each row lands
    as it is, and the models decide, together with the webhooks: the newest holds, at the same time
    the opt-out. An opt-out without a time counts at --as-of, an opt-in without one ends nothing.
    What cannot be read is rejected by line and reason, and the rest lands. Repeating the command
    adds nothing. Next: dbt build, and --conflicts to see where files contradicted each other.

    \b
    Names for --column (CHANNEL is email, sms or push):
      external_id, email, phone, push_token, push_token_type    whom a row is about
      klaviyo_profile_id, onesignal_subscription_id    a platform's own id of them
      CHANNEL_status         a word (subscribed, opted_out, bounced ...) or true
      CHANNEL_status_at      the time of that word
      CHANNEL_refused        the same the other way round: true is an opt-out
      CHANNEL_bounced, CHANNEL_complained    true or false
      CHANNEL_suppression    why it is suppressed (unsubscribed, bounced ...); nothing if it is not
      CHANNEL_suppression_at the time of that
      CHANNEL_opted_in_at, CHANNEL_opted_out_at, CHANNEL_bounced_at,
      CHANNEL_complained_at  what happened, by its time
      status, status_at, refused, opted_in_at ...   the same of the row's own channel,
                             which `channel` names, else the first address of the file
      listed_at              the time of a row of a list (--all)
      updated_at             when the directory changed the row
      reason                 the platform's explanation, kept beside the origin
      ignored                nothing: the column is not read; may be repeated

    \b
    Exit codes:
      0    all rows counted
      1    something was rejected (the rest has landed), or not all could land
      2    usage or configuration; nothing has landed

    \b
    Examples:
      contact-sync backfill users.csv subscribed.csv unsubscribed.csv --dry-run
      contact-sync backfill users.csv mailchimp.csv.gz braze.csv
      contact-sync backfill --conflicts conflicts.csv
      contact-sync backfill bounces.csv spam.csv --all bounces.csv=bounced --all spam.csv=complained
      contact-sync backfill crm.csv --column email=MAIL --column email_opted_out_at=NO_MAIL_SINCE
      contact-sync backfill crm.csv --dates dmy --column phone=
    """
    if conflicts is not None:
        if files:
            raise click.UsageError("--conflicts reads no files: it tells what a build decided.")
        _tell_conflicts(project, conflicts, output)
        return
    if not files:
        raise click.UsageError("Missing argument 'FILE...'.")
    with needs("backfill", "backfill"):
        from sync.backfill.command import Options, backfill
    from sync.progress import make_progress

    # A dry run needs no warehouse, not even a profile.
    target = None if dry_run else project.target
    options = Options(
        files=files,
        columns={name: header for name, header in columns if name != "ignored"},
        ignored=[header for name, header in columns if name == "ignored"],
        lists=dict(lists),
        words=words,
        dates=dates,
        encoding=encoding,
        as_of=as_of,
        rejects=rejects,
        country=project.country(),
    )
    is_ended = threading.Event()

    def end(*_: object) -> None:
        is_ended.set()
        sys.exit(143)

    # Ended as by Ctrl-C: the temporary file, which names persons, is deleted.
    signal.signal(signal.SIGTERM, end)
    try:
        with make_progress() as progress:
            tombstones = None if dry_run else project.tombstones()
            report = backfill(target, options, progress=progress, tombstones=tombstones)
    except Exception:
        # SIGTERM can surface as an error of the database or of the file's reader.
        if is_ended.is_set():
            sys.exit(143)
        raise
    if output == "json":
        print_json(backfill_json(report))
    else:
        print_backfill(report, is_dry_run=dry_run)
    sys.exit(report.exit_code)


def _tell_conflicts(project: Project, path: Path, output: str) -> None:
    from sync.backfill.conflicts import write_conflicts

    found = write_conflicts(project.open_to_read(may_be_older=True), path)
    # Whom they are about stands in the file alone.
    shown = [
        {name: value for name, value in row.items() if name not in {"address", "external_id"}}
        for row in found.shown
    ]
    if output == "json":
        print_json({"conflicts": found.count, "first_conflicts": shown, "file": str(path)})
        return
    echo(f"Conflicts: {found.count:,} ({path} has all of them)")
    print_table(
        ("channel", "said", "at", "origin", "", "rule"),
        [
            (
                row["channel"],
                row["event_type"],
                f"{row['event_timestamp'] or ''}{' (no time)' if row['is_undated'] else ''}",
                row["origin"],
                "decides" if row["is_deciding"] else "",
                row["rule"] if row["is_deciding"] else "",
            )
            for row in shown
        ],
    )


def print_backfill(report: BackfillReport, *, is_dry_run: bool) -> None:
    """Files, what landed, what was rejected and why (no address), and what to do next."""
    landed = "would land" if is_dry_run else "landed"
    print_table(
        ("file", "read as", "rows", landed, "rejected"),
        [(p.name, p.platform, p.rows, p.landed, p.rejected) for p in report.files],
    )
    echo()
    for part in report.files:
        read = ", ".join(f"{header} = {meaning}" for header, meaning in part.columns)
        echo(f"{part.name}: {read}")
        if part.unread:
            echo(f"  not read: {', '.join(part.unread)}")
        if part.undated:
            opt_outs = counted(part.undated, "opt-out")
            echo(
                f"  without a time that can be read: {opt_outs}, "
                f"counted at {part.as_of:%Y-%m-%d %H:%M:%S} UTC"
            )
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
    if report.rejects is not None:
        echo("Rejected:")
        print_table(("rows", "reason"), [(count, reason) for reason, count in report.reasons])
        echo()
        total = sum(part.rejected for part in report.files)
        echo(
            f"{counted(total, 'row')} did not count, or not wholly: "
            f"{report.rejects} has the lines.",
            err=True,
        )
    if is_dry_run:
        echo("Dry run: nothing landed.")
    else:
        echo("Next: dbt build" if report.landed else "Nothing to land.")


def backfill_json(report: BackfillReport) -> dict[str, Any]:
    """The report as data, without whom it is about."""
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
                "landed": part.landed,
                "rejected": part.rejected,
                "without_a_time": part.undated,
                "as_of": part.as_of,
            }
            for part in report.files
        ],
        "statements": [
            {"event": event, "channel": channel, "statements": count}
            for event, channel, count in report.statements
        ],
        "rejected": [{"reason": reason, "rows": count} for reason, count in report.reasons],
        "rejects": None if report.rejects is None else str(report.rejects),
        "landed": report.landed,
    }
