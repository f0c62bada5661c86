-- Fails with rows of the policy seeds that stand twice.
with

seed_rows as (

    select
        'suppression_releases' as seed,
        reason || '/' || event_type as row_key
    from {{ ref('suppression_releases') }}

    union all

    select
        'topics' as seed,
        source || '/' || topic as row_key
    from {{ ref('topics') }}

    union all

    select
        'destinations' as seed,
        destination || '/' || channel || '/' || coalesce(scope, '') as row_key
    from {{ ref('destinations') }}

    union all

    select
        'destination_reasons' as seed,
        destination || '/' || channel || '/' || coalesce(scope, '') || '/' || reason as row_key
    from {{ ref('destination_reasons') }}

)

select
    seed,
    row_key,
    count(*) as times
from seed_rows
group by seed, row_key
having count(*) > 1
