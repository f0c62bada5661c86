"""The console command: options in, a function of the package called, its result printed."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sync.errors import ConfigError, SyncError

if TYPE_CHECKING:
    from sync.delivery.guard import Limits, Share
    from sync.delivery.shard import Shard
    from sync.warehouse.base import Warehouse

# Heavy imports are inside the commands: --help must not wait for them.
Command = TypeVar("Command", bound=Callable[..., Any])


class DurationType(click.ParamType[timedelta]):
    """A span of time like 26h, 90m or 2d."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The span as a timedelta."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a duration like 26h, 90m or 2d.", param, ctx)
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[found[2]]
        return timedelta(**{unit: float(found[1])})


class ShardType(click.ParamType["Shard"]):
    """A part of the deltas, by its number and how many there are."""

    name = "i/n"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Shard:
        """The part."""
        from sync.delivery.shard import Shard

        if isinstance(value, Shard):
            return value
        try:
            return Shard.parse(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


class ShareType(click.ParamType["Share"]):
    """A share of the list, and the number of items below which it does not count."""

    name = "share[:floor]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Share:
        """The share as the guard takes it."""
        from sync.delivery.guard import Share

        if isinstance(value, Share):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)(?::(\d+))?", str(value).strip())
        part = float(found[1]) / (100 if found[2] else 1) if found else 2.0
        if found is None or part > 1:
            self.fail(f"{value!r} is not a share like 0.2, 20% or 20%:100.", param, ctx)
        # A plain 0 means none at all.
        floor = int(found[3]) if found[3] else (100 if part else 0)
        return Share(part, floor)


def profile_options(command: Command) -> Command:
    """--target, --profiles-dir, --project-dir: which warehouse, found as dbt finds it."""
    folder = click.Path(path_type=Path, file_okay=False)
    for decorator in (
        click.option(
            "--project-dir",
            type=folder,
            metavar="DIR",
            help="Folder of dbt_project.yml.  [default: this one, or the nearest above it]",
        ),
        click.option(
            "--profiles-dir",
            type=folder,
            metavar="DIR",
            help="Folder of profiles.yml.  [default: this one, else ~/.dbt]",
        ),
        click.option("--target", help="Output of the dbt profile.  [default: the profile's own]"),
    ):
        command = decorator(command)
    return command


def output_option(command: Command) -> Command:
    """--output: text for people, JSON for programs."""
    choice = click.Choice(["text", "json"])
    return click.option("--output", type=choice, default="text", show_default=True)(command)


def selection_options(command: Command) -> Command:
    """--destination, --limit, --shard: which deltas."""
    for decorator in (
        click.option(
            "--shard",
            type=ShardType(),
            metavar="I/N",
            help="Only this part of the items, for N jobs side by side: 1/4, 2/4 ...; they share "
            "the platforms' limits.  [default: the task's part in a Cloud Run job, else all]",
        ),
        click.option(
            "--limit",
            type=click.IntRange(1),
            metavar="N",
            help="At most so many items per destination, the most urgent first.",
        ),
        click.option(
            "--destination",
            "destinations",
            multiple=True,
            metavar="NAME",
            help="Only this platform; may be repeated.  [default: all that are enabled]",
        ),
    ):
        command = decorator(command)
    return command


def guard_options(command: Command) -> Command:
    """--max-age, --max-suppress, --max-release: what the guard lets pass."""
    for decorator in (
        click.option(
            "--max-release",
            type=ShareType(),
            default="10%:100",
            show_default=True,
            help="Most releases and subscribes: a share of the list; up to the floor, any number.",
        ),
        click.option(
            "--max-suppress",
            type=ShareType(),
            default="20%:100",
            show_default=True,
            help="Most suppressions: a share of the list; up to the floor, any number.",
        ),
        click.option(
            "--max-age",
            type=DurationType(),
            default="26h",
            show_default=True,
            help="Oldest build that may be pushed.",
        ),
    ):
        command = decorator(command)
    return command


