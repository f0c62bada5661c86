"""Local files: this user's alone, and nothing of a killed run stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sync.scratch import machine, partial_file
from tests.python.sync.test_acts import WHY
from tests.python.sync.world import World


@pytest.fixture(scope="module")
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_any_command_deletes_what_a_killed_one_left(
    world: World, tmp_path: Path, ended: int
) -> None:
    # Of another machine that shares the folder, nobody here can tell.
    names = (f"{machine()}-{ended}", f"{machine()}-{os.getpid()}", f"0123abcd-{ended}")
    left, *in_use = (tmp_path / f"contact-sync-{name}-abc" for name in names)
    (tmp_path / f"contact-sync-{machine()}-999999999999-abc").mkdir()
    for folder in (left, *in_use):
        folder.mkdir()
        (folder / "list.parquet").write_text("ann@example.com")
    done = world.cli("plan", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert not left.exists()
    assert all(folder.exists() for folder in in_use)


def test_a_file_that_a_killed_run_had_begun_goes_with_the_next_of_its_name(
    tmp_path: Path, ended: int
) -> None:
    begun = tmp_path / f".kept.{machine()}-{ended}-abc.csv"
    begun.write_text("ann@example.com")
    with partial_file(tmp_path / "kept.csv") as partial:
        partial.write_text("bob@example.com")
    assert [(path.name, mode(path)) for path in tmp_path.iterdir()] == [("kept.csv", "0o600")]


def test_files_of_names_alike_are_written_side_by_side(tmp_path: Path) -> None:
    one, other = tmp_path / "clean.2026-07-01.csv", tmp_path / "clean.csv"
    with partial_file(one) as first, partial_file(other) as second:
        first.write_text("ann@example.com")
        second.write_text("bob@example.com")
    assert (one.read_text(), other.read_text()) == ("ann@example.com", "bob@example.com")


def test_what_ends_in_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half"), partial_file(tmp_path / "kept.csv"):
        raise ValueError("half-way")
    assert list(tmp_path.iterdir()) == []


def test_no_file_takes_the_place_of_a_device_or_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no regular file"), partial_file(pipe):
        pass
    assert pipe.is_fifo()


def test_what_a_command_lands_is_this_users_alone(world: World, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    act = ("suppress", "ann@example.com", "--channel", "email", *WHY)
    done = world.cli(*act, CONTACT_SYNC_LANDING=str(landing))
    assert done.returncode == 0, done.stderr
    made = [landing, *landing.rglob("*")]
    assert {mode(path) for path in made if path.is_dir()} == {"0o700"}
    assert {mode(path) for path in made if path.is_file()} == {"0o600"}


@pytest.mark.parametrize(("bits", "warned"), [(0o644, True), (0o600, False)])
def test_check_warns_of_what_other_users_may_read(world: World, bits: int, warned: bool) -> None:
    secrets = world.database.parent / ".env"
    secrets.touch()
    for path in (secrets, world.database):
        path.chmod(bits)
    said = world.cli("check").stderr
    assert ("chmod go= .env" in said) is warned
    assert (f"may read {world.database}" in said) is warned
