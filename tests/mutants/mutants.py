"""Deliberate breaks of the rules, one each. Every one must be caught by `make test`."""

from __future__ import annotations

from dataclasses import dataclass

SUPPRESSION = "models/intermediate/suppression"
SYNC = "models/intermediate/sync"
STAGING = "tests/python/staging"
DELIVERY = "tests/python/sync/test_delivery.py"
LIMITS = "tests/python/sync/test_limits.py"
GUARD = "tests/python/sync/test_guard.py"
CRASH = "tests/python/sync/test_crash.py"
ISOLATE = "tests/python/sync/test_isolate.py"
ERRORS = "tests/python/sync/test_destination_errors.py"
REAL = "tests/python/sync/test_real_models.py"
BUILDS = "tests/python/models/test_builds.py"
INTERRUPTED = "tests/python/models/test_interrupted.py"
BUILT_CODE = "tests/python/models/test_built_code.py"
BACKFILL = "tests/python/sync/test_backfill.py"
COLUMNS = "tests/python/sync/test_backfill_columns.py"
DAMAGE = "tests/python/sync/test_backfill_damage.py"
VECTORS = "tests/python/receiver/test_vectors.py"
FAULTS = "tests/python/receiver/test_faults.py"
NOT_STORED = "tests/python/receiver/test_not_stored.py"
BOUNDS = "tests/python/receiver/test_bounds.py"
ANSWERS = "tests/python/receiver/test_answers.py"


@dataclass(frozen=True)
class Mutant:
    """One break. seen_by: the tests of `make test` that are enough to catch it, as pytest's ids."""

    name: str
    file: str
    before: str
    after: str
    seen_by: tuple[str, ...]


def unit_tests(*names: str) -> tuple[str, ...]:
    """The ids of unit tests of the dbt project."""
    place = "tests/python/models/test_dbt.py::test_unit_test_of_a_model"
    return tuple(f"{place}[{name}]" for name in names)


