"""Runs GoogleSQL queries in its reference implementation; runs in .tools/analyzer.

Standard input: {"tables": {"project.dataset.name": {"columns": {column: type}, "rows": [[value]]}},
"steps": [{"sql": text, "makes": name or null, "given": {parameter: name of a table}}],
"time_zone": of times without one}.
Standard output: [{"error": text or null, "columns": {name: type}, "rows": [[value]]}], one for each
step; what a step makes is there for the next. A timestamp is ISO text in UTC, to the microsecond, a
date ISO text.
What a step is given are arrays of a table's rows: to resolve a query takes most of its time, and
steps of one text share that.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from google.protobuf import empty_pb2
from zetasql.core.exceptions import ZetaSQLError
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as messages
from zetasql.wasi._pb2.zetasql.public import type_pb2

from tests.tools.analyzer import engine

#: `project`.`dataset`.`name`, some of it bare: the library keeps rows for tables of one name only.
PATH = re.compile(r"`([^`]+)`\.(?:`(\w+)`|(\w+))\.(?:`(\w+)`|(\w+))")

_EPOCH = date(1970, 1, 1)


@dataclass
class Table:
    """Types and rows, as the library's messages."""

    columns: dict[str, Any]
    content: Any


def main() -> None:
    request = json.load(sys.stdin)
    engine.prepare()
    evaluator = Evaluator(request["time_zone"])
    for name, table in request["tables"].items():
        evaluator.give(name, table["columns"], table["rows"])
    json.dump([_answer(evaluator, step) for step in request["steps"]], sys.stdout)


def _answer(evaluator: Evaluator, step: dict[str, Any]) -> dict[str, Any]:
    try:
        table = evaluator.run(step["sql"], step["given"])
    except ZetaSQLError as error:
        return {"error": str(error), "columns": {}, "rows": []}
    if step["makes"]:
        evaluator.tables[step["makes"]] = table
    kinds = list(table.columns.values())
    return {
        "error": None,
        "columns": {name: engine.type_name(kind) for name, kind in table.columns.items()},
        "rows": [
            [_python(kind, cell) for kind, cell in zip(kinds, row.cell, strict=True)]
            for row in table.content.table_data.row
        ],
    }


class Evaluator:
    """BigQuery's functions, and the tables with their rows."""

    def __init__(self, time_zone: str) -> None:
        self.options, self.functions = engine.options(time_zone)
        self.tables: dict[str, Table] = {}
        #: Queries that stay prepared, by their requests.
        self.prepared: dict[bytes, Any] = {}
        catalog = messages.RegisterCatalogRequest()
        catalog.simple_catalog.builtin_function_options.CopyFrom(self.functions)
        answer = engine.call("RegisterCatalog", catalog, messages.RegisterResponse)
        #: BigQuery's functions without a table; made once, as it takes longer than most queries.
        self.functions_alone = int(answer.registered_id)
        self.type_of = cache(self._type_of)

    def _type_of(self, name: str) -> Any:
        return self.run(f"select cast(null as {name}) as value").columns["value"]

    def give(self, name: str, columns: dict[str, str], rows: list[list[Any]]) -> None:
        """Adds a table of Python's values."""
        kinds = {column: self.type_of(kind) for column, kind in columns.items()}
        content = _content()
        for row in rows:
            cells = content.table_data.row.add().cell
            for kind, value in zip(kinds.values(), row, strict=True):
                _fill(cells.add(), kind, value)
        self.tables[name] = Table(kinds, content)

    def run(self, sql: str, given: dict[str, str] | None = None) -> Table:
        """What a query gives."""
        if given:
            tables = {parameter: self.tables[name] for parameter, name in given.items()}
            return self._run_with(sql, tables)
        request = self._request(PATH.sub(_joined, sql))
        used = {name: table for name, table in self.tables.items() if f"`{name}`" in request.sql}
        if used:
            request.ClearField("registered_catalog_id")
            request.simple_catalog.builtin_function_options.CopyFrom(self.functions)
        for name, table in used.items():
            _use(request, name, table)
        prepared = _prepared(request)
        try:
            return _evaluated(prepared, {})
        finally:
            done = messages.UnprepareQueryRequest(prepared_query_id=prepared.prepared_query_id)
            engine.call("UnprepareQuery", done, empty_pb2.Empty)

    def _run_with(self, sql: str, given: dict[str, Table]) -> Table:
        """What a query over parameters gives; it is prepared once."""
        request = self._request(sql)
        for name, table in given.items():
            _declare(request.options.query_parameters.add(name=name).type, table)
        key = request.SerializeToString(deterministic=True)
        if key not in self.prepared:
            self.prepared[key] = _prepared(request)
        return _evaluated(self.prepared[key], given)

    def _request(self, sql: str) -> Any:
        request = messages.PrepareQueryRequest(sql=sql, registered_catalog_id=self.functions_alone)
        request.options.CopyFrom(self.options)
        return request


