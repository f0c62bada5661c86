"""The settings of a run, read from environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
"""The dbt project that is measured: the one that this package lies in."""


class SettingError(ValueError):
    """A variable holds something that makes no sense; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured, and where. Each field's variable is named in `VARIABLES`."""

    events: int
    seed: int
    pairs: int
    events_per_person: int
    threads: int
    memory_limit: str
    directory: Path

    @property
    def people(self) -> int:
        """How many persons the events are about."""
        return max(20, self.events // self.events_per_person)

    @property
    def increment(self) -> int:
        """Events of the increment: one in a hundred."""
        return max(100, self.events // 100)


VARIABLES: Final = {
    "BENCH_EVENTS": ("1000000", "events landed before the first build"),
    "BENCH_SEED": ("1", "seed of the generator"),
    "BENCH_PAIRS": ("3", "interleaved repetitions; the medians are told"),
    "BENCH_EVENTS_PER_PERSON": ("15", "average"),
    "BENCH_THREADS": (
        "1",
        "dbt threads; with more, models that wait for each other's cores count twice",
    ),
    "BENCH_MEMORY_LIMIT": ("2GB", "DuckDB's memory_limit in the build under pressure"),
    "BENCH_DIR": (".bench", "work directory; landings are kept there for the next run"),
}
"""Variable: (default, meaning)."""


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment asks for.

    Raises SettingError where a number is none, or too small.
    """

    def text(name: str) -> str:
        return environment.get(name) or VARIABLES[name][0]

    def number(name: str, least: int) -> int:
        try:
            value = int(text(name).replace("_", ""))
        except ValueError:
            value = least - 1
        if value < least:
            raise SettingError(
                f"{name} must be a whole number of {least} or more, not {text(name)!r}"
            )
        return value

    directory = Path(text("BENCH_DIR"))
    return Settings(
        events=number("BENCH_EVENTS", 1_000),
        seed=number("BENCH_SEED", 0),
        pairs=number("BENCH_PAIRS", 1),
        events_per_person=number("BENCH_EVENTS_PER_PERSON", 1),
        threads=number("BENCH_THREADS", 1),
        memory_limit=text("BENCH_MEMORY_LIMIT"),
        directory=directory if directory.is_absolute() else PROJECT / directory,
    )
