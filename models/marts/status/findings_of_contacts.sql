with

possible_opt_outs as (

    select * from {{ ref('status_possible_opt_outs') }}

),

unlinked_opt_outs as (

    select * from {{ ref('status_waiting_opt_outs') }}
    -- Of push mostly nobody can act: the token of a device that was switched off may be on no list (docs/platform-ids.md).
    where channel <> 'push'

),

contacts_over_address_limit as (

    select * from {{ ref('status_contacts_over_address_limit') }}

),

findings as (

    select
        'possible_opt_outs' as finding,
        sum(replies) as items,
        min(oldest) as since
    from possible_opt_outs

    union all

    select
        'opt_outs_unlinked' as finding,
        sum(opt_outs) as items,
        min(oldest) as since
    from unlinked_opt_outs

    union all

    select
        'contacts_over_address_limit' as finding,
        count(*) as items,
        null as since
    from contacts_over_address_limit

)

select
    finding,
    cast(items as {{ type_int64() }}) as items,
    since
from findings
where items > 0
