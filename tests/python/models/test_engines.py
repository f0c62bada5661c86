"""What differs between engines is a macro with a body for each, or a build says what is missing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from dbt.context.providers import BaseDatabaseWrapper

from tests.python.conftest import ROOT, Warehouse

TEXT = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("macros/*.sql"))
DISPATCHED = sorted(set(re.findall(r"adapter\.dispatch\('(\w+)'\)", TEXT)))


def bodies(prefix: str) -> dict[str, str]:
    """The project's macros of a prefix: name and text."""
    found = re.findall(rf"macro {prefix}__(\w+)\(.*?\)\s*-?%}}(.*?){{%-? endmacro", TEXT, re.DOTALL)
    return dict(found)


@pytest.mark.parametrize("engine", ["duckdb", "bigquery"])
def test_an_engine_has_a_body_of_every_macro_that_is_dispatched(engine: str) -> None:
    assert set(DISPATCHED) - set(bodies(engine)) == set()


def test_no_default_body_holds_the_sql_of_an_engine() -> None:
    assert bodies("default") == {}


def test_models_and_macros_ask_for_no_engine_by_name() -> None:
    files = [*ROOT.glob("macros/*.sql"), *ROOT.glob("models/**/*.sql")]
    assert [path.name for path in files if "target.type" in path.read_text()] == []


@pytest.fixture
def on_another_engine(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """The project's macros are looked up for an engine that has none; dbt's own are DuckDB's."""
    dispatch = BaseDatabaseWrapper.dispatch

    def on_snowflake(self: BaseDatabaseWrapper, name: str, namespace: str | None = None) -> Any:
        with monkeypatch.context() as patch:
            if namespace is None:
                patch.setattr(self, "_get_adapter_macro_prefixes", lambda: ["snowflake", "default"])
            return dispatch(self, name, namespace)

    monkeypatch.setattr(BaseDatabaseWrapper, "dispatch", on_snowflake)
    return warehouse


def test_an_engine_without_a_body_is_told_which_macro_is_missing(
    on_another_engine: Warehouse,
) -> None:
    done = on_another_engine.dbt("compile", "--select", "stg_sendgrid__events")
    assert not done.success
    message = str(done.exception)
    (missing,) = re.findall(r"No macro named '(\w+)' found", message)
    assert missing in DISPATCHED
    assert f"snowflake__{missing}" in message
