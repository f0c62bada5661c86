{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='push_token',
        on_schema_change='fail',
        cluster_by=['push_token'],
        meta={'fed_by': 'tokens'},
    )
}}

{%- set since = watermark('loaded_at') if is_incremental() %}

with

named as (

    select
        address as push_token,
        push_token_type,
        effective_at
    from {{ ref('events') }}
    where
        channel = 'push'
        and address is not null
        and push_token_type is not null
        {%- if is_incremental() %}
        and loaded_at > {{ since }}
        {%- endif %}

),

latest as (

    select
        push_token,
        {{ last_of(['effective_at', 'push_token_type']) }} as last_named
    from named
    group by push_token

)

select
    latest.push_token,
    latest.last_named.push_token_type,
    latest.last_named.effective_at as named_at,
    {{ build_time() }} as loaded_at
from latest
{% if is_incremental() -%}
left join {{ this }} as stored
    on latest.push_token = stored.push_token
where
    stored.push_token is null
    or latest.last_named.effective_at > stored.named_at
    or (latest.last_named.effective_at = stored.named_at and latest.last_named.push_token_type > stored.push_token_type)
{%- endif %}
