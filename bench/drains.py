"""Drains every destination in turn: `python -m bench.drains DATABASE` prints JSON.

The database is one that dbt built; what is to be pushed takes the place of its view sync_deltas.
Each platform of the sandbox keeps its documented limit; a drain lasts some eight seconds of it.
"""

import json
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any, Final

import duckdb

import sync.http  # noqa: F401 (else its import would be timed)
from bench.push_ours import ALL, Silence
from sync.delivery.push import push
from sync.delivery.report import Options
from sync.demo.platforms import settings
from sync.destinations import get, names
from sync.sandbox.server import running
from sync.warehouse.duckdb import DuckDbWarehouse

_SECONDS: Final = 8.0
# What a sandbox in Python answers on the cores that it shares with the sender.
_MOST_CALLS: Final = 4_000
_MOST_ITEMS: Final = 100_000
_ROWS: Final = {
    "sendgrid": ("email", ""),
    "postmark": ("email", "outbound"),
    "mailgun": ("email", "mg.example.com"),
    "mailchimp": ("email", "a6b5da1054"),
    "braze": ("email", ""),
    "twilio": ("sms", "MG00000000000000000000000000000001"),
    "attentive": ("sms", ""),
    "onesignal": ("email", ""),
    "fcm": ("push", "news"),
    "segment": ("email", ""),
    "mparticle": ("email", ""),
}
_VIEW: Final = """
create or replace table bench_wanted as
select
    md5($name || range) as delta_id,
    $name as destination,
    $channel as channel,
    $scope as scope,
    case $channel
        when 'email' then 'p' || range || '@mail.example'
        when 'sms' then '+1415' || (1000000 + range)
        else 'token' || range || ':APA91b-bench'
    end as address,
    'c' || range as contact_id,
    'c' || range as external_id,
    'p' || range || '@mail.example' as email,
    null::varchar as phone,
    null::varchar as push_token_type,
    'suppress' as action,
    'unsubscribe' as reason,
    'event' || range as event_id,
    timestamp '2026-01-01' as event_timestamp,
    2::bigint as priority,
    null::varchar as kept_topics,
    '{"email_subscribed_status":false}' as traits
from range($items)
"""


def main(arguments: list[str]) -> None:
    """Prints what each drain took."""
    database = Path(arguments[0])
    with running(rate=None) as url:
        environment = {
            name: value for name, value in settings(url).items() if not name.endswith("_RATE")
        }
        drains = {name: _drain(database, name, url, environment) for name in names()}
    print(json.dumps({"drains": drains}))


def _drain(database: Path, name: str, url: str, environment: dict[str, str]) -> dict[str, Any]:
    kind = get(name)
    calls = min(int(_SECONDS * kind.calls_per_second), _MOST_CALLS)
    items = max(int(calls / max(kind.calls_for("suppress", "unsubscribe", 1, 1), 1)), 1)
    items = min(items * kind.batch_size, _MOST_ITEMS)
    _stock(database, name, items)
    before = _counts(url)
    options = Options(destinations=(name,), limits=ALL)
    report = push(
        DuckDbWarehouse(database), options, environment, progress=Silence(), stop=threading.Event()
    )
    (part,) = report.parts
    if part.error is not None:
        raise part.error
    if part.tally.confirmed + part.tally.accepted != items:
        raise SystemExit(f"{name}: {part.tally} of {items}")
    after = _counts(url)
    refused = after["statuses"].get("429", 0) - before["statuses"].get("429", 0)
    made = part.calls - refused
    return {
        "items": items,
        "batch": kind.batch_size,
        "rate": kind.calls_per_second,
        "calls": made,
        "refused": refused,
        "seconds": part.seconds,
        "ideal": made / kind.calls_per_second,
    }


def _stock(database: Path, name: str, items: int) -> None:
    channel, scope = _ROWS[name]
    with duckdb.connect(str(database)) as connection:
        parameters = {"name": name, "channel": channel, "scope": scope, "items": items}
        connection.execute(_VIEW, parameters)
        connection.execute("drop view if exists sync_deltas")
        connection.execute("create view sync_deltas as select * from bench_wanted")
        connection.execute(
            "insert into raw.sync_ledger (run_id, delta_id, destination, channel, scope, address,"
            " action, outcome, attempts, pushed_at) values ('earlier', 'earlier', ?, ?, ?,"
            " 'earlier', 'suppress', 'confirmed', 1, now() at time zone 'UTC' - interval 1 hour)",
            [name, channel, scope],
        )
        # As a build would have listed them: the guard compares.
        connection.execute("delete from suppression_list where true")
        connection.execute(
            "insert into suppression_list by name select delta_id as suppression_id, channel,"
            " address, reason as event_type, event_timestamp, event_timestamp as inserted_at"
            " from bench_wanted"
        )


def _counts(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/_sandbox/calls", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
