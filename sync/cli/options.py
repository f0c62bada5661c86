"""Types of parameters, and the options that several commands take."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

# Heavy imports are inside the functions: --help must not wait for them.
if TYPE_CHECKING:
    from sync.addresses import Country
    from sync.delivery.guard import Share
    from sync.delivery.shard import Shard
    from sync.place import Place
    from sync.privacy.tombstones import Tombstones
    from sync.profile import Target
    from sync.warehouse.base import Warehouse

Command = TypeVar("Command", bound=Callable[..., Any])
Parsed = TypeVar("Parsed")

# The longest span that an option takes.
_LONGEST: Final = timedelta(days=36500)


def shortened(text: str) -> str:
    """A value as an error names it."""
    return repr(text if len(text) <= 80 else f"{text[:80]}...")


class PathType(click.Path):
    """A file or folder; an empty name is none."""

    def __init__(self, *, is_folder: bool = False) -> None:
        super().__init__(path_type=Path, file_okay=not is_folder, dir_okay=is_folder)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if not str(value):
            self.fail("the name is empty.", param, ctx)
        return super().convert(value, param, ctx)


class ParsedType(click.ParamType[Parsed]):
    """What a function reads in a text; its ValueError says why it is refused."""

    def __init__(self, name: str, parse: Callable[[str], Parsed]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Parsed:
        """What the text says; a value that is no text any more is left as it is."""
        if not isinstance(value, str):
            return cast("Parsed", value)
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    if found is None:
        raise ValueError(f"{shortened(text)} is not a duration like 26h, 90m or 2d")
    seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{shortened(text)} is more than {_LONGEST.days} days")
    return timedelta(seconds=seconds)


def _shard(text: str) -> Shard:
    from sync.delivery.shard import Shard

    return Shard.parse(text)


def _share(text: str) -> Share:
    from sync.delivery.guard import Share

    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)(?::(\d{1,15}))?", text.strip())
    part = float(found[1]) / (100 if found[2] else 1) if found else 2.0
    if found is None or part > 1:
        raise ValueError(f"{shortened(text)} is not a share like 0.2, 20% or 20%:100")
    # A plain 0 means none at all.
    floor = int(found[3]) if found[3] else (100 if part else 0)
    return Share(part, floor)


FILE: Final = PathType()
FOLDER: Final = PathType(is_folder=True)
#: A span of time like 26h, 90m or 2d.
DURATION: Final = ParsedType("duration", _duration)
#: A port to listen on; 0 is a free one.
PORT: Final = click.IntRange(0, 65535)
CHANNEL: Final = click.Choice(["email", "sms", "push"])


@dataclass(frozen=True)
class Project:
    """The dbt project and its warehouse, as a command's options name them.

    What is read of the profile is read when it is asked for: ProfileError where dbt would not find
    its way either.
    """

    target_name: str | None
    profiles_dir: Path | None
    project_dir: Path | None
    #: For another program that has DuckDB's file open; of commands that take --wait.
    wait: timedelta = timedelta(0)

    @cached_property
    def target(self) -> Target:
        """The output of the dbt profile."""
        from sync.profile import load_target

        return load_target(
            target=self.target_name, profiles_dir=self.profiles_dir, project_dir=self.project_dir
        )

    @property
    def options(self) -> list[tuple[str, object]]:
        """The options that name it; those with None were not given."""
        return [
            ("--target", self.target_name),
            ("--profiles-dir", self.profiles_dir),
            ("--project-dir", self.project_dir),
        ]

    def open(self, *, read_only: bool) -> Warehouse:
        """The warehouse. Raises ConfigError where its engine is unknown or not installed."""
        from sync.warehouse import open_warehouse

        return open_warehouse(self.target, read_only=read_only, wait=self.wait)

    def open_to_read(self, *, may_be_older: bool) -> Warehouse:
        """The warehouse, or its published copy, as sync.warehouse.open_to_read says."""
        from sync.warehouse import open_to_read

        return open_to_read(self.target, wait=self.wait, may_be_older=may_be_older)

    def place(self) -> Place:
        """Where the project and its warehouse are."""
        from sync.place import Place
        from sync.profile import project_directory

        # Only what was given: where the options differ from those of its last run, dbt parses anew.
        options = ["--target", self.target_name] if self.target_name is not None else []
        if self.profiles_dir is not None:
            options += ["--profiles-dir", str(self.profiles_dir.absolute())]
        return Place(self.target, project_directory(self.project_dir), tuple(options))

    def country(self) -> Country | None:
        """The rules that the variable default_country_code of dbt_project.yml names; None where it
        is not set. Raises ConfigError where it names no country.
        """
        from sync.addresses import read_country
        from sync.errors import ConfigError
        from sync.profile import project_directory, project_variable

        code = project_variable("default_country_code", self.project_dir)
        if code is None or not code.strip():
            return None
        seeds = project_directory(self.project_dir) / "seeds"
        try:
            found = read_country(code, seeds)
        except OSError as error:
            raise ConfigError(
                f"default_country_code is set, and {seeds / 'phone_countries.csv'} cannot be read."
            ) from error
        if found is None:
            raise ConfigError(
                f"default_country_code: no country has the calling code {code[:20]}"
                " (seeds/phone_countries.csv)."
            )
        return found

    def tombstones(self) -> Tombstones | None:
        """What the forgotten refused; None before the first build.

        Raises MissingCredential where somebody was forgotten and the key is not set.
        """
        from sync.errors import WarehouseMissing
        from sync.privacy.tombstones import Tombstones

        country = self.country()
        try:
            return Tombstones(self.open(read_only=True), os.environ, country)
        except WarehouseMissing:
            return None


def options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """A decorator that adds these options; --help lists them in this order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def profile_options(command: Command) -> Command:
    """--target, --profiles-dir, --project-dir, which the command takes as its `project`."""

    @wraps(command)
    def with_project(
        *, target: str | None, profiles_dir: Path | None, project_dir: Path | None, **others: Any
    ) -> Any:
        return command(project=Project(target, profiles_dir, project_dir), **others)

    decorate = options(
        click.option("--target", help="Output of the dbt profile.  [default: the profile's own]"),
        click.option(
            "--profiles-dir",
            type=FOLDER,
            metavar="DIR",
            help="Folder of profiles.yml.  [default: this one, else ~/.dbt]",
        ),
        click.option(
            "--project-dir",
            type=FOLDER,
            metavar="DIR",
            help="Folder of dbt_project.yml.  [default: this one, or the nearest above it]",
        ),
    )
    return cast("Command", decorate(with_project))


