"""The demonstration, end to end: real commands, a real build, a real server."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from sync import demo
from sync.cli import cli
from sync.demo import facts
from sync.demo.story import PEOPLE
from sync.demo.tour import Tour, difference
from sync.demo.workspace import CommandFailed, Workspace, find_project
from sync.destinations import get, names
from sync.errors import ConfigError
from sync.sandbox.server import running


@pytest.fixture(scope="module")
def shown(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The directory and the output of a demonstration of all days, run as a user runs it."""
    directory = tmp_path_factory.mktemp("demo") / "work"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sync", "demo", "--days", "3"),
            *("--directory", str(directory)),
        ],
        capture_output=True,
        text=True,
        check=False,
        # A user's own settings and credentials: the demonstration must use none of them.
        env={
            **os.environ,
            "CONTACT_SYNC_DUCKDB": str(directory.parent / "production.duckdb"),
            "CONTACT_SYNC_TARGET": "bigquery",
            "SENDGRID_API_KEY": "SG.production",
            "SENDGRID_BASE_URL": "http://127.0.0.1:9",
        },
    )
    return directory, done


Shown = tuple[Path, "subprocess.CompletedProcess[str]"]


def test_the_demonstration_succeeds_and_says_nothing_on_standard_error(shown: Shown) -> None:
    _, done = shown
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


def test_the_list_at_the_platform_equals_the_mart_on_both_days(shown: Shown) -> None:
    _, done = shown
    assert done.stdout.count("equal.") == 2


def of_any_run(text: str) -> list[str]:
    """Lines of a transcript, without what differs from run to run: seconds, port, plans, places."""
    text = re.sub(r"(landed|files are) in\s+\S+?(/landing|\.)\n", r"\1 in FOLDER\2\n", text)
    text = re.sub(r" in \d+ s\b", " in SECONDS", text)
    text = re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:PORT", text)
    text = re.sub(r"(--plan \d+)-[0-9a-f]{16}", r"\1-HASH", text)
    text = re.sub(r"\S*contact-sync (.*) --profiles-dir \S+", r"contact-sync \1", text)
    return text.strip().splitlines()


def test_the_page_of_the_demonstration_shows_what_it_prints(shown: Shown) -> None:
    page = (find_project() / "docs" / "demo.md").read_text()
    (documented,) = re.findall(r"^```\n(.*?)^```$", page, re.M | re.S)
    assert of_any_run(shown[1].stdout) == of_any_run(documented)


def test_a_platform_that_holds_another_list_is_found_out(shown: Shown) -> None:
    workspace = Workspace(shown[0])
    mart = facts.wanted_at(workspace, "sendgrid", "email")
    with running() as url:
        empty = difference(mart, facts.held_by_sandbox(url, "sendgrid"))
        assert empty is not None
        assert empty.startswith(f"{len(mart)} missing there")
        request = urllib.request.Request(
            f"{url}/_sandbox/lists",
            data=json.dumps({"sendgrid": {"global": [*mart, "stranger@example.org"]}}).encode(),
            headers={"Content-Type": "application/json"},
            method="PUT",
        )
        urllib.request.urlopen(request, timeout=5).close()
        more = difference(mart, facts.held_by_sandbox(url, "sendgrid"))
    assert more == "1 there and not here (such as stranger@example.org)"


def test_the_ledger_has_every_listed_address_confirmed(shown: Shown) -> None:
    directory, _ = shown
    with duckdb.connect(str(directory / "contact_sync.duckdb"), read_only=True) as database:
        listed = database.sql("select address from suppression_list where channel = 'email'")
        latest = database.sql(
            """
            select address from raw.sync_ledger
            where destination = 'sendgrid'
            qualify row_number() over (partition by address order by pushed_at desc) = 1
            and action = 'suppress' and outcome = 'confirmed'
            """
        )
        assert sorted(listed.fetchall()) == sorted(latest.fetchall())
        assert database.sql("select count(*) from sync_deltas").fetchall() == [(0,)]


def test_the_six_are_told_with_the_state_that_their_rule_promises(shown: Shown) -> None:
    directory, done = shown
    with duckdb.connect(str(directory / "contact_sync.duckdb"), read_only=True) as database:
        listed = dict(database.sql("select address, event_type from suppression_list").fetchall())
    for person in PEOPLE:
        assert [listed.get(address) for address in person.addresses] == [
            person.after for _ in person.addresses
        ]
        assert f" {person.name} " in done.stdout
        assert person.happened in done.stdout
        assert person.rule in done.stdout


def test_a_refusal_of_each_channel_arrives_at_every_platform_and_an_opt_in_undoes_it(
    shown: Shown,
) -> None:
    _, done = shown
    refused, consented = done.stdout.split("Asked for Ava, ")[1].split("And after her opt-in")
    for name in names():
        title = get(name).title
        # An opt-out is no reason to keep a receipt from somebody.
        takes_opt_outs = name not in ("mandrill", "ses")
        assert bool(re.search(rf"{title} .*stopped", refused)) == takes_opt_outs
        assert bool(re.search(rf"{title} .*free", refused)) != takes_opt_outs
        is_kept = name in ("attentive", "brevo", "klaviyo")
        assert bool(re.search(rf"{title} .*stopped", consented)) == is_kept


def test_what_the_platforms_repeat_of_our_own_doing_decides_nothing(shown: Shown) -> None:
    """Every report came back before the last build: none of them changed what Ava wants."""
    directory, _ = shown
    with duckdb.connect(str(directory / "contact_sync.duckdb"), read_only=True) as database:
        own = database.sql(
            "select distinct source from events where is_own order by source"
        ).fetchall()
        listed = database.sql(
            "select * from suppression_list where external_id = 'c-ava'"
        ).fetchall()
    assert [source for (source,) in own] == [
        "attentive",
        "braze",
        "mandrill",
        "mparticle",
        "postmark",
        "segment",
    ]
    assert listed == []


