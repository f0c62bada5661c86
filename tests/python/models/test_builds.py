"""What a build takes, what it leaves alone, and when it refuses to run."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.python.conftest import Warehouse, new_built_warehouse, project_with_seeds

MARTS = (
    "events",
    "quarantined_deliveries",
    "unengaged",
    "suppression_list",
    "contact_profiles",
    "sync_deltas",
)
DAY = "webhook_deliveries/source=sendgrid/date=2026-05-02"


def event(number: int, kind: str = "spamreport", **changes: object) -> dict[str, object]:
    named = {"email": f"person{number}@example.org", "event": kind, "timestamp": 1777706133}
    return {**named, "sg_event_id": f"event-{number}-{kind}", **changes}


def line(
    delivery: str, *events: dict[str, object], received_at: str = "2026-05-02T08:00:00Z"
) -> str:
    return json.dumps(
        {"delivery_id": delivery, "received_at": received_at, "payload": json.dumps(events)}
    )


def marts(warehouse: Warehouse, *, without: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """Every mart's rows as sorted text, without the columns named."""
    found = {}
    for mart in MARTS:
        rows = warehouse.rows(f"select * from main.{mart}")
        found[mart] = sorted(
            str({k: v for k, v in row.items() if k not in without}) for row in rows
        )
    return found


def history_rows(warehouse: Warehouse) -> int:
    return int(warehouse.values("select count(*) from main.contact_state")[0])


#: What one test lands before the first shared build and, after its yield, before the second.
Landing = Generator[None, None, None]
LANDINGS: list[Callable[[Warehouse], Landing]] = []


def lands(landing: Callable[[Warehouse], Landing]) -> Callable[[Warehouse], Landing]:
    """Takes it into the shared builds: with files, deliveries and addresses that no other uses."""
    LANDINGS.append(landing)
    return landing


@dataclass(frozen=True)
class Increments:
    """A warehouse after the builds that tests share: two that found something and one with nothing
    new, with what was quarantined after the first and all that stood after the second.
    """

    warehouse: Warehouse
    quarantined_at_first: list[dict[str, Any]]
    marts_at_second: dict[str, list[str]]
    history_at_second: int


QUARANTINED = "select source, reason from main.quarantined_deliveries order by all"


@pytest.fixture(scope="module")
def increments(tmp_path_factory: pytest.TempPathFactory) -> Increments:
    warehouse = new_built_warehouse(tmp_path_factory.mktemp("increments"))
    landings = [landing(warehouse) for landing in LANDINGS]
    for landing in landings:
        next(landing)
    warehouse.build()
    quarantined = warehouse.rows(QUARANTINED)
    for landing in landings:
        assert next(landing, "landed") == "landed"
    warehouse.build()
    found = Increments(warehouse, quarantined, marts(warehouse), history_rows(warehouse))
    warehouse.build()
    return found


@lands
def of_every_kind(warehouse: Warehouse) -> Landing:
    warehouse.land("sendgrid", [event(10), event(11, "open"), event(12, email="nobody")])
    yield


def test_a_build_with_nothing_new_changes_nothing(increments: Increments) -> None:
    assert all(increments.marts_at_second[mart] for mart in ("events", "quarantined_deliveries"))
    assert marts(increments.warehouse) == increments.marts_at_second
    assert history_rows(increments.warehouse) == increments.history_at_second


def full(number: int, day: int, kind: str = "deferred") -> dict[str, object]:
    """What SendGrid says of a mailbox that is full, so many days after the first."""
    return event(
        number,
        kind,
        timestamp=1777706133 - 86400 * (14 - day),
        response="452 4.2.2 over quota",
        sg_event_id=f"{number}-{kind}-{day}",
    )


@lands
def mailboxes_that_are_full_for_weeks(warehouse: Warehouse) -> Landing:
    days = (0, 2, 4, 6, 8, 10)
    known = [full(number, day) for number in (200, 201) for day in days]
    warehouse.land("sendgrid", [*known, full(202, 7, "open")])
    yield
    late = [full(202, day) for day in (*days, 14)]
    warehouse.land("sendgrid", [full(200, 14), full(201, 14), full(201, 7, "delivered"), *late])


