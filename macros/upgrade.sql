{#- on-run-start of a full refresh: tables and views of earlier versions, which nothing reads any more and personal data is in. -#}
{% macro drop_replaced_relations() -%}
    {%- set left_out = tables_below('sync_deltas') | reject('in', selected_resources) | list -%}
    {%- if flags.FULL_REFRESH and flags.WHICH in ('build', 'run') and not left_out -%}
        {%- for name in [
            'int_events__unioned', 'int_standing_copies', 'int_superseded_events', 'int_corrections', 'int_placements', 'int_latest_events',
            'int_touched_contacts', 'int_unengaged_changes', 'int_trait_refusals', 'int_last_signs_of_life', 'int_filings',
            'int_ledger_answers', 'int_known_states', 'int_known_answers', 'int_list_entries', 'int_list_changes', 'int_profile_changes',
            'destination_filings', 'int_push_tokens',
        ] -%}
            {%- set relation = api.Relation.create(database=target.database, schema=target.schema, identifier=name) -%}
            {%- do drop_relation_if_exists(load_cached_relation(relation)) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- What was loaded stays on record under the table's new name. -#}
{% macro move_landing_taken() -%}
    {%- do run_query(
        "insert into " ~ raw_table('landing_loaded') ~ " (relation, landing_part, fingerprint, loaded_at)"
        ~ " select relation, landing_part, landing_print, taken_at from " ~ raw_table('landing_taken')
    ) -%}
    {%- do run_query('drop table ' ~ raw_table('landing_taken')) -%}
{%- endmacro %}
