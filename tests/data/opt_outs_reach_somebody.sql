-- Words that the mapping calls an opt-out, of a call of which nothing says what channel it is about: nobody was suppressed for
-- them. Name the track in seeds/track_names.csv; the next full refresh reads them again.
{{ config(tags=['full_scan']) }}
select
    source,
    count(*) as deliveries
from {{ ref('quarantined_deliveries') }}
where reason = 'no channel'
group by source
