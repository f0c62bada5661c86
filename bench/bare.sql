-- The baseline of `make bench`: the same job in one plain DuckDB script of the fast forms, as it would be
-- written without dbt: no increments, no quarantine, no tests, the policy of seeds/suppression_policy.csv written
-- into the SQL (its rows as they are delivered). {landing} and {seeds} are filled in by bench/bare.py.
-- Every statement stores its result in the database file. It must list what the models list, row for row.

set timezone = 'UTC';
set preserve_insertion_order = false;

create macro email_of(t) as
    case when regexp_full_match(trim(t), '[^@\s<>,;:"()]+@[^@\s<>,;:"()]+') then lower(trim(t)) end;
create macro phone_of(t) as
    case when regexp_full_match(t, '\+[1-9][0-9]{6,14}') then t
    when regexp_full_match(regexp_replace(t, '[\s()./-]', '', 'g'), '\+[1-9][0-9]{6,14}') then regexp_replace(t, '[\s()./-]', '', 'g') end;
create macro id_of(t) as case when lower(t) not in ('', 'null', 'undefined', '0') then t end;
create macro time_of(t) as case when t >= timestamp '2005-01-01' then t end;
create macro epoch_of(t) as time_of(make_timestamp(cast(try_cast(t as double) * 1000000 as bigint)));
create macro iso_of(t) as time_of(cast(try_cast(t as timestamptz) as timestamp));
create macro truth_of(t) as try_cast(t as boolean);
create macro event_id_of(source, channel, key) as md5(source || '|' || coalesce(channel, '_null_') || '|' || key);
create macro deliveries_of(folder) as table
    select
        delivery_id,
        cast(try_cast(received_at as timestamptz) as timestamp) as received_at,
        payload
    from read_json(
        '{landing}/webhook_deliveries/source=' || folder || '/**/*.ndjson',
        format = 'newline_delimited', ignore_errors = true, hive_partitioning = false,
        columns = {delivery_id: 'VARCHAR', received_at: 'VARCHAR', payload: 'VARCHAR'}
    );

create table provider_events as
select source, provider_event, provider_subtype, event_type, is_echo
from read_csv('{seeds}/provider_events.csv', header = true);

-- One table of typed rows -----------------------------------------------------------------------------------

create table typed (
    event_id varchar, source varchar, channel varchar, delivery_id varchar, received_at timestamp, event varchar,
    subtype varchar, external_id varchar, email varchar, phone varchar, push_token varchar, push_token_type varchar,
    topic varchar, trait_value boolean, reason varchar, source_of_change varchar, is_machine boolean,
    event_timestamp timestamp
);

insert into typed
select
    event_id_of('sendgrid', 'email', coalesce(f[4], concat_ws('|', f[1], f[2], f[3], f[5]))),
    'sendgrid', 'email', delivery_id, received_at, f[1],
    case f[1] when 'bounce' then lower(f[6]) when 'dropped' then lower(f[7]) end,
    id_of(f[12]), email_of(f[2]), null, null, null,
    case when f[1] in ('group_unsubscribe', 'group_resubscribe') then f[9] end, null,
    case when f[1] in ('bounce', 'dropped') then f[7] else f[8] end, null,
    coalesce(f[1] = 'open' and truth_of(f[11]), false), epoch_of(f[3])
from (
    select delivery_id, received_at, try(json_extract_string(element, [
        '$.event', '$.email', '$.timestamp', '$.sg_event_id', '$.sg_message_id', '$.type', '$.reason', '$.response',
        '$.asm_group_id', '$.url', '$.sg_machine_open', '$.user_id'
    ])) as f
    from (select delivery_id, received_at, unnest(try(json_extract(payload, '$[*]'))) as element from deliveries_of('sendgrid'))
);

