"""The console command: options in, a function of the package called, its result printed."""

from __future__ import annotations

import logging
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import click

from sync.errors import ConfigError, SyncError
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.delivery.guard import Limits, Share
    from sync.delivery.shard import Shard
    from sync.erasure.kept import Kept
    from sync.explain import Subject
    from sync.place import Place
    from sync.profile import Target
    from sync.run.schedule import Moment
    from sync.warehouse.base import Warehouse

log = logging.getLogger(__name__)

#: The selectors of selectors.yml, and everything there is.
SELECTIONS = ("frequent", "daily", "weekly", "everything")

#: The longest span that an option takes.
_LONGEST = timedelta(days=36500)

# Heavy imports are inside the commands: --help must not wait for them.
Command = TypeVar("Command", bound=Callable[..., Any])


def _short(value: object) -> str:
    """A value as an error names it."""
    text = str(value)
    return repr(text if len(text) <= 80 else f"{text[:80]}...")


class PathType(click.Path):
    """A file or folder; an empty name is none."""

    def __init__(self, *, is_folder: bool = False) -> None:
        super().__init__(path_type=Path, file_okay=not is_folder, dir_okay=is_folder)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if not str(value):
            self.fail("the name is empty.", param, ctx)
        return super().convert(value, param, ctx)


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
            self.fail(f"{_short(value)} is not a duration like 26h, 90m or 2d.", param, ctx)
        seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
        if seconds > _LONGEST.total_seconds():
            self.fail(f"{_short(value)} is more than {_LONGEST.days} days.", param, ctx)
        return timedelta(seconds=seconds)


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
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)(?::(\d{1,15}))?", str(value).strip())
        part = float(found[1]) / (100 if found[2] else 1) if found else 2.0
        if found is None or part > 1:
            self.fail(f"{_short(value)} is not a share like 0.2, 20% or 20%:100.", param, ctx)
        # A plain 0 means none at all.
        floor = int(found[3]) if found[3] else (100 if part else 0)
        return Share(part, floor)


def profile_options(command: Command) -> Command:
    """--target, --profiles-dir, --project-dir: which warehouse, found as dbt finds it."""
    folder = PathType(is_folder=True)
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


#: Where --wait is kept in click's context.
_WAIT = f"{__name__}.wait"


def warehouse_options(command: Command) -> Command:
    """The options of the profile, and --wait: how long for DuckDB's file."""

    def keep(ctx: click.Context, _: click.Parameter, value: timedelta) -> None:
        ctx.meta[_WAIT] = value

    wait = click.option(
        "--wait",
        type=DurationType(),
        default="5m",
        show_default=True,
        expose_value=False,
        callback=keep,
        help="How long to wait for a build, or another program, that has DuckDB's file open.",
    )
    return profile_options(wait(command))


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
            type=click.IntRange(1, 1_000_000_000),
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


def _repeated(options: Iterable[tuple[str, object]]) -> str:
    """Options as they were given, for a command that is printed; those that are None left out."""
    return "".join(f" {name} {shlex.quote(str(value))}" for name, value in options if value)


def _limits(max_age: timedelta, max_suppress: Share, max_release: Share) -> Limits:
    from sync.delivery.guard import Limits

    return Limits(max_age, max_suppress, max_release)


def _warehouse(
    target: str | None, profiles_dir: Path | None, project_dir: Path | None, *, read_only: bool
) -> Warehouse:
    from sync.profile import load_target

    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    return _opened(found, read_only=read_only)


def _opened(target: Target, *, read_only: bool) -> Warehouse:
    """The warehouse, for which a command waits as long as --wait says."""
    from sync.warehouse import open_warehouse

    wait = click.get_current_context().meta[_WAIT]
    return open_warehouse(target, read_only=read_only, wait=wait)


def _place(target: str | None, profiles_dir: Path | None, project_dir: Path | None) -> Place:
    from sync.place import Place
    from sync.profile import load_target, project_directory

    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    options = ["--target", found.name]
    if profiles_dir is not None:
        options += ["--profiles-dir", str(profiles_dir.absolute())]
    return Place(found, project_directory(project_dir), tuple(options))


