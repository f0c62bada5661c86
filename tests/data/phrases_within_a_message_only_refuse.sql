-- An opt-in needs the whole message; and a phrase that is no plain words would be read as a pattern.
select
    keywords.phrase,
    keywords.match
from {{ ref('sms_keywords') }} as keywords
where
    (keywords.match = 'contains' and keywords.event_type <> 'unsubscribe')
    or keywords.phrase <> lower(keywords.phrase)
    or not {{ regex_is('keywords.phrase', '[\\p{L}\\p{N}\\p{M}]+( [\\p{L}\\p{N}\\p{M}]+)*') }}
