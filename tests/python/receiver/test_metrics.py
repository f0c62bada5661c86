"""What Prometheus reads of a receiver, and what it sends by itself: what it answered."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from sync.receiver.exposition import text_of
from tests.python.receiver import signing
from tests.python.receiver.server import Server, receiving
from tests.python.sync.collector import collecting
from tests.python.sync.world import wait_until

TOKEN = "0123456789abcdef"
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? ([0-9]+)')


def parsed(text: str) -> dict[tuple[str, str], int]:
    """The samples by name and labels; every family has its help and its type before them."""
    found, known = {}, ""
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            known = line.split()[2]
        elif line.startswith("# "):
            assert line.split()[:3] == ["#", "TYPE", known]
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample is not None, line
            assert sample[1] == known
            found[sample[1], sample[2] or ""] = int(sample[3])
    return found


def test_a_receiver_counts_for_prometheus_and_for_opentelemetry(tmp_path: Path) -> None:
    name = "contact_sync_receiver_requests_total"
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with collecting() as collector:
        environment = {
            **collector.environment,
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
            "CONTACT_SYNC_METRICS_TOKEN": f"another-{TOKEN} {TOKEN}",
        }
        options = ("--allow-unsigned", "sendgrid")
        with receiving(tmp_path, environment, *options) as server:
            for _ in range(2):
                assert server.send("POST", "/webhooks/sendgrid", content=b"[]").status == 200
            assert server.send("POST", "/webhooks/braze", content=b"[]").status == 401
            assert server.send("POST", "/webhooks/nobody", content=b"[]").status == 404
            for headers in ({}, {"Authorization": "Bearer fedcba9876543210"}):
                refused = server.send("GET", "/metrics", headers=headers)
                assert refused.status == 401
                assert "sendgrid" not in refused.text
            shown = server.send("GET", "/metrics", headers=bearer)
            assert shown.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert parsed(shown.text) == {
                (name, 'source="sendgrid",status_class="2xx"'): 2,
                (name, 'source="braze",status_class="4xx"'): 1,
                (name, 'source="unknown",status_class="4xx"'): 1,
                ("contact_sync_receiver_can_land", ""): 1,
            }
            wait_until(lambda: collector.bodies != [], "it sends by itself")
            server.send("POST", "/webhooks/sendgrid", content=b"[]")
            assert server.stop() in (0, -signal.SIGTERM)
            assert "very-secret" not in server.log
        sums = collector.sums("contact_sync.receiver.requests", "source", "status_class")
    assert sums == {("sendgrid", "2xx"): 3, ("braze", "4xx"): 1, ("unknown", "4xx"): 1}
    counts = (tmp_path / "landing").glob("webhook_requests/**/*.ndjson")
    assert sum(text.count('"sendgrid"') for text in map(Path.read_text, counts)) == 1


@pytest.mark.parametrize("path", ["/metrics", "/report"])
def test_without_its_token_there_is_no_page(receiver: Server, path: str) -> None:
    for headers in ({}, {"Authorization": f"Bearer {signing.RELAY_SECRET}"}):
        answer = receiver.send("GET", path, headers=headers)
        assert (answer.status, answer.text) == (404, "Not Found")


def test_the_parts_of_a_run_stand_there_whatever_they_are_called() -> None:
    hostile = 'push "\\\n# x'
    parts = {"build": {"state": "idle"}, hostile: {"state": "failing", "since": "then"}}
    found = parsed(text_of({}, parts, can_land=False))
    assert found == {
        ("contact_sync_receiver_can_land", ""): 0,
        ("contact_sync_run_failing", 'part="build"'): 0,
        ("contact_sync_run_failing", 'part="push \\"\\\\\\n# x"'): 1,
    }
