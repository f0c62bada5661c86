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

insert into rejects
select
    file,
    line,
    channel,
    problem
from facts
where problem is not null;

-- Of what a row says no more for sure: a channel, or all of them.
create table doubts as
select distinct
    file,
    line,
    channel
from rejects;

create table addressed as
select
    facts.* exclude (problem),
    rows.external_id,
    case facts.channel when 'email' then rows.email when 'sms' then rows.phone when 'push' then rows.push_token end as address,
    rows.push_token_type,
    rows.reason,
    exists (
        select 1 from doubts
        where doubts.file = facts.file and doubts.line = facts.line and coalesce(doubts.channel, facts.channel) = facts.channel
    ) as is_doubtful
from facts
inner join rows on facts.file = rows.file and facts.line = rows.line
where facts.problem is null;

drop table facts;

insert into rejects
select
    file,
    line,
    channel,
    'says something of a channel of which it names no address' || coalesce(': column ' || header, '')
from addressed
where address is null and (external_id is null or kind = 'bounced') and not is_doubtful;

-- What one row says: its word is its state now, and its times are when that came to be.
create table said as
select
    * exclude (said_at, as_of, is_word, is_refused, opted_in_at, is_newest),
    case
        when kind = 'opted_in' then said_at
        -- The row's word is newer than its own opt-in.
        when is_refused and kind <> 'bounced' then greatest(coalesce(said_at, as_of), opted_in_at)
        else coalesce(said_at, as_of)
    end as said_at,
    said_at is null as is_undated
from (
    select
        addressed.*,
        sources.as_of,
        bool_or(is_word and kind in ('opted_out', 'complained')) over row_of as is_refused,
        max(said_at) filter (kind = 'opted_in') over row_of as opted_in_at,
        row_number() over (partition by addressed.file, line, channel, kind order by said_at desc nulls last, header) = 1 as is_newest
    from addressed
    inner join sources on addressed.file = sources.file
    window row_of as (partition by addressed.file, line, channel)
)
where
    is_newest
    -- Nobody is opted in by a row that also says no, or of which something could not be read.
    and not (kind = 'opted_in' and (is_refused or is_doubtful))
    and coalesce(address, case when kind <> 'bounced' then external_id end) is not null;

drop table addressed;

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
    updated_at as said_at,
    file,
    line
from rows
where
    external_id is not null
    and coalesce(email, phone, push_token) is not null
    -- Without its time it would be the newest.
    and (file, line) not in (select (file, line) from doubts where channel = 'identity');
