"""Type-checks GoogleSQL scripts, one after the other; runs in .tools/analyzer.

Standard input: {"tables": {"project.dataset.name": {column: type}}, "scripts": [text]}.
Standard output: [{"error": text or null, "columns": {name: type}}], one for each script; the
columns are those of its last query. A script is one statement or more; what it creates is there for
the next.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf import empty_pb2
from zetasql.core.exceptions import ZetaSQLError
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as messages
from zetasql.wasi._pb2.zetasql.public import simple_table_pb2

from tests.tools.analyzer import engine

#: The columns of a query or a table: messages that have a name and a type.
Columns = dict[str, Any]


def main() -> None:
    request = json.load(sys.stdin)
    engine.prepare()
    analyzer = Analyzer()
    for name, columns in request["tables"].items():
        analyzer.add(name, {column: analyzer.type_of(kind) for column, kind in columns.items()})
    json.dump([_answer(analyzer, script) for script in request["scripts"]], sys.stdout)


def _answer(analyzer: Analyzer, script: str) -> dict[str, Any]:
    columns: Columns = {}
    try:
        for statement in analyzer.statements(script):
            columns = statement.columns or columns
    except ZetaSQLError as error:
        return {"error": str(error), "columns": {}}
    return {
        "error": None,
        "columns": {name: engine.type_name(kind) for name, kind in columns.items()},
    }


class Statement:
    """A resolved statement: a message that holds those of its more general kinds as its parents."""

    def __init__(self, resolved: Any) -> None:
        self.parts: list[Any] = []
        _collect(resolved, self.parts)

    def get(self, field: str) -> list[Any]:
        """A repeated field of the statement or of what it is a kind of; empty where it has none."""
        found = [
            getattr(part, field) for part in self.parts if field in part.DESCRIPTOR.fields_by_name
        ]
        return list(found[0]) if found else []

    @property
    def columns(self) -> Columns:
        """What it gives, or what the table has that it creates."""
        defined = {column.name: column.type for column in self.get("column_definition_list")}
        return defined or {
            output.name: output.column.type for output in self.get("output_column_list")
        }

    @property
    def creates(self) -> str | None:
        """Name of the table or view that it creates."""
        is_creation = any("create_mode" in part.DESCRIPTOR.fields_by_name for part in self.parts)
        return ".".join(self.get("name_path")) if is_creation and self.columns else None


class Analyzer:
    """BigQuery's functions, and the tables that are known so far."""

    def __init__(self) -> None:
        self.options, functions = engine.options()
        self.catalog = messages.RegisterCatalogRequest()
        self.catalog.simple_catalog.builtin_function_options.CopyFrom(functions)
        self.registered: int | None = None
        self.type_of = cache(self._type_of)

    def _type_of(self, name: str) -> Any:
        """The type that a name such as `array<string>` stands for."""
        (statement,) = self.statements(f"select cast(null as {name}) as value")
        return statement.columns["value"]

    def statements(self, script: str) -> Iterator[Statement]:
        """The resolved statements of a script; each sees what those before it created."""
        text = script.strip().removesuffix(";")
        position = 0
        while position < len(text.encode()):
            request = messages.AnalyzeRequest(registered_catalog_id=self._registered())
            request.options.CopyFrom(self.options)
            request.parse_resume_location.input = text
            request.parse_resume_location.byte_position = position
            answer = engine.call("Analyze", request, messages.AnalyzeResponse)
            position = answer.resume_byte_position
            statement = Statement(answer.resolved_statement)
            yield statement
            if statement.creates:
                self.add(statement.creates, statement.columns)

    def add(self, path: str, columns: Columns) -> None:
        """Adds a table, in the place of one that has its name."""
        *folders, name = path.split(".")
        catalog = self.catalog.simple_catalog
        for folder in folders:
            inside = [inner for inner in catalog.catalog if inner.name == folder]
            catalog = inside[0] if inside else catalog.catalog.add(name=folder)
        made = simple_table_pb2.SimpleTableProto(name=name)
        for column, kind in columns.items():
            made.column.add(name=column, type=kind, is_writable_column=True)
        if made not in catalog.table:
            kept = [table for table in catalog.table if table.name != name]
            del catalog.table[:]
            catalog.table.extend([*kept, made])
            self._forget()

    def _registered(self) -> int:
        if self.registered is None:
            answer = engine.call("RegisterCatalog", self.catalog, messages.RegisterResponse)
            self.registered = int(answer.registered_id)
        return self.registered

    def _forget(self) -> None:
        if self.registered is not None:
            request = messages.UnregisterRequest(registered_id=self.registered)
            engine.call("UnregisterCatalog", request, empty_pb2.Empty)
            self.registered = None


def _collect(message: Any, parts: list[Any]) -> None:
    """The message inside a choice of kinds, then its parents, the nearest first."""
    choices = message.DESCRIPTOR.oneofs
    if choices:
        _collect(getattr(message, message.WhichOneof(choices[0].name)), parts)
        return
    parts.append(message)
    if "parent" in message.DESCRIPTOR.fields_by_name:
        _collect(message.parent, parts)


if __name__ == "__main__":
    main()
