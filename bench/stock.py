"""Fills an empty database with a list and a ledger: `python -m bench.stock DATABASE ROWS NEW`.

Five destinations know a twentieth as many people as the ledger has rows, each by four rows on
average: told once; after failures; accepted, then confirmed; suppressed, released and suppressed
again, some many times. One person in a hundred has come back (a release is pending everywhere), one
was rejected, one is absent there. NEW people more are listed, and no destination was told of them.
Prints the counts.
"""

import json
import sys
from typing import Final

import duckdb

from bench.settings import PROJECT

DESTINATIONS: Final = ("sendgrid", "second", "third", "fourth", "fifth")
"""The first is the seed's own; the others are rows that only the bench adds."""
_ROWS_OF_A_PERSON: Final = 4 * len(DESTINATIONS)


def fill(connection: duckdb.DuckDBPyConnection, rows: int, new: int) -> dict[str, int]:
    """Fills it: a ledger of about `rows` rows; `new` people whom no destination knows yet."""
    script = (PROJECT / "bench/stock.sql").read_text(encoding="utf-8")
    for name, value in {
        "known": str(rows // _ROWS_OF_A_PERSON),
        "new": str(new),
        "destinations": str(list(DESTINATIONS)),
        "others": str(list(DESTINATIONS[1:])),
    }.items():
        script = script.replace(f"{{{name}}}", value)
    connection.execute(script)
    return {
        table: connection.execute(f"select count(*) from {table}").fetchall()[0][0]
        for table in ("raw.sync_ledger", "main.suppression_list")
    }


def main(arguments: list[str]) -> None:
    """Prints the counts of what lies in the database then."""
    database, rows, new = arguments
    with duckdb.connect(database) as connection:
        print(json.dumps(fill(connection, int(rows), int(new))))


if __name__ == "__main__":
    main(sys.argv[1:])
