"""Attentive: nobody is texted twice, and nobody is opted in but by an act of their own."""

from __future__ import annotations

from typing import Any

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.attentive import Attentive
from sync.destinations.base import Item, Outcome, Request
from sync.errors import ItemsRefused, RetryableError
from tests.python.sync.cases import Row
from tests.python.sync.cases.attentive import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

NUMBER = "+14155550100"
UNSUBSCRIBE = "/v1/subscriptions/unsubscribe"
LOOK = {"platform": "attentive", "method": "GET", "path": "/v1/subscriptions"}


def person(address: str = NUMBER, **values: Any) -> Item:
    return CASE.person(Row("email" if "@" in address else "sms"), address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item, unit: str | None = None) -> list[Outcome]:
    with connected("attentive", sandbox) as destination:
        if unit is not None:
            destination.settings = {**destination.settings, "ATTENTIVE_SIGN_UP_SOURCE_ID": unit}
        return list(getattr(destination, verb)(items))


def results(outcomes: list[Outcome]) -> list[str]:
    return [outcome.result for outcome in outcomes]


def requests(one: Item) -> list[Request]:
    seen: list[Request] = []
    list(Attentive(DryRun(seen.append), {}).suppress([one]))
    return seen


def texts(sandbox: SandboxClient) -> list[str]:
    found: list[str] = sandbox.lists("attentive")["texts"]
    return found


@pytest.mark.parametrize(
    ("address", "user", "channel"),
    [
        (NUMBER, {"phone": NUMBER}, "TEXT"),
        ("a+b@example.com", {"email": "a+b@example.com"}, "EMAIL"),
    ],
)
def test_a_person_is_looked_up_and_leaves_marketing_on_the_channel(
    address: str, user: dict[str, str], channel: str
) -> None:
    look, call = requests(person(address))
    assert (look.method, look.path, look.params) == ("GET", "/v1/subscriptions", user)
    assert call.json == {
        "user": user,
        "subscriptions": [{"type": "MARKETING", "channel": channel}],
    }
    assert not call.is_repeatable


def test_who_is_unsubscribed_is_not_texted_again(sandbox: SandboxClient) -> None:
    sandbox.fill({"TEXT": [NUMBER]}, "attentive")
    assert results(told(sandbox, "suppress", person())) == ["confirmed"]
    assert texts(sandbox) == []


def test_a_repeat_texts_nobody(sandbox: SandboxClient) -> None:
    for _ in range(3):
        assert results(told(sandbox, "suppress", person())) == ["confirmed"]
    assert texts(sandbox) == [NUMBER]


@pytest.mark.parametrize("kind", ["reset_after", "truncate"])
def test_a_call_that_took_effect_unanswered_is_found_out(sandbox: SandboxClient, kind: str) -> None:
    sandbox.fault(kind, platform="attentive", path=UNSUBSCRIBE, count=1)
    assert results(told(sandbox, "suppress", person())) == ["confirmed"]
    assert texts(sandbox) == [NUMBER]


@pytest.mark.parametrize(
    "fault", [{"kind": "reset"}, {"kind": "error", "status": 503}], ids=lambda fault: fault["kind"]
)
def test_a_call_that_took_no_effect_is_left_to_the_next_run(
    sandbox: SandboxClient, fault: dict[str, Any]
) -> None:
    sandbox.fault(**fault, platform="attentive", path=UNSUBSCRIBE, count=1)
    assert results(told(sandbox, "suppress", person())) == ["failed"]
    assert sandbox.calls()[f"POST {UNSUBSCRIBE}"] == 1


def test_too_many_calls_are_no_fault_and_are_waited_for(sandbox: SandboxClient) -> None:
    sandbox.fault(
        "error", status=429, platform="attentive", path=UNSUBSCRIBE, count=2, retry_after=0
    )
    assert results(told(sandbox, "suppress", person())) == ["confirmed"]


def test_a_call_whose_end_cannot_be_looked_up_has_failed() -> None:
    class Blind:
        """Answers the first look, then nothing."""

        looks = 0

        def call(self, request: Request) -> Any:
            self.looks += request.method == "GET"
            if request.method == "POST" or self.looks > 1:
                raise RetryableError("no answer")
            return DryRun(lambda _: None).call(request)

        def map(self, _: object) -> Any:
            raise AssertionError("a single person's job is followed by single calls")

    api = Blind()
    assert results(list(Attentive(api, {}).suppress([person()]))) == ["failed"]
    assert api.looks == 2


def test_an_answer_without_the_persons_outcome_is_no_success(sandbox: SandboxClient) -> None:
    body: dict[str, Any] = {"subscriptionResponses": []}
    sandbox.fault("answer", status=202, body=body, platform="attentive", path=UNSUBSCRIBE)
    assert results(told(sandbox, "suppress", person())) == ["failed"]


def test_cart_reminders_end_with_marketing_and_messages_about_orders_stay(
    sandbox: SandboxClient,
) -> None:
    others = {"CHECKOUT_ABANDONED": [NUMBER], "TRANSACTIONAL": [NUMBER]}
    sandbox.fill({"subscribed": others}, "attentive")
    assert results(told(sandbox, "suppress", person())) == ["confirmed"]
    lists = sandbox.lists("attentive")
    assert lists["TEXT"] == [NUMBER]
    assert lists["subscribed"] == {"CHECKOUT_ABANDONED": [], "TRANSACTIONAL": [NUMBER]}


