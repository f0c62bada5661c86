-- What reading.py fills. All timestamps are naive UTC; the variable `now` is one.

-- as_of: when an opt-out without a time counts.
create table sources (file integer, as_of timestamp);

create table words (known varchar, meaning varchar);

-- Whom a row is about, as the file has it; null where it cannot be read. platform_ids: each after its platform's name and a colon.
create table rows (
    file integer, line bigint, external_id varchar, email varchar, phone varchar, push_token varchar,
    push_token_type varchar, updated_at timestamp, reason varchar, platform_ids varchar[]
);

-- What a column of a row says. kind: opted_in, opted_out, bounced, complained; null for a word that nobody knows.
-- is_word: the row's own state, not a time in it. problem: of a refusal whose kind and channel are known, that of its time.
create table facts (
    file integer, line bigint, header varchar, channel varchar, kind varchar, is_word boolean, said_at timestamp, problem varchar
);

-- channel: the one of which the row says nothing for sure; null for all of them; identity: to whom its addresses belong.
create table rejects (file integer, line bigint, channel varchar, reason varchar);

create macro bare(text) as
    trim(coalesce(text, ''), ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(12288) || chr(65279));

create macro a_word(text) as regexp_replace(lower(text), '[\s_\-"''\[\]]+', '', 'g');

-- What exports write where there is nothing.
create macro is_nothing(text) as lower(text) in ('', 'null', 'undefined', 'none', 'n/a', '-', '\n');

create macro is_no_time(text) as
    is_nothing(text) or regexp_full_match(text, '(?i)0|0[.,]0+|false|f|n|no|off|0000-00-00.*|00[/.-]00[/.-]0000.*');

create macro an_id(text) as case
    when not is_nothing(text) and text <> '0' and not regexp_matches(text, '^[{\[]') and not contains(text, chr(65533)) then text
end;

-- A number with an exponent was an id once.
create macro a_platform_id(text) as if(regexp_full_match(text, '[+-]?[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+'), null, an_id(text));

create macro known_ids(ids) as list_filter(cast(ids as varchar[]), lambda one: one is not null);

-- Of a spreadsheet's numbers, 12025550102.0 would be read as ten times itself, and 1.2E+10 has lost its digits.
create macro is_spreadsheet_number(text) as regexp_full_match(text, '\+?[0-9]+[.,]0+|[+-]?[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+');

-- Also what stands in place of bytes that are not of the file's encoding.
create macro is_spoiled(text) as is_spreadsheet_number(text) or contains(text, chr(65533));

-- What is wrong with the cell of an address; null where nothing is. address: what the normalizer reads in it.
create macro address_problem(channel, text, address) as case
    when address is not null or is_nothing(text) or (channel = 'push' and text = '0') then null
    when channel = 'email' then 'not an email address'
    when channel = 'push' then 'not a push token'
    when is_spreadsheet_number(text) then 'a number that a spreadsheet has changed'
    when regexp_full_match(regexp_replace(text, '[^0-9+a-zA-Z]', '', 'g'), '[0-9]{7,15}') then 'a phone number without its country'
    else 'not a phone number'
end;

-- A day as spreadsheets count them, of the years that an event can have: 45383 is 1 April 2024.
create macro is_serial_day(text) as
    regexp_full_match(text, '[0-9]{5}([.,][0-9]+)?') and try_cast(replace(text, ',', '.') as double) between 38353 and 73050;

create macro is_slashed(text) as
    regexp_full_match(text, '[0-9]{1,2}[/.-][0-9]{1,2}[/.-]([0-9]{2}|[0-9]{4})([ T,].*)?');

create macro is_slashed_in_full(text) as regexp_full_match(text, '[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{4}([ T,].*)?');

create macro a_dmy(text) as case
    when regexp_full_match(text, '[0-9]+/[0-9]+/[0-9]{4}.*') then
        try_strptime(text, ['%d/%m/%Y', '%d/%m/%Y %H:%M', '%d/%m/%Y %H:%M:%S', '%d/%m/%Y %I:%M %p', '%d/%m/%Y %I:%M:%S %p'])
    else try_strptime(text, ['%d/%m/%y', '%d/%m/%y %H:%M', '%d/%m/%y %H:%M:%S', '%d/%m/%y %I:%M %p', '%d/%m/%y %I:%M:%S %p'])
end;

