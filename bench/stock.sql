-- What `sync_deltas` reads, filled for bench/stock.py: {known} people whom the destinations know, {new} whom none
-- was told of, five destinations, and a ledger with their history.

set preserve_insertion_order = false;

create temp table people as
select
    person,
    'c-' || person as external_id,
    md5('external_id|c-' || person) as contact_id,
    'person.' || person || '@mail' || (person % 7) || '.example' as address,
    case person % 5 when 0 then 'complaint' when 1 then 'bounce' else 'unsubscribe' end as reason,
    md5('event ' || person) as event_id,
    timestamp '2026-01-01' + to_seconds(person * 7919 % 10000000) as acted_at,
    person % 100 = 50 and person < {known} as is_back,
    person % 100 = 51 as is_rejected,
    person % 100 = 52 as is_absent
from range({known} + {new}) as numbers (person);

insert into suppression_list by name
select
    md5('email|' || address) as suppression_id, 'email' as channel, address, reason as event_type,
    acted_at as event_timestamp, acted_at as inserted_at, contact_id, external_id, 'sendgrid' as source, event_id
from people where not is_back;

insert into int_suppression_reasons by name
select
    md5(contact_id || people.reason) as suppression_reason_id, md5(contact_id) as contact_state_id, contact_id,
    external_id, 'email' as channel, address, people.reason, attribute, precedence, true as is_suppressing,
    not is_back as holds, acted_at as reason_at, event_id as reason_event_id, acted_at as reason_received_at,
    'sendgrid' as source, case when is_back then timestamp '2026-05-01' end as ended_at,
    case when is_back then md5('back ' || person) end as ended_event_id
from people inner join suppression_policy as policy on people.reason = policy.reason;

insert into int_contact_state by name
select
    md5(contact_id) as contact_state_id, contact_id, md5('email|' || address) as address_id, external_id,
    'email' as channel, address, not is_back as is_suppressed, reason, reason as reasons,
    event_id as reason_event_id, acted_at as reason_at, true as is_current_owner, true as is_latest_address
from people;

-- Everybody's state is that of this build, which computes the deltas of everybody.
insert into int_contacts_changed by name
select md5('email|' || address) as contact_id, 'email' as channel, address, now() at time zone 'UTC' as changed_at
from people;

insert into contact_profiles by name
select contact_id, external_id, address as email, '+1999' || lpad(cast(person as varchar), 7, '0') as phone
from people;

insert into int_events_latest by name
select
    md5(event_id || event_type) as latest_event_key, 'email' as channel, external_id, address, event_type,
    'sendgrid' as source, case when event_type = 'topic_unsubscribe' then '7' end as topic, false as is_echo,
    false as is_machine, false as is_own, acted_at as first_at, event_id as first_event_id, acted_at as last_at,
    event_id as last_event_id
from (
    select *, unnest(case
        when person % 50 = 0 then ['delivered', 'open', 'topic_unsubscribe'] else ['delivered', 'open']
    end) as event_type
    from people
);

insert into destinations by name
select name as destination, 'email' as channel, 'suppression' as mode, 'all' as audience, true as enabled
from (select unnest({others}::varchar[]) as name);
insert into destination_reasons by name
select name as destination, 'email' as channel, reason
from (select unnest({others}::varchar[]) as name), (select distinct reason from destination_reasons);

-- Turns of a key, the oldest first: failed, accepted, confirmed; a release (-) between suppressions.
set preserve_insertion_order = true;

insert into raw.sync_ledger by name
with turns as (
    select *, unnest(outcomes) as turn, generate_subscripts(outcomes, 1) as place, len(outcomes) as turns
    from (
        select
            people.*, destination, case
                when is_rejected then ['rejected']
                when is_absent then ['absent']
                when person % 10 < 3 then ['confirmed']
                when person % 10 < 5 then ['failed', 'confirmed']
                when person % 10 < 6 then ['failed', 'accepted']
                when person % 10 < 8 then ['confirmed', '-', 'confirmed', '-', 'confirmed']
                when person % 10 < 9 then ['failed', 'failed', 'failed', 'failed', 'failed', 'accepted', 'confirmed']
                else flatten([['confirmed', '-'] for turn in range(6)]) || ['failed', 'confirmed']
            end as outcomes
        from people, (select unnest({destinations}::varchar[]) as destination)
        where person < {known}
    )
)
select
    'run ' || person % 900 as run_id,
    case
        when turn in ('rejected', 'absent')
            then md5(concat_ws('|', destination, 'email', '', address, 'suppress', reason, event_id, '_null_', '_null_'))
        else md5(concat_ws('|', destination, address, place))
    end as delta_id,
    destination, 'email' as channel, '' as scope, address, contact_id,
    case when turn = '-' then 'release' else 'suppress' end as action, reason, event_id,
    case when turn = '-' then 'confirmed' else turn end as outcome,
    case turn when 'failed' then 503 when 'rejected' then 400 when 'absent' then 404 else 201 end as http_status,
    case when turn = 'failed' then 'HTTP 503' end as error,
    1 as attempts,
    -- Over 120 days until an hour ago; what is absent was asked for lately.
    cast(now() at time zone 'UTC' as timestamp) - interval 1 hour - to_seconds(case
        when turn = 'absent' then person % 500000
        else (person * 7919 + place) % (10368000 // turns) + (turns - place) * (10368000 // turns)
    end) as pushed_at
from turns
order by pushed_at;

checkpoint;
