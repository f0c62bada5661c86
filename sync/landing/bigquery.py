"""Rows streamed into raw.webhook_deliveries, each at most once.

The streaming API drops what comes twice under one insertId within a minute or more, so that a call
that is repeated after an unclear end adds nothing; the models take what slips through once.
https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from sync.landing.delivery import Landed, NotLanded, RequestCount, TooLarge
from sync.profile import Target
from sync.warehouse.bigquery_queries import RAW, open_client

# A request may have 10 MB.
_MOST_BYTES = 9_500_000
# Seconds; platforms wait five and more.
_CALL_TIMEOUT = 5.0
_RETRY_FOR = 8.0


class BigQuerySink:
    """Implements Sink."""

    def __init__(self, client: bigquery.Client, project: str) -> None:
        self.place = f"BigQuery, {project}.{RAW}.webhook_deliveries"
        self._client = client
        self._dataset = bigquery.DatasetReference(project, RAW)
        self._retry = bigquery.DEFAULT_RETRY.with_timeout(_RETRY_FOR)

    @classmethod
    def from_target(cls, target: Target) -> BigQuerySink:
        """The raw dataset of a target, reached as dbt reaches it."""
        client, settings = open_client(target)
        return cls(client, settings.project)

    def write(self, rows: Sequence[Landed]) -> list[Exception | None]:
        """See Sink."""
        outcomes: list[Exception | None] = []
        for part in _parts(rows):
            if _length(part[0]) > _MOST_BYTES:
                outcomes.append(TooLarge("BigQuery takes no row of that size"))
                continue
            values = [{**row._asdict(), "received_at": row.received_at.isoformat()} for row in part]
            ids = [row.delivery_id for row in part]
            outcomes += self._insert("webhook_deliveries", values, ids)
        return outcomes

    def write_counts(self, counts: Sequence[RequestCount]) -> None:
        """See Sink."""
        values = [{**row._asdict(), "counted_at": row.counted_at.isoformat()} for row in counts]
        ids = [f"{row.source}-{row.status_class}-{row.counted_at.isoformat()}" for row in counts]
        for error in self._insert("webhook_requests", values, ids):
            if error is not None:
                raise error

    def close(self) -> None:
        """See Sink."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _insert(
        self, table: str, values: Sequence[dict[str, Any]], ids: Sequence[str]
    ) -> list[Exception | None]:
        try:
            errors = self._client.insert_rows_json(
                self._dataset.table(table),
                values,
                row_ids=ids,
                retry=self._retry,
                timeout=_CALL_TIMEOUT,
            )
        except (GoogleAPICallError, RetryError, GoogleAuthError, OSError) as error:
            return [NotLanded(f"BigQuery: {_kind(error)}")] * len(values)
        outcomes: list[Exception | None] = [None] * len(values)
        for refused in errors:
            reasons = {str(item.get("reason")) for item in refused["errors"]}
            outcomes[refused["index"]] = NotLanded(f"BigQuery: {', '.join(sorted(reasons))}")
        return outcomes


def _parts(rows: Sequence[Landed]) -> Iterator[list[Landed]]:
    """The rows in requests of a size that BigQuery takes."""
    part: list[Landed] = []
    size = 0
    for row in rows:
        length = _length(row)
        if part and size + length > _MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(row)
        size += length
    if part:
        yield part


def _length(row: Landed) -> int:
    """Bytes that a row has in a request: JSON in JSON, with what is not ASCII escaped."""
    return len(json.dumps(row.payload)) + 300


def _kind(error: Exception) -> str:
    """The error's class, and what to do where a user can do something."""
    name = type(error).__name__
    advice = {
        "NotFound": "the table is not there: run `dbt build` once",
        "Forbidden": "the account may not write: docs/bigquery.md lists its rights",
    }
    return f"{name} ({advice[name]})" if name in advice else name
