{#- The names that teams give to tracks and traits: seeds/track_names.csv, seeds/trait_names.csv. -#}

{#- The traits of a source in seeds/trait_names.csv: [[name, channel, is inverted]], by name. They are paths of JSON, which have to be
    literals, so they are read when a view is made; views_hash() has them. -#}
{% macro trait_names(platform) -%}
    {%- if not execute -%}{%- do ref('trait_names') -%}{{ return([]) }}{%- endif -%}
    {#- Not ref(): in a unit test that is what the test gives. -#}
    {%- set seed = api.Relation.create(database=target.database, schema=target.schema, identifier='trait_names', type='table') -%}
    {%- if load_cached_relation(seed) is none -%}{{ return([]) }}{%- endif -%}
    {%- set question -%}
        select concat(name, '|', channel, '|', case when is_inverted then 'inverted' else '' end)
        from {{ seed }}
        where source = '{{ platform }}'
        order by name, channel
    {%- endset -%}
    {%- set names = [] -%}
    {%- for row in answers_of(question) -%}{%- do names.append(row.split('|')) -%}{%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#- Paths for json_fields: the columns trait_0, trait_1 ... traits: of trait_names(); place: the object that holds them. -#}
{% macro trait_paths(traits, place) -%}
    {%- set paths = {} -%}
    {%- for trait in traits -%}{%- do paths.update({'trait_' ~ loop.index0: place ~ '."' ~ trait[0] ~ '"'}) -%}{%- endfor -%}
    {{ return(paths) }}
{%- endmacro %}

{#- What the traits of a channel (or of `all`) say together: false where any refuses, true where one agrees and none refuses, else null.
    Why: one text of all, `|+yes|-no|` with - before what is inverted, is planned in a tenth of the time that 21 comparisons take. -#}
{% macro trait_of_channel(traits, channel) -%}
    {%- set said = [] -%}
    {%- for number in range(traits | length) if traits[number][1] == channel -%}
        {%- do said.append("'|" ~ ('-' if traits[number][2] else '+') ~ "', coalesce(trait_" ~ number ~ ", '')") -%}
    {%- endfor -%}
    {%- if said -%}
    {%- set text = 'lower(concat(' ~ said | join(', ') ~ ", '|'))" -%}
    {%- set agrees, refuses = subscribed_words() | join('|'), unsubscribed_words() | join('|') -%}
case
    when {{ regex_is(text, '(?s).*[|]([+][[:space:]]*(' ~ refuses ~ ')|-[[:space:]]*(' ~ agrees ~ '))[[:space:]]*[|].*') }} then false
    when {{ regex_is(text, '(?s).*[|]([+][[:space:]]*(' ~ agrees ~ ')|-[[:space:]]*(' ~ refuses ~ '))[[:space:]]*[|].*') }} then true
end
    {%- else -%}
cast(null as boolean)
    {%- endif -%}
{%- endmacro %}

{#- What a trait says, in lower case: a boolean, or the words of a status, which some applications send in its place. -#}
{% macro subscribed_words() %}{{ return(true_words() + ['subscribed', 'opted_in']) }}{% endmacro %}
{% macro unsubscribed_words() %}{{ return(false_words() + ['unsubscribed', 'opted_out']) }}{% endmacro %}

{#- A channel's own trait and that of all channels, which reaches where the call names somebody there. Params: boolean columns. -#}
{% macro trait_here(own, of_all, names_somebody) -%}
case
    when coalesce({{ own }} = false, false) or coalesce({{ of_all }} = false and {{ names_somebody }}, false) then false
    when coalesce({{ own }}, false) or coalesce({{ of_all }} and {{ names_somebody }}, false) then true
end
{%- endmacro %}

{#- The tracks that seeds/track_names.csv is shipped with: those of a platform's own specification. Any other row is the team's. -#}
{% macro shipped_tracks() -%} (
    'email processed', 'email sent', 'email delivered', 'email opened', 'email machine opened', 'email link clicked',
    'email bounced', 'email soft bounced', 'email deferred', 'email dropped', 'email marked as spam', 'unsubscribed',
    'email unsubscribed', 'email subscribed', 'email group unsubscribed', 'email group subscribed', 'sms processed',
    'sms queued', 'sms sending', 'sms sent', 'sms delivered', 'sms undelivered', 'sms failed', 'sms delivery failed',
    'sms receiving', 'sms received', 'sms read', 'push notification permission changed', 'push notification sent',
    'push notification bounced'
) {%- endmacro %}
