"""Runs that die half-way, build a part only or look back: nothing received is lost or doubled."""

from __future__ import annotations

from typing import Any

from tests.python.conftest import Warehouse


def batch(
    address: str, *, key: str, event: str = "unsubscribe", reason: str | None = None
) -> list[dict[str, Any]]:
    """A SendGrid batch of one event; key is the platform's own id."""
    said = {} if reason is None else {"reason": reason}
    return [{"email": address, "event": event, "sg_event_id": key, "timestamp": 1777708800} | said]


def listed(warehouse: Warehouse) -> list[Any]:
    return sorted(warehouse.values("select address from main.suppression_list"))


def forget_that_it_ended(warehouse: Warehouse) -> None:
    """As after a kill before the run's end: the rows are written, the watermarks are not."""
    warehouse.rows(
        "delete from raw.watermarks"
        " where taken_until = (select max(taken_until) from raw.watermarks)"
    )


def test_a_refusal_is_listed_though_a_run_died_before_events_and_a_rule_was_changed_then(
    warehouse: Warehouse,
) -> None:
    warehouse.land("sendgrid", batch("ann@example.org", key="a"))
    warehouse.build()
    warehouse.land("sendgrid", batch("noa@example.org", key="b"))
    warehouse.run("int_events_unioned", "int_events_deduplicated")
    warehouse.variables["max_addresses_per_contact"] = 40
    warehouse.run("config.materialized:view")
    warehouse.build("--selector", "frequent")
    assert listed(warehouse) == ["ann@example.org", "noa@example.org"]


def test_what_a_partial_run_with_as_of_hid_is_found_by_the_next_run(warehouse: Warehouse) -> None:
    warehouse.land("sendgrid", batch("ann@example.org", key="a"))
    warehouse.land(
        "sendgrid", batch("bob@example.org", key="b"), received_at="2026-05-04T08:00:00Z"
    )
    warehouse.run("+events", as_of="2026-05-03 00:00:00")
    assert warehouse.values("select address from main.events") == ["ann@example.org"]
    warehouse.build()
    assert listed(warehouse) == ["ann@example.org", "bob@example.org"]


def test_history_is_searched_for_hidden_copies_only_until_a_run_has_found_them(
    warehouse: Warehouse,
) -> None:
    warehouse.land("sendgrid", batch("ann@example.org", key="a"))
    warehouse.build(as_of="2026-05-03 00:00:00")
    warehouse.build()
    assert "or was_hidden" in warehouse.compiled("events")
    warehouse.build()
    assert "or was_hidden" not in warehouse.compiled("events")


def test_an_event_stands_once_though_a_part_of_the_models_was_built_anew(
    warehouse: Warehouse,
) -> None:
    for hour, reason in (("08", "550 said later"), ("07", "550 said first")):
        warehouse.land(
            "sendgrid",
            batch("ann@example.org", key="a", event="bounce", reason=reason),
            received_at=f"2026-05-03T{hour}:00:00Z",
        )
        if hour == "08":
            warehouse.build()
    warehouse.build("--select", "int_events_unioned")
    warehouse.build("--select", "int_events_deduplicated", "--full-refresh")
    warehouse.build("--selector", "frequent")
    assert warehouse.values("select reason from main.events") == ["550 said first"]
    assert listed(warehouse) == ["ann@example.org"]


def test_a_run_that_noted_nothing_is_done_again_and_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.land("sendgrid", batch("ann@example.org", key="a"))
    warehouse.build()
    warehouse.land("sendgrid", batch("bob@example.org", key="b"))
    warehouse.build()
    forget_that_it_ended(warehouse)
    warehouse.build()
    assert sorted(warehouse.values("select address from main.events")) == [
        "ann@example.org",
        "bob@example.org",
    ]
    assert listed(warehouse) == ["ann@example.org", "bob@example.org"]


def test_corrections_leave_no_trace_of_the_builds_that_heard_of_them(warehouse: Warehouse) -> None:
    """The later received copy is built first, runs die in between, and all comes to one."""
    for hour in ("10", "09", "08"):
        received_at = f"2026-05-03T{hour}:00:00Z"
        said_otherwise = batch("ann@example.org", key="a", event="bounce", reason=f"550 at {hour}")
        warehouse.land("sendgrid", said_otherwise, received_at=received_at)
        warehouse.land("sendgrid", batch("same@example.org", key="b"), received_at=received_at)
        warehouse.build("--selector", "frequent")
        forget_that_it_ended(warehouse)
    warehouse.build("--selector", "frequent")
    assert warehouse.values("select count(*) > 0 from main.int_events_corrected") == [True]
    every_column = "select * exclude (loaded_at) from main.events order by all"
    increments = warehouse.rows(every_column)
    reasons = {row["address"]: row["reason"] for row in increments}
    assert reasons == {"ann@example.org": "550 at 08", "same@example.org": None}
    assert listed(warehouse) == ["ann@example.org", "same@example.org"]
    warehouse.build("--full-refresh")
    assert warehouse.rows(every_column) == increments


def test_one_delivery_in_two_files_is_what_a_full_build_makes_of_it(warehouse: Warehouse) -> None:
    for event, file in (("open", "2.ndjson"), ("unsubscribe", "1.ndjson")):
        warehouse.land(
            "sendgrid", batch("ann@example.org", key="a", event=event), delivery_id="d", file=file
        )
        warehouse.build()
    increments = warehouse.values("select event_type from main.events order by all")
    warehouse.build("--full-refresh")
    assert warehouse.values("select event_type from main.events order by all") == increments
    assert listed(warehouse) == ["ann@example.org"]


def test_what_a_model_found_nothing_in_is_not_read_again(warehouse: Warehouse) -> None:
    warehouse.land("sendgrid", batch("ann@example.org", key="a"))
    warehouse.build()
    for model in ("int_events_superseded", "int_traits", "int_contact_identifiers"):
        assert warehouse.values(f"select count(*) from main.{model}") == [0]
    warehouse.build("--selector", "frequent")
    for model in ("int_events_superseded", "int_traits", "int_contact_identifiers"):
        assert "1970-01-01" not in warehouse.compiled(model)
