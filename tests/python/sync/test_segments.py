"""`contact-sync segment`: an audience is counted, or written as of a build to be relied on."""

from __future__ import annotations

import csv
import json
from datetime import timedelta

import duckdb
import pytest

from tests.python.sync.world import World

#: A name that a shell, a path and SQL would each read in its own way.
ODD = "it's 100%"


@pytest.fixture
def audience(world: World) -> World:
    """A world with two contacts in a segment, one in another, and nobody in a third."""
    world.sql("create table segments (segment text, channel text, condition text)")
    world.sql(
        "insert into segments values ('reachable', 'email', 'subscribed'),"
        " ('reachable', 'email', 'not_suppressed'), ('empty', 'sms', 'suppressed'),"
        " ('reachable', 'sms', 'not_subscribed'), ('reachable', 'push', 'unknown'),"
        f" ('{ODD.replace(chr(39), chr(39) * 2)}', 'email', 'unknown')"
    )
    world.sql("create table contact_segments (segment text, contact_id text, external_id text)")
    world.sql(
        "insert into contact_segments values ('reachable', 'b', null), ('reachable', 'a', '7'),"
        f" ('{ODD.replace(chr(39), chr(39) * 2)}', 'a', '7')"
    )
    world.sql(
        "create table contact_profiles"
        " (contact_id text, external_id text, email text, phone text, push_token text,"
        " email_suppressed boolean, sms_suppressed boolean, push_suppressed boolean)"
    )
    world.sql(
        "insert into contact_profiles values"
        " ('a', '7', 'ann@example.com', '+15550100100', 'listed', false, true, true),"
        " ('b', null, 'b,o\"b@example.com', null, 'T', false, false, false),"
        " ('c', '8', 'not@example.com', null, null, false, false, false)"
    )
    return world


def test_segments_are_counted_empty_ones_included(audience: World) -> None:
    told = json.loads(audience.cli("segment", "--output", "json").stdout)
    assert told == [
        {"segment": "empty", "contacts": 0},
        {"segment": ODD, "contacts": 1},
        {"segment": "reachable", "contacts": 2},
    ]
    assert "reachable" in audience.cli("segment").stdout


def test_its_members_are_written_with_the_addresses_that_it_is_about_and_none_that_is_listed(
    audience: World,
) -> None:
    done = audience.cli("segment", "reachable", "--out", "who.csv")
    assert (done.returncode, done.stdout) == (0, "who.csv: 2 contacts of reachable\n")
    with (audience.directory / "who.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["contact_id", "external_id", "email", "phone", "push_token"],
            # She left texts, and her device is listed.
            ["a", "7", "ann@example.com", "", ""],
            ["b", "", 'b,o"b@example.com', "", "T"],
        ]
    assert (audience.directory / "who.csv").stat().st_mode & 0o077 == 0


def test_the_file_may_be_parquet_and_any_name_is_taken_as_text(audience: World) -> None:
    done = audience.cli("segment", ODD, "--out", "it's.parquet", "--output", "json")
    assert json.loads(done.stdout) == {"segment": ODD, "contacts": 1, "file": "it's.parquet"}
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select email from read_parquet(?)", [str(audience.directory / "it's.parquet")]
        ).fetchall()
    assert rows == [("ann@example.com",)]


def test_an_unknown_segment_is_told_with_those_that_there_are(audience: World) -> None:
    done = audience.cli("segment", "reachabel")
    assert done.returncode == 2
    assert "There are: empty" in done.stderr
    assert not (audience.directory / "reachabel.csv").exists()


@pytest.mark.parametrize("wrong", ["failed", "old"])
def test_of_a_build_that_cannot_be_relied_on_nothing_is_written(
    audience: World, wrong: str
) -> None:
    audience.sql("delete from raw.builds where true")
    audience.build(ok=wrong != "failed", age=timedelta(hours=30 if wrong == "old" else 0))
    done = audience.cli("segment", "reachable")
    assert done.returncode == 3
    assert "may lack a refusal" in done.stderr
    assert not (audience.directory / "reachable.csv").exists()
