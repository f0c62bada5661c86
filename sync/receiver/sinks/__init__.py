"""Where deliveries land: files of the landing directory, or BigQuery."""

from __future__ import annotations

from sync.extras import needs
from sync.profile import Target, landing_directory
from sync.receiver.sinks.base import Sink


def open_sink(target: Target) -> Sink:
    """The sink of a dbt target: what its build reads from. Raises ConfigError as the target's."""
    if target.engine == "bigquery":
        with needs(f"Target {target.name!r} is on BigQuery, which", "bigquery"):
            from sync.receiver.sinks.bigquery import BigQuerySink

        return BigQuerySink.from_target(target)
    from sync.receiver.sinks.files import FileSink

    return FileSink(landing_directory())
