"""SendGrid: which call for what, and release from every list that a person can be on."""

from __future__ import annotations

import pytest

from sync.destinations.base import Item, Outcome
from sync.errors import UnknownScope
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient, World, addresses, item

EVERYWHERE = {
    "global": ["a@example.com"],
    "groups": {"101": ["a@example.com"], "102": ["a@example.com"], "103": []},
    "bounces": ["a@example.com"],
    "blocks": ["a@example.com"],
    "spam_reports": ["a@example.com"],
    "invalid_emails": ["a@example.com"],
}
# What a release for each reason must leave the person on.
LEFT = {
    "complaint": set(),
    "unsubscribe": set(),
    "bounce": {"spam_reports", "101", "102"},
    "block": {"spam_reports", "101", "102"},
    "unengaged": {"spam_reports", "101", "102"},
    "policy": {"bounces", "blocks", "spam_reports", "invalid_emails", "101", "102"},
}


def on_lists(sandbox: SandboxClient, address: str = "a@example.com") -> set[str]:
    lists = sandbox.lists()
    flat = {**lists.pop("groups"), **lists}
    return {name for name, people in flat.items() if address in people}


def release(sandbox: SandboxClient, *items: Item) -> list[Outcome]:
    with connected("sendgrid", sandbox) as destination:
        return list(destination.release(items))


@pytest.mark.parametrize("reason", LEFT)
def test_a_release_frees_a_person_from_all_but_what_an_act_of_consent_must_end(
    sandbox: SandboxClient, reason: str
) -> None:
    sandbox.fill(EVERYWHERE)
    one = item("a@example.com", reason=reason)
    assert [outcome.result for outcome in release(sandbox, one)] == ["confirmed"]
    assert on_lists(sandbox) == LEFT[reason]


def test_a_group_that_the_person_still_refuses_is_kept(sandbox: SandboxClient) -> None:
    """Consent to one list is not consent to all."""
    sandbox.fill(EVERYWHERE)
    one = item("a@example.com", reason="unsubscribe", kept_topics="7,102")
    assert [outcome.result for outcome in release(sandbox, one)] == ["confirmed"]
    assert on_lists(sandbox) == {"102"}


def test_a_release_frees_nobody_else(sandbox: SandboxClient) -> None:
    both = ["a@example.com", "other@example.com"]
    kinds = ("bounces", "blocks", "spam_reports", "invalid_emails")
    sandbox.fill({"global": both, "groups": {"101": both}, **dict.fromkeys(kinds, both)})
    release(sandbox, item("a@example.com", reason="unsubscribe"))
    assert on_lists(sandbox) == set()
    assert on_lists(sandbox, "other@example.com") == {"global", "101", *kinds}


def test_each_item_of_a_batch_is_released_by_its_own_reason(sandbox: SandboxClient) -> None:
    people = ["a@example.com", "b@example.com"]
    sandbox.fill({"global": people, "bounces": people, "spam_reports": people})
    release(
        sandbox,
        item("a@example.com", reason="bounce"),
        item("b@example.com", reason="complaint", delta_id="b"),
    )
    assert on_lists(sandbox, "a@example.com") == {"spam_reports"}
    assert on_lists(sandbox, "b@example.com") == set()


@pytest.mark.parametrize("people", [1, 4])
def test_groups_are_asked_per_person_or_per_group_whichever_is_less(
    sandbox: SandboxClient, people: int
) -> None:
    everybody = addresses(people)
    sandbox.fill({"groups": {"101": everybody, "102": everybody[:1], "103": []}})
    release(sandbox, *(item(a, delta_id=a, reason="unsubscribe") for a in everybody))
    assert all(people == [] for people in sandbox.lists()["groups"].values())
    calls = sandbox.calls()
    search = calls.get("POST /v3/asm/groups/{group}/suppressions/search", 0)
    per_person = calls.get("GET /v3/asm/suppressions/{email}", 0)
    assert (search, per_person) == ((0, 1) if people == 1 else (3, 0))


def test_a_person_who_is_on_no_list_is_released_all_the_same(sandbox: SandboxClient) -> None:
    outcomes = release(sandbox, item("a@example.com", reason="complaint"))
    assert [outcome.result for outcome in outcomes] == ["confirmed"]


def test_a_404_for_many_is_asked_again_one_by_one(sandbox: SandboxClient) -> None:
    """Whether the others of such a call were taken off is not documented."""
    sandbox.fill({"bounces": ["a@example.com"]})
    sandbox.fault("error", status=404, method="DELETE", path="/v3/suppression/bounces", count=1)
    people = [item(a, delta_id=a) for a in ("a@example.com", "never@example.com")]
    assert [outcome.result for outcome in release(sandbox, *people)] == ["confirmed"] * 2
    assert on_lists(sandbox) == set()


def test_a_release_of_which_one_call_failed_is_not_confirmed(sandbox: SandboxClient) -> None:
    sandbox.fill({"groups": {"101": ["a@example.com", "b@example.com"]}})
    sandbox.fault(
        "error", status=500, method="DELETE", path="/v3/asm/groups/101", address="a@example.com"
    )
    people = [item(a, delta_id=a, reason="unsubscribe") for a in ("a@example.com", "b@example.com")]
    assert [outcome.result for outcome in release(sandbox, *people)] == ["failed", "confirmed"]


def test_a_repeated_address_is_sent_once(sandbox: SandboxClient) -> None:
    twice = [item("a@example.com", delta_id="1"), item("a@example.com", delta_id="2")]
    with connected("sendgrid", sandbox) as destination:
        assert [o.result for o in destination.suppress(twice)] == ["confirmed"] * 2
    assert sandbox.lists()["global"] == ["a@example.com"]


def test_a_row_with_a_scope_feeds_that_group_and_not_the_global_list(
    world: World, sandbox: SandboxClient
) -> None:
    sandbox.fill({"groups": {"7": []}})
    world.want("a@example.com", scope="7")
    world.want("b@example.com")
    assert world.push_freely(scopes=("", "7")).exit_code == 0
    assert sandbox.lists()["groups"]["7"] == ["a@example.com"]
    assert sandbox.lists()["global"] == ["b@example.com"]


def test_a_release_from_a_scope_leaves_other_groups_and_the_global_list(
    sandbox: SandboxClient,
) -> None:
    sandbox.fill(EVERYWHERE)
    release(sandbox, item("a@example.com", scope="102", reason="unsubscribe"))
    assert on_lists(sandbox) == {"global", "101"}


@pytest.mark.parametrize("scope", ["999", "newsletter", "../global"])
def test_an_unknown_group_is_refused_because_it_would_fill_the_global_list(
    world: World, sandbox: SandboxClient, scope: str
) -> None:
    world.want("a@example.com", scope=scope)
    world.want("b@example.com")
    part = world.push_freely(scopes=("", scope))
    assert isinstance(part.error, UnknownScope)
    assert part.exit_code == 2
    assert "seeds/destinations.csv" in str(part.error)
    assert "101" in str(part.error)
    # The other rows of the destination are served.
    assert sandbox.lists()["global"] == ["b@example.com"]
    assert world.outcomes() == {"a@example.com": "failed", "b@example.com": "confirmed"}


def test_a_subuser_is_named_in_the_header() -> None:
    from sync.destinations.sendgrid import SendGrid

    settings = {"SENDGRID_API_KEY": "SG.x", "SENDGRID_ON_BEHALF_OF": "team"}
    assert SendGrid.headers(settings)["on-behalf-of"] == "team"
    assert "on-behalf-of" not in SendGrid.headers({"SENDGRID_API_KEY": "SG.x"})
