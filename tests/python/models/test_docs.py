"""What dbt itself shows of the project: its pages, and how fresh its sources are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.python.conftest import Warehouse


def test_dbt_makes_its_pages_of_every_model_and_knows_how_fresh_the_sources_are(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.land(
        "sendgrid",
        [{"email": "ann@example.com", "event": "open", "timestamp": 1}],
        received_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
    warehouse.build()
    pages = warehouse.dbt("docs", "generate")
    assert pages.success, pages.exception
    described = pages.result
    assert described.errors is None
    missing = {
        node.unique_id
        for node in warehouse.manifest().nodes.values()
        if node.resource_type == "model" and node.unique_id not in described.nodes
    }
    assert missing == set()

    freshness = warehouse.dbt("source", "freshness")
    assert freshness.success, freshness.exception
    sources = [one for one in freshness.result.results if one.node.resource_type == "source"]
    assert {one.node.name: one.status for one in sources} == {
        "webhook_deliveries": "pass",
        "builds": "pass",
    }
