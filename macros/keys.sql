{#- md5 over columns, nulls told apart from empty text: one id on every engine.
    columns: SQL expressions; each is cast to text. -#}
{% macro surrogate_key(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), '_null_')") -%}
    {%- endfor -%}
    {{ dbt.hash(parts | join(" || '|' || ")) }}
{%- endmacro %}

{#- The contact of a row: its external_id, else the address itself. -#}
{% macro contact_id(external_id, channel, address) -%}
    case
        when {{ external_id }} is not null then {{ surrogate_key(["'external_id'", external_id]) }}
        else {{ surrogate_key([channel, address]) }}
    end
{%- endmacro %}

{#- The event that `unengaged` stands for: silence since the last sign of life (or the first send). -#}
{% macro unengaged_event_id(address, engaged_event_id) -%}
    {{ surrogate_key(["'unengaged'", address, engaged_event_id]) }}
{%- endmacro %}
