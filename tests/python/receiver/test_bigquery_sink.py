"""Deliveries land in BigQuery, and the next build finds each once. On the emulator.

It ignores insertId, by which BigQuery drops rows that come twice within a minute or more: here a
delivery that was written twice stays double, and the models take it once.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.landing.bigquery import BigQuerySink
from sync.landing.delivery import Landed, RequestCount, TooLarge
from tests.python.bigquery.warehouse import BigQueryWarehouse
from tests.python.receiver.load import HEADERS, SECRETS, body
from tests.python.receiver.server import receiving

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)


def bounce(number: int) -> Landed:
    payload = json.dumps(body("sendgrid", f"b{number}@example.org"))
    return Landed(f"d-{number}", "sendgrid", NOW, payload)


@pytest.fixture(scope="module")
def bigquery(bigquery_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> BigQueryWarehouse:
    directory = tmp_path_factory.mktemp("sink")
    warehouse = BigQueryWarehouse(directory, endpoint=bigquery_endpoint)
    warehouse.prepare()
    return warehouse


def sink(warehouse: BigQueryWarehouse) -> BigQuerySink:
    return BigQuerySink(warehouse.client, warehouse.project_id)


def landed(warehouse: BigQueryWarehouse) -> list[str]:
    rows = warehouse.rows("select delivery_id from raw.webhook_deliveries order by 1")
    return [row["delivery_id"] for row in rows]


def test_rows_land(bigquery: BigQueryWarehouse) -> None:
    rows = [bounce(1), bounce(2)]
    assert sink(bigquery).write(rows) == [None, None]
    assert landed(bigquery) == ["d-1", "d-2"]


def test_large_rows_go_in_several_requests(bigquery: BigQueryWarehouse) -> None:
    payload = json.dumps([{"padding": "x" * 3_000_000}])
    rows = [bounce(number)._replace(payload=payload) for number in (10, 11, 12)]
    assert sink(bigquery).write(rows) == [None] * 3
    assert {"d-10", "d-11", "d-12"} <= set(landed(bigquery))


def test_counts_land(bigquery: BigQueryWarehouse) -> None:
    sink(bigquery).write_counts([RequestCount("sendgrid", "2xx", 3, NOW)])
    rows = bigquery.rows("select source, status_class, requests from raw.webhook_requests")
    assert {"source": "sendgrid", "status_class": "2xx", "requests": 3} in rows


def test_a_table_that_is_missing_is_said_with_what_to_do(bigquery: BigQueryWarehouse) -> None:
    (error,) = BigQuerySink(bigquery.client, "nobodys-project").write([bounce(3)])
    assert "dbt build" in str(error)


def test_a_delivery_is_an_event_once_after_a_build_however_often_it_was_written(
    bigquery: BigQueryWarehouse, tmp_path: Path
) -> None:
    variables = {**SECRETS, **bigquery.environment}
    with receiving(tmp_path, variables, "--target", "bigquery") as server:
        for source in ("sendgrid", "postmark", "mailgun"):
            content = json.dumps(body(source, f"{source}@example.org"))
            answer = server.client.post(
                f"{server.url}/webhooks/{source}", content=content, headers=HEADERS
            )
            assert answer.status_code == 200, server.log
        server.stop()
    # As after a call whose end was unclear, beyond what insertId covers.
    assert sink(bigquery).write([bounce(20)]) == [None]
    assert sink(bigquery).write([bounce(20)]) == [None]
    assert bigquery.dbt("seed").success
    run = bigquery.dbt("run", "--select", "+events")
    assert run.success, run.exception
    found = bigquery.rows("select address from events where address like '%@example.org'")
    addresses = [row["address"] for row in found]
    for name in ("sendgrid", "postmark", "mailgun", "b20"):
        assert addresses.count(f"{name}@example.org") == 1
    counts = bigquery.rows(
        "select sum(requests) as n from raw.webhook_requests where source = 'postmark'"
    )
    assert counts == [{"n": 1}]


def test_a_body_that_no_request_can_hold_is_refused_alone(bigquery: BigQueryWarehouse) -> None:
    """What is not ASCII takes six bytes a character: sent again, it would never land."""
    large = Landed("d-large", "sendgrid", NOW, "é" * 2_000_000)
    refused, taken = sink(bigquery).write([large, bounce(900)])
    assert isinstance(refused, TooLarge)
    assert taken is None
