"""What dbt does again in every run, done once in a process of the tests: the results are the same.

A build of few rows is short, and most of its time goes to work that depends on the code alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType
from typing import Any

import dbt.compilation
from dbt.adapters.base.impl import BaseAdapter
from dbt.artifacts.resources.types import NodeType
from dbt.artifacts.resources.v1.components import InjectedCTE
from dbt.clients.jinja import MacroGenerator
from dbt.compilation import Compiler
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import Macro, ParsedNode
from dbt.graph.graph import Graph
from dbt.graph.selector import ResourceTypeSelector
from dbt.graph.selector_spec import SelectionCriteria, SelectionSpec
from dbt_common.clients.jinja import MacroFuzzEnvironment
from dbt_common.events.base_types import BaseEvent, DebugLevel, InfoLevel
from dbt_common.events.event_manager import EventManager

_jinja_compile = MacroFuzzEnvironment.compile
_code: dict[tuple[type, str], CodeType] = {}


def _compile_once(environment: MacroFuzzEnvironment, source: str) -> CodeType:
    """What jinja makes of a text, which depends on the text alone: dbt makes it in every run."""
    key = (type(environment), source)
    if key not in _code:
        _code[key] = _jinja_compile(environment, source)
    return _code[key]


MacroFuzzEnvironment.compile = _compile_once  # type: ignore[assignment]

_make_event = BaseEvent.__init__
_fire_event = EventManager.fire_event


def _make_event_that_is_read(event: BaseEvent, *arguments: Any, **fields: Any) -> None:
    """Below a warning nobody reads them where dbt prints nothing, and they take a seventh of its
    time.
    """
    if _is_silent and isinstance(event, UNREAD):
        event.pb_msg = getattr(event.PROTO_TYPES_MODULE, type(event).__name__)()
    else:
        _make_event(event, *arguments, **fields)


def _fire_event_that_is_read(
    manager: EventManager, e: BaseEvent, *more: Any, **others: Any
) -> None:
    if not (_is_silent and isinstance(e, UNREAD)):
        _fire_event(manager, e, *more, **others)


#: Whether dbt runs in this process, and prints nothing.
_is_silent = False
UNREAD = (DebugLevel, InfoLevel)
BaseEvent.__init__ = _make_event_that_is_read  # type: ignore[assignment, method-assign]
EventManager.fire_event = _fire_event_that_is_read  # type: ignore[assignment, method-assign]


@contextmanager
def silence(*, is_silent: bool) -> Iterator[None]:
    global _is_silent
    _is_silent = is_silent
    try:
        yield
    finally:
        _is_silent = False


_inject_ctes = dbt.compilation.inject_ctes_into_sql
_PLACE = "/* the given rows */"


@cache
def _around_ctes(sql: str) -> tuple[str, str]:
    """What dbt writes before and after the rows that are given to a unit test."""
    before, _, after = _inject_ctes(sql, [InjectedCTE("", _PLACE)]).partition(_PLACE)
    return before, after


def _inject_ctes_once(sql: str, ctes: list[InjectedCTE]) -> str:
    """dbt parses a model's text for each of its unit tests, which takes half of their time."""
    if not ctes:
        return sql
    return ", ".join(str(cte.sql) for cte in ctes).join(_around_ctes(sql))


dbt.compilation.inject_ctes_into_sql = _inject_ctes_once


_make_match = BaseAdapter._make_match


def _match_by_name(
    adapter: BaseAdapter, relations: list[Any], database: str, schema: str, identifier: str
) -> list[Any]:
    """dbt compares all relations of a schema part by part, six times for each model."""
    wanted = identifier.lower()
    named = [one for one in relations if (one.identifier or "").lower() == wanted]
    return _make_match(adapter, named, database, schema, identifier)


BaseAdapter._make_match = _match_by_name  # type: ignore[assignment, method-assign]

_compile_graph = Compiler.compile
_graphs: dict[tuple[int, int, bool], tuple[Manifest, Graph]] = {}


def _graph_once(
    compiler: Compiler, manifest: Manifest, write: bool = True, add_test_edges: bool = False
) -> Graph:
    """What depends on what is in the manifest, which is parsed once; a query inline is one more."""
    key = (id(manifest), len(manifest.nodes), add_test_edges)
    if key not in _graphs:
        # Kept with its manifest, or another one could come to have the same id.
        _graphs[key] = (manifest, _compile_graph(compiler, manifest, write, add_test_edges))
    else:
        compiler.initialize()  # type: ignore[no-untyped-call]
    return _graphs[key][1]


Compiler.compile = _graph_once  # type: ignore[assignment, method-assign]


_select = ResourceTypeSelector.get_selected
_selected: dict[tuple[type, Graph, frozenset[NodeType], str], frozenset[str]] = {}


def _text_of(spec: SelectionSpec) -> str:
    if isinstance(spec, SelectionCriteria):
        return repr(spec)
    parts = ", ".join(map(_text_of, spec.components))
    return f"{type(spec).__name__}({spec.indirect_selection}: {parts})"


def _select_once(
    selector: ResourceTypeSelector, spec: SelectionSpec, warn_on_no_nodes: bool = True
) -> set[str]:
    """dbt asks every node for every part of a selection, three times a run."""
    types = frozenset(selector.resource_types)
    key = (type(selector), selector.full_graph, types, _text_of(spec))
    if key not in _selected:
        _selected[key] = frozenset(_select(selector, spec, warn_on_no_nodes))
    return set(_selected[key])


ResourceTypeSelector.get_selected = _select_once  # type: ignore[assignment, method-assign]


def _add_macros(builder: MacroNamespaceBuilder, macros: Iterable[Macro], ctx: Any) -> None:
    """All of dbt's macros and ours, for each model that is compiled and each that is run."""
    of_package = list(macros)
    if not of_package:
        return
    stack = builder.thread_ctx
    made = {one.name: MacroGenerator(one, ctx, builder.node, stack) for one in of_package}
    package = of_package[0].package_name
    if package in builder.internal_package_names:
        builder.internal_packages[package] = made
        return
    builder.packages[package] = made
    if package == builder.search_package:
        builder.locals.update(made)
    elif package == builder.root_package:
        builder.globals.update(made)


def _flat(namespace: MacroNamespace) -> dict[str, Any]:
    """What a name stands for; the first place in dbt's order of search wins."""
    if "flat" not in namespace.__dict__:
        flat: dict[str, Any] = {}
        for names in reversed(list(namespace._search_order())):
            flat.update(names)
        namespace.__dict__["flat"] = flat
    found: dict[str, Any] = namespace.__dict__["flat"]
    return found


MacroNamespaceBuilder.add_macros = _add_macros  # type: ignore[assignment, method-assign]
MacroNamespace.__iter__ = lambda namespace: iter(_flat(namespace))  # type: ignore[method-assign]
MacroNamespace.__getitem__ = lambda namespace, key: _flat(namespace)[key]  # type: ignore[method-assign]

_write_node = ParsedNode.write_node


def _write_what_was_compiled(
    node: ParsedNode, project_root: str, write_path: str, compiled_code: str
) -> None:
    """Nobody reads what dbt wraps around a compiled text to run it."""
    if "/run/" not in str(write_path):
        _write_node(node, project_root, write_path, compiled_code)


ParsedNode.write_node = _write_what_was_compiled  # type: ignore[assignment, method-assign]
