{#
  Addresses, ids and words from text that others wrote. What cannot be used is null; the caller decides what that means.
#}

{# Text without blanks and line ends around it. Params: text. Why: `trim` alone leaves tabs and no-break spaces. #}
{% macro trim_blanks(text) -%}
trim({{ text }}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(12288) || chr(65279))
{%- endmacro %}

{# True where the whole text matches the RE2 pattern. Params: text, pattern (no single quotes). Why: names and quoting differ. #}
{% macro regex_is(text, pattern) %}{{ return(adapter.dispatch('regex_is')(text, pattern)) }}{% endmacro %}
{% macro bigquery__regex_is(text, pattern) -%} regexp_contains({{ text }}, r'^(?:{{ pattern }})$') {%- endmacro %}
{% macro duckdb__regex_is(text, pattern) -%} regexp_full_match({{ text }}, '{{ pattern }}') {%- endmacro %}

{# Text with every match of the RE2 pattern replaced. Params: text, pattern and replacement (no single quotes). Why: DuckDB replaces the first only, unless told. #}
{% macro regex_replace(text, pattern, replacement='') %}{{ return(adapter.dispatch('regex_replace')(text, pattern, replacement)) }}{% endmacro %}
{% macro bigquery__regex_replace(text, pattern, replacement) -%} regexp_replace({{ text }}, r'{{ pattern }}', r'{{ replacement }}') {%- endmacro %}
{% macro duckdb__regex_replace(text, pattern, replacement) -%} regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g') {%- endmacro %}

{# Parts joined by a bar, nulls as nothing: a key of what identifies an event. Params: parts, text expressions. #}
{% macro key_of(parts) -%}
concat({% for part in parts %}coalesce({{ part }}, ''){{ ", '|', " if not loop.last }}{% endfor %})
{%- endmacro %}

{#
  An email address in the one form that is compared: trimmed, lower case, composed (NFC), the domain in ASCII
  (macros/domains.sql) and without the dot that may end it. Null for what is not exactly one bare address:
  no or several @, blanks or control characters inside, a display name, brackets, a list, an empty half.
  Params: text. Why: dots and plus tags are kept, for only the mailbox's own server knows what they mean.
#}
{% macro normalize_email(text) -%}
{#- Measured before it is matched, for a body may hold megabytes of junk; most addresses are plain and take the short way.
    Quotes, colons and brackets keep JSON text out, too. -#}
case
    when length({{ text }}) > 400 then null
    when {{ regex_is(text, '[A-Za-z0-9._+-]+@[A-Za-z0-9.-]*[A-Za-z0-9-]') }} then lower({{ text }})
    {#- The dotted capital I is not the same letter in lower case everywhere. #}
    when {{ text }} like '%İ%' then null
    {%- set bare = regex_replace(composed('lower(' ~ trim_blanks(text) ~ ')'), '[.]$') %}
    when {{ regex_is(bare, email_pattern()) }} then {{ with_ascii_domain(bare) }}
end
{%- endmacro %}
{% macro email_pattern() -%} [^@\s\p{Z}\p{Cc}\p{Cf}<>,;:"()\[\]\\]+@[^@\s\p{Z}\p{Cc}\p{Cf}<>,;:"()\[\]\\]*[^@\s\p{Z}\p{Cc}\p{Cf}<>,;:"()\[\]\\.] {%- endmacro %}

{# Text with letters and their accents as one character each (NFC). Params: text. Why: names differ. #}
{% macro composed(text) %}{{ return(adapter.dispatch('composed')(text)) }}{% endmacro %}
{% macro bigquery__composed(text) -%} normalize({{ text }}, nfc) {%- endmacro %}
{% macro duckdb__composed(text) -%} nfc_normalize({{ text }}) {%- endmacro %}

{#
  A phone number as E.164, or null. Formatting and the prefixes `whatsapp:`, `rcs:`, `sms:` and `tel:` are removed; a number
  without `+` is read by the rules of var('default_country_code') only (digits, `49` or `+49`), for a guessed country texts a
  stranger. What may be two numbers, or a spreadsheet's (`12025550102.0`), is none; so is a number that has more or fewer
  digits than those of its country, or a trunk prefix after the calling code (`+49 0151…`), unless that is in brackets (`+44 (0)20…`).
  Params: text.
#}
{% macro normalize_phone(text) -%}
{%- set number = phone_number_pattern() -%}
{%- set bare = regex_replace(regex_replace('substr(' ~ text ~ ', 1, 64)', '(?i)^\\s*(whatsapp|rcs|sms|tel):|\\(0\\)'), '[\\s\\p{Z}\\p{Pd}\\p{Cf}()./]') -%}
{%- set country = default_country() -%}
{#- Brackets around a zero that is none of the number's digits. Any further zero in brackets is not certain. -#}
{%- set bracketed = '[^0-9(]*[(]0[)][^(]*(?:[(][^0(][^(]*)*' -%}
{%- set trunk_zero = '[^0-9(]*[+]' ~ trunk_zero_codes() ~ bracketed -%}
{%- if country and country.trunk_prefix == '0' and not country.keeps_zero -%}
    {%- set trunk_zero = trunk_zero ~ '|[^0-9(+]*(?:(?:00)?' ~ country.calling_code ~ ')?' ~ bracketed -%}
{%- endif -%}
case
    when {{ regex_is(text, number) }} then {{ text }}
    when length({{ text }}) > 64 then null
    when {{ regex_is(text, '\\s*\\+?[0-9]{6,15}[.](0+|[0-9]{1,3})\\s*|.*[0-9][.]0\\s*') }} then null
    when {{ text }} like '%(0)%' and not {{ regex_is(text, trunk_zero) }} then null
    when {{ regex_is(bare, number) }} then {{ bare }}
    {% if country -%}
    {%- set code, international, trunk = country.calling_code, country.international_prefix, country.trunk_prefix -%}
    {#- In full, without prefixes. A pattern that nothing matches where the country's numbers cannot be read by these rules. -#}
    {%- set lengths = country.lengths or ['999'] -%}
    {%- set start = '' if country.keeps_zero else '[1-9]' -%}
    {%- set in_full = [] -%}
    {%- for length in lengths -%}{%- do in_full.append(start ~ '[0-9]{' ~ (length | int - (start | length > 0) | int) ~ '}') -%}{%- endfor -%}
    {%- set in_full = '(' ~ in_full | join('|') ~ ')' -%}
    when not {{ regex_is(bare, '[0-9]{5,18}') }} then null
    {% if international.isdigit() and international | length > 1 -%}
    when {{ regex_is(bare, international ~ '[1-9][0-9]{6,14}') }}
        then {{ e164_or_null("'+' || substr(" ~ bare ~ ", " ~ (international | length + 1) ~ ")") }}
    {% endif -%}
    {#- A foreign number, or the pattern of several prefixes: which digits belong to it is not certain. -#}
    {% if international -%}
    when {{ regex_is(bare, '(?:' ~ international ~ ')[0-9]*') }} then null
    {% endif -%}
    {#- A trunk prefix is none of the number's digits. -#}
    {% if trunk and trunk != code -%}
    when starts_with({{ bare }}, '{{ trunk }}') then case
        when {{ regex_is(bare, trunk ~ in_full) }} and not {{ regex_is(bare, code ~ in_full) }}
            then {{ e164_or_null("'+" ~ code ~ "' || substr(" ~ bare ~ ", " ~ (trunk | length + 1) ~ ")") }}
    end
    {% endif -%}
    {#- Two readings are none. -#}
    when {{ regex_is(bare, in_full) }} then case
        when not {{ regex_is(bare, code ~ '([0-9]{' ~ (country.all_lengths or ['999']) | join('}|[0-9]{') ~ '})') }}
            then {{ e164_or_null("'+" ~ code ~ "' || " ~ bare) }}
    end
    when {{ regex_is(bare, code ~ in_full) }} then {{ e164_or_null("'+' || " ~ bare) }}
    {%- endif %}
end
{%- endmacro %}

{% macro e164_or_null(text) -%} case when {{ regex_is(text, phone_number_pattern()) }} then {{ text }} end {%- endmacro %}

{#- The row of seeds/phone_countries.csv of var('default_country_code'); none where the var is not set. -#}
{% macro default_country() -%}
    {%- set code = (var('default_country_code', none) or '') | string | trim | replace('+', '') -%}
    {%- if not execute -%}{%- do ref('phone_countries') -%}{%- endif -%}
    {%- if not code or not execute -%}{{ return(none) }}{%- endif -%}
    {%- set found = answers_of(
        "select concat(coalesce(international_prefix, ''), ';', coalesce(trunk_prefix, ''), ';', coalesce(lengths, ''), ';', case when keeps_zero then '0' else '' end, ';',"
        ~ " coalesce(all_lengths, '')) from "
        ~ api.Relation.create(database=target.database, schema=target.schema, identifier='phone_countries')
        ~ " where calling_code = '" ~ code ~ "'"
    ) -%}
    {%- if not found -%}
        {{ exceptions.raise_compiler_error("default_country_code: no country has the calling code " ~ code ~ " (seeds/phone_countries.csv).") }}
    {%- endif -%}
    {%- set parts = found[0].split(';') -%}
    {{ return({'calling_code': code, 'international_prefix': parts[0], 'trunk_prefix': parts[1], 'lengths': parts[2].split(), 'keeps_zero': parts[3] == '0', 'all_lengths': parts[4].split()}) }}
{%- endmacro %}

{# The production database's id of a contact, trimmed; null for what applications send when they have none. Params: text. #}
{% macro normalize_external_id(text) -%}
case
    when {{ regex_is(text, '[A-Za-z]*[-_]?[1-9][A-Za-z0-9_-]*') }} then {{ text }}
    when lower({{ trim_blanks(text) }}) in ('', 'null', 'undefined', '0') then null
    when starts_with({{ trim_blanks(text) }}, '{') or starts_with({{ trim_blanks(text) }}, '[') then null
    else {{ trim_blanks(text) }}
end
{%- endmacro %}

{#
  A platform's own id of a person or device, under the platform's name: `klaviyo:01J…`, `onesignal:1c9f…`. Null where it is none.
  Params: id, text; platform, a text expression (none: the id has it). Why: it is no id of yours, and is told apart from all of them.
#}
{% macro platform_id(id, platform=none) -%}
{% if platform %}{{ platform }} || ':' || {% endif -%} ({{ normalize_external_id(id) }})
{%- endmacro %}

{#
  A platform's id of a message as it is, without the angle brackets of a header. Null for what is none: empty, longer than 400
  characters, with blanks, or nothing but zeros. Params: text.
#}
{% macro normalize_message_id(text) -%}
{%- set bare = regex_replace('substr(' ~ text ~ ', 1, 402)', '^[\\s<]+|[\\s>]+$') -%}
case
    when {{ regex_is(text, '[A-Za-z0-9_.:=+@/%-]*[1-9][A-Za-z0-9_.:=+@/%-]*') }} and length({{ text }}) <= 400 then {{ text }}
    when length({{ text }}) > 402 or lower({{ bare }}) in ('null', 'undefined') then null
    when {{ regex_is(bare, '[^\\s\\p{Z}\\p{Cc}<>{}\\[\\]]*[^\\s\\p{Z}\\p{Cc}<>{}\\[\\]0-][^\\s\\p{Z}\\p{Cc}<>{}\\[\\]]*') }} and length({{ bare }}) <= 400 then {{ bare }}
end
{%- endmacro %}

{#
  What normalize_email reads the domain of a sender from: the address of `Shop <news@shop.example>`, or `sender@` and the domain.
  Params: text. Why: platforms name the sender as an address, as a header or by its domain alone.
#}
{% macro sender_address(text) -%}
case
    when length({{ text }}) > 400 then null
    when {{ text }} like '%@%' then {{ regex_replace(text, '^[^<>]*<([^<>]*)>\\s*$', '\\1') }}
    when {{ text }} like '%.%' then 'sender@' || trim({{ text }})
end
{%- endmacro %}

{# A device token as it is, case kept; null where it is empty, holds blanks, or says that there is none. Params: text. #}
{% macro normalize_push_token(text) -%}
case
    when {{ regex_is(text, '[A-Za-z0-9_:.-]*[1-9_:.-][A-Za-z0-9_:.-]*') }} then {{ text }}
    when lower({{ trim_blanks(text) }}) in ('null', 'undefined', '0') then null
    when {{ regex_is(trim_blanks(text), '[^\\s\\p{Cc}{\\[][^\\s\\p{Cc}]*') }} then {{ trim_blanks(text) }}
end
{%- endmacro %}

{# A boolean from text: true/1/yes/on, false/0/no/off, any case; else null. Params: text. Why: forms and some SDKs send booleans as words, and 'false' is no empty text. #}
{% macro parse_boolean(text) -%}
case
    when lower(trim({{ text }})) in ('{{ true_words() | join("', '") }}') then true
    when lower(trim({{ text }})) in ('{{ false_words() | join("', '") }}') then false
end
{%- endmacro %}

{# The platform's second word about an event, as the seed compares it: trimmed, lower case, bounded; null where there is none. Params: text. #}
{% macro word_of(text) -%} nullif(substr(lower(trim({{ text }})), 1, 100), '') {%- endmacro %}

{# True for text that can be an event's name: neither empty nor the JSON text of an object or array. Params: text. #}
{% macro is_word(text) -%} coalesce({{ text }} <> '' and substr({{ text }}, 1, 1) not in ('{', '['), false) {%- endmacro %}

{#
  The last part of the key of an event that has no id: its time, or, where it names none, the delivery and position. Else two opt-outs
  without a time, months apart, would be one, and the second be lost. Params: text of the time; of the tables in scope delivery_id, position.
#}
{% macro event_instant(text) -%} coalesce({{ text }}, delivery_id || '#' || cast(position as {{ dbt.type_string() }})) {%- endmacro %}

{# Full-width Latin letters as plain ones: some Asian keyboards write STOP so. Params: text. #}
{% macro fold_width(text) -%}
{#- Looking each character up is slow: plain text passes by. -#}
case when {{ regex_is(text, '[ -~]*') }} then {{ text }} else translate({{ text }}, 'ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ', 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz') end
{%- endmacro %}

{# The word `true` or `false` for text that says one of them in any way; else null. Params: text. Why: the seed compares words. #}
{% macro boolean_word(text) -%}
case when lower(trim({{ text }})) in ('{{ true_words() | join("', '") }}') then 'true' when lower(trim({{ text }})) in ('{{ false_words() | join("', '") }}') then 'false' end
{%- endmacro %}

{% macro true_words() %}{{ return(['true', 't', '1', 'yes', 'y', 'on']) }}{% endmacro %}
{% macro false_words() %}{{ return(['false', 'f', '0', 'no', 'n', 'off']) }}{% endmacro %}
