"""FCM: topics in place of a list, and tokens of OAuth."""

from __future__ import annotations

import pytest

from sync.destinations.base import Item, Outcome
from sync.destinations.fcm import Fcm
from sync.errors import ConfigError, CredentialRefused
from tests.python.sync.cases import Row
from tests.python.sync.cases.fcm import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

NEWS = Row("push", "news")
TOKEN = "fMI-qkT3:APA91bH_x-y"


def person(row: Row = NEWS, address: str = TOKEN) -> Item:
    return CASE.person(row, address)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("fcm", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def test_a_row_without_a_topic_is_refused_and_says_what_to_do(sandbox: SandboxClient) -> None:
    with connected("fcm", sandbox) as destination:
        refusal = str(destination.refusal(person(Row("push"))))
    assert "no do-not-send list" in refusal
    assert "topic" in refusal


def test_to_join_a_topic_twice_is_no_error(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person())
    for _ in range(2):
        (outcome,) = told(sandbox, "release", person())
        assert outcome.result == "confirmed"


def test_a_registration_that_is_none_any_more_is_absent(sandbox: SandboxClient) -> None:
    sandbox.fill({"unregistered": [TOKEN]}, "fcm")
    for verb in ("suppress", "release"):
        (outcome,) = told(sandbox, verb, person())
        assert outcome.result == "absent"


def test_one_token_serves_all_calls(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", *(person(address=f"{TOKEN}{n}") for n in range(20)))
    assert sandbox.calls()["POST /token"] == 1


def test_an_account_that_google_does_not_accept_ends_the_run(sandbox: SandboxClient) -> None:
    sandbox.fault("error", path="/token", status=400, message="Invalid JWT Signature.")
    with pytest.raises(CredentialRefused, match="Invalid JWT"):
        told(sandbox, "suppress", person())


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"project_id": "p"}'])
def test_what_is_no_service_account_is_a_matter_of_configuration(text: str) -> None:
    with pytest.raises(ConfigError, match="client_email"):
        Fcm.headers({"FCM_SERVICE_ACCOUNT": text})
