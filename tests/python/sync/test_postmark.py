"""Postmark: what it says of each address, and what nobody may undo there."""

from __future__ import annotations

import pytest

from sync.destinations.base import Item, Outcome
from sync.errors import UnknownScope
from tests.python.sync.cases import Row
from tests.python.sync.cases.postmark import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

OUTBOUND = Row("email")
COMPLAINT = ["a@example.com", "SpamComplaint", "Recipient"]
OWN_UNSUBSCRIBE = ["a@example.com", "ManualSuppression", "Recipient"]
HARD_BOUNCE = ["a@example.com", "HardBounce", "Recipient"]


def person(address: str = "a@example.com", row: Row = OUTBOUND, **values: str) -> Item:
    return CASE.person(row, address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("postmark", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def test_a_scope_is_a_stream_and_no_scope_is_outbound(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person())
    told(sandbox, "suppress", person("b@example.com", Row("email", "broadcast")))
    assert sandbox.lists("postmark") == {
        "outbound": ["a@example.com"],
        "broadcast": ["b@example.com"],
    }


def test_what_we_filed_for_a_complaint_is_deleted_like_all_that_we_filed(
    sandbox: SandboxClient,
) -> None:
    """Somebody complained elsewhere, and came back: a manual suppression is no complaint there."""
    told(sandbox, "suppress", person(reason="complaint"))
    (outcome,) = told(sandbox, "release", person(action="release", reason="complaint"))
    assert (outcome.result, outcome.error) == ("confirmed", None)
    assert sandbox.lists("postmark")["outbound"] == []


@pytest.mark.parametrize("reason", ["complaint", "unsubscribe", "bounce", "block", "policy"])
@pytest.mark.parametrize("entry", [COMPLAINT, OWN_UNSUBSCRIBE], ids=str)
def test_what_postmark_filed_itself_is_kept_whatever_our_reason(
    sandbox: SandboxClient, entry: list[str], reason: str
) -> None:
    sandbox.fill({"outbound": [entry]}, "postmark")
    (outcome,) = told(sandbox, "release", person(action="release", reason=reason))
    assert outcome.result == "rejected"
    assert "is filed there" in str(outcome.error)
    assert sandbox.lists("postmark")["outbound"] == ["a@example.com"]


def test_a_recipients_own_unsubscribe_cannot_be_released(sandbox: SandboxClient) -> None:
    sandbox.fill({"outbound": [OWN_UNSUBSCRIBE]}, "postmark")
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert outcome.result == "rejected"
    assert "authority" in str(outcome.error)


def test_a_hard_bounce_of_postmarks_own_is_released(sandbox: SandboxClient) -> None:
    sandbox.fill({"outbound": [HARD_BOUNCE]}, "postmark")
    (outcome,) = told(sandbox, "release", person(reason="bounce"))
    assert outcome.result == "confirmed"
    assert sandbox.lists("postmark")["outbound"] == []


@pytest.mark.parametrize("entry", [COMPLAINT, OWN_UNSUBSCRIBE, HARD_BOUNCE], ids=str)
def test_whom_postmark_blocks_already_is_suppressed(
    sandbox: SandboxClient, entry: list[str]
) -> None:
    sandbox.fill({"outbound": [entry]}, "postmark")
    (outcome,) = told(sandbox, "suppress", person())
    assert (outcome.result, outcome.error) == ("confirmed", None)


def test_each_address_has_its_own_outcome(sandbox: SandboxClient) -> None:
    sandbox.fill({"outbound": [OWN_UNSUBSCRIBE]}, "postmark")
    people = [person(address, action="release") for address in ("a@example.com", "b@example.com")]
    outcomes = told(sandbox, "release", *people)
    assert [outcome.result for outcome in outcomes] == ["rejected", "confirmed"]


def test_an_address_that_the_answer_leaves_out_is_tried_again(sandbox: SandboxClient) -> None:
    sandbox.fault("omit", address="a@example.com")
    outcomes = told(sandbox, "suppress", person(), person("b@example.com"))
    assert [outcome.result for outcome in outcomes] == ["failed", "confirmed"]


def test_a_stream_that_does_not_exist_is_named(sandbox: SandboxClient) -> None:
    with pytest.raises(UnknownScope, match="'gone'"):
        told(sandbox, "suppress", person(row=Row("email", "gone")))


def test_a_change_by_the_api_comes_back_as_the_customers(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person())
    told(sandbox, "release", person())
    found = [(w["body"]["Origin"], w["body"]["SuppressSending"]) for w in sandbox.webhooks()]
    assert found == [("Customer", True), ("Customer", False)]
