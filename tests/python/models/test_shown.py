"""What is shown of the project: dbt's pages, how fresh sources are, questions, the report."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import duckdb
import pytest

from sync.reports.page.panels import PANELS
from sync.reports.page.report import read_report, render
from sync.warehouse.duckdb import DuckDbWarehouse
from tests.python.conftest import Warehouse
from tests.python.pages import QUERIES

HOSTILE = "<img src=x onerror=alert(1)>'\"&{{ 7 * 7 }}"
#: Of a name that is parted by slashes.
HOSTILE_DOMAIN = HOSTILE.replace("/", "")


@pytest.fixture(scope="module")
def told(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """A few people on SendGrid, Twilio and Segment, built."""
    warehouse = new_warehouse()
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def of_sendgrid(event: str, name: str, at: str, **more: Any) -> dict[str, Any]:
        seconds = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
        email = f"{name}@example.com"
        return {"event": event, "email": email, "timestamp": seconds, "sg_event_id": at, **more}

    warehouse.land(
        "sendgrid",
        [
            of_sendgrid("unsubscribe", "ann", "2026-05-01 08:00", user_id="1001"),
            of_sendgrid("bounce", "ben", "2026-05-01 09:00", type="bounce", status="5.1.1"),
            of_sendgrid("delivered", "ben", "2026-05-03 09:00"),
            *(of_sendgrid("delivered", f"reader-{n}", now[:19]) for n in range(198)),
            *(of_sendgrid("bounce", f"gone-{n}", now[:19], status="5.1.1") for n in range(2)),
            {"event": "open", "email": "nobody"},
        ],
        received_at=now,
    )
    warehouse.land(
        "segment",
        {
            "type": "identify",
            "userId": "1002",
            "messageId": "m",
            "timestamp": "2026-05-01T10:00:00Z",
            "traits": {"email": "cal@example.com", "email_subscribed_status": True},
            "context": {"device": {"token": "token-of-cal", "type": "ios"}},
        },
        received_at=now,
    )
    yesterday, today = (datetime.now(UTC) - timedelta(days=days) for days in (1, 0))
    for day, metric, value in (
        (yesterday, "spam_rate", {"floatValue": 0.0031}),
        (today, "spam_rate", {"floatValue": 0.0004}),
        (today, "dmarc_success_rate", {"floatValue": 0.99}),
        (today, "spam_rate", {"floatValue": 4}),
    ):
        date_of = {"year": day.year, "month": day.month, "day": day.day}
        row = {"name": f"domains/{HOSTILE_DOMAIN}/domainStats/x", "date": date_of}
        warehouse.land_rows("postmaster_daily", [{**row, "metric": metric, "value": value}])
    # A line that is torn.
    warehouse.append("postmaster_daily", '{"name": "domains/', "torn.ndjson")
    warehouse.build()
    return warehouse


def test_dbt_makes_its_pages_of_every_model(told: Warehouse) -> None:
    pages = told.dbt("docs", "generate")
    assert pages.success, pages.exception
    assert pages.result.errors is None
    models = {name for name in told.manifest().nodes if name.startswith("model.")}
    assert models - pages.result.nodes.keys() == set()


def test_dbt_knows_how_fresh_the_sources_are(told: Warehouse) -> None:
    freshness = told.dbt("source", "freshness")
    assert freshness.success, freshness.exception
    sources = [one for one in freshness.result.results if one.node.resource_type == "source"]
    assert {one.node.name: one.status for one in sources} == {
        "webhook_deliveries": "pass",
        "builds": "pass",
    }


#: By the title of the question: a part of what its query finds here.
FOUND: dict[str, list[dict[str, Any]]] = {
    "1. Whom may we mail today?": [{"external_id": "1002", "email": "cal@example.com"}],
    "2. Who is on push and email, and not on SMS?": [],
    "3. How did the list grow, and for which reasons?": [
        {"reason": "bounce", "entries": 1, "exits": 0, "listed": 1},
        {"reason": "unsubscribe", "entries": 1, "exits": 0, "listed": 1},
        {"reason": "bounce", "entries": 0, "exits": 1, "listed": 0},
        {"reason": "bounce", "entries": 2, "exits": 0, "listed": 2},
    ],
    "4. At which domains do we bounce, and why?": [
        {"domain": "example.com", "event_type": "bounce", "bounce_class": "invalid_address"}
    ],
    "5. How fast is an opt-out obeyed?": [
        {"destination": "sendgrid", "channel": "email", "opt_outs": 1, "obeyed": 0}
    ],
    "6. Which opt-outs are late?": [{"destination": "sendgrid", "state": "open"}],
    "7. Who left the list, and what took them off?": [
        {"address": "ben@example.com", "reason": "bounce", "event_type": "delivered"}
    ],
    "8. What do we know of one person's consent?": [
        {"source": "sendgrid", "event_type": "unsubscribe"}
    ],
    "9. Where do refusals come from?": [
        {"reason": "bounce", "source": "sendgrid", "addresses": 2},
        {"reason": "unsubscribe", "source": "sendgrid", "addresses": 1},
    ],
    "10. What could not be read?": [{"source": "sendgrid", "reason": "invalid address"}],
}


def test_every_question_of_the_page_has_its_answer_here() -> None:
    assert QUERIES.keys() == FOUND.keys()


@pytest.mark.parametrize("question", FOUND)
def test_a_question_of_the_page_is_answered(told: Warehouse, question: str) -> None:
    rows = told.rows(QUERIES[question])
    expected = FOUND[question]
    assert [
        {name: row[name] for name in wanted} for row, wanted in zip(rows, expected, strict=True)
    ] == expected


class _Page(HTMLParser):
    """Of each panel: its query, and the texts of its table's cells. Of the page: its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.queries: dict[str, str] = {}
        self.cells: dict[str, list[str]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._panel = ""
        self._place = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self._panel = given.get("data-panel") or self._panel
        self._place = tag
        if tag == "td":
            self.cells.setdefault(self._panel, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._place:
            self._place = ""

    def handle_data(self, data: str) -> None:
        self.words += data
        if self._place == "code":
            self.queries[self._panel] = self.queries.get(self._panel, "") + data
        elif self._place == "td":
            self.cells[self._panel][-1] += data


@pytest.fixture(scope="module")
def page(told: Warehouse) -> str:
    """The report of what was told, after a platform took one opt-out and said something odd."""
    with duckdb.connect(str(told.database)) as connection:
        connection.execute(
            "insert into raw.sync_ledger (run_id, delta_id, destination, channel, scope, address,"
            " action, reason, event_id, outcome, error, pushed_at)"
            " select 'run', delta_id, destination, channel, scope, address, action, reason,"
            " event_id, 'rejected', ?, now() at time zone 'UTC' from sync_deltas",
            [HOSTILE],
        )
    return render(read_report(DuckDbWarehouse(told.database), {}, None))


def test_every_figure_of_the_report_is_what_the_query_beside_it_finds(
    told: Warehouse, page: str
) -> None:
    shown = _Page(page)
    assert shown.queries.keys() == {panel.key for panel in PANELS}
    assert {"obedience", "growth", "deliverability", "quarantined", "failed"} <= shown.cells.keys()
    for key, query in shown.queries.items():
        columns = next(panel.columns for panel in PANELS if panel.key == key)
        found = [row[name] for row in told.rows(query) for name in columns]
        texts = shown.cells.get(key, [])
        assert len(texts) == len(found)
        for text, value in zip(texts, found, strict=True):
            if isinstance(value, int):
                assert int(text.replace(",", "")) == value
            elif isinstance(value, datetime):
                assert text == value.strftime("%Y-%m-%d %H:%M UTC")
            elif isinstance(value, date):
                assert text == value.isoformat()
            else:
                assert text == (value or "-")


def test_the_report_begins_with_whether_every_opt_out_is_obeyed(page: str) -> None:
    words = " ".join(_Page(page).words.split())
    assert "1 of 1 opt-outs at the platforms' lists are not obeyed yet" in words
    assert "1 never taken by a platform" in words
    assert "platforms will never take 1 opt-outs" in words


def test_the_report_takes_nothing_from_outside_and_nothing_as_its_own_code(page: str) -> None:
    shown = _Page(page)
    assert HOSTILE in shown.cells["failed"]
    names = {tag for tag, _ in shown.tags}
    assert not names & {"script", "img", "iframe", "object", "embed", "form", "base"}
    for tag, given in shown.tags:
        assert not any(name.startswith("on") for name in given), tag
        for name in ("src", "href", "xlink:href", "action"):
            assert str(given.get(name, "data:,")).startswith(("data:", "#")), tag
    assert "@example.com" not in page
    assert len(page) < 1_500_000


def test_a_chart_of_the_report_says_what_it_shows_to_those_who_cannot_see_it(page: str) -> None:
    shown = _Page(page)
    figures = [given for tag, given in shown.tags if tag == "figure"]
    assert len(figures) >= 2
    assert all(len(given["aria-label"] or "") > 20 for given in figures)
    drawings = [given for tag, given in shown.tags if tag == "svg"]
    assert all(given.get("aria-hidden") == "true" for given in drawings)
    assert len(drawings) == len(figures)


def _luminance(colour: str) -> float:
    """Of WCAG 2.2."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_colours_of_the_report_can_be_told_apart_from_its_paper(page: str) -> None:
    themes = [dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in page.split("@media")[:2]]
    assert [len(theme) for theme in themes] == [14, 14]
    for theme in themes:
        for paper in ("paper", "card"):
            for name, colour in theme.items():
                # Words at 4.5, what is drawn at 3; lines only divide.
                least = {"paper": 0, "card": 0, "line": 0}.get(
                    name, 3 if name[1:].isdigit() else 4.5
                )
                one, other = sorted((_luminance(colour), _luminance(theme[paper])))
                assert (other + 0.05) / (one + 0.05) >= least, (name, paper)


def test_the_report_shows_the_figures_of_what_was_told(page: str) -> None:
    """By hand, whatever its queries say: 198 arrived and 2 bounced today, of SendGrid."""
    cells = _Page(page).cells
    assert cells["deliverability"] == ["sendgrid", "200", "198", "10,000", "0", "0", "0"]
    assert cells["growth"][1:5] == ["bounce", "2", "0", "2"]
    assert cells["postmaster"][0] == HOSTILE_DOMAIN
    assert cells["postmaster"][2:] == ["2", "400", "3,100", "1", "1", "-", "990,000"]
    assert "2 statistics of Postmaster Tools cannot be read" in page
    assert cells["obedience"][:7] == ["sendgrid", "email", "1", "0", "0", "1", "1"]


def test_where_platforms_took_every_opt_out_the_report_says_so(told: Warehouse) -> None:
    with duckdb.connect(str(told.database)) as connection:
        connection.execute("update raw.sync_ledger set outcome = 'confirmed', error = null")
    report = read_report(DuckDbWarehouse(told.database), {}, None)
    words = " ".join(_Page(render(report)).words.split())
    # A body that could not be read may have been an opt-out.
    assert "No opt-out that the newest build has read is open. What is named below may" in words
    fine = replace(report, status=replace(report.status, findings=[]))
    words = " ".join(_Page(render(fine)).words.split())
    assert "Every opt-out is obeyed at the lists that are enabled: platforms took all 1" in words


def test_statistics_of_postmaster_tools_are_those_that_are_in_the_landing(told: Warehouse) -> None:
    shutil.rmtree(told.landing / "postmaster_daily")
    told.build("--select", "postmaster_rows")
    assert told.rows("select * from deliverability_gmail") == []
    assert 'data-panel="postmaster"' not in render(
        read_report(DuckDbWarehouse(told.database), {}, None)
    )
