"""One build over every fixture and every bad body and the logs, shared by all tests of staging."""

from __future__ import annotations

import pytest

from tests.python.conftest import Warehouse
from tests.python.staging.bad_bodies import land_bad_bodies
from tests.python.staging.bodies import Landed, land_fixtures, land_logs


@pytest.fixture(scope="session")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    warehouse = Warehouse(tmp_path_factory.mktemp("staging"))
    land_fixtures(warehouse)
    land_bad_bodies(warehouse)
    land_logs(warehouse)
    warehouse.build(
        "--select", "+events", "+quarantined_deliveries", "--exclude-resource-type", "test"
    )
    return Landed(warehouse)
