"""The demonstration's own place (profile, landing zone, database, logs) and commands run in it."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sync.demo.platforms import enable, settings
from sync.destinations import names
from sync.errors import ConfigError, SyncError
from sync.files import read_text
from sync.profile import load_target
from sync.warehouse import open_warehouse

_DBT: Final = (sys.executable, "-c", "from dbt.cli.main import cli; cli()")
_CONTACT_SYNC: Final = (sys.executable, "-m", "sync")
_OURS: Final = ("CONTACT_SYNC_", "DBT_", *(f"{name.upper()}_" for name in names()))
# Only a directory that holds this file is ever emptied.
_MARK: Final = ".contact-sync-demo"
# What a failed command's log is searched for, so that the cause is told and not only the place.
_CAUSE: Final = re.compile(r"error|failure|fail ", re.IGNORECASE)
# How dbt numbers what it has done: `63 of 163 OK created sql view model ...`. Hooks have their own.
_STEP: Final = re.compile(r" (\d+) of (\d+) (?!START|.*\bhook\b)")


class CommandFailed(SyncError):
    """A command of the demonstration did not succeed; the message tells its last words."""


class Workspace:
    """A directory with everything in it; nothing outside is read or written but the dbt project."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.project = find_project()
        self.landing = self.directory / "landing"
        self.database = self.directory / "contact_sync.duckdb"
        self.log = self.directory / "commands.log"
        # Made up for this run: no credential of the caller's is read.
        self.api_key = f"SG.demo.{secrets.token_urlsafe(24)}"
        self.base_url = ""
        #: Variables of further platforms.
        self.settings: dict[str, str] = {}

    def prepare(self) -> None:
        """Empties the directory and writes the profile.

        Raises ConfigError where the directory holds something that no demonstration made.
        """
        if self.directory.exists():
            if any(self.directory.iterdir()) and not (self.directory / _MARK).is_file():
                raise ConfigError(
                    f"{self.directory} is not empty and not a demonstration's. Name another folder."
                )
            shutil.rmtree(self.directory)
        self.landing.mkdir(parents=True)
        (self.directory / _MARK).touch()
        profile = read_text(self.project / "profiles.example.yml")
        # Written out: every command finds the database, whatever the caller's environment says.
        fixed = {"CONTACT_SYNC_DUCKDB": self.database.as_posix(), "CONTACT_SYNC_TARGET": "duckdb"}
        for name, text in fixed.items():
            profile = re.sub(rf"env_var\('{name}'[^)]*\)", repr(text), profile)
        (self.directory / "profiles.yml").write_text(profile, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """The environment of every command: the caller's own settings and credentials left out."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
        ours = {
            "CONTACT_SYNC_LANDING": str(self.landing),
            "CONTACT_SYNC_DUCKDB": str(self.database),
            "DBT_PROFILES_DIR": str(self.directory),
            "DBT_PROJECT_DIR": str(self.project),
            "DBT_TARGET_PATH": str(self.directory / "target"),
            "DBT_LOG_PATH": str(self.directory / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
            "SENDGRID_API_KEY": self.api_key,
        }
        if self.base_url:
            ours["SENDGRID_BASE_URL"] = self.base_url
        return kept | self.settings | ours

    def build(self, selection: Sequence[str], on_step: Callable[[int, int], None]) -> int:
        """`dbt build` of a selection; calls `on_step` after each step, gives how many there were.

        A step is a seed, a model, a snapshot or a test. Raises CommandFailed.
        """
        steps = 0

        def heard(line: str) -> None:
            nonlocal steps
            if found := _STEP.search(line):
                steps = int(found[2])
                on_step(int(found[1]), steps)

        self._run([*_DBT, "build", *selection, "--target", "duckdb"], "dbt build", on_line=heard)
        return steps

    def use_all_platforms(self, url: str) -> None:
        """From now on every row of the destinations is enabled, and found in the sandbox."""
        enable(self.project, self.directory / "project")
        self.project = self.directory / "project"
        self.settings = settings(url)

    def command(self, *arguments: str, may_end_with: tuple[int, ...] = (0,)) -> Any:
        """Runs `contact-sync` with `--output json` and returns what it printed.

        Raises CommandFailed where it ends with another exit code.
        """
        said = self._run(
            [*_CONTACT_SYNC, *arguments, "--output", "json"],
            f"contact-sync {arguments[0]}",
            may_end_with=may_end_with,
        )
        return json.loads(said)

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The result of a query, read and written as the commands do (sync.warehouse.base)."""
        target = load_target(target="duckdb", profiles_dir=self.directory, project_dir=self.project)
        return open_warehouse(target, read_only=True).rows(sql, parameters)

    def _run(
        self,
        command: Sequence[str],
        name: str,
        *,
        may_end_with: tuple[int, ...] = (0,),
        on_line: Callable[[str], None] | None = None,
    ) -> str:
        """The command's output, each line given to `on_line` as it comes.

        Raises CommandFailed with the end of it.
        """
        with (
            # A file: a pipe that nobody reads meanwhile could fill up.
            tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
            subprocess.Popen(
                command,
                cwd=self.project,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if on_line is not None:
                    on_line(line)
            code = process.wait()
            errors.seek(0)
            stdout, stderr = "".join(said), errors.read()
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {name}\n{stdout}{stderr}\n")
        if code not in may_end_with:
            lines = [line for line in (stdout + stderr).splitlines() if line.strip()]
            telling = [line for line in lines if _CAUSE.search(line)] or lines
            raise CommandFailed(
                "\n".join(
                    [
                        f"{name} ended with exit code {code}:",
                        *(f"  {line.strip()}" for line in telling[-6:]),
                        f"All that it said is in {self.log}",
                    ]
                )
            )
        return stdout


def find_project() -> Path:
    """The folder of the dbt project: the one we stand in, else the one this package lies in.

    Raises ConfigError where neither is there.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / "dbt_project.yml").is_file() and (folder / "profiles.example.yml").is_file():
            return folder
    raise ConfigError("The demonstration needs the dbt project: run it in a clone of contact-sync.")