insert into typed
select
    event_id_of('mailgun', 'email', coalesce(
        event || '|' || f[2] || '|' || cast(cast(epoch_of(f[4]) as date) as varchar),
        concat_ws('|', event, f[14], coalesce(f[19], f[12], f[15], f[4]))
    )),
    'mailgun', 'email', delivery_id, received_at, event,
    case event
        when 'failed' then concat_ws('/', lower(f[5]), case f[7] when '605' then 'suppress-bounce' when '606' then 'suppress-unsubscribe' when '607' then 'suppress-complaint' else lower(f[6]) end)
        when 'dropped' then case f[17] when '605' then 'suppress-bounce' when '606' then 'suppress-unsubscribe' when '607' then 'suppress-complaint' else lower(f[18]) end
    end,
    id_of(coalesce(f[11], f[22])), email_of(coalesce(f[3], f[14])), null, null, null,
    case when event in ('unsubscribed', 'complained') then f[10] end, null,
    case when event in ('failed', 'bounced', 'dropped', 'rejected') then coalesce(f[8], f[20], f[21], f[6], f[18]) end, null,
    coalesce(event in ('opened', 'clicked') and f[9] <> '', false), epoch_of(coalesce(f[4], f[16], f[15]))
from (
    select *, coalesce(f[1], f[13]) as event
    from (
        select delivery_id, received_at, try(json_extract_string(payload, [
            '$."event-data".event', '$."event-data".id', '$."event-data".recipient', '$."event-data".timestamp',
            '$."event-data".severity', '$."event-data".reason', '$."event-data"."delivery-status".code',
            '$."event-data"."delivery-status".message', '$."event-data"."client-info".bot',
            '$."event-data"."mailing-list".address', '$."event-data"."user-variables".uid', '$.signature.token',
            '$.event', '$.recipient', '$.timestamp', '$.signature.timestamp', '$.code', '$.reason', '$.token', '$.error',
            '$.description', '$.uid'
        ])) as f
        from deliveries_of('mailgun')
    )
);

insert into typed
select
    event_id_of('postmark', 'email', case
        when event in ('bounce', 'spamcomplaint') then event || '|' || f[3]
        else concat_ws('|', event, f[4], f[7], f[10], f[11], f[9], f[14], f[15], f[16], f[17])
    end),
    'postmark', 'email', delivery_id, received_at, event,
    case
        when event = 'bounce' then lower(f[2])
        when event = 'subscriptionchange' and not truth_of(f[14]) then concat_ws('/', 'reactivated', lower(f[16]))
        when event = 'subscriptionchange' then concat_ws('/', lower(f[15]), lower(f[16]))
    end,
    id_of(f[18]), email_of(coalesce(f[6], f[7])), null, null, null,
    f[5], null, coalesce(f[12], f[13], f[15]), f[16], false, iso_of(coalesce(f[8], f[9], f[10], f[11]))
from (
    select *, lower(f[1]) as event
    from (
        select delivery_id, received_at, try(json_extract_string(payload, [
            '$.RecordType', '$.Type', '$.ID', '$.MessageID', '$.MessageStream', '$.Email', '$.Recipient', '$.BouncedAt',
            '$.ChangedAt', '$.DeliveredAt', '$.ReceivedAt', '$.Details', '$.Description', '$.SuppressSending',
            '$.SuppressionReason', '$.Origin', '$.OriginalLink', '$.Metadata.customer'
        ])) as f
        from deliveries_of('postmark')
    )
);

insert into typed
select
    event_id_of('twilio', 'sms', case when is_incoming then f[1] else concat_ws('|', f[1], f[2], f[7]) end),
    'twilio', 'sms', delivery_id, received_at,
    case when is_incoming then 'incoming' else lower(f[2]) end,
    case
        when is_incoming then coalesce(lower(f[6]), regexp_extract(lower(f[5]), '^\s*([a-z]{2,12})\W*$', 1))
        when f[2] in ('undelivered', 'failed') then coalesce(f[7], 'none')
    end,
    null, null, phone_of(case when is_incoming then f[3] else f[4] end), null, null,
    f[8], null, coalesce(f[9], f[7]), null, false, null
from (
    select *, f[5] is not null as is_incoming
    from (
        select delivery_id, received_at, try(json_extract_string(payload, [
            '$.MessageSid', '$.MessageStatus', '$.From', '$.To', '$.Body', '$.OptOutType', '$.ErrorCode',
            '$.MessagingServiceSid', '$.ErrorMessage'
        ])) as f
        from deliveries_of('twilio')
    )
);

