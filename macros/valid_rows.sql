{#- All that must hold of the rows of a model, in one query: a build pays for each query, and BigQuery
    for each time that a column is read. Fails with one row whose columns say what is wrong and how often.
    unique: columns, or lists of text columns that are unique together. accepted_values: values by column.
    relationships: {to, field} by column. Nulls fail not_null only. Which column failed: run the test's compiled query. -#}
{% test valid_rows(model, unique=[], not_null=[], accepted_values={}, relationships={}) %}
with

measured as (

    select
        {%- for key in unique %}
        {%- set columns = [key] if key is string else key %}
        {%- set value = "model." ~ key if key is string else "coalesce(model." ~ columns | join(", '') || '/' || coalesce(model.") ~ ", '')" %}
        count({{ value }}) - count(distinct {{ value }}) as repeated_{{ columns | join('_') }},
        {%- endfor %}
        {%- for column in not_null %}
        sum(case when model.{{ column }} is null then 1 end) as no_{{ column }},
        {%- endfor %}
        {%- for column, values in accepted_values.items() %}
        sum(case when model.{{ column }} not in ('{{ values | join("', '") }}') then 1 end) as unaccepted_{{ column }},
        {%- endfor %}
        {%- for column, key in relationships.items() %}
        sum(case when model.{{ column }} is not null and keys_of_{{ column }}.{{ key.field }} is null then 1 end) as orphaned_{{ column }},
        {%- endfor %}
        count(*) as rows_in_all
    from {{ model }} as model
    {%- for column, key in relationships.items() %}
    left join (select distinct {{ key.field }} from {{ key.to }}) as keys_of_{{ column }}
        on model.{{ column }} = keys_of_{{ column }}.{{ key.field }}
    {%- endfor %}

)

select *
from measured
where
    false
    {%- for key in unique %}
    or repeated_{{ (key if key is string else key | join('_')) }} > 0
    {%- endfor %}
    {%- for column in not_null %}
    or no_{{ column }} > 0
    {%- endfor %}
    {%- for column in accepted_values %}
    or unaccepted_{{ column }} > 0
    {%- endfor %}
    {%- for column in relationships %}
    or orphaned_{{ column }} > 0
    {%- endfor %}
{% endtest %}
