"""What an error of BigQuery means for the user: which of our errors, and what to do.

The shapes are those of https://docs.cloud.google.com/bigquery/docs/error-messages: a reason, and a
text that names the resource and the permission. No message of ours holds a value of a query.
"""

from __future__ import annotations

import concurrent.futures
import re
from collections.abc import Callable
from typing import Literal

import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError

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
from sync.warehouse.bigquery_profile import Settings

#: Everything that the client library raises.
LIBRARY_ERRORS = (
    exceptions.GoogleAPIError,
    GoogleAuthError,
    requests.exceptions.RequestException,
    concurrent.futures.TimeoutError,
)

#: Where a dataset is: its location, `none` where there is none, `unknown` where we may not ask.
Place = str | Literal["none", "unknown"]

# Reasons of jobs that failed by no fault of the statement.
_PASSING = frozenset(
    {
        "backendError",
        "internalError",
        "jobBackendError",
        "jobInternalError",
        "jobRateLimitExceeded",
        "rateLimitExceeded",
    }
)
_PERMISSION = re.compile(r"\b(bigquery\.\w+\.\w+)\b")
_RESOURCE = re.compile(r"\b(?:Table|View|Dataset) ([\w:.$*-]*[\w$*-])")
# The least predefined role that holds a permission, and what it is granted on.
_ROLES = {
    "bigquery.jobs.create": ("roles/bigquery.jobUser", "project {job_project}"),
    "bigquery.readsessions.create": ("roles/bigquery.readSessionUser", "project {job_project}"),
    "bigquery.tables.updateData": ("roles/bigquery.dataEditor", "dataset {dataset}"),
    "bigquery.tables.getData": ("roles/bigquery.dataViewer", "dataset {dataset}"),
    "bigquery.tables.get": ("roles/bigquery.dataViewer", "dataset {dataset}"),
}


def reason_of(error: BaseException) -> str:
    """BigQuery's word for what went wrong, '' where there is none."""
    details = getattr(_cause(error), "errors", None) or [{}]
    return str(details[0].get("reason", "")) if isinstance(details[0], dict) else ""


def may_pass(error: Exception) -> bool:
    """Whether a job that ended with this may succeed if begun anew; it has changed nothing.

    Calls are repeated by the library. Where it gave up, whether there is a job is not known.
    """
    if isinstance(error, exceptions.RetryError):
        return False
    text = _text(error).lower()
    return (
        reason_of(error) in _PASSING
        or "concurrent update" in text
        or "too many dml statements outstanding" in text
        # A full queue of the table, not the quota of a day.
        or (reason_of(error) == "quotaExceeded" and "dml" in text)
    )


def explained(
    error: BaseException, settings: Settings, raw: str, place_of: Callable[[str], Place]
) -> SyncError:
    """Our error for one of LIBRARY_ERRORS. place_of: asks where a dataset of the project is."""
    error = _cause(error)
    reason, text = reason_of(error), _text(error)
    if isinstance(error, (exceptions.Unauthorized, GoogleAuthError)):
        return _about_credentials(error, settings)
    if reason == "bytesBilledLimitExceeded":
        return _about_bytes(text, settings)
    if isinstance(error, exceptions.NotFound):
        return _about_absence(text, settings, raw, place_of)
    if reason in ("quotaExceeded", "rateLimitExceeded") or isinstance(
        error, exceptions.TooManyRequests
    ):
        return QuotaExceeded(
            f"BigQuery's quota is used up in project {settings.job_project}: {_said(text)} "
            "Retry later; docs/bigquery.md lists the quotas."
        )
    if isinstance(error, exceptions.Forbidden):
        return _about_rights(reason, text, settings, raw, place_of)
    if isinstance(error, exceptions.BadRequest):
        return _about_the_query(reason, text, settings)
    if isinstance(error, concurrent.futures.TimeoutError):
        return WarehouseUnavailable(
            f"BigQuery took longer than {settings.execution_timeout or 60:.0f} s "
            f"(job_execution_timeout_seconds of target {settings.target!r}). Retry, or raise it."
        )
    host = settings.api_endpoint or "bigquery.googleapis.com"
    said = _said(text) if isinstance(error, exceptions.GoogleAPICallError) else type(error).__name__
    return WarehouseUnavailable(f"BigQuery ({host}) did not answer as it should: {said} Retry.")


def _about_credentials(error: BaseException, settings: Settings) -> SyncError:
    if isinstance(error, TransportError):
        return WarehouseUnavailable(
            "Google's sign-in could not be reached. Check the network, then retry."
        )
    if "getAccessToken" in str(error) or "impersonate" in str(error):
        return WarehouseDenied(
            "The account may not act as impersonate_service_account of target "
            f"{settings.target!r}: grant it roles/iam.serviceAccountTokenCreator on that account."
        )
    what = "refused" if isinstance(error, (RefreshError, exceptions.Unauthorized)) else "cannot use"
    return MissingCredential(
        f"Google {what} the credentials of target {settings.target!r}: they expired, were revoked "
        "or are no one's. With method oauth run `gcloud auth application-default login`; else "
        "renew the key or token in the dbt profile."
    )


def _about_bytes(text: str, settings: Settings) -> SyncError:
    # "… limit for bytes billed: 1000000. 20971520 or higher required." A job's id has digits, too.
    found = re.search(r"(\d+) or higher", text)
    needed = f" It needs {int(found[1]):,}." if found else ""
    return BytesExceeded(
        "A query would read more than the "
        f"{settings.maximum_bytes_billed or 0:,} bytes that maximum_bytes_billed of target "
        f"{settings.target!r} allows; nothing was read.{needed} Raise it in the dbt profile if "
        "that is right; docs/cost.md says what a run reads."
    )