-- A call can be several rows: itself, one per channel that it decides about, one per subscription that rides on it.
insert into typed
with calls as (
    select
        delivery_id, received_at, f, lower(f[1]) as kind, lower(f[2]) as track, lower(f[19]) as preferred,
        f[1] = 'track' and f[2] = 'Marketing Preference Updated' as is_preference,
        email_of(coalesce(f[7], f[8], f[9])) as email, phone_of(coalesce(f[10], f[11], f[12])) as phone,
        truth_of(f[15]) as email_trait, truth_of(f[16]) as sms_trait, truth_of(f[17]) as push_trait,
        id_of(f[4]) as external_id
    from (
        select delivery_id, received_at, try(json_extract_string(element, [
            '$.type', '$.event', '$.messageId', '$.userId', '$.timestamp', '$.properties.timestamp', '$.properties.email',
            '$.context.traits.email', '$.traits.email', '$.properties.phone', '$.context.traits.phone', '$.traits.phone',
            '$.context.device.token', '$.context.device.type', '$.traits.email_subscribed_status',
            '$.traits.sms_subscribed_status', '$.traits.push_notification_enabled', '$.properties.enabled',
            '$.properties.channel', '$.properties.new_status', '$.properties.source_of_change', '$.properties.reason',
            '$.properties.group_id', '$.context.messaging_subscriptions'
        ])) as f
        from (
            select delivery_id, received_at, unnest(case
                when starts_with(payload, '[') then try(json_extract(payload, '$[*]'))
                when starts_with(payload, '{"batch"') then try(json_extract(payload, '$.batch[*]'))
                else [payload]
            end) as element
            from deliveries_of('segment')
        )
    )
),

facets as (
    select *, unnest(list_concat(
        [
            case when not is_preference then 'call' end,
            case when email_trait is not null or (is_preference and preferred in ('email', 'all')) then 'email' end,
            case when sms_trait is not null or (is_preference and preferred in ('sms', 'all')) then 'sms' end,
            case when push_trait is not null or (is_preference and preferred in ('push', 'all')) then 'push' end
        ],
        case when f[24] is not null then cast(json_extract(f[24], '$[*]') as varchar[]) end
    )) as facet
    from calls
),

rows_of_calls as (
    select
        *,
        case when starts_with(facet, '{') then json_extract_string(facet, ['$.key', '$.type', '$.status']) end as s,
        kind = 'identify' or is_preference or track = 'push notification permission changed' as names_recipient,
        track = 'push notification permission changed' as is_permission,
        case when s is not null then lower(s[2]) when facet <> 'call' then facet when is_permission then 'push' end as channel
    from facets
    where facet is not null
)

select
    event_id_of('segment', channel, case when s is not null then concat_ws('|', f[3], s[1], s[3]) else f[3] end),
    'segment', channel,
    delivery_id, received_at,
    case when s is not null then 'messaging_subscriptions' when kind = 'track' then track else kind end,
    case when s is not null then lower(s[3]) when is_preference then lower(f[20]) when is_permission then lower(f[18]) end,
    external_id,
    case when s is not null then case when s[2] = 'EMAIL' then email_of(s[1]) end when names_recipient then email end,
    case when s is not null then case when s[2] = 'SMS' then phone_of(s[1]) end when names_recipient then phone end,
    case when s is null and names_recipient then f[13] end,
    case when s is null and names_recipient then f[14] end,
    f[23],
    case
        when s is not null then s[3] = 'SUBSCRIBED'
        when kind = 'identify' then case facet when 'email' then email_trait when 'sms' then sms_trait when 'push' then push_trait end
    end,
    f[22], f[21], false, iso_of(case when is_preference or is_permission then coalesce(f[6], f[5]) else f[5] end)
from rows_of_calls;

insert into typed
select
    event_id_of('email_log', 'email', event_key), 'email_log', 'email', event_key, event_timestamp, event, null, null, email_of(recipient_email), null, null, null,
    null, null, null, null, false, event_timestamp
