"""The dbt profile as the only place of connection settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.errors import ProfileError
from sync.profile import load_target
from sync.warehouse import open_warehouse

TEXT = """
contact_sync:
  target: "{{ env_var('CHOSEN', 'duckdb') }}"
  outputs:
    duckdb:
      type: duckdb
      path: "{{ env_var('FILE', 'default.duckdb') }}"
      schema: marts
      threads: "{{ env_var('THREADS', '2') | as_number }}"
    bigquery: {type: bigquery, dataset: ds, project: "{{ env_var('PROJECT') }}"}
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and home, and none of dbt's variables."""
    for name in ("PROFILES_DIR", "PROJECT_DIR", "PROFILE", "TARGET"):
        monkeypatch.delenv(f"DBT_{name}", raising=False)
        monkeypatch.delenv(f"DBT_ENGINE_{name}", raising=False)
    for name in ("CHOSEN", "FILE", "PROJECT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def write(folder: Path, text: str = TEXT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profiles.yml").write_text(text, encoding="utf-8")
    return folder


def test_found_where_dbt_finds_it(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(profiles_dir: Path | None = None) -> str:
        target = load_target(target=None, profiles_dir=profiles_dir, project_dir=None)
        return str(target.settings["path"])

    write(elsewhere / "home" / ".dbt", TEXT.replace("default.duckdb", "home.duckdb"))
    assert found() == "home.duckdb"
    write(elsewhere / "work", TEXT.replace("default.duckdb", "work.duckdb"))
    assert found() == "work.duckdb"
    write(elsewhere / "variable", TEXT.replace("default.duckdb", "variable.duckdb"))
    monkeypatch.setenv("DBT_PROFILES_DIR", str(elsewhere / "variable"))
    assert found() == "variable.duckdb"
    write(elsewhere / "option", TEXT.replace("default.duckdb", "option.duckdb"))
    assert found(elsewhere / "option") == "option.duckdb"


def test_env_var_and_the_target_are_rendered(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(elsewhere / "work")
    monkeypatch.setenv("FILE", "other.duckdb")
    target = load_target(target=None, profiles_dir=None, project_dir=None)
    assert (target.name, target.engine, target.schema) == ("duckdb", "duckdb", "marts")
    assert target.settings["path"] == "other.duckdb"
    monkeypatch.setenv("CHOSEN", "bigquery")
    monkeypatch.setenv("PROJECT", "p")
    target = load_target(target=None, profiles_dir=None, project_dir=None)
    assert (target.name, target.schema) == ("bigquery", "ds")
    assert load_target(target="duckdb", profiles_dir=None, project_dir=None).name == "duckdb"


def test_the_project_says_which_profile(elsewhere: Path) -> None:
    write(elsewhere / "work", TEXT + "another:\n  target: x\n  outputs: {x: {type: duckdb}}\n")
    with pytest.raises(ProfileError, match="--project-dir"):
        load_target(target=None, profiles_dir=None, project_dir=None)
    (elsewhere / "work" / "dbt_project.yml").write_text("profile: another\n", encoding="utf-8")
    assert load_target(target=None, profiles_dir=None, project_dir=None).name == "x"


@pytest.mark.parametrize("prefix", ["DBT_", "DBT_ENGINE_"])
def test_dbts_own_variables_choose_what_dbt_chooses_by_them(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    two = "another:\n  target: a\n  outputs: {a: {type: duckdb}, b: {type: duckdb}}\n"
    write(elsewhere / "profiles", TEXT + two)
    (elsewhere / "project").mkdir()
    (elsewhere / "project" / "dbt_project.yml").write_text(
        "name: p\nprofile: contact_sync\nmodel-paths: []\n", encoding="utf-8"
    )
    # What stands before it is outdone by the newer name.
    monkeypatch.setenv("DBT_TARGET", "duckdb")
    chosen = {"PROFILES_DIR": "profiles", "PROJECT_DIR": "project"}
    for name, folder in chosen.items():
        monkeypatch.setenv(prefix + name, str(elsewhere / folder))
    monkeypatch.setenv(f"{prefix}PROFILE", "another")
    monkeypatch.setenv(f"{prefix}TARGET", "b")
    assert load_target(target=None, profiles_dir=None, project_dir=None).name == "b"
    assert dbts_own_target() == ("another", "b")


def dbts_own_target() -> tuple[str, str]:
    """The profile and the target that dbt finds by the environment alone."""
    from dbt.cli.flags import Flags
    from dbt.cli.main import cli
    from dbt.config.runtime import load_profile
    from dbt.flags import set_flags

    of_dbt = cli.make_context("dbt", ["parse"])
    flags = Flags(cli.commands["parse"].make_context("parse", [], parent=of_dbt))
    set_flags(flags)  # type: ignore[no-untyped-call]
    profile = load_profile(str(flags.PROJECT_DIR), flags.VARS, flags.PROFILE, flags.TARGET)
    return profile.profile_name, profile.target_name


def test_the_example_profile_of_the_project_can_be_used(elsewhere: Path) -> None:
    example = Path(__file__).parents[3] / "profiles.example.yml"
    write(elsewhere / "work", example.read_text(encoding="utf-8"))
    assert load_target(target=None, profiles_dir=None, project_dir=None).engine == "duckdb"
    bigquery = load_target(target="bigquery", profiles_dir=None, project_dir=None)
    assert bigquery.engine == "bigquery"


@pytest.mark.parametrize(
    ("text", "target", "says"),
    [
        (None, None, "profiles.example.yml"),
        (TEXT, "nowhere", "bigquery, duckdb"),
        (TEXT, "bigquery", "PROJECT"),
        ("contact_sync: {}", None, "no profile"),
        ("contact_sync: [", None, "not valid YAML"),
        ("- a", None, "holds no settings"),
        ("contact_sync: {target: a, outputs: {a: {path: x}}}", None, "no type"),
        (
            "contact_sync: {target: a, outputs: {a: {type: duckdb, path: '{{ x('}}}",
            None,
            "rendered",
        ),
    ],
)
def test_errors_say_what_to_do(
    elsewhere: Path, text: str | None, target: str | None, says: str
) -> None:
    if text is not None:
        write(elsewhere / "work", text)
    with pytest.raises(ProfileError, match=says):
        load_target(target=target, profiles_dir=None, project_dir=None)


def test_a_broken_profile_does_not_show_its_secrets(elsewhere: Path) -> None:
    write(elsewhere / "work", "a:\n  outputs:\n    password: hunter2\n   bad: [hunter2\n")
    with pytest.raises(ProfileError) as caught:
        load_target(target=None, profiles_dir=None, project_dir=None)
    assert "hunter2" not in str(caught.value)
    assert "line" in str(caught.value)


@pytest.mark.parametrize("path", [":memory:", "md:cloud", "s3://bucket/x.duckdb"])
def test_a_duckdb_that_is_no_file_is_refused(elsewhere: Path, path: str) -> None:
    write(
        elsewhere / "work",
        f"p: {{target: d, outputs: {{d: {{type: duckdb, path: '{path}', schema: main}}}}}}",
    )
    target = load_target(target=None, profiles_dir=None, project_dir=None)
    with pytest.raises(ProfileError, match="not a file"):
        open_warehouse(target, read_only=True)
