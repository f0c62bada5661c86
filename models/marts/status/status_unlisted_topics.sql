with

opt_outs as (

    select * from {{ ref('events') }}
    where event_type = 'topic_unsubscribe'

),

topics as (

    select * from {{ ref('topics') }}

)

select
    opt_outs.source,
    opt_outs.topic,
    count(*) as events
from opt_outs
left join topics
    on
        opt_outs.source = topics.source
        and opt_outs.topic = topics.topic
where topics.topic is null
group by opt_outs.source, opt_outs.topic
