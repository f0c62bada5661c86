"""The report's size goes by days, platforms and reasons, not by events or addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import yaml

from sync.clock import utc_now
from sync.destinations import names
from sync.reports.page.charts import REASONS
from sync.reports.page.panels import PANELS, Panel
from sync.reports.page.report import Filled, Report, filled, render
from sync.reports.status import FINDINGS, Finding, Status
from tests.python.conftest import ROOT

Row = dict[str, Any]

#: Longer than any name should be, and twice as long escaped and in bytes.
LONG = "<é&\"'>" * 2_000
#: Of what has any number of names: more than the page shows.
MANY = 500
#: A number of as many digits as a count can have.
MOST = 9_999_999_999
TODAY = datetime(2026, 5, 2, tzinfo=UTC)
SOURCES = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]["sources"]
PLACES = [*product(names(), ("email", "sms", "push"))] * 4


def _obedience() -> Iterator[Row]:
    for number, (destination, channel) in enumerate(PLACES):
        name = f"{destination} {number}"
        yield {"destination": name, "channel": channel, "p95_seconds": number * 997}


def _growth(periods: list[str]) -> Callable[[], Iterator[Row]]:
    def rows() -> Iterator[Row]:
        for number, (period, reason) in enumerate(product(periods, REASONS)):
            yield {"period": period, "reason": reason, "listed": number * 7_919}

    return rows


def _arrivals() -> Iterator[Row]:
    hours = [utc_now() - timedelta(hours=number) for number in range(168)]
    for number, (source, hour) in enumerate(product(SOURCES, hours)):
        yield {"source": source, "hour": f"{hour:%Y-%m-%d %H}", "events": number * 31}


def _many() -> Iterator[Row]:
    """Names from outside: any number, of any length."""
    for number in range(MANY):
        yield {"source": f"{number}{LONG}", "error": LONG, "domain": LONG, "segment": LONG}


#: As many days as are shown by the day, and 20 years of months.
DAYS = [f"{TODAY - timedelta(days=number):%Y-%m-%d}" for number in range(120)]
MONTHS = [f"{year}-{month:02}" for year in range(2006, 2026) for month in range(1, 13)]
FULL: Mapping[str, Callable[[], Iterator[Row]]] = {
    "obedience": _obedience,
    "growth": _growth(MONTHS),
    "arrivals": _arrivals,
}


def full(panel: Panel, rows_of: Callable[[], Iterator[Row]]) -> Filled:
    """The panel with all that may be in it."""
    rows = [{**dict.fromkeys(panel.columns, MOST), **row} for row in rows_of()]
    return filled(panel, panel.sql, rows)


@pytest.fixture(scope="module")
def panels() -> list[Filled]:
    return [full(panel, FULL.get(panel.key, _many)) for panel in PANELS]


def page_of(panels: list[Filled]) -> str:
    findings = [Finding(name, 1, True, MOST, TODAY) for name in FINDINGS]
    status = Status(findings, None, {"ended_at": TODAY, "ok": False}, {}, {})
    return render(Report(status, panels, TODAY))


@pytest.fixture(scope="module")
def page(panels: list[Filled]) -> str:
    return page_of(panels)


def test_a_page_full_of_long_names_is_small(page: str) -> None:
    assert len(page.encode()) < 1_500_000


def test_a_list_of_days_is_as_small_as_one_of_months(panels: list[Filled]) -> None:
    (growth,) = [panel for panel in PANELS if panel.key == "growth"]
    days = full(growth, _growth(DAYS))
    others = [one for one in panels if one.panel.key != "growth"]
    assert len(page_of([*others, days]).encode()) < 1_500_000


def test_the_page_says_what_it_leaves_out(page: str, panels: list[Filled]) -> None:
    assert page.count("300 more rows: ask the query below.") == len(PANELS) - len(FULL)
    assert page.count("What ends in … is longer") == sum(one.is_cut for one in panels) > 0
    assert "the 40 slowest are shown" in page
