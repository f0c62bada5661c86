"""`contact-sync backfill`: what the columns of an export mean, and the times and numbers there."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

import pytest

from sync.addresses import read_country
from sync.errors import ConfigError
from tests.python.conftest import ROOT
from tests.python.sync.exports import Exports, Said


def told(exports: Exports, text: str, **options: Any) -> list[tuple[str, str | None, str | None]]:
    """Event, address and time of what a file lands."""
    path = exports.write("a.csv", text)
    return [(event, address, at) for event, _, _, address, at in exports.said(path, **options)]


def reasons(exports: Exports) -> list[str]:
    return [f"{line}: {reason}" for _, line, reason in exports.rejected()]


# A value's time is that of its own column.

KLAVIYO = (
    "Email,Klaviyo ID,Email Marketing Consent,Email Marketing Consent Timestamp,"
    "Email Suppressions,Email Suppressions Timestamp\n"
)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            "SUBSCRIBED,2024-01-01,HARD_BOUNCE,2024-05-05",
            [("bounced", "2024-05-05T00:00:00"), ("opted_in", "2024-01-01T00:00:00")],
        ),
        (
            "SUBSCRIBED,2024-01-01,USER_SUPPRESSED,2024-05-05",
            [("opted_out", "2024-05-05T00:00:00")],
        ),
        (
            "SUBSCRIBED,2024-01-01,SPAM_COMPLAINT,2024-05-05",
            [("complained", "2024-05-05T00:00:00")],
        ),
        (
            'UNSUBSCRIBED,2024-01-01,"[""HARD_BOUNCE"", ""SPAM_COMPLAINT""]",2024-05-05',
            [
                ("bounced", "2024-05-05T00:00:00"),
                ("complained", "2024-05-05T00:00:00"),
                ("opted_out", "2024-01-01T00:00:00"),
            ],
        ),
        ("NEVER_SUBSCRIBED,,INVALID_EMAIL,2024-05-05", [("bounced", "2024-05-05T00:00:00")]),
        # Without a reason it is suppressed all the same.
        ("NEVER_SUBSCRIBED,,,2024-05-05", [("opted_out", "2024-05-05T00:00:00")]),
        # Still suppressed after the consent that stands beside it.
        (
            "SUBSCRIBED,2024-06-06,UNSUBSCRIBED,2024-05-05",
            [("opted_out", "2024-06-06T00:00:00")],
        ),
        ("SUBSCRIBED,2024-01-01,,", [("opted_in", "2024-01-01T00:00:00")]),
        # The time cannot be read, the word can.
        ("UNSUBSCRIBED,garbage,,", [("opted_out", "2026-01-01T00:00:00")]),
        # It has no time of its own, and takes no other.
        (
            "SUBSCRIBED,2024-01-01,HARD_BOUNCE,",
            [("bounced", "2026-01-01T00:00:00"), ("opted_in", "2024-01-01T00:00:00")],
        ),
    ],
)
def test_klaviyos_suppression_has_its_own_time_and_a_bounce_is_no_opt_out(
    exports: Exports, cells: str, said: list[tuple[str, str]]
) -> None:
    rows = told(exports, f"{KLAVIYO}a@x.com,K1,{cells}\n")
    assert [(event, at) for event, _, at in rows] == said


def test_a_suppressions_time_without_its_reason_is_an_opt_outs(exports: Exports) -> None:
    text = "Email,Klaviyo ID,Email Suppressions Timestamp\na@x.com,K1,2024-05-05\nb@x.com,K2,\n"
    assert told(exports, text) == [("opted_out", "a@x.com", "2024-05-05T00:00:00")]


def test_the_time_of_a_status_is_not_that_of_another_word(exports: Exports) -> None:
    text = "email,email_status,unsubscribed,email_status_at\na@x.com,bounced,true,2024-05-05\n"
    assert told(exports, text) == [
        ("bounced", "a@x.com", "2024-05-05T00:00:00"),
        ("opted_out", "a@x.com", "2026-01-01T00:00:00"),
    ]


def test_of_two_statuses_under_one_time_somebody_says_whose_it_is(exports: Exports) -> None:
    text = "email,email_subscribed,email_opt_in,email_status_at\na@x.com,yes,no,2024-05-05\n"
    with pytest.raises(ConfigError, match=r"several columns mean email_status: .* --column"):
        told(exports, text)
    rows = told(exports, text, columns={"email_status": "#3"})
    assert rows == [("opted_out", "a@x.com", "2024-05-05T00:00:00")]


# Times that cannot be read are said, and take no refusal with them.


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("45383", "a day number of a spreadsheet among other times"),
        ("45383.75", "a day number of a spreadsheet among other times"),
        ("20240", "unreadable time"),
        ("99", "unreadable time"),
        ("soon", "unreadable time"),
        ("2024-13-01", "unreadable time"),
        ("31.12.2023", "day or month first? --dates dmy or mdy says it"),
        ("12/31/23", "day or month first? --dates dmy or mdy says it"),
        ("2999-01-01", "a time in the future"),
        ("9" * 400, "unreadable time"),
        ("-1e400", "unreadable time"),
        ("nan", "unreadable time"),
    ],
)
@pytest.mark.parametrize("header", ["email_opted_out_at", "Unsubscribed At", "OPT_OUT_TIME"])
def test_a_time_that_cannot_be_read_is_rejected_by_its_line(
    exports: Exports, cell: str, reason: str, header: str
) -> None:
    text = f"email,{header}\na@x.com,2024-05-05\nb@x.com,{cell}\n"
    columns = {"email_opted_out_at": header}
    assert told(exports, text, columns=columns) == [
        ("opted_out", "a@x.com", "2024-05-05T00:00:00"),
        ("opted_out", "b@x.com", "2026-01-01T00:00:00"),
    ]
    assert reasons(exports) == [f"3: {reason}: column {header}; {COUNTS}"]


#: The end of a reason where the opt-out itself lands.
COUNTS = "the opt-out itself counts at --as-of"


@pytest.mark.parametrize("at", ["garbage", "2999-01-01", "2024-04-01 13:05 PM"])
@pytest.mark.parametrize(
    ("header", "cells", "event", "name"),
    [
        ("email_status,email_status_at", "UNSUBSCRIBED,{}", "opted_out", "opt-out"),
        ("email_status,email_status_at", "complained,{}", "complained", "complaint"),
        ("email_status,email_status_at", "bounced,{}", "bounced", "bounce"),
        ("email_refused,email_status_at", "true,{}", "opted_out", "opt-out"),
        ("email_suppression,email_suppression_at", "HARD_BOUNCE,{}", "bounced", "bounce"),
        ("email_suppression,email_suppression_at", ",{}", "opted_out", "opt-out"),
        ("email_opted_out_at", "{}", "opted_out", "opt-out"),
        ("email_complained_at", "{}", "complained", "complaint"),
        ("email_bounced_at", "{}", "bounced", "bounce"),
    ],
)
def test_a_refusal_counts_at_as_of_where_its_time_cannot_be_read(
    exports: Exports, header: str, cells: str, event: str, name: str, at: str
) -> None:
    path = exports.write("a.csv", f"email,{header}\na@x.com,{cells.format(at)}\n")
    report = exports.backfill(path, as_of=datetime(2025, 6, 1, tzinfo=UTC))
    (one,) = exports.statements()
    assert (one["event"], one["detail"], one["email"]) == (event, "undated", "a@x.com")
    assert one["at"] == "2025-06-01T00:00:00+00:00"
    assert report.exit_code == 1
    assert [
        reason.endswith(f"; the {name} itself counts at --as-of") for reason, _ in report.reasons
    ] == [True]
    (file,) = report.files
    assert (file.landed, file.rejected, file.undated) == (1, 1, 1)


@pytest.mark.parametrize("kind", ["opted_out", "complained", "bounced"])
def test_a_row_of_a_list_counts_where_its_time_cannot_be_read(exports: Exports, kind: str) -> None:
    text = "email,created\na@x.com,garbage\n"
    rows = told(exports, text, lists={"": kind})
    assert rows == [(kind, "a@x.com", "2026-01-01T00:00:00")]
    assert len(reasons(exports)) == 1


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("email,email_status,email_status_at\na@x.com,subscribed,garbage\n", {}),
        ("email,email_refused,email_status_at\na@x.com,no,garbage\n", {}),
        ("email,email_opted_in_at\na@x.com,garbage\n", {}),
        ("email,email_opted_in_at\na@x.com,yes\n", {}),
        ("email,created\na@x.com,2999-01-01\n", {"lists": {"": "opted_in"}}),
    ],
)
def test_an_opt_in_does_not_land_where_its_time_cannot_be_read(
    exports: Exports, text: str, options: dict[str, Any]
) -> None:
    assert told(exports, text, **options) == []
    (reason,) = reasons(exports)
    assert "--as-of" not in reason


def test_an_opt_out_of_nobody_is_not_said_to_count(exports: Exports) -> None:
    text = "id,email,email_opted_out_at,email_bounced_at\n,nobody,soon,\nu1,,,soon\nu2,,soon,\n"
    rows = told(exports, text)
    assert rows == [("opted_out", None, "2026-01-01T00:00:00")]
    assert reasons(exports) == [
        "2: not an email address: column email",
        "2: unreadable time: column email_opted_out_at",
        "3: unreadable time: column email_bounced_at",
        f"4: unreadable time: column email_opted_out_at; {COUNTS}",
    ]


def test_an_opt_out_of_an_unknown_channel_is_not_said_to_count(exports: Exports) -> None:
    text = "email,channel,opted_out_at\na@x.com,fax,soon\n"
    assert told(exports, text) == []
    assert reasons(exports) == ["2: unknown channel"]


def test_an_opt_out_with_a_time_does_not_hide_the_one_whose_time_cannot_be_read(
    exports: Exports,
) -> None:
    header = "email,email_opted_in_at,email_opted_out_at,UNSUB_TIME"
    text = f"{header}\na@x.com,2021-01-01,2020-01-01,soon\n"
    assert told(exports, text) == [
        ("opted_out", "a@x.com", "2020-01-01T00:00:00"),
        ("opted_out", "a@x.com", "2026-01-01T00:00:00"),
    ]
    assert reasons(exports) == [f"2: unreadable time: column UNSUB_TIME; {COUNTS}"]


# A time or a yes is a refusal wherever a refusal stands.

DATED = "2024-01-02T00:00:00"
UNDATED = "2026-01-01T00:00:00"


@pytest.mark.parametrize(
    ("header", "cell", "event", "at", "problem"),
    [
        ("unsubscribed", "2024-01-02", "opted_out", DATED, ""),
        ("unsubscribed", "2024-01-02 12:00 AM", "opted_out", DATED, ""),
        ("unsubscribed", "1704153600", "opted_out", DATED, ""),
        ("unsubscribed", "Jan 2, 2024", "opted_out", DATED, ""),
        ("unsubscribed", "1970-01-02", "opted_out", UNDATED, ""),
        ("unsubscribed", "yes", "opted_out", UNDATED, ""),
        ("unsubscribed", "x", "opted_out", UNDATED, ""),
        ("unsubscribed", "Unsubscribed", "opted_out", UNDATED, ""),
        ("unsubscribed", "2999-01-01", "opted_out", UNDATED, "a time in the future"),
        ("unsubscribed", "2024-13-01", "opted_out", UNDATED, "unreadable time"),
        ("unsubscribed", "1/2/2024", "opted_out", UNDATED, "day or month first?"),
        ("unsubscribed", "no", "status", None, ""),
        ("unsubscribed", "0000-00-00", None, None, ""),
        ("unsubscribed", "perhaps", None, None, "unreadable status"),
        ("email_bounced", "2024-01-02", "bounced", DATED, ""),
        ("email_bounced", "x", "bounced", UNDATED, ""),
        ("email_complained", "2024-01-02", "complained", DATED, ""),
        ("email_suppression", "2024-01-02", "opted_out", DATED, ""),
        ("email_suppression", "Jan 2, 2024", "opted_out", DATED, ""),
        ("unsubscribed_at", "yes", "opted_out", UNDATED, ""),
        ("unsubscribed_at", "TRUE", "opted_out", UNDATED, ""),
        ("unsubscribed_at", "x", "opted_out", UNDATED, ""),
        ("unsubscribed_at", "no", None, None, ""),
        ("unsubscribed_at", "N", None, None, ""),
        ("unsubscribed_at", "00/00/0000", None, None, ""),
        ("email_bounced_at", "1", "bounced", UNDATED, ""),
        ("email_complained_at", "on", "complained", UNDATED, ""),
        # Of a status nobody knows what its time would be of.
        ("email_status", "2024-01-02", None, None, "unreadable status"),
    ],
)
def test_a_time_or_a_yes_in_a_column_of_refusals_is_one(
    exports: Exports, header: str, cell: str, event: str | None, at: str | None, problem: str
) -> None:
    rows = told(exports, f'email,{header}\na@x.com,"{cell}"\n')
    assert rows == ([(event, "a@x.com", at)] if event else [])
    assert (exports.directory / "rejects.csv").exists() == bool(problem)
    assert all(problem in reason for reason in (reasons(exports) if problem else []))


@pytest.mark.parametrize("header", ["email_opted_out_at", "email_refused"])
def test_a_yes_beside_an_opt_in_is_the_rows_own_word(exports: Exports, header: str) -> None:
    text = f"email,email_opted_in_at,{header}\na@x.com,2024-05-05,yes\n"
    assert told(exports, text) == [("opted_out", "a@x.com", UNDATED)]


def test_a_yes_among_dates_leaves_their_order_to_be_told(exports: Exports) -> None:
    text = "email,unsubscribed_at\na@x.com,31/12/2024\nb@x.com,yes\n"
    assert told(exports, text) == [
        ("opted_out", "a@x.com", "2024-12-31T00:00:00"),
        ("opted_out", "b@x.com", UNDATED),
    ]


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("2024-04-01 3:05 PM", "2024-04-01T15:05:00"),
        ("2024-04-01 03:05:06 am", "2024-04-01T03:05:06"),
        ("2024-04-01T12:05pm", "2024-04-01T12:05:00"),
        ("2024/4/1, 12:05:06 a.m.", "2024-04-01T00:05:06"),
        ("2024-04-01 3:05\u202fPM UTC", "2024-04-01T15:05:00"),
        ("2024-04-01 3:05:06.7 PM", "2024-04-01T15:05:06"),
        ("31/12/2024 3:05pm", "2024-12-31T15:05:00"),
    ],
)
def test_a_time_may_have_its_half_of_the_day(exports: Exports, cell: str, at: str) -> None:
    text = f'email,unsubscribed_at\na@x.com,"{cell}"\n'
    assert told(exports, text) == [("opted_out", "a@x.com", at)]
    assert not (exports.directory / "rejects.csv").exists()


def test_days_of_a_spreadsheet_are_read_where_all_values_of_the_column_are_such(
    exports: Exports,
) -> None:
    text = (
        'email,email_opted_out_at\na@x.com,45383\nb@x.com,45383.75\nc@x.com,\nd@x.com,"45384,5"\n'
    )
    assert told(exports, text) == [
        ("opted_out", "a@x.com", "2024-04-01T00:00:00"),
        ("opted_out", "b@x.com", "2024-04-01T18:00:00"),
        ("opted_out", "d@x.com", "2024-04-02T12:00:00"),
    ]
    assert not (exports.directory / "rejects.csv").exists()


def test_each_column_is_judged_by_its_own_values(exports: Exports) -> None:
    text = (
        "email,email_opted_in_at,email_opted_out_at\n"
        "a@x.com,45383,2024-05-05\nb@x.com,45384,31/12/2024\n"
    )
    assert told(exports, text) == [
        ("opted_in", "a@x.com", "2024-04-01T00:00:00"),
        ("opted_out", "a@x.com", "2024-05-05T00:00:00"),
        ("opted_out", "b@x.com", "2026-01-01T00:00:00"),
    ]
    # Of a row with an opt-out whose time cannot be read no opt-in lands.
    assert reasons(exports) == [
        f"3: day or month first? --dates dmy or mdy says it: column email_opted_out_at; {COUNTS}"
    ]


@pytest.mark.parametrize(
    ("cells", "dates", "days"),
    [
        (["31/12/2024", "01/02/2024"], None, ["2024-12-31", "2024-02-01"]),
        (["12/31/2024", "1/2/2024"], None, ["2024-12-31", "2024-01-02"]),
        (["31.12.2024", "1.2.2024"], None, ["2024-12-31", "2024-02-01"]),
        (["31-12-2024 18:30", "1-2-2024 9:05"], None, ["2024-12-31", "2024-02-01"]),
        (["12/31/2024, 6:30 PM", "1/2/2024, 9:05 am"], None, ["2024-12-31", "2024-01-02"]),
        # Both readings fit, or none does; two digits of a year are nobody's.
        (["01/02/2024", "03/04/2024"], None, []),
        (["31/12/2024", "12/31/2024"], None, []),
        (["31/12/24", "30/11/24"], None, []),
        (["31/12/2024", "2024-05-05"], None, ["2024-05-05"]),
        (["01/02/2024", "03/04/2024"], "dmy", ["2024-02-01", "2024-04-03"]),
        (["01/02/2024", "03/04/2024"], "mdy", ["2024-01-02", "2024-03-04"]),
        (["01/02/24", "03.04.24 10:00"], "dmy", ["2024-02-01", "2024-04-03"]),
        (["31/12/2024", "01/02/2024"], "mdy", ["2024-01-02"]),
        (["31/12/2024", "01/02/2024"], "iso", []),
        (["2024/12/31", "2024.01.02 10:00"], None, ["2024-12-31", "2024-01-02"]),
    ],
)
def test_the_order_of_day_and_month_is_told_or_the_only_one_that_fits_all_values(
    exports: Exports, cells: list[str], dates: str | None, days: list[str]
) -> None:
    lines = "".join(f'p{number}@x.com,"{cell}"\n' for number, cell in enumerate(cells))
    rows = told(exports, f"email,email_opted_in_at\n{lines}", dates=dates)
    assert [str(at)[:10] for _, _, at in rows] == days
    rejected = len(cells) - len(days)
    assert (exports.directory / "rejects.csv").exists() == bool(rejected)


def test_the_report_says_how_many_opt_outs_have_no_time_and_when_they_count(
    exports: Exports,
) -> None:
    path = exports.write("a.csv", "email,unsubscribed\na@x.com,yes\nb@x.com,no\nc@x.com,1\n")
    (file,) = exports.backfill(path).files
    assert (file.undated, file.as_of) == (2, datetime(2026, 1, 1, tzinfo=UTC))


# No column of consent is overlooked.


@pytest.mark.parametrize(
    ("header", "option"),
    [
        ("Unsubscribed On", "opted_out_at=Unsubscribed On"),
        ("Opt-out date", "opted_out_at=Opt-out date"),
        ("Do Not Email", "email_refused=Do Not Email"),
        ("HasOptedOutOfEmail", "email_refused=HasOptedOutOfEmail"),
        ("Email Opt Out", "email_refused=Email Opt Out"),
        (
            "Opted out of email: Marketing Information",
            "email_refused=Opted out of email: Marketing Information",
        ),
        ("DoNotText", "sms_refused=DoNotText"),
        ("donotemail", "refused=donotemail"),
        ("Don't Contact", "refused=Don't Contact"),
        ("Accepts Email Marketing", "email_status=Accepts Email Marketing"),
        ("GDPR Consent Date", "opted_in_at=GDPR Consent Date"),
        ("Newsletter", "status=Newsletter"),
        ("Hard Bounced", "bounced=Hard Bounced"),
        ("marked_as_spam_on", "complained_at=marked_as_spam_on"),
        ("Abgemeldet am", "opted_out_at=Abgemeldet am"),
        ("Date de désinscription", "opted_out_at=Date de désinscription"),
        ("Blacklisted", "refused=Blacklisted"),
        ("push opt-in", "push_status=push opt-in"),
    ],
)
def test_a_header_that_looks_like_consent_and_is_not_read_is_an_error_with_the_option(
    exports: Exports, header: str, option: str
) -> None:
    path = exports.write("a.csv", f'external_id,email,phone,push_token,"{header}"\nu1,a@x.com,,,\n')
    with pytest.raises(ConfigError) as found:
        exports.backfill(path)
    line = str(found.value).splitlines()[1]
    given, _, ignored = line.partition("   or   ")
    assert shlex.split(given) == ["--column", option]
    # What it says to give is taken, and so is what ignores it.
    name, _, column = option.partition("=")
    assert exports.backfill(path, columns={name: column}).exit_code == 0
    assert shlex.split(ignored) == ["--column", f"ignored={column}"]
    assert exports.backfill(path, ignored=[column]).exit_code == 0


@pytest.mark.parametrize(
    "header",
    ["Subscription ID", "Unsubscribe Link", "Opt-in IP", "options", "adopted", "First Name"],
)
def test_a_header_that_says_something_else_is_no_error(exports: Exports, header: str) -> None:
    path = exports.write("a.csv", f"external_id,email,{header}\nu1,a@x.com,\n")
    assert exports.backfill(path).files[0].unread == (header,)


def test_a_header_that_must_not_be_shown_is_named_by_its_place(exports: Exports) -> None:
    path = exports.write("a.csv", "email,email_status,opt-out 202-555-0141 log\na@x.com,stop,\n")
    with pytest.raises(ConfigError, match="--column 'refused=#3' ") as found:
        exports.backfill(path)
    assert "0141" not in str(found.value)


def test_a_column_that_is_taken_away_is_not_asked_for_again(exports: Exports) -> None:
    text = "email,email_status,unsubscribed_at\na@x.com,stop,2024-05-05\n"
    rows = told(exports, text, columns={"opted_out_at": ""})
    assert rows == [("opted_out", "a@x.com", "2026-01-01T00:00:00")]


#: What other platforms' own files say: header, row, options, statements.
OTHERS: list[tuple[str, str, dict[str, Any], list[Said]]] = [
    (
        "Record ID,Email,Unsubscribed from all email\n",
        "501,a@x.com,TRUE\n502,b@x.com,FALSE\n",
        {},
        [
            ("opted_out", "email", None, "a@x.com", "2026-01-01T00:00:00"),
            ("status", "email", None, "b@x.com", None),
        ],
    ),
    (
        "Email,Portal Bounce,Portal Unsubscribe,Portal Spam Report,Global Bounce,Newsletter A\n",
        "a@x.com,TRUE,FALSE,FALSE,TRUE,FALSE\nb@x.com,FALSE,TRUE,TRUE,FALSE,TRUE\n",
        {"ignored": ["Newsletter A"]},
        [
            ("bounced", "email", None, "a@x.com", "2026-01-01T00:00:00"),
            ("complained", "email", None, "b@x.com", "2026-01-01T00:00:00"),
            ("opted_out", "email", None, "b@x.com", "2026-01-01T00:00:00"),
            ("status", "email", None, "a@x.com", None),
        ],
    ),
    (
        "Email Address,Name,ZIP code,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_TIME,"
        "UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,"
        "CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,"
        "LEID,EUID,NOTES\n",
        "a@x.com,Ann,89073,c1,NORMAL,2024-05-01 12:30:00,Spring,c1,NORMAL,,2,,,2023-01-01 08:00:00,"
        "203.0.113.8,,,,,,US,NY,2024-05-01 12:30:00,1,e1,\n",
        {},
        [
            ("opted_in", "email", None, "a@x.com", "2023-01-01T08:00:00"),
            ("opted_out", "email", None, "a@x.com", "2024-05-01T12:30:00"),
        ],
    ),
    (
        "user_id,braze_id,email,unsubscribed_from_emails_at,opted_into_push_at,number_of_push_tokens\n",
        "u1,b1,a@x.com,2024-05-05 10:00:00 UTC,,0\n",
        {},
        [("opted_out", "email", "u1", "a@x.com", "2024-05-05T10:00:00")],
    ),
    (
        "email,created,reason,ip\n",
        "a@x.com,2024-05-05T10:00:00Z,,192.0.2.1\n",
        {"lists": {"": "complained"}},
        [("complained", "email", None, "a@x.com", "2024-05-05T10:00:00")],
    ),
]


@pytest.mark.parametrize(("header", "rows", "options", "said"), OTHERS)
def test_an_export_is_understood_by_the_headers_that_platforms_really_write(
    exports: Exports, header: str, rows: str, options: dict[str, Any], said: list[Said]
) -> None:
    path = exports.write("a.csv", header + rows)
    assert exports.said(path, **options) == said
    assert not (exports.directory / "rejects.csv").exists()


# One bad value does not take the others with it, and is never repaired into another.


@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        ("+12025550102.0", "a number that a spreadsheet has changed"),
        ("15123456789.0", "a number that a spreadsheet has changed"),
        ("12025550102.00", "a number that a spreadsheet has changed"),
        ('"12025550102,0"', "a number that a spreadsheet has changed"),
        ("1.20256E+10", "a number that a spreadsheet has changed"),
        ('"4,91512E+12"', "a number that a spreadsheet has changed"),
        ("2025550102", "a phone number without its country"),
        ("(202) 555-0102", "a phone number without its country"),
        ("call mum", "not a phone number"),
        ("12", "not a phone number"),
    ],
)
def test_an_unreadable_phone_number_is_rejected_and_the_opt_out_beside_it_lands(
    exports: Exports, phone: str, reason: str
) -> None:
    text = f"email,phone,email_status,email_status_at\na@x.com,{phone},stop,2024-05-05\n"
    path = exports.write("a.csv", text)
    report = exports.backfill(path)
    assert [one["email"] for one in exports.statements()] == ["a@x.com"]
    assert report.reasons == [(f"{reason}: column phone", 1)]
    assert (report.exit_code, reasons(exports)) == (1, [f"2: {reason}: column phone"])
    # Without that column the file is clean.
    assert exports.backfill(path, columns={"phone": ""}).exit_code == 0


def test_a_spreadsheets_number_is_not_read_with_a_country_code_either(exports: Exports) -> None:
    rows = "15123456789.0,stop\n+15123456789.0000,stop\n15123456789,stop\n"
    said = told(exports, f"phone,sms_status\n{rows}", country=read_country("49", ROOT / "seeds"))
    assert [address for _, address, _ in said] == ["15123456789"]


def test_an_opt_in_lands_only_where_all_of_its_channel_could_be_read(exports: Exports) -> None:
    text = (
        "external_id,email,phone,email_status,email_opted_in_at,sms_opted_in_at\n"
        "u1,nobody,+12025550101,subscribed,2024-01-01,2024-01-02\n"
        "u2,a@x.com,+12025550102,perhaps,2024-01-01,2024-01-02\n"
        "u3,b@x.com,12,subscribed,2024-01-01,2024-01-02\n"
    )
    said = exports.said(exports.write("a.csv", text))
    assert [(event, channel, who) for event, channel, who, _, _ in said] == [
        ("opted_in", "email", "u3"),
        ("opted_in", "sms", "u1"),
        ("opted_in", "sms", "u2"),
    ]


def test_an_opt_out_by_external_id_lands_though_its_address_cannot_be_read(
    exports: Exports,
) -> None:
    text = "external_id,email,email_opted_out_at\nu1,nobody,2024-01-01\n"
    said = exports.said(exports.write("a.csv", text))
    assert said == [("opted_out", "email", "u1", None, "2024-01-01T00:00:00")]
    assert reasons(exports) == ["2: not an email address: column email"]


def test_a_bounce_without_an_address_is_rejected_also_of_a_list(exports: Exports) -> None:
    text = "external_id,email\nu1,\nu2,a@x.com\n"
    said = exports.said(exports.write("a.csv", text), lists={"": "bounced"})
    assert [one[3] for one in said] == ["a@x.com"]
    assert reasons(exports) == ["2: says something of a channel of which it names no address"]


def test_whose_an_address_is_does_not_land_with_a_time_that_cannot_be_read(
    exports: Exports,
) -> None:
    text = "id,email,unsubscribed_at,updated_at\nu1,a@x.com,2024-01-01,soon\n"
    exports.backfill(exports.write("a.csv", text))
    assert [one["event"] for one in exports.statements()] == ["opted_out"]
    assert reasons(exports) == ["2: unreadable time: column updated_at"]


def test_rejects_are_counted_by_reason(exports: Exports) -> None:
    rows = "nobody,stop\na@x.com,perhaps\nb@x.com,perhaps\nc@x.com,stop\nd@x.com\n"
    report = exports.backfill(exports.write("a.csv", f"email,email_status\n{rows}"))
    assert report.reasons == [
        ("unreadable status: column email_status", 2),
        ("broken line: not as many fields as the header has", 1),
        ("not an email address: column email", 1),
    ]
    (file,) = report.files
    assert (file.rows, file.landed, file.rejected) == (5, 1, 4)
