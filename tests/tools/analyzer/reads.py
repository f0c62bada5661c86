"""Which tables a statement reads, and from where on; runs in .tools/analyzer.

Standard input: {"tables": {"project.dataset.name": {column: type}}, "scripts": [text]}.
Standard output: [[{"table": name, "bounded": [column]}]], one list for each script: what is read
of a table on each way to it, with the columns that must not be less than a constant on that way.
BigQuery reads the partitions from there on: it sees through CTEs, joins and unions as this does. A
read below `where false` is left out; reads that are alike are told once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from tests.tools.analyzer import engine
from tests.tools.analyzer.analyze import Analyzer

#: Ids of bounded columns; None where nothing passes.
Bounds = frozenset[int] | None

_AT_LEAST = {"$greater", "$greater_or_equal", "$equal", "$between", "$in", "$is_null"}
_AT_MOST = {"$less", "$less_or_equal"}
#: What a filter above does not reach through: the rows that it takes away count before.
_STOPS = {"AnalyticScan", "LimitOffsetScan"}


def main() -> None:
    request = json.load(sys.stdin)
    engine.prepare()
    analyzer = Analyzer()
    for name, columns in request["tables"].items():
        analyzer.add(name, {column: analyzer.type_of(kind) for column, kind in columns.items()})
    json.dump([_of_script(analyzer, script) for script in request["scripts"]], sys.stdout)


def _of_script(analyzer: Analyzer, script: str) -> list[dict[str, Any]]:
    reads = {
        (table, tuple(sorted(bounded)))
        for statement in analyzer.statements(script)
        for table, bounded in Reads().of(statement.parts[0])
    }
    return [{"table": table, "bounded": list(bounded)} for table, bounded in sorted(reads)]


class Reads:
    """The reads of one statement."""

    def __init__(self) -> None:
        self.queries: dict[str, Any] = {}
        #: Queries and what was bounded above them: another way that is alike tells nothing new.
        self.told: set[tuple[str, frozenset[int]]] = set()

    def of(self, statement: Any) -> Iterator[tuple[str, set[str]]]:
        """Of a resolved statement: its query, or what it is made from."""
        for field, value in statement.ListFields():
            if field.name != "parent" and field.message_type is not None:
                for message in value if field.is_repeated else [value]:
                    yield from self._inside(message)
        if "parent" in statement.DESCRIPTOR.fields_by_name:
            yield from self.of(statement.parent)

    def _inside(self, message: Any) -> Iterator[tuple[str, set[str]]]:
        node = _unwrapped(message)
        if node is None:
            return
        if _is_scan(node):
            yield from self.scan(node, frozenset())
        else:
            yield from self.of(node)

    def scan(self, node: Any, bounds: frozenset[int]) -> Iterator[tuple[str, set[str]]]:
        """Of a scan of which these columns are bounded above it."""
        kind = type(node).__name__.removeprefix("Resolved").removesuffix("Proto")
        if kind == "TableScan":
            columns = _columns(node)
            yield node.table.name, {c.name for c in columns if c.column_id in bounds}
        elif kind == "WithScan":
            for entry in node.with_entry_list:
                self.queries[entry.with_query_name] = _unwrapped(entry.with_subquery)
            yield from self.scan(_unwrapped(node.query), bounds)
        elif kind == "WithRefScan":
            query = self.queries[node.with_query_name]
            inner = _moved(bounds, _columns(node), _columns(query))
            if (node.with_query_name, inner) not in self.told:
                self.told.add((node.with_query_name, inner))
                yield from self.scan(query, inner)
        elif kind == "SetOperationScan":
            for item in node.input_item_list:
                inner = _moved(bounds, _columns(node), item.output_column_list)
                yield from self.scan(_unwrapped(item.scan), inner)
        elif kind == "FilterScan":
            found = _bounds(_unwrapped(node.filter_expr))
            yield from self._of_subqueries(node.filter_expr)
            if found is not None:
                yield from self.scan(_unwrapped(node.input_scan), bounds | found)
        elif kind == "JoinScan":
            found = _bounds(_unwrapped(node.join_expr)) or frozenset()
            # The condition of an outer join says nothing about the rows that are kept anyway.
            kinds = node.DESCRIPTOR.fields_by_name["join_type"].enum_type.values_by_number
            is_left = kinds[node.join_type].name.endswith("LEFT")
            left = bounds if is_left else bounds | found
            yield from self.scan(_unwrapped(node.left_scan), left)
            yield from self.scan(_unwrapped(node.right_scan), bounds | found)
        elif kind == "AggregateScan":
            yield from self._of_base(node.parent, bounds)
        elif kind in _STOPS:
            yield from self._of_base(node, frozenset())
        else:
            yield from self._of_base(node, bounds)

    def _of_base(self, node: Any, bounds: frozenset[int]) -> Iterator[tuple[str, set[str]]]:
        """Of a scan that passes its input's columns on; new ones have ids of their own."""
        for field, value in node.ListFields():
            if field.name == "parent" or field.message_type is None:
                continue
            for message in value if field.is_repeated else [value]:
                inner = _unwrapped(message)
                if field.name == "input_scan":
                    yield from self.scan(inner, bounds)
                elif inner is not None:
                    yield from self._of_subqueries(message)

    def _of_subqueries(self, message: Any) -> Iterator[tuple[str, set[str]]]:
        """Of the scans anywhere inside an expression."""
        node = _unwrapped(message)
        if node is None:
            return
        if _is_scan(node):
            yield from self.scan(node, frozenset())
            return
        for field, value in node.ListFields():
            if field.message_type is not None:
                for inner in value if field.is_repeated else [value]:
                    yield from self._of_subqueries(inner)