from (
    select 'sent' as event, concat_ws('|', 'sent', recipient_email, message_id) as event_key, recipient_email, iso_of(send_date) as event_timestamp
    from read_json(
        '{landing}/email_sends/**/*.ndjson', format = 'newline_delimited', ignore_errors = true, hive_partitioning = false,
        columns = {recipient_email: 'VARCHAR', send_date: 'VARCHAR', message_id: 'VARCHAR'}
    )
    union all
    select 'opened', 'opened|' || id, recipient_email, iso_of(open_date)
    from read_json(
        '{landing}/email_opens/**/*.ndjson', format = 'newline_delimited', ignore_errors = true, hive_partitioning = false,
        columns = {id: 'VARCHAR', recipient_email: 'VARCHAR', open_date: 'VARCHAR'}
    )
);

insert into typed
select
    event_id_of('directory', null, event_key), 'directory', null, event_key, iso_of(updated_at), 'contact', null, id_of(external_id), email_of(email),
    phone_of(phone), push_token, null, null, null, null, null, false, iso_of(updated_at)
from (
    select *, concat_ws('|', external_id, email, phone, push_token, updated_at) as event_key
    from read_json(
        '{landing}/contacts/**/*.ndjson', format = 'newline_delimited', ignore_errors = true, hive_partitioning = false,
        columns = {external_id: 'VARCHAR', email: 'VARCHAR', phone: 'VARCHAR', push_token: 'VARCHAR', updated_at: 'VARCHAR'}
    )
);

-- What they mean, in one shape; then one row per event ----------------------------------------------------------

-- Only the ids that came twice are sorted.
create table events as
with repeated as (
    select event_id from typed group by event_id having count(*) > 1
),

standing as (
    from typed where event_id not in (from repeated)
    union all
    (
        from typed where event_id in (from repeated)
        qualify row_number() over (partition by event_id order by received_at, delivery_id) = 1
    )
)

select
    event_id,
    delivery_id,
    standing.source,
    channel,
    coalesce(exact.event_type, by_part.event_type, by_event.event_type, 'other') as event_type,
    concat_ws('/', event, subtype) as provider_event,
    case channel when 'email' then email when 'sms' then phone when 'push' then push_token end as address,
    external_id,
    email,
    phone,
    push_token,
    push_token_type,
    topic,
    trait_value,
    reason,
    source_of_change,
    is_machine,
    coalesce(exact.is_echo, by_part.is_echo, by_event.is_echo, false) as is_echo,
    event_timestamp,
    date_trunc('second', least(event_timestamp, received_at)) as effective_at,
    received_at
from standing
left join provider_events as exact
    on standing.source = exact.source and event = exact.provider_event and subtype = exact.provider_subtype
left join provider_events as by_part
    on
        standing.source = by_part.source
        and event = by_part.provider_event
        and split_part(subtype, '/', 1) || '/*' = by_part.provider_subtype
left join provider_events as by_event
    on standing.source = by_event.source and event = by_event.provider_event and by_event.provider_subtype = '*'
where received_at is not null and event is not null and coalesce(external_id, email, phone, push_token) is not null;

drop table typed;

-- The first and the last of everything that was named, and who was named with what ---------------------------------

create table activity as
select channel, external_id, address, source, event_type, min(effective_at) as first_at, max(effective_at) as last_at
from events
where channel is not null and event_type in ('sent', 'delivered', 'open', 'click', 'soft_bounce', 'identify')
group by all;

create table acts as
select
    channel, external_id, address, event_type, source, topic, is_echo,
    min(struct_pack(acted_at := effective_at, event_id, received_at, source_of_change)) as first_act,
    max(struct_pack(acted_at := effective_at, event_id, received_at, source_of_change)) as last_act
from events
where event_type in ('complaint', 'unsubscribe', 'subscribe', 'bounce', 'block', 'reactivate', 'topic_unsubscribe', 'topic_subscribe')
group by all;

