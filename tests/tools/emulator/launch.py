"""Starts bqemulator, with its own command line; runs in .tools/emulator.

It ends when its standard input does: whoever started it may be killed without a word. Most of what
is changed here is for speed: as released it parses and copies a statement some twenty times, which
is nearly all of its time.
"""

import functools
import hashlib
import os
import re
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

import sqlglot
from bqemulator.cli import main
from bqemulator.domain.errors import DomainError
from bqemulator.domain.result import Err, Ok
from bqemulator.jobs import executor
from bqemulator.scripting import interpreter
from bqemulator.sql import inner_query, table_rewriter, translator
from bqemulator.storage.engine import DuckDBEngine
from sqlglot.expressions import core

_QUOTED = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`"
_COMMENT = r"--[^\n]*|/\*.*?\*/"
#: Characters of a text that is less than a statement of dbt's.
_SNIPPET = 200
#: Modules that only look at what they parse.
_READERS = (
    "bqemulator.api.",
    "bqemulator.catalog.",
    "bqemulator.jobs.",
    "bqemulator.sql.catalog_schema",
)
#: What differs between statements that are otherwise the same: a test's project, the names of
#: temporary tables, ids of runs, times.
_OF_A_RUN = re.compile(
    r"(?<=test-)[0-9a-f]{12}"
    r"|(?<=__dbt_tmp)\d{12}"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\b2\d{3}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?"
)


def _without_downloads() -> None:
    """Leaves out extensions that it would load from the network: GEOGRAPHY, Avro and the like."""
    for loader in ("_load_spatial", "_load_format_extensions"):
        getattr(DuckDBEngine, loader)  # Fails loudly where a release has renamed it.
        setattr(DuckDBEngine, loader, lambda _engine: None)


def _without_comments(sql: str) -> str:
    return re.sub(
        f"({_QUOTED})|{_COMMENT}",
        lambda found: found.group(1) or " ",
        sql,
        flags=re.DOTALL,
    )


def _read_past_comments() -> None:
    """An apostrophe in a comment is no quote: else what follows is taken for text, and text not."""
    rewrite = translator.rewrite_decimal_literals
    translator.rewrite_decimal_literals = lambda sql: rewrite(_without_comments(sql))


def _parse_once() -> None:
    """A text is parsed once; who may change the tree gets a copy."""
    parsed = functools.lru_cache(maxsize=64)(sqlglot.parse_one)
    # sqlglot itself parses many snippets: they must not drive out statements.
    parsed_snippet = functools.lru_cache(maxsize=4096)(sqlglot.parse_one)

    def parse_one(sql: str, *arguments: Any, **options: Any) -> Any:
        tree = (parsed if len(sql) > _SNIPPET else parsed_snippet)(sql, *arguments, **options)
        caller = sys._getframe(1).f_globals["__name__"]
        return tree if caller.startswith(_READERS) else tree.copy()

    sqlglot.parse_one = parse_one


def _copy_plainly() -> None:
    """sqlglot copies lists and dictionaries of plain values by deepcopy, half of a copy's time."""
    deepcopy = core.deepcopy

    def copied(value: Any) -> Any:
        if isinstance(value, core.Expression):
            return value.__deepcopy__({})
        if isinstance(value, dict) and not any(
            isinstance(one, (dict, list, core.Expression)) for one in value.values()
        ):
            return value.copy()
        return deepcopy(value)

    core.deepcopy = copied


def _plain(text: str) -> tuple[str, dict[str, str]]:
    """A text with a stand-in of the same form for all that is of a run, and what each is for."""
    stand_ins: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        value, number = found[0], len(stand_ins)
        zeros = re.sub("[0-9a-f]", "0", value)
        # Times are written with as many digits as they need.
        time = f"9{number:03}-01-01{value[10:11]}00:00:00.000000"
        return stand_ins.setdefault(value, time if ":" in value else f"{zeros[:-4]}{number:04}")

    plain = _OF_A_RUN.sub(stand_in, text)
    return plain, {stand_in: value for value, stand_in in stand_ins.items()}


class Translations:
    """What was made of statements, shared by all emulators that are told of the same file."""

    def __init__(self) -> None:
        self.known = sqlite3.connect(
            os.environ.get("TRANSLATIONS", ":memory:"),
            isolation_level=None,
            check_same_thread=False,
            timeout=60,
        )
        self.known.execute("pragma journal_mode = wal")
        self.known.execute("pragma synchronous = off")
        self.known.execute(
            "create table if not exists translations (name text primary key, made text)"
        )

    def get(self, key: str, plain: str, make: Callable[[], str]) -> str:
        """What is made of a text that has nothing of a run in it."""
        name = hashlib.sha256(f"{key}\n{plain}".encode()).hexdigest()
        found = self.known.execute(
            "select made from translations where name = ?", [name]
        ).fetchone()
        if found is not None:
            return str(found[0])
        made = make()
        self.known.execute("insert or ignore into translations values (?, ?)", [name, made])
        return made

    def once(self, key: str, project: str, sql: str, make: Callable[[str, str], str]) -> str:
        """What is made of a statement, whatever project, times and ids are in it."""
        plain, values = _plain(f"{project}\n{sql}")
        made = self.get(key, plain, lambda: make(*plain.split("\n", 1)))
        if not all(stand_in in made for stand_in in values):
            return make(project, sql)
        for stand_in, value in values.items():
            made = made.replace(stand_in, value)
        return made


def _translate_once() -> None:
    """A statement is read and translated once for all tests."""
    known = Translations()
    translate = translator.SQLTranslator.translate

    def translate_once(self: Any, sql: str, *, caller: Any = None, **_schema: Any) -> Any:
        def make(_project: str, text: str) -> str:
            return str(translate(self, text, caller=caller).unwrap())

        try:
            return Ok(known.once(f"translation {caller}", "", _without_comments(sql), make))
        except DomainError as error:
            return Err(error)

    translator.SQLTranslator.translate = translate_once
    rewrite = table_rewriter.rewrite_table_refs
    for module in (executor, interpreter):
        module.rewrite_table_refs = lambda sql, project: known.once(
            "tables", project, sql, lambda project, text: rewrite(text, project)
        )
    rewrite_offset = inner_query.rewrite_unnest_offset
    inner_query.rewrite_unnest_offset = lambda sql: known.once(
        "offset", "", sql, lambda _project, text: rewrite_offset(text)
    )
    classify = executor.classify_statement_type
    executor.classify_statement_type = lambda sql: known.get(
        "kind", _plain(sql)[0], lambda: classify(sql)
    )


def _without_types_of_columns() -> None:
    """They matter to averages of decimals alone, which no statement has; a view was translated
    twice for them.
    """
    inner_query.build_catalog_schema = lambda _sql, **_options: {}


def _without_drops_elsewhere() -> None:
    """Each statement is parsed for whether it drops a routine: most do not have the word."""
    detect = executor.detect_drop_routine
    executor.detect_drop_routine = lambda sql, project: (
        detect(sql, project) if "drop" in sql.lower() else None
    )


def _without_row_access() -> None:
    """No test has policies of rows. To look for them it writes out each view that is read."""
    inner_query.rewrite_for_row_access = lambda sql, **_options: sql


def _without_time_travel() -> None:
    """No test asks for yesterday's rows, which it would keep by a copy of each changed table."""

    async def no_capture(*_arguments: Any) -> None:
        pass

    executor._capture_dml_snapshots = no_capture


def _end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    _without_downloads()
    _read_past_comments()
    _parse_once()
    _copy_plainly()
    _translate_once()
    _without_types_of_columns()
    _without_drops_elsewhere()
    _without_row_access()
    _without_time_travel()
    main()
