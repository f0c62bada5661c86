"""Reads what the report shows, and writes it as one page without a script or a network."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sync.clock import utc_now
from sync.extras import needs
from sync.redaction import redact
from sync.reports.page.charts import draw
from sync.reports.page.panels import PANELS, Panel
from sync.reports.status import Status, read_status
from sync.scratch import partial_file
from sync.warehouse.base import Warehouse

if TYPE_CHECKING:
    from jinja2 import Template

#: Days of acts above which the list's growth is shown by month.
_MANY_DAYS: Final = 120
#: Rows of a table; the page says how many more there are.
_MOST_ROWS: Final = 200
#: Characters of a name, and of what a platform said. What is longer ends in an ellipsis.
_LONGEST: Final = 60
_LONGEST_ERROR: Final = 300
_DAYS: Final = "select count(distinct date_day) as days from {marts}.list_history"
#: Columns whose words are a sender's or a platform's.
_FROM_OUTSIDE: Final = ("source", "error", "domain")


@dataclass(frozen=True, slots=True)
class Filled:
    """A panel with the query that was asked, its rows and its chart as SVG; None where it has none.

    The marts of the query are without their schema.
    """

    panel: Panel
    sql: str
    rows: Sequence[Mapping[str, Any]]
    svg: str | None
    alternative: str

    @property
    def shown(self) -> Sequence[Mapping[str, Any]]:
        """The rows of the table: the first ones."""
        return self.rows[:_MOST_ROWS]

    @property
    def is_cut(self) -> bool:
        """Whether a text of these is longer than what is shown of it."""
        return any(
            isinstance(row[name], str) and len(row[name]) > _longest(name)
            for row in self.shown
            for name in self.panel.columns
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows. made_at: naive UTC."""

    status: Status
    panels: Sequence[Filled]
    made_at: datetime

    @property
    def may_hide_some(self) -> bool:
        """Whether something found may hide an opt-out that no figure counts."""
        return any(one.may_hide_opt_outs for one in self.status.findings)

    def total(self, column: str) -> int:
        """Of the panel of obedience: the sum over all platforms."""
        rows = next(one.rows for one in self.panels if one.panel.key == "obedience")
        return sum(int(row[column]) for row in rows)


def read_report(
    warehouse: Warehouse, environment: Mapping[str, str], run: Mapping[str, Any] | None
) -> Report:
    """Asks every panel's query, and draws the charts. run: as sync.run.parts.read says.

    Raises ConfigError without the extra `report`, WarehouseMissing before the first build.
    """
    with needs("The report", "report"):
        import vl_convert  # noqa: F401  (before the queries, not after)
    # In one session: no build comes between the verdict and its figures.
    with warehouse.session():
        status = read_status(warehouse, environment, run)
        (history,) = warehouse.rows(_DAYS)
        queries = questions(has_many_days=history["days"] > _MANY_DAYS)
        found = warehouse.rows_of_each(queries)
    panels = [filled(*one) for one in zip(PANELS, queries, found, strict=True)]
    return Report(status, panels, utc_now())


def questions(*, has_many_days: bool) -> list[str]:
    """The query of each panel, about the days before now; {marts} stays."""
    places = {
        "{week}": _literal(utc_now() - timedelta(days=7)),
        "{month}": _literal(utc_now() - timedelta(days=30)),
        "{month_day}": f"date '{utc_now() - timedelta(days=30):%Y-%m-%d}'",
        "{length}": "7" if has_many_days else "10",
    }
    return [_with(places, panel.sql) for panel in PANELS]


def write_report(report: Report, out: Path) -> None:
    """Writes the page in one step, for this user alone."""
    with partial_file(out) as partial:
        partial.write_text(render(report), encoding="utf-8")


def render(report: Report) -> str:
    """The page. Whatever came from outside is escaped."""
    return _template().render(report=report, status=report.status)


def filled(panel: Panel, sql: str, rows: Sequence[Mapping[str, Any]]) -> Filled:
    """A panel of these rows, with its chart drawn. sql: the query that found them."""
    chart = panel.chart(rows) if panel.chart is not None and rows else None
    return Filled(
        panel,
        textwrap.dedent(sql.replace("{marts}.", "")).strip(),
        rows,
        None if chart is None else _embedded(draw(chart)),
        "" if chart is None else redact(chart.alternative),
    )


def _embedded(svg: str) -> str:
    """An SVG for a page: as wide as its column; what it shows is said beside it, once."""
    inner = re.sub(r"^<svg ", '<svg aria-hidden="true" focusable="false" ', svg)
    # Roles and labels of single marks would be read aloud one by one.
    inner = re.sub(r' (role|aria-roledescription|aria-label)="[^"]*"', "", inner)
    # A hundredth of a pixel is seen by nobody; more digits are a third of a drawing.
    return re.sub(r'="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), inner)


def _with(places: Mapping[str, str], sql: str) -> str:
    for place, value in places.items():
        sql = sql.replace(place, value)
    return sql


def _literal(instant: datetime) -> str:
    # With its zone: a BigQuery project may have another one as its own.
    return f"timestamp '{instant:%Y-%m-%d %H:%M:%S}+00'"


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sync.reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _cell
    return environment.get_template("report.html.j2")


def _cell(value: Any, column: str = "") -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return f"{value:,}"
    text = redact(str(value)) if column in _FROM_OUTSIDE else str(value)
    longest = _longest(column)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _longest(column: str) -> int:
    return _LONGEST_ERROR if column == "error" else _LONGEST
