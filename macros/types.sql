{#- Name of the 64-bit integer type (dbt.type_bigint() renders an alias that the open analyzer does not know). -#}
{% macro type_int64() %}{{ return('int64' if target.type == 'bigquery' else 'bigint') }}{% endmacro %}