def test_the_output_is_plain_and_ends_with_a_command_that_works(shown: Shown) -> None:
    directory, done = shown
    assert "\x1b" not in done.stdout
    assert "Traceback" not in done.stdout
    last = done.stdout.rstrip().splitlines()[-1].split()
    assert last[0].endswith("contact-sync")
    assert last[1:] == ["status", "--profiles-dir", str(directory)]
    again = subprocess.run(
        [sys.executable, "-m", "sync", *last[1:], "--output", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    status = json.loads(again.stdout)
    assert status["build"]["ok"]
    assert status["pending"] == []


def test_nothing_is_written_outside_the_directory_and_no_credential_inside(shown: Shown) -> None:
    directory, done = shown
    assert [path.name for path in directory.parent.iterdir()] == ["work"]
    written = [path for path in directory.rglob("*") if path.is_file() and path.suffix != ".ndjson"]
    for path in written:
        assert b"SG.demo." not in path.read_bytes(), path
        assert b"SG.production" not in path.read_bytes(), path
    assert "SG." not in done.stdout


def test_the_sandbox_is_gone_afterwards(shown: Shown) -> None:
    _, done = shown
    url = next(word for word in done.stdout.split() if word.startswith("http://127.0.0.1:"))
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url.rstrip(").,"), timeout=5)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], ["first", "second"]),
        (["--days", "2"], ["first", "second"]),
        (["--days", "3"], ["first", "second", "third"]),
    ],
)
def test_two_days_are_told_and_end_with_how_to_see_the_third(
    arguments: list[str], told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    for day in ("first", "second", "third"):
        monkeypatch.setattr(Tour, f"_{day}_day", lambda *_, day=day: seen.append(day))
    directory = tmp_path / "work"
    done = CliRunner().invoke(cli, ["demo", "--directory", str(directory), *arguments])
    assert done.exit_code == 0, done.output
    assert seen == told
    shows_how = ["make demo DAYS=3" in done.output, "contact-sync demo --days 3" in done.output]
    assert shows_how == [len(told) == 2] * 2
    assert done.output.rstrip().endswith(f"contact-sync status --profiles-dir {directory}")


@pytest.mark.parametrize("days", ["1", "4"])
def test_other_numbers_of_days_are_refused(days: str) -> None:
    assert CliRunner().invoke(cli, ["demo", "--days", days]).exit_code == 2


def test_make_shows_as_many_days_as_it_is_asked_for() -> None:
    def told(*arguments: str) -> str:
        command = ["make", "--dry-run", "-C", str(find_project()), "demo", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "contact-sync demo --events 2000 --days 2" in told()
    assert "contact-sync demo --events 2000 --days 3" in told("DAYS=3")


def test_the_steps_of_a_build_are_counted_without_what_only_begins_and_without_hooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "01:03:50  1 of 1 START hook: contact_sync.on-run-start.0 ........ [RUN]",
        "01:03:50  1 of 1 OK hook: contact_sync.on-run-start.0 ........... [OK in 0.29s]",
        "01:03:50  1 of 3 START seed file main.topics .................... [RUN]",
        "01:03:51  1 of 3 OK loaded seed file main.topics ................ [INSERT 2 in 0.10s]",
        "01:03:52  2 of 3 PASS not_null_topics_topic ..................... [PASS in 0.03s]",
        "01:03:53  3 of 3 OK created sql view model main.events .......... [OK in 0.04s]",
        "01:03:54  1 of 1 OK hook: contact_sync.on-run-end.0 ............. [OK in 0.10s]",
    ]
    script = f"print({chr(10).join(lines)!r})"
    monkeypatch.setattr("sync.demo.workspace._DBT", (sys.executable, "-c", script))
    workspace = Workspace(tmp_path / "demo")
    workspace.prepare()
    seen: list[tuple[int, int]] = []
    assert workspace.build([], lambda *step: seen.append(step)) == 3
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_the_default_directory_is_ignored_by_git() -> None:
    assert "/.demo/" in (find_project() / ".gitignore").read_text().splitlines()


def test_a_folder_that_no_demonstration_made_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "profiles.yml").write_text("precious")
    with pytest.raises(ConfigError, match="not empty"):
        demo.run(events=100, directory=tmp_path, seed=1, keep=False)
    assert (tmp_path / "profiles.yml").read_text() == "precious"


def test_a_second_demonstration_begins_anew(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "demo")
    workspace.prepare()
    (workspace.landing / "old.ndjson").touch()
    workspace.prepare()
    assert not list(workspace.landing.iterdir())


def test_a_command_that_fails_is_told_with_its_last_words_and_its_log(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "demo")
    workspace.prepare()
    with pytest.raises(CommandFailed) as failed:
        workspace.command("plan", "--destination", "carrier-pigeon")
    assert "exit code 2" in str(failed.value)
    assert str(workspace.log) in str(failed.value)
    assert "Traceback" not in str(failed.value)


@pytest.mark.parametrize(
    ("mart", "platform", "words"),
    [
        ({"a"}, {"a"}, None),
        ({"a", "b"}, {"a"}, "1 missing there (such as b)"),
        ({"a"}, {"a", "c"}, "1 there and not here (such as c)"),
        ({"b"}, {"c"}, "1 missing there (such as b) and 1 there and not here (such as c)"),
    ],
)
def test_a_list_that_differs_is_told_by_what_differs(
    mart: set[str], platform: set[str], words: str | None
) -> None:
    assert difference(mart, platform) == words
