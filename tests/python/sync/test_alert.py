"""`contact-sync alert`: each incident is told once, and once when it is over."""

from __future__ import annotations

import csv
import fcntl
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.alerts.channels import VARIABLE, read_channels
from sync.alerts.incidents import Condition, Told, news_for
from sync.alerts.tell import Done, Run, tell
from sync.alerts.words import RULES, message_of
from sync.clock import utc_now
from sync.errors import ConfigError, WarehouseUnavailable
from tests.python.conftest import ROOT
from tests.python.sync.engines import ENGINES, DuckDb
from tests.python.sync.inbox import Inbox, open_inbox
from tests.python.sync.world import World

on_each_engine = pytest.mark.parametrize("engine", ENGINES, indirect=True)
NOW = datetime(2026, 3, 10, 12)
HELD = Condition("failed", "sendgrid", 3, 1, NOW - timedelta(hours=2))


@pytest.fixture
def inboxes() -> Iterator[list[Inbox]]:
    with ExitStack() as stack:
        yield [stack.enter_context(open_inbox()) for _ in range(2)]


@pytest.fixture
def inbox(inboxes: list[Inbox]) -> Inbox:
    return inboxes[0]


@pytest.fixture
def watched(world: World) -> World:
    """A world with the view, in which nothing is wrong."""
    world.engine.show_status()
    return world


def break_build(world: World) -> None:
    world.sql("delete from raw.builds where true")
    world.build(age=timedelta(hours=1))
    world.build(ok=False, age=timedelta(minutes=20))


#: Where nobody runs `contact-sync run`.
NO_RUN = Run("", has_died=False)


def tell_now(world: World, *urls: str, run: Run = NO_RUN) -> Done:
    return tell(world.warehouse(), read_channels({VARIABLE: " ".join(urls)}), "prod", run)


def states(world: World) -> list[str]:
    return [state for (state,) in world.sql("select state from raw.alerts order by told_at")]


@on_each_engine
def test_an_incident_is_told_when_it_begins_after_a_day_and_when_it_has_ended(
    watched: World, inbox: Inbox
) -> None:
    assert tell_now(watched, inbox.url) == Done()
    break_build(watched)
    begun = tell_now(watched, inbox.url)
    assert [channel for channel, _ in begun.told] == ["json 1"]
    # While it lasts, nothing.
    assert tell_now(watched, inbox.url) == Done(lasting=1)
    assert len(inbox.messages) == 1
    watched.sql("update raw.alerts set told_at = ? where true", [utc_now() - timedelta(hours=25)])
    assert len(tell_now(watched, inbox.url).told) == 1
    assert tell_now(watched, inbox.url).told == []
    watched.build()
    assert len(tell_now(watched, inbox.url).told) == 1
    assert tell_now(watched, inbox.url) == Done()
    assert inbox.titles == [
        "contact-sync (prod): builds failed: 1 since the last that was ok",
        "contact-sync (prod): still: builds failed: 1 since the last that was ok",
        "contact-sync (prod): over: the newest build is ok",
    ]
    assert [one["type"] for one in inbox.messages] == ["failure", "warning", "success"]
    assert "contact-sync build" in inbox.messages[0]["message"]
    assert states(watched) == ["began", "reminded", "ended"]
    assert len(watched.sql("select distinct incident_id from raw.alerts")) == 1


