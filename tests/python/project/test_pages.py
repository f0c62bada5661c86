"""What is written twice says the same: pages of docs/, settings, pins, the targets of make."""

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sync import destinations
from sync.docs import PROJECT, pages

TARGETS = ("setup", "demo", "test", "lint", "bench", "mutants", "docs")


@pytest.mark.parametrize("path", list(pages()), ids=lambda path: path.name)
def test_the_generated_pages_are_those_that_make_docs_writes(path: Path) -> None:
    assert path.read_text() == pages()[path], "run `make docs` and commit what it writes"


def test_every_environment_variable_that_is_read_is_explained_in_the_example() -> None:
    explained = set(re.findall(r"^([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.M))
    files = [
        PROJECT / "profiles.example.yml",
        PROJECT / "dbt_project.yml",
        *(PROJECT / "macros").rglob("*.sql"),
        *(PROJECT / "models").rglob("*.*"),
        *(path for path in (PROJECT / "sync").rglob("*.py") if "demo" not in path.parts),
    ]
    read: set[str] = set()
    for path in files:
        read |= set(re.findall(r"\b(?:CONTACT_SYNC|SENDGRID)_[A-Z_]*[A-Z]\b", path.read_text()))
    for destination in map(destinations.get, destinations.names()):
        read |= {variable.name for variable in destination.variables}
        read |= {f"{destination.name.upper()}_{end}" for end in ("BASE_URL", "RATE", "BATCH_SIZE")}
    assert read - explained == set()


def test_no_value_stands_in_the_example_that_could_be_a_secret() -> None:
    for line in (PROJECT / ".env.example").read_text().splitlines():
        if re.match(r"[A-Z_]*(KEY|TOKEN|SECRET|PASSWORD)[A-Z_]*=", line):
            assert line.endswith("="), line


def test_every_library_that_setup_installs_has_its_exact_version_in_the_constraints() -> None:
    pins = {}
    for line in (PROJECT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line
            name, _, version = line.partition("==")
            pins[canonicalize_name(name)] = version
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    open_requirements = [
        Requirement(text) for texts in (project["dependencies"], *extras.values()) for text in texts
    ]
    seen: set[tuple[str, str]] = set()
    while open_requirements:
        requirement = open_requirements.pop()
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not pinned: make constraints"
        assert requirement.specifier.contains(pins[name], prereleases=True), str(requirement)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for text in metadata.distribution(name).requires or []:
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    open_requirements.append(needed)
    assert {name for name, _ in seen} <= pins.keys()


def test_make_alone_teaches_every_target() -> None:
    said = subprocess.run(
        ["make", "-C", str(PROJECT)], capture_output=True, text=True, check=True
    ).stdout
    for target in TARGETS:
        assert f"make {target} " in said


def test_continuous_integration_runs_make_test() -> None:
    script = PROJECT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("exec make test")
