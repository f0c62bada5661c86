with

opt_outs as (

    select * from {{ ref('events') }}
    where event_type = 'topic_unsubscribe'

),

topics as (

    select * from {{ ref('topics') }}

),

rows_for_any as (

    select count(*) as number
    from topics
    where
        source = '*'
        and topic = '*'

)

select
    opt_outs.source,
    opt_outs.topic,
    count(*) as events
from opt_outs
cross join rows_for_any
left join topics as exact
    on opt_outs.source = exact.source and opt_outs.topic = exact.topic
left join topics as of_source
    on opt_outs.source = of_source.source and of_source.topic = '*'
left join topics as of_topic
    on opt_outs.topic = of_topic.topic and of_topic.source = '*'
where
    coalesce(exact.topic, of_source.topic, of_topic.topic) is null
    and rows_for_any.number = 0
group by opt_outs.source, opt_outs.topic
