"""GoogleSQL's own analyzer types every node as BigQuery would, in each situation of a build.

An emulator takes what BigQuery refuses: a DATETIME beside a TIMESTAMP, functions of its own engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync.reports.page.report import questions
from tests.python.bigquery.analyzer import Answer, Columns, analyze
from tests.python.bigquery.compiled import (
    SITUATIONS,
    Project,
    asked,
    declared,
    statement,
    timeless,
)
from tests.python.bigquery.emulator import emulator
from tests.python.bigquery.warehouse import BigQueryWarehouse
from tests.python.conftest import ROOT
from tests.python.pages import QUERIES


def stems(pattern: str) -> list[str]:
    return sorted(path.stem for path in ROOT.glob(pattern))


MODELS = stems("models/**/*.sql")
SNAPSHOTS = stems("snapshots/*.yml")
#: What data tests are about: a model, a seed, or what a query of their own says.
TESTED = [*MODELS, *stems("seeds/*.csv"), *stems("tests/data/*.sql")]


@dataclass(frozen=True)
class Typed:
    """The nodes of each situation with the analyzer's answers, and what compiling them asked."""

    answers: Mapping[str, list[tuple[Any, Answer]]]
    questions: Mapping[str, Answer]
    sources: list[Any]
    tables: Mapping[str, Columns]

    def of(self, situation: str, kind: str, name: str) -> list[tuple[Any, Answer]]:
        return [
            (node, answer)
            for node, answer in self.answers[situation]
            if node.resource_type == kind and subject(node) == name
        ]


def subject(node: Any) -> str:
    """What a node is about: a generic data test about what it is attached to, others themselves."""
    attached = getattr(node, "attached_node", None)
    return str(attached).rsplit(".", 1)[-1] if attached else str(node.name)


def problem(node: Any, answer: Answer) -> str | None:
    """What BigQuery would refuse of a node, or what its YAML says of its columns that is not so."""
    if answer.error:
        return f"{node.name}: {answer.error}"
    if node.resource_type == "model" and dict(answer.columns) != declared(node):
        there, said = set(answer.columns.items()), set(declared(node).items())
        return f"{node.name}: the columns are {there - said}, its YAML says {said - there}"
    return None


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    with emulator() as endpoint:
        warehouse = BigQueryWarehouse(tmp_path_factory.mktemp("types"), endpoint=endpoint)
        project = Project(warehouse)
        nodes = {situation: project.compiled(situation) for situation in SITUATIONS}
        questions = list(dict.fromkeys(asked(warehouse)))
        yield typed_by_the_analyzer(project, nodes, questions)


def typed_by_the_analyzer(
    project: Project, nodes: Mapping[str, list[Any]], questions: list[str]
) -> Typed:
    tables = project.tables()
    statements = [statement(node) for done in nodes.values() for node in done]
    texts = list(dict.fromkeys(map(timeless, [*statements, *questions])))
    answer = dict(zip(texts, analyze(tables, texts), strict=True))
    return Typed(
        answers={
            situation: [(node, answer[timeless(statement(node))]) for node in done]
            for situation, done in nodes.items()
        },
        questions={question: answer[timeless(question)] for question in questions},
        sources=list(project.manifest.sources.values()),
        tables=tables,
    )


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_typed(typed: Typed, name: str, situation: str) -> None:
    ((node, answer),) = typed.of(situation, "model", name)
    assert problem(node, answer) is None


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_snapshot_is_typed(typed: Typed, name: str) -> None:
    ((node, answer),) = typed.of("full build", "snapshot", name)
    assert problem(node, answer) is None


@pytest.mark.parametrize("name", TESTED)
def test_data_tests_are_typed(typed: Typed, name: str) -> None:
    found = [typed.of(situation, "test", name) for situation in SITUATIONS]
    problems = [problem(node, answer) for tests in found for node, answer in tests]
    assert [text for text in problems if text] == []


def test_no_node_is_left_out(typed: Typed) -> None:
    cases = {
        *(("model", name) for name in MODELS),
        *(("snapshot", name) for name in SNAPSHOTS),
        *(("test", name) for name in TESTED),
    }
    for situation, answers in typed.answers.items():
        there = {(str(node.resource_type), subject(node)) for node, _ in answers}
        assert there <= cases, situation


def test_incremental_models_are_another_query_in_each_situation(typed: Typed) -> None:
    of_model: dict[str, set[str]] = {}
    for answers in typed.answers.values():
        for node, _ in answers:
            if node.resource_type == "model" and node.config.materialized == "incremental":
                of_model.setdefault(node.name, set()).add(statement(node))
    # They read what a build changed, whatever that is.
    for name in ("int_changed_addresses", "int_changed_events"):
        assert len(of_model.pop(name)) == 1
    assert {name: len(texts) for name, texts in of_model.items() if len(texts) < 2} == {}
    assert of_model


