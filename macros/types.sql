{#- Name of the 64-bit integer type (dbt.type_bigint() renders an alias that the open analyzer does not know). -#}
{% macro type_int64() %}{{ return(adapter.dispatch('type_int64')()) }}{% endmacro %}
{% macro duckdb__type_int64() %}{{ return('bigint') }}{% endmacro %}
{% macro bigquery__type_int64() %}{{ return('int64') }}{% endmacro %}
