"""The same on BigQuery, whose landing nobody looks at: the receiver says what must not wait."""

from __future__ import annotations

from pathlib import Path

from tests.python.bigquery.warehouse import new_built_bigquery
from tests.python.sync.world import SandboxClient

from .conftest import pushed_once, running_run


def test_a_refusal_is_obeyed_long_before_the_next_build_is_due(
    tmp_path: Path, bigquery_endpoint: str, sandbox: SandboxClient
) -> None:
    warehouse = pushed_once(new_built_bigquery(tmp_path, bigquery_endpoint), sandbox)
    with running_run(warehouse, sandbox, "--every", "10h") as run:
        run.wait_until_listed(run.complain("on-bigquery"))
        assert run.stop() == 0
