"""What a user reads when BigQuery refuses, fails or is silent; what is repeated, and what not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.clock import utc_now
from sync.errors import (
    BytesExceeded,
    MissingCredential,
    ProfileError,
    QuotaExceeded,
    SyncError,
    WarehouseDenied,
    WarehouseElsewhere,
    WarehouseMissing,
    WarehouseUnavailable,
)
from sync.profile import Target
from sync.warehouse import open_warehouse
from sync.warehouse.base import LedgerRow, Warehouse
from tests.python.sync.google_server import (
    PROJECT,
    TOKEN,
    Busy,
    Failed,
    Fault,
    GoogleServer,
    Lost,
    Refused,
    google_server,
)

TABLE = f"{PROJECT}:contact_sync.sync_deltas"


@pytest.fixture
def google() -> Iterator[GoogleServer]:
    with google_server() as server:
        yield server


def profile(google: GoogleServer, **settings: Any) -> dict[str, Any]:
    return {
        "type": "bigquery",
        "method": "oauth-secrets",
        "token": TOKEN,
        "project": PROJECT,
        "dataset": "contact_sync",
        "location": "US",
        "api_endpoint": google.url,
        # What BigQuery cannot do now is not waited for.
        "job_retry_deadline_seconds": 1,
        **settings,
    }


def opened(google: GoogleServer, **settings: Any) -> Warehouse:
    values = profile(google, **settings)
    target = Target("prod", "bigquery", str(values["dataset"]), values)
    return open_warehouse(target, read_only=False)


def row(number: int = 1) -> LedgerRow:
    return LedgerRow(
        "run", f"delta-{number}", "sendgrid", "email", "", f"person{number}@example.com", None,
        "suppress", "bounce", None, None, "confirmed", 201, None, 1, utc_now(),
    )  # fmt: skip


CASES: dict[str, tuple[Fault, type[SyncError], tuple[str, ...]]] = {
    "no right to run jobs": (
        Refused(
            "accessDenied",
            f"Access Denied: Project {PROJECT}: User does not have bigquery.jobs.create permission "
            f"in project {PROJECT}.",
        ),
        WarehouseDenied,
        ("bigquery.jobs.create", "roles/bigquery.jobUser", f"project {PROJECT}"),
    ),
    "no right to read": (
        Failed(
            "accessDenied",
            f"Access Denied: Table {TABLE}: User does not have permission to query table {TABLE}, "
            "or perhaps it does not exist.",
        ),
        WarehouseDenied,
        ("bigquery.tables.getData", "roles/bigquery.dataViewer", f"{PROJECT}.contact_sync"),
    ),
    "no right to write": (
        Failed(
            "accessDenied",
            f"Access Denied: Table {PROJECT}:raw.sync_ledger: Permission "
            f"bigquery.tables.updateData denied on table {PROJECT}:raw.sync_ledger (or it may not "
            "exist).",
        ),
        WarehouseDenied,
        ("bigquery.tables.updateData", "roles/bigquery.dataEditor", f"dataset {PROJECT}.raw"),
    ),
    "API is off": (
        Refused(
            "accessNotConfigured",
            "BigQuery API has not been used in project 123456789012 before or it is disabled.",
        ),
        WarehouseDenied,
        ("gcloud services enable bigquery.googleapis.com", PROJECT),
    ),
    "no billing": (
        Failed(
            "billingNotEnabled",
            "Billing has not been enabled for this project. Enable billing at "
            "https://console.cloud.google.com/billing. DML queries are not allowed in the free "
            "tier.",
        ),
        WarehouseDenied,
        ("billing", "sandbox"),
    ),
    "table is not there": (
        Failed("notFound", f"Not found: Table {TABLE} was not found in location US"),
        WarehouseMissing,
        (f"{PROJECT}.contact_sync.sync_deltas", "dbt build --target prod"),
    ),
    "project is not there": (
        Refused("notFound", f"Not found: Project {PROJECT}"),
        ProfileError,
        (f"no project {PROJECT}", "'prod'"),
    ),
    "tables of another version": (
        Failed("invalidQuery", "Unrecognized name: kept_topics at [2:9]"),
        WarehouseMissing,
        ("another version", "kept_topics", "--full-refresh"),
    ),
    "datasets in two locations": (
        Failed(
            "invalid",
            "Cannot read and write in different locations: source: EU, destination: US",
        ),
        WarehouseElsewhere,
        ("different locations",),
    ),
    "too many bytes": (
        Failed(
            "bytesBilledLimitExceeded",
            "Query exceeded limit for bytes billed: 1000000. 20971520 or higher required.",
        ),
        BytesExceeded,
        ("1,000,000", "20,971,520", "maximum_bytes_billed", "'prod'"),
    ),
    "quota of a day": (
        Failed(
            "quotaExceeded",
            "Quota exceeded: Your project exceeded quota for free query bytes scanned. For more "
            "information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas",
        ),
        QuotaExceeded,
        ("quota", PROJECT, "free query bytes", "Retry later"),
    ),
    "token expired": (
        Refused("authError", "Request had invalid authentication credentials.", 401),
        MissingCredential,
        ("'prod'", "gcloud auth application-default login"),
    ),
    "something else": (
        Failed(
            "invalidQuery", "Syntax error: Unexpected string literal 'mia@example.org' at [1:9]"
        ),
        SyncError,
        ("Syntax error",),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_error_says_what_to_do(google: GoogleServer, case: str) -> None:
    fault, kind, says = CASES[case]
    google.fail(fault)
    with pytest.raises(SyncError) as caught:
        opened(google, maximum_bytes_billed=1_000_000).rows("select x from {marts}.sync_deltas")
    assert type(caught.value) is kind
    text = str(caught.value)
    for part in says:
        assert part in text
    # One line, and nothing of anybody in it.
    assert "\n" not in text
    assert "@example" not in text
    assert TOKEN not in text


def test_a_dataset_that_is_not_there_is_told_from_one_in_another_location(
    google: GoogleServer,
) -> None:
    fault = Failed(
        "notFound", f"Not found: Dataset {PROJECT}:contact_sync was not found in location US"
    )
    warehouse = opened(google)
    google.datasets["contact_sync"] = "EU"
    google.fail(fault)
    with pytest.raises(WarehouseElsewhere, match=r"is in EU.*says location US.*set location to EU"):
        warehouse.rows("select 1")
    del google.datasets["contact_sync"]
    google.fail(fault)
    with pytest.raises(WarehouseMissing, match=r"no dataset shop-prod\.contact_sync.*dbt build"):
        warehouse.rows("select 1")
    google.datasets["contact_sync"] = None
    google.fail(fault)
    with pytest.raises(WarehouseMissing, match=r"not in location US.*dbt build.*location"):
        warehouse.rows("select 1")


def test_a_refused_query_of_a_dataset_that_is_not_there_says_so(google: GoogleServer) -> None:
    """BigQuery does not tell a stranger whether a table exists: its words are the same."""
    del google.datasets["contact_sync"]
    google.fail(CASES["no right to read"][0])
    with pytest.raises(WarehouseMissing, match="dbt build --target prod"):
        opened(google).rows("select 1")


PASSING: dict[str, Fault] = {
    "the answer was lost": Lost(),
    "overloaded": Refused("backendError", "Error encountered during execution. Retrying may help."),
    "a fault of its own": Failed("jobInternalError", "The job encountered an internal error."),
    "too many calls": Refused("rateLimitExceeded", "Exceeded rate limits: too many api requests"),
    "too many changes": Failed(
        "rateLimitExceeded",
        "Exceeded rate limits: too many table dml insert operations for this table.",
    ),
    "the table's queue is full": Failed(
        "quotaExceeded",
        "Quota exceeded: Your table exceeded quota for total number of dml jobs writing to a "
        "table, pending + running",
    ),
    "too many outstanding": Failed(
        "resourcesExceeded",
        "Resources exceeded during query execution: Too many DML statements outstanding against "
        "table shop-prod:raw.sync_ledger, limit is 20.",
    ),
    "another statement was faster": Failed(
        "invalidQuery",
        "Could not serialize access to table shop-prod:raw.sync_ledger due to concurrent update",
    ),
    "slow": Busy(polls=3),
}


@pytest.mark.parametrize("case", PASSING)
def test_what_may_pass_is_repeated_and_takes_effect_once(google: GoogleServer, case: str) -> None:
    google.fail(PASSING[case])
    opened(google, job_retry_deadline_seconds=60).append_ledger([row()])
    assert not google.faults
    assert len(google.done("insert into")) == 1


def test_what_does_not_pass_is_not_waited_for(google: GoogleServer) -> None:
    google.fail(*[Refused("backendError", "Visibility check was unavailable.")] * 20)
    with pytest.raises(WarehouseUnavailable, match="Visibility check was unavailable"):
        opened(google).append_ledger([row()])
    assert google.done("insert into") == []


def test_nobody_there(google: GoogleServer) -> None:
    with pytest.raises(WarehouseUnavailable, match=r"127\.0\.0\.1:9.*Retry"):
        opened(google, api_endpoint="http://127.0.0.1:9").rows("select 1")


def test_a_query_that_takes_too_long_names_the_setting(google: GoogleServer) -> None:
    google.fail(Busy(polls=10**9))
    with pytest.raises(WarehouseUnavailable, match=r"1 s .job_execution_timeout_seconds"):
        opened(google, job_execution_timeout_seconds=1).rows("select 1")


@pytest.mark.parametrize("command", ["plan", "push", "status"])
def test_the_command_ends_with_one_line_and_code_2(
    google: GoogleServer, tmp_path: Path, command: str
) -> None:
    import yaml

    outputs = {"target": "prod", "outputs": {"prod": profile(google)}}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump({"contact_sync": outputs}))
    google.fail(*[CASES["no right to run jobs"][0]] * 20)
    done = subprocess.run(
        [sys.executable, "-m", "sync", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "SENDGRID_API_KEY": "x"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: The account of target 'prod' lacks bigquery.jobs.create")
    assert done.stderr.count("\n") == 1


def test_a_missing_package_is_named(tmp_path: Path, google: GoogleServer) -> None:
    """As where contact-sync was installed without its extra."""
    import yaml

    gone = "raise ModuleNotFoundError(\"No module named 'pyarrow'\", name='pyarrow')"
    (tmp_path / "pyarrow.py").write_text(gone)
    outputs = {"target": "prod", "outputs": {"prod": profile(google)}}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump({"contact_sync": outputs}))
    done = subprocess.run(
        [sys.executable, "-m", "sync", "plan"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])]),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "pip install 'contact-sync[bigquery]'" in done.stderr
