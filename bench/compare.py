"""Compares tables of two databases row for row: `python -m bench.compare KIND ONE OTHER`.

KIND `marts`: every mart, an increment's result against a full rebuild. KIND `baseline`: what
bench/bare.sql and the models must agree on. Prints as JSON, per table: the rows of each, how many
differ, and examples of those.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import duckdb

from bench.settings import PROJECT

# When a build read or made a row: not what the row says.
_ABOUT_THE_BUILD: Final = {"loaded_at", "computed_at"}
# A view that reads the clock.
_LEFT_OUT: Final = {"sync_deltas"}
_BASELINE: Final = {
    "suppression_list": "channel, address, event_type",
    "unengaged": "address, base_at, unengaged_at",
}


def compare(kind: str, one: str, other: str) -> dict[str, dict[str, Any]]:
    """The comparison, by table."""
    with duckdb.connect(config={"threads": 2}) as connection:
        # Spills of big comparisons stay in the work directory.
        connection.execute(f"set temp_directory = '{Path(one).parent / 'comparison.tmp'}'")
        for name, path in (("one", one), ("other", other)):
            connection.execute(f"attach '{path}' as {name} (read_only)")
        return {table: _compare(connection, table, kind) for table in _tables(kind)}


def _tables(kind: str) -> list[str]:
    marts = sorted(path.stem for path in (PROJECT / "models/marts").glob("*.sql"))
    if kind == "baseline":
        return ["suppression_list", "contact_profiles", "unengaged"]
    return [*(mart for mart in marts if mart not in _LEFT_OUT), "int_contact_state"]


def _compare(connection: duckdb.DuckDBPyConnection, table: str, kind: str) -> dict[str, Any]:
    columns = _BASELINE.get(table, "") if kind == "baseline" else ""
    if not columns:
        found = connection.execute(
            "select column_name from duckdb_columns()"
            " where database_name = 'one' and schema_name = 'main' and table_name = ?"
            " order by column_index",
            [table],
        ).fetchall()
        columns = ", ".join(f'"{name}"' for (name,) in found if name not in _ABOUT_THE_BUILD)
    rows = {
        name: connection.execute(f"select count(*) from {name}.main.{table}").fetchall()[0][0]
        for name in ("one", "other")
    }
    # except all of ten million wide rows would be slow: hashes first, rows only where these differ.
    different = connection.execute(
        f"""
        select count(*), any_value(row_hash) from (
            select hash({columns}) as row_hash, 1 as side from one.main.{table}
            union all
            select hash({columns}), -1 from other.main.{table}
        ) group by row_hash having sum(side) <> 0
        """
    ).fetchall()
    result: dict[str, Any] = {
        "rows": rows["one"],
        "rows_of_other": rows["other"],
        "different": len(different),
    }
    if different:
        some = ", ".join(str(row_hash) for _, row_hash in different[:6])
        result["examples"] = [
            [name, *map(str, row)]
            for name in ("one", "other")
            for row in connection.execute(
                f"select {columns} from {name}.main.{table}"
                f" where hash({columns}) in ({some}) order by all limit 3"
            ).fetchall()
        ]
    return result


def main(arguments: list[str]) -> None:
    """Prints the comparison."""
    print(json.dumps(compare(*arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
