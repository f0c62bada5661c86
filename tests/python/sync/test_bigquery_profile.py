"""The bigquery output of a dbt profile: the same keys, credentials and limits as dbt's."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sync.errors import MissingCredential, ProfileError, SyncError, WarehouseUnavailable
from sync.profile import Target
from sync.warehouse import open_warehouse
from sync.warehouse.bigquery_profile import read_profile
from tests.python.sync.google_server import PROJECT, TOKEN, GoogleServer, google_server


@pytest.fixture
def google() -> Iterator[GoogleServer]:
    with google_server() as server:
        yield server


@pytest.fixture(autouse=True)
def nobody_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # No look for a machine's own account on the network.
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@cache
def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def account_key(google: GoogleServer) -> dict[str, str]:
    """A service account's key file, whose sign-in is the server's."""
    return {
        "type": "service_account",
        "project_id": "project-of-the-key",
        "private_key_id": "1",
        "private_key": _private_key(),
        "client_email": "sync@shop-prod.iam.gserviceaccount.com",
        "token_uri": f"{google.url}/token",
    }


def target(google: GoogleServer, **settings: Any) -> Target:
    values = {
        "type": "bigquery",
        "method": "oauth-secrets",
        "token": TOKEN,
        "project": PROJECT,
        "dataset": "contact_sync",
        "api_endpoint": google.url,
        "job_retry_deadline_seconds": 1,
        **settings,
    }
    chosen = {key: value for key, value in values.items() if value is not None}
    return Target("prod", "bigquery", "contact_sync", chosen)


def asked(google: GoogleServer, **settings: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Headers and body of the call that a query makes."""
    warehouse = open_warehouse(target(google, **settings), read_only=True)
    warehouse.rows("select x from {marts}.sync_deltas, {raw}.builds where x = @x", {"x": "y"})
    return google.headers[-1], list(google.jobs.values())[-1].resource


def bearer(google: GoogleServer, **settings: Any) -> str:
    return asked(google, **settings)[0]["authorization"].removeprefix("Bearer ")


def test_a_token(google: GoogleServer) -> None:
    assert bearer(google) == TOKEN


def test_a_refresh_token(google: GoogleServer) -> None:
    secrets = {
        "refresh_token": "refresh",
        "client_id": "id",
        "client_secret": "secret",
        "token_uri": f"{google.url}/token",
    }
    assert bearer(google, token=None, **secrets) == "from-refresh_token"


@pytest.mark.parametrize("form", ["file", "mapping", "one line", "json", "base64"])
def test_a_service_account(google: GoogleServer, tmp_path: Path, form: str) -> None:
    key = account_key(google)
    if form == "file":
        path = tmp_path / "key.json"
        path.write_text(json.dumps(key))
        settings: dict[str, Any] = {"method": "service-account", "keyfile": str(path)}
    else:
        given: Any = {
            "mapping": key,
            # As it comes out of an environment variable.
            "one line": {**key, "private_key": key["private_key"].replace("\n", "\\n")},
            "json": json.dumps(key),
            "base64": base64.b64encode(json.dumps(key).encode()).decode(),
        }[form]
        settings = {"method": "service-account-json", "keyfile_json": given}
    assert bearer(google, **settings) == "from-jwt-bearer"
    # dbt takes the project of the credentials where the profile names none.
    assert read_profile(target(google, project=None, **settings))[0].project == "project-of-the-key"


def test_the_credentials_of_the_environment(
    google: GoogleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account_key(google)))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    assert bearer(google, method="oauth") == "from-jwt-bearer"


def test_an_impersonated_account(google: GoogleServer) -> None:
    """Google's address for it cannot be chosen: that it would be asked is all there is to see."""
    who = "writer@shop-prod.iam.gserviceaccount.com"
    _, credentials = read_profile(target(google, impersonate_service_account=who))
    assert credentials.service_account_email == who  # type: ignore[attr-defined]
    assert not credentials.valid