create table links as
select
    external_id, channel, address, first_at, last_at,
    count(*) over (partition by external_id, channel) > 50 as exceeds_address_limit,
    row_number() over (partition by channel, address order by last_at desc, external_id desc) = 1 as is_current_owner
from (
    select external_id, channel, address, min(effective_at) as first_at, max(effective_at) as last_at
    from (
        select external_id, 'email' as channel, email as address, effective_at from events where external_id is not null and email is not null and event_type <> 'other'
        union all
        select external_id, 'sms', phone, effective_at from events where external_id is not null and phone is not null and event_type <> 'other'
        union all
        select external_id, 'push', push_token, effective_at from events where external_id is not null and push_token is not null and event_type <> 'other'
    )
    group by external_id, channel, address
);

create table addresses as
with named as (
    select channel, external_id, address from activity
    union
    select channel, external_id, address from acts
),

unlinked as (
    select distinct channel, address from named
    where address is not null and not exists (from links where links.channel = named.channel and links.address = named.address)
),

nameless as (
    select distinct channel, external_id from named
    where
        external_id is not null
        and not exists (
            from links
            where links.channel = named.channel and links.external_id = named.external_id and (links.channel <> 'push' or links.is_current_owner)
        )
)

select row_number() over () as row_id, *, row_number() over (partition by coalesce(external_id, address), external_id is null, channel order by last_at desc, address desc) = 1 as is_latest_address
from (
    select external_id, channel, address, first_at, last_at, exceeds_address_limit, is_current_owner from links where channel <> 'push' or is_current_owner
    union all
    select null, channel, address, null, null, false, true from unlinked
    union all
    select external_id, channel, null, null, null, false, false from nameless
);

-- Who was mailed and never reacted --------------------------------------------------------------------------------

create table engaged as
select address, max(last_at) as engaged_at
from (
    select address, last_at from activity where channel = 'email' and address is not null and event_type in ('open', 'click')
    union all
    select address, last_act.acted_at from acts where channel = 'email' and address is not null and event_type = 'subscribe'
    union all
    select addresses.address, acts.last_act.acted_at
    from acts inner join addresses on acts.external_id = addresses.external_id and addresses.channel = 'email'
    where acts.channel = 'email' and acts.event_type = 'subscribe' and acts.address is null and not addresses.exceeds_address_limit
)
group by address;

create table unengaged as
with observations as (
    select source, max(last_at) as observed_at from activity where channel = 'email' and event_type in ('open', 'click') group by source
),

mailed as (
    select address, min(first_at) as first_sent_at, max(last_at) as last_sent_at, max(observed_at) as observed_at
    from activity left join observations using (source)
    where
        channel = 'email'
        and address is not null
        and event_type = case when source in (select distinct source from provider_events where event_type = 'sent') then 'sent' else 'delivered' end
    group by address
)

select
    address, greatest(first_sent_at, engaged_at) as base_at, base_at + interval 90 days as unengaged_at,
    md5(concat_ws('|', 'unengaged', address, base_at)) as event_id
from mailed left join engaged using (address)
where last_sent_at > base_at and unengaged_at <= observed_at;

-- Consent: a refusal reaches far, a grant reaches near ---------------------------------------------------------------

create table refusals as
with traits as (
    select
        channel, external_id, case when channel = 'push' and external_id is not null then null else address end as address,
        case when external_id is null then address end as trait_address, source, trait_value,
        struct_pack(acted_at := effective_at, event_id, received_at, source_of_change) as act
    from events
    where event_type = 'identify' and channel is not null and trait_value is not null
),

instants as (
    select channel, external_id, trait_address, act.acted_at as acted_at, bool_or(trait_value) as has_positive, bool_or(not trait_value) as has_negative
    from traits
    group by all
),

turns as (
    select
        channel, external_id, trait_address, acted_at,
        has_positive or not coalesce(lag(has_negative) over (partition by channel, external_id, trait_address order by acted_at), false) as is_turn
    from instants
    qualify has_negative and is_turn
),

