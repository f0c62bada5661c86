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

    def parse_one(*arguments: Any, **options: Any) -> Any:
        tree = parsed(*arguments, **options)
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
        new = f"9{number:03}{zeros[4:]}" if ":" in value else f"{zeros[:-4]}{number:04}"
        return stand_ins.setdefault(value, new.replace("-00-00", "-01-01"))

    plain = _OF_A_RUN.sub(stand_in, text)
    return plain, {stand_in: value for value, stand_in in stand_ins.items()}


def _shared() -> sqlite3.Connection:
    """Translations by name, shared by all emulators that are told of the same file."""
    known = sqlite3.connect(
        os.environ.get("TRANSLATIONS", ":memory:"),
        isolation_level=None,
        check_same_thread=False,
        timeout=60,
    )
    known.execute("pragma journal_mode = wal")
    known.execute("pragma synchronous = off")
    known.execute("create table if not exists translations (name text primary key, made text)")
    return known


def _translate_once() -> None:
    """A statement is translated once for all tests, whatever project, times and ids are in it."""
    known = _shared()

    def once(project: str, sql: str, key: str, make: Callable[[str, str], str]) -> str:
        plain, values = _plain(f"{project}\n{sql}")
        name = hashlib.sha256(f"{key}\n{plain}".encode()).hexdigest()
        found = known.execute("select made from translations where name = ?", [name]).fetchone()
        if found is None:
            made = make(*plain.split("\n", 1))
            if not all(stand_in in made for stand_in in values):
                return make(project, sql)
            known.execute("insert or ignore into translations values (?, ?)", [name, made])
        else:
            made = str(found[0])
        for stand_in, value in values.items():
            made = made.replace(stand_in, value)
        return made

    translate = translator.SQLTranslator.translate

    def translate_once(self: Any, sql: str, *, schema: Any = None, caller: Any = None) -> Any:
        def make(_project: str, text: str) -> str:
            return str(translate(self, text, schema=schema, caller=caller).unwrap())

        try:
            return Ok(once("", _without_comments(sql), f"{schema} {caller}", make))
        except DomainError as error:
            return Err(error)

    translator.SQLTranslator.translate = translate_once
    rewrite = table_rewriter.rewrite_table_refs
    for module in (executor, interpreter):
        module.rewrite_table_refs = lambda sql, project: once(
            project, sql, "", lambda project, text: rewrite(text, project)
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
    _without_row_access()
    _without_time_travel()
    main()