def _unwrapped(message: Any) -> Any:
    """The message inside choices of kinds; None where none is chosen, or a plain value."""
    while isinstance(message, Message) and message.DESCRIPTOR.oneofs:
        chosen = message.WhichOneof(message.DESCRIPTOR.oneofs[0].name)
        message = getattr(message, chosen) if chosen else None
    return message if isinstance(message, Message) else None


def _is_scan(node: Any) -> bool:
    return type(node).__name__.endswith("ScanProto")


def _columns(scan: Any) -> Any:
    """What a scan gives: a field of one of the more general kinds that it is of."""
    while "column_list" not in scan.DESCRIPTOR.fields_by_name:
        scan = scan.parent
    return scan.column_list


def _moved(bounds: frozenset[int], outer: Any, inner: Any) -> frozenset[int]:
    """The bounded columns by the ids of the scan that gives them, position by position."""
    ids = {o.column_id: i.column_id for o, i in zip(outer, inner, strict=True)}
    return frozenset(ids[column] for column in bounds if column in ids)


def _bounds(node: Any) -> Bounds:
    """Columns that a true condition keeps from being less than a constant."""
    if node is None:
        return frozenset()
    literal = _literal(node)
    if literal is not None:
        return None if literal is False else frozenset()
    name, arguments = _call(node)
    if name == "$and":
        parts = [_bounds(argument) for argument in arguments]
        return None if None in parts else frozenset().union(*(part for part in parts if part))
    if name == "$or":
        alternatives = [part for part in map(_bounds, arguments) if part is not None]
        return frozenset.intersection(*alternatives) if alternatives else None
    if name in _AT_MOST:
        name, arguments = "$greater", arguments[::-1]
    if name in _AT_LEAST and arguments and all(map(_is_constant, arguments[1:])):
        column = _column(arguments[0])
        return frozenset() if column is None else frozenset({column})
    return frozenset()


def _call(node: Any) -> tuple[str, list[Any]]:
    """Name and arguments of a call of a function; of anything else nothing."""
    while node is not None and "function" not in node.DESCRIPTOR.fields_by_name:
        if "parent" not in node.DESCRIPTOR.fields_by_name:
            return "", []
        node = node.parent
    if node is None:
        return "", []
    return node.function.name.partition(":")[2], [_unwrapped(a) for a in node.argument_list]


def _column(node: Any) -> int | None:
    return int(node.column.column_id) if type(node).__name__ == "ResolvedColumnRefProto" else None


def _literal(node: Any) -> bool | None:
    """The truth value that a node is, if it is one."""
    if type(node).__name__ != "ResolvedLiteralProto":
        return None
    value: Any = node.value.value
    return bool(value.bool_value) if value.HasField("bool_value") else None


def _is_constant(node: Any) -> bool:
    """Whether it is made of literals and of now alone: BigQuery looks at both before it reads."""
    kind = type(node).__name__
    if kind == "ResolvedLiteralProto":
        return True
    if kind == "ResolvedCastProto":
        return _is_constant(_unwrapped(node.expr))
    name, arguments = _call(node)
    return name == "current_timestamp" or (bool(arguments) and all(map(_is_constant, arguments)))


if __name__ == "__main__":
    main()
