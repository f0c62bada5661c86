from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.python.bigquery.emulator import emulator
from tests.python.bigquery.warehouse import BigQueryWarehouse, emulator_project


@pytest.fixture(scope="session")
def bigquery_endpoint() -> Iterator[str]:
    """An emulator that the tests of one worker share."""
    with emulator() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def new_bigquery(
    bigquery_endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], BigQueryWarehouse]:
    """Makes warehouses that the tests of a module share."""

    def new() -> BigQueryWarehouse:
        directory = tmp_path_factory.mktemp("bigquery")
        project = emulator_project()
        return BigQueryWarehouse(directory, project=project, endpoint=bigquery_endpoint)

    return new
