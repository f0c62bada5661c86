-- From rows and facts (tables.sql) to statements: who is who, and per preference the newest word.

create table named as
select
    file,
    line,
    an_id(external_id) as external_id,
    an_email(email) as email,
    a_phone(phone) as phone,
    a_token(push_token) as push_token,
    nullif(push_token_type, '') as push_token_type,
    a_known_instant(updated_at) as updated_at,
    nullif(reason, '') as reason,
    case
        when bare(email) <> '' and an_email(email) is null then 'not an email address'
        when bare(phone) <> '' and a_phone(phone) is null then 'not a phone number'
        when bare(push_token) <> '' and a_token(push_token) is null
            and lower(bare(push_token)) not in ('null', 'undefined', '0') then 'not a push token'
        when coalesce(an_id(external_id), an_email(email), a_phone(phone), a_token(push_token)) is null then 'no identifier'
        when channel = 'unknown' then 'unknown channel'
        when bare(updated_at) <> '' and an_instant(updated_at) is null then 'unreadable time: updated_at'
        when an_instant(updated_at) > getvariable('now') + interval 1 day then 'a time in the future: updated_at'
    end as problem
from rows;

create table said as
select
    facts.file,
    facts.line,
    facts.position,
    facts.channel,
    facts.kind,
    facts.is_word,
    a_known_instant(facts.at_text) as said_at,
    named.external_id as named_id,
    case facts.channel when 'email' then named.email when 'sms' then named.phone when 'push' then named.push_token end as address,
    named.push_token_type,
    named.reason,
    named.problem as row_problem,
    case
        when facts.kind = 'unreadable' then 'unreadable status'
        when facts.at_text <> '' and an_instant(facts.at_text) is null then 'unreadable time'
        when an_instant(facts.at_text) > getvariable('now') + interval 1 day then 'a time in the future'
        when facts.channel not in ('email', 'sms', 'push') then 'unknown channel'
        when
            named.external_id is null
            and case facts.channel when 'email' then named.email when 'sms' then named.phone else named.push_token end is null
            then 'says something of a channel of which it names no address'
    end as problem
from facts
inner join named on facts.file = named.file and facts.line = named.line;

drop table rows;
drop table facts;

insert into rejects
select
    file,
    line,
    problem
from named
where problem is not null;

insert into rejects
select
    said.file,
    said.line,
    min(said.problem || coalesce(': column ' || headers.header, ''))
from said
left join headers on said.file = headers.file and said.position = headers.position
where said.problem is not null and said.row_problem is null
group by all;

-- One bad value makes the whole row doubtful.
create table rejected_lines as
select distinct
    file,
    line
from rejects;

delete from named
using rejected_lines
where named.file = rejected_lines.file and named.line = rejected_lines.line;

delete from said
using rejected_lines
where said.file = rejected_lines.file and said.line = rejected_lines.line;

-- Which external_ids were named with an address. Addresses named together without one are not joined.
create table owners as
select
    channel,
    address,
    count(distinct external_id) as owners,
    min(external_id) as owner
from (
    select 'email' as channel, email as address, external_id from named
    union all
    select 'sms' as channel, phone as address, external_id from named
    union all
    select 'push' as channel, push_token as address, external_id from named
)
where external_id is not null and address is not null
group by channel, address;

-- What one row says: its word is its state now, and its times are when that came to be.
create table told as
select
    * exclude (said_at, as_of, row_problem, problem, is_word, is_refused, opted_in_at, dated_at),
    case
        when kind = 'opted_in' then said_at
        -- The row's word is newer than its own opt-in.
        when is_refused and kind <> 'bounced' then greatest(coalesce(said_at, as_of), opted_in_at)
        else coalesce(said_at, as_of)
    end as told_at,
    said_at is null as is_undated
from (
    select
        said.*,
        sources.as_of,
        bool_or(is_word and kind in ('opted_out', 'complained')) over row_of as is_refused,
        max(said_at) filter (kind = 'opted_in') over row_of as opted_in_at,
        max(said_at) over (partition by said.file, line, channel, kind) as dated_at
    from said
    inner join sources on said.file = sources.file
    window row_of as (partition by said.file, line, channel)
)
where
    not (said_at is null and dated_at is not null)
    and not (kind = 'opted_in' and is_refused);