all_refusals as (
    select
        channel, case when channel = 'push' and address is not null then null else external_id end as external_id, address,
        event_type as reason, source, topic, is_echo, first_act, last_act
    from acts
    where event_type in ('complaint', 'unsubscribe')
    union all
    select
        traits.channel, traits.external_id, traits.address, 'unsubscribe', traits.source, null, false, min(traits.act), max(traits.act)
    from traits inner join turns
        on
            traits.channel = turns.channel
            and coalesce(traits.external_id, traits.trait_address) = coalesce(turns.external_id, turns.trait_address)
            and (traits.external_id is null) = (turns.external_id is null)
            and traits.act.acted_at = turns.acted_at
    where not traits.trait_value
    group by all
)

select channel, external_id, address, reason, source, topic, false as is_echo, first_act.acted_at as first_at, unnest(last_act)
from all_refusals where not is_echo
union all
select * from (
    select channel, external_id, address, reason, source, topic, true, first_act.acted_at as first_at, unnest(first_act)
    from all_refusals where is_echo
    qualify row_number() over (partition by channel, reason, address, case when address is null then external_id end order by first_act) = 1
);

create table reached as
with reaching as (
    select addresses.row_id, addresses.first_at as linked_at, refusals.*
    from refusals inner join addresses on refusals.channel = addresses.channel and refusals.external_id = addresses.external_id
    union all
    select addresses.row_id, addresses.first_at, refusals.*
    from refusals inner join addresses on refusals.channel = addresses.channel and refusals.address = addresses.address
    where refusals.external_id is null
    union all
    select others.row_id, linked.first_at, refusals.*
    from refusals
    inner join addresses as linked on refusals.channel = linked.channel and refusals.address = linked.address
    inner join addresses as others on linked.channel = others.channel and linked.external_id = others.external_id and linked.address <> others.address
    where refusals.external_id is null and refusals.channel <> 'push' and not linked.exceeds_address_limit
),

named as (
    select
        reaching.*, addresses.external_id as row_external_id, addresses.address as row_address, addresses.exceeds_address_limit
    from reaching inner join addresses using (row_id)
),

first_acts as (
    select channel, row_address, reason, min(first_at) as first_at from named where not is_echo and row_address is not null group by all
),

first_acts_of_contacts as (
    select channel, row_external_id, reason, min(first_at) as first_at from named where not is_echo and row_external_id is not null group by all
)

-- An echo adds nothing where an earlier act is on record.
select named.* from named
where
    not is_echo
    or not exists (
        from first_acts
        where
            first_acts.channel = named.channel and first_acts.row_address = named.address
            and first_acts.reason = named.reason and first_acts.first_at <= named.first_at
    )
    and not exists (
        from first_acts_of_contacts as first_acts
        where
            named.address is null and first_acts.channel = named.channel and first_acts.row_external_id = named.external_id
            and first_acts.reason = named.reason and first_acts.first_at <= named.first_at
    );

create table reasons as
with grants as (
    select
        channel, case when channel = 'push' and address is not null then null else external_id end as external_id, address, source, topic,
        last_act.acted_at as acted_at
    from acts where event_type = 'subscribe' and not is_echo
),

ended as (
    select reached.row_id, reached.event_id, grants.acted_at
    from reached inner join grants on reached.channel = grants.channel and reached.row_address = grants.address
    where
        grants.acted_at > reached.acted_at
        and (grants.topic is null or reached.topic is null or (grants.source = reached.source and grants.topic = reached.topic))
        and (grants.external_id is null or reached.external_id is null or grants.external_id = reached.external_id)
    union all
    select reached.row_id, reached.event_id, grants.acted_at
    from reached inner join grants on reached.channel = grants.channel and reached.row_external_id = grants.external_id
    where
        grants.acted_at > reached.acted_at
        and (grants.topic is null or reached.topic is null or (grants.source = reached.source and grants.topic = reached.topic))
        and not reached.exceeds_address_limit
        and (reached.external_id is not null or reached.linked_at <= grants.acted_at)
),

last_endings as (
    select row_id, event_id, max(acted_at) as ended_at from ended group by all
),

