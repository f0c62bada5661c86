with

quarantined as (

    select * from {{ ref('quarantined_deliveries') }}

)

select
    source,
    reason,
    count(*) as deliveries
from quarantined
group by source, reason
