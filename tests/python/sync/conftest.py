"""One sandbox per test process, emptied for every test; a fresh warehouse for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.sandbox.platforms import all_platforms
from sync.sandbox.server import running
from tests.python.conftest import Warehouse, new_built_warehouse
from tests.python.sync.cases import all_cases
from tests.python.sync.engines import ENGINES, BigQuery, DuckDb, Engine
from tests.python.sync.exports import Exports
from tests.python.sync.world import KEY, SandboxClient, World


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxClient]:
    keys = {platform.key_variable: KEY for platform in all_platforms()}
    own = {k: v for case in all_cases() for k, v in case.settings.items()}
    with running(rate=0, environment={**keys, **own}) as url:
        yield SandboxClient(url)


@pytest.fixture
def sandbox(sandbox_process: SandboxClient) -> SandboxClient:
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """DuckDB, unless a test is parametrized over ENGINES (indirectly)."""
    if getattr(request, "param", "duckdb") == "bigquery":
        found: Engine = BigQuery(request.getfixturevalue("bigquery_endpoint"))
    else:
        found = DuckDb(tmp_path / "contact_sync.duckdb")
    yield found
    found.release()


@pytest.fixture
def world(tmp_path: Path, sandbox: SandboxClient, engine: Engine) -> World:
    return World(tmp_path, sandbox, engine)


@pytest.fixture(params=ENGINES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """What dbt builds, on DuckDB and on BigQuery."""
    if request.param == "duckdb":
        return new_built_warehouse(tmp_path)
    from tests.python.bigquery.warehouse import new_built_bigquery

    return new_built_bigquery(tmp_path, request.getfixturevalue("bigquery_endpoint"))


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exports:
    found = Exports(tmp_path)
    monkeypatch.setenv("CONTACT_SYNC_LANDING", str(found.landing))
    return found
