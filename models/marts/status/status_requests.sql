with

counts as (

    select * from {{ source('raw', 'webhook_requests') }}

)

select
    source,
    cast(sum(case when status_class = '2xx' then requests else 0 end) as {{ type_int64() }}) as requests_2xx,
    cast(sum(case when status_class = '4xx' then requests else 0 end) as {{ type_int64() }}) as requests_4xx,
    cast(sum(case when status_class = '5xx' then requests else 0 end) as {{ type_int64() }}) as requests_5xx
from counts
group by source
