-- `sync_deltas` of one destination in the fast form, by hand: the ledger filtered by destination first, the latest
-- answer of each address, `not exists`. One channel, one scope, and every reason counts there.
create or replace temp table bare as
with ledger as (
    from raw.sync_ledger where destination = 'sendgrid' and channel = 'email' and scope = ''
),

known as (
    select address, arg_max(action, pushed_at) as action from ledger
    where outcome in ('confirmed', 'accepted') group by address
),

settled as (
    select address, event_id from ledger
    where outcome = 'rejected' or (outcome = 'absent' and pushed_at > now() at time zone 'UTC' - interval 7 day)
)

select 'suppress' as action, address, event_type as reason, event_id from suppression_list as listed
where
    channel = 'email'
    and not exists (from known where known.address = listed.address and known.action = 'suppress')
    and not exists (from settled where settled.address = listed.address and settled.event_id = listed.event_id)
union all
select 'release', address, null, null from known
where
    action = 'suppress'
    and not exists (from suppression_list as listed where channel = 'email' and listed.address = known.address)
