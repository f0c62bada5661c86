"""Fills a built, empty database with deltas to push: `python -m bench.push_stock DATABASE ROWS`."""

import sys

import duckdb

from bench.stock import fill

# One answer of an earlier push: the guard does not take this one for the first.
_EARLIER = """
insert into raw.sync_ledger (
    run_id, delta_id, destination, channel, scope, address, action, reason, outcome, attempts,
    pushed_at
) values (
    'earlier', 'earlier', 'sendgrid', 'email', '', 'earlier@mail.example', 'suppress',
    'unsubscribe', 'confirmed', 1, now() at time zone 'UTC' - interval 1 hour
)
"""


def main(arguments: list[str]) -> None:
    """Fills it; nothing is printed."""
    database, rows = arguments
    with duckdb.connect(database) as connection:
        connection.execute("set TimeZone = 'UTC'")
        fill(connection, 0, int(rows))
        connection.execute(_EARLIER)
        connection.execute("checkpoint")
    print("{}")


if __name__ == "__main__":
    main(sys.argv[1:])
