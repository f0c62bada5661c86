"""What is written twice says the same: pages of docs/, settings, pins, the targets of make."""

import re
import subprocess
import tomllib
from fnmatch import fnmatch
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


def test_the_extract_of_the_demo_in_the_readme_is_of_its_whole_transcript() -> None:
    """docs/demo.md is compared with a real run (tests/python/demo)."""
    whole = (PROJECT / "docs" / "demo.md").read_text()
    blocks = re.findall(r"^```\n(.*?)^```$", (PROJECT / "README.md").read_text(), re.M | re.S)
    (extract,) = [block for block in blocks if "suppression_list, who" in block]
    for part in extract.split("...\n"):
        assert part in whole


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    for page in (PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
    assert len((PROJECT / "README.md").read_text().splitlines()) < 150


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


def pins_of(name: str) -> dict[str, str]:
    """Versions by library, of a file that pins each of them."""
    pins: dict[str, str] = {}
    for line in (PROJECT / name).read_text().splitlines():
        if line and not line.startswith(("#", " ")):
            found = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)( ; [^;]+?)?( \\)?", line)
            assert found is not None, line
            pins[str(canonicalize_name(found[1]))] = found[2]
    return pins


def test_what_runs_in_the_cloud_is_installed_with_hashes() -> None:
    for page in ("receiver.md", "bigquery.md"):
        installs = [
            line
            for block in re.findall(
                r"```dockerfile\n(.*?)```", (PROJECT / "docs" / page).read_text(), re.S
            )
            for line in block.splitlines()
            if "pip install" in line
        ]
        assert installs, page
        for line in installs:
            bare = "--no-deps --no-build-isolation" in line
            assert bare or "pip install --require-hashes -r requirements-cloud.txt" in line, line
    function = (PROJECT / "docs" / "receiver.md").read_text()
    assert "cp requirements-cloud.txt build/function/requirements.txt" in function


def names_of(name: str) -> list[str]:
    """What a file of ignored names has, at the root or in any folder."""
    lines = (PROJECT / name).read_text().splitlines()
    return [line.removeprefix("**/").strip("/") for line in lines if not line.startswith("#")]


def test_an_image_holds_no_secret_no_landing_and_nothing_that_git_does_not_have() -> None:
    pages_with_images = [PROJECT / "docs" / page for page in ("receiver.md", "bigquery.md")]
    assert all("COPY . " in page.read_text() for page in pages_with_images)
    patterns = names_of(".dockerignore")
    secret = [".env", ".env.production", "landing", ".git", "warehouse.duckdb.wal", "profiles.yml"]
    for name in (*secret, *names_of(".gitignore")):
        assert any(fnmatch(name, pattern) for pattern in patterns), name
    needed = [
        PROJECT / name for name in ("dbt_project.yml", "selectors.yml", "profiles.example.yml")
    ]
    for folder in ("sync", "models", "macros", "seeds", "snapshots"):
        needed += [path for path in (PROJECT / folder).rglob("*.*") if path.suffix != ".pyc"]
    anywhere = [
        line.removeprefix("**/")
        for line in (PROJECT / ".dockerignore").read_text().splitlines()
        if line.startswith("**/")
    ]
    for path in needed:
        assert path.relative_to(PROJECT).parts[0] not in patterns
        assert not any(fnmatch(path.name, pattern) for pattern in anywhere), path


def test_every_requirement_of_the_cloud_has_hashes_and_the_version_of_the_constraints() -> None:
    text = (PROJECT / "requirements-cloud.txt").read_text()
    requirements = re.split(r"\n(?=[^\s#])", text)[1:]
    for requirement in requirements:
        assert re.fullmatch(r"\S+==.+( \\\n    --hash=sha256:[0-9a-f]{64})+\n?", requirement), (
            requirement
        )
    pins = pins_of("requirements-cloud.txt")
    assert len(pins) == len(requirements)
    everything = pins_of("constraints.txt")
    # Windows alone needs it, and constraints are those of Linux.
    assert {name: pins[name] for name in pins if name != "tzdata"}.items() <= everything.items()
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    chosen = ("receiver", "fcm", "bigquery", "google-function", "aws-lambda", "alert", "metrics")
    for needed in (*project["dependencies"], *(one for name in chosen for one in extras[name])):
        assert canonicalize_name(Requirement(needed).name) in pins, needed
    assert "://" not in text


def test_every_library_that_setup_installs_has_its_exact_version_in_the_constraints() -> None:
    pins = pins_of("constraints.txt")
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