def test_a_mailbox_that_is_full_for_weeks_is_listed_whatever_came_first(
    increments: Increments,
) -> None:
    """Of 202 the open was loaded before it was known that the mailbox is full."""
    found = increments.warehouse.rows(
        "select address, event_type, source from main.suppression_list"
        " where address similar to 'person20[0-2]@.*'"
    )
    told = {"event_type": "soft_bounces", "source": "sendgrid"}
    assert found == [{"address": "person200@example.org", **told}]


@lands
def a_file_that_grows(warehouse: Warehouse) -> Landing:
    warehouse.append(DAY, line("grown/1", event(20)), "grown.ndjson")
    yield
    warehouse.append(DAY, line("grown/2", event(21)), "grown.ndjson")


def test_a_file_that_has_grown_is_taken_once_more_and_only_what_is_new(
    increments: Increments,
) -> None:
    taken = increments.warehouse.rows(
        "select delivery_id, count(*) as n from main.int_events_unioned"
        " where delivery_id like 'grown/%' group by 1 order by 1"
    )
    assert taken == [{"delivery_id": "grown/1", "n": 1}, {"delivery_id": "grown/2", "n": 1}]


@lands
def a_torn_last_line(warehouse: Warehouse) -> Landing:
    whole = line("torn/2", event(31))
    path = warehouse.landing / DAY / "torn.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line("torn/1", event(30)) + "\n" + whole[:40])
    yield
    path.write_text(line("torn/1", event(30)) + "\n" + whole + "\n")


def test_a_file_that_grows_days_after_it_was_loaded_is_read_by_the_daily_run(
    warehouse: Warehouse,
) -> None:
    warehouse.append(DAY, line("first", event(1)), "a.ndjson")
    warehouse.build()
    warehouse.rows("update raw.landing_loaded set loaded_at = loaded_at - interval 4 day")
    warehouse.append(DAY, line("second", event(2)), "a.ndjson")
    warehouse.build("--selector", "frequent")
    assert warehouse.values("select address from main.events") == ["person1@example.org"]
    warehouse.build("--selector", "daily")
    assert set(warehouse.values("select address from main.events")) == {
        "person1@example.org",
        "person2@example.org",
    }


def test_a_torn_last_line_is_counted_and_taken_when_it_is_whole(increments: Increments) -> None:
    torn = {"source": "sendgrid", "reason": "unreadable line"}
    assert increments.quarantined_at_first.count(torn) == 1
    taken = "select delivery_id from main.events where delivery_id like 'torn/%' order by 1"
    assert increments.warehouse.values(taken) == ["torn/1", "torn/2"]


@lands
def lines_that_cannot_be_read(warehouse: Warehouse) -> Landing:
    folder = DAY.replace("sendgrid", "postmark")
    warehouse.append(folder, "not a delivery", "live.ndjson")
    yield
    warehouse.append(folder, "nor this one", "live.ndjson")


def test_every_unreadable_line_of_a_file_that_grows_is_counted(increments: Increments) -> None:
    unreadable = {"source": "postmark", "reason": "unreadable line"}
    assert increments.quarantined_at_first.count(unreadable) == 1
    assert increments.warehouse.rows(QUARANTINED).count(unreadable) == 2


@lands
def a_file_written_anew(warehouse: Warehouse) -> Landing:
    path = warehouse.landing / "contacts" / "contacts.ndjson"
    path.parent.mkdir(parents=True)
    row = {"external_id": "c-40", "email": "a@example.org", "updated_at": "2026-01-01"}
    path.write_text(json.dumps(row) + "\n")
    yield
    path.write_text(json.dumps({**row, "email": "b@example.org"}) + "\n")


def test_a_file_written_anew_in_place_with_the_same_size_is_read_again(
    increments: Increments,
) -> None:
    linked = increments.warehouse.values(
        "select address from main.int_contact_identifiers where external_id = 'c-40' order by 1"
    )
    assert linked == ["a@example.org", "b@example.org"]


@lands
def a_file_that_is_weeks_late(warehouse: Warehouse) -> Landing:
    warehouse.append(DAY, line("today", event(50)), "today.ndjson")
    yield
    late = line("late", event(51), received_at="2026-03-01T00:00:00Z")
    warehouse.append("webhook_deliveries/source=sendgrid/date=2026-03-01", late, "late.ndjson")


