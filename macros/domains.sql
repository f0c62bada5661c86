{#
  Domains beyond ASCII in the form that the network knows (IDNA 2008 and UTS 46: `bücher.example` is `xn--bcher-kva.example`).
#}

{#
  An email address with its domain in ASCII. Params: text, an address in lower case and composed (NFC). Null where the domain has
  letters that UTS 46 maps to others or IDNA 2008 forbids: whose mailbox that is, is not certain.
#}
{% macro with_ascii_domain(text) -%}
{%- set domain = "substr(" ~ text ~ ", strpos(" ~ text ~ ", '@') + 1)" -%}
case
    when {{ regex_is(text, '[^@]*@[ -~]*') }} then {{ text }}
    when {{ regex_is(text, '[^@]*@(?:' ~ domain_letter() ~ ')*') }} and {{ regex_is(text, '[^@]*@(?:[^' ~ no_domain_letters() ~ ']|[' ~ domain_signs() ~ '])*') }}
        then substr({{ text }}, 1, strpos({{ text }}, '@')) || {{ ascii_domain(domain) }}
end
{%- endmacro %}

{#- A letter, mark or digit of a domain, before those are left out that no domain has. -#}
{% macro domain_letter() %}{{ return('[0-9a-z.' ~ domain_signs() ~ '\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}-]') }}{% endmacro %}

{#- Points and quotes of Catalan, Japanese and Hebrew domains. -#}
{% macro domain_signs() %}{{ return('\\x{b7}\\x{30fb}\\x{5f3}\\x{5f4}') }}{% endmacro %}

{# Each label beyond ASCII by Punycode (RFC 3492). Params: domain, of letters that domains have. Why: lists and arrays differ. #}
{% macro ascii_domain(domain) %}{{ return(adapter.dispatch('ascii_domain')(domain)) }}{% endmacro %}

{#-
  RFC 3492 without its loops. The letters beyond ASCII are inserted in the order of their code points; `place` is how many letters
  stand before one when its turn comes. What a letter adds (delta) follows from the letter before it, the bias of its digits from
  the delta before it, and each digit from the one before it.
-#}
{#- Steps one after another and no lambda in another's body where it can be helped: DuckDB plans nested ones in exponential time. -#}
{% macro duckdb__ascii_domain(domain) -%}
{%- set ns = namespace(labels="string_split(" ~ domain ~ ", '.')") -%}
{#- The last step goes from digit to digit with the bias, what is left of the delta, and the digits so far. -#}
{%- set t = 'greatest(1, least(26, k[1] - state[1]))' -%}
{%- set steps = [
    "label: {'label': label, 'points': list_transform(regexp_extract_all(label, '.'), lambda letter: unicode(letter))}",
    "one: {'label': one.label, 'points': one.points, 'inserted': list_sort(list_filter(list_transform(range(1, len(one.points) + 1), lambda n: {
        'point': one.points[n], 'place': len(list_filter(one.points[1:n - 1], lambda other: other <= one.points[n]))
    }), lambda letter: letter.point > 127))}",
    "one: {'label': one.label, 'basic': len(one.points) - len(one.inserted), 'deltas': list_transform(range(1, len(one.inserted) + 1), lambda n:
        (one.inserted[n].point - case when n = 1 then 128 else one.inserted[n - 1].point end) * (len(one.points) - len(one.inserted) + n)
        + one.inserted[n].place - case when n = 1 then 0 else one.inserted[n - 1].place + 1 end
    )}",
    "one: {'label': one.label, 'basic': one.basic, 'deltas': one.deltas, 'halved': list_transform(range(1, len(one.deltas) + 1), lambda n:
        case when n > 1 then one.deltas[n - 1] // case when n = 2 then 700 else 2 end end
    )}",
    "one: {'label': one.label, 'deltas': one.deltas, 'adapted': list_transform(range(1, len(one.deltas) + 1), lambda n:
        one.halved[n] + one.halved[n] // greatest(one.basic + n - 1, 1)
    )}",
    "one: {'label': one.label, 'digits': flatten(list_transform(range(1, len(one.deltas) + 1), lambda n: list_reduce(
        [[36], [72], [108], [144], [180], [216], [252], [288]],
        lambda state, k: [state[1], case when state[2] < " ~ t ~ " then -1 else (state[2] - " ~ t ~ ") // (36 - " ~ t ~ ") end]
            || state[3:]
            || case when state[2] < 0 then [] when state[2] < " ~ t ~ " then [state[2]] else [" ~ t ~ " + (state[2] - " ~ t ~ ") % (36 - " ~ t ~ ")] end,
        [case when n = 1 then 72 else " ~ _punycode_bias('one.adapted[n]', '//') ~ " end, one.deltas[n]]
    )[3:]))}",
] -%}
{%- for step in steps -%}{%- set ns.labels = 'list_transform(' ~ ns.labels ~ ', lambda ' ~ step ~ ')' -%}{%- endfor -%}
array_to_string(list_transform({{ ns.labels }}, lambda one:
    case when {{ regex_is('one.label', '[ -~]*') }} then one.label else 'xn--' || {{ regex_replace('one.label', '[^ -~]') }}
        || case when {{ regex_is('one.label', '[^ -~]*') }} then '' else '-' end
        || array_to_string(list_transform(one.digits, lambda digit: substr({{ _punycode_digits() }}, digit + 1, 1)), '')
    end
), '.')
{%- endmacro %}

