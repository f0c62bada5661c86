"""Pushes what is pending to SendGrid's stand-in, as `contact-sync push` does.

As a program: `python -m bench.push_ours DATABASE URL RATE BATCH_SIZE`. The seconds are those of
delivery: what is pending is read from the run's own copy, sent, and the answers are on disk in the
ledger. Evaluating sync_deltas, locks and guard come on top in whole_seconds. Prints JSON.
"""

import json
import sys
import threading
import time
from pathlib import Path

import sync.http  # noqa: F401 (else its import would be timed)
from sync.delivery.guard import Limits, Share
from sync.delivery.push import push
from sync.delivery.report import Options
from sync.warehouse.duckdb import DuckDbWarehouse

# The guard is asked as always, and finds a large push plausible.
ALL = Limits(max_suppress=Share(1.0, 10**9), max_release=Share(1.0, 10**9))


class Silence:
    """A progress bar that shows nothing."""

    def start(self, destination: str, items: int) -> None:
        """Delivery begins."""

    def advance(self, destination: str, items: int) -> None:
        """So many items more are settled."""


def main(arguments: list[str]) -> None:
    """Prints the seconds and what became of the items."""
    database, url, rate, batch_size = arguments
    environment = {
        "SENDGRID_API_KEY": "bench",
        "SENDGRID_BASE_URL": url,
        "SENDGRID_RATE": rate,
        "SENDGRID_BATCH_SIZE": batch_size,
    }
    warehouse = DuckDbWarehouse(Path(database))
    options = Options(destinations=("sendgrid",), limits=ALL)
    began = time.perf_counter()
    report = push(warehouse, options, environment, progress=Silence(), stop=threading.Event())
    whole = time.perf_counter() - began
    (part,) = report.parts
    if part.error is not None:
        raise part.error
    print(
        json.dumps(
            {
                "seconds": part.seconds,
                "whole_seconds": whole,
                "confirmed": part.tally.confirmed,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
