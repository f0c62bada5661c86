-- What a platform's lists hold (their_entries), what they should hold (our_wanted) and what the ledger knows to be there
-- (our_known), compared per row of seeds/destinations.csv, file and address.

create table entries as
select
    their_entries.channel,
    their_entries.scope,
    their_entries.address,
    their_entries.listed_in,
    cast(cast(their_entries.since as timestamptz) at time zone 'UTC' as timestamp) as since,
    their_entries.topic,
    their_entries.platform_id,
    their_entries.is_placement = 'True' as is_placement,
    -- Of a platform that files reasons apart, the file; else all its lists are one.
    case when files.has_files then their_entries.listed_in else '' end as list_name,
    false as is_foreign
from their_entries
inner join compared
    on
        their_entries.channel = compared.channel
        and their_entries.scope = compared.scope
left join (
    select distinct
        channel,
        scope,
        true as has_files
    from our_files
) as files
    on
        their_entries.channel = files.channel
        and their_entries.scope = files.scope
-- Who refuses a group or a tag is on another list than that of the row.
where
    their_entries.topic is null
    or their_entries.topic = their_entries.scope;

create table wanted as
select
    our_wanted.*,
    entries.address is null as is_missing
from our_wanted
inner join compared
    on
        our_wanted.channel = compared.channel
        and our_wanted.scope = compared.scope
left join (
    select distinct
        channel,
        scope,
        address,
        list_name
    from entries
    -- What is on another list only may be purged from it.
    where is_placement
) as entries
    on
        our_wanted.channel = entries.channel
        and our_wanted.scope = entries.scope
        and our_wanted.address = entries.address
        and our_wanted.list_name = entries.list_name;

-- What we placed and no longer want waits for its release, and is nobody else's.
update entries
set is_foreign = true
where
    not exists (
        select 1
        from wanted
        where
            wanted.channel = entries.channel
            and wanted.scope = entries.scope
            and wanted.address = entries.address
            and wanted.list_name = entries.list_name
    )
    and not exists (
        select 1
        from our_known
        where
            our_known.channel = entries.channel
            and our_known.scope = entries.scope
            and our_known.address = entries.address
            and our_known.list_name = entries.list_name
    );

create view differences as
with

missing as (

    select
        wanted.*,
        exists (
            select 1
            from entries
            where
                entries.channel = wanted.channel
                and entries.scope = wanted.scope
                and entries.address = wanted.address
                and entries.is_placement
        ) as is_elsewhere
    from wanted
    where wanted.is_missing

),

foreign_entries as (

    select *
    from entries
    where
        is_foreign
        -- It is told of once, as the one that is missing in its own file.
        and not exists (
            select 1
            from missing
            where
                missing.channel = entries.channel
                and missing.scope = entries.scope
                and missing.address = entries.address
        )
    qualify row_number() over (partition by channel, scope, address order by since, listed_in) = 1

)

select
    case
        when is_elsewhere then 'reason_differs'
        when known_action = 'suppress' then 'removed'
        else 'missing'
    end as kind,
    channel,
    scope,
    address,
    cast(null as varchar) as listed_in,
    cast(null as timestamp) as since,
    reason,
    event_id
from missing

union all

select
    'foreign' as kind,
    channel,
    scope,
    address,
    listed_in,
    since,
    cast(null as varchar) as reason,
    cast(null as varchar) as event_id
from foreign_entries;
