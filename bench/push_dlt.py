"""The same push by dlt with a custom destination; runs in .tools/dlt, where dlt is.

As a program: `python -m bench.push_dlt DATABASE URL FORMAT DIRECTORY`. FORMAT is what dlt stores in
between: `jsonl`, its default, from pages of rows, or `parquet`, from Arrow tables. The seconds are
those of pipeline.run(), which reads what is pending from a table: evaluating sync_deltas is not in
it, nor is a ledger. Prints JSON.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import httpx

_BATCH = 1_000
# What dlt hands from step to step at once, and what we ask DuckDB for.
_PAGE = 10_000


_PENDING = """
create temp table pending as
select delta_id, address from sync_deltas where destination = 'sendgrid'
"""


def _rows(connection: duckdb.DuckDBPyConnection, storage: str) -> Iterator[Any]:
    found = connection.execute("select delta_id, address from pending")
    if storage == "parquet":
        reader: Any = found.to_arrow_reader(_PAGE)
        yield from reader
        return
    names = [column[0] for column in found.description or ()]
    while rows := found.fetchmany(_PAGE):
        yield [dict(zip(names, row, strict=True)) for row in rows]


def push(database: str, url: str, storage: str, directory: Path) -> float:
    """Seconds of the whole pipeline."""
    client = httpx.Client(base_url=url)

    @dlt.destination(  # type: ignore[untyped-decorator]
        batch_size=_BATCH,
        name="platform",
        loader_file_format="parquet" if storage == "parquet" else None,
    )
    def platform(items: Any, table: Any) -> None:  # noqa: ARG001 (dlt hands over both)
        addresses = (
            items.column("address").to_pylist()
            if storage == "parquet"
            else [item["address"] for item in items]
        )
        client.post(
            "/v3/asm/suppressions/global", json={"recipient_emails": addresses}
        ).raise_for_status()

    pipeline = dlt.pipeline("bench", destination=platform, pipelines_dir=str(directory))
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(_PENDING)
        began = time.perf_counter()
        pipeline.run(_rows(connection, storage), table_name="deltas").raise_on_failed_jobs()
        return time.perf_counter() - began


def main(arguments: list[str]) -> None:
    """Prints the seconds."""
    database, url, storage, directory = arguments
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    print(json.dumps({"seconds": push(database, url, storage, Path(directory))}))


if __name__ == "__main__":
    main(sys.argv[1:])
