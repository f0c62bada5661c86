{#- The part of a text before its first slash; the whole text where there is none. -#}
{% macro before_slash(text) %}{{ return(adapter.dispatch('before_slash')(text)) }}{% endmacro %}
{% macro bigquery__before_slash(text) -%} split({{ text }}, '/')[safe_offset(0)] {%- endmacro %}
{% macro duckdb__before_slash(text) -%} split_part({{ text }}, '/', 1) {%- endmacro %}