MUTANTS = [
    Mutant(
        "a mailbox belongs to whoever named it last",
        "models/intermediate/contacts/int_contact_addresses.sql",
        "where channel <> 'push' or is_current_owner",
        "where is_current_owner",
        unit_tests("the_label_is_the_contact_that_named_the_address_last"),
    ),
    Mutant(
        "a positive trait lifts a refusal",
        "models/intermediate/events/int_events_unioned.sql",
        "coalesce(exact.event_type, by_part.event_type, by_event.event_type, 'other') as event_type",
        "case when trait_value then 'subscribe'"
        " else coalesce(exact.event_type, by_part.event_type, by_event.event_type, 'other') end as event_type",
        (f"{STAGING}/test_segment.py::test_a_body_becomes_its_events",),
    ),
    Mutant(
        "an opt-in by nobody named counts",
        "seeds/provider_events.csv",
        "globalstatechange,subscribed/*,reactivate,",
        "globalstatechange,subscribed/*,subscribe,",
        (f"{STAGING}/test_braze.py::test_a_body_becomes_its_events[global_state_in_doubt]",),
    ),
    Mutant(
        "MMS and RCS are no channel",
        "models/staging/braze/stg_braze__events.sql",
        "'^messages[.](mms|rcs)[.]', 'messages.sms.'",
        "'^messages[.](mms)[.]', 'messages.sms.'",
        (f"{STAGING}/test_braze.py::test_a_body_becomes_its_events[rcs_and_mms_replies]",),
    ),
    Mutant(
        "people write keywords alone",
        "macros/keywords.sql",
        "'opt_outs_within') }} then 'unsubscribe'",
        "'opt_outs_within') }} then 'message'",
        (f"{STAGING}/test_twilio.py::test_a_body_becomes_its_events[words_in_a_sentence]",),
    ),
    Mutant(
        "a platform's id alone is an event",
        "models/intermediate/events/int_events_unioned.sql",
        "'event_key', 'provider_event', 'coalesce(address, external_id, platform_id)'",
        "'event_key'",
        (f"{STAGING}/test_sendgrid.py::test_a_body_becomes_its_events[one_id_for_all]",),
    ),
    Mutant(
        "an opt-out without a channel passes silently",
        "models/intermediate/events/int_events_unioned.sql",
        "then 'no channel'",
        "then null",
        (
            f"{STAGING}/test_names.py::test_an_opt_out_that_names_no_channel_is_quarantined_and_fails_a_test",
        ),
    ),
    Mutant(
        "a trait of a team's own is not read inverted",
        "macros/names.sql",
        "('-' if traits[number][2] else '+')",
        "'+'",
        (
            f"{STAGING}/test_segment.py::test_a_body_becomes_its_events[identify_with_traits_of_a_team]",
        ),
    ),
    Mutant(
        "a spreadsheet's number becomes somebody else's",
        "macros/text.sql",
        "|.*[0-9][.]0\\\\s*') }} then null",
        "') }} then null",
        (f"{STAGING}/test_macros.py::test_a_number_without_its_country_is_null",),
    ),
    Mutant(
        "a number with two readings is guessed",
        "macros/text.sql",
        "        when not {{ regex_is(bare, code ~ '([0-9]{'",
        "        when true or not {{ regex_is(bare, code ~ '([0-9]{'",
        (
            f"{STAGING}/test_macros.py"
            "::test_the_command_normalizes_as_the_models_do_in_every_region",
        ),
    ),
    Mutant(
        "a number with a plus may have any number of digits",
        "macros/text.sql",
        "{%- set number = phone_number_pattern() -%}",
        "{%- set number = '[+][1-9][0-9]{6,14}' -%}",
        (f"{STAGING}/test_macros.py::test_a_number_without_its_country_is_null",),
    ),
    Mutant(
        "a domain beyond ASCII is another one than its ASCII form",
        "macros/text.sql",
        "then {{ with_ascii_domain(bare) }}",
        "then {{ bare }}",
        (f"{STAGING}/test_macros.py::test_an_email_address_is_normalized",),
    ),
    Mutant(
        "a reason that reaches one channel reaches all",
        f"{SUPPRESSION}/int_cross_channel_reasons.sql",
        "and (carried.suppresses = 'all' or",
        "and (true or",
        unit_tests("a_reason_that_suppresses_named_channels_reaches_these_alone"),
    ),
    Mutant(
        "a topic's own row does not outdo the row for any",
        "macros/rules.sql",
        "        exact.suppresses, of_source.suppresses, of_topic",
        "        of_source.suppresses, exact.suppresses, of_topic",
        unit_tests("a_topic_opt_out_counts_for_the_channel_only_where_the_seed_says_so"),
    ),
    Mutant(
        "a push event that names a token opts out the person's other devices",
        "models/intermediate/contacts/int_changed_events.sql",
        "case when channel = 'push' and address is not null and event_type <> 'identify' then null else external_id end as external_id",
        "external_id",
        unit_tests("a_push_event_that_names_a_token_is_the_tokens_alone_and_a_trait_the_contacts"),
    ),
    Mutant(
        "an opt-out by a platform's id is that of one address",
        "models/intermediate/contacts/int_events_by_platform_id.sql",
        "named.is_opt_out\n        or (",
        "(",
        unit_tests(
            "an_opt_out_by_a_platforms_id_is_of_every_address_that_the_id_ever_stood_for_at_its_own_time"
        ),
    ),
    Mutant(
        "an opt-in by a platform's id frees whatever address it stands for",
        "models/intermediate/contacts/int_events_by_platform_id.sql",
        "and (links.place = 1 or named.event_type not in ('subscribe', 'topic_subscribe'))",
        "",
        unit_tests(
            "an_opt_in_by_a_platforms_id_is_an_addresss_only_where_the_id_stood_for_no_other"
        ),
    ),
    Mutant(
        "a device's own id names all of its owner's devices",
        "models/staging/onesignal/stg_onesignal__events.sql",
        "case when channel = 'push' and token is null and subscription_id is not null then null else external_id end as external_id_raw",
        "external_id as external_id_raw",
        (
            f"{STAGING}/test_onesignal.py::test_a_body_becomes_its_events[push_unsubscribed_without_token]",
        ),
    ),
    Mutant(
        "a trait beside a device token is the token's alone",
        "models/intermediate/contacts/int_changed_events.sql",
        "and address is not null and event_type <> 'identify' then",
        "and address is not null then",
        unit_tests("a_push_event_that_names_a_token_is_the_tokens_alone_and_a_trait_the_contacts"),
    ),
    Mutant(
        "echoes are ignored",
        f"{SUPPRESSION}/int_opt_outs.sql",
        "    select * from opt_out_events\n    where is_echo\n",
        "    select * from opt_out_events\n    where is_echo and 1 = 0\n",
        unit_tests("the_first_unexplained_echo_counts_at_its_own_time_and_a_later_one_does_not"),
    ),
    Mutant(
        "an explained echo counts again",
        f"{SUPPRESSION}/int_opt_outs_by_contact.sql",
        "where explained_echoes.event_id is null",
        "where true",
        unit_tests(
            "an_echo_adds_nothing_where_an_earlier_act_that_reaches_the_address_is_on_record"
        ),
    ),
    Mutant(
        "a tie goes to the opt-in",
        "macros/rules.sql",
        "{{ opt_in }}.effective_at > {{ opt_out }}.effective_at",
        "{{ opt_in }}.effective_at >= {{ opt_out }}.effective_at",
        unit_tests("at_the_same_instant_the_reason_wins"),
    ),
    Mutant(
        "the watermark is the event's time",
        "models/intermediate/events/int_events_deduplicated.sql",
        "{%- set new = newly_loaded(watermark('loaded_at')) if is_incremental() %}",
        "{%- set new = 'event_timestamp > ' ~ watermark('copy_day') if is_incremental() %}",
        unit_tests("an_earlier_copy_that_lands_late_replaces_what_was_built"),
    ),
    Mutant(
        "absence releases",
        f"{SYNC}/int_freed_suppressions.sql",
        "from judged\ninner join states\n",
        "from judged\nleft join states\n",
        unit_tests("absence_is_never_a_release"),
    ),
    Mutant(
        "what a platform repeats of our own refusal counts",
        "macros/own.sql",
        "            else\n                suppressed_at is not null\n",
        "            else\n                false and suppressed_at is not null\n",
        unit_tests("what_a_platform_reports_because_we_told_it_is_our_own"),
    ),
    Mutant(
        "a refusal says subscribed",
        f"{SYNC}/int_profile_deltas.sql",
        "when changes.action = 'subscribe' then 'true' end",
        "when changes.is_subscribed then 'true' end",
        unit_tests("a_suppression_never_says_subscribed"),
    ),
    Mutant(
        "the ledger is written before the answer",
        "sync/delivery/drain.py",
        "        try:\n            for outcome in self._deliver(batch, doubt):\n",
        "        self._write([Outcome(item, 'confirmed', 200, None, 1) for item in batch])\n"
        "        try:\n            for outcome in self._deliver(batch, doubt):\n",
        (f"{DELIVERY}::test_a_platform_that_refuses_everything_hides_nothing",),
    ),
    Mutant(
        "the guard is off",
        "sync/delivery/push.py",
        "        if faults:\n            job",
        "        if False:\n            job",
        (f"{GUARD}::test_a_failed_build_is_not_pushed[duckdb]",),
    ),
    Mutant(
        "one bad element loses its batch",
        "models/intermediate/events/int_events_unioned.sql",
        "            when addressed.shape_error is not null then addressed.shape_error\n",
        "            when max(addressed.shape_error) over (partition by addressed.delivery_id) is not null"
        " then 'wrong shape'\n",
        unit_tests("what_cannot_be_read_is_quarantined_with_its_text"),
    ),
    Mutant(
        "a duplicate is counted",
        "macros/aggregate.sql",
        "order by {{ order }}) = 1",
        "order by {{ order }}) >= 1",
        unit_tests("of_several_copies_the_earliest_received_stands"),
    ),
    Mutant(
        "an opt-in ends the opt-out of an address linked later",
        f"{SUPPRESSION}/int_consent_reasons.sql",
        "and (opt_outs.named_external_id is not null or opt_outs.linked_at <= opt_ins.effective_at)",
        "and true",
        unit_tests(
            "an_opt_in_by_contact_ends_no_address_only_opt_out_that_was_not_yet_linked_when_it_was_given"
        ),
    ),
    Mutant(
        "a machine's act is taken for the person's",
        "seeds/provider_events.csv",
        "postmark,subscriptionchange,manualsuppression/*,block",
        "postmark,subscriptionchange,manualsuppression/*,unsubscribe",
        (f"{STAGING}/test_postmark.py::test_a_body_becomes_its_events",),
    ),
    Mutant(
        "a machine's open is taken for the person's",
        f"{SUPPRESSION}/int_engagement.sql",
        "and not is_machine",
        "and true",
        unit_tests("a_machines_open_is_no_sign_of_life_where_it_does_not_count"),
    ),
    Mutant(
        "a clock in the future wins",
        "models/intermediate/events/int_events_unioned.sql",
        "case when event_timestamp < received_at then event_timestamp else received_at end",
        "coalesce(event_timestamp, received_at)",
        unit_tests("nothing_happens_after_it_was_received"),
    ),
    Mutant(
        "an opt-out stays at its address",
        f"{SUPPRESSION}/int_opt_outs_by_contact.sql",
        "    union all\n    select * from reached_by_link\n",
        "",
        unit_tests(
            "an_opt_out_by_address_reaches_every_contact_ever_named_with_it_and_all_their_addresses"
        ),
    ),
    Mutant(
        "one device's opt-out spreads to the others",
        f"{SUPPRESSION}/int_opt_outs_by_contact.sql",
        "        and opt_outs.channel <> 'push'\n",
        "",
        unit_tests("a_push_permission_that_names_a_token_is_that_tokens_alone"),
    ),
    Mutant(
        "an opt-in to one list opens another",
        "macros/rules.sql",
        "or ({{ opt_in }}.source = {{ opt_out }}.source and {{ opt_in }}.topic = {{ opt_out }}.topic)",
        "or true",
        unit_tests(
            "an_opt_in_of_one_list_ends_that_lists_opt_outs_and_those_that_name_no_list_and_one_of_none_ends_all"
        ),
    ),
    Mutant(
        "what a superseded copy named stays",
        "models/intermediate/events/int_events_superseded.sql",
        "        event_id in (select corrected.event_id from corrected)\n",
        "        event_id in (select corrected.event_id from corrected where 1 = 0)\n",
        unit_tests("the_copies_that_a_correction_replaced_are_superseded"),
    ),
    Mutant(
        "linked contacts are not computed anew",
        "models/intermediate/contacts/int_contacts_changed.sql",
        "    from reached_ids\n    inner join edges\n        on reached_ids.contact_id = edges.from_id\n",
        "    from reached_ids\n    inner join edges\n        on reached_ids.contact_id = edges.from_id and 1 = 0\n",
        unit_tests("a_new_event_touches_the_whole_group_that_is_linked_with_what_it_names"),
    ),
    Mutant(
        "a build that made a part of the tables counts as complete",
        "macros/watermark.sql",
        "{%- if not are_built(stored, done) -%}",
        "{%- if false -%}",
        (
            f"{INTERRUPTED}::"
            "test_a_refusal_is_listed_though_a_run_died_before_events_and_a_rule_was_changed_then",
        ),
    ),
    Mutant(
        "what the ledger answered changes no delta",
        f"{SYNC}/int_deltas_changed.sql",
        "    where computed_at > {{ watermark('computed_at') }}\n",
        "    where false\n",
        unit_tests("whose_state_or_ledger_changed_is_computed_and_nobody_else"),
    ),
    Mutant(
        "a newcomer with one unread message is unengaged",
        "models/marts/unengaged.sql",
        "last_sent_at > base_at",
        "last_sent_at >= base_at",
        unit_tests("a_newcomer_with_one_unread_message_is_never_unengaged"),
    ),
    Mutant(
        "what a platform calls permanent is a bounce whatever the receiver says",
        "models/intermediate/events/int_events_unioned.sql",
        "not is_echo and not bounce_rule.is_permanent then 'soft_bounce'",
        "not is_echo and false then 'soft_bounce'",
        unit_tests(
            "what_is_the_senders_fault_or_passing_is_a_soft_bounce_however_permanent_the_platform_calls_it"
        ),
    ),
    Mutant(
        "soft bounces that are the sender's fault count",
        "macros/bounces.sql",
        "bounce_class in ('mailbox_full', 'mailbox_disabled', 'invalid_address')",
        "bounce_class <> 'unknown'",
        unit_tests("only_soft_bounces_of_a_mailbox_are_followed"),
    ),
    Mutant(
        "what arrives in between does not begin the count of soft bounces anew",
        "models/intermediate/suppression/int_repeated_bounces.sql",
        "sum(case when soft_bounces.event_type = 'soft_bounce' then 0 else 1 end)",
        "sum(case when soft_bounces.event_type = 'soft_bounce' then 0 else 0 end)",
        unit_tests(
            "what_was_delivered_opened_or_clicked_since_the_first_soft_bounce_begins_the_count_anew"
        ),
    ),
    Mutant(
        "an entry of a platform's list is a bounce, whatever it was made with",
        "models/intermediate/suppression/int_listed_bounces.sql",
        "    bounced_before.event_id is null\n    or",
        "    true\n    or",
        unit_tests(
            "an_entry_that_was_made_with_a_softened_bounce_is_its_echo_and_any_other_is_a_bounce"
        ),
    ),
    Mutant(
        "an entry repeats a soft bounce of any time before it",
        "models/intermediate/suppression/int_listed_bounces.sql",
        "'softened.effective_at', 24, 'hour'",
        "'softened.effective_at', 2400, 'hour'",
        unit_tests(
            "an_entry_without_a_time_of_its_own_counts_at_its_arrival_and_may_come_a_day_later"
        ),
    ),
    Mutant(
        "an entry after the platform freed the address repeats the bounce from before",
        "models/intermediate/suppression/int_listed_bounces.sql",
        "    or let_go_since.event_id is not null\n",
        "",
        unit_tests("an_entry_after_the_platform_freed_the_address_is_another_bounce"),
    ),
    Mutant(
        "a refusal to send after a bounce that counts as a soft one is a bounce",
        "models/intermediate/suppression/int_listed_bounces.sql",
        "when entries.is_echo then softened.effective_at <= entries.effective_at",
        "when entries.is_echo then false",
        unit_tests("a_refusal_to_send_after_a_bounce_that_counts_as_a_soft_one_is_its_echo"),
    ),
    Mutant(
        "a release is not read again before its batch",
        "sync/delivery/drain.py",
        "                part = self._still_wanted(part)\n",
        "",
        (f"{DELIVERY}::test_a_refusal_that_arrives_during_the_run_stops_the_release[duckdb]",),
    ),
    Mutant(
        "an export's opt-in without a time counts as one with a time",
        "sync/backfill/statements.sql",
        "when kind = 'opted_in' then said_at",
        "when kind = 'opted_in' then coalesce(said_at, as_of)",
        (f"{BACKFILL}::test_an_opt_in_without_a_time_is_a_baseline_and_ends_nothing",),
    ),
    Mutant(
        "an opt-in lands beside an opt-out that cannot be read",
        "sync/backfill/statements.sql",
        "(is_refused or is_doubtful)",
        "is_refused",
        (f"{COLUMNS}::test_an_opt_in_lands_only_where_all_of_its_channel_could_be_read",),
    ),
    Mutant(
        "a suppression takes the time of the consent",
        "sync/backfill/headers.csv",
        "klaviyo,email suppressions,email_suppression,yes",
        "klaviyo,email suppressions,email_refused,yes",
        (f"{COLUMNS}::test_klaviyos_suppression_has_its_own_time_and_a_bounce_is_no_opt_out",),
    ),
    Mutant(
        "a number that a spreadsheet has changed is read as another one",
        "sync/backfill/tables.sql",
        "is_spreadsheet_number(text) or contains(text, chr(65533))",
        "contains(text, chr(65533))",
        (f"{COLUMNS}::test_a_spreadsheets_number_is_not_read_with_a_country_code_either",),
    ),
    Mutant(
        "numbers among other times are read as a spreadsheet's days",
        "sync/backfill/tables.sql",
        "bool_and(is_no_time(cell) or is_serial_day(cell))",
        "bool_or(is_serial_day(cell))",
        (f"{COLUMNS}::test_a_time_that_cannot_be_read_is_rejected_by_its_line",),
    ),
    Mutant(
        "day and month are read in an order that the values do not tell",
        "sync/backfill/tables.sql",
        " and not bool_and(is_no_time(cell) or is_mdy(cell)) then 'dmy'",
        " then 'dmy'",
        (
            f"{COLUMNS}::test_the_order_of_day_and_month_is_told_or_the_only_one_that_fits_all_values",
        ),
    ),
    Mutant(
        "a column of consent is overlooked",
        "sync/backfill/headers.py",
        "    _check_overlooked(path, header, overlooked)\n",
        "",
        (
            f"{COLUMNS}::test_a_header_that_looks_like_consent_and_is_not_read_is_an_error_with_the_option",
        ),
    ),
    Mutant(
        "a quote that another row closes hides the rows between",
        "sync/backfill/lines.py",
        "                or _is_a_record(following[1], header)\n",
        "",
        (f"{DAMAGE}::test_a_quote_that_is_closed_by_another_row_hides_no_row_between",),
    ),
    Mutant(
        "a lock is not renewed",
        "sync/delivery/push.py",
        "            errors = renew([(lease, job.part.tally) for job, lease in held])\n",
        "            errors = renew([])\n",
        (f"{CRASH}::test_a_run_that_outlasts_its_lock_keeps_it[duckdb]",),
    ),
    Mutant(
        "a release is not on record before it is sent",
        "sync/delivery/drain.py",
        "                self._ledger.intend([item for item in part if item.delta_id not in intended])\n",
        "",
        (f"{REAL}::test_a_refusal_after_a_release_without_an_answer_is_sent_again[duckdb]",),
    ),
    Mutant(
        "a suppression is not on record before it is sent",
        "sync/delivery/drain.py",
        "                    self._ledger.announce(spool, number, _ANNOUNCED)\n",
        "",
        (
            f"{DELIVERY}"
            "::test_what_is_about_to_be_suppressed_is_on_record_before_it_is_sent[duckdb]",
        ),
    ),
    Mutant(
        "a suppression without an answer never arrived",
        f"{SYNC}/int_synced_state.sql",
        "        attempts.pushed_at is not null\n        and (settled",
        "        false\n        and (settled",
        unit_tests("a_suppression_without_an_answer_may_have_arrived"),
    ),
    Mutant(
        "an unanswered release is forgotten",
        f"{SYNC}/int_missing_suppressions.sql",
        " or synced.is_unknown)",
        ")",
        unit_tests("what_is_listed_and_not_known_is_suppressed"),
    ),
    Mutant(
        "a build without its landing is ok",
        "macros/raw.sql",
        "not failed and not graph.lost_parts",
        "not failed",
        (f"{BUILDS}::test_a_build_without_what_was_taken_once_is_not_ok_until_it_is_back",),
    ),
    Mutant(
        "a poison item is swallowed",
        "sync/delivery/isolate.py",
        "                yield self._of_error(items[0], fault)\n",
        "                self._of_error(items[0], fault)\n",
        (f"{DELIVERY}::test_a_poison_item_is_isolated_and_all_others_confirmed",),
    ),
    Mutant(
        "Retry-After is ignored",
        "sync/delivery/calls.py",
        "        self._schedule.move(seconds)\n",
        "",
        ("tests/python/sync/test_rate.py::test_no_call_starts_before_the_platform_said",),
    ),
    Mutant(
        "documented limits are planned with, and not kept",
        "sync/delivery/connection.py",
        "limits=settings.all_limits",
        "limits=()",
        (f"{LIMITS}::test_attentive_gets_five_unsubscribes_a_second_and_ten_calls",),
    ),
    Mutant(
        "the guard's floor is off",
        "sync/delivery/guard.py",
        "max(int(self.part * total), self.floor)",
        "int(self.part * total)",
        (f"{GUARD}::test_up_to_the_floor_any_share_passes[suppress-duckdb]",),
    ),
    Mutant(
        "a signature is not compared",
        "sync/receiver/verification.py",
        '    if not any(matches):\n        raise Refused("the signature does not match")',
        '    if not matches:\n        raise Refused("the signature does not match")',
        (f"{VECTORS}::test_it_is_refused_by_another_secret",),
    ),
    Mutant(
        "a delivery is answered before the disk has it",
        "sync/landing/files.py",
        "            if self._sync:\n",
        "            if self._sync and False:\n",
        (f"{FAULTS}::test_what_the_disk_does_not_confirm_is_answered_503_and_not_believed",),
    ),
    Mutant(
        "a torn line is believed",
        "sync/landing/files.py",
        "                os.ftruncate(file.descriptor, file.size)\n",
        "",
        (f"{FAULTS}::test_a_full_disk_is_answered_503_and_half_a_line_is_not_believed",),
    ),
    Mutant(
        "what must not be kept of a body is kept",
        "sync/receiver/sources/base.py",
        """re.sub(pattern, r'\\1""', text, flags=re.DOTALL)""",
        "text",
        (f"{NOT_STORED}::test_the_api_key_of_mparticle_is_blanked",),
    ),
    Mutant(
        "a request may have any number of headers",
        "sync/receiver/app.py",
        "MOST_HEADERS = 100\n",
        "MOST_HEADERS = 100_000\n",
        (f"{BOUNDS}::test_a_head_with_too_much_in_it_is_answered_431",),
    ),
    Mutant(
        "a request may have headers of any size",
        "sync/receiver/protocol.py",
        "_MOST_HEAD_BYTES = 32 * 1024\n",
        "_MOST_HEAD_BYTES = 32 * 1024 * 1024\n",
        (f"{BOUNDS}::test_a_head_with_too_much_in_it_is_answered_431",),
    ),
    Mutant(
        "a body that is not verified yet may be as large as any",
        "sync/receiver/app.py",
        "limit = min(limit, source.unverified_limit)",
        "pass",
        (
            f"{BOUNDS}::test_a_body_that_must_be_read_to_be_verified_is_smaller_unless_a_relay_vouches_for_it",
        ),
    ),
    Mutant(
        "a body may take any time",
        "sync/receiver/app.py",
        "asyncio.timeout(self._slowest_body)",
        "asyncio.timeout(None)",
        (f"{ANSWERS}::test_a_body_that_does_not_come_is_to_be_sent_again",),
    ),
    Mutant(
        "a connection may be slow for ever",
        "sync/receiver/protocol.py",
        "None if seconds is None else self.loop.call_later(seconds, self.cut)",
        "None",
        (f"{BOUNDS}::test_a_body_that_trickles_on_after_an_early_answer_is_cut_off",),
    ),
    Mutant(
        "one address may have all connections",
        "sync/receiver/connections.py",
        "if self._of(address) >= self._most_of_address and not self._make_room(address):",
        "if False:",
        (f"{BOUNDS}::test_an_address_has_its_share_and_no_more",),
    ),
    Mutant(
        "JSON that is not verified yet may be nested as deep as any",
        "sync/receiver/request.py",
        "if number >= _MOST_TOKENS or depth > _MOST_DEPTH:",
        "if number >= _MOST_TOKENS:",
        (f"{BOUNDS}::test_what_no_platform_nests_lists_or_names_so_is_refused",),
    ),
    Mutant(
        "tables are filled through views of old code",
        "macros/built_code.sql",
        "{%- do check_made_parents(kind) -%}",
        "",
        (f"{BUILT_CODE}::test_it_stops_where_vars_changed_since_the_views_were_made",),
    ),
    Mutant(
        "a changed policy asks for no plan",
        "sync/delivery/guard.py",
        "if counts and facts.rules_changed_at and",
        "if False and",
        (f"{GUARD}::test_the_first_push_after_the_policy_changed_needs_a_plan[duckdb]",),
    ),
    Mutant(
        "a list that lost something frees people",
        "sync/delivery/push.py",
        "elif faults := list_faults(facts, job.spool):",
        "elif False and (faults := list_faults(facts, job.spool)):",
        (f"{GUARD}::test_a_list_that_lost_one_address_frees_nobody_whatever_the_floor[duckdb]",),
    ),
    Mutant(
        "what ended before a suppression undoes it",
        f"{SYNC}/int_unheld_suppressions.sql",
        "            and (undone_from is null or ended_at > undone_from),\n",
        "            and true,\n",
        unit_tests("an_ending_that_is_older_than_what_the_ledger_recorded_waits_for_a_person"),
    ),
    Mutant(
        "a suppression whose event vanished is freed",
        f"{SYNC}/int_freed_suppressions.sql",
        "when judged.is_held or judged.has_vanished then",
        "when judged.is_held then",
        unit_tests("a_suppression_whose_event_vanished_is_released_only_by_a_person"),
    ),
    Mutant(
        "a profile is subscribed by what is no answer to its opt-out",
        f"{SYNC}/int_profile_updates.sql",
        "        when is_waiting then 'policy'\n",
        "",
        unit_tests(
            "an_act_that_is_no_answer_to_the_opt_out_that_was_told_waits_for_a_person",
        ),
    ),
    Mutant(
        "a run does not see what lands in the folder of an earlier day",
        "sync/run/landing.py",
        "yield entry.path, 0, found.st_mtime_ns",
        "continue",
        (
            "tests/python/run/test_pieces.py::test_whatever_lands_changes_the_signature_and_nothing_else_does",
        ),
    ),
    Mutant(
        "a person's own words wait for the next build",
        "sync/run/sink.py",
        "return _has(refusals, row) or not _has(others, row)",
        "return _has(refusals, row)",
        ("tests/python/run/test_pieces.py::test_what_may_be_a_refusal_does_not_wait",),
    ),
    Mutant(
        "two runs of one warehouse are at work",
        "sync/run/parts.py",
        "if not _held(file.fileno()):",
        "if False:",
        ("tests/python/run/test_run.py::test_a_second_run_of_one_warehouse_is_refused",),
    ),
    Mutant(
        "an address that JSON escapes is passed over",
        "sync/privacy/prefilter.py",
        "            return [_longest_piece(local)]\n",
        "            return [value]\n",
        ("tests/python/sync/test_prefilter.py::test_who_is_written_in_jsons_escapes_is_erased",),
    ),
    Mutant(
        "a copy is taken for one of what was written while it was made",
        "sync/warehouse/published.py",
        "os.utime(partial, ns=(made.st_atime_ns, made.st_mtime_ns))",
        "shutil.copystat(database, partial)",
        (
            "tests/python/sync/test_published.py"
            "::test_what_is_written_while_it_is_made_is_not_taken_for_shown",
        ),
    ),
    Mutant(
        "explain says that an opt-in by a contact with too many addresses ends an opt-out",
        "models/marts/explain/explain_reasons.sql",
        "reasons.external_id is null or over_limit.contact_state_id is not null then",
        "reasons.external_id is null then",
        unit_tests(
            "what_would_end_a_reason_is_a_row_of_the_seed_and_has_to_name_what_the_rule_of_the_reason_asks"
        ),
    ),
    Mutant(
        "status counts attempts that failed for items",
        "models/marts/status/status_failed.sql",
        "        ) = 1\n",
        "        ) >= 1\n",
        unit_tests("an_item_that_failed_twice_counts_once_by_its_latest_error_while_it_is_pending"),
    ),
    Mutant(
        "a message that is told again counts again",
        "models/marts/reports/deliverability_daily.sql",
        "case when message_id is null and event_type in ('sent', 'delivered')",
        "case when event_type in ('sent', 'delivered')",
        unit_tests(
            "a_message_is_counted_once_a_day_by_the_platforms_id_of_it_and_for_each_address"
        ),
    ),
    Mutant(
        "the sender of a part of the mail has rates of that part",
        "models/marts/reports/deliverability_daily.sql",
        "case when names_senders then sender_domain end",
        "sender_domain",
        unit_tests(
            "mail_is_told_apart_by_who_sent_it_where_that_is_known_of_nearly_all_deliveries"
        ),
    ),
    Mutant(
        "a build that does not end says nothing",
        "sync/run/loop.py",
        'if self._parts.state("build") == "working":',
        "if False:",
        (
            "tests/python/run/test_due.py"
            "::test_a_build_that_does_not_end_is_said_to_run_and_since_when",
        ),
    ),
    Mutant(
        "a key that is missing is no trouble",
        "sync/delivery/settings.py",
        "            found[name] = str(error)\n",
        "            continue\n",
        (
            "tests/python/run/test_pieces.py"
            "::test_a_key_that_is_missing_is_said_though_nothing_is_pending",
        ),
    ),
    Mutant(
        "a call that fails without blaming an item is not divided",
        "sync/delivery/isolate.py",
        "                items = yield from self._with_one_alone(items)\n",
        "                items = []\n",
        (f"{ISOLATE}::test_one_never_costs_more_than_thrice_the_logarithm",),
    ),
    Mutant(
        "a platform that is down is asked item by item",
        "sync/delivery/isolate.py",
        "        return self._in_a_row >= _DOWN\n",
        "        return False\n",
        (f"{ISOLATE}::test_where_everything_fails_three_calls_are_made_and_all_have_failed",),
    ),
    Mutant(
        "what failed lately is sent with the others",
        "sync/delivery/drain.py",
        "        if item.delta_id in suspects:\n",
        "        if False:\n",
        (f"{ISOLATE}::test_a_member_at_whom_mailchimp_fails_costs_a_few_calls_once[duckdb]",),
    ),
    Mutant(
        "an opt-out that failed lately waits for the releases",
        "sync/delivery/drain.py",
        "                    self._send_suspects(pool, suspects)\n                    suspects = []\n",
        "                    pass\n",
        (f"{DELIVERY}::test_a_suppression_that_failed_lately_is_through_before_the_first_release",),
    ),
    Mutant(
        "what needs a person is taken for an outage",
        "sync/delivery/isolate.py",
        "            if isinstance(error, NeedsPerson):\n",
        "            if False:\n",
        (f"{ISOLATE}::test_a_call_that_needs_a_person_is_not_divided_and_not_taken_for_an_outage",),
    ),
    Mutant(
        "the parts of a batch are not read again",
        "sync/delivery/isolate.py",
        "        sent = self._wanted(items)\n",
        "        sent = items if self._failures._in_a_row else self._wanted(items)\n",
        (f"{ISOLATE}::test_each_part_is_asked_for_once_more_before_its_call",),
    ),
    Mutant(
        "words that no row knows are final",
        "sync/destinations/base.py",
        '            return Outcome(item, "failed", answer.status, words, answer.attempts)\n',
        '            return Outcome(item, "rejected", answer.status, words, answer.attempts)\n',
        (f"{ERRORS}::test_what_a_platform_says_of_an_item_of_a_call_that_it_took[unknown]",),
    ),
    Mutant(
        "not for now is taken for never",
        "seeds/destination_errors.csv",
        "%not allowing more signups%,temporary,",
        "%not allowing more signups%,final,",
        (f"{ERRORS}::test_what_a_platform_says_of_an_item_of_a_call_that_it_took[signups]",),
    ),
    Mutant(
        "our reason decides whom Postmark lets go of",
        "sync/destinations/postmark.py",
        '            yield from self._change(items, "/delete", "Deleted")\n',
        '            items = [one for one in items if one.reason != "complaint"]\n'
        '            yield from self._change(items, "/delete", "Deleted")\n',
        (
            "tests/python/sync/test_postmark.py"
            "::test_what_we_filed_for_a_complaint_is_deleted_like_all_that_we_filed",
        ),
    ),
    Mutant(
        "a row that nobody can read stops the others",
        "sync/lists/reading.py",
        "            except (ListNotReadable, UnknownScope, PlatformError) as error:\n",
        "            except (UnknownScope, PlatformError) as error:\n",
        ("tests/python/sync/test_lists.py::test_a_row_that_nobody_can_read_stops_no_other",),
    ),
    Mutant(
        "what was not read counts as missing",
        "sync/lists/reconcile.py",
        "        for row in errors:\n",
        "        for row in deleted:\n",
        (
            "tests/python/sync/test_lists.py::test_a_list_that_fails_is_named_and_the_others_are_done",
        ),
    ),
    Mutant(
        "an older act of consent ends a later refusal at the platform",
        "sync/destinations/base.py",
        "    return refused_at < item.event_timestamp.replace(tzinfo=UTC)\n",
        "    return True\n",
        (
            "tests/python/sync/test_sparkpost.py"
            "::test_an_act_of_consent_ends_what_the_person_did_there_before_it",
        ),
    ),
    Mutant(
        "the end of a bounce takes back a flag that may be the person's",
        "sync/destinations/brevo.py",
        "    if not is_consent(item.reason):\n",
        "    if not item.reason:\n",
        ("tests/python/sync/test_brevo.py::test_no_flag_is_taken_back_without_an_act_of_consent",),
    ),
    Mutant(
        "a consent that is older than what Brevo shows takes a flag back",
        "sync/destinations/brevo.py",
        "    if at is None or at < utc_now() - _SHOWN:\n",
        "    if at is None:\n",
        (
            "tests/python/sync/test_brevo.py"
            "::test_a_consent_that_is_older_than_what_brevo_shows_frees_nobody",
        ),
    ),
    Mutant(
        "the end of a bounce deletes an entry that ours may have overwritten",
        "sync/destinations/sparkpost.py",
        "    if not is_consent(item.reason):\n",
        "    if not item.reason:\n",
        (
            "tests/python/sync/test_sparkpost.py"
            "::test_an_entry_that_ours_may_have_overwritten_stays_without_an_act_of_consent",
        ),
    ),
    Mutant(
        "a key in the body is part of what is shown and logged",
        "sync/destinations/mandrill.py",
        "    body: dict[str, Any] = {**members}\n",
        '    body: dict[str, Any] = {"key": "SG.very-secret-value", **members}\n',
        ("tests/python/sync/test_mandrill.py::test_the_key_is_in_no_request_and_in_no_log",),
    ),
    Mutant(
        "a bounce is filed over a person's complaint at Amazon SES",
        "sync/destinations/ses.py",
        "            if isinstance(look, NotThere):\n",
        "            if isinstance(look, (NotThere, Response)):\n",
        ("tests/python/sync/test_ses.py::test_no_entry_is_filed_over_by_what_is_no_refusal",),
    ),
    Mutant(
        "an older consent ends a complaint that Amazon SES itself filed",
        "sync/destinations/ses.py",
        "        return False\n    filed_at, suppressed_at",
        "        return True\n    filed_at, suppressed_at",
        ("tests/python/sync/test_ses.py::test_an_act_of_consent_ends_what_was_filed_before_it",),
    ),
    Mutant(
        "what somebody else filed at Amazon SES after the consent is taken for ours",
        "sync/destinations/ses.py",
        "_OUR_CALL = timedelta(hours=1)",
        "_OUR_CALL = timedelta(days=365)",
        (
            "tests/python/sync/test_ses.py"
            "::test_what_no_message_is_behind_is_ours_if_it_is_as_old_as_our_call",
        ),
    ),
    Mutant(
        "the token of one credential goes with the key of another",
        "sync/delivery/settings.py",
        "    if variable.secret and any(\n",
        "    if not variable.secret and any(\n",
        ("tests/python/sync/test_ses.py::test_the_credential_is_its_own_or_amazons_usual_one",),
    ),
    Mutant(
        "the owner's preference switches a device on",
        "models/intermediate/suppression/int_consent_reasons.sql",
        "        and (opt_outs.channel <> 'push' or opt_outs.named_external_id is not null)\n",
        "",
        (
            "tests/python/models/test_dbt.py::test_unit_test_of_a_model"
            "[a_token_that_its_device_switched_off_is_freed_only_by_an_event_that_names_it]",
        ),
    ),
    Mutant(
        "a bounce that ended touches the subscription of the profile",
        "models/intermediate/sync/int_profile_deltas.sql",
        "        and (action <> 'release' or attribute in ('suppressed', 'reason'))\n",
        "",
        (
            "tests/python/models/test_dbt.py::test_unit_test_of_a_model"
            "[a_fault_that_ended_without_consent_updates_that_trait_alone]",
        ),
    ),
    Mutant(
        "the end of a bounce repeats a consent that is older",
        "models/intermediate/sync/int_profile_updates.sql",
        "known_action = 'suppress' and not is_known_fault)\n",
        "known_action = 'suppress')\n",
        (
            "tests/python/models/test_dbt.py::test_unit_test_of_a_model"
            "[a_fault_that_ended_without_consent_is_taken_back_alone]",
        ),
    ),
    Mutant(
        "an incident is told while it lasts",
        "sync/alerts/incidents.py",
        "        elif now - before.told_at >= REMIND_AFTER:\n",
        "        else:\n",
        (
            "tests/python/sync/test_alert.py"
            "::test_an_incident_is_told_when_it_begins_after_a_day_and_when_it_has_ended[duckdb]",
        ),
    ),
    Mutant(
        "who heard of no beginning hears of the end",
        "sync/alerts/incidents.py",
        "    mine = {(one.rule, one.subject): one for one in told if one.channel == channel}\n",
        "    mine = {(one.rule, one.subject): one for one in told if one.channel}\n",
        (
            "tests/python/sync/test_alert.py"
            "::test_a_new_channel_is_told_of_the_incident_that_the_others_know",
        ),
    ),
    Mutant(
        "a message that a channel did not take counts as told",
        "sync/alerts/tell.py",
        "        if not channel.tell(message):\n",
        "        if channel.tell(message) is None:\n",
        (
            "tests/python/sync/test_alert.py"
            "::test_what_a_channel_did_not_take_it_is_told_by_the_next_run",
        ),
    ),
    Mutant(
        "a run that died is told to nobody",
        "sync/alerts/tell.py",
        "    if run.has_died:\n",
        "    if run.has_died and not rules:\n",
        (
            "tests/python/sync/test_alert.py"
            "::test_a_run_that_died_is_told_and_one_that_was_stopped_is_not",
        ),
    ),
    Mutant(
        "a machine ends the incident of a run on another one",
        "sync/alerts/tell.py",
        'if one.rule != "run_died" or one.subject == run.subject',
        "if one.rule",
        ("tests/python/sync/test_alert.py::test_of_a_run_elsewhere_this_machine_ends_no_incident",),
    ),
    Mutant(
        "a rate that is no number from 0 to 1 is passed over",
        "models/marts/reports/postmaster_rows.sql",
        "when per_million is null then",
        "when rate_text is null then",
        unit_tests("a_statistic_without_a_day_a_domain_or_a_rate_is_named_and_not_shown"),
    ),
    Mutant(
        "the report shows texts of any length",
        "sync/reports/page/report.py",
        "return text if len(text) <= longest else",
        "return text if len(text) else",
        ("tests/python/sync/test_report_size.py::test_a_page_full_of_long_names_is_small",),
    ),
    Mutant(
        "metrics are cumulative unless a variable says delta",
        "sync/metrics/otlp.py",
        'is_delta=not environment.get(_TEMPORALITY, "").strip()',
        "is_delta=False",
        (
            "tests/python/sync/test_metrics.py"
            "::test_a_push_tells_what_its_report_says_and_what_is_left[duckdb]",
        ),
    ),
    Mutant(
        "what OpenTelemetry's library says of a header is printed",
        "sync/metrics/otlp.py",
        "[logging.NullHandler()], False",
        "[], True",
        ("tests/python/sync/test_metrics.py::test_headers_that_cannot_be_read_are_not_printed",),
    ),
    Mutant(
        "the receiver's counts are shown without the token",
        "sync/receiver/app.py",
        "        if not carries_bearer(self._delivery(request), self._settings.metrics_tokens):\n",
        "        if not self._settings.metrics_tokens:\n",
        (
            "tests/python/receiver/test_metrics.py"
            "::test_a_receiver_counts_for_prometheus_and_for_opentelemetry",
        ),
    ),
]