create macro a_mdy(text) as case
    when regexp_full_match(text, '[0-9]+/[0-9]+/[0-9]{4}.*') then
        try_strptime(text, ['%m/%d/%Y', '%m/%d/%Y %H:%M', '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %I:%M %p', '%m/%d/%Y %I:%M:%S %p'])
    else try_strptime(text, ['%m/%d/%y', '%m/%d/%y %H:%M', '%m/%d/%y %H:%M:%S', '%m/%d/%y %I:%M %p', '%m/%d/%y %I:%M:%S %p'])
end;

-- In capitals, 3:05pm and 3:05 p.m. as 3:05 PM. The blank may be the narrow one that browsers write.
create macro with_half_of_day(text) as
    regexp_replace(upper(text), '([0-9])[\s\x{A0}\x{202F}]*([AP])\.?M\b\.?', '\1 \2M');

create macro slashed(text) as regexp_replace(with_half_of_day(text), '^([0-9]+)[/.-]([0-9]+)[/.-]([0-9]+),?T?', '\1/\2/\3');

-- 2024-04-01 3:05 PM; null where a time has no half of the day.
create macro an_iso_time_by_halves(text) as try_strptime(
    regexp_replace(
        regexp_replace(with_half_of_day(text), '^([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})[ T,]+', '\1-\2-\3 '),
        '\s*(UTC|GMT|Z)$', ''
    ),
    ['%Y-%m-%d %I:%M %p', '%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M:%S.%f %p', '%Y-%m-%d %I %p']
);

create macro is_dmy(text) as is_slashed_in_full(text) and a_dmy(slashed(text)) is not null;

create macro is_mdy(text) as is_slashed_in_full(text) and a_mdy(slashed(text)) is not null;

-- UTC to the second. An ISO time without an offset is UTC. style: how the column's dates are written, serial, dmy or mdy; or ''.
create macro an_instant(text, style) as date_trunc('second', case
    when length(text) > 64 then null
    when style = 'serial' and is_serial_day(text) then
        timestamp '1899-12-30' + to_microseconds(cast(round(try_cast(replace(text, ',', '.') as double) * 86400) as bigint) * 1000000)
    when is_slashed(text) then case style when 'dmy' then a_dmy(slashed(text)) when 'mdy' then a_mdy(slashed(text)) end
    when regexp_full_match(text, '(19|20)[0-9]{6}') then try_strptime(text, '%Y%m%d')
    -- Seconds, milliseconds or microseconds since 1970; a smaller number is no time that a platform writes.
    when try_cast(text as double) is not null then case
        when try_cast(text as double) between 1104537600 and 1e11 then make_timestamp(cast(round(try_cast(text as double) * 1e6) as bigint))
        when try_cast(text as double) between 1104537600e3 and 1e14 then make_timestamp(cast(round(try_cast(text as double) * 1e3) as bigint))
        when try_cast(text as double) between 1104537600e6 and 1e17 then make_timestamp(cast(round(try_cast(text as double)) as bigint))
    end
    when regexp_matches(text, '^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}') then coalesce(if(contains(upper(text), 'M'), an_iso_time_by_halves(text), null), try_cast(
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    regexp_replace(replace(upper(text), ',', '.'), '^([0-9]{4})[-/.]([0-9]{1,2})[-/.]', '\1-\2-'),
                    '\s*(UTC|GMT|Z)$', '+00:00'
                ),
                '\s+([+-][0-9:]+)$', '\1'
            ),
            '([:0-9][+-][0-9]{2})([0-9]{2})$', '\1:\2'
        ) as timestamptz
    ) at time zone 'UTC')
    else coalesce(
        try_strptime(
            regexp_replace(regexp_replace(text, '^[A-Za-z]{3}, *', ''), '(?i)\s*(utc|gmt|ut|z)$', ' +0000'), '%d %b %Y %H:%M:%S %z'
        ) at time zone 'UTC',
        try_strptime(text, ['%b %d, %Y', '%B %d, %Y', '%b %d, %Y %I:%M %p', '%B %d, %Y %I:%M %p', '%d %b %Y', '%d %B %Y'])
    )
end);

-- What is wrong with a cell that has a time; null where nothing is. instant: what an_instant reads in it.
create macro time_problem(text, instant) as case
    when is_no_time(text) then null
    when instant > getvariable('now') + interval 1 day then 'a time in the future'
    when instant is not null then null
    when is_serial_day(text) then 'a day number of a spreadsheet among other times'
    when is_slashed(text) then 'day or month first? --dates dmy or mdy says it'
    else 'unreadable time'
