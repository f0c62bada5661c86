"""What Prometheus scrapes: its text format, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], int]


def text_of(
    requests: Mapping[tuple[str, str], int],
    parts: Mapping[str, Mapping[str, str]],
    *,
    can_land: bool,
) -> str:
    """The counts of a receiver since its start, and the states of what else runs there.

    requests: by source and class of status. parts: as for /healthz.
    """
    answered = [
        ({"source": source, "status_class": status_class}, number)
        for (source, status_class), number in sorted(requests.items())
    ]
    failing = [
        ({"part": name}, int(part["state"] == "failing")) for name, part in sorted(parts.items())
    ]
    return (
        _metric(
            "contact_sync_receiver_requests_total",
            "counter",
            "Requests that the receiver answered, since its start.",
            answered,
        )
        + _metric(
            "contact_sync_receiver_can_land",
            "gauge",
            "0 for ten seconds after a delivery could not be landed, else 1.",
            [({}, int(can_land))],
        )
        + _metric(
            "contact_sync_run_failing",
            "gauge",
            "1 for a part of contact-sync run that fails, else 0.",
            failing,
        )
    )


def _metric(name: str, kind: str, says: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        named = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{named}}} {value}" if named else f"{name} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