def _land_returned(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    warehouse: Warehouse,
) -> SyncError | None:
    """Looks for the forgotten who came back; gives what kept it from looking, else None.

    What is pending is sent all the same: a missing key must not keep suppressions back.
    """
    from sync.erasure.returns import land_returned
    from sync.profile import load_target

    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    try:
        landed = land_returned(found, warehouse, os.environ)
    except SyncError as error:
        return error
    if landed:
        click.echo(
            f"{landed:,} refusals of people who were forgotten landed again, for they came back: "
            "run `dbt build`.",
            err=True,
        )
    return None


def _kept_refusal(
    warehouse: Warehouse, subject: Subject, country_code: str | None
) -> tuple[str, datetime] | None:
    """What a forgotten address refused; None too where the key to tell is not here."""
    from sync.erasure.kept import Kept

    if subject.is_known or subject.channel is None or subject.address is None:
        return None
    try:
        return Kept(warehouse, os.environ, country_code).refusal_of(
            subject.channel, subject.address
        )
    except ConfigError as error:
        click.echo(f"Whether it was forgotten cannot be told: {error}", err=True)
        return None


def _kept(target: Target, project_dir: Path | None) -> Kept | None:
    """What the forgotten refused; None before the first build."""
    from sync.erasure.kept import Kept
    from sync.errors import WarehouseMissing
    from sync.profile import project_variable

    code = project_variable("default_country_code", project_dir)
    try:
        return Kept(_opened(target, read_only=True), os.environ, code)
    except WarehouseMissing:
        return None


class _Group(click.Group):
    """Refuses arguments that no file, table or platform could take as text."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments of the group, when all of them are UTF-8."""
        for argument in args:
            if any("\ud800" <= char <= "\udfff" for char in argument):
                raise click.UsageError(
                    f"{argument!a} is not UTF-8. Write it in UTF-8; a file, rename it.", ctx
                )
        return super().parse_args(ctx, args)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="contact-sync")
def cli() -> None:
    """One place that knows whether a person may be contacted, and makes every platform obey it.

    \b
    contact-sync demo                 see the whole loop on this machine
    contact-sync run                  receive, build and push, until stopped
    contact-sync receive              take the platforms' webhooks
    contact-sync backfill             take the lists of the years before
    contact-sync build                make the models anew from what landed
    contact-sync plan                 what a push would send
    contact-sync check                whether the platforms will let it
    contact-sync push                 send it
    contact-sync status               how things are
    contact-sync adopt                take over a platform's own lists
    contact-sync reconcile            whether the platforms' lists hold what they should
    contact-sync suppress, release    an operator's act
    contact-sync forget               erase a person, keep the refusal
    contact-sync explain ADDRESS      why somebody may or may not be contacted
    contact-sync scrub FILE           who of a file may be contacted
    """
    from sync.scratch import for_this_user_only, sweep

    for_this_user_only()
    sweep()


@cli.command()
@warehouse_options
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
        given: list[tuple[str, object]] = [("--destination", name) for name in destinations]
        given += [("--limit", limit), ("--shard", shard), ("--target", target)]
        given += [("--profiles-dir", profiles_dir), ("--project-dir", project_dir)]
        print_plan(made, _repeated(given))
    if any(part.problem for part in made.destinations):
        sys.exit(2)


