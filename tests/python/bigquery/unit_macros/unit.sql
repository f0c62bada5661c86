{#- For the tests on GoogleSQL: a unit test is not run but told, for GoogleSQL's own library to run. -#}
{% materialization unit, adapter='bigquery' %}
    {%- do print('unit test ' ~ tojson({'name': model.name, 'tests': model.tested_node_unique_id, 'sql': sql})) -%}
    {%- call statement('main', fetch_result=True) -%} select 'actual' as actual_or_expected {%- endcall -%}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{#- Given rows are a parameter of the query: unit tests that differ by them alone share it. -#}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
select * from unnest(@{{ model.name }})
{%- endmacro %}
