"""Charts of the report: Vega-Lite, drawn here as SVG that needs no script.

Colours are the page's own (CSS variables), so that one drawing serves light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sync.clock import utc_now

Rows = Sequence[Mapping[str, Any]]

#: In the order of the policy: one colour each, whatever the rows hold.
REASONS: Final = ("complaint", "unsubscribe", "bounce", "soft_bounces", "block", "unengaged")
#: Bars of a chart at most, and characters of the names in it.
_MOST_BARS: Final = 40
_LONGEST: Final = 40
#: Pixels: what a phone shows without shrinking the words much.
_WIDTH: Final = 430
#: Of an axis of names: room for the longest, whatever font the reader has.
_NAMES: Final = {"title": None, "axis": {"minExtent": 130, "labelLimit": 126}}
_CONFIG: Final = {
    "font": "system-ui, sans-serif",
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 12,
        "titleFontSize": 12,
    },
    "legend": {"labelColor": "currentColor", "labelFontSize": 12, "orient": "top", "title": None},
    "view": {"stroke": None},
}


@dataclass(frozen=True, slots=True)
class Chart:
    """spec: a Vega-Lite view. alternative: what it shows, for those who cannot see it."""

    spec: Mapping[str, Any]
    alternative: str


def draw(chart: Chart) -> str:
    """The chart as SVG of its own text. Raises ImportError without the extra `report`."""
    import vl_convert

    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": None,
        "width": _WIDTH,
        "config": _CONFIG,
        **chart.spec,
    }
    return str(vl_convert.vegalite_to_svg(spec))


def lag(rows: Rows) -> Chart | None:
    """95 % of the opt-outs of each platform were confirmed within so many seconds; None before the
    first was.
    """
    found = [
        {"name": _short(f"{row['destination']} {row['channel']}"), "seconds": row["p95_seconds"]}
        for row in rows
        if row["p95_seconds"] is not None
    ]
    if not found:
        return None
    found.sort(key=lambda one: -int(one["seconds"]))
    values = [{**one, "seconds": max(one["seconds"], 1)} for one in found[:_MOST_BARS]]
    left_out = f"; the {len(values)} slowest are shown" if len(found) > len(values) else ""
    told = f"; the slowest is {values[0]['name']}, {values[0]['seconds']:,} seconds"
    return Chart(
        {
            "height": {"step": 22},
            "data": {"values": values},
            "mark": {"type": "bar", "color": "var(--c2)", "height": 14},
            "encoding": {
                "y": {"field": "name", "type": "nominal", "sort": "-x", **_NAMES},
                # A logarithm has no zero to begin at.
                "x2": {"datum": 1},
                "x": {
                    "field": "seconds",
                    "type": "quantitative",
                    "scale": {"type": "log", "domainMin": 1},
                    "title": "95 % confirmed within (seconds)"
                    + (f", the {len(values)} slowest" if left_out else ""),
                    "axis": {"tickCount": 4, "format": "~s"},
                },
            },
        },
        "Bars: within how many seconds 95 % of the opt-outs were confirmed, by platform"
        f"{told}{left_out}.",
    )


def growth(rows: Rows) -> Chart:
    """Addresses on the list at the end of each period, by reason."""
    known = {row["reason"] for row in rows}
    reasons = [reason for reason in REASONS if reason in known]
    reasons += sorted(known - set(reasons))
    periods = sorted({row["period"] for row in rows})
    found = {(row["period"], row["reason"]): int(row["listed"]) for row in rows}
    values = []
    standing = dict.fromkeys(reasons, 0)
    for period in periods:
        for reason in reasons:
            standing[reason] = found.get((period, reason), standing[reason])
            values.append({"period": period, "reason": reason, "listed": standing[reason]})
    total = ", ".join(f"{reason} {standing[reason]:,}" for reason in reasons)
    colours = [f"var(--c{place % 6 + 1})" for place in range(len(reasons))]
    return Chart(
        {
            "height": 220,
            "data": {"values": values},
            "mark": {"type": "area" if len(periods) > 1 else "bar", "interpolate": "step-after"},
            "encoding": {
                "x": {
                    "field": "period",
                    "type": "temporal" if len(periods) > 1 else "nominal",
                    "title": None,
                    "axis": {"labelOverlap": True, "labelAngle": 0},
                },
                "y": {
                    "field": "listed",
                    "type": "quantitative",
                    "title": "addresses listed",
                    "axis": {"tickCount": 5, "format": "~s"},
                },
                "color": {
                    "field": "reason",
                    "type": "nominal",
                    "scale": {"domain": reasons, "range": colours},
                    "legend": {"columns": 3},
                },
                "order": {"field": "reason"},
            },
        },
        f"Area: addresses on the list over time, by reason. Today: {total}.",
    )


def arrivals(rows: Rows) -> Chart:
    """Events by source and hour of the last week."""
    values = [{**row, "hour": f"{row['hour'].replace(' ', 'T')}:00:00"} for row in rows]
    now = utc_now()
    sources = sorted({row["source"] for row in rows})
    return Chart(
        {
            "height": {"step": 20},
            "data": {"values": values},
            "mark": {"type": "rect", "color": "var(--c2)", "tooltip": None},
            "encoding": {
                "x": {
                    "field": "hour",
                    "type": "temporal",
                    "timeUnit": "yearmonthdatehours",
                    "title": None,
                    "scale": {"domain": [_vega(now - timedelta(days=7)), _vega(now)]},
                    "axis": {"format": "%b %d", "labelAngle": 0, "tickCount": "day"},
                },
                "y": {"field": "source", "type": "nominal", **_NAMES},
                "opacity": {
                    "field": "events",
                    "type": "quantitative",
                    "scale": {"type": "log", "domainMin": 1, "range": [0.35, 1]},
                    "legend": None,
                },
            },
        },
        f"Cells: events by hour for {len(sources)} sources ({', '.join(sources)}); darker is more.",
    )


def _vega(instant: datetime) -> dict[str, int]:
    """An instant as Vega-Lite writes one in a domain."""
    return {
        "year": instant.year,
        "month": instant.month,
        "date": instant.day,
        "hours": instant.hour,
    }


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