drop table said;

-- One row per thing said of a preference. A push permission is its device's; all else is the person's.
create table candidates as
select
    told.*,
    coalesce(told.named_id, case when owners.owners = 1 then owners.owner end) as person,
    coalesce(owners.owners > 1, false) as is_shared,
    case
        when told.channel = 'push' and told.address is not null then 'address ' || told.address
        when told.named_id is not null then 'id ' || told.named_id
        when owners.owners = 1 then 'id ' || owners.owner
        else 'address ' || told.address
    end as slot
from told
left join owners on told.channel = owners.channel and told.address = owners.address;

drop table told;

create table consents as
select
    *,
    max(told_at) filter (kind = 'opted_in') over whole as granted_at,
    max(told_at) filter (kind <> 'opted_in') over whole as refused_at,
    -- Whatever row says so: a grant of this address.
    max(told_at) filter (kind = 'opted_in') over at_address as address_granted_at
from candidates
where kind in ('opted_in', 'opted_out', 'complained')
window
    whole as (partition by channel, slot),
    at_address as (partition by channel, slot, address);

create table verdicts as
select
    channel,
    slot,
    min(granted_at) as granted_at,
    min(refused_at) as refused_at,
    -- Two rows are needed for a conflict: what one row says in turn is a history.
    count(distinct (file, line)) > 1 and count(distinct kind = 'opted_in') > 1 as is_conflict
from consents
group by channel, slot;

create table statements as
with

landing as (

    select
        case when kind = 'opted_in' and is_undated then 'status' else kind end as event,
        *
    from consents
    where case
        -- Every refusal: the models know of grants and links that no file names, and the latest wins there as here.
        when kind <> 'opted_in' then true
        -- At the same instant the refusal wins.
        when not is_undated then refused_at is null or told_at > refused_at
        else refused_at is null and address_granted_at is null
    end

    union all by name

    select
        kind as event,
        *
    from candidates
    where kind = 'bounced' and address is not null

),

-- Of several rows that say the same, the newest; of one time, the first.
newest as (

    select *
    from landing
    qualify row_number() over (
        partition by channel, slot, address, event, named_id
        order by told_at desc nulls last, file, line, position
    ) = 1

)

select
    event,
    channel,
    -- Whom its own row names: the models know who else is meant.
    named_id as external_id,
    case when channel = 'email' then address end as email,
    case when channel = 'sms' then address end as phone,
    case when channel = 'push' then address end as push_token,
    case when channel = 'push' then push_token_type end as push_token_type,
    case when event = 'status' then true end as is_positive,
    told_at,
    file,
    line,
    position,
    reason
from newest

union all by name

select
    'contact' as event,
    external_id,
    email,
    phone,
    push_token,
    max(push_token_type) as push_token_type,
    max(updated_at) as told_at,
    arg_min(file, (file, line)) as file,
    arg_min(line, (file, line)) as line
from named
where external_id is not null and coalesce(email, phone, push_token) is not null
group by external_id, email, phone, push_token;

-- Each candidate of a conflict, and which one holds.
create table conflicts as
select
    dense_rank() over (order by min_file, min_line, channel, slot) as conflict,
    * exclude (min_file, min_line)
from (
    select
        consents.channel,
        consents.slot,
        coalesce(consents.person, consents.address) as key,
        consents.kind,
        consents.told_at,
        consents.is_undated,
        consents.file,
        consents.line,
        consents.position,
        min(consents.file) over slots as min_file,
        arg_min(consents.line, (consents.file, consents.line)) over slots as min_line,
        row_number() over (
            partition by consents.channel, consents.slot
            order by consents.told_at desc nulls last, consents.kind = 'opted_in', consents.file, consents.line, consents.position
        ) = 1 as is_winner,
        case
            when verdicts.granted_at is null then 'an opt-in without a time ends nothing'
            when verdicts.granted_at = verdicts.refused_at then 'at the same time the refusal wins'
            else 'the newest wins'
        end as rule
    from consents
    inner join verdicts on consents.channel = verdicts.channel and consents.slot = verdicts.slot
    where verdicts.is_conflict
    window slots as (partition by consents.channel, consents.slot)
);
