"""The oracle on cases small enough to work out by hand: one test for each sentence of the design
that decides something.
"""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.python.conftest import ROOT

from .oracle import Row, RowState, State, Table, event_id, marts, standing_events
from .world import Copy, Event, Rules

RULES = Rules(
    policy=(
        ("complaint", "consent", "same"),
        ("unsubscribe", "consent", "same"),
        ("bounce", "deliverability", "same"),
        ("soft_bounces", "deliverability", "same"),
        ("block", "operator", "same"),
        ("unengaged", "engagement", "same"),
    ),
    releases={
        "complaint": frozenset({"subscribe"}),
        "unsubscribe": frozenset({"subscribe"}),
        "bounce": frozenset({"delivered", "reactivate", "subscribe"}),
        "soft_bounces": frozenset({"delivered", "reactivate", "subscribe"}),
        "block": frozenset({"reactivate", "subscribe"}),
        "unengaged": frozenset({"open", "click", "subscribe"}),
    },
    counting_topics=frozenset({("sendgrid", "318")}),
    sources_without_sent=frozenset({"postmark"}),
)
START = datetime(2026, 1, 1)
AS_OF = datetime(2026, 12, 1)


def day(number: float, second: float = 0) -> datetime:
    """An instant: so many days (and seconds) after the start."""
    return START + timedelta(days=number, seconds=second)


