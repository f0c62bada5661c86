{#- What people write in reply to a text message: seeds/sms_keywords.csv. The text itself stays in raw. -#}

{#- One row with the phrases of the seed as patterns: for whole messages (without blanks) and for phrases within one. A CTE's body. -#}
{% macro keyword_patterns() -%}
    select
        '(' || string_agg(case when match = 'whole' and event_type = 'unsubscribe' then replace(phrase, ' ', '') end, '|') || ')+'
            as whole_opt_outs,
        ' (' || string_agg(case when match = 'contains' and event_type = 'unsubscribe' then phrase end, '|') || ') '
            as opt_outs_within,
        -- A phrase of a refusal among other words: somebody has to read it.
        ' (' || string_agg(case when event_type = 'unsubscribe' then phrase end, '|') || ') ' as opt_out_phrases,
        '(' || string_agg(case when match = 'whole' and event_type = 'subscribe' then replace(phrase, ' ', '') end, '|') || ')'
            as whole_opt_ins,
        '(' || string_agg(case when match = 'whole' and event_type = 'help' then replace(phrase, ' ', '') end, '|') || ')'
            as whole_helps,
        ' (' || string_agg(case when match = 'except' then phrase end, '|') || ') ' as exceptions
    from {{ ref('sms_keywords') }}
{%- endmacro %}

{#- A message as the seed writes its phrases: lower case, plain width, composed, words of letters and digits with one blank between
    them; ` . ` where a sentence ends, so that no phrase goes beyond it. Apostrophes join, as in `don't`; what only modifies the
    look of an emoji is nothing. Params: text. -#}
{% macro folded_words(text) -%}
    {%- set lowered = composed('lower(' ~ fold_width('substr(' ~ text ~ ', 1, 500)') ~ ')') -%}
    {%- set letters = regex_replace(lowered, '[`´‘’ʼ\\x27\\p{Cf}\\x{FE00}-\\x{FE0F}\\x{20E3}]') -%}
    {%- set sentences = regex_replace(letters, '[.!?;:…。！？\\n\\r]+', ' . ') -%}
    trim({{ regex_replace(sentences, '[^\\p{L}\\p{N}\\p{M}.]+', ' ') }})
{%- endmacro %}

{#- What a message says: unsubscribe, subscribe, help, possible_opt_out (holds a phrase of a refusal among other words), or message.
    Params: words (a column of folded_words); beside it the columns of keyword_patterns. -#}
{% macro keyword_meaning(words) -%}
{%- set spaced = "' ' || " ~ words ~ " || ' '" -%}
{%- set meant = without_matches(spaced, 'exceptions') -%}
{%- set whole = regex_replace(meant, '[ .]') -%}
case
    when {{ words }} is null or {{ words }} = '' then 'message'
    when {{ matches_whole(whole, 'whole_opt_outs') }} then 'unsubscribe'
    when {{ matches_within(meant, 'opt_outs_within') }} then 'unsubscribe'
    when {{ matches_whole(whole, 'whole_opt_ins') }} then 'subscribe'
    when {{ matches_whole(whole, 'whole_helps') }} then 'help'
    when {{ matches_within(spaced, 'opt_out_phrases') }}
        then {{ "'unsubscribe'" if var('suppress_possible_opt_outs') else "'possible_opt_out'" }}
    else 'message'
end
{%- endmacro %}

{#- The text with a blank for what a pattern of the same row matches. Why: names and quoting differ. -#}
{% macro without_matches(text, pattern) %}{{ return(adapter.dispatch('without_matches')(text, pattern)) }}{% endmacro %}
{% macro bigquery__without_matches(text, pattern) -%} coalesce(regexp_replace({{ text }}, {{ pattern }}, ' '), {{ text }}) {%- endmacro %}
{% macro duckdb__without_matches(text, pattern) -%} coalesce(regexp_replace({{ text }}, {{ pattern }}, ' ', 'g'), {{ text }}) {%- endmacro %}

{#- True where the text matches a pattern of the same row; false where there is none. Why: names differ. -#}
{% macro matches_whole(text, pattern) -%} coalesce({{ matches_within(text, "'^' || " ~ pattern ~ " || '$'") }}, false) {%- endmacro %}
{% macro matches_within(text, pattern) %}{{ return(adapter.dispatch('matches_within')(text, pattern)) }}{% endmacro %}
{% macro bigquery__matches_within(text, pattern) -%} regexp_contains({{ text }}, {{ pattern }}) {%- endmacro %}
{% macro duckdb__matches_within(text, pattern) -%} regexp_matches({{ text }}, {{ pattern }}) {%- endmacro %}
