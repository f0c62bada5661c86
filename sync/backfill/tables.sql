-- What merge.py and reading.py fill. All timestamps are naive UTC; the variable `now` is one.

-- as_of: when a refusal without a time counts.
create table sources (file integer, as_of timestamp);

create table headers (file integer, position integer, header varchar);

create table rows (
    file integer, line bigint, external_id varchar, email varchar, phone varchar, push_token varchar,
    push_token_type varchar, channel varchar, updated_at varchar, reason varchar
);

-- kind: opted_in, opted_out, bounced, complained, unreadable. is_word: the row's own state, not a time in it.
create table facts (
    file integer, line bigint, position integer, channel varchar, kind varchar, at_text varchar, is_word boolean
);

create table rejects (file integer, line bigint, reason varchar);

-- The rules of macros/text.sql and macros/time.sql, for this file only: what lands is read by those.
create macro bare(text) as
    trim(text, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(12288) || chr(65279));

create macro an_email(text) as case
    when length(text) <= 400 and regexp_full_match(
        lower(bare(text)),
        '[^@\s\p{Z}\p{Cc}\p{Cf}<>,;:"()\[\]\\]+@[^@\s\p{Z}\p{Cc}\p{Cf}<>,;:"()\[\]\\]+'
    ) and not contains(text, chr(65533)) then lower(bare(text))
end;

-- Without its formatting; of which country a national number is, the models know.
create macro a_phone(text) as case
    when length(text) <= 64 and regexp_full_match(
        regexp_replace(
            regexp_replace(text, '(?i)^\s*(whatsapp|rcs|sms|tel):|\(0\)', '', 'g'), '[\s\p{Z}\p{Pd}\p{Cf}()./]', '', 'g'
        ),
        '\+?[0-9]{5,15}'
    ) then regexp_replace(
        regexp_replace(text, '(?i)^\s*(whatsapp|rcs|sms|tel):|\(0\)', '', 'g'), '[\s\p{Z}\p{Pd}\p{Cf}()./]', '', 'g'
    )
end;

create macro an_id(text) as case
    when lower(bare(text)) in ('', 'null', 'undefined', '0') then null
    when regexp_matches(bare(text), '^[{\[]') or contains(text, chr(65533)) then null
    else bare(text)
end;

create macro a_token(text) as case
    when lower(bare(text)) not in ('null', 'undefined', '0')
        and regexp_full_match(bare(text), '[^\s\p{Cc}{\[][^\s\p{Cc}]*')
        and not contains(text, chr(65533))
        then bare(text)
end;

-- UTC to the second. An ISO time without an offset is UTC.
create macro an_instant(text) as date_trunc('second', case
    when regexp_full_match(text, '(19|20)[0-9]{6}') then try_strptime(text, '%Y%m%d')
    when try_cast(text as double) is not null then case
        when try_cast(text as double) between 0 and 1e11 then make_timestamp(cast(round(try_cast(text as double) * 1e6) as bigint))
        when try_cast(text as double) between 1e11 and 1e14 then make_timestamp(cast(round(try_cast(text as double) * 1e3) as bigint))
        when try_cast(text as double) between 1e14 and 1e17 then make_timestamp(cast(round(try_cast(text as double)) as bigint))
    end
    when length(text) > 64 then null
    when regexp_matches(text, '^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}') then try_cast(
        regexp_replace(
            regexp_replace(
                regexp_replace(replace(upper(text), ',', '.'), '\s*(UTC|GMT|Z)$', '+00:00'), '\s+([+-][0-9:]+)$', '\1'
            ),
            '([:0-9][+-][0-9]{2})([0-9]{2})$', '\1:\2'
        ) as timestamptz
    ) at time zone 'UTC'
    else coalesce(
        try_strptime(
            regexp_replace(regexp_replace(text, '^[A-Za-z]{3}, *', ''), '(?i)\s*(utc|gmt|ut|z)$', ' +0000'), '%d %b %Y %H:%M:%S %z'
        ) at time zone 'UTC',
        try_strptime(text, ['%b %d, %Y', '%B %d, %Y', '%b %d, %Y %I:%M %p', '%B %d, %Y %I:%M %p', '%d %b %Y'])
    )
end);

-- What no platform can have seen is no time: a refusal then counts at as_of, an opt-in is a baseline.
create macro a_known_instant(text) as case when an_instant(text) >= timestamp '2005-01-01' then an_instant(text) end;
