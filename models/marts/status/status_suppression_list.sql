with

listed as (

    select * from {{ ref('suppression_list') }}

)

select
    channel,
    event_type as reason,
    count(*) as addresses
from listed
group by channel, event_type
