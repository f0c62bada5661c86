with

rows_read as (

    select * from {{ ref('postmaster_rows') }}
    where error is null

),

-- A day that was asked for again: the later answer stands, and of two that say no time the higher rate.
latest as (

    select * from rows_read
    where true
    qualify row_number() over (
        partition by date_day, domain, metric
        order by case when queried_at is null then 1 else 0 end, queried_at desc, per_million desc
    ) = 1

)

select
    date_day,
    domain,
    {% for metric, column in postmaster_metrics().items() -%}
    max(case when metric = '{{ metric }}' then per_million end) as {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
from latest
group by date_day, domain
