-- A name is part of a path of JSON: a quote, backslash or bar would break the views of all sources.
select
    traits.source,
    traits.name
from {{ ref('trait_names') }} as traits
where not {{ regex_is('traits.name', '[A-Za-z0-9_$ .:/-]+') }}
