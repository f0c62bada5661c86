{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'states', 'replaces': 'contact_id'},
    )
}}

{%- set channels = {'email': 'email', 'sms': 'phone', 'push': 'push_token'} %}
{%- set statuses = {'email': 'email_subscribed_status', 'sms': 'sms_subscribed_status', 'push': 'push_notification_enabled'} %}

with

states as (

    select * from {{ ref('int_contact_state') }}
    where {{ is_changed('contact_id') }}

),

suppression_list as (

    select * from {{ ref('suppression_list') }}

),

-- A mailbox that another contact refuses must not be contacted either.
judged as (

    select
        states.*,
        case
            when states.address is null then states.is_suppressed
            else suppression_list.address is not null
        end as is_listed,
        case when states.address is null then states.reason else suppression_list.event_type end as listed_reason,
        {{ latest_of_three('states.reason_at', 'states.released_at', 'states.subscribed_at') }} as changed_at
    from states
    left join suppression_list
        on
            states.channel = suppression_list.channel
            and states.address = suppression_list.address

),

contacts as (

    select
        contact_id,
        max(external_id) as external_id,
        max(computed_at) as computed_at,
        {% for channel, address in channels.items() -%}
        max(case when channel = '{{ channel }}' and is_latest_address then address end) as {{ address }},
        {% endfor -%}
        {% for channel in ['email', 'sms'] -%}
        max(case when channel = '{{ channel }}' and is_latest_address then cast(is_subscribed as {{ type_int64() }}) end) = 1
            as {{ statuses[channel] }},
        {% endfor -%}
        -- Enabled if any device is.
        max(case when channel = 'push' then cast(is_subscribed as {{ type_int64() }}) end) = 1 as push_notification_enabled,
        {% for channel in channels -%}
        max(case when channel = '{{ channel }}' and is_latest_address then subscribed_at end) as {{ channel }}_opt_in_date,
        max(case when channel = '{{ channel }}' and is_latest_address then changed_at end) as {{ channel }}_changed_at,
        coalesce(
            max(case when channel = '{{ channel }}' and is_latest_address then cast(is_listed as {{ type_int64() }}) end) = 1,
            false
        ) as {{ channel }}_suppressed,
        max(case when channel = '{{ channel }}' and is_latest_address then listed_reason end)
            as {{ channel }}_reason{{ ',' if not loop.last }}
        {% endfor %}
    from judged
    group by contact_id

)

select
    contact_id,
    external_id,
    email,
    phone,
    push_token,
    email_subscribed_status,
    sms_subscribed_status,
    push_notification_enabled,
    email_opt_in_date,
    sms_opt_in_date,
    push_opt_in_date,
    email_changed_at,
    sms_changed_at,
    push_changed_at,
    email_suppressed,
    sms_suppressed,
    push_suppressed,
    email_reason,
    sms_reason,
    push_reason,
    computed_at
from contacts
