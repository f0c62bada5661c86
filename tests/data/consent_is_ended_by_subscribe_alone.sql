-- A refusal yields only to that person: a reason of consent in suppression_releases.csv with another ending than
-- `subscribe` fails the build, which names the row.
select
    releases.reason,
    releases.event_type
from {{ ref('suppression_releases') }} as releases
inner join {{ ref('suppression_policy') }} as policy
    on releases.reason = policy.reason
where
    case
        when
            policy.attribute = 'consent'
            and releases.event_type <> 'subscribe'
            then error(
                'seeds/suppression_releases.csv: a reason of consent is ended by subscribe alone, not by '
                || releases.reason || ',' || releases.event_type
            ) is null
        else false
    end
