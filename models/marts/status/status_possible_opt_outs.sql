with

possible_opt_outs as (

    select * from {{ ref('possible_opt_outs') }}

)

select
    source,
    channel,
    count(*) as replies,
    min(received_at) as oldest
from possible_opt_outs
group by source, channel
