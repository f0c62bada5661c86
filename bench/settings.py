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
    parts: tuple[str, ...]
    ledger_rows: int
    push_rows: int
    plan_rows: int

    @property
    def people(self) -> int:
        """How many persons the events are about."""
        return max(20, self.events // self.events_per_person)

    @property
    def increment(self) -> int:
        """Events of the increment: one in a hundred."""
        return max(100, self.events // 100)


PARTS: Final = {
    "builds": "goals 1 to 4: full builds, increments, memory, unengaged, JSON parses",
    "deltas": "goal 5: sync_deltas of one destination over a large ledger",
    "push": "goal 6: push against dlt and against one call per address; drains under a limit",
    "drains": "goal 6: a drain of every destination under its own limit",
    "receive": "goal 7: the receiver under load, against a server that lands nothing",
    "overhead": "goal 9: what a frequent run with nothing new costs, against dbt parse",
    "plan": "goal 8: contact-sync plan with many deltas, contact-sync --help",
    "latency": "goal 10: contact-sync run, from a refusal's arrival to the platform's list",
}
"""What can be measured on its own: (name, meaning)."""

VARIABLES: Final = {
    "BENCH_PARTS": (",".join(PARTS), "what is measured, by comma"),
    "BENCH_EVENTS": ("1000000", "events landed before the first build"),
    "BENCH_SEED": ("1", "seed of the generator"),
    "BENCH_PAIRS": ("3", "interleaved repetitions; the medians are told"),
    "BENCH_EVENTS_PER_PERSON": ("15", "average"),
    "BENCH_THREADS": (
        "1",
        "dbt threads; with more, models that wait for each other's cores count twice",
    ),
    "BENCH_MEMORY_LIMIT": ("2GB", "DuckDB's memory_limit in the build under pressure"),
    "BENCH_LEDGER_ROWS": ("1000000", "rows of the ledger in `deltas`; its goal names 10000000"),
    "BENCH_PUSH_ROWS": ("100000", "deltas that `push` sends"),
    "BENCH_PLAN_ROWS": ("1000000", "deltas that `plan` reads"),
    "BENCH_DIR": (".bench", "work directory; landings are kept there for the next run"),
}
"""Variable: (default, meaning)."""


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment asks for.

    Raises SettingError where a number is none, or too small, or a part is unknown.
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
        parts=_parts(text("BENCH_PARTS")),
        ledger_rows=number("BENCH_LEDGER_ROWS", 10_000),
        push_rows=number("BENCH_PUSH_ROWS", 1_000),
        plan_rows=number("BENCH_PLAN_ROWS", 1_000),
    )


def _parts(text: str) -> tuple[str, ...]:
    wanted = {part.strip() for part in text.split(",")} - {""}
    unknown = sorted(wanted - PARTS.keys())
    if unknown or not wanted:
        raise SettingError(
            f"BENCH_PARTS must name some of {', '.join(PARTS)}, by comma, not {text!r}"
        )
    return tuple(part for part in PARTS if part in wanted)


def describe() -> str:
    """The parts and the variables, as `python -m bench --help` prints them."""
    lines = [
        "make bench [VARIABLE=value ...]: the speed goals of docs/performance.md.",
        "",
        "Parts:",
        *(f"  {name:<8} {meaning}" for name, meaning in PARTS.items()),
        "",
        "Variables (default):",
        *(f"  {name:<24} {meaning} ({default})" for name, (default, meaning) in VARIABLES.items()),
    ]
    return "\n".join(lines)
