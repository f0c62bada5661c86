"""Type-checks GoogleSQL statements, one after the other; runs in .tools/analyzer.

Standard input: {"tables": {"project.dataset.name": {column: type}}, "scripts": [text]}.
Standard output: [{"error": text or null, "columns": {name: type}}], one for each script; the columns
are those of its last query. A script is one statement or more; what it creates is there for the next.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zetasql.core.wasm_client
from wasmtime import Config
from zetasql.api import Analyzer, CatalogBuilder
from zetasql.core.exceptions import ZetaSQLError
from zetasql.types import (
    AnalyzerOptions,
    ErrorMessageMode,
    LanguageFeature,
    LanguageOptions,
    ParseResumeLocation,
    ProductMode,
    SimpleCatalog,
    SimpleColumn,
    SimpleTable,
    ZetaSQLBuiltinFunctionOptions,
)

#: What the open analyzer can be asked to take, and BigQuery does not know.
NOT_IN_BIGQUERY = (
    "AGGREGATE_FILTERING ARRAY_AGGREGATION_FUNCTIONS ARRAY_EQUALITY ARRAY_FIND_FUNCTIONS"
    " ARRAY_GREATEST_LEAST ARRAY_ORDERING ARRAY_ZIP BARE_ARRAY_ACCESS CAST_DIFFERENT_ARRAY_TYPES"
    " CBRT_FUNCTIONS DML_RETURNING DOT_PRODUCT ENABLE_MEASURES FIRST_AND_LAST_N FOR_UPDATE"
    " INLINE_LAMBDA_ARGUMENT INSERT_ON_CONFLICT_CLAUSE JSON_CONTAINS_FUNCTION JSON_FLATTEN_FUNCTION"
    " JSON_QUERY_LAX JSON_TYPE_COMPARISON LATERAL_JOIN LITERAL_CONCATENATION MULTILEVEL_AGGREGATION"
    " MULTIWAY_UNNEST NULLIFZERO_ZEROIFNULL PI_FUNCTIONS STRUCT_POSITIONAL_ACCESSOR"
    " TIMESTAMP_NANOS TIMESTAMP_PICOS TYPEOF_FUNCTION UNNEST_AND_FLATTEN_ARRAYS UUID_TYPE"
).split()

Columns = dict[str, Any]


def main() -> None:
    request = json.load(sys.stdin)
    _cache_compiled_module(Path(sys.prefix) / "cache")
    catalog = Catalog()
    for name, columns in request["tables"].items():
        catalog.add(
            name.split("."), {column: catalog.type_of(columns[column]) for column in columns}
        )
    json.dump([_answer(catalog, script) for script in request["scripts"]], sys.stdout)


def _answer(catalog: Catalog, script: str) -> dict[str, Any]:
    columns: Columns = {}
    try:
        for statement in catalog.statements(script):
            columns = _outputs(statement) or columns
    except ZetaSQLError as error:
        return {"error": str(error), "columns": {}}
    return {"error": None, "columns": {name: str(kind) for name, kind in columns.items()}}


class Catalog:
    """What is known so far: BigQuery's functions, and tables by project and dataset."""

    def __init__(self) -> None:
        language = LanguageOptions.maximum_features()
        language.product_mode = ProductMode.PRODUCT_EXTERNAL
        unknown = {LanguageFeature[f"FEATURE_{name}"] for name in NOT_IN_BIGQUERY}
        language.enabled_language_features = [
            feature for feature in language.enabled_language_features if feature not in unknown
        ]
        # None: all kinds.
        language.supported_statement_kinds = []
        self.options = AnalyzerOptions(
            language_options=language,
            error_message_mode=ErrorMessageMode.ERROR_MESSAGE_MULTI_LINE_WITH_CARET,
        )
        functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
        self.root = CatalogBuilder("bigquery").with_builtin_functions(functions).build()

    def type_of(self, name: str) -> Any:
        """The type that a name such as `array<string>` stands for."""
        (statement,) = self.statements(f"select cast(null as {name}) as value")
        return _outputs(statement)["value"]

    def statements(self, script: str) -> Iterator[Any]:
        """The resolved statements of a script; each sees what those before it created."""
        analyzer = Analyzer(self.options, self.root)
        text = script.strip().removesuffix(";")
        location = ParseResumeLocation(input=text, byte_position=0)
        while location.byte_position < len(text.encode()):
            statement = analyzer.analyze_next_statement(location)
            yield statement
            created = getattr(statement, "name_path", None)
            if created and hasattr(statement, "create_mode"):
                self.add(created, _outputs(statement))

    def add(self, path: list[str], columns: Columns) -> None:
        """Adds a table, in the place of one that has its name."""
        *folders, name = ".".join(path).split(".")
        catalog = self.root
        for folder in folders:
            catalog = _inside(catalog, folder)
        kept = [table for table in catalog.table or [] if table.name != name]
        made = [
            SimpleColumn(name=column, type=kind, is_writable_column=True)
            for column, kind in columns.items()
        ]
        catalog.table = [*kept, SimpleTable(name=name, column=made)]


def _inside(catalog: Any, name: str) -> Any:
    for inner in catalog.catalog or []:
        if inner.name == name:
            return inner
    made = SimpleCatalog(name=name, table=[], catalog=[])
    catalog.catalog = [*(catalog.catalog or []), made]
    return made


def _outputs(statement: Any) -> Columns:
    """The columns that a statement gives, or that the table has which it creates."""
    defined = getattr(statement, "column_definition_list", None)
    if defined:
        return {column.name: column.type for column in defined}
    outputs = getattr(statement, "output_column_list", None) or []
    return {output.name: output.column.type for output in outputs}


def _cache_compiled_module(directory: Path) -> None:
    """Keeps what wasmtime compiled: half a minute the first time, a second from then on."""
    settings = directory.with_suffix(".toml")
    settings.write_text(f"[cache]\ndirectory = {json.dumps(str(directory))}\n")

    def cached() -> Config:
        config = Config()
        config.cache = str(settings)
        return config

    zetasql.core.wasm_client.Config = cached


if __name__ == "__main__":
    main()