def test_a_landed_file_that_is_a_link_is_read_by_an_increment_and_is_not_lost(
    warehouse: Warehouse,
) -> None:
    warehouse.build()
    warehouse.land("sendgrid", [event(1)], file="linked.ndjson")
    (landed,) = warehouse.landing.rglob("linked.ndjson")
    elsewhere = landed.rename(warehouse.directory / "elsewhere.ndjson")
    landed.symlink_to(elsewhere)
    warehouse.build("--selector", "frequent")
    warehouse.build("--selector", "frequent")
    assert warehouse.values("select address from main.suppression_list") == ["person1@example.org"]
    assert warehouse.values("select ok from raw.builds") == [True] * 3


def test_a_file_deeper_than_the_folders_of_days_is_said_and_not_read(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = "webhook_deliveries/source=sendgrid/date=2026-05-02"
    warehouse.append(f"{folder}/hour=08", line("deep", event(1)), "deep.ndjson")
    warehouse.append(folder, line("read", event(2)), "read.ndjson")
    warehouse.log_level = "warn"
    warehouse.build("--full-refresh")
    assert "1 landing files are not read" in capsys.readouterr().out
    assert warehouse.values("select address from main.suppression_list") == ["person2@example.org"]


def test_a_file_that_lands_weeks_late_is_read_whatever_day_its_folder_names(
    increments: Increments,
) -> None:
    assert increments.warehouse.values(
        "select address from main.suppression_list where address like 'person5%' order by 1"
    ) == ["person50@example.org", "person51@example.org"]


@lands
def a_copy_that_was_received_earlier(warehouse: Warehouse) -> Landing:
    later = {**event(60), "timestamp": None, "reason": "told later"}
    warehouse.append(DAY, line("copy/2", later, received_at="2026-05-02T10:00:00Z"), "a.ndjson")
    yield
    earlier = {**event(60), "timestamp": None}
    warehouse.append(DAY, line("copy/1", earlier, received_at="2026-05-02T09:00:00Z"), "b.ndjson")


def test_an_earlier_received_copy_that_lands_later_takes_the_place_of_the_other(
    increments: Increments,
) -> None:
    listed = increments.warehouse.rows(
        "select address, event_timestamp from main.suppression_list where address like '%60@%'"
    )
    assert [(row["address"], row["event_timestamp"].hour) for row in listed] == [
        ("person60@example.org", 9)
    ]


def test_a_run_that_leaves_out_what_a_push_reads_is_no_build(warehouse: Warehouse) -> None:
    warehouse.land("sendgrid", [event(1)])
    warehouse.build("--select", "+events", "--indirect-selection", "cautious")
    assert warehouse.values("select count(*) from raw.builds") == [0]


def test_as_of_hides_what_was_received_later_until_it_has_passed(warehouse: Warehouse) -> None:
    warehouse.append(DAY, line("past", event(1), received_at="2026-05-02T08:00:00Z"))
    warehouse.append(DAY, line("future", event(2), received_at="2026-05-04T08:00:00Z"))
    warehouse.build(as_of="2026-05-03T00:00:00Z")
    assert warehouse.values("select delivery_id from main.events") == ["past"]
    warehouse.build(as_of="2026-05-05T00:00:00Z")
    assert warehouse.values("select delivery_id from main.events order by 1") == ["future", "past"]
    assert warehouse.values("select address from main.suppression_list order by 1") == [
        "person1@example.org",
        "person2@example.org",
    ]


def test_as_of_moves_forward_only(warehouse: Warehouse) -> None:
    warehouse.build(as_of="2026-05-03T00:00:00Z")
    result = warehouse.dbt("build", as_of="2026-05-02T00:00:00Z")
    assert not result.success
    assert "moves forward only" in str(
        result.exception or [r.message for r in result.result.results]
    )


def test_a_full_refresh_ends_where_increments_did(warehouse: Warehouse) -> None:
    for number in range(6):
        kinds = ("spamreport", "open", "bounce", "delivered", "group_unsubscribe", "unsubscribe")
        warehouse.land(
            "sendgrid",
            [event(n, kinds[(n + number) % 6], user_id="c-1") for n in range(number + 1)],
        )
        if number % 2:
            warehouse.build(as_of="2026-06-01T00:00:00Z")
    unstamped = frozenset({"loaded_at", "computed_at"})
    before = marts(warehouse, without=unstamped)
    warehouse.rows("create table main.int_known_states as select 'a@example.org' as subject")
    warehouse.dbt("run", "--full-refresh", "--select", "int_push_token_types")
    assert warehouse.values("select subject from main.int_known_states") == ["a@example.org"]
    warehouse.build("--full-refresh", as_of="2026-06-01T00:00:00Z")
    assert marts(warehouse, without=unstamped) == before
    left = warehouse.values("select table_name from information_schema.tables")
    assert "int_known_states" not in left, "what bore an old name holds personal data, too"


def test_the_frequent_schedule_runs_where_unengaged_was_never_built(
    fresh_warehouse: Warehouse,
) -> None:
    fresh_warehouse.build("--selector", "daily")
    fresh_warehouse.land("sendgrid", [event(1)])
    fresh_warehouse.build("--selector", "frequent")
    assert fresh_warehouse.values("select address from main.sync_deltas") == ["person1@example.org"]
    assert fresh_warehouse.values("select count(*) from main.unengaged") == [0]


def test_a_build_with_a_failing_data_test_is_recorded_as_not_ok(warehouse: Warehouse) -> None:
    warehouse.land("sendgrid", [event(1)])
    warehouse.build()
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute("insert into main.topics values ('sendgrid', null, true)")
    result = warehouse.dbt("test", "--select", "topics")
    assert not result.success
    assert warehouse.values("select ok from raw.builds order by started_at") == [True, False]


def test_a_wrong_row_fails_a_build_of_what_stands(warehouse: Warehouse) -> None:
    """These tests run the data tests of such builds without dbt."""
    warehouse.rows("insert into main.topics values ('sendgrid', null, true)")
    with pytest.raises(AssertionError, match="topics_is_valid"):
        warehouse.build()


def build_policy(warehouse: Warehouse, project: Path) -> Any:
    """The policy's seeds and their tests: what a build comes to before any model."""
    return warehouse.dbt(
        "build", "--select", "suppression_policy", "suppression_releases", project=project
    )


@pytest.mark.parametrize(
    ("seed", "row"),
    [
        ("suppression_policy.csv", "grumpy,consent,6,same"),
        ("suppression_policy.csv", "bounce,deliverability,6,same"),
        ("suppression_releases.csv", "bounce,applause"),
        ("suppression_releases.csv", "grumpy,subscribe"),
    ],
)
def test_a_policy_row_that_means_nothing_fails_the_build(
    warehouse: Warehouse, tmp_path: Path, seed: str, row: str
) -> None:
    project = project_with_seeds(tmp_path / "project")
    with (project / "seeds" / seed).open("a") as out:
        out.write(row + "\n")
    result = build_policy(warehouse, project)
    assert not result.success
    assert any(node.status == "fail" for node in result.result.results)


def test_a_precedence_that_stands_twice_fails_the_build(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    project = project_with_seeds(tmp_path / "project")
    policy = project / "seeds" / "suppression_policy.csv"
    policy.write_text(policy.read_text().replace("block,operator,5", "block,operator,3"))
    result = build_policy(warehouse, project)
    assert not result.success
    assert any(node.status == "fail" for node in result.result.results)


def test_one_cell_makes_opt_outs_universal(warehouse: Warehouse, tmp_path: Path) -> None:
    project = project_with_seeds(tmp_path / "project")
    policy = project / "seeds" / "suppression_policy.csv"
    policy.write_text(
        policy.read_text().replace("unsubscribe,consent,2,same", "unsubscribe,consent,2,all")
    )
    warehouse.land_rows(
        "contacts",
        [
            {
                "external_id": "c-1",
                "email": "mia@example.org",
                "phone": "+12025550141",
                "updated_at": "2026-01-01",
            }
        ],
    )
    warehouse.land("sendgrid", [event(1, "unsubscribe", email="mia@example.org")])
    warehouse.build(project=project)
    listed = warehouse.rows(
        "select channel, address, event_type from main.suppression_list order by channel"
    )
    assert [tuple(row.values()) for row in listed] == [
        ("email", "mia@example.org", "unsubscribe"),
        ("sms", "+12025550141", "unsubscribe"),
    ]


def is_ok(warehouse: Warehouse) -> bool:
    return bool(warehouse.values("select ok from raw.builds order by ended_at desc limit 1")[0])


def test_a_build_without_what_was_taken_once_is_not_ok_until_it_is_back(
    warehouse: Warehouse,
) -> None:
    warehouse.append(DAY, line("first", event(1)), "a.ndjson")
    warehouse.build()
    assert is_ok(warehouse)
    away = warehouse.landing.rename(warehouse.directory / "unmounted")
    warehouse.build()
    assert not is_ok(warehouse)
    # A full refresh would forget the refusal: it does not begin.
    result = warehouse.dbt("build", "--exclude-resource-type", "unit_test", "--full-refresh")
    assert not result.success
    assert "webhook_deliveries/source=sendgrid/date=2026-05-02/a.ndjson" in told_by(result)
    assert warehouse.values("select address from main.suppression_list") == ["person1@example.org"]
    away.rename(warehouse.landing)
    warehouse.build("--full-refresh")
    assert is_ok(warehouse)


def test_what_was_archived_on_purpose_is_missed_by_a_full_refresh_only(
    warehouse: Warehouse,
) -> None:
    warehouse.append(DAY, line("first", event(1)), "a.ndjson")
    later = line("second", event(2), received_at="2026-05-03T08:00:00Z")
    warehouse.append("webhook_deliveries/source=sendgrid/date=2026-05-03", later, "b.ndjson")
    warehouse.build()
    (warehouse.landing / DAY / "a.ndjson").unlink()
    done = warehouse.dbt("run-operation", "archive_landing", "--args", "{before: 2026-05-03}")
    assert done.success
    warehouse.build("--selector", "frequent")
    assert is_ok(warehouse)
    assert not warehouse.dbt("build", "--select", "events", "--full-refresh").success
    (warehouse.landing / "webhook_deliveries/source=sendgrid/date=2026-05-03/b.ndjson").unlink()
    done = warehouse.dbt("run-operation", "archive_landing", "--args", "{like: '%/b.ndjson'}")
    assert done.success
    warehouse.build("--selector", "frequent")
    assert is_ok(warehouse)


def test_after_a_clock_that_was_ahead_the_message_says_the_way_out(warehouse: Warehouse) -> None:
    warehouse.append(DAY, line("first", event(1)), "a.ndjson")
    warehouse.build()
    for table, columns in (("builds", "started_at"), ("watermarks", "taken_until")):
        warehouse.rows(f"update raw.{table} set {columns} = {columns} + interval 1 year")
    warehouse.rows("update raw.builds set ended_at = ended_at + interval 1 year")
    warehouse.rows(
        "insert into raw.rule_changes (relation, changed_at) values"
        " ('main', now()::timestamp + interval 1 year), ('other', timestamp '2026-01-01 00:00:00')"
    )
    result = warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    assert "dbt run-operation forget_the_future" in told_by(result)
    assert warehouse.dbt("run-operation", "forget_the_future").success
    # The next push still asks for a plan.
    assert warehouse.values(
        "select relation || ' ' || (changed_at between now()::timestamp - interval 1 hour"
        " and now()::timestamp) from raw.rule_changes order by 1"
    ) == ["main true", "other false"]
    warehouse.append(DAY, line("second", event(2)), "b.ndjson")
    warehouse.build("--full-refresh")
    assert warehouse.values("select delivery_id from main.events order by 1") == ["first", "second"]


def test_of_two_builds_the_one_that_began_first_may_read_last(warehouse: Warehouse) -> None:
    warehouse.append(DAY, line("first", event(1)), "a.ndjson")
    warehouse.build()
    # As if another run began after this one and ended before this one could open the database.
    for table, column in (("builds", "started_at"), ("watermarks", "taken_until")):
        warehouse.rows(f"update raw.{table} set {column} = {column} + interval 2 minute")
    warehouse.append(DAY, line("second", event(2)), "b.ndjson")
    warehouse.build()
    assert warehouse.values("select address from main.suppression_list order by 1") == [
        "person1@example.org",
        "person2@example.org",
    ]


def test_a_refusal_that_something_else_than_a_grant_would_end_fails_the_build_by_name(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    project = project_with_seeds(tmp_path / "project")
    with (project / "seeds" / "suppression_releases.csv").open("a") as out:
        out.write("unsubscribe,delivered\n")
    warehouse.land("sendgrid", [event(1)])
    result = warehouse.dbt("build", "--exclude-resource-type", "unit_test", project=project)
    assert not result.success
    assert "not by unsubscribe,delivered" in told_by(result)
    assert warehouse.values("select count(*) from main.suppression_list") == [0]


def told_by(result: Any) -> str:
    """Everything that a run of dbt said of what went wrong."""
    nodes = getattr(result.result, "results", [])
    return "\n".join([str(result.exception), *(str(node.message) for node in nodes)])
