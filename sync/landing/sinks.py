"""Opens the place where a target's build reads: files of the landing directory, or BigQuery."""

from __future__ import annotations

from sync.extras import needs
from sync.landing.delivery import Sink
from sync.profile import Target, landing_directory


def open_sink(target: Target) -> Sink:
    """The sink of a dbt target: what its build reads from. Raises ConfigError as the target's."""
    if target.engine == "bigquery":
        with needs(f"Target {target.name!r} is on BigQuery, which", "bigquery"):
            from sync.landing.bigquery import BigQuerySink

        return BigQuerySink.from_target(target)
    from sync.landing.files import FileSink

    return FileSink(landing_directory())
