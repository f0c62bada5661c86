"""One build over every fixture and every bad body and the logs, shared by all tests of staging."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.python.conftest import Warehouse, shared
from tests.python.staging.bad_bodies import land_bad_bodies
from tests.python.staging.bodies import Landed, land_fixtures, land_logs


@pytest.fixture(scope="session")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    with shared("staging") as made:
        if not made.exists():
            build(Warehouse(made.with_name("staging, not whole"))).directory.rename(made)
    directory = tmp_path_factory.mktemp("staging") / "copy"
    return Landed(Warehouse(Path(shutil.copytree(made, directory))))


def build(warehouse: Warehouse) -> Warehouse:
    warehouse.directory.mkdir()
    land_fixtures(warehouse)
    land_bad_bodies(warehouse)
    land_logs(warehouse)
    warehouse.build(
        "--select", "+events", "+quarantined_deliveries", "--exclude-resource-type", "test"
    )
    return warehouse
