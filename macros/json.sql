{#
  Reading JSON text. Malformed JSON is null on both engines, never an error: one bad body must not stop a build.
  Paths are those that GoogleSQL reads too: `$."event-data".recipient`, never `$["a"]` or wildcards.
#}

{# BigQuery: JSON from text, null where it is malformed. Rounds: else a number of twenty digits would make a body malformed. Params: text. #}
{% macro safe_json(text) -%} safe.parse_json({{ text }}, wide_number_mode => 'round') {%- endmacro %}

{# BigQuery: the JSON texts of an array's elements. The cast changes nothing there; an emulator may keep JSON. Params: json, path. #}
{% macro json_items(json, path='$') -%} cast(json_query_array({{ json }}, '{{ path }}') as array<string>) {%- endmacro %}

{#
  One row per element of each delivery: the columns of `relation`, and
    element      JSON text of the element; the whole body where the body is one event or cannot be taken apart
    position     its place in the body, from 0
    shape_error  null, or why nothing can be read: `empty`, `wrong shape`; `json_fields` adds `malformed JSON`
  Params: relation, a CTE; json, its column of JSON text; shape, what the platform sends: `array` (of objects), `object`,
  or `any` (an object, an array, or an object whose `batch`, or member named by `list`, is an array).
  Why: the element is parsed again by `json_fields`, the body only here, and a body that is one object only there.
#}
{% macro json_elements(relation, json, shape, list='batch') %}{{ return(adapter.dispatch('json_elements')(relation, json, shape, list)) }}{% endmacro %}

{% macro bigquery__json_elements(relation, json, shape, list) -%}
{%- set kind = 'json_type(' ~ safe_json(json) ~ ')' -%}
    select
        bodies.* except (body_items),
        element,
        element_offset as position,
        case
            when {{ json }} is null or trim({{ json }}, ' ' || chr(9) || chr(10) || chr(13)) = '' then 'empty'
            {% if shape != 'array' %}when {{ regex_is(json, '\\s*{\\s*}\\s*') }} then 'empty'{% endif %}
            when array_length(body_items) = 0 then 'empty'
            when coalesce(json_type({{ safe_json('element') }}), '') != 'object' then 'wrong shape'
            {% if shape == 'array' %}when body_items is null then 'wrong shape'{% endif %}
        end as shape_error
    from (
        select
            *,
            {% if shape == 'object' -%}
            cast(null as array<string>)
            {%- else -%}
            case
                when {{ kind }} = 'array' then {{ json_items(json) }}
                {% if shape == 'any' -%}
                when json_type(json_query({{ safe_json(json) }}, '$.{{ list }}')) = 'array' then {{ json_items(json, '$.' ~ list) }}
                {%- endif %}
            end
            {%- endif %} as body_items
        from {{ relation }}
    ) as bodies
    cross join unnest(
        case when array_length(body_items) > 0 then body_items else [{{ json }}] end
    ) as element with offset as element_offset
{%- endmacro %}

{% macro duckdb__json_elements(relation, json, shape, list) -%}
{#- A scalar or an object answers `$[*]` with an empty list, malformed text with null. Elements come out minified: an object begins with a brace. -#}
{%- set start = "ltrim(" ~ json ~ ", e' \\t\\r\\n')" -%}
    select
        * exclude (body_items, body_error),
        coalesce(body_error, case when not starts_with({{ "element" if shape == 'array' else "ltrim(element, e' \\t\\r\\n')" }}, '{') then 'wrong shape' end) as shape_error
    from (
        select
            *,
            unnest(case when len(body_items) > 0 then body_items else [{{ json }}] end) as element,
            unnest(range(greatest(coalesce(len(body_items), 1), 1))) as position
        from (
            select
                *,
                case
                    when {{ start }} = '' or {{ json }} is null then 'empty'
                    {% if shape == 'array' -%}
                    when len(body_items) = 0 then case when starts_with({{ start }}, '[') then 'empty' else 'wrong shape' end
                    {%- else -%}
                    when {{ regex_is(json, '\\s*{\\s*}\\s*') }} or len(body_items) = 0 then 'empty'
                    {%- endif %}
                end as body_error
            from (
                select
                    *,
                    {% if shape == 'array' -%}
                    cast(try(json_extract({{ json }}, '$[*]')) as varchar[]) as body_items
                    {%- elif shape == 'any' -%}
                    cast(case
                        when starts_with({{ start }}, '[') then try(json_extract({{ json }}, '$[*]'))
                        when contains({{ json }}, '"{{ list }}"') and try(json_type({{ json }}, '$.{{ list }}')) = 'ARRAY' then try(json_extract({{ json }}, '$.{{ list }}[*]'))
                    end as varchar[]) as body_items
                    {%- else -%}
                    cast(null as varchar[]) as body_items
                    {%- endif %}
                from {{ relation }}
            ) as split_bodies
        ) as judged_bodies
    ) as exploded
{%- endmacro %}

{#
  The columns of `relation` and one column of text per path of `columns` (name -> path), all from one parse; a shape error is
  set where `json` is no JSON at all. Missing and JSON null are null. An object or array is its JSON text on DuckDB and null on
  BigQuery: no normalizer lets such a text through.
  Params: relation, a CTE made by `json_elements`; json, its column; columns, a dict; arrays, names of those columns that hold
  the JSON text of an array. Why: ten single extractions parse ten times.
#}
{% macro json_fields(relation, json, columns, arrays=[]) %}{{ return(adapter.dispatch('json_fields')(relation, json, columns, arrays)) }}{% endmacro %}

{% macro bigquery__json_fields(relation, json, columns, arrays) -%}
    select
        * except (shape_error, json_body),
        case when shape_error = 'empty' or json_body is not null then shape_error else 'malformed JSON' end as shape_error,
        {% for name, path in columns.items() -%}
        {{ 'json_query' if name in arrays else 'json_value' }}(json_body, '{{ path }}') as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from (
        select
            *,
            case when {{ safe_json(json) }} is not null then {{ json }} end as json_body
        from {{ relation }}
    ) as parsed
{%- endmacro %}

{% macro duckdb__json_fields(relation, json, columns, arrays) -%}
    select
        * exclude (shape_error, json_texts),
        case when shape_error = 'empty' or json_texts is not null then shape_error else 'malformed JSON' end as shape_error,
        {% for name in columns -%}
        json_texts[{{ loop.index }}] as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from (
        select
            *,
            try(json_extract_string({{ json }}, [
                {%- for path in columns.values() %}'{{ path }}'{{ ", " if not loop.last }}{% endfor -%}
            ])) as json_texts
        from {{ relation }}
    ) as parsed
{%- endmacro %}

{# One field of small JSON text inside an event, as `json_fields` reads it; null in, null out. Params: json, path. #}
{% macro json_text(json, path) %}{{ return(adapter.dispatch('json_text')(json, path)) }}{% endmacro %}
{% macro bigquery__json_text(json, path) -%} json_value({{ json }}, '{{ path }}') {%- endmacro %}
{% macro duckdb__json_text(json, path) -%} try(json_extract_string({{ json }}, '{{ path }}')) {%- endmacro %}

{# JSON text at a path, whether it stands there as JSON or as text that holds JSON; null in, null out. Params: json, path. Why: forms carry JSON as text. #}
{% macro json_inside(json, path) %}{{ return(adapter.dispatch('json_inside')(json, path)) }}{% endmacro %}
{% macro bigquery__json_inside(json, path) -%}
{%- set whole = 'case when ' ~ safe_json(json) ~ ' is not null then ' ~ json ~ ' end' -%}
    coalesce(json_value({{ whole }}, '{{ path }}'), json_query({{ whole }}, '{{ path }}'))
{%- endmacro %}
{% macro duckdb__json_inside(json, path) -%} try(json_extract_string({{ json }}, '{{ path }}')) {%- endmacro %}

{# JSON text of an array -> array of the elements' JSON texts; null for what is no array. Params: json. Why: small arrays inside an event. #}
{% macro json_array(json) %}{{ return(adapter.dispatch('json_array')(json)) }}{% endmacro %}
{% macro bigquery__json_array(json) -%} case when json_type({{ safe_json(json) }}) = 'array' then {{ json_items(json) }} end {%- endmacro %}
{% macro duckdb__json_array(json) -%} cast(case when starts_with({{ json }}, '[') then try(json_extract({{ json }}, '$[*]')) end as varchar[]) {%- endmacro %}

{#
  One row per entry of an array that is not null: the columns of `relation` and the entry as `name`.
  Params: relation, array expression, name. Why: unnest stands elsewhere on each engine.
#}
{% macro explode(relation, array, name) %}{{ return(adapter.dispatch('explode')(relation, array, name)) }}{% endmacro %}
{% macro bigquery__explode(relation, array, name) -%}
select {{ relation }}.*, {{ name }} from {{ relation }} cross join unnest({{ array }}) as {{ name }} where {{ name }} is not null
{%- endmacro %}
{% macro duckdb__explode(relation, array, name) -%}
select *, unnest(list_filter({{ array }}, lambda entry: entry is not null)) as {{ name }} from {{ relation }}
{%- endmacro %}

{# Columns of a row as the text of a JSON object, for quarantine. Params: columns, a list of names. Why: a log line has no body of its own. #}
{% macro json_row(columns) %}{{ return(adapter.dispatch('json_row')(columns)) }}{% endmacro %}
{% macro bigquery__json_row(columns) -%} to_json_string(struct({{ columns | join(', ') }})) {%- endmacro %}
{% macro duckdb__json_row(columns) -%} cast(json_object({% for column in columns %}'{{ column }}', {{ column }}{{ ', ' if not loop.last }}{% endfor %}) as varchar) {%- endmacro %}