{#- The arguments of `div` stand in brackets for the emulator's sake. -#}
{% macro bigquery__ascii_domain(domain) -%}
(
    select string_agg(
        if({{ regex_is('label', '[ -~]*') }}, label, concat(
            'xn--',
            {{ regex_replace('label', '[^ -~]') }},
            if({{ regex_is('label', '[^ -~]*') }}, '', '-'),
            (
                select string_agg(digits, '' order by n)
                from (
                    {%- for k in range(8, 0, -1) %}
                    select n, bias, {% if k < 8 %}if(q < t, -1, div((q - t), (36 - t))) as q, {% endif -%}
                        concat(digits, case
                            when q < 0 then ''
                            when q < t then substr({{ _punycode_digits() }}, q + 1, 1)
                            else substr({{ _punycode_digits() }}, t + mod(q - t, 36 - t) + 1, 1)
                        end) as digits
                    from (
                        select *, greatest(1, least(26, 36 * {{ k }} - bias)) as t from (
                    {%- endfor %}
                    select n, delta as q, '' as digits, if(n = 1, 72, {{ _punycode_bias('adapted') }}) as bias
                    from (
                        select n, delta, halved + div(halved, greatest(points + n - 1, 1)) as adapted
                        from (
                            select *, div(lag(delta, 1, 0) over (order by n), if(n = 2, 700, 2)) as halved
                            from (
                                select
                                    n,
                                    points,
                                    (point - lag(point, 1, 128) over (order by n)) * (points + n)
                                        + place - lag(place + 1, 1, 0) over (order by n) as delta
                                from (
                                    select
                                        unicode(letter) as point,
                                        row_number() over (order by unicode(letter), spot) as n,
                                        (select count(*) from unnest(split(label, '')) as other where unicode(other) < 128) as points,
                                        (
                                            select count(*) from unnest(split(label, '')) as other with offset as other_spot
                                            where other_spot < spot and unicode(other) <= unicode(letter)
                                        ) as place
                                    from unnest(split(label, '')) as letter with offset as spot
                                    where unicode(letter) > 127
                                )
                            )
                        )
                    )
                    {%- for k in range(8) %}))
                    {%- endfor %}
                )
            )
        )),
        '.' order by label_spot
    )
    from unnest(split({{ domain }}, '.')) as label with offset as label_spot
)
{%- endmacro %}

{% macro _punycode_digits() %}'abcdefghijklmnopqrstuvwxyz0123456789'{% endmacro %}

{#- RFC 3492, 6.1, once the delta is halved. -#}
{% macro _punycode_bias(delta, divide=none) -%}
{%- set steps = [1, 35, 1225, 42875] -%}
case
    {%- for step in steps %}
    {%- set left = delta ~ ' // ' ~ step if divide else '(div(' ~ delta ~ ', ' ~ step ~ '))' %}
    {{ 'when ' ~ left ~ ' <= 455 then' if not loop.last else 'else' }} {{ 36 * loop.index0 }} + {{ '(36 * (' ~ left ~ ')) // (' ~ left ~ ' + 38)' if divide else 'div((36 * ' ~ left ~ '), (' ~ left ~ ' + 38))' }}
    {%- endfor %}
end
{%- endmacro %}
