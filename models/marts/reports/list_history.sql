with

turns as (

    select * from {{ ref('list_turns') }}

),

daily as (

    select
        {{ to_date('turned_at') }} as date_day,
        channel,
        reason,
        count(case when turn = 'entry' then 1 end) as entries,
        count(case when turn = 'exit' then 1 end) as exits
    from turns
    group by {{ to_date('turned_at') }}, channel, reason

)

select
    date_day,
    channel,
    reason,
    entries,
    exits,
    cast(sum(entries - exits) over (
        partition by channel, reason
        order by date_day
        rows between unbounded preceding and current row
    ) as {{ type_int64() }}) as listed
from daily