def test_project_dataset_and_limits_are_those_of_the_profile(google: GoogleServer) -> None:
    headers, job = asked(
        google,
        execution_project="shop-billing",
        quota_project="shop-quota",
        location="europe-west3",
        priority="batch",
        maximum_bytes_billed="1000000",
        job_execution_timeout_seconds=90,
    )
    assert job["jobReference"]["projectId"] == "shop-billing"
    assert job["jobReference"]["location"] == "europe-west3"
    assert job["jobReference"]["jobId"].startswith("contact-sync-")
    configuration = job["configuration"]
    assert configuration["jobTimeoutMs"] == "90000"
    assert configuration["labels"] == {"application": "contact-sync"}
    query = configuration["query"]
    assert query["maximumBytesBilled"] == "1000000"
    assert query["priority"] == "BATCH"
    assert "`shop-prod`.`contact_sync`.sync_deltas, `shop-prod`.`raw`.builds" in query["query"]
    assert headers["x-goog-user-project"] == "shop-quota"
    # Values are parameters, never part of the text.
    assert query["queryParameters"] == [
        {"name": "x", "parameterType": {"type": "STRING"}, "parameterValue": {"value": "y"}}
    ]


def test_what_is_not_set_is_left_to_google(google: GoogleServer) -> None:
    _, job = asked(google, location="", priority="", api_endpoint=google.url)
    assert "location" not in job["jobReference"]
    assert "maximumBytesBilled" not in job["configuration"]["query"]
    assert "jobTimeoutMs" not in job["configuration"]


def test_the_other_names_that_dbt_takes(google: GoogleServer) -> None:
    settings, _ = read_profile(
        target(google, project=None, database="a", dataset=None, schema="b", timeout_seconds=7)
    )
    assert (settings.project, settings.dataset, settings.execution_timeout) == ("a", "b", 7)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no method": ({"method": None}, "method must be one of oauth, .*service-account-json"),
    "a method of dbt's alone": ({"method": "external-oauth-wif"}, "method must be one of"),
    "no project": ({"project": None}, "project is not set"),
    "no dataset": ({"dataset": None}, "dataset is not set"),
    "a project that is none": ({"project": "a`b"}, "project holds characters"),
    "no token": ({"token": None}, "token is needed for method oauth-secrets"),
    "half a refresh": ({"refresh_token": "x"}, "client_id is needed"),
    "no key file": ({"method": "service-account", "keyfile": "/none.json"}, "cannot be read"),
    "no key": ({"method": "service-account-json"}, "keyfile_json is no service account's key"),
    "an empty key": (
        {"method": "service-account-json", "keyfile_json": {"private_key": "hunter2"}},
        "keyfile_json is no service account's key",
    ),
    "a word for a number": ({"maximum_bytes_billed": "much"}, "maximum_bytes_billed must be"),
    "another priority": ({"priority": "high"}, "priority must be"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_setting_is_named_and_no_secret_shown(google: GoogleServer, case: str) -> None:
    settings, says = BAD[case]
    with pytest.raises(ProfileError, match=f"Target 'prod' of the dbt profile: .*{says}") as caught:
        open_warehouse(target(google, **settings), read_only=True)
    assert TOKEN not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_key_file_that_is_none(google: GoogleServer, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text('{"private_key": "hunter2"')
    with pytest.raises(ProfileError, match="no service account's key") as caught:
        read_profile(target(google, method="service-account", keyfile=str(path)))
    assert "hunter2" not in str(caught.value)


def test_nobody_is_logged_in(google: GoogleServer) -> None:
    with pytest.raises(MissingCredential, match=r"'prod'.*gcloud auth application-default login"):
        open_warehouse(target(google, method="oauth"), read_only=True)


def test_a_key_that_was_revoked(google: GoogleServer) -> None:
    google.refuses_sign_in = True
    settings = {"method": "service-account-json", "keyfile_json": account_key(google)}
    with pytest.raises(MissingCredential, match="refused the credentials of target 'prod'"):
        asked(google, **settings)


def test_a_token_that_expired(google: GoogleServer) -> None:
    from tests.python.sync.google_server import Refused

    google.fail(Refused("authError", "Invalid Credentials", 401))
    with pytest.raises(MissingCredential, match="renew the key or token"):
        asked(google)


def test_a_sign_in_that_is_out_of_reach(google: GoogleServer) -> None:
    key = {**account_key(google), "token_uri": "http://127.0.0.1:9/token"}
    with pytest.raises(SyncError) as caught:
        asked(google, method="service-account-json", keyfile_json=key)
    assert isinstance(caught.value, WarehouseUnavailable)
