"""GoogleSQL's own analyzer (tests/tools/analyzer), which types statements as BigQuery does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.python.conftest import ROOT

PYTHON = ROOT / ".tools" / "analyzer" / "bin" / "python"
PROGRAM = ROOT / "tests" / "tools" / "analyzer" / "analyze.py"

#: Names and types of a table's columns, in BigQuery's words.
Columns = Mapping[str, str]


class AnalyzerFailed(Exception):
    """The program itself did not work; the text is what it said."""


@dataclass(frozen=True)
class Answer:
    """What the analyzer says of a script: its error, or the columns of its last query."""

    error: str | None
    columns: Columns


def analyze(tables: Mapping[str, Columns], scripts: Sequence[str]) -> list[Answer]:
    """Types each script, over tables (project.dataset.name) and what the scripts before made."""
    if not PYTHON.exists():
        raise AnalyzerFailed(f"{PYTHON} is missing: `make test` installs it.")
    done = subprocess.run(
        [str(PYTHON), str(PROGRAM)],
        input=json.dumps({"tables": tables, "scripts": scripts}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AnalyzerFailed(done.stderr[-4000:])
    return [Answer(answer["error"], answer["columns"]) for answer in json.loads(done.stdout)]