def _limits(max_age: timedelta, max_suppress: Share, max_release: Share) -> Limits:
    from sync.delivery.guard import Limits

    return Limits(max_age, max_suppress, max_release)


def _warehouse(
    target: str | None, profiles_dir: Path | None, project_dir: Path | None, *, read_only: bool
) -> Warehouse:
    from sync.profile import load_target
    from sync.warehouse import open_warehouse

    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    return open_warehouse(found, read_only=read_only)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="contact-sync")
def cli() -> None:
    """One place that knows whether a person may be contacted, and makes every platform obey it.

    \b
    contact-sync demo                 see the whole loop on this machine
    contact-sync receive              take the platforms' webhooks
    contact-sync backfill             take the lists of the years before
    contact-sync plan                 what a push would send
    contact-sync check                whether the platforms will let it
    contact-sync push                 send it
    contact-sync status               how things are
    """


@cli.command()
@profile_options
@selection_options
@guard_options
@output_option
def plan(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    destinations: tuple[str, ...],
    limit: int | None,
    shard: Shard | None,
    max_age: timedelta,
    max_suppress: Share,
    max_release: Share,
    output: str,
) -> None:
    """Show what a push would send, and a hash of exactly that.

    Per destination: items by action and reason, calls, time at the platform's limit, and what the
    guard would say. Nothing is sent, no credential is needed.

    \b
    Example:
      contact-sync plan --destination sendgrid
    """
    from sync.delivery.plan import make_plan
    from sync.delivery.shard import Shard
    from sync.output import plan_json, print_json, print_plan

    warehouse = _warehouse(target, profiles_dir, project_dir, read_only=True)
    limits = _limits(max_age, max_suppress, max_release)
    part = shard or Shard.of_environment(os.environ)
    made = make_plan(warehouse, destinations, limits, os.environ, limit=limit, shard=part)
    if output == "json":
        print_json(plan_json(made))
    else:
        print_plan(made)
    if any(part.problem for part in made.destinations):
        sys.exit(2)


@cli.command()
@profile_options
@selection_options
@click.option(
    "--plan",
    "plan_hash",
    metavar="HASH",
    help="Send exactly the set that `plan` printed this hash of; overrides the guard.",
)
@click.option("--dry-run", is_flag=True, help="Print the requests, send and record nothing.")
@guard_options
@output_option
def push(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    destinations: tuple[str, ...],
    limit: int | None,
    shard: Shard | None,
    plan_hash: str | None,
    dry_run: bool,
    max_age: timedelta,
    max_suppress: Share,
    max_release: Share,
    output: str,
) -> None:
    """Send what is pending to the platforms, and record each answer in the ledger.

    A run that is cut off loses nothing: what is not recorded is sent again by the next one.

    \b
    Exit codes:
      0    all confirmed or accepted     3    stopped by the guard, nothing sent
      1    something rejected or failed  4    another run holds the lock
      2    usage or configuration        143  stopped by SIGTERM, in-flight work recorded

    \b
    Examples:
      contact-sync push
      contact-sync push --plan 120-9f86d081884c7d65
      contact-sync push --destination sendgrid --limit 10 --dry-run
      contact-sync push --shard 1/4
    """
    from sync.delivery.dry_run import dry_run_requests
    from sync.delivery.push import push
    from sync.delivery.report import Options
    from sync.delivery.shard import Shard
    from sync.output import print_json, print_report, print_request, report_json, request_json
    from sync.progress import make_progress

    warehouse = _warehouse(target, profiles_dir, project_dir, read_only=dry_run)
    limits = _limits(max_age, max_suppress, max_release)
    part = shard or Shard.of_environment(os.environ)
    options = Options(destinations, limit, plan_hash, limits, part)
    if dry_run:
        requests = dry_run_requests(warehouse, options, os.environ)
        if output == "json":
            print_json({"requests": [request_json(*pair) for pair in requests]})
        else:
            for name, request in requests:
                print_request(name, request)
            click.echo("Dry run: nothing was sent.")
        return
    stop = threading.Event()
    signals = _stop_on_signals(stop)
    with make_progress() as progress:
        report = push(warehouse, options, os.environ, progress=progress, stop=stop)
    if output == "json":
        print_json(report_json(report))
    else:
        print_report(report)
    # Ctrl-C ends as shells expect it, SIGTERM with the code of design section 8.
    sys.exit(130 if signal.SIGINT in signals and report.exit_code == 143 else report.exit_code)


def _stop_on_signals(stop: threading.Event) -> list[int]:
    """Lets a push finish what is in flight; a second Ctrl-C ends it. Gives the signals received."""
    received: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        received.append(number)
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return received


@cli.command("check")
@profile_options
@click.option(
    "--destination",
    "destinations",
    multiple=True,
    metavar="NAME",
    help="Only this platform; may be repeated.  [default: all that are enabled]",
)
@output_option
def check_command(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    destinations: tuple[str, ...],
    output: str,
) -> None:
    """Verify credentials, rights and scopes of the destinations, before the night's run does.

    Harmless calls only: nothing is changed at any platform, nothing is recorded.

    \b
    Exit codes:
      0  every destination can be pushed to
      1  a platform refuses a credential, a right or a scope
      2  usage or configuration

    \b
    Example:
      contact-sync check --destination postmark
    """
    from sync.delivery.check import check
    from sync.output import check_json, print_check, print_json

    warehouse = _warehouse(target, profiles_dir, project_dir, read_only=True)
    found = check(warehouse, destinations, os.environ)
    if output == "json":
        print_json(check_json(found))
    else:
        print_check(found)
    if any(one.is_configuration for one in found):
        sys.exit(2)
    sys.exit(0 if all(one.is_ok for one in found) else 1)


@cli.command()
@profile_options
@output_option
def status(
    target: str | None, profiles_dir: Path | None, project_dir: Path | None, output: str
) -> None:
    """Show builds, events, what could not be read, the list, the ledger and what is pending.

    \b
    Example:
      contact-sync status --output json
    """
    from sync.output import print_json, print_status, status_json
    from sync.status import read_status

    found = read_status(_warehouse(target, profiles_dir, project_dir, read_only=True))
    if output == "json":
        print_json(status_json(found))
    else:
        print_status(found)


class SizeType(click.ParamType[int]):
    """A number of bytes like 16MB, 512KB or 1000000."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The size in bytes."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+)\s*(|K|KB|M|MB)", str(value).strip().upper())
        if found is None:
            self.fail(f"{value!r} is not a size like 16MB, 512KB or 1000000.", param, ctx)
        return int(found[1]) * {"": 1, "K": 1 << 10, "M": 1 << 20}[found[2].rstrip("B")]


@cli.command()
@profile_options
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Interface to listen on; 0.0.0.0 for all, as in a container.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    envvar="PORT",
    show_default="PORT of the environment, else 8080",
    help="0 for a free one.",
)
@click.option(
    "--allow-unsigned",
    "unsigned",
    multiple=True,
    metavar="SOURCE",
    help="Take this source without any secret: anybody may post. May be repeated.",
)
@click.option(
    "--body-limit",
    type=SizeType(),
    default="16MB",
    show_default=True,
    help="Larger bodies are answered 413.",
)
def receive(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    host: str,
    port: int,
    unsigned: tuple[str, ...],
    body_limit: int,
) -> None:
    """Take the platforms' webhooks: verify, land, and only then answer.

    POST /webhooks/<source>; GET /healthz. Deliveries land where the target's build reads them:
    files below CONTACT_SYNC_LANDING, or BigQuery. Each source has its secret in
    <SOURCE>_WEBHOOK_SECRET, several separated by blanks while one is replaced; without one it is
    refused. PUBLIC_URL: scheme and host that the platforms call, for those that sign it.

    \b
    Example:
      contact-sync receive --port 8080 --allow-unsigned brevo
    """
    try:
        from sync.receiver.serve import serve
        from sync.receiver.settings import read_settings
        from sync.receiver.sinks import open_sink
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("sync"):
            raise
        raise ConfigError(
            f"The receiver needs an extra ({error.name}): pip install 'contact-sync[receiver]'."
        ) from None
    from sync.profile import load_target

    settings = read_settings(os.environ, unsigned=unsigned, body_limit=body_limit)
    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    serve(settings, open_sink(found), host=host, port=port)


class PairType(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Both sides, without blanks around them."""
        if isinstance(value, tuple):
            return value
        name, _, right = str(value).partition("=")
        if not name.strip() or not right.strip():
            self.fail(f"{value!r} is not NAME=VALUE.", param, ctx)
        return name.strip(), right.strip()