-- Deliverability, block and engagement are per address.
facts_of_addresses as (
    select channel, address, event_type as reason, max(struct_pack(acted_at := last_act.acted_at, event_id := last_act.event_id, received_at := last_act.received_at, source, source_of_change := last_act.source_of_change)) filter (not is_echo) as act,
        min(struct_pack(acted_at := first_act.acted_at, event_id := first_act.event_id, received_at := first_act.received_at, source, source_of_change := first_act.source_of_change)) filter (is_echo) as echo
    from acts where event_type in ('bounce', 'block') and address is not null
    group by all
),

facts as (
    select channel, address, reason, unnest(coalesce(act, echo)) from facts_of_addresses
    union all
    select 'email', address, 'unengaged', unengaged_at, event_id, unengaged_at, 'contact_sync', null from unengaged
),

signs as (
    select channel, address, event_type, last_at as acted_at from activity where address is not null and event_type in ('delivered', 'open', 'click')
    union all
    select channel, address, event_type, last_act.acted_at from acts where address is not null and not is_echo and event_type in ('subscribe', 'reactivate')
    union all
    select 'email', address, 'open', engaged_at from engaged
),

endings as (
    select facts.channel, facts.address, facts.reason, max(signs.acted_at) as ended_at
    from facts inner join signs on facts.channel = signs.channel and facts.address = signs.address
    where
        signs.acted_at > facts.acted_at
        and case facts.reason
            when 'bounce' then signs.event_type in ('delivered', 'reactivate', 'subscribe')
            when 'block' then signs.event_type in ('reactivate', 'subscribe')
            else signs.event_type in ('open', 'click', 'subscribe')
        end
    group by all
),

all_facts as (
    select row_id, reason, acted_at, event_id, received_at, source, source_of_change, ended_at
    from reached left join last_endings using (row_id, event_id)
    union all
    select addresses.row_id, facts.reason, facts.acted_at, facts.event_id, facts.received_at, facts.source, facts.source_of_change, endings.ended_at
    from facts
    inner join addresses on facts.channel = addresses.channel and facts.address = addresses.address
    left join endings on facts.channel = endings.channel and facts.address = endings.address and facts.reason = endings.reason
)

select
    *, ended_at is null as holds,
    case reason when 'complaint' then 1 when 'unsubscribe' then 2 when 'bounce' then 3 when 'block' then 4 else 5 end as precedence
from all_facts
qualify row_number() over (partition by row_id, reason order by ended_at is null desc, acted_at desc, event_id desc) = 1;

-- State, the list, the profiles --------------------------------------------------------------------------------------

create table contact_state as
with grants as (
    select
        channel, case when channel = 'push' and address is not null then null else external_id end as external_id, address,
        struct_pack(acted_at := last_act.acted_at, event_id := last_act.event_id, source, source_of_change := last_act.source_of_change) as act
    from acts where event_type = 'subscribe' and not is_echo
),

granted as (
    select row_id, max(act) as act from (
        select addresses.row_id, grants.act
        from grants inner join addresses on grants.channel = addresses.channel and grants.address = addresses.address
        where grants.external_id is null or grants.external_id = addresses.external_id
        union all
        select addresses.row_id, grants.act
        from grants inner join addresses on grants.channel = addresses.channel and grants.external_id = addresses.external_id
        where not addresses.exceeds_address_limit
    )
    group by row_id
),

with_traits as (
    select addresses.row_id
    from activity inner join addresses on activity.channel = addresses.channel and activity.external_id = addresses.external_id
    where activity.event_type = 'identify'
    union
    select addresses.row_id
    from activity inner join addresses on activity.channel = addresses.channel and activity.address = addresses.address
    where activity.event_type = 'identify' and activity.external_id is null
),

summaries as (
    select
        row_id,
        min(struct_pack(precedence, reason, acted_at, event_id, received_at, source, source_of_change)) filter (holds) as first_reason,
        string_agg(reason, ',' order by precedence) filter (holds) as reasons,
        bool_or(holds and precedence <= 2) as is_refused,
        bool_or(precedence <= 2) as was_refused,
        bool_or(holds and precedence = 3) as is_undeliverable,
        bool_or(holds and precedence = 5) as is_unengaged,
        max(ended_at) as released_at
    from reasons
    group by row_id
)

