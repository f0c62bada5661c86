-- Who would come to a list, leave it, or stand there for another reason.
with

lists_before as (

    select * from {marts}.simulated_before

),

lists_after as (

    select * from {marts}.simulated_after

)

select
    coalesce(lists_after.destination, lists_before.destination) as destination,
    coalesce(lists_after.channel, lists_before.channel) as channel,
    coalesce(lists_after.scope, lists_before.scope) as scope,
    coalesce(lists_after.reason, lists_before.reason) as reason,
    coalesce(lists_after.subject, lists_before.subject) as subject,
    case
        when lists_before.subject is null then 'added'
        when lists_after.subject is null then 'freed'
        when lists_before.reason <> lists_after.reason then 'other reason'
        else 'as before'
    end as what
from lists_before
full outer join lists_after
    on
        lists_before.destination = lists_after.destination
        and lists_before.channel = lists_after.channel
        and lists_before.scope = lists_after.scope
        and lists_before.list_name = lists_after.list_name
        and lists_before.subject = lists_after.subject