def test_what_compiling_asks_is_typed(typed: Typed) -> None:
    assert typed.questions
    problems = [
        f"{question}\n{answer.error}"
        for question, answer in typed.questions.items()
        if answer.error
    ]
    assert problems == []


def test_raw_tables_are_as_their_sources_say(typed: Typed) -> None:
    made = {
        source.name: answer.columns
        for source in typed.sources
        for question, answer in typed.questions.items()
        if "create" in question and f".raw.{source.name} " in question
    }
    assert made == {source.name: declared(source) for source in typed.sources}


#: SQL that BigQuery refuses, and a part of what is said of it.
WRONG = {
    "select event_id as id from {events} where adress = 'x'": "Unrecognized name: adress",
    "select 1 as n from {events} where loaded_at > datetime '2026-05-02'": "DATETIME",
    "select 1 as n from {events} where is_machine = 1": "BOOL, INT64",
    "select string_split(address, '@') as parts from {events}": "Function not found",
    "select count(*) filter (where is_echo) as n from {events}": "Syntax error",
    "select address::text as address from {events}": "Syntax error",
    "select address from {events} group by channel": "neither grouped nor aggregated",
    "select channel from {events} union all select loaded_at from {events}": "incompatible",
    "select * from {events} join {events} using (event_key)": "event_key",
    "create table project.marts.new as (select 1 as n, 2 as n)": "duplicate name n",
    "create table project.marts.new as (select 1 as n) partition by n": "Syntax error",
}


@pytest.fixture(scope="module")
def refused() -> Mapping[str, Answer]:
    events = yaml.safe_load(Path(ROOT / "models/marts/events.yml").read_text())["models"][0]
    columns = {column["name"]: column["data_type"] for column in events["columns"]}
    scripts = [wrong.format(events="`project`.`marts`.`events`") for wrong in WRONG]
    answers = analyze({"project.marts.events": columns}, scripts)
    return dict(zip(WRONG, answers, strict=True))


@pytest.mark.parametrize(("wrong", "message"), WRONG.items())
def test_wrong_sql_is_reported(refused: Mapping[str, Answer], wrong: str, message: str) -> None:
    error = refused[wrong].error
    assert error is not None
    assert message in error


def test_the_queries_of_the_docs_and_of_the_report_are_typed() -> None:
    marts = {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for path in ROOT.glob("models/marts/**/*.yml")
        for model in yaml.safe_load(path.read_text())["models"]
    }
    tables = {f"project.marts.{name}": columns for name, columns in marts.items()}
    queries = [
        re.sub(rf"\b(from|join) ({'|'.join(marts)})\b", r"\1 `project`.`marts`.`\2`", query)
        for query in QUERIES.values()
    ]
    seeds = {"segments": {"segment": "string", "channel": "string", "condition": "string"}}
    tables |= {f"project.marts.{name}": columns for name, columns in seeds.items()}
    queries += [
        query.replace("{marts}.", "`project`.`marts`.") for query in questions(has_many_days=False)
    ]
    assert [answer.error for answer in analyze(tables, queries)] == [None] * len(queries)


def test_a_wrong_node_and_a_wrong_description_are_problems(typed: Typed) -> None:
    ((node, answer),) = typed.of("full build", "model", "suppression_list")
    broken = statement(node).replace("event_timestamp", "event_timestmap")
    (refused,) = analyze(typed.tables, [broken])
    assert "suppression_list: " in str(problem(node, refused))
    other = Answer(None, {**answer.columns, "event_timestamp": "datetime"})
    assert "('event_timestamp', 'datetime')" in str(problem(node, other))
    fewer = {name: kind for name, kind in answer.columns.items() if name != "channel"}
    assert "('channel', 'string')" in str(problem(node, Answer(None, fewer)))


def test_what_a_script_creates_is_there_for_the_next() -> None:
    scripts = [
        "create table project.raw.t (id string not null, seen timestamp) partition by date(seen)",
        "begin transaction; delete from project.raw.t where id = 'x'; commit transaction;",
        "create view project.raw.v as select [seen] as times, struct(id) as s from project.raw.t",
        "select * from project.raw.v",
    ]
    answers = analyze({}, scripts)
    assert [answer.error for answer in answers] == [None] * 4
    assert answers[0].columns == {"id": "string", "seen": "timestamp"}
    assert answers[3].columns == {"times": "array<timestamp>", "s": "struct<id string>"}
