from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.python.bigquery.warehouse import BigQueryWarehouse


@pytest.fixture(scope="module")
def new_bigquery(
    bigquery_endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], BigQueryWarehouse]:
    """Makes warehouses that the tests of a module share."""
    return lambda: BigQueryWarehouse(
        tmp_path_factory.mktemp("bigquery"), endpoint=bigquery_endpoint
    )
