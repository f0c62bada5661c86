-- Fails with rows of the policy seeds that stand twice.
select 'suppression_releases' as seed, reason || '/' || event_type as row_key, count(*) as times
from {{ ref('suppression_releases') }}
group by reason, event_type
having count(*) > 1

union all

select 'topics' as seed, source || '/' || topic as row_key, count(*) as times
from {{ ref('topics') }}
group by source, topic
having count(*) > 1

union all

select 'destinations' as seed, destination || '/' || channel || '/' || coalesce(scope, '') as row_key, count(*) as times
from {{ ref('destinations') }}
group by destination, channel, coalesce(scope, '')
having count(*) > 1

union all

select
    'destination_reasons' as seed,
    destination || '/' || channel || '/' || coalesce(scope, '') || '/' || reason as row_key,
    count(*) as times
from {{ ref('destination_reasons') }}
group by destination, channel, coalesce(scope, ''), reason
having count(*) > 1
