"""Twilio: an outcome per item in every 201, and the opt-outs that nobody can undo."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Item, Outcome, Request
from sync.destinations.twilio import Twilio
from sync.errors import UnknownScope
from tests.python.sync.cases import Row
from tests.python.sync.cases.twilio import CASE, SERVICE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

ROW = Row("sms", SERVICE)
TOLL_FREE = Row("sms", "+18005550100")


def person(address: str = "+14155550100", row: Row = ROW, **values: object) -> Item:
    return CASE.person(row, address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("twilio", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def test_an_item_is_told_apart_by_the_deltas_id() -> None:
    seen: list[Request] = []
    one = person(event_timestamp=datetime(2026, 3, 1, 12))
    list(Twilio(DryRun(seen.append), {}).suppress([one]))
    ((name, value),) = seen[0].form
    assert name == "Items"
    assert json.loads(value) == {
        "contact_id": "+14155550100",
        "correlation_id": one.delta_id,
        "sender_id": SERVICE,
        "status": "opt-out",
        "source": "others",
        "date_of_consent": "2026-03-01T12:00:00Z",
    }


def test_an_invalid_item_of_a_call_is_rejected_alone(sandbox: SandboxClient) -> None:
    bad = person("+19")
    outcomes = told(sandbox, "suppress", bad, person())
    assert [outcome.result for outcome in outcomes] == ["rejected", "confirmed"]
    assert "30646: INVALID_CONTACT_ID" in str(outcomes[0].error)


@pytest.mark.parametrize(
    ("messages", "result"),
    [
        (["INTERNAL_SERVER_ERROR"], "failed"),
        (["INVALID_DATE_OF_CONSENT"], "failed"),
        (["SOMETHING_NEW"], "failed"),
        ([], "failed"),
        (["INVALID_CONTACT_ID", "INVALID_DATE_OF_CONSENT"], "rejected"),
        (["INVALID_SOURCE"], "rejected"),
    ],
)
def test_only_a_fault_of_the_item_itself_is_final(
    sandbox: SandboxClient, messages: list[str], result: str
) -> None:
    one = person()
    row = {"correlation_id": one.delta_id, "error_code": 30646, "error_messages": messages}
    sandbox.fault("answer", status=201, body={"items": [row]})
    (outcome,) = told(sandbox, "suppress", one)
    assert outcome.result == result


def test_a_date_that_is_to_come_is_left_out_for_twilio_would_refuse_the_opt_out(
    sandbox: SandboxClient,
) -> None:
    (outcome,) = told(sandbox, "suppress", person(event_timestamp=datetime(2200, 1, 1)))
    assert outcome.result == "confirmed"
    assert sandbox.lists("twilio") == {SERVICE: ["+14155550100"]}


def test_a_number_named_twice_is_told_apart_by_its_deltas(sandbox: SandboxClient) -> None:
    twice = [person(), person(delta_id="b" * 32), person(delta_id="not-a-uuid")]
    outcomes = told(sandbox, "suppress", *twice)
    assert [outcome.result for outcome in outcomes] == ["confirmed", "confirmed", "rejected"]


def test_a_sender_that_twilio_does_not_have_is_the_rows_fault_and_no_items(
    sandbox: SandboxClient,
) -> None:
    with pytest.raises(UnknownScope, match=r"seeds/destinations\.csv.*'marketing'"):
        told(sandbox, "suppress", person(row=Row("sms", "marketing")))


def test_the_check_asks_for_the_account_and_each_messaging_service() -> None:
    destination = Twilio(DryRun(lambda _: None), {"TWILIO_ACCOUNT_SID": "AC1"})
    rows = [("sms", SERVICE), ("sms", SERVICE), ("sms", "+14155550199")]
    found = [(probe.host, probe.encoded_path()) for probe in destination.probes(rows)]
    assert found == [
        ("https://api.twilio.com", "/2010-04-01/Accounts/AC1.json"),
        ("https://messaging.twilio.com", f"/v1/Services/{SERVICE}"),
    ]


def test_an_item_that_the_answer_leaves_out_is_tried_again(sandbox: SandboxClient) -> None:
    sandbox.fault("answer", status=201, body={"items": []})
    (outcome,) = told(sandbox, "suppress", person())
    assert outcome.result == "failed"


def test_consent_is_given_to_a_sender(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person())
    assert sandbox.lists("twilio") == {SERVICE: ["+14155550100"]}
    with connected("twilio", sandbox) as destination:
        assert "scope" in str(destination.refusal(person(row=Row("sms"))))


def test_an_opt_out_from_a_us_toll_free_number_cannot_be_undone(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person(row=TOLL_FREE))
    (outcome,) = told(sandbox, "release", person(row=TOLL_FREE))
    assert (outcome.result, outcome.attempts) == ("rejected", 0)
    assert "START" in str(outcome.error)
    assert sandbox.lists("twilio") == {"+18005550100": ["+14155550100"]}


def test_a_number_that_only_looks_toll_free_is_released(sandbox: SandboxClient) -> None:
    row = Row("sms", "+18105550100")
    told(sandbox, "suppress", person(row=row))
    (outcome,) = told(sandbox, "release", person(row=row))
    assert outcome.result == "confirmed"
    assert sandbox.lists("twilio") == {}


def test_a_full_batch_is_one_call(sandbox: SandboxClient) -> None:
    outcomes = told(sandbox, "suppress", *CASE.people(ROW, Twilio.batch_size))
    assert {outcome.result for outcome in outcomes} == {"confirmed"}
    assert sandbox.call_count() == 1
    assert Twilio.calls_for("release", "unsubscribe", 26, 25) == 2
