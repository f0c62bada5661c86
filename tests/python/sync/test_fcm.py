"""FCM: topics in place of a list, and tokens of OAuth."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sync.delivery.calls import DryRun
from sync.delivery.settings import read_settings
from sync.destinations.base import Item, Outcome, Request, Response
from sync.destinations.fcm import Fcm
from sync.errors import (
    AnswerUnreadable,
    ConfigError,
    CredentialRefused,
    ItemsRefused,
    PlatformFailed,
    UnknownScope,
)
from tests.python.sync.cases import Row
from tests.python.sync.cases.fcm import CASE
from tests.python.sync.test_contract import connected, meanings_of
from tests.python.sync.world import SandboxClient

NEWS = Row("push", "news")
TOKEN = "fMI-qkT3:APA91bH_x-y"


def person(row: Row = NEWS, address: str = TOKEN) -> Item:
    return CASE.person(row, address)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("fcm", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def rpc(status: int, word: str, **more: object) -> dict[str, object]:
    return {"error": {"code": status, "message": "no", "status": word, **more}}


def test_leaving_and_joining_are_the_documented_calls() -> None:
    seen: list[Request] = []
    destination = Fcm(DryRun(seen.append), {})
    list(destination.suppress([person()]))
    list(destination.release([person()]))
    path = "/v1/projects/project/registrations/fMI-qkT3%3AAPA91bH_x-y/topicSubscriptions"
    assert [(r.method, r.encoded_path(), r.params) for r in seen] == [
        ("POST", "/token", {}),
        ("DELETE", f"{path}/news", {"allowMissing": "true"}),
        ("POST", path, {"topicName": "news"}),
    ]
    assert seen[0].host == "https://oauth2.googleapis.com"
    assert [r.headers for r in seen[1:]] == [{"Authorization": "Bearer dry-run"}] * 2


def test_the_probe_validates_a_message_to_each_topic_and_sends_none(
    sandbox: SandboxClient,
) -> None:
    with connected("fcm", sandbox) as destination:
        probes = destination.probes([("push", "news"), ("push", "offers"), ("push", "")])
        bodies = [probe.json for probe in probes]
        assert all(destination.api.call(probe).status == 200 for probe in probes)
        (wrong,) = destination.probes([("push", "/topics/news")])
        with pytest.raises(ItemsRefused, match="topic"):
            destination.api.call(wrong)
    assert bodies == [
        {"validateOnly": True, "message": {"topic": topic, "data": {"check": "1"}}}
        for topic in ("news", "offers")
    ]


@pytest.mark.parametrize("topic", ["/topics/news", "my news", "n" * 901])
def test_what_is_no_topics_name_is_a_matter_of_the_seed(sandbox: SandboxClient, topic: str) -> None:
    for verb in ("suppress", "release"):
        with pytest.raises(UnknownScope, match=r"destinations\.csv"):
            told(sandbox, verb, person(Row("push", topic)))
    assert sandbox.call_count() == 0


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (409, rpc(409, "ALREADY_EXISTS"), ItemsRefused),
        # Two changes met: the same call may succeed later.
        (409, rpc(409, "ABORTED"), PlatformFailed),
        (409, None, PlatformFailed),
        # The token's fault, not the credential's.
        (
            403,
            rpc(403, "PERMISSION_DENIED", details=[{"errorCode": "SENDER_ID_MISMATCH"}]),
            ItemsRefused,
        ),
        (403, rpc(403, "PERMISSION_DENIED"), None),
        (403, {"error": "access_denied"}, None),
        (404, rpc(404, "NOT_FOUND"), None),
    ],
)
def test_a_status_means_what_its_word_says(status: int, body: object, kind: object) -> None:
    found = meanings_of("fcm").of_call(status, body)
    assert (found and found[0]) is kind


def test_a_token_of_another_project_is_rejected_and_the_next_is_served(
    sandbox: SandboxClient,
) -> None:
    people = [person(address=f"{TOKEN}{n}") for n in range(2)]
    body = rpc(403, "PERMISSION_DENIED", details=[{"errorCode": "SENDER_ID_MISMATCH"}])
    sandbox.fault("answer", status=403, body=body, address=people[0].address)
    outcomes = told(sandbox, "suppress", *people)
    assert [outcome.result for outcome in outcomes] == ["rejected", "confirmed"]


def test_a_token_with_too_many_topics_keeps_no_other_from_its_topic(
    sandbox: SandboxClient,
) -> None:
    people = [person(address=f"{TOKEN}{n}") for n in range(6)]
    told(sandbox, "suppress", *people)
    body = rpc(400, "INVALID_ARGUMENT", details=[{"errorCode": "TOO_MANY_TOPICS"}])
    for one in people[:5]:
        sandbox.fault("answer", status=400, body=body, address=one.address)
    # One after the other: three failures in a row are no outage.
    found = [outcome for one in people for outcome in told(sandbox, "release", one)]
    assert [outcome.result for outcome in found] == ["failed"] * 5 + ["confirmed"]
    assert {outcome.attempts for outcome in found} == {1}
    found = told(sandbox, "release", *people)
    assert [outcome.result for outcome in found] == ["failed"] * 5 + ["confirmed"]


def test_two_changes_that_met_are_tried_again(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person())
    sandbox.fault("answer", status=409, body=rpc(409, "ABORTED"), path="/topic", count=2)
    (outcome,) = told(sandbox, "release", person())
    assert (outcome.result, outcome.attempts) == ("confirmed", 3)
    assert sandbox.lists("fcm") == {}


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


@pytest.mark.parametrize(("seconds", "sign_ins"), [(3599, 1), (200, 2)])
def test_a_token_is_renewed_before_it_ends(
    sandbox: SandboxClient, seconds: int, sign_ins: int
) -> None:
    body = {"access_token": "ya29.sandbox", "expires_in": seconds}
    sandbox.fault("answer", status=200, body=body, path="/token")
    with connected("fcm", sandbox) as destination:
        for _ in range(2):
            list(destination.suppress([person()]))
    assert sandbox.calls()["POST /token"] == sign_ins


@pytest.mark.parametrize(
    "data", [None, {}, {"access_token": ""}, {"access_token": "a", "expires_in": "?"}]
)
def test_an_answer_without_a_token_is_no_token(data: object) -> None:
    class Answers(DryRun):
        def call(self, request: Request) -> Response:
            return replace(super().call(request), data=data)

    with pytest.raises(AnswerUnreadable, match="/token"):
        list(Fcm(Answers(lambda _: None), {}).suppress([person()]))


def test_the_key_may_be_the_file_as_google_gives_it() -> None:
    text = json.dumps(json.loads(CASE.settings["FCM_SERVICE_ACCOUNT"]), indent=2)
    settings = read_settings(Fcm, {"FCM_SERVICE_ACCOUNT": f"{text}\n"})
    assert Fcm.headers(settings.values) == {}
    assert settings.secrets == (text,)


def test_an_account_that_google_does_not_accept_ends_the_run(sandbox: SandboxClient) -> None:
    sandbox.fault("error", path="/token", status=400, message="Invalid JWT Signature.")
    with pytest.raises(CredentialRefused, match="Invalid JWT"):
        told(sandbox, "suppress", person())


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"project_id": "p"}'])
def test_what_is_no_service_account_is_a_matter_of_configuration(text: str) -> None:
    with pytest.raises(ConfigError, match="client_email"):
        Fcm.headers({"FCM_SERVICE_ACCOUNT": text})