@cli.command()
@warehouse_options
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
      0    all confirmed or accepted     3    stopped by the guard: nothing sent, or nobody freed
      1    something rejected or failed  4    another run holds the lock, or another program
                                             the database file
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
    unseen = _land_returned(target, profiles_dir, project_dir, warehouse)
    stop = threading.Event()
    signals = _stop_on_signals(stop)
    with make_progress() as progress:
        report = push(warehouse, options, os.environ, progress=progress, stop=stop)
    if output == "json":
        print_json(report_json(report))
    else:
        print_report(report)
    # After the push: what ends that as well is said once, by it.
    if unseen is not None:
        click.echo(f"Error: nobody looked for the forgotten who may be back: {unseen}", err=True)
    # Ctrl-C ends as shells expect it, SIGTERM with the code of design section 8.
    is_interrupted = signal.SIGINT in signals and report.exit_code == 143
    unlooked = 0 if unseen is None else unseen.exit_code
    sys.exit(130 if is_interrupted else report.exit_code or unlooked)


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
@warehouse_options
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
    from sync.scratch import readable_by_others

    warehouse = _warehouse(target, profiles_dir, project_dir, read_only=True)
    found = check(warehouse, destinations, os.environ)
    if output == "json":
        print_json(check_json(found))
    else:
        print_check(found)
    for path in readable_by_others(Path(".env"), *warehouse.local_files()):
        echo(f"Warning: other users of this machine may read {path}: chmod go= {path}", err=True)
    if any(one.is_configuration for one in found):
        sys.exit(2)
    sys.exit(0 if all(one.is_ok for one in found) else 1)


@cli.command("build")
@profile_options
@click.argument(
    "selection", metavar="[SELECTION]", type=click.Choice(SELECTIONS), default="frequent"
)
@click.option(
    "--wait",
    type=DurationType(),
    default="5m",
    show_default=True,
    help="How long to wait for another build.",
)
@click.option("--full-refresh", is_flag=True, help="Make every table anew from all that landed.")
def build_command(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    selection: str,
    wait: timedelta,
    full_refresh: bool,
) -> None:
    """Run `dbt build` for a schedule: one build at a time, one line of output.

    SELECTION: frequent (every few minutes: what a push needs), daily, weekly, or everything. After
    a change of code, seeds or vars everything is built, whatever was asked for. What dbt says in
    detail goes to logs/build.log.

    \b
    Exit codes:
      0  all was built, and its tests passed
      1  a model or a test failed: nothing will be pushed on this build
      2  usage or configuration
      4  another build, or a reader of the database file, was not done in time; nothing was built

    \b
    Examples:
      contact-sync build
      contact-sync build daily --wait 30m
    """
    from sync.build import build, dbt_command

    place = _place(target, profiles_dir, project_dir)
    done = build(
        selection,
        project=place.project,
        lock=place.lock,
        options=[*place.options, *(["--full-refresh"] if full_refresh else [])],
        wait=wait,
        announce=lambda text: echo(text, err=True),
        waiting=lambda text: echo(text, err=True) if text else None,
        dbt=dbt_command,
        database=place.database,
    )
    echo(str(done))


@cli.command()
@warehouse_options
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
    from sync.run.parts import read
    from sync.status import read_status

    place = _place(target, profiles_dir, project_dir)
    found = read_status(_warehouse(target, profiles_dir, project_dir, read_only=True))
    run = read(place.state)
    if output == "json":
        print_json(status_json(found, run))
    else:
        print_status(found, run)


