{#- Why mail bounced: seeds/bounce_classes.csv (docs/bounces.md). Looked up for bounces alone, which are few. -#}

{#- The rows of the seed as one row with an array, in their order. A CTE's body. -#}
{% macro bounce_rules() -%}
    select
        true as is_of_bounces,
        array_agg({{ struct_of(['precedence', 'source', 'field', 'pattern', 'class', 'is_permanent']) }} order by precedence) as bounce_rules
    from {{ ref('bounce_classes') }}
{%- endmacro %}

{#- The first rule that fits a row, as a struct; null where none does. row: a CTE with bounce_rules, source, bounce_classification,
    bounce_word, own_code, said_code, basic_code and bounce_text. Why: one look at all rules in their order, and no pattern to
    compile; arrays are searched otherwise on each engine. -#}
{% macro first_bounce_rule(row) %}{{ return(adapter.dispatch('first_bounce_rule')(row)) }}{% endmacro %}
{% macro duckdb__first_bounce_rule(row) -%} list_filter({{ row }}.bounce_rules, lambda rule: {{ bounce_rule_fits(row) }})[1] {%- endmacro %}
{% macro bigquery__first_bounce_rule(row) -%}
    (select rule from unnest({{ row }}.bounce_rules) as rule where {{ bounce_rule_fits(row) }} order by rule.precedence limit 1)
{%- endmacro %}

{#- Each column by its table: on BigQuery the fields of a rule hide columns of their name. -#}
{% macro bounce_rule_fits(row) -%}
coalesce(
        rule.source in ('*', {{ row }}.source)
        and case rule.field
            when 'classification' then {{ row }}.bounce_classification like rule.pattern
            when 'word' then {{ row }}.bounce_word like rule.pattern
            when 'code' then
                {{ row }}.own_code like rule.pattern
                or {{ row }}.said_code like rule.pattern
                or {{ row }}.basic_code like rule.pattern
            when 'text' then {{ row }}.bounce_text like rule.pattern
        end,
        false
    )
{%- endmacro %}

{#- The first enhanced status code (`5.1.1`, RFC 3463) and the first basic one (`550`) of a text; null where there is none.
    A number within an address or a version is none. Params: text. Why: the names and the way to a group differ. -#}
{% macro enhanced_code(text) -%} {{ first_group(text, '(?:^|[^0-9.])([45][.][0-9]{1,3}[.][0-9]{1,3})[.]?(?:$|[^0-9.])') }} {%- endmacro %}
{% macro basic_code(text) -%} {{ first_group(text, '(?:^|[^0-9.])([45][0-9]{2})(?:$|[^0-9.])') }} {%- endmacro %}

{% macro first_group(text, pattern) %}{{ return(adapter.dispatch('first_group')(text, pattern)) }}{% endmacro %}
{% macro bigquery__first_group(text, pattern) -%} regexp_extract({{ text }}, r'{{ pattern }}') {%- endmacro %}
{% macro duckdb__first_group(text, pattern) -%} nullif(regexp_extract({{ text }}, '{{ pattern }}', 1), '') {%- endmacro %}

{#- Columns as one struct with their names. -#}
{% macro struct_of(fields) %}{{ return(adapter.dispatch('struct_of')(fields)) }}{% endmacro %}
{% macro bigquery__struct_of(fields) -%} {{ named_struct(fields) }} {%- endmacro %}
{% macro duckdb__struct_of(fields) -%} struct_pack({% for f in fields %}{{ f }} := {{ f }}{{ ', ' if not loop.last }}{% endfor %}) {%- endmacro %}

{#- Predicate: a soft bounce that is the mailbox's: of a class that is no fault of the sender and no passing trouble between. An echo
    and an entry of a platform's list are no attempt. event: alias with event_type, bounce_class, is_echo, provider_event. -#}
{% macro is_mailbox_bounce(event) -%}
    ({{ event }}.event_type = 'soft_bounce'
        and coalesce({{ event }}.bounce_class in ('mailbox_full', 'mailbox_disabled', 'invalid_address'), false)
        and not {{ event }}.is_echo
        and coalesce({{ event }}.provider_event not like 'list/%', true))
{%- endmacro %}

{#- Predicate: what happened since at the address of such a bounce is read, too: it ends the count, or proves that the platform let it go. -#}
{% macro is_followed_bounce(event) -%} ({{ event }}.is_softened or {{ is_mailbox_bounce(event) }}) {%- endmacro %}

{#- Since when int_soft_bounces reads what was loaded, as a literal: the last complete build, or the oldest of the soft bounces that
    came since. -#}
{% macro soft_bounces_from(since) -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}{{ return(utc_literal('1970-01-01')) }}{%- endif -%}
    {%- if not has_news('events') -%}{{ return(since) }}{%- endif -%}
    {%- set oldest = answers_of(
        "select cast(min(effective_at) as " ~ dbt.type_string() ~ ") from " ~ table_of('events') ~ " as told where loaded_at > " ~ since
        ~ " and " ~ is_followed_bounce('told')
    )[0] -%}
    {{ return(utc_literal([noted('build')[0] or '1970-01-01', oldest] | select | min)) }}
{%- endmacro %}
