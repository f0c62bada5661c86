-- Who is to be on which list: the mart, and what every enabled destination is to hold of it.
select
    'suppression_list' as destination,
    channel,
    '' as scope,
    '' as list_name,
    address as subject,
    event_type as reason
from {marts}.suppression_list

union all

select
    destination,
    channel,
    scope,
    list_name,
    address as subject,
    reason
from {marts}.int_desired_state

union all

-- A profile is told of, not an address.
select
    destination,
    channel,
    scope,
    '' as list_name,
    contact_id as subject,
    reason
from {marts}.int_desired_profiles
where action = 'suppress'
