"""GoogleSQL's own library (tests/tools/analyzer): it types statements, and runs queries."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.python.conftest import ROOT
from tests.python.spent import spending

PYTHON = ROOT / ".tools" / "analyzer" / "bin" / "python"

#: Names and types of a table's columns, in BigQuery's words.
Columns = Mapping[str, str]


class AnalyzerFailed(Exception):
    """The program itself did not work; the text is what it said."""


@dataclass(frozen=True)
class Answer:
    """What the analyzer says of a script: its error, or the columns of its last query."""

    error: str | None
    columns: Columns


@dataclass(frozen=True)
class Read:
    """A way from a statement's result to a table: its name, and the columns bounded on that way."""

    table: str
    bounded: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Columns and rows; a timestamp is ISO text with an offset."""

    columns: Columns
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Step:
    """A query, and the table that it makes for the next: its name, or none.

    given: the names of tables whose rows its parameters are, arrays of structs.
    """

    sql: str
    makes: str | None = None
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a query gives: an error, or columns and rows with timestamps as ISO text in UTC."""

    error: str | None
    columns: Columns
    rows: list[list[Any]]


def analyze(tables: Mapping[str, Columns], scripts: Sequence[str]) -> list[Answer]:
    """Types each script, over tables (project.dataset.name) and what the scripts before made."""
    answers = _run("analyze", {"tables": tables, "scripts": scripts})
    return [Answer(**answer) for answer in answers]


def evaluate(
    tables: Mapping[str, Table], steps: Sequence[Step], *, time_zone: str = "America/Los_Angeles"
) -> list[Outcome]:
    """Runs each query, over tables (project.dataset.name) and what the steps before made.

    time_zone: of times without one. By default one on which nothing may depend.
    """
    request = {
        "tables": {name: vars(table) for name, table in tables.items()},
        "steps": [vars(step) for step in steps],
        "time_zone": time_zone,
    }
    return [Outcome(**outcome) for outcome in _run("evaluate", request)]


def reads(tables: Mapping[str, Columns], scripts: Sequence[str]) -> list[list[Read]]:
    """What each script reads of tables (project.dataset.name), and from which constant on."""
    answers: Any = _run("reads", {"tables": tables, "scripts": scripts})
    return [[Read(**read) for read in answer] for answer in answers]


def _run(program: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not PYTHON.exists():
        raise AnalyzerFailed(f"{PYTHON} is missing: `make test` installs it.")
    with spending("analyzer"):
        done = subprocess.run(
            [str(PYTHON), "-m", f"tests.tools.analyzer.{program}"],
            cwd=ROOT,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise AnalyzerFailed(done.stderr[-4000:])
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers
