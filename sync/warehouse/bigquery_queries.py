"""Statements sent to BigQuery: parameters, limits of the profile, repeating, errors explained."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from google.api_core.client_info import ClientInfo
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.cloud.bigquery.table import RowIterator

from sync.profile import Target
from sync.retries import retry_context
from sync.warehouse.base import Table
from sync.warehouse.bigquery_errors import LIBRARY_ERRORS, Place, explained, may_pass
from sync.warehouse.bigquery_profile import Settings, read_profile

# Threads share the client; a connection more than its pool keeps is no news to the user.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

#: The dataset of the raw tables, in the project of the models.
RAW = "raw"
# Seconds to wait for the answer of one call that starts a statement.
_CALL_TIMEOUT = 60.0
# Seconds between two tries, at most.
_LONGEST_WAIT = 10.0

Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter


class Queries:
    """One target's client. Thread-safe."""

    def __init__(self, client: bigquery.Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._marts = f"`{settings.project}`.`{settings.dataset}`"
        self._raw = f"`{settings.project}`.`{RAW}`"

    @classmethod
    def of_target(cls, target: Target) -> Queries:
        """A client as dbt would make it."""
        client, settings = open_client(target)
        return cls(client, settings)

    @property
    def dataset(self) -> str:
        """That of the models."""
        return self._settings.dataset

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns what the library raises into errors of ours."""
        try:
            yield
        except LIBRARY_ERRORS as error:
            raise explained(error, self._settings, RAW, self._place_of) from None

    def tables(self) -> Iterator[Table]:
        """The tables of both datasets, with their columns of text."""
        places = {"marts": self._settings.dataset, "raw": RAW}
        for place, dataset in places.items():
            reference = bigquery.DatasetReference(self._settings.project, dataset)
            for listed in self._client.list_tables(reference):
                if listed.table_type == "TABLE":
                    schema = self._client.get_table(listed.reference).schema
                    texts = frozenset(one.name for one in schema if one.field_type == "STRING")
                    yield Table(place, listed.table_id, texts)

    def create_dataset(self, table_life: int) -> None:
        """Makes the dataset of the models, where its tables live so many milliseconds."""
        dataset = bigquery.Dataset(f"{self._settings.project}.{self._settings.dataset}")
        # Where the raw tables are, which its models read.
        raw = self._client.get_dataset(f"{self._settings.project}.{RAW}")
        dataset.location = raw.location
        dataset.default_table_expiration_ms = table_life
        self._client.create_dataset(dataset)

    def delete_dataset(self) -> None:
        """Deletes the dataset of the models with all that is in it."""
        place = f"{self._settings.project}.{self._settings.dataset}"
        self._client.delete_dataset(place, delete_contents=True, not_found_ok=True)

    def run(
        self,
        sql: str,
        parameters: Sequence[Parameter],
        *,
        patience: float,
        page_size: int | None = None,
    ) -> RowIterator:
        """The result of a statement, repeated for `patience` seconds while BigQuery fails.

        A call whose answer was lost is repeated with the job id of the first, so the statement is
        not run twice (googleapis.dev/python/bigquery/latest/design/query-retries.html); a job that
        failed has changed nothing, and is begun anew.
        """
        text = sql.replace("{marts}", self._marts).replace("{raw}", self._raw)
        patience = self._settings.retry_deadline or patience
        for attempt in retry_context(
            on=may_pass,
            attempts=None,
            timeout=patience,
            wait_initial=1.0,
            wait_max=_LONGEST_WAIT,
            wait_jitter=1.0,
        ):
            with attempt:
                return self._run_once(text, parameters, patience, page_size)
        raise AssertionError("an attempt either returns or raises")

    def _run_once(
        self, text: str, parameters: Sequence[Parameter], patience: float, page_size: int | None
    ) -> RowIterator:
        settings = self._settings
        calls = bigquery.DEFAULT_RETRY.with_timeout(patience).with_delay(maximum=_LONGEST_WAIT)
        # job_retry: the library would begin failed jobs anew for 40 minutes, whatever our patience.
        job = self._client.query(
            text,
            job_config=self._config(parameters),
            job_id_prefix="contact-sync-",
            retry=calls,
            job_retry=None,
            timeout=settings.creation_timeout or _CALL_TIMEOUT,
        )
        if settings.execution_timeout is None:
            return job.result(page_size=page_size, retry=calls, job_retry=None)
        return job.result(
            page_size=page_size, retry=calls, job_retry=None, timeout=settings.execution_timeout
        )

    def _config(self, parameters: Sequence[Parameter]) -> bigquery.QueryJobConfig:
        settings = self._settings
        config = bigquery.QueryJobConfig(
            query_parameters=list(parameters),
            priority=settings.priority,
            labels={"application": "contact-sync"},
        )
        if settings.maximum_bytes_billed is not None:
            config.maximum_bytes_billed = settings.maximum_bytes_billed
        if settings.execution_timeout is not None:
            config.job_timeout_ms = int(settings.execution_timeout * 1000)
        return config

    def _place_of(self, dataset: str) -> Place:
        name = f"{self._settings.project}.{dataset}"
        try:
            found = self._client.get_dataset(name, retry=_ONCE, timeout=10.0)
        except NotFound:
            return "none"
        except LIBRARY_ERRORS:
            return "unknown"
        return str(found.location)


_ONCE = bigquery.DEFAULT_RETRY.with_timeout(0.0)


def open_client(target: Target) -> tuple[bigquery.Client, Settings]:
    """A client as dbt would make it, and what the profile says."""
    settings, credentials = read_profile(target)
    client = bigquery.Client(
        project=settings.job_project,
        credentials=credentials,
        location=settings.location,
        client_info=ClientInfo(user_agent="contact-sync"),  # type: ignore[no-untyped-call]
        client_options=ClientOptions(
            api_endpoint=settings.api_endpoint, quota_project_id=settings.quota_project
        ),
    )
    return client, settings


def parameters_of(values: Mapping[str, Any] | None) -> list[Parameter]:
    """Query parameters for plain values: text, numbers, truth values, instants, lists of text."""
    return [_parameter(name, value) for name, value in (values or {}).items()]


def _parameter(name: str, value: Any) -> Parameter:
    if isinstance(value, list):
        return bigquery.ArrayQueryParameter(name, "STRING", value)
    kinds = {bool: "BOOL", int: "INT64", float: "FLOAT64", datetime: "TIMESTAMP"}
    return bigquery.ScalarQueryParameter(name, kinds.get(type(value), "STRING"), value)


def row_values(row: Any) -> dict[str, Any]:
    """A row by column name; instants as naive UTC."""
    return {name: _naive(value) for name, value in row.items()}


def _naive(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
