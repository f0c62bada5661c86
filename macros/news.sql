{#- What a build finds new, asked once a run. A model names in meta.fed_by what it needs new rows of; where there are none it is left
    as it stands (macros/incremental.sql): a build that finds nothing new costs a few questions. -#}

{#- kind: landing (files or days), events, quarantine, traits, tokens, corrections (of copies that stood), states (events, or silence
    that the weekly run flagged), ledger, deltas (states or ledger). -#}
{% macro has_news(kind) -%}
    {%- if kind == 'landing' -%}
        {{ return(unprocessed_parts().is_any) }}
    {%- elif kind == 'ledger' -%}
        {%- do noted('build') -%}
        {{ return(graph.ledger_rows != graph.standing_code.get(made_name('ledger'))) }}
    {%- elif kind == 'deltas' -%}
        {{ return(has_news('states') or has_news('ledger')) }}
    {%- elif kind == 'states' -%}
        {#- A run that judges silence itself may be asked before it has. -#}
        {%- set judges_silence = 'model.' ~ project_name ~ '.int_unengaged_changed' in selected_resources -%}
        {{ return(judges_silence or news().events > 0 or news().silences > 0) }}
    {%- elif kind == 'corrections' -%}
        {{ return(replaced_since() is not none) }}
    {%- elif kind == 'traits' -%}
        {{ return(news().traits > 0 or has_news('corrections')) }}
    {%- else -%}
        {{ return(news()[kind] > 0) }}
    {%- endif -%}
{%- endmacro %}

{#- Counts of what int_events_unioned and the weekly run wrote since the last complete build. -#}
{% macro news() -%}
    {%- if graph.get('news_of') != invocation_id -%}
        {%- set since = watermark('loaded_at') -%}
        {%- set counts = run_query(
            "select count(copy_day), count(quarantine_reason), count(case when event_type = 'identify' then trait_value end),"
            ~ " count(case when channel = 'push' then push_token_type end),"
            ~ " (select count(*) from " ~ table_of('int_unengaged_changed') ~ " where changed_at > " ~ since ~ ")"
            ~ " from " ~ table_of('int_events_unioned') ~ " where " ~ newly_loaded(since)
        ).rows[0].values() | map('int') | list -%}
        {%- do graph.update({
            'news': dict(zip(['events', 'quarantine', 'traits', 'tokens', 'silences'], counts)), 'news_of': invocation_id,
        }) -%}
    {%- endif -%}
    {{ return(graph.news) }}
{%- endmacro %}