end;

-- Whether a cell was meant as a time, readable or not. instant: what an_instant reads in it.
create macro is_like_a_time(text, instant) as not is_no_time(text) and (
    instant is not null or is_slashed(text) or is_serial_day(text) or regexp_matches(text, '\b(19|20)[0-9]{2}\b')
);

-- What no platform can have seen is no time: an opt-out then counts at as_of, an opt-in is a baseline.
create macro known_instant(instant) as
    case when instant between timestamp '2005-01-01' and getvariable('now') + interval 1 day then instant end;

create macro is_yes(text) as a_word(text) in ('true', 't', 'yes', 'y', 'on', '1', 'x');

create macro is_no(text) as a_word(text) in ('false', 'f', 'no', 'n', 'off', '0');

-- How a column writes its dates; '' where no form fits all of its values. Day and month in either order are read in one only where
-- all values can be read so, and not all in the other. said: --dates.
create macro style_of(cell, said) as case
    when bool_and(is_no_time(cell) or is_serial_day(cell)) then 'serial'
    when said <> '' then replace(said, 'iso', '')
    when bool_and(is_no_time(cell) or is_dmy(cell)) and not bool_and(is_no_time(cell) or is_mdy(cell)) then 'dmy'
    when bool_and(is_no_time(cell) or is_mdy(cell)) and not bool_and(is_no_time(cell) or is_dmy(cell)) then 'mdy'
    else ''
end;

-- The channel of what a row says without one. text: its own column for that; other: that of the file's first address.
create macro row_channel(text, other) as case
    when lower(text) in ('email', 'sms', 'push') then lower(text)
    when lower(text) in ('text', 'mms', 'rcs', 'phone', 'mobile') then 'sms'
    when lower(text) in ('', 'marketing') then other
    else 'unknown'
end;

-- OneSignal's device_type: https://documentation.onesignal.com/reference/view-devices
create macro device_channel(text) as case
    when lower(text) in ('11', 'email') then 'email' when lower(text) in ('14', 'sms') then 'sms' else 'push'
end;

create macro device_token_type(text) as case text when '0' then 'ios' when '1' then 'android' end;

-- The words of a cell: of reasons it may have several.
create macro words_of(text, is_list) as if(is_list, string_split_regex(text, '[,;|]'), [text]);

-- What a word says, by the fact of its column; '' for nothing, null where nobody knows. meaning: that of words.csv.
create macro kind_by_status(word, meaning, at_text) as if(a_word(word) = '', '', meaning);

-- A no is an opt-in, and `unsubscribed` is none.
create macro kind_by_refused(word, meaning, at_text) as case
    when a_word(word) = '' or meaning is null and is_no_time(word) then ''
    when meaning = 'opted_in' or is_yes(word) then 'opted_out'
    when meaning = 'opted_out' and is_no(word) then 'opted_in'
    else meaning
end;

create macro kind_by_bounced(word, meaning, at_text) as
    case
        when a_word(word) = '' or meaning = 'opted_out' or meaning is null and is_no_time(word) then ''
        when meaning = 'opted_in' or is_yes(word) then 'bounced'
        else meaning
    end;

create macro kind_by_complained(word, meaning, at_text) as
    case
        when a_word(word) = '' or meaning = 'opted_out' or meaning is null and is_no_time(word) then ''
        when meaning = 'opted_in' or is_yes(word) then 'complained'
        else meaning
    end;

-- A time alone says that there was a reason.
create macro kind_by_suppression(word, meaning, at_text) as case
    when is_no_time(word) then if(is_no_time(at_text), '', 'opted_out')
    when is_yes(word) then 'opted_out'
    when meaning = 'opted_in' then ''
    else meaning
end;

-- Positive: subscribed; -2: the person turned it off; others: never asked, or an error.
-- https://documentation.onesignal.com/docs/subscriptions
create macro kind_by_notification_types(word, meaning, at_text) as case
    when word = '' then ''
    when not regexp_full_match(word, '-?[0-9]{1,18}') then null
    when word = '-2' then 'opted_out'
    when cast(word as bigint) > 0 then 'opted_in'
    else ''
end;