def warehouse_options(command: Command) -> Command:
    """The options of the profile, and --wait: how long `project.open` waits for DuckDB's file."""

    @wraps(command)
    def waiting(*, project: Project, wait: timedelta, **others: Any) -> Any:
        return command(project=replace(project, wait=wait), **others)

    wait_option = click.option(
        "--wait",
        type=DURATION,
        default="5m",
        help="How long to wait for a build, or another program, that has DuckDB's file open.",
    )
    return cast("Command", profile_options(wait_option(waiting)))


#: --no-publish: whether readers get a copy of DuckDB's file.
publish_option = options(
    click.option(
        "--publish/--no-publish",
        default=True,
        help="After a build that is ok, copy DuckDB's file for readers (docs/reading.md).",
    )
)

#: --output: text for people, JSON for programs.
output_option = options(
    click.option("--output", type=click.Choice(["text", "json"]), default="text")
)

#: --destination, as often as there are platforms to name.
destinations_option = options(
    click.option(
        "--destination",
        "destinations",
        multiple=True,
        metavar="NAME",
        help="Only this platform; may be repeated.  [default: all that are enabled]",
    )
)

#: --destination, --limit, --shard: which deltas.
selection_options = options(
    destinations_option,
    click.option(
        "--limit",
        type=click.IntRange(1, 1_000_000_000),
        metavar="N",
        help="At most so many items per destination, the most urgent first.",
    ),
    click.option(
        "--shard",
        type=ParsedType("i/n", _shard),
        metavar="I/N",
        help="Only this part of the items, for N jobs side by side: 1/4, 2/4 ...; they share "
        "the platforms' limits.  [default: the task's part in a Cloud Run job, else all]",
    ),
)


def guard_options(command: Command) -> Command:
    """--max-age, --max-suppress, --max-release, which the command takes as its `limits`."""

    @wraps(command)
    def with_limits(
        *, max_age: timedelta, max_suppress: Share, max_release: Share, **others: Any
    ) -> Any:
        from sync.delivery.guard import Limits

        return command(limits=Limits(max_age, max_suppress, max_release), **others)

    share = ParsedType("share[:floor]", _share)
    decorate = options(
        click.option(
            "--max-age", type=DURATION, default="26h", help="Oldest build that may be pushed."
        ),
        click.option(
            "--max-suppress",
            type=share,
            default="20%:100",
            help="Most suppressions: a share of the list; up to the floor, any number.",
        ),
        click.option(
            "--max-release",
            type=share,
            default="10%:100",
            help="Most releases and subscribes: a share of the list; up to the floor, any number.",
        ),
    )
    return cast("Command", decorate(with_limits))


def receiver_options(
    *, host: str, port: str, unsigned: str, port_variable: str | None = None
) -> Callable[[Command], Command]:
    """--host, --port, --allow-unsigned: where a command listens, and whom it takes unsigned.

    host, port, unsigned: the help. port_variable: of the environment, counts without --port.
    """
    default = f"{port_variable} of the environment, else 8080" if port_variable else None
    return options(
        click.option("--host", default="127.0.0.1", help=host),
        click.option(
            "--port", type=PORT, default=8080, envvar=port_variable, show_default=default, help=port
        ),
        click.option(
            "--allow-unsigned", "unsigned", multiple=True, metavar="SOURCE", help=unsigned
        ),
    )
