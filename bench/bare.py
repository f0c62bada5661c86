"""Runs bench/bare.sql, the baseline, as a program: `python -m bench.bare LANDING DATABASE`.

Prints the seconds of each statement as JSON.
"""

import json
import sys
import time
from pathlib import Path

import duckdb

from bench.settings import PROJECT


def main(arguments: list[str]) -> None:
    """Builds DATABASE anew from LANDING."""
    landing, database = arguments
    for path in (Path(database), Path(f"{database}.wal")):
        path.unlink(missing_ok=True)
    script = (PROJECT / "bench/bare.sql").read_text(encoding="utf-8")
    for name, value in {"landing": landing, "seeds": str(PROJECT / "seeds")}.items():
        script = script.replace(f"{{{name}}}", value.replace("'", "''"))
    steps = []
    with duckdb.connect(database) as connection:
        for statement in connection.extract_statements(script):
            began = time.perf_counter()
            connection.execute(statement)
            seconds = time.perf_counter() - began
            text = " ".join(
                line for line in statement.query.split("\n") if not line.lstrip().startswith("--")
            )
            steps.append((text.strip()[:60], round(seconds, 4)))
    print(json.dumps({"seconds": sum(seconds for _, seconds in steps), "steps": steps}))


if __name__ == "__main__":
    main(sys.argv[1:])
