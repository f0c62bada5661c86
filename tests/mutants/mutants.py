"""Deliberate breaks of the rules, one each. Every one must be caught by `make test`."""

from __future__ import annotations

from dataclasses import dataclass

REASONS = "models/intermediate/int_suppression_reasons.sql"
STATE = "models/intermediate/int_contact_state.sql"
DBT = "tests/python/models/test_dbt.py"
BUILDS = "tests/python/models/test_builds.py"
BAD_INPUT = "tests/python/models/test_bad_input.py"
HISTORIES = "tests/python/histories"
STAGING = "tests/python/staging"
SYNC = "tests/python/sync"
BACKFILL = "tests/python/sync/test_backfill.py"


@dataclass(frozen=True)
class Mutant:
    """One break. likely: the tests that are run first; the whole suite follows if they pass."""

    name: str
    file: str
    before: str
    after: str
    likely: str


MUTANTS = [
    Mutant(
        "a mailbox belongs to whoever named it last",
        "models/intermediate/int_contact_addresses.sql",
        "where channel <> 'push' or is_last_namer",
        "where is_last_namer",
        DBT,
    ),
    Mutant(
        "a positive trait lifts a refusal",
        "models/intermediate/int_events__unioned.sql",
        "coalesce(exact.event_type, by_part.event_type, by_event.event_type, 'other') as event_type",
        "case when trait_value then 'subscribe'"
        " else coalesce(exact.event_type, by_part.event_type, by_event.event_type, 'other') end as event_type",
        STAGING,
    ),
    Mutant(
        "echoes are ignored",
        REASONS,
        "    from refusal_events\n    where is_echo\n",
        "    from refusal_events\n    where is_echo and 1 = 0\n",
        DBT,
    ),
    Mutant(
        "an explained echo counts again",
        REASONS,
        "not (reached.is_echo and reached.event_id in (select explained_echoes.event_id from explained_echoes))",
        "true",
        DBT,
    ),
    Mutant(
        "a tie goes to the grant",
        "macros/rules.sql",
        "{{ granted }}.effective_at > {{ refusal }}.effective_at",
        "{{ granted }}.effective_at >= {{ refusal }}.effective_at",
        DBT,
    ),
    Mutant(
        "the watermark is the event's time",
        "models/intermediate/int_standing_copies.sql",
        "{%- set new = newly_taken(watermark('taken_at')) if is_incremental() %}",
        "{%- set new = 'event_timestamp > ' ~ watermark('copy_day') if is_incremental() %}",
        BUILDS,
    ),
    Mutant(
        "absence releases",
        "models/intermediate/int_list_changes.sql",
        "    from judged\n    inner join states\n",
        "    from judged\n    left join states\n",
        DBT,
    ),
    Mutant(
        "what a platform repeats of our own refusal counts",
        "models/marts/events.sql",
        "            else\n                suppressed_at is not null\n",
        "            else\n                false and suppressed_at is not null\n",
        DBT,
    ),
    Mutant(
        "a refusal says subscribed",
        "models/intermediate/int_profile_changes.sql",
        "        and (action = 'subscribe' or not subscribed_status)\n",
        "",
        DBT,
    ),
    Mutant(
        "the ledger is written before the answer",
        "sync/delivery/drain.py",
        "        try:\n            for outcome in self._deliver(batch, doubt):\n",
        "        self._write([Outcome(item, 'confirmed', 200, None, 1) for item in batch])\n"
        "        try:\n            for outcome in self._deliver(batch, doubt):\n",
        SYNC,
    ),
    Mutant(
        "the guard is off",
        "sync/delivery/push.py",
        "        if faults:\n            text = ",
        "        if False:\n            text = ",
        SYNC,
    ),
    Mutant(
        "one bad element loses its batch",
        "models/intermediate/int_events__unioned.sql",
        "            when addressed.shape_error is not null then addressed.shape_error\n",
        "            when max(addressed.shape_error) over (partition by addressed.delivery_id) is not null"
        " then 'wrong shape'\n",
        BAD_INPUT,
    ),
    Mutant(
        "a duplicate is counted",
        "macros/aggregate.sql",
        "order by {{ order }}) = 1",
        "order by {{ order }}) >= 1",
        DBT,
    ),
    Mutant(
        "a grant lifts the refusal of an address linked later",
        REASONS,
        "and (standing_refusals.external_id is not null or standing_refusals.linked_at <= grants.effective_at)",
        "and true",
        DBT,
    ),
    Mutant(
        "a machine's act is taken for the person's",
        "seeds/provider_events.csv",
        "postmark,subscriptionchange,manualsuppression/*,block",
        "postmark,subscriptionchange,manualsuppression/*,unsubscribe",
        STAGING,
    ),
    Mutant(
        "a machine's open is taken for the person's",
        "models/intermediate/int_last_signs_of_life.sql",
        "and not is_machine",
        "and true",
        DBT,
    ),
    Mutant(
        "a clock in the future wins",
        "models/intermediate/int_events__unioned.sql",
        "case when event_timestamp < received_at then event_timestamp else received_at end",
        "coalesce(event_timestamp, received_at)",
        DBT,
    ),
    Mutant(
        "a refusal stays at its address",
        REASONS,
        "    union all\n    select * from reached_by_link\n",
        "",
        DBT,
    ),
    Mutant(
        "one device's opt-out spreads to the others",
        REASONS,
        "        and refusals.channel <> 'push'\n",
        "",
        HISTORIES,
    ),
    Mutant(
        "a grant to one list opens another",
        "macros/rules.sql",
        "or ({{ granted }}.source = {{ refusal }}.source and {{ granted }}.topic = {{ refusal }}.topic)",
        "or true",
        DBT,
    ),
    Mutant(
        "what a superseded copy named stays",
        "models/intermediate/int_superseded_events.sql",
        "        is_correction\n",
        "        is_correction and 1 = 0\n",
        HISTORIES,
    ),
    Mutant(
        "linked contacts are not computed anew",
        "models/intermediate/int_touched_contacts.sql",
        "    from reached_ids\n    inner join edges\n        on reached_ids.contact_id = edges.from_id\n",
        "    from reached_ids\n    inner join edges\n        on reached_ids.contact_id = edges.from_id and 1 = 0\n",
        HISTORIES,
    ),
    Mutant(
        "a newcomer with one unread message is unengaged",
        "models/marts/unengaged.sql",
        "last_sent_at > base_at",
        "last_sent_at >= base_at",
        DBT,
    ),
    Mutant(
        "a release is not read again before its batch",
        "sync/delivery/drain.py",
        "            sendable = self._still_wanted(sendable)\n",
        "",
        SYNC,
    ),
    Mutant(
        "of two exports that say the opposite at one second the opt-in lands",
        "sync/backfill/merging.sql",
        "refused_at is null or told_at > refused_at",
        "refused_at is null or told_at >= refused_at",
        BACKFILL,
    ),
    Mutant(
        "an export's opt-in without a time counts as one with a time",
        "sync/backfill/merging.sql",
        "when kind = 'opted_in' then said_at",
        "when kind = 'opted_in' then coalesce(said_at, as_of)",
        BACKFILL,
    ),
    Mutant(
        "an export's opt-in of one mailbox frees the person's others",
        "sync/backfill/merging.sql",
        "filter (kind = 'opted_in' and named_id is not null)",
        "filter (kind = 'opted_in')",
        BACKFILL,
    ),
]
