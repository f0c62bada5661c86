"""Mandrill: one address a call, a key in the body, and what the person filed there."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Entry, Item, Outcome, Request
from sync.destinations.mandrill import Mandrill
from sync.errors import CredentialRefused, ListNotReadable, UnknownScope
from tests.python.sync.cases import Row
from tests.python.sync.cases.mandrill import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import KEY, SandboxClient, World, addresses

ACCOUNT, SUBACCOUNT = Row("email"), CASE.rows[0]
ONE = "a@example.com"
EARLY, LATE = "2025-12-31 23:59:59", "2026-03-01 00:00:00"


def person(address: str = ONE, row: Row = ACCOUNT, **values: object) -> Item:
    return CASE.person(row, address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("mandrill", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def test_a_scope_is_a_subaccount_and_none_is_the_account(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person())
    told(sandbox, "suppress", person("b@example.com", SUBACCOUNT))
    assert sandbox.lists("mandrill") == {"account": [ONE], "cust-123": ["b@example.com"]}
    told(sandbox, "release", person("b@example.com", SUBACCOUNT, action="release"))
    assert sandbox.lists("mandrill") == {"account": [ONE], "cust-123": []}


@pytest.mark.parametrize("verb", ["suppress", "release"])
def test_a_subaccount_that_does_not_exist_is_named(sandbox: SandboxClient, verb: str) -> None:
    gone = Row("email", "cust-999")
    with pytest.raises(UnknownScope, match="cust-999"):
        told(sandbox, verb, person(row=gone, action=verb))
    with connected("mandrill", sandbox) as destination, pytest.raises(UnknownScope):
        list(destination.entries("email", "cust-999"))


def test_the_key_is_in_no_request_and_in_no_log(
    world: World,
    sandbox: SandboxClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[Request] = []
    destination = Mandrill(DryRun(seen.append), {"MANDRILL_API_KEY": KEY})
    list(destination.suppress([person()]))
    list(destination.release([person(action="release")]))
    assert len(seen) == 3
    assert KEY not in repr(seen)
    world.sql("delete from destinations where true")
    world.enable("mandrill")
    world.want_items([person()])
    world.connect("mandrill", {"MANDRILL_API_KEY": KEY})
    done = world.cli("push", "--dry-run", "--output", "json")
    assert ('"email": "a@example.com"' in done.stdout, KEY in done.stdout) == (True, False)
    told(sandbox, "suppress", person())
    sandbox.fault("error", platform="mandrill", status=500, message=f"{KEY} is bad")
    told(sandbox, "suppress", person())
    assert KEY not in caplog.text
    assert KEY not in str(sandbox.calls()) + str(sandbox.webhooks())


def test_an_error_of_500_that_names_the_key_ends_the_run(sandbox: SandboxClient) -> None:
    sandbox.fault("unauthorized", platform="mandrill")
    with pytest.raises(CredentialRefused):
        told(sandbox, "suppress", person())
    assert sandbox.call_count() == 1


def test_an_error_of_500_that_names_the_address_is_the_items(sandbox: SandboxClient) -> None:
    sandbox.fault("poison", platform="mandrill", address=ONE)
    found = told(sandbox, "suppress", person(), person("b@example.com"))
    assert [one.result for one in found] == ["rejected", "confirmed"]


def test_who_is_on_its_allowlist_needs_a_person(sandbox: SandboxClient) -> None:
    sandbox.fill({"allowlist": [ONE, "b@example.com"], "account": ["b@example.com"]}, "mandrill")
    here, there = told(sandbox, "suppress", person(), person("b@example.com"))
    assert here.result == "failed"
    assert "allowlist" in str(here.error)
    # It says of this one, too, that it was not added: it is on the list already.
    assert there.result == "confirmed"


@pytest.mark.parametrize("reason", ["spam", "unsub"])
@pytest.mark.parametrize(
    ("ended", "filed_at", "result"),
    [
        ("bounce", EARLY, "rejected"),
        ("policy", EARLY, "rejected"),
        ("unsubscribe", EARLY, "confirmed"),
        ("complaint", EARLY, "confirmed"),
        ("unsubscribe", LATE, "rejected"),
    ],
)
def test_what_the_person_did_there_yields_to_a_later_act_of_consent_only(
    sandbox: SandboxClient, reason: str, ended: str, filed_at: str, result: str
) -> None:
    sandbox.fill({"account": [[ONE, reason, filed_at]]}, "mandrill")
    back = person(action="release", reason=ended, event_timestamp=datetime(2026, 1, 1))
    (outcome,) = told(sandbox, "release", back)
    assert outcome.result == result
    assert sandbox.lists("mandrill")["account"] == ([] if result == "confirmed" else [ONE])


@pytest.mark.parametrize("reason", ["bounce", "soft_bounces", "block", "unengaged", "policy"])
def test_an_entry_that_ours_may_have_overwritten_stays_without_an_act_of_consent(
    sandbox: SandboxClient, reason: str
) -> None:
    """Whether `add` over the person's own entry makes it `custom` is not documented."""
    sandbox.fill({"account": [ONE]}, "mandrill")
    (outcome,) = told(sandbox, "release", person(action="release", reason=reason))
    assert (outcome.result, sandbox.call_count()) == ("rejected", 1)
    assert "delete it at Mandrill" in str(outcome.error)
    assert sandbox.lists("mandrill")["account"] == [ONE]
    gone = person("b@example.com", action="release", reason=reason)
    assert [one.result for one in told(sandbox, "release", gone)] == ["confirmed"]


def test_a_refusal_at_a_subaccount_keeps_the_entry_of_the_account(sandbox: SandboxClient) -> None:
    """Whether a deletion without a subaccount is of the account alone is not documented."""
    sandbox.fill({"account": [ONE], "cust-123": [[ONE, "unsub", LATE]]}, "mandrill")
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert outcome.result == "rejected"
    sandbox.fill({"cust-123": [[ONE, "hard-bounce", LATE]]}, "mandrill")
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert outcome.result == "confirmed"


def test_who_is_not_on_the_list_is_released_by_a_look(sandbox: SandboxClient) -> None:
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert (outcome.result, sandbox.call_count()) == ("confirmed", 1)


@pytest.mark.parametrize("body", [{"email": ONE}, {}, [], None])
def test_an_answer_that_does_not_say_it_confirms_nobody(
    sandbox: SandboxClient, body: object
) -> None:
    sandbox.fault("answer", platform="mandrill", status=200, body=body)
    (outcome,) = told(sandbox, "suppress", person())
    assert outcome.result == "failed"


def test_another_hosts_404_frees_nobody(sandbox: SandboxClient) -> None:
    sandbox.fault("answer", platform="mandrill", status=404, body={"message": "no such page"})
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert (outcome.result, outcome.status) == ("failed", 404)


def test_entries_tell_reason_and_date_of_the_list_that_is_asked_for(
    sandbox: SandboxClient,
) -> None:
    lists = {"account": [[ONE, "hard-bounce", EARLY]], "cust-123": ["b@example.com"]}
    sandbox.fill(lists, "mandrill")
    with connected("mandrill", sandbox) as destination:
        shown = list(destination.entries("email", ""))
    since = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert shown == [Entry("email", ONE, "hard-bounce", since)]


def test_a_list_that_may_be_longer_than_its_answer_is_not_read(sandbox: SandboxClient) -> None:
    """There are no pages: what is missing would count as removed."""
    sandbox.fill({"account": addresses(1_000)}, "mandrill")
    with (
        connected("mandrill", sandbox) as destination,
        pytest.raises(ListNotReadable, match="backfill"),
    ):
        list(destination.entries("email", ""))