def test_who_left_marketing_but_gets_cart_reminders_leaves_those_alone(
    sandbox: SandboxClient,
) -> None:
    others = {"CHECKOUT_ABANDONED": [NUMBER]}
    sandbox.fill({"TEXT": [NUMBER], "subscribed": others}, "attentive")
    assert results(told(sandbox, "suppress", person())) == ["confirmed"]
    assert sandbox.lists("attentive")["subscribed"]["CHECKOUT_ABANDONED"] == []
    assert len(texts(sandbox)) == 1


def test_texts_and_emails_are_apart(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person("a@example.com"))
    lists = sandbox.lists("attentive")
    assert (lists["EMAIL"], lists["TEXT"], lists["texts"]) == (["a@example.com"], [], [])


@pytest.mark.parametrize("is_named", [True, False])
def test_who_is_no_subscriber_is_absent_and_asked_for_again_later(
    sandbox: SandboxClient, is_named: bool
) -> None:
    """Attentive may get to know them: what is confirmed would never be told again."""
    if is_named:
        sandbox.fill({"unknown": [NUMBER]}, "attentive")
    else:
        sandbox.fault("answer", status=200, body={"subscriptionEligibilities": []}, **LOOK)
    assert results(told(sandbox, "suppress", person())) == ["absent"]
    assert texts(sandbox) == []


@pytest.mark.parametrize("reason", ["complaint", "unsubscribe", "block", "policy"])
def test_nobody_who_is_unsubscribed_is_released(sandbox: SandboxClient, reason: str) -> None:
    sandbox.fill({"TEXT": [NUMBER]}, "attentive")
    (outcome,) = told(sandbox, "release", person(action="release", reason=reason))
    assert outcome.result == "rejected"
    assert "only the person's own act" in str(outcome.error)
    assert (sandbox.lists("attentive")["TEXT"], texts(sandbox)) == ([NUMBER], [])


@pytest.mark.parametrize(
    ("lists", "result"), [({}, "confirmed"), ({"unknown": [NUMBER]}, "absent")], ids=str
)
def test_who_is_not_stopped_there_is_free_already(
    sandbox: SandboxClient, lists: dict[str, list[str]], result: str
) -> None:
    """They came back by an act of their own at Attentive, which asks nobody twice."""
    sandbox.fill(lists, "attentive")
    assert results(told(sandbox, "release", person(action="release"))) == [result]
    assert texts(sandbox) == []


def test_without_a_sign_up_unit_nobody_is_subscribed(sandbox: SandboxClient) -> None:
    (outcome,) = told(sandbox, "subscribe", person(action="subscribe"))
    assert (outcome.result, outcome.attempts) == ("failed", 0)
    assert "ATTENTIVE_SIGN_UP_SOURCE_ID" in str(outcome.error)
    assert sandbox.call_count() == 0


def test_a_subscribe_begins_the_opt_in_of_the_unit(sandbox: SandboxClient) -> None:
    sandbox.fill({"TEXT": [NUMBER]}, "attentive")
    one = person(action="subscribe")
    assert results(told(sandbox, "subscribe", one, unit="241654")) == ["accepted"]
    assert sandbox.lists("attentive")["TEXT"] == []


def test_who_is_subscribed_is_not_texted_about_it(sandbox: SandboxClient) -> None:
    one = person(action="subscribe")
    assert results(told(sandbox, "subscribe", one, unit="241654")) == ["confirmed"]
    assert texts(sandbox) == []


def test_an_opt_in_that_took_effect_unanswered_is_found_out(sandbox: SandboxClient) -> None:
    sandbox.fill({"TEXT": [NUMBER]}, "attentive")
    path = {"method": "POST", "path": "/v1/subscriptions"}
    sandbox.fault("reset_after", platform="attentive", count=1, **path)
    one = person(action="subscribe")
    assert results(told(sandbox, "subscribe", one, unit="241654")) == ["confirmed"]
    assert texts(sandbox) == [NUMBER]


def test_a_sign_up_unit_that_is_refused_refuses_the_item(sandbox: SandboxClient) -> None:
    sandbox.fill({"TEXT": [NUMBER]}, "attentive")
    sandbox.fault("error", status=400, platform="attentive", method="POST")
    with pytest.raises(ItemsRefused):
        told(sandbox, "subscribe", person(action="subscribe"), unit="wrong")


def test_an_act_at_attentive_comes_back_in_the_shape_of_its_webhooks(
    sandbox: SandboxClient,
) -> None:
    told(sandbox, "suppress", person())
    (webhook,) = sandbox.webhooks()
    assert webhook["source"] == "attentive"
    body = webhook["body"]
    assert body["type"] == "sms.unsubscribed"
    assert body["subscriber"] == {"phone": NUMBER}
    assert body["subscription"] == {"type": "MARKETING"}
    assert isinstance(body["timestamp"], int)


def test_a_refusal_is_expected_to_take_a_look_and_a_call() -> None:
    assert Attentive.calls_for("suppress", "unsubscribe", 10, 1) == 20
    assert Attentive.calls_for("release", "unsubscribe", 10, 1) == 10
