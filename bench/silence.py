"""Times the model `unengaged` against the query of the document that the project began with.

As a program: `python -m bench.silence DATABASE MODEL_SQL PAIRS AS_OF`. Both run in one session on
the same data, in turns, each into a table of its own. The document's tables, `email_sends` and
`email_opens`, are filled from the events first, and the models that `unengaged` reads stand, too:
neither is timed.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Final

import duckdb

# Sends are `sent` events and, of platforms that report none, `delivered`: what the model counts.
_LOGS: Final = """
create or replace table document.main.email_sends as
select address as recipient_email, effective_at as send_date, event_id as message_id
from main.events
where
    channel = 'email' and address is not null
    and event_type = case
        when source in (select source from main.provider_events where event_type = 'sent')
            then 'sent'
        else 'delivered'
    end;
create or replace table document.main.email_opens as
select event_id as id, address as recipient_email, effective_at as open_date
from main.events
where channel = 'email' and address is not null and event_type = 'open';
"""

# Step 5 as it stands there; now is a parameter, for the data is of the past.
_DOCUMENT: Final = """
create or replace table document.main.suppression_list as
select
    s.recipient_email,
    'unengaged' as event_type,
    current_timestamp as event_timestamp
from document.main.email_sends as s
left join document.main.email_opens as o
    on s.recipient_email = o.recipient_email
    and o.open_date >= timestamp '{now}' - interval '90 day'
where s.send_date >= timestamp '{now}' - interval '90 day'
group by s.recipient_email
having count(o.id) = 0
"""


def measure(database: str, model_sql: str, pairs: int, now: str) -> dict[str, float]:
    """Median seconds of both, and how many addresses each finds."""
    statements = {
        "document": _DOCUMENT.format(now=now),
        "model": f"create or replace table document.main.unengaged as {model_sql}",
    }
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    # A file of its own: the document's tables are stored as the models' are.
    place = Path(database).with_name("document.duckdb")
    place.unlink(missing_ok=True)
    with duckdb.connect(place) as connection:
        connection.execute(f"attach '{database}' as contact_sync (read_only)")
        connection.execute("use contact_sync")
        connection.execute(_LOGS)
        connection.execute("checkpoint document")
        for _ in range(pairs):
            for name, statement in statements.items():
                began = time.perf_counter()
                connection.execute(statement)
                seconds[name].append(time.perf_counter() - began)

        def count(table: str) -> float:
            return float(connection.execute(f"select count(*) from {table}").fetchall()[0][0])

        return {
            **{f"{name}_seconds": statistics.median(taken) for name, taken in seconds.items()},
            "document_rows": count("document.main.suppression_list"),
            "model_rows": count("document.main.unengaged"),
            "sends": count("document.main.email_sends"),
            "opens": count("document.main.email_opens"),
        }


def main(arguments: list[str]) -> None:
    """Prints the measure."""
    database, model_sql, pairs, now = arguments
    print(
        json.dumps(measure(database, Path(model_sql).read_text(encoding="utf-8"), int(pairs), now))
    )


if __name__ == "__main__":
    main(sys.argv[1:])