select
    md5(coalesce('external_id|' || addresses.external_id, addresses.channel || '|' || addresses.address)) as contact_id,
    addresses.external_id, addresses.channel, addresses.address,
    first_reason is not null as is_suppressed,
    first_reason.reason, reasons, first_reason.precedence, first_reason.acted_at as reason_at, first_reason.event_id as reason_event_id,
    first_reason.received_at as reason_received_at, released_at,
    case
        when is_refused then false
        when granted.act is not null then true
        when not coalesce(was_refused, false) and with_traits.row_id is not null then true
    end as is_subscribed,
    not coalesce(is_undeliverable, false) as is_deliverable,
    not coalesce(is_unengaged, false) as is_engaged,
    coalesce(first_reason.source, granted.act.source) as source,
    case when first_reason is not null then first_reason.source_of_change else granted.act.source_of_change end as source_of_change,
    granted.act.acted_at as subscribed_at,
    addresses.is_current_owner,
    addresses.is_latest_address
from addresses
left join summaries using (row_id)
left join granted using (row_id)
left join with_traits using (row_id);

create table suppression_list as
with refused as (
    select * from contact_state
    where is_suppressed and address is not null
    qualify row_number() over (partition by channel, address order by precedence, reason_at desc, reason_event_id desc) = 1
)

select
    md5(refused.channel || '|' || refused.address) as suppression_id, refused.channel, refused.address, refused.reason as event_type,
    refused.reason_at as event_timestamp, refused.reason_received_at as inserted_at, labels.contact_id, labels.external_id,
    refused.source, refused.source_of_change, refused.reason_event_id as event_id
from refused
inner join contact_state as labels on refused.channel = labels.channel and refused.address = labels.address and labels.is_current_owner;

create table contact_profiles as
with judged as (
    select
        contact_state.*, greatest(reason_at, released_at, subscribed_at) as changed_at,
        case when contact_state.address is null then is_suppressed else suppression_list.address is not null end as is_listed,
        case when contact_state.address is null then reason else suppression_list.event_type end as listed_reason
    from contact_state left join suppression_list
        on contact_state.channel = suppression_list.channel and contact_state.address = suppression_list.address
)

select
    contact_id,
    max(external_id) as external_id,
    max(address) filter (channel = 'email' and is_latest_address) as email,
    max(address) filter (channel = 'sms' and is_latest_address) as phone,
    max(address) filter (channel = 'push' and is_latest_address) as push_token,
    bool_or(is_subscribed) filter (channel = 'email' and is_latest_address) as email_subscribed_status,
    bool_or(is_subscribed) filter (channel = 'sms' and is_latest_address) as sms_subscribed_status,
    bool_or(is_subscribed) filter (channel = 'push') as push_notification_enabled,
    max(subscribed_at) filter (channel = 'email' and is_latest_address) as email_opt_in_date,
    max(subscribed_at) filter (channel = 'sms' and is_latest_address) as sms_opt_in_date,
    max(subscribed_at) filter (channel = 'push' and is_latest_address) as push_opt_in_date,
    max(changed_at) filter (channel = 'email' and is_latest_address) as email_changed_at,
    max(changed_at) filter (channel = 'sms' and is_latest_address) as sms_changed_at,
    max(changed_at) filter (channel = 'push' and is_latest_address) as push_changed_at,
    coalesce(bool_or(is_listed) filter (channel = 'email' and is_latest_address), false) as email_suppressed,
    coalesce(bool_or(is_listed) filter (channel = 'sms' and is_latest_address), false) as sms_suppressed,
    coalesce(bool_or(is_listed) filter (channel = 'push' and is_latest_address), false) as push_suppressed,
    max(listed_reason) filter (channel = 'email' and is_latest_address) as email_reason,
    max(listed_reason) filter (channel = 'sms' and is_latest_address) as sms_reason,
    max(listed_reason) filter (channel = 'push' and is_latest_address) as push_reason
from judged
group by contact_id;

checkpoint;