def _about_absence(
    text: str, settings: Settings, raw: str, place_of: Callable[[str], Place]
) -> SyncError:
    if "Project" in text and not _RESOURCE.search(text):
        return ProfileError(
            f"There is no project {settings.job_project}, or the account does not see it: correct "
            f"project or execution_project of target {settings.target!r} in the dbt profile."
        )
    if not _RESOURCE.search(text):
        return SyncError(f"BigQuery: {_said(text)}")
    return _about_place(text, settings, raw, place_of) or WarehouseMissing(
        f"{_resource(text)} is not there. Run `dbt build --target {settings.target}` (after an "
        "upgrade with --full-refresh), then retry."
    )


def _about_place(
    text: str, settings: Settings, raw: str, place_of: Callable[[str], Place]
) -> SyncError | None:
    """What is wrong with the dataset that the text names; None where it is as it should be."""
    dataset = _dataset(text, settings, raw)
    place = place_of(dataset)
    name = f"{settings.project}.{dataset}"
    if place == "none":
        return WarehouseMissing(
            f"There is no dataset {name}. Run `dbt build --target {settings.target}` first, or "
            f"correct project and dataset of target {settings.target!r} in the dbt profile."
        )
    if place == "unknown" and settings.location and "was not found in location" in text:
        return WarehouseMissing(
            f"{_resource(text)} is not in location {settings.location}. Run `dbt build --target "
            f"{settings.target}`, or set location of that target to the dataset's."
        )
    if (
        settings.location
        and place not in ("unknown", settings.location)
        and (place.lower() != settings.location.lower())
    ):
        return WarehouseElsewhere(
            f"Dataset {name} is in {place}, but target {settings.target!r} says location "
            f"{settings.location}: set location to {place} in the dbt profile."
        )
    return None


def _about_rights(
    reason: str, text: str, settings: Settings, raw: str, place_of: Callable[[str], Place]
) -> SyncError:
    if reason == "billingNotEnabled" or "billing" in text.lower():
        return WarehouseDenied(
            f"Project {settings.job_project} has no billing account: BigQuery's sandbox runs no "
            "INSERT, which the ledger and the locks need. Enable billing for it."
        )
    if reason == "accessNotConfigured" or "has not been used in project" in text:
        return WarehouseDenied(
            f"The BigQuery API is off in project {settings.job_project}: run `gcloud services "
            f"enable bigquery.googleapis.com --project {settings.job_project}`."
        )
    permission = _PERMISSION.search(text)
    # A query of a table that is not there is refused in the same words.
    if permission is None and _RESOURCE.search(text):
        elsewhere = _about_place(text, settings, raw, place_of)
        if elsewhere is not None:
            return elsewhere
    name = permission[1] if permission else "bigquery.tables.getData"
    if permission is None and not _RESOURCE.search(text):
        return WarehouseDenied(
            f"BigQuery refuses the account of target {settings.target!r}: {_said(text)} "
            "docs/bigquery.md lists the rights that contact-sync needs."
        )
    role, where = _ROLES.get(name, ("a role that holds it", "project {job_project}"))
    place = where.format(
        job_project=settings.job_project,
        dataset=f"{settings.project}.{_dataset(text, settings, raw)}",
    )
    return WarehouseDenied(
        f"The account of target {settings.target!r} lacks {name}: grant it {role} on {place}."
    )


def _about_the_query(reason: str, text: str, settings: Settings) -> SyncError:
    if "different locations" in text:
        return WarehouseElsewhere(
            f"The datasets of target {settings.target!r} are in different locations: all must be "
            "in the one that the dbt profile says."
        )
    if "Unrecognized name" in text or "Name " in text or "not found inside" in text:
        return WarehouseMissing(
            f"The tables were made by another version ({_said(text)}) Run `dbt build --target "
            f"{settings.target} --full-refresh`, then retry."
        )
    if "project" in text.lower() and reason == "invalid":
        return ProfileError(
            f"Project {settings.job_project} cannot be used: correct project or "
            f"execution_project of target {settings.target!r} in the dbt profile. ({_said(text)})"
        )
    return SyncError(f"BigQuery: {_said(text)}")


def _dataset(text: str, settings: Settings, raw: str) -> str:
    found = re.search(rf"[:. ]({re.escape(raw)}|{re.escape(settings.dataset)})\b", text)
    return found[1] if found else settings.dataset


def _resource(text: str) -> str:
    found = _RESOURCE.search(text)
    return found[1].replace(":", ".") if found else "A table"


def _said(text: str) -> str:
    """The first line of BigQuery's own words, without anything that may be a value."""
    from sync.redaction import redact

    line = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", text.strip().splitlines()[0] if text else "")
    line = redact(line.partition("; reason: ")[0]).strip()
    return line if line.endswith(".") else f"{line}."


def _text(error: BaseException) -> str:
    """BigQuery's message; the library puts the URL of the call before it."""
    text = str(getattr(error, "message", None) or error)
    return re.sub(r"^(?:GET|POST|PUT|DELETE) \S+: ", "", text)


def _cause(error: BaseException) -> BaseException:
    """What was wrong when the library gave up repeating."""
    while isinstance(error, exceptions.RetryError) and error.cause is not None:
        error = error.cause
    return error
