"""What dbt gives to a model's jinja, as far as this project uses it, so that sqlfluff is fast.

sqlfluff puts every name of this module into its jinja context (.sqlfluff, library_path). Models are
rendered as the DuckDB target renders them, incrementally, and without a database: dispatch really
chooses the macro, and `var` really reads dbt_project.yml.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from jinja2 import pass_context
from jinja2.runtime import Context

_PROJECT = yaml.safe_load((Path(__file__).resolve().parents[2] / "dbt_project.yml").read_text())

execute = False
run_started_at = datetime(2026, 1, 1, tzinfo=UTC)
target = {"type": "duckdb", "name": "duckdb", "schema": "main", "database": "contact_sync"}
model = {"resource_type": "model", "name": "model"}
invocation_id = "lint"
selected_resources: list[str] = []


def var(name: str, default: object = None) -> object:
    """The variable's value in dbt_project.yml, else the default."""
    return _PROJECT["vars"].get(name, default)


# sqlfluff knows no lambda of two parameters.
_UNREADABLE = ("ascii_domain",)


class _Adapter:
    @staticmethod
    @pass_context
    def dispatch(context: Context, name: str, _package: str | None = None) -> Callable[..., Any]:
        """The engine's own macro of that name, else the default one."""
        if name in _UNREADABLE:
            return lambda argument: argument
        for prefix in ("duckdb", "default"):
            macro = context.resolve(f"{prefix}__{name}")
            if callable(macro):
                return macro  # type: ignore[no-any-return]
        raise LookupError(f"no macro duckdb__{name} or default__{name}")


class _Dbt:
    @staticmethod
    def hash(text: str) -> str:
        return f"md5({text})"

    @staticmethod
    def type_string() -> str:
        return "text"

    @staticmethod
    def type_timestamp() -> str:
        return "timestamp"

    @staticmethod
    def type_boolean() -> str:
        return "boolean"

    @staticmethod
    def concat(parts: list[str]) -> str:
        return " || ".join(parts)


adapter = _Adapter()
dbt = _Dbt()
