"""Connection settings from the same profiles.yml and target as dbt uses, without importing dbt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sync.errors import ProfileError, SyncError
from sync.files import read_text


@dataclass(frozen=True, slots=True)
class Target:
    """One output of a dbt profile. settings: its keys as rendered, for the engine's own module."""

    name: str
    engine: str
    schema: str
    settings: Mapping[str, Any] = field(repr=False)


def dbt_variable(name: str) -> str | None:
    """What dbt reads from the environment: DBT_ENGINE_<name>, else DBT_<name> (dbt-core 1.11)."""
    return os.environ.get(f"DBT_ENGINE_{name}") or os.environ.get(f"DBT_{name}") or None


def landing_directory() -> Path:
    """Where deliveries land, and are read from, with a DuckDB target."""
    return Path(os.environ.get("CONTACT_SYNC_LANDING") or "landing")


def load_target(
    *, target: str | None, profiles_dir: Path | None, project_dir: Path | None
) -> Target:
    """The output that dbt would use with the same options and environment.

    Searched as dbt does: --profiles-dir, DBT_PROFILES_DIR, ./profiles.yml, ~/.dbt.
    Raises ProfileError where dbt would not find its way either.
    """
    path, name, profile = _profile(profiles_dir, project_directory(project_dir))
    wanted = target or dbt_variable("TARGET") or _render(profile.get("target"), path)
    chosen = str(wanted or "default")
    outputs = profile["outputs"]
    if chosen not in outputs:
        known = ", ".join(sorted(map(str, outputs)))
        raise ProfileError(f"{path}: profile {name!r} has no target {chosen!r} (it has: {known}).")
    settings = _render(outputs[chosen], path)
    if not isinstance(settings, dict) or "type" not in settings:
        raise ProfileError(f"{path}: target {chosen!r} of profile {name!r} has no type.")
    return Target(
        name=chosen,
        engine=str(settings["type"]),
        # BigQuery calls its schema a dataset; dbt takes both words.
        schema=str(settings.get("schema") or settings.get("dataset") or "main"),
        settings=settings,
    )


def profile_with(
    changes: Mapping[str, str], *, target: str, profiles_dir: Path | None, project: Path
) -> dict[str, Any]:
    """What profiles.yml holds for one target, with some settings changed; all others as written,
    so that what the environment holds stays there.
    """
    _, name, profile = _profile(profiles_dir, project)
    settings = {
        # BigQuery's dataset has two names.
        key: value
        for key, value in profile["outputs"][target].items()
        if not (key == "schema" and "dataset" in changes)
    }
    return {name: {"target": target, "outputs": {target: {**settings, **changes}}}}


def _profile(profiles_dir: Path | None, project: Path) -> tuple[Path, str, dict[str, Any]]:
    """The file, the profile's name, and what the file says of it, not rendered."""
    path = _profiles_file(profiles_dir)
    profiles = _read_yaml(path)
    name = _profile_name(project, profiles, path)
    profile = profiles.get(name)
    if not isinstance(profile, dict) or not isinstance(profile.get("outputs"), dict):
        known = ", ".join(sorted(str(key) for key in profiles if key != "config")) or "none"
        raise ProfileError(f"{path} has no profile {name!r} with outputs (it has: {known}).")
    return path, name, profile


def project_variable(name: str, project_dir: Path | None) -> str | None:
    """A variable of dbt_project.yml as text; None where it, or the file, is not there."""
    path = project_directory(project_dir) / "dbt_project.yml"
    if not path.is_file():
        return None
    variables = _read_yaml(path).get("vars") or {}
    if not isinstance(variables, dict):
        raise ProfileError(f"{path}: vars are not names with values.")
    value = variables.get(name)
    return None if value is None else str(_render(value, path))


def project_directory(given: Path | None) -> Path:
    """Where dbt_project.yml is: --project-dir, DBT_PROJECT_DIR, this folder or one above it."""
    named = given or dbt_variable("PROJECT_DIR")
    if named is not None:
        return Path(named).absolute()
    here = Path.cwd()
    return next((p for p in (here, *here.parents) if (p / "dbt_project.yml").is_file()), here)


def _profiles_file(given: Path | None) -> Path:
    named = given or dbt_variable("PROFILES_DIR")
    candidates = [Path(named)] if named is not None else [Path.cwd(), Path.home() / ".dbt"]
    for directory in candidates:
        if (directory / "profiles.yml").is_file():
            return directory / "profiles.yml"
    places = " or ".join(str(directory) for directory in candidates)
    raise ProfileError(
        f"No profiles.yml in {places}. Copy profiles.example.yml to profiles.yml, "
        "or name its folder with --profiles-dir."
    )


def _profile_name(project: Path, profiles: Mapping[str, Any], path: Path) -> str:
    chosen = dbt_variable("PROFILE")
    if chosen is not None:
        return chosen
    if (project / "dbt_project.yml").is_file():
        name = _read_yaml(project / "dbt_project.yml").get("profile")
        if name:
            return str(_render(name, project / "dbt_project.yml"))
    names = [key for key in profiles if key != "config"]
    if len(names) == 1:
        return str(names[0])
    raise ProfileError(
        f"{path} holds several profiles and no dbt_project.yml says which: name its folder with "
        "--project-dir."
    )


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(read_text(path))
    except SyncError:
        raise
    except RecursionError:
        raise ProfileError(f"{path} is nested too deeply.") from None
    # A date or a tag with a wrong value is whatever error PyYAML stumbles over.
    except Exception as error:
        # Only the place: the line itself may hold a secret.
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise ProfileError(f"{path} is not valid YAML{line}.") from None
    if not isinstance(content, dict):
        raise ProfileError(f"{path} holds no settings.")
    return content


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise ProfileError(
            f"The profile needs the environment variable {name}. Set it, then retry."
        )
    return value


def _render(value: Any, path: Path) -> Any:
    """value with jinja rendered in every text that it holds."""
    try:
        return _rendered(value, path)
    except RecursionError:
        raise ProfileError(f"{path}: a setting is nested too deeply.") from None


def _rendered(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _rendered(item, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_rendered(item, path) for item in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    # dbt's own filters: what they would make of the text is made by the reader of the setting.
    for name in ("as_number", "as_bool", "as_native", "as_text"):
        environment.filters[name] = str
    try:
        return environment.from_string(value).render(env_var=_env_var)
    except jinja2.TemplateError as error:
        # The value itself may be a secret: only the fault is told.
        raise ProfileError(f"{path}: a setting cannot be rendered: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        kind = type(error).__name__
        raise ProfileError(f"{path}: a setting cannot be rendered: {kind}.") from None
