"""What docs/going-to-production.md offers holds together; what needs no Docker is run."""

import configparser
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from sync.docs import PROJECT
from tests.python.receiver.server import receiving

PAGE = (PROJECT / "docs" / "going-to-production.md").read_text()


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each with its arguments in one line."""
    text = re.sub(r"^#.*\n", "", (PROJECT / "Dockerfile").read_text(), flags=re.M)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines if line.strip()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of what git has, with the Dockerfile's command."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "-C", str(PROJECT), "ls-files", "sync"], capture_output=True, text=True, check=True
    )
    for name in ("pyproject.toml", "README.md", "LICENSE", *listed.stdout.splitlines()):
        if (PROJECT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((PROJECT / name).read_bytes())
    (build,) = [text for name, text in instructions() if name == "RUN" and "pip wheel" in text]
    arguments = shlex.split(build.split("&&")[0])[1:]
    subprocess.run(
        [sys.executable, "-m", "pip", *arguments], cwd=folder, capture_output=True, check=True
    )
    (made,) = (folder / "dist").iterdir()
    return made


def test_the_wheel_holds_every_file_of_the_package_and_works_from_another_folder(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    listed = subprocess.run(
        ["git", "-C", str(PROJECT), "ls-files", "sync"], capture_output=True, text=True, check=True
    )
    named = {name for name in listed.stdout.splitlines() if (PROJECT / name).exists()}
    assert named - packed == set()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sync", *arguments],
            cwd=tmp_path,
            env={
                **{name: os.environ[name] for name in os.environ if not name.startswith("DBT_")},
                "PYTHONPATH": str(tmp_path / "site"),
                "CONTACT_SYNC_DUCKDB": str(tmp_path / "none.duckdb"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    (tmp_path / "profiles").mkdir()
    profile = (PROJECT / "profiles.example.yml").read_text()
    (tmp_path / "profiles" / "profiles.yml").write_text(profile)
    (tmp_path / "a.csv").write_text("email,email_status\nmia@example.com,unsubscribed\n")
    assert "Commands:" in run("--help").stdout
    assert run("backfill", "a.csv", "--dry-run").returncode == 0
    where = ("--project-dir", str(PROJECT), "--profiles-dir", "profiles")
    asked = run("status", *where)
    assert asked.returncode == 2
    assert "none.duckdb" in asked.stderr
    assert asked.stderr.count("\n") == 1


def test_the_image_installs_what_is_pinned_and_runs_as_nobody_in_particular() -> None:
    installs = [text for name, text in instructions() if name == "RUN" and "pip install" in text]
    commands = [part for text in installs for part in text.split("&&") if "pip install" in part]
    assert [
        "--require-hashes -r requirements-cloud.txt" in command or "--no-index" in command
        for command in commands
    ] == [True, True]
    names = [name for name, _ in instructions()]
    assert names.count("FROM") == 2
    assert ("USER", "10001") in instructions()
    assert names.index("USER") < names.index("CMD", names.index("ENTRYPOINT"))


def test_what_the_image_copies_is_there_and_is_not_left_out() -> None:
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    patterns = [line.removeprefix("**/") for line in ignored if not line.startswith("#")]
    copied = [
        name
        for instruction, text in instructions()
        if instruction == "COPY" and not text.startswith("--from")
        for name in text.split()[:-1]
    ]
    for name in copied:
        assert (PROJECT / name).exists(), name
        assert not any(fnmatch(part, pattern) for part in Path(name).parts for pattern in patterns)
    # All that dbt reads.
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())
    paths = {path for key, value in project.items() if key.endswith("-paths") for path in value}
    assert paths <= set(copied)
    assert {"dbt_project.yml", "selectors.yml", "profiles.example.yml"} <= set(copied)


def test_the_health_check_asks_a_running_receiver_and_fails_without_one(tmp_path: Path) -> None:
    (text,) = [text for name, text in instructions() if name == "HEALTHCHECK"]
    command = json.loads(text.split("CMD ", 1)[1])

    def check(port: str) -> int:
        return subprocess.run(
            [sys.executable, *command[1:]],
            env={**os.environ, "PORT": port},
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode

    with receiving(tmp_path, {}) as server:
        port = server.url.rsplit(":", 1)[1]
        assert check(port) == 0
    assert check(port) == 1


def test_compose_writes_to_the_volume_alone() -> None:
    service = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]["contact-sync"]
    assert service["read_only"]
    assert service["volumes"] == ["data:/data"]
    written = dict(
        re.findall(r"(\w+)=(\S+)", next(text for name, text in instructions() if name == "ENV"))
    )
    places = ("CONTACT_SYNC_DUCKDB", "CONTACT_SYNC_LANDING", "DBT_TARGET_PATH", "DBT_LOG_PATH")
    for name in places:
        assert written[name].startswith("/data/")
    # An .env of a checkout has them, relative to it.
    for name in places[:2]:
        assert service["environment"][name] == written[name]


def test_the_workflow_runs_what_continuous_integration_runs() -> None:
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    steps = workflow["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run"]


def test_the_units_of_systemd_can_be_read_and_name_commands_that_exist() -> None:
    units = re.findall(r"```ini\n(.*?)```", PAGE, re.S)
    assert len(units) == 5
    started = []
    for text in units:
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment, method-assign]
        unit.read_string(text)
        assert "Description" in unit["Unit"]
        assert {"Service", "Timer"} & set(unit.sections())
        started += re.findall(r"^ExecStart=\S+/contact-sync (\S+)", text, re.M)
    assert started == ["run", "build", "push", "build"]


def test_the_shell_completes_a_command() -> None:
    (variable,) = set(re.findall(r"(_[A-Z_]+_COMPLETE)=bash_source", PAGE))
    done = subprocess.run(
        [sys.executable, "-c", "from sync.cli import main; main()"],
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            variable: "bash_complete",
            "COMP_WORDS": "contact-sync reco",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["plain,reconcile"]
