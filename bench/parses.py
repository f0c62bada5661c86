"""Counts how often the compiled staging SQL parses JSON: once per event is the goal.

Established from the text of what ran: each call of a JSON function parses what it is given, so
calls are counted by that. `element` is one event. The body (`payload`) of a platform that sends
arrays is taken apart before, once per delivery. Everything else is a small text inside of an
event, and null, which costs no parse, for nearly all. An expression stands in one place of the
plan, unless the optimizer repeats it in a filter: the plan of the model that reads them all is
searched for that.
"""

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

_CALL: Final = re.compile(
    r"\bjson_(?:extract\w*|type|valid|value|query\w*|each|keys|array_length)\s*\(\s*"
)


@dataclass(frozen=True, slots=True)
class Parses:
    """JSON calls of one platform's staging SQL."""

    per_event: int
    """Calls on the event's own text."""
    per_delivery: int
    """Calls on a body that holds several events."""
    of_small_texts: int
    """Calls on a field of an event, null for most."""


def count_parses(sql: str) -> Parses:
    """Counts the calls in compiled SQL."""
    counts: Counter[str] = Counter()
    for call in _CALL.finditer(sql):
        argument = re.match(r"\w+", sql[call.end() :])
        counts[argument.group() if argument else "?"] += 1
    element, body = counts.pop("element", 0), counts.pop("payload", 0)
    return Parses(element, body, counts.total())


def repeated_in_filters(database: str, sql: str) -> int:
    """How many JSON calls on a whole event the plan's filters repeat."""
    with duckdb.connect(database, read_only=True) as connection:
        plan = json.loads(connection.execute(f"explain (format json) {sql}").fetchall()[0][1])

    def filters(node: dict[str, Any]) -> list[str]:
        own = [str(node["extra_info"])] if node["name"].strip() == "FILTER" else []
        return own + [text for child in node.get("children", []) for text in filters(child)]

    return sum(
        len(re.findall(r"json_\w+\((?:element|payload)\b", text))
        for node in plan
        for text in filters(node)
    )


def main(arguments: list[str]) -> None:
    """Prints `repeated_in_filters` of a database and a file of SQL."""
    database, model_sql = arguments
    sql = Path(model_sql).read_text(encoding="utf-8")
    print(json.dumps(repeated_in_filters(database, sql)))


if __name__ == "__main__":
    main(sys.argv[1:])
