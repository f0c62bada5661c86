"""What make installs with: uv where it can be had, else pip. Stand-ins note how they are called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sync.docs import PROJECT

GOOD = 'echo "{name} $*" >> calls'
BAD = GOOD + "; echo no network >&2; exit 1"
# Installing uv with pip brings a uv that works.
BRINGS_UV = GOOD + '; case "$*" in *" uv") cp uv .venv/bin/uv;; esac'
NO_UV = GOOD + '; case "$*" in *" uv") exit 1;; esac'


def write(path: Path, script: str, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + script.format(name=name) + "\n")
    path.chmod(0o755)


def install(
    directory: Path, environment: str, python: str = "python"
) -> subprocess.CompletedProcess[str]:
    """Runs the script where only what lies in `bin` is on the PATH."""
    (directory / "bin").mkdir(exist_ok=True)
    for tool in ("cp", "rm"):
        found = shutil.which(tool)
        assert found is not None
        if not (directory / "bin" / tool).exists():
            (directory / "bin" / tool).symlink_to(found)
    bash = shutil.which("bash")
    assert bash is not None
    return subprocess.run(
        [bash, str(PROJECT / "scripts" / "install.sh"), environment, "things", "-r", "list"],
        cwd=directory,
        env={**os.environ, "PATH": str(directory / "bin"), "PYTHON": python},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


PIP_UV = "own -m pip install --quiet -c constraints.txt uv"
BY_PIP = "own -m pip install --quiet -r list"


def by_uv(name: str) -> str:
    return f"{name} pip install --quiet --compile-bytecode --python .venv/bin/python -r list"


@pytest.mark.parametrize(
    ("on_path", "own", "calls"),
    [
        (GOOD, GOOD, [by_uv("theirs")]),
        (BAD, GOOD, [by_uv("theirs"), BY_PIP]),
        (None, BRINGS_UV, [PIP_UV, by_uv("brought")]),
        (None, NO_UV, [PIP_UV, BY_PIP]),
    ],
    ids=["uv on the PATH", "a uv that fails", "uv is installed", "no uv"],
)
def test_uv_installs_where_it_can_be_had_and_pip_where_not(
    on_path: str | None, own: str, calls: list[str], tmp_path: Path
) -> None:
    write(tmp_path / "bin" / "python", "exit 0", "base")
    write(tmp_path / ".venv" / "bin" / "python", own, "own")
    write(tmp_path / "uv", GOOD, "brought")
    if on_path is not None:
        write(tmp_path / "bin" / "uv", on_path, "theirs")
    done = install(tmp_path, ".venv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "calls").read_text().splitlines() == calls
    by = "pip (a minute or two)" if calls[-1] == BY_PIP else "uv"
    assert done.stdout.splitlines()[-1] == f"Installing things into .venv, with {by} ..."
    assert done.stderr == ""


def test_what_pip_cannot_install_is_the_error(tmp_path: Path) -> None:
    write(tmp_path / "bin" / "python", "exit 0", "base")
    write(tmp_path / ".venv" / "bin" / "python", BAD, "own")
    done = install(tmp_path, ".venv")
    assert (done.returncode, done.stderr) == (1, "no network\n")


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("absent", "absent was not found. Install Python 3.11 or newer"),
        ("old", "Python 3.9.1 is too old: Python 3.11 or newer is needed."),
        ("bare", "on Debian and Ubuntu, install the package python3-venv."),
    ],
)
def test_what_python_lacks_is_told(python: str, words: str, tmp_path: Path) -> None:
    write(
        tmp_path / "bin" / "old",
        'case "$1" in --version) echo Python 3.9.1;; *) exit 1;; esac',
        "old",
    )
    write(tmp_path / "bin" / "bare", 'case "$1" in -m) exit 1;; esac', "bare")
    done = install(tmp_path, ".venv", python)
    assert done.returncode == 1
    assert words in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_the_version_of_uv_is_exact() -> None:
    pins = (PROJECT / "constraints.txt").read_text().splitlines()
    assert [pin for pin in pins if pin.startswith("uv==")]
