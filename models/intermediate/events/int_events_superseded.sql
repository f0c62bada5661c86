{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        partition_by=by_day('loaded_at'),
        meta={'fed_by': 'corrections'},
    )
}}

{%- set since = watermark('loaded_at') if is_incremental() %}
{%- set names = [
    'source', 'channel', 'event_type', 'address', 'external_id', 'email', 'phone', 'push_token', 'platform_id', 'topic',
    'trait_value', 'is_machine', 'is_echo', 'is_list_entry', 'effective_at',
] %}

with

corrected as (

    select * from {{ ref('int_events_corrected') }}
    {% if is_incremental() -%}
    where
        {{ in_copy_days(newly_loaded(since)) }}
        and loaded_at > {{ since }}
    {%- endif %}

),

corrections as (

    select * from {{ ref('events') }}
    where
        event_id in (select corrected.event_id from corrected)
        {%- if is_incremental() %}
        and loaded_at > {{ since }}
        {%- endif %}

),

copies as (

    select * from {{ ref('int_events_unioned') }}
    where
        quarantine_reason is null
        {%- if is_incremental() and replaced_since() %}
        and loaded_at >= {{ utc_literal(replaced_since()) }}
        {%- else %}
        -- A full build has built nothing from a copy that does not stand.
        and false
        {%- endif %}

)

-- A copy that says the same as the one that stands needs no second look.
select distinct
    copies.event_id,
    copies.source,
    copies.channel,
    copies.event_type,
    copies.address,
    copies.external_id,
    copies.email,
    copies.phone,
    copies.push_token,
    copies.platform_id,
    copies.topic,
    copies.is_machine,
    copies.is_echo,
    copies.is_list_entry,
    {{ build_time() }} as loaded_at
from corrections
inner join copies
    on
        corrections.event_id = copies.event_id
        and (
            {% for name in names -%}
            corrections.{{ name }} is distinct from copies.{{ name }}
            {{ 'or' if not loop.last }}
            {% endfor -%}
        )
