"""The project as it stands and as it would be, in folders of the simulation's own."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from sync.errors import ConfigError
from sync.profile import project_variable

# What dbt makes, and what is none of it.
_LEFT_OUT: Final = {"target", "logs", ".git", ".venv"}


def as_it_stands(project: Path, folder: Path) -> Path:
    """A folder that links to all that the project is made of; dbt's own files go there."""
    folder.mkdir()
    for part in project.iterdir():
        if part.name not in _LEFT_OUT:
            (folder / part.name).symlink_to(part)
    return folder


def with_seeds(project: Path, folder: Path, seeds: Path) -> Path:
    """The project with the files of a folder in place of its seeds of the same names.

    Raises ConfigError where the folder has none, or one that is no seed of the project.
    """
    files = sorted(seeds.glob("*.csv"))
    if not files:
        raise ConfigError(f"{seeds} has no *.csv. Name a folder that holds the changed seeds.")
    unknown = [file.name for file in files if not (project / "seeds" / file.name).is_file()]
    if unknown:
        raise ConfigError(f"{seeds}: no seed of the project is called {', '.join(unknown)}.")
    as_it_stands(project, folder)
    (folder / "seeds").unlink()
    shutil.copytree(project / "seeds", folder / "seeds")
    for file in files:
        shutil.copy(file, folder / "seeds")
    return folder


def of_revision(project: Path, folder: Path, revision: str) -> Path:
    """The project as a git revision has it: seeds, vars, models and macros.

    Raises ConfigError where git does not know it.
    """
    if revision.startswith("-"):
        raise ConfigError(f"{revision!r} is no revision.")
    command = ["git", "-C", str(project), "archive", "--format=tar", revision, "."]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        raise ConfigError("--revision needs git, which is not installed here.") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ConfigError(
            f"git cannot show {revision!r}: {said[-1] if said else 'no reason given'}"
        )
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    if not (folder / "dbt_project.yml").is_file():
        raise ConfigError(f"{revision!r} has no dbt_project.yml where {project} has it.")
    if project_variable("is_simulation", folder) is None:
        # On BigQuery its builds would be recorded among those that count.
        raise ConfigError(f"{revision!r} is older than this command: rebase it, then retry.")
    return folder