class Told:
    """What was told so far, one event after the other; event keys count up."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.copies: list[Copy] = []

    def that(
        self,
        event_type: str,
        at: datetime | None,
        *,
        on: str | None = "email",
        received: datetime | None = None,
        delivery: str = "d1",
        position: int = 0,
        **fields: Any,
    ) -> Event:
        """Tell one event. Short names: k external_id, e email, p phone, t push_token."""
        named = {"k": "external_id", "e": "email", "p": "phone", "t": "push_token"}
        fields = {named.get(name, name): value for name, value in fields.items()}
        fields.setdefault("source", "sendgrid")
        fields.setdefault("key", f"key-{len(self.copies)}")
        event = Event(event_type=event_type, channel=on, timestamp=at, **fields)
        arrival = received or at
        assert arrival is not None
        self.copies.append(Copy(event, delivery, position, arrival))
        return event

    def trait(self, value: bool, at: datetime, *, on: str = "email", **fields: Any) -> Event:
        """Tell a profile trait."""
        return self.that("identify", at, on=on, trait_value=value, source="segment", **fields)

    def link(self, at: datetime, **fields: Any) -> Event:
        """Tell who someone is."""
        return self.that("identify", at, on=None, **fields)

    @property
    def state(self) -> State:
        """The state of everybody told of."""
        return State(standing_events(self.copies, self.rules, AS_OF), self.rules)

    @property
    def listed(self) -> set[str]:
        """The addresses on the list."""
        return {row["address"] for row in self.state.suppression_list().values()}

    @property
    def list(self) -> Table:
        """suppression_list by `channel|address`."""
        return self.state.suppression_list()

    def row(self, contact: str | None, address: str | None, channel: str = "email") -> RowState:
        """The state of one row."""
        return self.state.states[Row(contact, channel, address)]

    def profile(self, contact: str) -> dict[str, Any]:
        """The profile of an external_id."""
        return self.state.contact_profiles()[Row(contact, "email", None).contact_id]


@pytest.fixture
def told() -> Told:
    return Told()


def test_the_rules_of_the_oracle_are_those_of_the_seeds() -> None:
    shipped = Rules.from_seeds(ROOT / "seeds")
    assert (shipped.policy, shipped.releases) == (RULES.policy, RULES.releases)
    assert not shipped.counting_topics
    assert "postmark" in shipped.sources_without_sent
    assert not shipped.sources_without_sent & {"sendgrid", "mailgun", "twilio", "email_log"}


# --- events


def test_of_several_copies_the_earliest_received_stands(told: Told) -> None:
    told.that("unsubscribe", None, received=day(5), key="x", e="a", topic="late")
    told.that("unsubscribe", None, received=day(3), key="x", e="a", topic="early")
    (standing,) = standing_events(told.copies, RULES, AS_OF)
    assert (standing.event.topic, standing.at) == ("early", day(3))


def test_of_copies_received_at_once_the_first_delivery_and_position_stands(told: Told) -> None:
    told.that("unsubscribe", day(1), key="x", e="a", topic="1", delivery="d2", position=0)
    told.that("unsubscribe", day(1), key="x", e="a", topic="2", delivery="d1", position=4)
    told.that("unsubscribe", day(1), key="x", e="a", topic="3", delivery="d1", position=3)
    (standing,) = standing_events(told.copies, RULES, AS_OF)
    assert standing.event.topic == "3"


def test_one_key_for_two_people_or_two_words_is_several_events(told: Told) -> None:
    told.that("unsubscribe", day(1), key="x", e="a")
    told.that("unsubscribe", day(1), key="x", e="b")
    told.that("complaint", day(1), key="x", e="b", word="spamreport")
    assert told.listed == {"a", "b"}
    assert len(list(standing_events(told.copies, RULES, AS_OF))) == 3


def test_the_same_key_on_another_channel_or_source_is_another_event(told: Told) -> None:
    told.that("unsubscribe", day(1), key="x", e="a", on="email")
    told.that("unsubscribe", day(1), key="x", p="b", on="sms")
    told.that("unsubscribe", day(1), key="x", e="c", source="mailgun")
    assert told.listed == {"a", "b", "c"}


def test_an_event_id_is_a_hash_of_source_channel_key_word_and_whom_it_names() -> None:
    event = Event("segment", "k1", "unsubscribe", "email", "c-1", "a@b", word="unsubscribed")
    assert event_id(event) == hashlib.md5(b"segment|email|k1|unsubscribed|a@b").hexdigest()
    of_a_contact = Event("segment", "k1", "unsubscribe", "email", "c-1", word="unsubscribed")
    assert event_id(of_a_contact) == hashlib.md5(b"segment|email|k1|unsubscribed|c-1").hexdigest()


def test_an_event_id_of_no_act_has_its_day_too() -> None:
    event = Event("segment", "k1", "identify", timestamp=datetime(2025, 5, 1, 23), word="identify")
    named = b"segment|_null_|k1|identify|_null_|2025-05-01"
    assert event_id(event) == hashlib.md5(named).hexdigest()


def test_nothing_happens_after_it_was_received(told: Told) -> None:
    told.that("unsubscribe", datetime(2093, 1, 1), received=day(1), e="a")
    told.that("subscribe", day(2), e="a")
    assert told.listed == set()


def test_an_ancient_time_is_no_time(told: Told) -> None:
    told.that("subscribe", datetime(1999, 1, 1), received=day(2), e="a")
    told.that("unsubscribe", day(1), e="a")
    assert told.listed == set()


def test_instants_are_compared_to_the_second(told: Told) -> None:
    told.that("unsubscribe", day(1, 0.1), e="a")
    told.that("subscribe", day(1, 0.9), e="a")
    assert told.listed == {"a"}


def test_what_is_received_after_as_of_is_not_there_yet(told: Told) -> None:
    told.that("unsubscribe", day(1), received=AS_OF + timedelta(seconds=1), e="a")
    told.that("unsubscribe", day(1), received=AS_OF, e="b")
    assert told.listed == {"b"}


# --- latest wins


@pytest.mark.parametrize(
    ("reason", "ender"),
    [
        ("complaint", "subscribe"),
        ("unsubscribe", "subscribe"),
        ("bounce", "delivered"),
        ("bounce", "reactivate"),
        ("bounce", "subscribe"),
        ("block", "reactivate"),
        ("block", "subscribe"),
    ],
)
def test_a_reason_holds_until_a_later_event_that_may_end_it(
    told: Told, reason: str, ender: str
) -> None:
    told.that(reason, day(5), e="a")
    told.that(ender, day(4), e="a")
    assert told.list["email|a"]["event_type"] == reason
    told.that(ender, day(5), e="a")
    assert told.list["email|a"]["event_type"] == reason  # at the same instant the reason wins
    told.that(ender, day(5, 1), e="a")
    assert told.listed == set()
    told.that(reason, day(6), e="a")
    assert told.list["email|a"]["event_timestamp"] == day(6)


@pytest.mark.parametrize(
    ("reason", "stranger"),
    [
        ("complaint", "delivered"),
        ("complaint", "reactivate"),
        ("unsubscribe", "reactivate"),
        ("unsubscribe", "open"),
        ("bounce", "open"),
        ("bounce", "sent"),
        ("block", "delivered"),
    ],
)
def test_nothing_else_ends_it(told: Told, reason: str, stranger: str) -> None:
    told.that(reason, day(1), e="a")
    told.that(stranger, day(2), e="a")
    assert told.list["email|a"]["event_type"] == reason


def test_the_first_reason_by_precedence_is_named_and_all_are_kept(told: Told) -> None:
    told.that("block", day(3), e="a")
    told.that("bounce", day(2), e="a")
    told.that("unsubscribe", day(1), e="a")
    row = told.row(None, "a")
    assert row.suppressing == ("unsubscribe", "bounce", "block")
    assert told.list["email|a"]["event_timestamp"] == day(1)


def test_a_soft_bounce_is_no_reason(told: Told) -> None:
    told.that("soft_bounce", day(1), e="a")
    assert told.listed == set()
    assert told.row(None, "a").is_subscribed is None


# --- a refusal reaches far


def test_a_refusal_by_name_reaches_all_addresses_the_contact_has_or_ever_gets(told: Told) -> None:
    told.that("unsubscribe", day(5), k="k", on="email")
    told.link(day(1), k="k", e="a")
    told.link(day(9), k="k", e="b", p="+1")
    assert told.listed == {"a", "b"}


def test_a_refusal_by_address_reaches_every_contact_ever_named_with_it_and_all_their_addresses(
    told: Told,
) -> None:
    told.that("complaint", day(5), e="a")
    for contact in ("k1", "k2"):
        told.link(day(9), k=contact, e="a")
        told.link(day(9), k=contact, e=f"own-{contact}")
    told.link(day(9), k="k3", e="c")
    assert told.listed == {"a", "own-k1", "own-k2"}


def test_a_refusal_by_name_does_not_spread_through_a_shared_address(told: Told) -> None:
    told.link(day(1), k="k1", e="a")
    told.link(day(1), k="k2", e="a")
    told.link(day(1), k="k2", e="b")
    told.that("unsubscribe", day(5), k="k1", e="a")
    assert told.listed == {"a"}  # k1's; b is k2's, who said nothing
    assert not told.row("k2", "a").is_suppressed


def test_a_refusal_without_address_has_a_row_of_its_own_until_the_contact_gets_one(
    told: Told,
) -> None:
    told.that("unsubscribe", day(5), k="k", on="email")
    assert told.row("k", None).reason == "unsubscribe"
    assert told.listed == set()
    assert told.profile("k")["email_suppressed"] is True
    told.link(day(6), k="k", e="a")
    assert Row("k", "email", None) not in told.state.states
    assert told.listed == {"a"}


def test_what_is_told_of_nobody_in_particular_makes_no_row(told: Told) -> None:
    told.that("other", day(1), e="a")
    told.that("other", day(1), k="k")
    told.link(day(1), e="b")
    assert not told.state.rows


def test_an_opt_out_of_one_channel_leaves_the_others(told: Told) -> None:
    told.link(day(1), k="k", e="a", p="+1")
    told.that("unsubscribe", day(5), k="k", on="sms")
    assert told.listed == {"+1"}


# --- a grant reaches near


def test_a_grant_that_names_address_and_contact_reaches_by_both(
    told: Told,
) -> None:
    told.link(day(1), k="k1", e="a")
    told.link(day(1), k="k2", e="a")
    told.link(day(1), k="k1", e="b")
    told.that("unsubscribe", day(5), e="a")
    told.that("subscribe", day(6), e="a", k="k1")
    # b is k1's too: the refusal was linked when k1's grant was given, and k1 gave it by name.
    assert told.listed == set()


def test_a_nameless_grant_ends_a_refusal_for_its_address_only(told: Told) -> None:
    told.link(day(1), k="k1", e="a")
    told.link(day(1), k="k1", e="b")
    told.that("unsubscribe", day(5), e="a")
    told.that("subscribe", day(6), e="a")
    assert told.listed == {"b"}


def test_a_grant_by_name_ends_that_contacts_refusals_on_its_rows_and_not_the_others(
    told: Told,
) -> None:
    told.link(day(1), k="k1", e="a")
    told.link(day(1), k="k2", e="a")
    told.that("unsubscribe", day(5), e="a")
    told.that("subscribe", day(6), k="k1")
    assert not told.row("k1", "a").is_suppressed
    assert told.row("k2", "a").is_suppressed
    assert (
        told.list["email|a"]["external_id"] == "k2"
    )  # the label: who named it last, the greater id of two


def test_a_grant_by_name_does_not_end_a_refusal_by_an_address_linked_later(told: Told) -> None:
    told.that("unsubscribe", day(5), e="a")
    told.that("subscribe", day(6), k="k")
    told.link(day(6, 1), k="k", e="a")
    assert told.listed == {"a"}
    told.link(day(6), k="k", e="a")  # known by then after all
    assert told.listed == set()


def test_a_grant_of_one_contact_never_ends_anothers_refusal(told: Told) -> None:
    told.link(day(1), k="k1", e="a")
    told.link(day(1), k="k2", e="a")
    told.that("unsubscribe", day(5), k="k1", e="a")
    told.that("subscribe", day(6), k="k2", e="a")
    assert told.row("k1", "a").is_suppressed
    assert told.row("k2", "a").is_subscribed is True
    assert told.listed == {"a"}


def test_a_nameless_grant_ends_a_contacts_refusal_for_that_address(told: Told) -> None:
    told.link(day(1), k="k", e="a")
    told.link(day(1), k="k", e="b")
    told.that("unsubscribe", day(5), k="k")
    told.that("subscribe", day(6), e="a")
    assert told.listed == {"b"}


def test_a_grant_by_name_ends_a_refusal_by_name_on_addresses_linked_later(told: Told) -> None:
    told.that("unsubscribe", day(5), k="k")
    told.that("subscribe", day(6), k="k")
    told.link(day(7), k="k", e="a")
    assert told.listed == set()
    assert told.row("k", "a").is_subscribed is True


# --- topics


def test_an_unlisted_topic_is_recorded_only(told: Told) -> None:
    told.that("topic_unsubscribe", day(1), e="a", topic="999")
    told.that("topic_unsubscribe", day(1), e="b", topic="318", source="mailgun")
    assert told.listed == set()


def test_a_listed_topic_counts_as_unsubscribe_until_that_topic_or_a_subscribe_ends_it(
    told: Told,
) -> None:
    told.that("topic_unsubscribe", day(1), e="a", topic="318")
    assert told.list["email|a"]["event_type"] == "unsubscribe"
    told.that("topic_subscribe", day(2), e="a", topic="318")
    assert told.listed == set()
    assert (
        told.row(None, "a").is_subscribed is None
    )  # it ends the opt-out of the list; it is no opt-in to the channel
    told.that("topic_unsubscribe", day(3), e="a", topic="318")
    told.that("subscribe", day(4), e="a")
    assert told.listed == set()


def test_a_grant_of_a_topic_ends_no_refusal_of_the_channel(told: Told) -> None:
    told.that("unsubscribe", day(1), e="a")
    told.that("topic_subscribe", day(2), e="a", topic="318")
    assert told.listed == {"a"}


def test_a_grant_that_names_a_list_ends_what_names_that_list_or_none(told: Told) -> None:
    told.that("unsubscribe", day(1), e="same", topic="broadcast", source="postmark")
    told.that("unsubscribe", day(1), e="other-list", topic="outbound", source="postmark")
    told.that("unsubscribe", day(1), e="other-source", topic="broadcast", source="mailgun")
    told.that("unsubscribe", day(1), e="none")
    for address in ("same", "other-list", "other-source", "none"):
        told.that("subscribe", day(2), e=address, topic="broadcast", source="postmark")
    assert told.listed == {"other-list", "other-source"}
    told.that("subscribe", day(3), e="other-list")
    assert told.listed == {"other-source"}


def test_lists_do_not_matter_to_bounces(told: Told) -> None:
    told.that("bounce", day(1), e="a", topic="outbound", source="postmark")
    told.that("subscribe", day(2), e="a", topic="broadcast", source="postmark")
    assert told.listed == set()


# --- deliverability, blocks


def test_a_bounce_is_of_the_address_whoever_is_named(told: Told) -> None:
    told.link(day(1), k="k1", e="a")
    told.link(day(1), k="k2", e="a")
    told.link(day(1), k="k1", e="b")
    told.that("bounce", day(5), k="k1", e="a")
    assert told.row("k2", "a").is_suppressed
    assert told.listed == {"a"}


def test_a_grant_by_name_alone_ends_no_bounce(told: Told) -> None:
    told.link(day(1), k="k", e="a")
    told.that("bounce", day(5), e="a")
    told.that("subscribe", day(6), k="k")
    assert told.listed == {"a"}
    told.that("subscribe", day(6), k="another", e="a")
    assert told.listed == set()


def test_a_bounce_that_names_only_a_contact_reaches_nothing(told: Told) -> None:
    told.link(day(1), k="k", e="a")
    told.that("bounce", day(5), k="k")
    assert told.listed == set()


# --- what platforms do about a bounce that counts as a soft one


def softened(told: Told, at: datetime, **fields: Any) -> None:
    told.that("soft_bounce", at, e="a", said_type="bounce", **fields)


@pytest.mark.parametrize(
    ("second", "arrival"),
    [(-60, 0), (0, 0), (1, 7200), (3600, 3600), (3600, 7200), (3601, 3601), (86_400, 86_400)],
)
def test_an_entry_that_is_made_with_a_softened_bounce_is_its_echo(
    told: Told, second: int, arrival: int
) -> None:
    """An hour where it has a time of its own, a day where it counts at its arrival."""
    entry = day(5, second)
    told.that("bounce", entry, e="a", is_list_entry=True, received=day(5, arrival))
    assert told.listed == {"a"}
    softened(told, day(5))
    assert told.listed == set()


@pytest.mark.parametrize(
    ("second", "arrival"), [(-61, 0), (3601, 3602), (7200, 90_000), (86_401, 86_401)]
)
def test_an_entry_of_another_time_is_a_bounce(told: Told, second: int, arrival: int) -> None:
    softened(told, day(5))
    entry = day(5, second)
    told.that("bounce", entry, e="a", is_list_entry=True, received=day(5, arrival))
    assert told.listed == {"a"}


@pytest.mark.parametrize("sign", ["delivered", "open", "click", "reactivate"])
@pytest.mark.parametrize("is_echo", [False, True])
def test_an_entry_or_a_refusal_after_the_platform_let_the_address_go_is_another_bounce(
    told: Told, sign: str, is_echo: bool
) -> None:
    softened(told, day(5))
    told.that("bounce", day(5, 1200), e="a", is_list_entry=True, is_echo=is_echo)
    told.that(sign, day(5), e="a")
    told.that(sign, day(5, 600), e="a", source="mailgun")
    told.that(sign, day(5, 600), e="b")
    assert told.listed == set()
    told.that(sign, day(5, 600), e="a")
    assert told.listed == {"a"}


def test_an_entry_that_repeats_a_second_softened_bounce_is_its_echo(told: Told) -> None:
    softened(told, day(5))
    told.that("delivered", day(6), e="a")
    softened(told, day(7))
    told.that("bounce", day(30), e="a", is_list_entry=True, is_echo=True)
    assert told.listed == set()


def test_an_entry_of_another_platform_a_second_bounce_and_one_of_entries_alone_count(
    told: Told,
) -> None:
    softened(told, day(5))
    told.that("bounce", day(5, 1), e="a", is_list_entry=True)
    told.that("bounce", day(5, 2), e="b", is_list_entry=True)
    assert told.listed == {"b"}
    told.that("bounce", day(5, 1), e="a", is_list_entry=True, source="postmark")
    assert told.listed == {"a", "b"}
    told.that("delivered", day(6), e="a")
    assert told.listed == {"b"}
    told.that("bounce", day(7), e="a")
    assert told.listed == {"a", "b"}


def test_a_refusal_for_the_list_of_bounces_repeats_a_softened_one_and_any_other_word_counts(
    told: Told,
) -> None:
    softened(told, day(5))
    told.that("bounce", day(40), e="a", is_echo=True, is_list_entry=True)
    assert told.listed == set()
    told.that("bounce", day(41), e="a", is_echo=True)
    assert told.listed == {"a"}


@pytest.mark.parametrize(("on", "source"), [(4, "sendgrid"), (41, "mailgun")])
def test_a_refusal_before_any_softened_bounce_and_one_of_another_platform_count(
    told: Told, on: int, source: str
) -> None:
    softened(told, day(5))
    told.that("bounce", day(on), e="a", is_echo=True, is_list_entry=True, source=source)
    assert told.listed == {"a"}


# --- soft bounces


def full(told: Told, *days: float, **fields: Any) -> None:
    for number in days:
        told.that("soft_bounce", day(number), e="a", **{"bounce_class": "mailbox_full", **fields})


def test_soft_bounces_of_a_mailbox_on_seven_days_over_fourteen_are_a_reason(told: Told) -> None:
    full(told, 1, 2, 3, 4, 5, 14.9, 14.95)
    assert told.listed == set()
    full(told, 15.01)
    assert told.list["email|a"]["event_type"] == "soft_bounces"
    assert told.list["email|a"]["event_timestamp"] == day(15.01)


def test_soft_bounces_on_six_days_are_none(told: Told) -> None:
    full(told, 1, 2, 3, 4, 5, 30, 30.1)
    assert told.listed == set()


def test_soft_bounces_that_are_the_senders_fault_never_count(told: Told) -> None:
    full(told, 1, 2, 3, 4, 5, 6)
    full(told, 20, bounce_class="authentication")
    full(told, 21, bounce_class=None)
    assert told.listed == set()


@pytest.mark.parametrize("sign", ["delivered", "open", "click", "subscribe", "reactivate"])
def test_a_sign_of_life_begins_the_count_of_soft_bounces_anew(told: Told, sign: str) -> None:
    full(told, 1, 2, 3, 4, 5, 6)
    told.that(sign, day(7), e="a")
    full(told, 20)
    assert told.listed == set()
    full(told, 21, 22, 23, 24, 25, 35)
    assert told.listed == {"a"}


@pytest.mark.parametrize("event", ["delivered", "subscribe", "reactivate"])
def test_soft_bounces_end_as_a_bounce_does(told: Told, event: str) -> None:
    full(told, 1, 2, 3, 4, 5, 6, 20)
    told.that("open", day(21), e="a")
    assert told.listed == {"a"}
    ending = told.that(event, day(22), e="a")
    assert told.listed == set()
    assert told.row(None, "a").reasons["soft_bounces"].ended_by is not None
    assert ending.event_type == event


def test_what_a_class_made_of_a_bounce_is_told_apart_by_the_platforms_word(told: Told) -> None:
    full(told, 1, key="k", said_type="bounce")
    full(told, 2, key="k", said_type="bounce")
    assert len(standing_events(told.copies, RULES, AS_OF)) == 1


# --- traits


def test_a_negative_trait_is_an_unsubscribe_at_its_time(told: Told) -> None:
    told.trait(False, day(5), k="k", e="a")
    row = told.list["email|a"]
    assert (row["event_type"], row["event_timestamp"], row["source"]) == (
        "unsubscribe",
        day(5),
        "segment",
    )


def test_a_resent_negative_trait_says_nothing_new(told: Told) -> None:
    told.trait(False, day(5), k="k", e="a")
    told.that("subscribe", day(6), k="k")
    told.trait(False, day(7), k="k", e="a")
    assert told.listed == set()


def test_a_positive_trait_ends_nothing_but_makes_the_next_negative_one_count(told: Told) -> None:
    told.trait(False, day(5), k="k", e="a")
    told.trait(True, day(6), k="k", e="a")
    assert told.list["email|a"]["event_timestamp"] == day(5)
    told.that("subscribe", day(7), k="k")
    told.trait(False, day(8), k="k", e="a")
    assert told.list["email|a"]["event_timestamp"] == day(8)


def test_in_one_second_the_negative_trait_is_last(told: Told) -> None:
    told.trait(False, day(5), k="k", e="a")
    told.trait(True, day(6, 0.8), k="k", e="a")
    told.trait(False, day(6, 0.2), k="k", e="a")
    assert told.list["email|a"]["event_timestamp"] == day(6)


def test_traits_of_two_caches_are_one_history_per_contact_and_channel(told: Told) -> None:
    told.trait(False, day(1), k="k", e="a")
    told.trait(False, day(2), k="k", e="b")  # resent, with another address
    told.trait(False, day(3), k="k", p="+1", on="sms")
    told.that("subscribe", day(1, 1), k="k")
    assert told.listed == {"+1"}


def test_a_late_earlier_negative_trait_reorders_the_history(told: Told) -> None:
    told.trait(False, day(7), k="k", e="a")
    told.that("subscribe", day(6), k="k")
    assert told.listed == {"a"}
    told.trait(False, day(5), k="k", e="a")
    assert told.listed == set()


def test_a_trait_without_contact_is_the_addresss(told: Told) -> None:
    told.trait(False, day(1), e="a")
    told.that("subscribe", day(2), e="a")
    told.trait(False, day(3), e="a")
    told.trait(False, day(3), k="k", e="a")  # another history: the contact's
    told.that("subscribe", day(2), k="k")
    assert told.row("k", "a").reasons["unsubscribe"].act.at == day(3)


def test_a_positive_trait_says_subscribed_only_where_no_act_is_known(told: Told) -> None:
    told.trait(True, day(1), k="k", e="a")
    assert told.row("k", "a").is_subscribed is True
    assert told.profile("k")["email_opt_in_date"] is None
    told.that("unsubscribe", day(2), e="a", topic="news", source="mailgun")
    assert told.row("k", "a").is_subscribed is False
    told.that("unsubscribe", day(2), k="k2", e="b")
    told.that("subscribe", day(3), e="b")
    assert told.row("k2", "b").is_subscribed is True


def test_a_push_trait_is_the_contacts_even_beside_a_token(told: Told) -> None:
    told.link(day(1), k="k", t="t1")
    told.trait(False, day(2), on="push", k="k", t="t2")
    assert told.listed == {"t1", "t2"}


# --- echoes


def test_an_echo_adds_nothing_where_an_earlier_act_that_reaches_the_address_is_known(
    told: Told,
) -> None:
    told.link(day(1), k="k", e="a")
    told.that("unsubscribe", day(2), k="k")
    told.that("subscribe", day(3), k="k")
    told.that("unsubscribe", day(4), e="a", is_echo=True)
    assert told.listed == set()


def test_an_unexplained_echo_counts_at_its_own_time_and_only_the_first(told: Told) -> None:
    told.that("unsubscribe", day(4), e="a", is_echo=True)
    told.that("unsubscribe", day(6), e="a", is_echo=True)
    assert told.list["email|a"]["event_timestamp"] == day(4)
    told.that("subscribe", day(5), e="a")
    assert told.listed == set()


def test_an_act_at_the_echos_second_explains_it_and_a_later_one_does_not(told: Told) -> None:
    told.that("complaint", day(4, 0.9), e="a")
    first = told.that("complaint", day(4, 0.1), e="a", is_echo=True)
    assert told.list["email|a"]["event_id"] != event_id(first)
    told.that("complaint", day(9), e="b")
    told.that("complaint", day(4), e="b", is_echo=True)
    told.that("subscribe", day(10), e="b")
    assert told.listed == {"a"}
    assert {act.at for act in told.state.acts if act.address == "b"} == {day(4), day(9)}


def test_an_echo_before_the_first_is_the_first(told: Told) -> None:
    told.that("unsubscribe", day(6), e="a", is_echo=True)
    told.that("subscribe", day(5), e="a")
    assert told.listed == {"a"}
    told.that("unsubscribe", day(4), e="a", is_echo=True)  # late news from before the grant
    assert told.listed == set()


def test_an_act_of_another_reason_explains_no_echo(told: Told) -> None:
    told.that("complaint", day(1), e="a")
    told.that("subscribe", day(2), e="a")
    told.that("unsubscribe", day(3), e="a", is_echo=True)
    assert told.listed == {"a"}


def test_a_trait_refusal_explains_an_echo(told: Told) -> None:
    told.trait(False, day(1), k="k", e="a")
    told.that("subscribe", day(2), k="k")
    told.that("unsubscribe", day(3), e="a", is_echo=True)
    assert told.listed == set()


def test_an_echo_without_address_is_judged_by_its_contact(told: Told) -> None:
    told.link(day(1), k="k", e="a")
    told.that("unsubscribe", day(3), k="k", is_echo=True)
    assert told.listed == {"a"}
    told.that("unsubscribe", day(2), e="a")
    told.that("subscribe", day(2, 5), k="k", e="a")
    assert told.listed == set()


def test_a_bounce_echo_follows_the_same_rule(told: Told) -> None:
    told.that("bounce", day(1), e="a")
    told.that("delivered", day(2), e="a")
    told.that("bounce", day(3), e="a", is_echo=True)
    assert told.listed == set()
    told.that("bounce", day(3), e="b", is_echo=True)
    assert told.listed == {"b"}


# --- push


def test_a_permission_that_names_a_token_is_that_tokens_alone(told: Told) -> None:
    told.link(day(1), k="k", t="t1")
    told.that("unsubscribe", day(2), on="push", k="k", t="t2")
    assert told.listed == {"t2"}  # it links t2 to k, and leaves t1
    assert told.row("k", "t2", "push").is_subscribed is False
    told.that("unsubscribe", day(2), on="push", k="k")
    assert told.listed == {"t1", "t2"}


def test_the_owners_preference_switches_no_device_on(told: Told) -> None:
    told.that("unsubscribe", day(1), on="push", k="k", t="t1")
    told.that("subscribe", day(2), on="push", k="k")
    assert told.listed == {"t1"}
    told.that("subscribe", day(3), on="push", k="k", t="t1")
    assert told.listed == set()


def test_a_token_belongs_to_the_contact_that_named_it_last(told: Told) -> None:
    told.that("unsubscribe", day(1), on="push", k="k1")
    told.link(day(2), k="k1", t="t")
    assert told.listed == {"t"}
    told.link(day(3), k="k2", t="t")
    assert told.listed == set()
    told.link(day(3), k="k3", t="t")  # the greatest id of several in one second
    assert told.list == {}
    assert Row("k3", "push", "t") in told.state.states
    assert Row("k2", "push", "t") not in told.state.states


def test_push_is_enabled_if_any_token_is(told: Told) -> None:
    told.that("unsubscribe", day(1), on="push", k="k", t="t1")
    told.that("subscribe", day(1), on="push", k="k", t="t0")
    assert told.profile("k")["push_notification_enabled"] is True
    assert told.profile("k")["push_token"] == "t1"
    assert told.profile("k")["push_opt_in_date"] is None  # of the latest token
    told.that("unsubscribe", day(2), on="push", t="t0")
    assert told.profile("k")["push_notification_enabled"] is False


# --- crowded contacts


def test_a_crowded_contact_passes_on_no_grant_by_name_and_no_refusal_by_address() -> None:
    told = Told(dataclasses.replace(RULES, max_addresses_per_contact=1))
    told.link(day(1), k="k", e="a")
    told.that("unsubscribe", day(2), e="a")
    told.that("subscribe", day(3), k="k")
    assert told.listed == set()
    told.link(day(9), k="k", e="b")
    assert told.listed == {"a"}  # neither the grant reaches a, nor the refusal b
    told.that("unsubscribe", day(2), k="k")
    assert told.listed == {"a", "b"}  # a refusal that names the contact still reaches all


# --- unengaged


def silent(told: Told, address: str = "a") -> None:
    told.that("sent", day(0), e=address)
    told.that("sent", day(1), e=address)


def test_unengaged_is_mailed_after_the_base_and_observed_for_the_window(told: Told) -> None:
    silent(told)
    told.that("open", day(90, -1), e="somebody")
    assert told.listed == set()
    told.that("open", day(90), e="somebody")
    row = told.list["email|a"]
    assert (row["event_type"], row["event_timestamp"], row["inserted_at"]) == (
        "unengaged",
        day(90),
        day(90),
    )
    assert (row["source"], row["event_id"]) == (
        "contact_sync",
        hashlib.md5(b"unengaged|a|_null_").hexdigest(),
    )


def test_a_newcomer_with_one_unread_message_is_not_unengaged(told: Told) -> None:
    told.that("sent", day(0), e="a")
    told.that("open", day(200), e="somebody")
    assert told.listed == set()


def test_a_reader_who_was_not_mailed_since_is_not_unengaged(told: Told) -> None:
    silent(told)
    opened = told.that("open", day(1), e="a")
    told.that("open", day(200), e="somebody")
    assert told.listed == set()
    told.that("sent", day(2), e="a")
    row = told.list["email|a"]
    assert row["event_timestamp"] == day(91)
    assert row["event_id"] == hashlib.md5(f"unengaged|a|{event_id(opened)}".encode()).hexdigest()


@pytest.mark.parametrize("sign", ["open", "click", "subscribe"])
def test_a_late_sign_of_life_ends_it(told: Told, sign: str) -> None:
    silent(told)
    told.that("open", day(200), e="somebody")
    told.that(sign, day(150), e="a")
    assert told.listed == set()


def test_a_subscribe_by_name_is_a_sign_of_all_the_contacts_addresses(told: Told) -> None:
    silent(told)
    told.that("open", day(200), e="somebody")
    told.link(day(1), k="k", e="a")
    told.that("open", day(150), k="k")
    assert told.listed == {"a"}  # an open counts only for the address that it names
    told.that("subscribe", day(150), k="k", e="b")
    assert told.listed == {"a"}
    told.that("subscribe", day(150), k="k")
    assert told.listed == set()


def test_without_tracking_at_the_sources_that_sent_nobody_is_flagged(told: Told) -> None:
    silent(told)
    told.that("open", day(200), e="somebody", source="mailgun")
    assert told.listed == set()
    told.that("sent", day(0), e="a", source="mailgun")
    assert told.listed == {"a"}


def test_delivered_counts_as_sent_where_a_platform_has_no_sent(told: Told) -> None:
    for at in (day(0), day(1)):
        told.that("delivered", at, e="a", source="postmark")
        told.that("delivered", at, e="b")
    told.that("open", day(200), e="somebody", source="postmark")
    told.that("open", day(200), e="somebody")
    assert told.listed == {"a"}


def test_a_machines_open_counts_as_long_as_the_var_says_so(told: Told) -> None:
    silent(told)
    told.that("open", day(200), e="somebody")
    told.that("open", day(150), e="a", is_machine=True)
    assert told.listed == set()
    told.rules = dataclasses.replace(RULES, count_machine_opens=False)
    assert told.listed == {"a"}


def test_silence_is_of_the_address_on_all_its_rows(told: Told) -> None:
    silent(told)
    told.that("open", day(200), e="somebody")
    told.link(day(1), k="k1", e="a")
    told.link(day(1), k="k2", e="a")
    assert told.row("k1", "a").reason == told.row("k2", "a").reason == "unengaged"
    assert told.row("k1", "a").is_subscribed is None


# --- suppresses


def with_policy(**suppresses: str) -> Rules:
    policy = tuple(
        (reason, kind, suppresses.get(reason, scope)) for reason, kind, scope in RULES.policy
    )
    return dataclasses.replace(RULES, policy=policy)


def test_a_reason_that_suppresses_none_is_recorded_only() -> None:
    told = Told(with_policy(bounce="none"))
    told.that("bounce", day(1), e="a")
    assert told.listed == set()
    assert told.row(None, "a").reasons["bounce"].holds


def test_a_universal_opt_out_reaches_every_channel_of_the_contact() -> None:
    told = Told(with_policy(unsubscribe="all"))
    told.link(day(1), k="k", e="a", p="+1", t="t")
    told.that("unsubscribe", day(5), p="+1", on="sms")
    assert told.listed == {"a", "+1", "t"}
    assert told.list["email|a"]["event_timestamp"] == day(5)
    assert told.row("k", "a").is_subscribed is False


def test_a_universal_opt_out_ends_when_it_ends_at_home() -> None:
    told = Told(with_policy(unsubscribe="all"))
    told.link(day(1), k="k", e="a", p="+1")
    told.that("unsubscribe", day(5), p="+1", on="sms")
    grant = told.that("subscribe", day(6), p="+1", on="sms")
    assert told.listed == set()
    ended_by = told.row("k", "a").reasons["unsubscribe"].ended_by
    assert ended_by is not None
    assert ended_by.event_id == event_id(grant)
    assert told.row("k", "a").is_subscribed is None


def test_a_universal_opt_out_ends_abroad_only_when_it_ended_on_all_rows_at_home() -> None:
    told = Told(with_policy(unsubscribe="all"))
    told.link(day(1), k="k", e="a", p="+1")
    told.link(day(1), k="k", p="+2")
    told.that("unsubscribe", day(5), k="k", on="sms")
    told.that("subscribe", day(6), p="+1", on="sms")
    assert told.listed == {"a", "+2"}
    told.that("subscribe", day(7), p="+2", on="sms")
    assert told.listed == set()


def test_a_universal_opt_out_ends_on_a_channel_by_an_ending_event_of_that_channel() -> None:
    told = Told(with_policy(unsubscribe="all"))
    told.link(day(1), k="k", e="a", p="+1")
    told.that("unsubscribe", day(5), p="+1", on="sms")
    told.that("subscribe", day(5), k="k", on="email")
    assert told.listed == {"a", "+1"}
    told.that("subscribe", day(5, 1), k="k", on="email")
    assert told.listed == {"+1"}


def test_of_universal_opt_outs_each_is_judged_by_what_ends_it() -> None:
    told = Told(with_policy(unsubscribe="all"))
    told.link(day(1), k="k1", e="a", p="+1")
    told.link(day(1), k="k2", e="a")
    told.that("unsubscribe", day(5), k="k1", on="sms")
    told.that("unsubscribe", day(6), p="+1", on="sms")
    # k2's grant ends the nameless opt-out for the mailbox, and never what k1 said.
    told.that("subscribe", day(7), k="k2", e="a")
    assert told.list["email|a"]["event_timestamp"] == day(5)


def test_a_crowded_contact_carries_no_nameless_opt_out_to_other_channels() -> None:
    rules = dataclasses.replace(with_policy(unsubscribe="all"), max_addresses_per_contact=1)
    told = Told(rules)
    told.link(day(1), k="k", e="a", p="+1")
    told.link(day(1), k="k", p="+2")
    told.that("unsubscribe", day(5), p="+1", on="sms")
    assert told.listed == {"+1"}
    told.that("unsubscribe", day(5), k="k", on="sms")
    assert told.listed == {"+1", "+2", "a"}


def test_an_address_nobody_is_linked_with_has_no_other_channels() -> None:
    told = Told(with_policy(unsubscribe="all"))
    told.that("unsubscribe", day(5), p="+1", on="sms", e="a")
    assert told.listed == {"+1"}


# --- identity and marts


def test_other_tracks_link_nobody(told: Told) -> None:
    told.that("unsubscribe", day(1), k="k", on="email")
    told.that("other", day(1), k="k", e="friend", on=None)
    assert told.listed == set()


def test_no_later_claim_takes_a_link_away(told: Told) -> None:
    told.link(day(1), k="k1", e="a")
    told.link(day(2), k="k2", e="a")
    told.that("unsubscribe", day(3), k="k1")
    assert told.list["email|a"]["external_id"] == "k2"
    assert told.row("k1", "a").is_suppressed


def test_the_list_names_the_strongest_reason_of_all_contacts_then_the_latest(told: Told) -> None:
    told.link(day(1), k="k1", e="a")
    told.link(day(1), k="k2", e="a")
    told.that("complaint", day(3), k="k1")
    told.that("unsubscribe", day(9), k="k2")
    assert told.list["email|a"]["event_type"] == "complaint"
    told.that(
        "complaint",
        day(4),
        k="k2",
        source="postmark",
        source_of_change="Recipient",
        received=day(8),
    )
    row = told.list["email|a"]
    assert (row["event_timestamp"], row["inserted_at"], row["source"]) == (
        day(4),
        day(8),
        "postmark",
    )
    assert row["source_of_change"] == "Recipient"


def test_the_ids_are_hashes_of_what_they_name(told: Told) -> None:
    told.that("unsubscribe", day(3), e="a")
    assert told.list["email|a"]["contact_id"] == hashlib.md5(b"email|a").hexdigest()
    told.link(day(1), k="k", e="a")
    assert told.list["email|a"]["contact_id"] == hashlib.md5(b"external_id|k").hexdigest()


def test_a_profile_shows_the_latest_address_and_its_state(told: Told) -> None:
    told.link(day(1), k="k", e="old", p="+1")
    told.that("subscribe", day(2), k="k", e="old")
    told.that("bounce", day(3), e="old")
    told.link(day(4), k="k", e="new")
    told.that("unsubscribe", day(5), on="sms", p="+1")
    profile = told.profile("k")
    assert (profile["email"], profile["email_suppressed"], profile["email_reason"]) == (
        "new",
        False,
        None,
    )
    assert (profile["email_subscribed_status"], profile["email_opt_in_date"]) == (True, day(2))
    assert (profile["sms_subscribed_status"], profile["sms_reason"], profile["sms_changed_at"]) == (
        False,
        "unsubscribe",
        day(5),
    )
    assert profile["push_token"] is None
    assert profile["push_notification_enabled"] is None


def test_the_status_is_null_where_nothing_was_ever_said(told: Told) -> None:
    told.that("delivered", day(1), k="k", e="a")
    assert told.profile("k")["email_subscribed_status"] is None


def test_the_marts_of_a_part_of_a_larger_world_take_its_observation_from_outside(
    told: Told,
) -> None:
    silent(told)
    listed, _ = marts(told.copies, RULES, AS_OF, {"sendgrid": day(90)})
    assert listed.keys() == {"email|a"}
