{#- To be acted on now: an opt-out may not be obeyed, or nothing is pushed. -#}
{%- set urgent -%}
    'no_build', 'build_failed', 'build_old', 'opt_outs_waiting', 'opt_outs_rejected', 'opt_outs_unlinked', 'pushes_guarded', 'pushes_failed'
{%- endset -%}
{#- What could not be read, or nobody has judged, may be an opt-out that no figure counts. -#}
{%- set hiding -%} 'possible_opt_outs', 'quarantined', 'unknown_events', 'unmatched_rows', 'requests_5xx' {%- endset -%}

with

of_builds as (

    select * from {{ ref('findings_of_builds') }}

),

of_pushes as (

    select * from {{ ref('findings_of_pushes') }}

),

of_sources as (

    select * from {{ ref('findings_of_sources') }}

),

of_contacts as (

    select * from {{ ref('findings_of_contacts') }}

),

findings as (

    select * from of_builds

    union all

    select * from of_pushes

    union all

    select * from of_sources

    union all

    select * from of_contacts

)

select
    finding,
    cast(case when finding in ({{ urgent }}) then 1 else 2 end as {{ type_int64() }}) as severity,
    finding in ({{ urgent }}, {{ hiding }}) as may_hide_opt_outs,
    items,
    since
from findings
