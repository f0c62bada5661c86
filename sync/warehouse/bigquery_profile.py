"""The bigquery output of a dbt profile: where, with which limits, and by which credentials.

The keys and their meaning are those of dbt-bigquery, which is not imported: it takes seconds.
https://docs.getdbt.com/docs/core/connect-data-platform/bigquery-setup
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import google.auth
import google.auth.credentials
from google.auth import impersonated_credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

from sync.errors import MissingCredential, ProfileError
from sync.profile import Target

Credentials = google.auth.credentials.Credentials

#: Those of Google's own client. dbt asks for Drive as well, which nothing here reads.
_SCOPES = (
    "https://www.googleapis.com/auth/bigquery",
    "https://www.googleapis.com/auth/cloud-platform",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the output says but for its credentials. Times are in seconds; None: not limited.

    project: that of the tables. job_project: the one that runs and pays for the queries.
    """

    target: str
    project: str
    job_project: str
    dataset: str
    location: str | None
    api_endpoint: str | None
    quota_project: str | None
    maximum_bytes_billed: int | None
    priority: str
    creation_timeout: float | None
    execution_timeout: float | None
    retry_deadline: float | None


def read_profile(target: Target) -> tuple[Settings, Credentials]:
    """Settings and credentials of a target. ProfileError names the key that is wrong.

    Raises MissingCredential where nobody is logged in.
    """
    reader = _Reader(target)
    credentials, default_project = _credentials(reader)
    project = reader.text("project", "database") or default_project
    if not project:
        raise reader.wrong("project", "is not set, and the credentials name none")
    dataset = reader.text("dataset", "schema")
    if not dataset:
        raise reader.wrong("dataset", "is not set")
    job_project = reader.text("execution_project") or project
    for key, name in (("project", project), ("dataset", dataset), ("project", job_project)):
        if not re.fullmatch(r"[\w.:-]+", name):
            raise reader.wrong(key, "holds characters that no name has")
    priority = (reader.text("priority") or "interactive").upper()
    if priority not in ("INTERACTIVE", "BATCH"):
        raise reader.wrong("priority", "must be interactive or batch")
    settings = Settings(
        target=target.name,
        project=project,
        job_project=job_project,
        dataset=dataset,
        location=reader.text("location"),
        api_endpoint=reader.text("api_endpoint"),
        quota_project=reader.text("quota_project"),
        maximum_bytes_billed=reader.whole_number("maximum_bytes_billed"),
        priority=priority,
        creation_timeout=reader.whole_number("job_creation_timeout_seconds"),
        execution_timeout=reader.whole_number("job_execution_timeout_seconds", "timeout_seconds"),
        retry_deadline=reader.whole_number("job_retry_deadline_seconds"),
    )
    return settings, credentials


class _Reader:
    """The keys of one output; dbt takes some under two names."""

    def __init__(self, target: Target) -> None:
        self.target = target.name
        self.values: Mapping[str, Any] = target.settings

    def wrong(self, key: str, why: str) -> ProfileError:
        return ProfileError(f"Target {self.target!r} of the dbt profile: {key} {why}.")

    def text(self, *keys: str) -> str | None:
        for key in keys:
            value = str(self.values.get(key) or "").strip()
            if value:
                return value
        return None

    def needed(self, key: str) -> str:
        value = self.text(key)
        if value is None:
            raise self.wrong(key, f"is needed for method {self.values.get('method')}")
        return value

    def whole_number(self, *keys: str) -> int | None:
        for key in keys:
            text = str(self.values.get(key) or "").strip()
            if text and not text.isdecimal():
                raise self.wrong(key, "must be a whole number")
            if text and int(text):
                return int(text)
        return None


def _credentials(reader: _Reader) -> tuple[Credentials, str | None]:
    """The credentials, and the project that they name, if they do."""
    method = reader.text("method")
    makers: dict[str, Callable[[_Reader, Sequence[str]], tuple[Credentials, str | None]]] = {
        "oauth": _of_the_environment,
        "oauth-secrets": _of_secrets,
        "service-account": _of_keyfile,
        "service-account-json": _of_keyfile_json,
    }
    if method not in makers:
        known = ", ".join(makers)
        raise reader.wrong("method", f"must be one of {known} for contact-sync, not {method!r}")
    given = reader.values.get("scopes")
    scopes = [str(scope) for scope in given] if isinstance(given, (list, tuple)) else list(_SCOPES)
    source, project = makers[method](reader, scopes)
    principal = reader.text("impersonate_service_account")
    if principal is None:
        return source, project
    impersonated = impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
        source_credentials=source, target_principal=principal, target_scopes=scopes
    )
    return impersonated, project


def _of_the_environment(reader: _Reader, scopes: Sequence[str]) -> tuple[Credentials, str | None]:
    try:
        return google.auth.default(scopes=scopes)
    except DefaultCredentialsError:
        raise MissingCredential(
            f"No Google credentials were found for target {reader.target!r}. Run `gcloud auth "
            "application-default login`, or name a key file in GOOGLE_APPLICATION_CREDENTIALS."
        ) from None


def _of_secrets(reader: _Reader, scopes: Sequence[str]) -> tuple[Credentials, str | None]:
    if reader.text("refresh_token") is None:
        return user_credentials.Credentials(reader.needed("token")), None  # type: ignore[no-untyped-call]
    credentials = user_credentials.Credentials(  # type: ignore[no-untyped-call]
        reader.text("token"),
        refresh_token=reader.needed("refresh_token"),
        client_id=reader.needed("client_id"),
        client_secret=reader.needed("client_secret"),
        token_uri=reader.text("token_uri") or "https://oauth2.googleapis.com/token",
        scopes=scopes,
    )
    return credentials, None


def _of_keyfile(reader: _Reader, scopes: Sequence[str]) -> tuple[Credentials, str | None]:
    path = reader.needed("keyfile")
    try:
        made = service_account.Credentials.from_service_account_file(path, scopes=scopes)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise reader.wrong("keyfile", f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, GoogleAuthError):
        # The text of the library may quote the file.
        raise reader.wrong("keyfile", f"{path} is no service account's key") from None
    return made, made.project_id


def _of_keyfile_json(reader: _Reader, scopes: Sequence[str]) -> tuple[Credentials, str | None]:
    info = reader.values.get("keyfile_json")
    try:
        if isinstance(info, str):
            # As dbt does: the whole key as base64, or as JSON.
            info = json.loads(_decoded(info))
        if not isinstance(info, Mapping):
            raise ValueError
        key = str(info.get("private_key", "")).replace("\\n", "\n")
        made = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            {**info, "private_key": key}, scopes=scopes
        )
    except (ValueError, KeyError, GoogleAuthError):
        raise reader.wrong("keyfile_json", "is no service account's key") from None
    return made, made.project_id


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text
