"""What OpenTelemetry hears: as much as was done, and nothing of a person; and it stops nothing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from sync.errors import WarehouseBusy, WarehouseMissing
from sync.metrics.measures import (
    METRICS,
    OLDEST_OPT_OUT,
    PENDING,
    POSSIBLE_OPT_OUTS,
    QUARANTINED,
)
from sync.run.gauger import Gauger
from sync.warehouse.base import Warehouse
from tests.python.conftest import ROOT
from tests.python.sync.collector import HEADERS, Collector, collecting
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import KEY, SandboxClient, World, wait_until

on_both = pytest.mark.parametrize("engine", ENGINES, indirect=True)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@on_both
def test_a_push_tells_what_its_report_says_and_what_is_left(
    world: World, sandbox: SandboxClient, collector: Collector
) -> None:
    world.engine.show_status()
    world.already_pushed()
    world.list_addresses(10)
    world.want("very.private@example.com", "b@example.com", reason="complaint")
    world.want("bad@example.com", reason="bounce")
    world.want("free@example.com", action="release", reason="bounce")
    sandbox.fill({"global": ["free@example.com"]})
    sandbox.fault("poison", address="bad@example.com")
    sandbox.fault("error", status=429, count=1, retry_after=1)
    # The guard stops it, for nothing was ever pushed there.
    world.enable("postmark", scope="broadcast")
    world.connect("postmark", {"POSTMARK_SERVER_TOKEN": KEY})
    world.want("c@example.com", reason="complaint", destination="postmark", scope="broadcast")
    done = world.cli("push", "--output", "json", **collector.environment)
    report = {one["destination"]: one for one in json.loads(done.stdout)["destinations"]}
    assert done.returncode == 3
    assert len(collector.bodies) == 1

    items = collector.sums("contact_sync.push.items", "destination", "action", "outcome")
    assert items == {
        ("sendgrid", "suppress", "confirmed"): 2,
        ("sendgrid", "suppress", "rejected"): 1,
        ("sendgrid", "release", "confirmed"): 1,
    }
    sendgrid = report["sendgrid"]
    assert (sendgrid["suppressed"], sendgrid["rejected"], sendgrid["released"]) == (2, 1, 1)
    assert collector.sums("contact_sync.pushes", "destination", "status") == {
        ("postmark", "guarded"): 1,
        ("sendgrid", "incomplete"): 1,
    }
    assert collector.sums("contact_sync.push.guard_stops", "destination", "held") == {
        ("postmark", "everything"): 1
    }
    calls = collector.sums("contact_sync.calls", "status_class")
    assert sum(calls.values()) == sendgrid["calls"]
    assert calls[("429",)] == sendgrid["rate_limited"] == 1
    assert collector.sums("contact_sync.call.duration", "status_class") == calls
    (wait,) = collector.points("contact_sync.rate_limit.wait")
    assert 0 < wait.value <= 1
    waiting = collector.sums("contact_sync.pending.items", "destination", "action")
    assert waiting["postmark", "suppress"] == 1
    assert {number for name, number in waiting.items() if name[0] == "sendgrid"} == {0}
    ages = collector.sums("contact_sync.pending.oldest_opt_out", "destination")
    since = datetime.now() - datetime(2026, 1, 1)
    assert ages["sendgrid",] == 0
    assert abs(ages["postmark",] - since.total_seconds()) < timedelta(days=1).total_seconds()

    (request,) = collector.requests
    (resource,) = request.resource_metrics
    named = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert named["service.name"] == "contact-sync"
    assert collector.headers[0]["dd-api-key"] == "very-secret"
    assert collector.headers[0]["content-type"] == "application/x-protobuf"
    for secret in ("@", "private", KEY, "very-secret"):
        assert secret not in str(request)
    known = {metric.name: metric for metric in METRICS}
    for point in collector.points():
        metric = known[point.name]
        assert (point.unit, set(point.attributes)) == (metric.unit, set(metric.attributes))
        assert point.is_delta is (None if metric.kind == "gauge" else True)


def test_a_push_that_ends_with_an_error_tells_it_too(world: World, collector: Collector) -> None:
    world.want("a@example.com")
    done = world.cli("push", SENDGRID_API_KEY="", **collector.environment)
    assert done.returncode == 2
    assert collector.sums("contact_sync.pushes", "status") == {("failed",): 1}


@pytest.mark.parametrize("trouble", ["down", "slow", "500", "302", "no URL", "grpc", "off"])
def test_whatever_the_endpoint_does_the_push_is_the_same(
    world: World, collector: Collector, trouble: str
) -> None:
    world.already_pushed()
    world.want("a@example.com")
    environment = collector.environment
    told = 1
    match trouble:
        case "down":
            environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9/hidden-path"
        case "slow":
            collector.waits.clear()
        case "500" | "302":
            collector.status = int(trouble)
        case "no URL":
            environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "hidden-path"
        case "grpc":
            environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"
        case _:
            environment["OTEL_SDK_DISABLED"] = "true"
            told = 0
    done = world.cli("push", **environment)
    assert done.returncode == 0
    assert "1 suppressed" in done.stdout
    assert done.stderr.splitlines().count("sendgrid: 1 to send") == 1
    assert len(done.stderr.splitlines()) == 1 + told
    for text in (done.stdout, done.stderr):
        for secret in ("hidden-path", "very-secret", HEADERS, "127.0.0.1", "Traceback"):
            assert secret not in text
    if told:
        assert "OTEL_EXPORTER_OTLP_" in done.stderr
    assert collector.bodies == []


def test_headers_that_cannot_be_read_are_not_printed(world: World, collector: Collector) -> None:
    environment = {**collector.environment, "OTEL_EXPORTER_OTLP_HEADERS": '"very-secret"'}
    done = world.cli("push", OTEL_RESOURCE_ATTRIBUTES="very-secret", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(collector.bodies) == 1


def test_an_alert_tells_what_waits(world: World, collector: Collector) -> None:
    world.want("late@example.com", reason="unsubscribe")
    world.sql("insert into raw.webhook_requests values ('mailgun', '2xx', 3, now()::timestamp)")
    done = world.cli("alert", CONTACT_SYNC_ALERT_URLS="json://127.0.0.1:9", **collector.environment)
    assert done.returncode == 1
    assert collector.sums("contact_sync.pending.items", "action")["suppress",] == 1
    assert collector.sums("contact_sync.quarantined", "source") == {("mailgun",): 0}
    assert collector.sums("contact_sync.possible_opt_outs", "source") == {("mailgun",): 0}


def test_a_run_reads_what_waits_after_a_build_and_again_where_it_could_not(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for gauge in (PENDING, OLDEST_OPT_OUT, QUARANTINED, POSSIBLE_OPT_OUTS):
        monkeypatch.setattr(gauge, "read", tuple)
    world.want("late@example.com", reason="unsubscribe")
    troubles = [WarehouseBusy("a build has it"), WarehouseMissing("no table"), ValueError("hidden")]

    def opened() -> Warehouse:
        if troubles:
            raise troubles.pop(0)
        return world.warehouse()

    gauger = Gauger(opened).start(pause=0.0)
    gauger.ask()
    # The first trouble is none, and it looks again by itself.
    wait_until(lambda: len(troubles) == 1, "it looked twice")
    gauger.ask()
    wait_until(lambda: not troubles, "it looked once more")
    gauger.ask()
    wait_until(lambda: bool(list(PENDING.read())), "it could look")
    gauger.end()
    gauger.join(time.monotonic() + 60)
    waiting = {tuple(named.values()): number for number, named in PENDING.read()}
    assert waiting["sendgrid", "suppress"] == 1
    assert [record.message for record in caplog.records] == [
        "What is pending was not measured: no table",
        "gauges: a fault of contact-sync itself",
        "What is pending was not measured: a fault of contact-sync itself (ValueError)",
    ]


def test_the_page_names_every_metric_with_its_unit_and_attributes() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(contact_sync\.[\w.]+)` \| (\S+) \| `([^`]+)` \| ([^|]*) \|", page, re.M
    )
    kinds = {"total": "counter"}
    assert [
        (name, kind, unit, re.findall(r"`(\w+)`", named)) for name, kind, unit, named in rows
    ] == [
        (one.name, kinds.get(one.kind, one.kind), one.unit, list(one.attributes)) for one in METRICS
    ]