@cli.command("explain")
@warehouse_options
@click.argument("subject", metavar="ADDRESS|EXTERNAL_ID")
@click.option(
    "--channel",
    type=click.Choice(["email", "sms", "push"]),
    help="Only what concerns this channel.  [default: all]",
)
@click.option(
    "--evidence",
    type=PathType(),
    metavar="FILE",
    help="Write the full record as JSON lines, readable by you alone, and print its sha256: "
    "verdicts, state, reasons, events, hashes of the raw payloads, history, ledger.",
)
@output_option
def explain_command(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    subject: str,
    channel: str | None,
    evidence: Path | None,
    output: str,
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
    from sync.explain import read_explanation
    from sync.explain_output import explanation_json, print_explanation
    from sync.output import print_json
    from sync.profile import project_variable

    if not subject.strip():
        raise click.UsageError("ADDRESS|EXTERNAL_ID is empty.")
    warehouse = _warehouse(target, profiles_dir, project_dir, read_only=True)
    code = project_variable("default_country_code", project_dir)
    found = read_explanation(warehouse, subject, channel=channel, country_code=code)
    written = None
    if evidence is not None:
        from sync.evidence import write_evidence

        written = write_evidence(warehouse, found, evidence)
    kept = _kept_refusal(warehouse, found.subject, code)
    if output == "json":
        data = explanation_json(found)
        data["forgotten"] = None if kept is None else {"reason": kept[0], "since": kept[1]}
        if written is not None:
            data["evidence"] = written.as_json()
        print_json(data)
        return
    print_explanation(found)
    if kept is not None:
        click.echo(
            f"\nIt was forgotten after the {kept[0]} of {kept[1]:%Y-%m-%d %H:%M:%S}, which is kept "
            "by a hash: do not contact it. Should it come back, it is suppressed again."
        )
    if written is not None:
        click.echo(f"\n{written.path}: {written.records:,} records, sha256 {written.sha256}")


@cli.command("scrub")
@warehouse_options
@click.argument("file", type=PathType())
@click.option(
    "--column",
    metavar="NAME",
    help="Header of the column that holds the address.  [default: recognized, as email or phone]",
)
@click.option(
    "--channel",
    type=click.Choice(["email", "sms", "push"]),
    help="Whose suppression list counts.  [default: told by the column]",
)
@click.option(
    "--may",
    type=PathType(),
    metavar="FILE",
    help="Who may be contacted.  [default: FILE's name with .may.csv]",
)
@click.option(
    "--may-not",
    type=PathType(),
    metavar="FILE",
    help="Who may not, with reason and since.  [default: FILE's name with .may-not.csv]",
)
@click.option(
    "--hashed-in",
    type=click.Choice(["sha256", "md5"]),
    help="The column holds hex digests of the normalized address, as ad platforms exchange them.",
)
@click.option(
    "--hashed-out",
    type=click.Choice(["sha256"]),
    help="Write such digests in place of the address; of what is no address, nothing.",
)
@click.option(
    "--max-age",
    type=DurationType(),
    default="26h",
    show_default=True,
    help="Oldest build whose list may be relied on.",
)
@output_option
def scrub_command(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    file: Path,
    column: str | None,
    channel: str | None,
    may: Path | None,
    may_not: Path | None,
    hashed_in: str | None,
    hashed_out: str | None,
    max_age: timedelta,
    output: str,
) -> None:
    """Split a file of recipients into who may be contacted and who may not, before a send.

    FILE is a CSV, also gzipped, with a header; comma, semicolon or tab between the fields. All
    columns stay as they are. What cannot be read as an address may not be contacted. Nothing is
    written where the newest build failed or is older than --max-age: its list may lack a refusal.

    \b
    Exit codes:
      0  both files are written
      2  usage or configuration, or a file that cannot be read
      3  the list cannot be relied on, nothing is written

    \b
    Examples:
      contact-sync scrub recipients.csv
      contact-sync scrub audience.csv.gz --column em --channel email --hashed-in sha256
    """
    from sync.output import print_json, print_scrubbed
    from sync.profile import project_variable
    from sync.scrub import Options, scrub

    warehouse = _warehouse(target, profiles_dir, project_dir, read_only=True)
    options = Options(
        column=column,
        channel=channel,
        may=may,
        may_not=may_not,
        hashed_in=hashed_in,
        hashed_out=hashed_out,
        country_code=project_variable("default_country_code", project_dir),
        max_age=max_age,
    )
    done = scrub(warehouse, file, options, os.environ)
    if output == "json":
        print_json(done.as_json())
    else:
        print_scrubbed(done)


def act_options(command: Command) -> Command:
    """--channel, --because, --by, --person-asked: who acts, and why."""
    for decorator in (
        click.option(
            "--person-asked",
            "evidence",
            metavar="EVIDENCE",
            help="The person asked for it: where that can be looked up (a letter, a call). Counts "
            "as the person's own act.",
        ),
        click.option("--by", required=True, metavar="NAME", help="Who does this."),
        click.option("--because", metavar="TEXT", help="Why; needed unless the person asked."),
        click.option(
            "--channel",
            type=click.Choice(["email", "sms", "push"]),
            required=True,
            help="The channel of the address.",
        ),
        click.argument("address"),
    ):
        command = decorator(command)
    return command


def _act(
    verb: Literal["suppress", "release"],
    options: tuple[str | None, Path | None, Path | None],
    address: str,
    channel: str,
    by: str,
    because: str | None,
    evidence: str | None,
    output: str,
) -> None:
    from sync.acts import make_act, perform
    from sync.output import act_json, print_act, print_json
    from sync.profile import load_target

    target, profiles_dir, project_dir = options
    act = make_act(verb, cast("Any", channel), address, by=by, because=because, evidence=evidence)
    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    done = perform(act, found, _opened(found, read_only=True))
    if output == "json":
        print_json(act_json(done))
    else:
        print_act(done)
    sys.exit(1 if done.remaining else 0)


@cli.command()
@act_options
@warehouse_options
@output_option
def suppress(
    address: str,
    channel: str,
    because: str | None,
    by: str,
    evidence: str | None,
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    output: str,
) -> None:
    """Stop ADDRESS on a channel, as an operator's act that is on record.

    It is landed as an event (`block`, by whom and why) and counts from the next build; `push`
    tells the platforms. With --person-asked it is the person's own refusal (`unsubscribe`), which
    then only the person can end.

    \b
    Examples:
      contact-sync suppress noa@example.com --channel email --because "legal hold" --by mia
      contact-sync suppress +14155550100 --channel sms --person-asked "call 4711" --by mia
    """
    options = (target, profiles_dir, project_dir)
    _act("suppress", options, address, channel, by, because, evidence, output)


@cli.command()
@act_options
@warehouse_options
@output_option
def release(
    address: str,
    channel: str,
    because: str | None,
    by: str,
    evidence: str | None,
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    output: str,
) -> None:
    """Lift what staff or a machine put on ADDRESS, as an operator's act that is on record.

    It ends a block and a bounce (`reactivate`). It cannot end a person's refusal: only the person
    can, and --person-asked records that they did (`subscribe`), with where it can be looked up.

    \b
    Exit codes:
      0  landed, and nothing else holds
      1  landed, but something goes on holding, which is named
      2  usage or configuration

    \b
    Examples:
      contact-sync release noa@example.com --channel email --because "mailbox is back" --by mia
      contact-sync release noa@example.com --channel email --person-asked "letter 12" --by mia
    """
    options = (target, profiles_dir, project_dir)
    _act("release", options, address, channel, by, because, evidence, output)


@cli.command()
@click.argument("person", required=False)
@click.option(
    "--returned",
    is_flag=True,
    help="Look for the forgotten among those who were named since; their refusals land again. "
    "`push` and `backfill` do it by themselves.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be erased; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@warehouse_options
@output_option
def forget(
    person: str | None,
    returned: bool,
    dry_run: bool,
    yes: bool,
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    output: str,
) -> None:
    """Erase PERSON, by address or external_id, and keep the refusal.

    What landed, events, state, history and profile are taken out, and the ledger keeps its rows
    under no name. What the person refused stays as a keyed hash (CONTACT_SYNC_FORGET_KEY): should
    the address come back, it is suppressed again. Platforms keep what they were told. Let no build
    run meanwhile. It cannot be undone.

    \b
    Examples:
      contact-sync forget noa@example.com --dry-run
      contact-sync forget user-4711 --yes
      contact-sync forget --returned
    """
    from sync.erasure.command import forget
    from sync.erasure.returns import land_returned
    from sync.output import forgotten_json, print_forgotten, print_json
    from sync.profile import load_target

    if (person is None) != returned:
        raise click.UsageError("Name a person, or say --returned.")
    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    warehouse = _opened(found, read_only=dry_run)
    if person is None:
        landed = land_returned(found, warehouse, os.environ)
        if output == "json":
            print_json({"landed": landed})
        else:
            click.echo(f"{landed:,} refusals of the forgotten landed again.")
        return
    if not (yes or dry_run):
        click.confirm("This cannot be undone. Erase the person?", abort=True, err=True)
    done = forget(found, warehouse, person, os.environ, dry_run=dry_run)
    if output == "json":
        print_json(forgotten_json(done))
    else:
        print_forgotten(done)


@cli.command()
@warehouse_options
@click.option("--destination", "name", required=True, metavar="NAME", help="The platform.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="LIST",
    help="The platform's list (stream, domain, audience, group); may be repeated.  [default: those "
    "of the enabled rows of seeds/destinations.csv]",
)
@output_option
def adopt(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    name: str,
    scopes: tuple[str, ...],
    output: str,
) -> None:
    """Take over a platform's own suppression lists, with their reasons and original dates.

    How a team starts, and how it moves from one platform to another. Bounces, complaints,
    unsubscribes and groups are read page by page and landed as events of that platform; the next
    build resolves them with everything else. Repeating it adds nothing, and what we put there
    ourselves is known by the ledger and decides nothing.

    \b
    Examples:
      contact-sync adopt --destination sendgrid
      contact-sync adopt --destination mailgun --scope mg.example.com
    """
    from sync.lists.adopt import adopt
    from sync.lists.reading import rows_of
    from sync.output import adopted_json, print_adopted, print_json
    from sync.profile import load_target
    from sync.progress import Counter

    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    rows = rows_of(_opened(found, read_only=True), name, scopes)
    stop = threading.Event()
    _stop_on_signals(stop)
    counter = Counter(f"entries of {name} landed")
    kept = _kept(found, project_dir)
    done = adopt(found, name, rows, os.environ, advance=counter.advance, stop=stop, kept=kept)
    if output == "json":
        print_json(adopted_json(done))
    else:
        print_adopted(done)


@cli.command()
@warehouse_options
@click.option("--destination", "name", required=True, metavar="NAME", help="The platform.")
@click.option(
    "--repair", is_flag=True, help="Put there what is missing, through the ledger like a push."
)
@click.option(
    "--adopt", "with_adoption", is_flag=True, help="Land what is foreign there, as events."
)
@click.option(
    "--csv",
    "csv_file",
    type=PathType(),
    metavar="FILE",
    help="Write every difference to this file.",
)
@guard_options
@output_option
def reconcile(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    name: str,
    repair: bool,
    with_adoption: bool,
    csv_file: Path | None,
    max_age: timedelta,
    max_suppress: Share,
    max_release: Share,
    output: str,
) -> None:
    """Compare what a platform's lists hold with what they should, and with the ledger.

    Names what is missing there, removed behind our back, foreign there, or filed under another
    reason, and lists that are gone. It never releases anybody.

    \b
    Exit codes:
      0  no difference, or all of them repaired and adopted
      1  differences are left
      2  usage or configuration        3  the guard stopped the repair, nothing was sent

    \b
    Examples:
      contact-sync reconcile --destination sendgrid --csv differences.csv
      contact-sync reconcile --destination sendgrid --adopt --repair
    """
    from sync.lists.command import reconcile
    from sync.output import print_json, print_reconciled, reconciled_json
    from sync.profile import load_target
    from sync.progress import Counter, make_progress

    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    warehouse = _opened(found, read_only=not repair)
    stop = threading.Event()
    _stop_on_signals(stop)
    with make_progress() as progress:
        done = reconcile(
            found,
            warehouse,
            name,
            os.environ,
            repairs=repair,
            adopts=with_adoption,
            csv_file=csv_file,
            limits=_limits(max_age, max_suppress, max_release),
            advance=Counter(f"entries of {name} read").advance,
            progress=progress,
            stop=stop,
            kept=_kept(found, project_dir),
        )
    if output == "json":
        print_json(reconciled_json(done))
    else:
        print_reconciled(done)
    sys.exit(done.exit_code)


class SizeType(click.ParamType[int]):
    """A number of bytes like 16MB, 512KB or 1000000."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The size in bytes."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,12})\s*(|K|KB|M|MB)", str(value).strip().upper())
        if found is None:
            self.fail(f"{_short(value)} is not a size like 16MB, 512KB or 1000000.", param, ctx)
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
    _needs_receiver()
    from sync.profile import load_target
    from sync.receiver.serve import serve
    from sync.receiver.settings import read_settings
    from sync.receiver.sinks import open_sink

    settings = read_settings(os.environ, unsigned=unsigned, body_limit=body_limit)
    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    serve(settings, open_sink(found), host=host, port=port)


def _needs_receiver() -> None:
    """Raises ConfigError where the receiver's extra is not installed."""
    try:
        import httptools  # noqa: F401  (the server asks for it once it runs)

        import sync.receiver.serve  # noqa: F401
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("sync"):
            raise
        raise ConfigError(
            f"The receiver needs an extra ({error.name}): pip install 'contact-sync[receiver]'."
        ) from None


class MomentType(click.ParamType["Moment"]):
    """A time of every day, or of one day of the week."""

    name = "time"

    def __init__(self, *, is_weekly: bool) -> None:
        self._is_weekly = is_weekly

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Moment:
        """The moment."""
        from sync.run.schedule import Moment

        if isinstance(value, Moment):
            return value
        example = "'sunday 04:00'" if self._is_weekly else "03:00"
        try:
            moment = Moment.parse(str(value))
        except ValueError:
            moment = None
        if moment is None or (moment.weekday is not None) != self._is_weekly:
            self.fail(f"{_short(value)} is not a time (UTC) like {example}.", param, ctx)
        return moment


@cli.command("run")
@profile_options
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on; 0: a free one.",
)
@click.option(
    "--allow-unsigned",
    "unsigned",
    multiple=True,
    metavar="SOURCE",
    help="As of `contact-sync receive`; may be repeated.",
)
@click.option(
    "--no-receiver", is_flag=True, help="Another process receives; only build and push here."
)
@click.option(
    "--every",
    type=DurationType(),
    help="A frequent build at least so often.  [default: on BigQuery 2m; on DuckDB only when "
    "something landed]",
)
@click.option(
    "--daily",
    type=MomentType(is_weekly=False),
    metavar="HH:MM",
    default="03:00",
    show_default=True,
    help="When the daily build runs, UTC.",
)
@click.option(
    "--weekly",
    type=MomentType(is_weekly=True),
    metavar="'DAY HH:MM'",
    default="sunday 04:00",
    show_default=True,
    help="When the weekly build runs, UTC.",
)
@guard_options
def run_command(
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    host: str,
    port: int,
    unsigned: tuple[str, ...],
    no_receiver: bool,
    every: timedelta | None,
    daily: Moment,
    weekly: Moment,
    max_age: timedelta,
    max_suppress: Share,
    max_release: Share,
) -> None:
    """Do all of it, until stopped: receive webhooks, build when something landed, push.

    One process in place of `receive` and of the schedule: a refusal that is posted here is on the
    platforms' lists within seconds. Builds run in a process of their own; a build or a platform
    that fails is tried again, and never stops the receiver. What each part does is said in a line,
    at GET /healthz and in `contact-sync status`. SIGTERM or Ctrl-C ends it within 30 s; nothing
    that was answered is lost.

    \b
    Exit codes:
      0  stopped as asked
      1  the receiver ended by itself
      2  usage or configuration, or another run is at work on this warehouse

    \b
    Examples:
      contact-sync run --port 8080
      contact-sync run --no-receiver --every 2m --daily 02:30
    """
    from sync.run.line import make_line
    from sync.run.loop import Times
    from sync.run.service import run

    place = _place(target, profiles_dir, project_dir)
    if not (place.project / "dbt_project.yml").is_file():
        raise ConfigError(
            f"There is no dbt_project.yml in {place.project}. Name its folder with --project-dir."
        )
    least = every or (None if place.target.engine == "duckdb" else timedelta(minutes=2))
    server = None
    if not no_receiver:
        _needs_receiver()
        from sync.receiver.settings import read_settings
        from sync.run.receiver import server_of

        settings = read_settings(os.environ, unsigned=unsigned)
        server = server_of(settings, place.target, place.project, host=host, port=port)
    stop = threading.Event()
    _stop_on_signals(stop)
    run(
        place,
        Times(daily, weekly, least),
        _limits(max_age, max_suppress, max_release),
        stop,
        tell=make_line().tell,
        server=server,
    )


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
        """The time, to the second, in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value).strip()).replace(microsecond=0)
            # The first and the last year's times have no UTC in some offsets.
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            said = f"{_short(value)} is not a time like 2026-05-01 or 2026-05-01T08:00:00Z."
            self.fail(said, param, ctx)


@cli.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=PathType(),
)
@warehouse_options
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
    type=PathType(),
    metavar="FILE",
    help="Write all conflicts there, as CSV: every candidate, which one holds, by which rule.",
)
@click.option(
    "--rejects",
    type=PathType(),
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
    is_ended = threading.Event()

    def end(*_: object) -> None:
        is_ended.set()
        sys.exit(143)

    # Ended as by Ctrl-C: the temporary file, which names persons, is deleted.
    signal.signal(signal.SIGTERM, end)
    try:
        with make_progress() as progress:
            report = the_backfill(
                found,
                options,
                progress=progress,
                kept=None if found is None else _kept(found, project_dir),
            )
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
    type=PathType(),
    metavar="FILE",
    help="JSON file that keeps the lists between runs.  [default: in memory only]",
)
@click.option(
    "--hostile",
    is_flag=True,
    help="Answer as a broken or hostile platform does: drips, bombs, endless pages, by turns.",
)
def sandbox(
    port: int, rate: float | None, webhooks: str | None, state: Path | None, hostile: bool
) -> None:
    """Serve a stand-in for the platforms: real HTTP, lists with state, limits, faults on request.

    It prints the variables that point a push at it. Its lists: /_sandbox/lists (a page),
    /_sandbox/lists.json; to add to them, PUT /_sandbox/lists with {"sendgrid": {"bounces":
    ["a@example.com"]}}. Faults: POST /_sandbox/faults with {"kind": "error", "status": 503,
    "count": 3}, or {"kind": "hostile", "trick": "drip"}.

    \b
    Example:
      contact-sync sandbox --port 8025 --rate 10
    """
    from sync.sandbox.server import serve

    serve(
        port=port,
        rate=rate,
        state=state,
        webhooks=webhooks,
        is_hostile=hostile,
        environment=os.environ,
    )


@cli.command()
@click.option(
    "--events",
    type=click.IntRange(100, 100_000_000),
    default=2000,
    show_default=True,
    help="How many webhook events to make up.",
)
@click.option(
    "--directory",
    type=PathType(is_folder=True),
    default=Path(".demo"),
    show_default=True,
    help="Where the demo works; emptied first.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same events.")
@click.option(
    "--days",
    type=click.IntRange(2, 3),
    default=2,
    show_default=True,
    help="3: a third day, on which the other ten platforms are connected.",
)
@click.option("--keep", is_flag=True, help="Leave the sandbox running at the end.")
def demo(events: int, directory: Path, seed: int, days: int, keep: bool) -> None:
    """Show the whole loop: webhooks land, dbt builds, a push, a second day.

    \b
    Examples:
      contact-sync demo
      contact-sync demo --days 3
      contact-sync demo --events 20000
    """
    from sync import demo as the_demo

    sys.exit(the_demo.run(events=events, directory=directory, seed=seed, days=days, keep=keep))


def main() -> None:
    """Entry point of the console script: errors become one line and their exit code."""
    try:
        cli.main(prog_name="contact-sync", standalone_mode=True)
    except SyncError as error:
        echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        log.debug("An error of the system, or of a library of the network.", exc_info=True)
        place = _place_of(error)
        if place is None:
            said = error.strerror or str(error) or type(error).__name__
            echo(f"Error: {said.rstrip('.')}.", err=True)
            sys.exit(1)
        echo(
            f"Error: {place} cannot be used: {error.strerror}. Name another place, or mend its "
            "rights.",
            err=True,
        )
        sys.exit(ConfigError.exit_code)


def _place_of(error: OSError) -> str | None:
    """The file or folder that the system could not use; None where the error names none.

    Errors of requests and urllib are OSErrors, too, without an errno: what urllib's name is a URL.
    """
    named: object = error.filename
    if error.errno is None or not isinstance(named, str | bytes | os.PathLike):
        return None
    return os.fsdecode(named)
