"""`contact-sync build`: one build at a time, one line, an exit code for each way to end."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.python.conftest import ROOT, project_with_seeds
from tests.python.sync.collector import collecting
from tests.python.sync.real import environment_of
from tests.python.sync.world import wait_until


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, with a profile that does not wait long for the file."""
    directory = project_with_seeds(tmp_path_factory.mktemp("build") / "project")
    profile = (ROOT / "profiles.example.yml").read_text()
    assert "connect_attempts: 8" in profile
    (directory / "profiles.yml").write_text(
        profile.replace("connect_attempts: 8", "connect_attempts: 1")
    )
    return directory


def start(project: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sync", "build", *arguments],
        cwd=project,
        env={**environment_of(project), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(project: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(project, *arguments, **environment)
    out, errors = process.communicate(timeout=300)
    return process.returncode, out, errors


@contextmanager
def another_build(project: Path) -> Iterator[None]:
    """As another process holds its turn."""
    with (project / "contact_sync.duckdb.build").open("w") as file:
        file.write("the daily build of process 77, since 2026-05-01 03:10:00 UTC\n")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_build_whose_turn_does_not_come_ends_with_4_and_one_sentence(project: Path) -> None:
    with another_build(project), collecting() as collector:
        code, out, errors = run(project, "--wait", "0.3s", **collector.environment)
    assert (code, out) == (4, "")
    assert [(one.name, one.attributes) for one in collector.points()] == [
        ("contact_sync.builds", {"selection": "frequent", "outcome": "waited"})
    ]
    assert "gave up after 0.3 s, the daily build of process 77" in errors
    assert not (project / "target").exists()


def test_a_build_waits_its_turn_and_then_says_in_one_line_what_it_did(project: Path) -> None:
    with collecting() as collector:
        with another_build(project):
            process = start(project, "everything", **collector.environment)
            assert process.stderr is not None
            said = process.stderr.readline()
            assert "waits for the daily build of process 77" in said
        out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, out + errors
    counted, took = collector.points()
    assert counted.attributes == {"selection": "everything", "outcome": "ok"}
    assert (took.name, took.unit, took.value) == ("contact_sync.build.duration", "s", 1)
    assert took.seconds > 0
    assert (errors, out.count("\n")) == ("", 1)
    assert out.startswith("everything build: ok, ")
    assert "Done. PASS=" in (project / "logs" / "build.log").read_text()
    with duckdb.connect(str(project / "contact_sync.duckdb"), read_only=True) as connection:
        assert connection.execute("select ok from raw.builds").fetchall() == [(True,)]


def test_dbt_does_not_parse_again_what_the_command_has_parsed(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "parse"],
        cwd=project,
        env=environment_of(project),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Registered adapter: duckdb" in done.stdout
    assert "Unable to do partial parsing" not in done.stdout


def test_a_build_starved_by_a_reader_says_who_reads(project: Path) -> None:
    database = project / "contact_sync.duckdb"
    duckdb.connect(str(database)).close()
    script = (
        f"import duckdb, time; held = duckdb.connect({str(database)!r}); print(1, flush=True);"
        " time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as reader:
        try:
            assert reader.stdout is not None
            reader.stdout.readline()
            code, out, errors = run(project, "--wait", "1s")
        finally:
            reader.kill()
    assert (code, out) == (4, "")
    waits, gave_up = errors.splitlines()
    assert f"(PID {reader.pid}), which has {database} open" in waits
    assert f"(PID {reader.pid}) has the database file for itself" in gave_up
    assert "Traceback" not in errors


def test_a_build_that_lacks_files_it_has_read_is_not_ok_and_says_where_it_looked(
    project: Path,
) -> None:
    file = project / "landing" / "contacts" / "day.ndjson"
    file.parent.mkdir(parents=True)
    file.write_text('{"external_id": "c-1", "email": "ann@example.org"}\n')
    assert run(project)[0] == 0
    text = file.read_text()
    file.unlink()
    code, out, errors = run(project)
    assert (code, out) == (1, "")
    assert "frequent build: not ok" in errors
    assert "contacts/day.ndjson" in errors
    assert "It looked in the folder landing, which CONTACT_SYNC_LANDING names" in errors
    file.write_text(text)


def test_sigterm_ends_dbt_first(project: Path) -> None:
    log = project / "logs" / "build.log"
    before = log.read_text().count("START")
    process = start(project, "everything")
    wait_until(lambda: log.read_text().count("START") > before, "dbt at work")
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
    # Whoever holds the lock is done: a next build has its turn at once.
    with (project / "contact_sync.duckdb.build").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_after_a_change_of_code_everything_is_built_and_what_fails_is_named(project: Path) -> None:
    with (project / "seeds" / "suppression_releases.csv").open("a") as seed:
        seed.write("unsubscribe,delivered\n")
    code, out, errors = run(project)
    assert (code, out) == (1, "")
    assert "Code, seeds or vars changed: everything is built" in errors
    assert "everything build: failed" in errors
    assert "consent_is_ended_by_subscribe_alone" in errors
