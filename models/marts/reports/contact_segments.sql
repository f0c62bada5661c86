{%- set statuses = {'email': 'email_subscribed_status', 'sms': 'sms_subscribed_status', 'push': 'push_notification_enabled'} %}
{%- set addresses = {'email': 'email', 'sms': 'phone', 'push': 'push_token'} %}

with

segments as (

    select * from {{ ref('segments') }}

),

profiles as (

    select * from {{ ref('contact_profiles') }}

),

channels as (

    {% for channel in statuses -%}
    select
        contact_id,
        external_id,
        '{{ channel }}' as channel,
        {{ addresses[channel] }} is not null as has_address,
        {{ statuses[channel] }} as is_subscribed,
        {{ channel }}_suppressed as is_suppressed
    from profiles
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- How many conditions a segment has: one that names no channel or condition of ours is met by nobody.
sizes as (

    select
        segment,
        count(*) as conditions
    from segments
    group by segment

),

met as (

    select
        segments.segment,
        channels.contact_id,
        channels.external_id
    from channels
    inner join segments
        on channels.channel = segments.channel
    where
        case segments.condition
            when 'subscribed' then coalesce(channels.is_subscribed, false)
            when 'not_subscribed' then not coalesce(channels.is_subscribed, false)
            when 'suppressed' then channels.is_suppressed
            when 'not_suppressed' then channels.has_address and not channels.is_suppressed
            when 'unknown' then channels.is_subscribed is null
        end

),

members as (

    select
        segment,
        contact_id,
        max(external_id) as external_id,
        count(*) as conditions
    from met
    group by segment, contact_id

)

select
    members.segment,
    members.contact_id,
    members.external_id
from members
inner join sizes
    on
        members.segment = sizes.segment
        and members.conditions = sizes.conditions