@on_each_engine
def test_two_runs_at_once_tell_it_once(watched: World, inbox: Inbox) -> None:
    break_build(watched)
    inbox.seconds = 1.0
    watched.engine.sql("select 1")
    processes = [watched.start("alert", **{VARIABLE: inbox.url}) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert len(inbox.messages) == 1
    assert states(watched) == ["began"]
    # Its lock is no push.
    assert watched.sql("select * from status_runs") == []


def test_what_a_channel_did_not_take_it_is_told_by_the_next_run(
    watched: World, inboxes: list[Inbox]
) -> None:
    broken, well = inboxes
    broken.status = 500
    break_build(watched)
    urls = {VARIABLE: f"{broken.url}, {well.url}"}
    done = watched.cli("alert", **urls)
    assert done.returncode == 1
    assert "json 1 took no message; the next run tells it." in done.stderr
    assert "json 2: contact-sync (duckdb): builds failed: 1" in done.stdout
    assert watched.cli("alert", **urls).returncode == 1
    broken.status = 200
    assert watched.cli("alert", **urls).returncode == 0
    assert [len(one.messages) for one in inboxes] == [1, 1]
    # It is one incident to both.
    assert len(watched.sql("select distinct incident_id from raw.alerts")) == 1
    assert watched.cli("alert", **urls).stdout == "Nothing to tell, 1 incident known.\n"


def test_who_did_not_hear_of_the_beginning_hears_of_no_end(watched: World, inbox: Inbox) -> None:
    inbox.status = 503
    break_build(watched)
    assert tell_now(watched, inbox.url).failed == ["json 1"]
    watched.build()
    inbox.status = 200
    assert tell_now(watched, inbox.url) == Done()
    assert inbox.messages == []
    assert states(watched) == []


def test_a_message_whose_row_could_not_be_written_is_told_again(
    watched: World, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_build(watched)
    warehouse = watched.warehouse()

    def fail(*_: Any) -> None:
        raise WarehouseUnavailable("gone")

    monkeypatch.setattr(warehouse, "execute", fail)
    with pytest.raises(WarehouseUnavailable):
        tell(warehouse, read_channels({VARIABLE: inbox.url}), "prod", NO_RUN)
    assert len(tell_now(watched, inbox.url).told) == 1
    assert len(inbox.messages) == 2


@pytest.mark.parametrize(
    ("url", "code"),
    [
        # Nobody listens there.
        ("json://ops:very-secret@127.0.0.1:9/hidden-path", 1),
        ("nosuch://very-secret/hidden-path", 2),
        ("slack://very-secret", 2),
    ],
)
def test_no_url_is_ever_printed(watched: World, url: str, code: int) -> None:
    break_build(watched)
    done = watched.cli("alert", **{VARIABLE: f"json://127.0.0.1:9 {url}"})
    assert done.returncode == code
    for text in (done.stdout, done.stderr):
        assert "very-secret" not in text
        assert "hidden-path" not in text
    if code == 2:
        assert "CONTACT_SYNC_ALERT_URLS: URL 2 of 2" in done.stderr


def test_without_a_url_it_says_what_to_set_and_a_dry_run_tells_all_that_holds(
    watched: World,
) -> None:
    done = watched.cli("alert", **{VARIABLE: ""})
    assert done.returncode == 2
    assert "CONTACT_SYNC_ALERT_URLS is not set" in done.stderr
    break_build(watched)
    watched.want("late@example.com", reason="unsubscribe")
    done = watched.cli("alert", "--dry-run", **{VARIABLE: ""})
    assert done.returncode == 0
    assert "builds failed: 1" in done.stdout
    assert "sendgrid: opt-outs pending for longer than 48 hours: 1" in done.stdout
    assert "@example.com" not in done.stdout
    assert states(watched) == []
    assert watched.sql("select * from raw.sync_runs") == []


#: Statements that let an outage begin, and what its rule is; then those that end it.
OUTAGES = {
    ("build_failed", ""): (
        "update raw.builds set ended_at = ended_at - interval 3 hour where true;"
        " insert into raw.builds values ('bad', null, {now} - interval 20 minute, null, false)",
        "insert into raw.builds values ('good', null, {now}, null, true)",
    ),
    ("requests_5xx", "mailgun"): (
        "insert into raw.webhook_requests values ('mailgun', '5xx', 3, {now} - interval 9 minute)",
        "delete from raw.webhook_requests where source = 'mailgun'",
    ),
    ("requests_4xx", "twilio"): (
        "insert into raw.webhook_requests values ('twilio', '4xx', 30, {now} - interval 19 minute)",
        "delete from raw.webhook_requests where source = 'twilio'",
    ),
    ("guard_stopped", "braze"): (
        "insert into raw.sync_runs (run_id, destination, started_at, ended_at, expires_at, status)"
        " values ('g', 'braze', {now}, {now}, {now}, 'guarded')",
        "insert into raw.sync_runs (run_id, destination, started_at, ended_at, expires_at, status)"
        " values ('h', 'braze', {now} + interval 1 second, {now}, {now}, 'finished')",
    ),
    ("opt_outs_pending", "sendgrid"): (
        "insert into int_deltas (delta_id, destination, action, reason, event_timestamp)"
        " values ('a', 'sendgrid', 'suppress', 'unsubscribe', {now} - interval 5 hour)",
        "delete from int_deltas where delta_id = 'a'",
    ),
    ("rate_limited", "mailgun"): (
        "insert into raw.sync_ledger (delta_id, destination, outcome, http_status, pushed_at)"
        " values ('r', 'mailgun', 'failed', 429, {now})",
        "delete from raw.sync_ledger where delta_id = 'r'",
    ),
    ("possible_opt_outs", "twilio"): (
        "insert into possible_opt_outs values ('twilio', 'sms', {now} - interval 30 hour)",
        "delete from possible_opt_outs where true",
    ),
}


@on_each_engine
def test_in_an_hour_of_outages_each_is_raised_once_and_cleared_once(
    watched: World, inbox: Inbox
) -> None:
    # By the minute: each begins at another one, and lasts for another while.
    script: dict[int, list[str]] = defaultdict(list)
    for number, (begin, end) in enumerate(OUTAGES.values()):
        script[2 + 5 * number].append(begin)
        script[2 + 5 * number + 4 + 3 * (number % 5)].append(end)
    is_local = isinstance(watched.engine, DuckDb)
    now = "(now() at time zone 'UTC')" if is_local else "current_timestamp()"
    channels = read_channels({VARIABLE: inbox.url})
    # What a platform did that is not enabled is nobody's trouble.
    watched.enable("braze")
    # A look at the minutes at which something changes, and at the next: where nothing does.
    for minute in sorted({one + more for one in script for more in (0, 1)}):
        for text in script[minute]:
            for statement in text.split(";"):
                watched.sql(statement.format(now=now))
        tell(watched.warehouse(), channels, "prod", NO_RUN)
    rows = watched.sql("select rule, subject, state from raw.alerts order by told_at")
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for rule, subject, state in rows:
        told[rule, subject].append(state)
    assert told == {key: ["began", "ended"] for key in OUTAGES}
    assert len(inbox.messages) == len(rows)
    assert sum(": over: " in title for title in inbox.titles) == len(OUTAGES)


def test_a_run_that_died_is_told_and_one_that_was_stopped_is_not(
    watched: World, inbox: Inbox
) -> None:
    assert isinstance(watched.engine, DuckDb)
    state = Path(f"{watched.engine.database}.run.json")
    lock = state.with_name(f"{state.name}.lock")

    def told_with(of_build: str) -> str:
        parts = {"build": {"state": of_build, "detail": "", "since": "2026-05-02T08:00:00Z"}}
        state.write_text(json.dumps({"pid": 1, "parts": parts, "done": {}}))
        done = watched.cli("alert", **{VARIABLE: inbox.url})
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert told_with("stopped") == "Nothing to tell.\n"
    # The kernel drops the lock of whoever dies.
    lock.touch()
    assert told_with("working") == "json 1: contact-sync (duckdb): `contact-sync run` died\n"
    assert told_with("working") == "Nothing to tell, 1 incident known.\n"
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "over: `contact-sync run` is at work" in told_with("idle")
    assert states(watched) == ["began", "ended"]


def test_of_a_run_elsewhere_this_machine_ends_no_incident(watched: World, inbox: Inbox) -> None:
    assert len(tell_now(watched, inbox.url, run=Run("here", has_died=True)).told) == 1
    assert tell_now(watched, inbox.url, run=Run("there", has_died=False)).told == []
    watched.sql("update alert_rules set enabled = false where rule = 'run_died'")
    assert len(tell_now(watched, inbox.url, run=Run("here", has_died=True)).told) == 1
    assert states(watched) == ["began", "ended"]


def told_of(state: str, channel: str = "json 1", at: datetime = NOW) -> Told:
    return Told("id", "failed", "sendgrid", channel, state, 3, at, at)


def test_a_new_channel_is_told_of_the_incident_that_the_others_know() -> None:
    (news,) = news_for("json 2", [HELD], [told_of("began")], NOW)
    assert (news.state, news.incident_id) == ("began", "id")
    assert news_for("json 2", [], [told_of("began")], NOW) == []


def test_an_incident_that_begins_again_is_another_one() -> None:
    (news,) = news_for("json 1", [HELD], [told_of("ended")], NOW)
    assert news.state == "began"
    assert news.incident_id != "id"


def test_a_clock_that_is_behind_puts_no_row_before_the_last() -> None:
    later = NOW + timedelta(minutes=3)
    (news,) = news_for("json 1", [], [told_of("began", at=later)], NOW)
    assert news.told_at > later


def test_a_source_with_a_hostile_name_tells_nobodys_address() -> None:
    held = Condition("quarantined", "ann@example.com\n\x1b[2J" + "x" * 900, 9, 5, None)
    (news,) = news_for("json 1", [held], [], NOW)
    title = message_of(news, "prod").title
    assert "ann@" not in title
    assert title.isprintable()
    assert len(title) < 500


def test_every_rule_is_measured_and_has_words() -> None:
    views = sorted(ROOT.glob("models/marts/status/alert_*.sql"))
    measured = "".join(view.read_text(encoding="utf-8") for view in views)
    with Path(ROOT / "seeds/alert_rules.csv").open(encoding="utf-8", newline="") as file:
        rules = [row["rule"] for row in csv.DictReader(file)]
    # What the warehouse does not know is measured by its own file.
    assert sorted([*re.findall(r"'(\w+)' as rule", measured), "run_died"]) == sorted(rules)
    assert list(RULES) == rules


def test_a_url_that_apprise_does_not_know_is_an_error_of_configuration() -> None:
    with pytest.raises(ConfigError, match="URL 1 of 1"):
        read_channels({VARIABLE: "nosuch://x"})
    assert read_channels({}) == []
    # Commas and line breaks may stand between URLs.
    names = [one.name for one in read_channels({VARIABLE: "json://a,\njson://b mailto://u:p@c.de"})]
    assert names == ["json 1", "json 2", "mailto 1"]


def test_the_page_shows_the_rules_and_urls_that_apprise_takes() -> None:
    page = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
    with Path(ROOT / "seeds/alert_rules.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = (row[name] if row[name] != "0" else "" for name in ("minimum", "minutes"))
            cells = (f"`{row['rule']}`", row["note"].rstrip("."), row["threshold"], *numbers)
            assert f"| {' | '.join(cells)} |" in page
    urls = re.findall(r"^\| \[.*\| `(\w+://\S+)` \|$", page, re.MULTILINE)
    names = [one.name for one in read_channels({VARIABLE: " ".join(urls)})]
    assert len(names) == len(set(names)) == 5
