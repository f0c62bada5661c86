"""The demonstration itself: its days, told with what the commands and the warehouse say."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from sync.demo import facts, platforms
from sync.demo.generator import START, Summary, land
from sync.demo.story import (
    AVA,
    PEOPLE,
    land_consents_of_ava,
    land_first_days,
    land_refusals_of_ava,
    land_reports,
    land_second_day,
)
from sync.demo.workspace import Workspace
from sync.destinations import get
from sync.sandbox.server import running

DAYS: Final = 120
"""Long enough that somebody who never opens anything is noticed (90 days)."""

_PLATFORMS: Final = {
    "sendgrid": "SendGrid",
    "mailgun": "Mailgun",
    "postmark": "Postmark",
    "twilio": "Twilio",
    "segment": "Segment",
}
# Where an opt-in elsewhere may not undo an opt-out (docs/destinations.md).
_NOT_UNDONE: Final = frozenset(
    {
        ("attentive", "email"),
        ("attentive", "sms"),
        # Ava's opt-in, in September 2026, is older than what Brevo shows for sure.
        ("brevo", "email"),
        ("brevo", "sms"),
        ("klaviyo", "sms"),
    }
)
# Unit tests are for whoever changes a rule.
_WHOLE: Final = ("--exclude-resource-type", "unit_test")
# What production runs every five minutes.
_FREQUENT: Final = ("--selector", "frequent")
# Where the output is no terminal.
_WIDTH: Final = 100


class Tour:
    """Runs the days in a workspace and tells them; remembers what was not as it should be."""

    def __init__(self, workspace: Workspace, console: Console, *, days: int = 2) -> None:
        self._workspace = workspace
        self._console = console
        self._days = days
        self._url = ""
        self._wrong: list[str] = []

    def run(self, *, events: int, seed: int, keep: bool) -> int:
        """The whole demonstration; 0 if the platform's list was the mart's on both days, else 1."""
        started = time.monotonic()
        self._workspace.prepare()
        self._say(
            f"[bold]contact-sync demo[/]: {events:,} made-up webhook events, "
            f"landed in {shown(self._workspace.landing)}"
        )
        key = {"SENDGRID_API_KEY": self._workspace.api_key}
        with running(environment=key) as url:
            self._url = url
            self._workspace.base_url = f"{url}/sendgrid"
            self._first_day(events, seed)
            self._second_day()
            if self._days > 2:
                self._third_day()
            self._close(time.monotonic() - started)
            if keep and not self._wrong:
                self._hold()
        return 1 if self._wrong else 0

    # --- the days ---

    def _first_day(self, events: int, seed: int) -> None:
        self._head("Day one", f"five platforms have sent webhooks for {DAYS} days")
        landing = self._workspace.landing
        with self._working("Making webhooks"):
            summary = land(landing, events=events, seed=seed, start=START, days=DAYS)
            told = land_first_days(landing, start=START, days=DAYS)
        self._landed(summary, told)
        self._build(_WHOLE)
        quarantined = facts.quarantined_by_reason(self._workspace)
        self._say(
            "[bold]events[/] has one row per event, however often the event came. "
            f"{sum(quarantined.values()):,} parts of deliveries could not be read as events. "
            f"[bold]quarantined_deliveries[/] keeps them with the reason: {_counts(quarantined)}."
        )
        self._list()
        self._push()

    def _second_day(self) -> None:
        landed = land_second_day(self._workspace.landing, start=START, days=DAYS)
        self._head("Day two", f"{landed} more webhooks come in")
        before = facts.states(self._workspace)
        self._build(_FREQUENT)
        after = facts.states(self._workspace)
        self._push()
        self._people(before, after)

    def _third_day(self) -> None:
        self._head("Day three", "all other platforms are connected")
        landing = self._workspace.landing
        self._workspace.use_all_platforms(self._url)
        landed = land_refusals_of_ava(landing, start=START, days=DAYS)
        self._say(
            f"In a copy of the seeds every row of [bold]destinations.csv[/] is enabled. {landed} "
            "webhooks come in: Ava unsubscribes from email (SendGrid), answers STOP to a text "
            "(Twilio) and turns push off in the app (Segment)."
        )
        self._build(_WHOLE)
        self._push_everywhere()
        self._matrix("Asked for Ava, every platform says", refuses=True)
        reports = facts.webhooks_of_sandbox(self._url)
        land_reports(landing, reports, int(time.time()))
        landed = land_consents_of_ava(landing, start=START, days=DAYS)
        self._say(
            f"\nThe platforms report {len(reports):,} of our own changes back to us. Ava opts in "
            f"again on each channel ({landed} webhooks)."
        )
        self._build(_WHOLE)
        own = facts.own_events(self._workspace)
        self._say(f"  {own:,} events repeat what we sent ([bold]is_own[/]). They decide nothing.")
        self._push_everywhere()
        self._matrix("And after her opt-in", refuses=False)

    # --- the steps ---

    def _landed(self, summary: Summary, told: int) -> None:
        table = _table("Platform", ">Deliveries", ">Events")
        for source, name in _PLATFORMS.items():
            table.add_row(
                name, f"{summary.deliveries.get(source, 0):,}", f"{summary.by_source[source]:,}"
            )
        self._show(table)
        self._say(
            f"{summary.duplicates:,} events came more than once, {summary.late:,} came days late, "
            f"and some bodies are broken. {told} more deliveries are about six people to follow: "
            + ", ".join(person.name for person in PEOPLE)
            + "."
        )

    def _build(self, selection: Sequence[str]) -> None:
        self._command(f"dbt build {' '.join(selection)}")
        started = time.monotonic()
        with self._working("Reading the dbt project, building, testing", is_long=True) as progress:
            steps = self._workspace.build(selection, progress)
        seconds = time.monotonic() - started
        self._say(f"  {steps:,} steps (seeds, models, tests) in {seconds:.0f} s, none failed.")

    def _list(self) -> None:
        listed = facts.listed_by_channel(self._workspace)
        reasons = sorted({reason for counts in listed.values() for reason in counts})
        self._say("\n[bold]suppression_list[/], who must not be contacted, and why:")
        table = _table("Channel", *(f">{reason}" for reason in reasons), ">All")
        for channel, counts in listed.items():
            cells = [f"{counts[reason]:,}" if reason in counts else "" for reason in reasons]
            table.add_row(channel, *cells, f"{sum(counts.values()):,}")
        self._show(table)

    def _push(self) -> None:
        self._command("contact-sync plan --destination sendgrid")
        with self._working("Planning"):
            plan = self._workspace.command("plan", "--destination", "sendgrid")
        part = plan["destinations"][0]
        self._say(
            f"  To SendGrid: {_actions(part['counts'])}, in {_number(part['calls'], 'call')}."
        )
        for fault in plan["guard"]:
            self._say(f"  Without --plan, the guard would stop the push: {escape(fault)}.")
        self._command(f"contact-sync push --destination sendgrid --plan {plan['hash']}")
        with self._working("Pushing"):
            report = self._workspace.command(
                "push", "--destination", "sendgrid", "--plan", plan["hash"]
            )
        pushed = report["destinations"][0]
        self._say(
            f"  SendGrid (a sandbox at {self._url}) confirmed "
            f"{pushed['confirmed']:,} of {pushed['items']:,}."
        )
        self._compare()

    def _push_everywhere(self) -> None:
        self._command("contact-sync plan")
        with self._working("Planning"):
            plan = self._workspace.command("plan")
        items = sum(part["items"] for part in plan["destinations"])
        self._say(f"  To {len(plan['destinations'])} platforms: {_number(items, 'change')}.")
        self._command(f"contact-sync push --plan {plan['hash']}")
        with self._working("Pushing"):
            # What a platform cannot do is rejected, and exit code 1.
            report = self._workspace.command("push", "--plan", plan["hash"], may_end_with=(0, 1))
        table = _table("Platform", ">Planned", ">Calls", ">Done", ">Rejected", ">Absent")
        planned = {part["destination"]: part for part in plan["destinations"]}
        for part in report["destinations"]:
            name = part["destination"]
            done = part["confirmed"] + part["accepted"]
            cells = (part["calls"], done, part["rejected"], part["absent"])
            table.add_row(
                get(name).title, f"{planned[name]['items']:,}", *(f"{cell:,}" for cell in cells)
            )
            if part["error"] or part["failed"]:
                self._wrong.append(f"{name}: {part['error'] or 'some items failed'}")
        self._show(table)

    def _matrix(self, title: str, *, refuses: bool) -> None:
        """Where Ava is kept from messages; on her own channel of every row, as she wants it."""
        lists = facts.lists_of_sandbox(self._url)
        rows = facts.enabled_rows(self._workspace)
        taken = facts.rows_for_opt_outs(self._workspace)
        table = _table("Platform", "Email", "SMS", "Push")
        for name in dict.fromkeys(destination for destination, _ in rows):
            cells = []
            for channel in ("email", "sms", "push"):
                if (name, channel) not in rows:
                    cells.append("")
                    continue
                is_held = platforms.is_held(lists, name, channel, AVA)
                cells.append("[red]stopped[/]" if is_held else "[green]free[/]")
                may_stay = (name, channel) in _NOT_UNDONE and not refuses
                if is_held != ((refuses or may_stay) and (name, channel) in taken):
                    self._wrong.append(f"{name}, {channel}: Ava should not be as she is there.")
            table.add_row(get(name).title, *cells)
        self._say(f"\n{title}:")
        self._show(table)
        if refuses:
            self._say(
                "Amazon SES and Mandrill send receipts: their rows take bounces and complaints"
                " only."
            )
        else:
            self._say(
                "Attentive stays stopped, and so do texts at Klaviyo: a release there is an opt-in,"
                " which only Ava can start. Brevo stays stopped: it cannot tell whether she refused"
                " there after an opt-in that is so long ago, and of texts it never can."
            )

    def _compare(self) -> None:
        """The promise of the whole: the platform's list, asked of the platform, is the mart's."""
        mart = facts.wanted_at(self._workspace, "sendgrid", "email")
        platform = facts.held_by_sandbox(self._url, "sendgrid")
        fault = difference(mart, platform)
        if fault is None:
            self._say(
                f"  SendGrid's own list has the {_number(len(mart), 'address')} of "
                "[bold]suppression_list[/]: [green]equal[/]."
            )
        else:
            self._wrong.append(f"SendGrid's list is not the mart's: {fault}.")
            self._say(f"  [red]{escape(self._wrong[-1])}[/]")

    def _people(self, before: Mapping[str, facts.State], after: Mapping[str, facts.State]) -> None:
        self._say("\nWhat the day changed for the six, and why:")
        table = _table("Who", "State", "What came in, and the rule that decides")
        for person in PEOPLE:
            was, now = before[person.name], after[person.name]
            if (was.reason, now.reason) != (person.before, person.after):
                self._wrong.append(
                    f"{person.name} should have gone from {person.before or 'not listed'} to "
                    f"{person.after or 'not listed'}, and went from {was.reason or 'not listed'} "
                    f"to {now.reason or 'not listed'}."
                )
            change = f"{_reason(now)}, as before"
            if was.reason != now.reason:
                change = f"{_reason(was)} → [bold]{_reason(now)}[/]"
            source = _PLATFORMS.get(now.source or "", now.source)
            at = f", {now.effective_at:%d %b %H:%M}" if now.effective_at else ""
            table.add_row(
                f"[bold]{person.name}[/]",
                change,
                f"{person.happened}.\n{person.rule}.\n"
                f"[dim]Decided by: {source}, {now.provider_event}{at}[/]",
            )
        self._show(table)

    def _close(self, seconds: float) -> None:
        if self._wrong:
            self._say(f"[red]Not as it should be[/], after {seconds:.0f} s:")
            for line in self._wrong:
                self._say(f"  - {escape(line)}")
            self._data(f"What the commands said: {shown(self._workspace.log)}")
            return
        place = shown(self._workspace.directory)
        self._say(f"\nDone in {seconds:.0f} s. Its files are in {place}.")
        if self._days < 3:
            self._say("The third day shows all sixteen platforms:\n")
            self._data("  make demo DAYS=3")
            self._data(f"  {console_command()} demo --days 3\n")
        self._say("Look around:\n")
        self._data(f"  {console_command()} explain noa@example.org --profiles-dir {place}")
        self._data(f"  {console_command()} status --profiles-dir {place}")

    def _hold(self) -> None:
        self._say(
            f"\nThe sandbox still runs; its lists: {self._url}/_sandbox/lists\n"
            "To push to it from another terminal:"
        )
        self._data(f"  export SENDGRID_API_KEY={self._workspace.api_key}")
        self._data(f"  export SENDGRID_BASE_URL={self._workspace.base_url}")
        self._say("Ctrl-C ends it.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            self._say("")

    # --- the words ---

    def _say(self, text: str) -> None:
        """A paragraph, with markup, broken where the console ends."""
        self._show(text)

    def _data(self, text: str) -> None:
        """A line to be pasted or looked up: as it is, never broken."""
        self._console.out(text, highlight=False)

    def _show(self, what: RenderableType) -> None:
        """What is given, without the blanks that fill its lines."""
        with self._console.capture() as capture:
            self._console.print(what)
        lines = [line.rstrip() for line in capture.get().splitlines()]
        if isinstance(what, Table):
            lines = [line for line in lines if line]
        self._console.out("\n".join(lines), highlight=False)

    def _head(self, title: str, text: str) -> None:
        self._say(f"\n[bold cyan]{title}[/]: {text}")

    def _command(self, command: str) -> None:
        self._say(f"\n[bold]$ {command}[/]")

    @contextmanager
    def _working(self, name: str, *, is_long: bool = False) -> Iterator[Callable[[int, int], None]]:
        """A line on a terminal counts the seconds and the steps; elsewhere it is said, if long."""
        if not self._console.is_terminal:
            if is_long:
                self._say(f"  {name} ...")
            yield lambda _done, _total: None
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as line:
            task = line.add_task(f"{name} ...")
            yield lambda done, total: line.update(
                task, description=f"{name}: {done:,} of {total:,}"
            )


def difference(mart: set[str], platform: set[str]) -> str | None:
    """In what the platform's list is not the mart's; None where they are equal."""
    missing, extra = sorted(mart - platform), sorted(platform - mart)
    parts = []
    if missing:
        parts.append(f"{len(missing):,} missing there (such as {missing[0]})")
    if extra:
        parts.append(f"{len(extra):,} there and not here (such as {extra[0]})")
    return " and ".join(parts) or None


def make_console() -> Console:
    """Colours and spinners on a terminal; plain text of a fixed width elsewhere."""
    terminal = sys.stdout.isatty()
    return Console(width=None if terminal else _WIDTH, highlight=False, emoji=False)


def shown(path: Path) -> str:
    """The path as a person at this prompt would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def console_command() -> str:
    """How to call contact-sync at this prompt."""
    beside = Path(sys.executable).with_name("contact-sync")
    if shutil.which("contact-sync") or not beside.is_file():
        return "contact-sync"
    return shown(beside)


def _table(*columns: str) -> Table:
    """A table; a column whose name begins with `>` is of numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column[0] == ">" else "left")
    return table


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _number(count: int, thing: str) -> str:
    many = f"{thing}es" if thing.endswith("s") else f"{thing}s"
    return f"{count:,} {thing if count == 1 else many}"


def _actions(counts: list[dict[str, Any]]) -> str:
    totals: dict[str, int] = {}
    for count in counts:
        totals[count["action"]] = totals.get(count["action"], 0) + count["items"]
    return ", ".join(f"{items:,} to {action}" for action, items in totals.items()) or "nothing"


def _reason(state: facts.State) -> str:
    return state.reason or "not listed"
