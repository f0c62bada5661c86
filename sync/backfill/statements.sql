-- From rows and facts (tables.sql) to statements: what each row says, whatever other rows say.

insert into rejects
select
    file,
    line,
    null as channel,
    'no identifier'
from rows
where
    coalesce(external_id, email, phone, push_token) is null
    and (file, line) not in (select (file, line) from facts where kind is null and problem is not null);

create table addressed as
select
    facts.*,
    rows.external_id,
    case facts.channel when 'email' then rows.email when 'sms' then rows.phone when 'push' then rows.push_token end as address,
    rows.push_token_type,
    rows.reason,
    -- A refusal is certain although its time is not. One of nobody is none.
    kind in ('opted_out', 'complained', 'bounced')
    and facts.channel <> 'unknown'
    and coalesce(address, case when kind <> 'bounced' then rows.external_id end) is not null as is_certain_refusal
from facts
inner join rows on facts.file = rows.file and facts.line = rows.line;

drop table facts;

insert into rejects
select
    file,
    line,
    channel,
    problem || case
        when is_certain_refusal then '; the '
            || case kind when 'opted_out' then 'opt-out' when 'complained' then 'complaint' else 'bounce' end
            || ' itself counts at --as-of'
        else ''
    end
from addressed
where problem is not null;

-- Of what a row says no more for sure: a channel, or all of them.
create table doubts as
select distinct
    file,
    line,
    channel
from rejects;

create table readable as
select
    *,
    exists (
        select 1 from doubts
        where
            doubts.file = addressed.file
            and doubts.line = addressed.line
            and coalesce(doubts.channel, addressed.channel) = addressed.channel
    ) as is_doubtful
from addressed
where problem is null or is_certain_refusal;

drop table addressed;

insert into rejects
select
    file,
    line,
    channel,
    'says something of a channel of which it names no address' || coalesce(': column ' || header, '')
from readable
where address is null and (external_id is null or kind = 'bounced') and not is_doubtful;

-- What one row says: its word is its state now, and its times are when that came to be.
create table said as
select
    * exclude (said_at, as_of, is_word, is_refused, opted_in_at, is_newest, problem, is_certain_refusal),
    case
        when kind = 'opted_in' then said_at
        -- The row's word is newer than its own opt-in.
        when is_refused and kind <> 'bounced' then greatest(coalesce(said_at, as_of), opted_in_at)
        else coalesce(said_at, as_of)
    end as said_at,
    said_at is null as is_undated
from (
    select
        readable.*,
        sources.as_of,
        bool_or(is_word and kind in ('opted_out', 'complained')) over row_of as is_refused,
        max(said_at) filter (kind = 'opted_in') over row_of as opted_in_at,
        -- What was said at a time that cannot be read may be newer than what has one: both land.
        row_number() over (
            partition by readable.file, line, channel, kind, problem is null order by said_at desc nulls last, header
        ) = 1 as is_newest
    from readable
    inner join sources on readable.file = sources.file
    window row_of as (partition by readable.file, line, channel)
)
where
    is_newest
    -- Nobody is opted in by a row that also says no, or of which something could not be read.
    and not (kind = 'opted_in' and (is_refused or is_doubtful))
    and coalesce(address, case when kind <> 'bounced' then external_id end) is not null;

drop table readable;

create table statements as
select
    case when kind = 'opted_in' and is_undated then 'status' else kind end as event,
    case when kind <> 'opted_in' and is_undated then 'undated' end as detail,
    channel,
    external_id,
    case when channel = 'email' then address end as email,
    case when channel = 'sms' then address end as phone,
    case when channel = 'push' then address end as push_token,
    case when channel = 'push' then push_token_type end as push_token_type,
    case when kind = 'opted_in' and is_undated then true end as is_positive,
    said_at,
    file,
    line,
    header,
    reason
from said

union all by name

select
    'contact' as event,
    external_id,
    email,
    phone,
    push_token,
    push_token_type,
    platform_id,
    updated_at as said_at,
    file,
    line
-- One for each of a platform's own ids, and one where there is none.
from (
    select
        *,
        unnest(if(len(platform_ids) = 0, [null], platform_ids)) as platform_id
    from rows
)
where
    coalesce(external_id, platform_id) is not null
    and coalesce(email, phone, push_token) is not null
    -- Without its time it would be the newest.
    and (file, line) not in (select (file, line) from doubts where channel = 'identity');
