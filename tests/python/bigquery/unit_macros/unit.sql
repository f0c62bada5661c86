{#- For the tests on GoogleSQL: a unit test is not run but told, for GoogleSQL's own library to run. -#}
{% materialization unit, adapter='bigquery' %}
    {%- set rows = config.get('expected_rows') -%}
    {%- do print('unit test ' ~ tojson({'name': model.name, 'tests': model.tested_node_unique_id, 'sql': sql, 'rows': rows})) -%}
    {%- call statement('main', fetch_result=True) -%} select 'actual' as actual_or_expected {%- endcall -%}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{#- dbt leaves backslashes as they are, which BigQuery reads as escapes. -#}
{% macro bigquery__escape_single_quotes(expression) -%}
{{ expression | replace('\\', '\\\\') | replace("'", "\\'") }}
{%- endmacro %}
