"""A platform is pieces of one shape; what is missing is named."""

from __future__ import annotations

import csv

import pytest
import yaml

from tests.python.conftest import ROOT
from tests.python.staging.bodies import SOURCES, Landed, bodies

PROJECT = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
STAGED = PROJECT["vars"]["sources"]
LOGS = {"email_log", "directory"}


def test_every_source_that_is_staged_has_its_fixtures() -> None:
    assert set(STAGED) - LOGS == set(SOURCES)
    assert [source for source in SOURCES if not bodies(source)] == []


@pytest.mark.parametrize("source", STAGED)
def test_a_source_has_its_view_its_description_and_its_test(source: str) -> None:
    view = ROOT / "models" / "staging" / source / f"stg_{source}__events.sql"
    pieces = [view, view.with_suffix(".yml"), ROOT / "tests/python/staging" / f"test_{source}.py"]
    assert [str(piece) for piece in pieces if not piece.is_file()] == []


def test_every_source_has_its_words_in_the_mapping() -> None:
    with (ROOT / "seeds" / "provider_events.csv").open() as rows:
        mapped = {row["source"] for row in csv.DictReader(rows)}
    # What adopt reads is said in the words of the platform that keeps the list.
    assert mapped == set(STAGED) - {"adopt"}


def test_every_view_has_the_same_columns(landed: Landed) -> None:
    columns = landed.warehouse.rows(
        # The sender's own log and directory have no time of arrival, but a day of their own.
        "select table_name, list((column_name, data_type) order by ordinal_position) as columns"
        " from information_schema.columns where table_name like 'stg_%__events'"
        " and not (column_name = 'landed_at' and table_name in (?, ?)) group by table_name",
        "stg_email_log__events",
        "stg_directory__events",
    )
    staged = {f"stg_{source}__events" for source in (*STAGED, "unknown")}
    assert {row["table_name"] for row in columns} == staged
    first = columns[0]["columns"]
    assert [row["table_name"] for row in columns if row["columns"] != first] == []


@pytest.mark.parametrize("source", [*STAGED, "unknown"])
def test_the_description_lists_the_columns_of_the_view(landed: Landed, source: str) -> None:
    view = f"stg_{source}__events"
    path = ROOT / "models" / "staging" / source / f"{view}.yml"
    described = [
        column["name"] for column in yaml.safe_load(path.read_text())["models"][0]["columns"]
    ]
    assert described == landed.warehouse.values(
        "select column_name from information_schema.columns where table_name = ?"
        " order by ordinal_position",
        view,
    )


def test_only_words_that_nobody_documents_are_unmapped(landed: Landed) -> None:
    unmapped = landed.warehouse.values(
        "select distinct source || ' ' || provider_event from main.int_events_unioned"
        " where is_unmapped and quarantine_reason is null order by 1"
    )
    assert unmapped == [
        "braze campaigns.conversion",
        "braze messages.contentcard.send",
        "braze messages.inappmessage.click",
        "brevo teleported",
        "klaviyo reviewed_product",
        "mandrill blacklist/add/other-thing",
        "mparticle marketing preference updated/unknown channel",
        "onesignal message.email.snoozed",
        "segment marketing preference updated/perhaps",
        "segment marketing preference updated/unknown channel",
        "sendgrid cancel_drop",
        "sparkpost levitation",
        "twilio failed/39999",
    ]
