"""Twilio: an outcome per item in every 201, and the opt-outs that nobody can undo."""

from __future__ import annotations

import json
from datetime import datetime

from sync.delivery.calls import DryRun
from sync.destinations.base import Item, Outcome, Request
from sync.destinations.twilio import Twilio
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


def test_a_fault_of_twilios_own_is_tried_again(sandbox: SandboxClient) -> None:
    one = person()
    row = {
        "correlation_id": one.delta_id,
        "error_code": 30646,
        "error_messages": ["INTERNAL_SERVER_ERROR"],
    }
    sandbox.fault("answer", status=201, body={"items": [row]})
    (outcome,) = told(sandbox, "suppress", one)
    assert outcome.result == "failed"


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