class ListKindType(click.ParamType[tuple[str, str]]):
    """KIND, or FILE=KIND."""

    name = "[file=]kind"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The file's name, '' for all, and the kind."""
        if isinstance(value, tuple):
            return value
        name, _, kind = str(value).rpartition("=")
        if not kind.strip():
            self.fail(f"{value!r} is not KIND or FILE=KIND.", param, ctx)
        return Path(name.strip()).name, kind.strip()


class InstantType(click.ParamType[datetime]):
    """A time in ISO form; without an offset it is UTC."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The time, to the second, with its offset."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value).strip()).replace(microsecond=0)
        except ValueError:
            self.fail(
                f"{value!r} is not a time like 2026-05-01 or 2026-05-01T08:00:00Z.", param, ctx
            )
        return found if found.tzinfo else found.replace(tzinfo=UTC)


@cli.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path, dir_okay=False),
)
@profile_options
@click.option(
    "--column",
    "columns",
    type=PairType(),
    multiple=True,
    metavar="NAME=HEADER",
    help="What a column means, where its header does not tell or tells wrong; HEADER may be #N, "
    "its place from 1. May be repeated. The names are listed above.",
)
@click.option(
    "--all",
    "lists",
    type=ListKindType(),
    multiple=True,
    metavar="[FILE=]KIND",
    help="What all rows are of files whose columns do not say: opted_out, opted_in, bounced or "
    "complained. May be repeated.",
)
@click.option(
    "--word",
    "words",
    type=PairType(),
    multiple=True,
    metavar="WORD=KIND",
    help="What an unknown status means: a KIND as of --all, or nothing. May be repeated.",
)
@click.option(
    "--as-of",
    type=InstantType(),
    metavar="TIME",
    help="When opt-outs count that have no time.  [default: the file's modification time]",
)
@click.option(
    "--dry-run", is_flag=True, help="Tell what would land and how conflicts end; land nothing."
)
@click.option(
    "--conflicts",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write all conflicts there, as CSV: every candidate, which one holds, by which rule.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where rows are named that did not count.  [default: <first FILE>.rejects.csv]",
)
@output_option
def backfill(
    files: tuple[Path, ...],
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    columns: tuple[tuple[str, str], ...],
    lists: tuple[tuple[str, str], ...],
    words: tuple[tuple[str, str], ...],
    as_of: datetime | None,
    dry_run: bool,
    conflicts: Path | None,
    rejects: Path | None,
    output: str,
) -> None:
    """Land what years of lists say: CSV exports of platforms and of the production directory.

    FILE may be gzip, and separated by commas, semicolons or tabs. Columns are recognized by the
    platforms' own headers. Rows are one person's by external_id, or by the email address, phone
    number or push token that they share with one. Of what they say of email, SMS and push the
    newest holds, at the same time the refusal; an opt-out without a time counts at --as-of, an
    opt-in without one ends nothing. Repeating the command adds nothing. Next: dbt build.

    \b
    Names for --column (CHANNEL is email, sms or push):
      external_id, email, phone, push_token, push_token_type    whom a row is about
      CHANNEL_status         a word (subscribed, opted_out, bounced ...) or true
      CHANNEL_status_at      the time of that word
      CHANNEL_refused        the same the other way round: true is an opt-out
      CHANNEL_opted_in_at, CHANNEL_opted_out_at, CHANNEL_bounced_at,
      CHANNEL_complained_at  what happened, by its time
      status, status_at, refused, opted_in_at ...   the same of the row's own channel,
                             which `channel` names, else the first address of the file
      listed_at              the time of a row of a list (--all)
      updated_at             when the directory changed the row
      reason                 the platform's explanation, kept beside the origin

    \b
    Exit codes:
      0    all rows counted
      1    rows were rejected (the rest has landed), or not all could land
      2    usage or configuration; nothing has landed

    \b
    Examples:
      contact-sync backfill users.csv subscribed.csv unsubscribed.csv --dry-run
      contact-sync backfill users.csv mailchimp.csv.gz braze.csv --conflicts conflicts.csv
      contact-sync backfill bounces.csv spam.csv --all bounces.csv=bounced --all spam.csv=complained
      contact-sync backfill crm.csv --column email=MAIL --column email_opted_out_at=NO_MAIL_SINCE
    """
    try:
        from sync.backfill.command import Options
        from sync.backfill.command import backfill as the_backfill
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("sync"):
            raise
        raise ConfigError(
            f"backfill needs an extra ({error.name}): pip install 'contact-sync[backfill]'."
        ) from None
    from sync.output import backfill_json, print_backfill, print_json
    from sync.profile import load_target
    from sync.progress import make_progress

    # A dry run needs no warehouse, not even a profile.
    found = (
        None
        if dry_run
        else load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    )
    options = Options(
        files=files,
        columns=dict(columns),
        lists=dict(lists),
        words=words,
        as_of=as_of,
        rejects=rejects,
        conflicts=conflicts,
    )
    # Ended as by Ctrl-C: the temporary file, which names persons, is deleted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with make_progress() as progress:
        report = the_backfill(found, options, progress=progress)
    if output == "json":
        print_json(backfill_json(report))
    else:
        print_backfill(report, is_dry_run=dry_run)
    sys.exit(report.exit_code)


@cli.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8025,
    show_default=True,
    help="Port on the loopback interface; 0 for a free one.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    help="Calls a second that each platform allows; more get 429. 0 for no limit.  [default: each "
    "platform's documented limit]",
)
@click.option(
    "--webhooks",
    metavar="URL",
    help="Post what the platforms report of our calls to a `contact-sync receive` at this address, "
    "with the Bearer token RELAY_WEBHOOK_SECRET.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="JSON file that keeps the lists between runs.  [default: in memory only]",
)
def sandbox(port: int, rate: float | None, webhooks: str | None, state: Path | None) -> None:
    """Serve a stand-in for the platforms: real HTTP, lists with state, limits, faults on request.

    It prints the variables that point a push at it. Its lists: /_sandbox/lists; faults: POST
    /_sandbox/faults with {"kind": "error", "status": 503, "count": 3}.

    \b
    Example:
      contact-sync sandbox --port 8025 --rate 10
    """
    from sync.sandbox.server import serve

    serve(port=port, rate=rate, state=state, webhooks=webhooks, environment=os.environ)


@cli.command()
@click.option(
    "--events",
    type=click.IntRange(100),
    default=2000,
    show_default=True,
    help="How many webhook events to make up.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".demo"),
    show_default=True,
    help="Where the demo works; emptied first.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same events.")
@click.option("--keep", is_flag=True, help="Leave the sandbox running at the end.")
def demo(events: int, directory: Path, seed: int, keep: bool) -> None:
    """Show the whole loop: webhooks land, dbt builds, a push, a second day.

    \b
    Example:
      contact-sync demo --events 20000
    """
    from sync import demo as the_demo

    sys.exit(the_demo.run(events=events, directory=directory, seed=seed, keep=keep))


def main() -> None:
    """Entry point of the console script: errors become one line and their exit code."""
    try:
        cli.main(prog_name="contact-sync", standalone_mode=True)
    except SyncError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
