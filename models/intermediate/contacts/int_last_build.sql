{{ config(materialized='view') }}

with

builds as (

    select * from {{ raw_table('watermarks') if var('is_simulation') else source('raw', 'watermarks') }}
    where relation = '{{ made_name('build') }}'

)

select coalesce(max(taken_until), {{ utc_literal('1970-01-01') }}) as seen_until
from builds
