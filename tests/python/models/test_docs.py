"""What dbt and the pages show of the project: dbt's own pages, how fresh sources are, questions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.python.conftest import Warehouse
from tests.python.pages import QUERIES


@pytest.fixture(scope="module")
def told(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """A few people on SendGrid, Twilio and Segment, built."""
    warehouse = new_warehouse()
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def of_sendgrid(event: str, name: str, at: str, **more: Any) -> dict[str, Any]:
        seconds = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
        email = f"{name}@example.com"
        return {"event": event, "email": email, "timestamp": seconds, "sg_event_id": at, **more}

    warehouse.land(
        "sendgrid",
        [
            of_sendgrid("unsubscribe", "ann", "2026-05-01 08:00", user_id="1001"),
            of_sendgrid("bounce", "ben", "2026-05-01 09:00", type="bounce", status="5.1.1"),
            of_sendgrid("delivered", "ben", "2026-05-03 09:00"),
            {"event": "open", "email": "nobody"},
        ],
        received_at=now,
    )
    warehouse.land(
        "segment",
        {
            "type": "identify",
            "userId": "1002",
            "messageId": "m",
            "timestamp": "2026-05-01T10:00:00Z",
            "traits": {"email": "cal@example.com", "email_subscribed_status": True},
            "context": {"device": {"token": "token-of-cal", "type": "ios"}},
        },
        received_at=now,
    )
    warehouse.build()
    return warehouse


def test_dbt_makes_its_pages_of_every_model(told: Warehouse) -> None:
    pages = told.dbt("docs", "generate")
    assert pages.success, pages.exception
    assert pages.result.errors is None
    models = {
        node.unique_id for node in told.manifest().nodes.values() if node.resource_type == "model"
    }
    assert models - pages.result.nodes.keys() == set()


def test_dbt_knows_how_fresh_the_sources_are(told: Warehouse) -> None:
    freshness = told.dbt("source", "freshness")
    assert freshness.success, freshness.exception
    sources = [one for one in freshness.result.results if one.node.resource_type == "source"]
    assert {one.node.name: one.status for one in sources} == {
        "webhook_deliveries": "pass",
        "builds": "pass",
    }


#: By the title of the question: a part of what its query finds here.
FOUND: dict[str, list[dict[str, Any]]] = {
    "1. Whom may we mail today?": [{"external_id": "1002", "email": "cal@example.com"}],
    "2. Who is on push and email, and not on SMS?": [],
    "3. How did the list grow, and for which reasons?": [
        {"reason": "bounce", "entries": 1, "exits": 0, "listed": 1},
        {"reason": "unsubscribe", "entries": 1, "exits": 0, "listed": 1},
        {"reason": "bounce", "entries": 0, "exits": 1, "listed": 0},
    ],
    "4. At which domains do we bounce, and why?": [
        {"domain": "example.com", "event_type": "bounce", "bounce_class": "invalid_address"}
    ],
    "5. How fast is an opt-out obeyed?": [
        {"destination": "sendgrid", "channel": "email", "opt_outs": 1, "obeyed": 0}
    ],
    "6. Which opt-outs are late?": [{"destination": "sendgrid", "state": "open"}],
    "7. Who left the list, and what took them off?": [
        {"address": "ben@example.com", "reason": "bounce", "event_type": "delivered"}
    ],
    "8. What do we know of one person's consent?": [
        {"source": "sendgrid", "event_type": "unsubscribe"}
    ],
    "9. Where do refusals come from?": [{"reason": "unsubscribe", "source": "sendgrid"}],
    "10. What could not be read?": [{"source": "sendgrid", "reason": "invalid address"}],
}


def test_every_question_of_the_page_has_its_answer_here() -> None:
    assert QUERIES.keys() == FOUND.keys()


@pytest.mark.parametrize("question", FOUND)
def test_a_question_of_the_page_is_answered(told: Warehouse, question: str) -> None:
    rows = told.rows(QUERIES[question])
    expected = FOUND[question]
    assert [
        {name: row[name] for name in wanted} for row, wanted in zip(rows, expected, strict=True)
    ] == expected