def _prepared(request: Any) -> Any:
    return engine.call("PrepareQuery", request, messages.PrepareQueryResponse).prepared


def _evaluated(prepared: Any, given: dict[str, Table]) -> Table:
    run = messages.EvaluateQueryRequest(prepared_query_id=prepared.prepared_query_id)
    for name, table in given.items():
        array = run.params.add(name=name).value.array_value
        array.SetInParent()
        for row in table.content.table_data.row:
            array.element.add().struct_value.field.extend(row.cell)
    answer = engine.call("EvaluateQuery", run, messages.EvaluateQueryResponse)
    columns = {column.name: column.type for column in prepared.columns}
    return Table(columns, answer.content)


def _declare(kind: Any, table: Table) -> None:
    """Writes the type of an array of a table's rows."""
    kind.type_kind = type_pb2.TYPE_ARRAY
    row = kind.array_type.element_type
    row.type_kind = type_pb2.TYPE_STRUCT
    for name, of_column in table.columns.items():
        row.struct_type.field.add(field_name=name, field_type=of_column)


def _use(request: Any, name: str, table: Table) -> None:
    columns = request.simple_catalog.table.add(name=name).column
    for column, kind in table.columns.items():
        columns.add(name=column, type=kind)
    content = request.table_content[name]
    if table.content.table_data.row:
        content.CopyFrom(table.content)
        return
    # A table without rows is one that the library refuses to read.
    cells = content.table_data.row.add().cell
    for _ in table.columns:
        cells.add()
    request.sql = request.sql.replace(f"`{name}`", f"(select * from `{name}` where false)")


def _joined(match: re.Match[str]) -> str:
    return "`" + ".".join(part for part in match.groups() if part) + "`"


def _content() -> Any:
    return messages.EvaluateQueryResponse().content


def _fill(cell: Any, kind: Any, value: Any) -> None:
    """Writes one of Python's values into an empty cell; None leaves it empty, which is null."""
    name = engine.type_name(kind)
    if value is None:
        return
    if name == "timestamp":
        cell.timestamp_value.FromDatetime(datetime.fromisoformat(value))
    elif name == "date":
        cell.date_value = (date.fromisoformat(value) - _EPOCH).days
    elif name.startswith("array"):
        cell.array_value.SetInParent()
        for element in value:
            _fill(cell.array_value.element.add(), kind.array_type.element_type, element)
    else:
        setattr(cell, {"float64": "double"}.get(name, name) + "_value", value)


def _python(kind: Any, cell: Any) -> Any:
    """One of Python's values from a cell."""
    held = cell.WhichOneof("value")
    if held is None:
        return None
    if held == "timestamp_value":
        return cell.timestamp_value.ToDatetime(tzinfo=UTC).isoformat(timespec="microseconds")
    if held == "date_value":
        return (_EPOCH + timedelta(days=cell.date_value)).isoformat()
    if held == "array_value":
        inner = kind.array_type.element_type
        return [_python(inner, element) for element in cell.array_value.element]
    return getattr(cell, held)


if __name__ == "__main__":
    main()
