"""`contact-sync backfill`: what the rows of exports say, and what the models make of it."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.errors import ConfigError
from tests.python import commands
from tests.python.conftest import ROOT, Warehouse, new_built_warehouse
from tests.python.sync.exports import Exports, Said, brief

EXPORTS = ROOT / "tests" / "fixtures" / "exports"

# What each platform's own export says.

OF_PLATFORM: list[tuple[str, str, dict[str, Any], list[Said]]] = [
    (
        "sendgrid_bounces.csv",
        "sendgrid",
        {"lists": {"": "bounced"}},
        [("bounced", "email", None, "nobody@example.com", "2025-01-01T10:00:00")],
    ),
    (
        "sendgrid_unsubscribes.csv",
        "sendgrid",
        {"lists": {"": "opted_out"}},
        [("opted_out", "email", None, "left@example.com", "2025-01-01T10:00:00")],
    ),
    (
        "mailchimp_subscribed.csv",
        "mailchimp",
        {},
        [("opted_in", "email", None, "ann@example.com", "2024-03-01T10:00:00")],
    ),
    (
        "mailchimp_unsubscribed.csv",
        "mailchimp",
        {},
        [
            ("opted_in", "email", None, "ben@example.com", "2023-01-01T08:00:00"),
            ("opted_out", "email", None, "ben@example.com", "2024-05-01T12:30:00"),
        ],
    ),
    (
        "mailchimp_cleaned.csv",
        "mailchimp",
        {},
        [
            ("bounced", "email", None, "gone@example.com", "2024-06-01T00:00:00"),
            ("opted_in", "email", None, "gone@example.com", "2023-01-01T08:00:00"),
        ],
    ),
    (
        "klaviyo.csv",
        "klaviyo",
        {},
        [
            ("opted_in", "email", "u3", "cleo@example.com", "2024-02-01T10:00:00"),
            ("opted_out", "sms", "u3", "+15551230001", "2024-02-02T10:00:00"),
        ],
    ),
    (
        "braze.csv",
        "braze",
        {},
        [
            ("opted_in", "push", "u5", None, "2023-06-01T08:00:00"),
            ("opted_out", "email", "u5", "eve@example.com", "2024-07-01T09:30:00"),
            ("opted_out", "push", "u6", None, "2026-01-01T00:00:00"),
            ("status", "email", "u6", "finn@example.com", None),
        ],
    ),
    (
        "postmark.csv",
        "postmark",
        {},
        [
            ("bounced", "email", None, "hard@example.com", "2019-12-17T13:58:33"),
            ("complained", "email", None, "spam@example.com", "2019-12-17T13:58:33"),
            ("opted_out", "email", None, "manual@example.com", "2019-12-17T13:58:33"),
        ],
    ),
    (
        "mailgun_unsubscribes.csv",
        "mailgun",
        {},
        [("opted_out", "email", None, "quit@example.com", "2016-10-21T11:02:55")],
    ),
    (
        "mailgun_bounces.csv",
        "mailgun",
        {},
        [("bounced", "email", None, "void@example.com", "2016-10-21T11:02:55")],
    ),
    (
        "twilio_consents.csv",
        "twilio",
        {},
        [
            ("opted_in", "sms", None, "+15551230008", "2025-03-25T00:00:00"),
            ("opted_out", "sms", None, "+15551230007", "2025-02-28T10:05:27"),
        ],
    ),
    (
        "attentive.csv",
        "attentive",
        {},
        [
            ("opted_out", "sms", "u9", "+15551230009", "2024-01-01T00:00:00"),
            ("status", "email", "u9", "ida@example.com", None),
        ],
    ),
    (
        "onesignal.csv",
        "onesignal",
        {},
        [
            ("opted_out", "email", None, "jo@example.com", "2026-01-01T00:00:00"),
            ("opted_out", "push", "u10", "APA91bHbYHk7aq-Uam_2pyJ2qbZ", "2026-01-01T00:00:00"),
            ("status", "push", "u10", "7abcd558f29d0b1f048083e2834ad8ea", None),
            ("status", "sms", None, "+15551230011", None),
        ],
    ),
    ("directory.csv", "directory", {}, []),
]


@pytest.mark.parametrize(
    ("name", "platform", "options", "said"), OF_PLATFORM, ids=[case[0] for case in OF_PLATFORM]
)
def test_a_platforms_own_export_is_understood_by_its_headers(
    exports: Exports, name: str, platform: str, options: dict[str, Any], said: list[Said]
) -> None:
    path = exports.write(name, (EXPORTS / name).read_bytes())
    report = exports.backfill(path, **options)
    assert (report.files[0].platform, report.rejects) == (platform, None)
    landed = [brief(one) for one in exports.statements() if one["event"] != "contact"]
    assert sorted(landed, key=str) == said


def test_a_platforms_own_id_lands_with_the_address_that_it_stands_for(exports: Exports) -> None:
    exports.backfill(
        exports.write("o.csv", (EXPORTS / "onesignal.csv").read_bytes()),
        exports.write("k.csv", (EXPORTS / "klaviyo.csv").read_bytes()),
        # Another's export may have both; a number that was an id once is none any more.
        exports.write(
            "crm.csv",
            "external_id,email,phone,Klaviyo ID,OneSignal Subscription ID\n"
            "u1,a@x.com,+15551230001,AbC123,s1\nu2,b@x.com,,1.2E+10,0\n",
        ),
    )
    links = [
        (one.get("platform_id"), one.get("email"), one.get("phone"), one.get("push_token"))
        for one in exports.statements()
        if one["event"] == "contact"
    ]
    assert sorted(links, key=str) == [
        ("klaviyo:01HX1", "cleo@example.com", "+15551230001", None),
        ("klaviyo:01HX2", "dan@example.com", None, None),
        ("klaviyo:AbC123", "a@x.com", "+15551230001", None),
        ("onesignal:p1", None, None, "7abcd558f29d0b1f048083e2834ad8ea"),
        ("onesignal:p2", None, None, "APA91bHbYHk7aq-Uam_2pyJ2qbZ"),
        ("onesignal:p3", "jo@example.com", None, None),
        ("onesignal:p4", None, "+15551230011", None),
        ("onesignal:s1", "a@x.com", "+15551230001", None),
        (None, "b@x.com", None, None),
    ]


def test_the_directory_lands_who_the_addresses_belong_to(exports: Exports) -> None:
    exports.backfill(exports.write("users.csv", (EXPORTS / "directory.csv").read_bytes()))
    first, second = exports.statements()
    assert first == {
        "event": "contact",
        "external_id": "u1",
        # As the file has them: the models normalize.
        "email": "Ann@Example.com",
        "phone": "+1 (555) 123-0001",
        "push_token": "tok-1",
        "at": "2025-01-01T00:00:00+00:00",
        "by": "users.csv",
        "reason": "users.csv:2",
    }
    assert (second["external_id"], second["email"]) == ("u2", "ben@example.com")


def test_a_statement_tells_file_line_and_column_that_it_came_from(exports: Exports) -> None:
    path = exports.write("m.csv", (EXPORTS / "mailchimp_subscribed.csv").read_bytes())
    exports.backfill(path)
    (one,) = exports.statements()
    assert (one["by"], one["reason"]) == ("m.csv", "m.csv:2 column CONFIRM_TIME")


def test_a_platforms_explanation_is_kept_without_the_address_in_it(exports: Exports) -> None:
    path = exports.write("b.csv", (EXPORTS / "sendgrid_bounces.csv").read_bytes())
    exports.backfill(path, lists={"b.csv": "bounced"})
    (one,) = exports.statements()
    assert one["reason"].startswith("b.csv:2 column created: ")
    assert one["reason"].endswith("<<address>>: Recipient address rejected")


# What each row says. Who wins, the models decide.

OPTED = "email,email_opted_in_at,email_opted_out_at\n"


def test_all_that_rows_say_lands_whoever_wins(exports: Exports) -> None:
    left = exports.write("left.csv", OPTED + "a@x.com,,2025-01-01\nb@x.com,,2025-01-02\n")
    back = exports.write("back.csv", OPTED + "a@x.com,2025-01-02,\nb@x.com,2025-01-01,\n")
    assert exports.said(left, back) == [
        ("opted_in", "email", None, "a@x.com", "2025-01-02T00:00:00"),
        ("opted_in", "email", None, "b@x.com", "2025-01-01T00:00:00"),
        ("opted_out", "email", None, "a@x.com", "2025-01-01T00:00:00"),
        ("opted_out", "email", None, "b@x.com", "2025-01-02T00:00:00"),
    ]


def test_times_are_told_to_the_second_and_in_utc(exports: Exports) -> None:
    one = exports.write("one.csv", OPTED + "a@x.com,2025-01-01T10:00:00.900Z,\n")
    other = exports.write(
        "other.csv", OPTED + "b@x.com,,1735725600\nc@x.com,,2025-01-01 12:00+02\n"
    )
    assert {said[4] for said in exports.said(one, other)} == {"2025-01-01T10:00:00"}


def test_an_opt_out_without_a_time_counts_when_the_file_was_modified(exports: Exports) -> None:
    path = exports.write("a.csv", "email,email_status\na@x.com,unsubscribed\n")
    assert exports.said(path) == [("opted_out", "email", None, "a@x.com", "2026-01-01T00:00:00")]


def test_an_opt_out_without_a_time_counts_at_as_of(exports: Exports) -> None:
    out = exports.write("out.csv", "email,email_status\na@x.com,unsubscribed\nb@x.com,stop\n")
    back = exports.write("in.csv", OPTED + "a@x.com,2025-06-02,\nb@x.com,2025-05-31,\n")
    assert exports.said(out, back, as_of=datetime(2025, 6, 1, tzinfo=UTC)) == [
        ("opted_in", "email", None, "a@x.com", "2025-06-02T00:00:00"),
        ("opted_in", "email", None, "b@x.com", "2025-05-31T00:00:00"),
        ("opted_out", "email", None, "a@x.com", "2025-06-01T00:00:00"),
        ("opted_out", "email", None, "b@x.com", "2025-06-01T00:00:00"),
    ]


def test_an_opt_in_without_a_time_is_a_baseline_and_ends_nothing(exports: Exports) -> None:
    status = exports.write("s.csv", "email,email_status\na@x.com,subscribed\nb@x.com,subscribed\n")
    left = exports.write("left.csv", OPTED + "a@x.com,,2010-01-01\n")
    assert exports.said(status, left) == [
        ("opted_out", "email", None, "a@x.com", "2010-01-01T00:00:00"),
        ("status", "email", None, "a@x.com", None),
        ("status", "email", None, "b@x.com", None),
    ]


def test_a_time_that_no_platform_can_have_seen_is_no_time(exports: Exports) -> None:
    path = exports.write("a.csv", OPTED + "a@x.com,,1970-01-02\nb@x.com,1970-01-02,\n")
    assert exports.said(path) == [
        ("opted_out", "email", None, "a@x.com", "2026-01-01T00:00:00"),
        ("status", "email", None, "b@x.com", None),
    ]


def test_a_rows_own_word_is_newer_than_its_own_opt_in(exports: Exports) -> None:
    head = "email,email_status,email_opted_in_at,email_opted_out_at\n"
    path = exports.write("a.csv", head + "a@x.com,unsubscribed,2025-02-01,2025-01-01\n")
    back = exports.write("b.csv", OPTED + "a@x.com,2025-01-15,\n")
    assert exports.said(path, back) == [
        ("opted_in", "email", None, "a@x.com", "2025-01-15T00:00:00"),
        ("opted_out", "email", None, "a@x.com", "2025-02-01T00:00:00"),
    ]


def test_a_bounce_is_no_preference_and_stays_beside_one(exports: Exports) -> None:
    path = exports.write(
        "a.csv", "email,email_status,email_status_at\na@x.com,bounced,2025-01-01\n"
    )
    back = exports.write("b.csv", OPTED + "a@x.com,2025-02-01,\n")
    assert [one[0] for one in exports.said(path, back)] == ["bounced", "opted_in"]


# Who is who.


def test_a_row_names_whom_it_names_and_nobody_whom_another_row_knows(exports: Exports) -> None:
    """Whom an address is known with, the models say."""
    known = exports.write("k.csv", "external_id,email,email_opted_in_at\nu1,a@x.com,2025-01-01\n")
    left = exports.write("l.csv", OPTED + " A@X.com ,,2025-02-01\n")
    assert exports.said(known, left) == [
        ("opted_in", "email", "u1", "a@x.com", "2025-01-01T00:00:00"),
        ("opted_out", "email", None, "A@X.com", "2025-02-01T00:00:00"),
    ]


def test_addresses_named_together_without_an_external_id_are_not_joined(exports: Exports) -> None:
    head = "email,phone,email_status,email_status_at,sms_status,sms_status_at\n"
    path = exports.write("a.csv", head + "a@x.com,+15551230001,stop,2025-01-01,yes,2025-01-01\n")
    said = exports.said(path)
    assert said == [
        ("opted_in", "sms", None, "+15551230001", "2025-01-01T00:00:00"),
        ("opted_out", "email", None, "a@x.com", "2025-01-01T00:00:00"),
    ]
    assert all(one["event"] != "contact" for one in exports.statements())


def test_an_opt_in_of_one_persons_mailbox_ends_nothing_of_anothers(exports: Exports) -> None:
    head = "external_id,email,email_status,email_status_at\n"
    path = exports.write(
        "a.csv", head + "u1,a@x.com,stop,2025-01-01\nu2,a@x.com,subscribed,2025-02-01\n"
    )
    assert exports.said(path) == [
        ("opted_in", "email", "u2", "a@x.com", "2025-02-01T00:00:00"),
        ("opted_out", "email", "u1", "a@x.com", "2025-01-01T00:00:00"),
    ]


def test_an_opt_in_that_names_one_mailbox_leaves_the_refusal_of_another(exports: Exports) -> None:
    head = "external_id,email,email_opted_out_at\n"
    known = exports.write("k.csv", head + "u1,old@x.com,2025-01-01\nu1,new@x.com,\n")
    back = exports.write("b.csv", OPTED + "new@x.com,2025-02-01,\n")
    assert exports.said(known, back) == [
        ("opted_in", "email", None, "new@x.com", "2025-02-01T00:00:00"),
        ("opted_out", "email", "u1", "old@x.com", "2025-01-01T00:00:00"),
    ]


def test_a_device_keeps_its_own_permission(exports: Exports) -> None:
    head = "external_id,push_token,push_status,push_status_at\n"
    path = exports.write(
        "a.csv", head + "u1,tok-one-1,no,2025-01-01\nu1,tok-two-2,yes,2025-02-01\n"
    )
    assert exports.said(path) == [
        ("opted_in", "push", "u1", "tok-two-2", "2025-02-01T00:00:00"),
        ("opted_out", "push", "u1", "tok-one-1", "2025-01-01T00:00:00"),
    ]


# Files as they come.


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: gzip.compress(text.encode()),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace(",", "\t").encode(),
        lambda text: b"sep=;\r\n" + text.replace(",", ";").replace("\n", "\r\n").encode(),
        lambda text: b"\n" + text.encode() + b"\n,,\n",
    ],
    ids=["gzip", "BOM", "UTF-16", "semicolons", "tabs", "Excel", "blank lines"],
)
def test_a_file_is_read_in_the_form_it_comes_in(
    exports: Exports, encode: Callable[[str], bytes]
) -> None:
    text = 'Email ADDRESS,note,email_opted_out_at\na@x.com,"two\nlines ""quoted""",2025-01-01\n'
    path = exports.write("a.csv", encode(text))
    assert exports.said(path) == [("opted_out", "email", None, "a@x.com", "2025-01-01T00:00:00")]
    assert not (exports.directory / "rejects.csv").exists()


def test_a_name_in_another_encoding_does_not_hide_the_opt_out_beside_it(exports: Exports) -> None:
    path = exports.write(
        "a.csv", "email,name,email_status\na@x.com,Jürgen,stop\n".encode("latin-1")
    )
    assert [one[0] for one in exports.said(path)] == ["opted_out"]


def test_bad_rows_are_named_with_the_line_of_the_file_and_do_not_count(exports: Exports) -> None:
    path = exports.write(
        "a.csv",
        "email,phone,email_status,email_status_at,note\n"
        'a@x.com,,unsubscribed,2025-01-01,"two\nlines"\n'
        "not an address,,unsubscribed,,\n"
        ",,unsubscribed,,\n"
        "b@x.com,,perhaps,,\n"
        "c@x.com,,unsubscribed,31/12/2024,\n"
        "d@x.com,,unsubscribed\n"
        "e@x.com,,unsubscribed,,,more\n"
        'f@x.com,,unsubscribed,,"never closed\n'
        "g@x.com,12,unsubscribed,,\n"
        "h@x.com,,unsubscribed,2999-01-01,\n"
        ",+15551230001,unsubscribed,,\n"
        "z@x.com,,unsubscribed,2025-01-02,\n",
    )
    report = exports.backfill(path)
    assert report.exit_code == 1
    assert (report.files[0].rows, report.files[0].landed, report.files[0].rejected) == (12, 5, 10)
    assert exports.rejected() == [
        ["a.csv", "4", "not an email address: column email"],
        ["a.csv", "5", "no identifier"],
        ["a.csv", "6", "unreadable status: column email_status"],
        [
            "a.csv",
            "7",
            "day or month first? --dates dmy or mdy says it: column email_status_at"
            "; the opt-out itself counts at --as-of",
        ],
        ["a.csv", "8", "broken line: not as many fields as the header has"],
        ["a.csv", "9", "broken line: not as many fields as the header has"],
        ["a.csv", "10", "broken line: a quote is not closed"],
        ["a.csv", "11", "not a phone number: column phone"],
        [
            "a.csv",
            "12",
            "a time in the future: column email_status_at; the opt-out itself counts at --as-of",
        ],
        [
            "a.csv",
            "13",
            "says something of a channel of which it names no address: column email_status",
        ],
    ]
    landed = [one["email"] for one in exports.statements()]
    # Neither an unreadable phone number nor an unreadable time takes the opt-out by email with it.
    assert sorted(landed) == ["a@x.com", "c@x.com", "g@x.com", "h@x.com", "z@x.com"]


@pytest.mark.parametrize(
    "record", ["a@x.com,Ann,2025-01-01,more", "a@x.com", "a@x.com,Ann,2025-01-01,,,,,more"]
)
def test_a_first_record_of_another_width_costs_itself_alone(exports: Exports, record: str) -> None:
    path = exports.write("a.csv", f"email,name,unsubscribed_at\n{record}\nb@x.com,Bob,2025-01-02\n")
    report = exports.backfill(path)
    assert (report.files[0].rows, report.files[0].rejected, report.landed) == (2, 1, 1)
    assert exports.rejected() == [
        ["a.csv", "2", "broken line: not as many fields as the header has"]
    ]


def test_empty_fields_beyond_the_header_cost_nothing(exports: Exports) -> None:
    path = exports.write("a.csv", "email,unsubscribed_at\na@x.com,2025-01-01,,,\n")
    assert [one[3] for one in exports.said(path)] == ["a@x.com"]


def test_a_file_of_short_records_alone_names_them_all(exports: Exports) -> None:
    path = exports.write("a.csv", "email,name,unsubscribed_at\na@x.com\nb@x.com,Bob\n")
    assert exports.backfill(path).files[0].rejected == 2


def test_rejects_go_beside_the_first_file_unless_told_otherwise(exports: Exports) -> None:
    path = exports.write("a.csv", "email,email_status\nnobody,stop\n")
    report = exports.backfill(path, rejects=None)
    assert report.rejects == exports.directory / "a.csv.rejects.csv"
    assert report.rejects.stat().st_mode & 0o777 == 0o600


def test_a_header_only_lands_nothing(exports: Exports) -> None:
    report = exports.backfill(exports.write("a.csv", "email,email_status\n"))
    assert (report.files[0].rows, report.landed, report.exit_code) == (0, 0, 0)
    assert exports.statements() == []


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (b"", {}, "is empty"),
        (b"\x1f\x8b\x08\x00cut", {}, "cannot be read"),
        (b"name,city\nAnn,Ulm\n", {}, "'name', 'city'. Name one: --column email=HEADER"),
        (b"email,created\na@x.com,1735725600\n", {}, "--all a.csv=opted_out"),
        (b"email,Email,email_status\na@x.com,b@x.com,stop\n", {}, "--column email=#1"),
        (b"email,email_status\n", {"columns": {"emial": "email"}}, "'emial' is none of"),
        (b"email,email_status\n", {"columns": {"email": "MAIL"}}, "no file has a column"),
        (b"a@x.com,2025-01-01\n", {}, "no header"),
        (b"email,email_status\n", {"lists": {"a.csv": "bounced"}}, "'email_status'. Leave --all"),
        (b"email,status\na@x.com,active\n", {}, "do not say what its rows are"),
        (b"email,email_status\n", {"as_of": datetime(2999, 1, 1, tzinfo=UTC)}, "in the future"),
        (b"email,created\n", {"lists": {"": "gone"}}, "'gone' is none of"),
        (b"email,created\n", {"lists": {"b.csv": "bounced"}}, "'b.csv' is none of the files"),
        (b"email,email_status\n", {"words": (("away", "gone"),)}, "'gone' is none of"),
    ],
)
def test_a_file_that_cannot_be_understood_says_what_to_add(
    exports: Exports, text: bytes, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as found:
        exports.backfill(exports.write("a.csv", text), **options)
    assert told in str(found.value)
    assert "@x.com" not in str(found.value)


def test_a_line_without_end_costs_itself_alone(exports: Exports) -> None:
    endless = "x" * (1 << 21)
    path = exports.write(
        "a.csv", f"email,email_status\na@x.com,stop\n{endless}\nb@x.com,stop\nc@x.com,{endless}"
    )
    assert [one[3] for one in exports.said(path)] == ["a@x.com", "b@x.com"]
    assert exports.rejected() == [
        ["a.csv", line, "broken line: longer than 1,048,576 characters"] for line in ("3", "5")
    ]


def test_the_report_names_the_columns_that_were_read_and_those_that_were_not(
    exports: Exports,
) -> None:
    path = exports.write("a.csv", "Email Address,UNSUB_TIME,Name\na@x.com,2025-01-01,Ann\n")
    (one,) = exports.backfill(path, is_dry_run=True).files
    assert one.columns == [("Email Address", "email"), ("UNSUB_TIME", "email_opted_out_at")]
    assert one.unread == ("Name",)


def test_columns_and_words_may_be_mapped(exports: Exports) -> None:
    path = exports.write("a.csv", "E-mail,MAIL,Contactable\nold@x.com,a@x.com,away\n")
    assert exports.said(
        path,
        columns={"email": "mail", "email_status": "#3"},
        words=(("Away", "opted_out"),),
    ) == [("opted_out", "email", None, "a@x.com", "2026-01-01T00:00:00")]


def test_what_all_rows_are_is_never_said_of_the_directory_beside_the_list(exports: Exports) -> None:
    users = exports.write("users.csv", (EXPORTS / "directory.csv").read_bytes())
    left = exports.write("left.csv", (EXPORTS / "sendgrid_unsubscribes.csv").read_bytes())
    said = exports.said(users, left, lists={"": "opted_out"})
    assert [one[3] for one in said] == ["left@example.com"]


def test_files_of_one_name_are_told_apart_by_their_paths(exports: Exports) -> None:
    (exports.directory / "old").mkdir()
    files = [
        exports.write(name, "email,email_status\na@x,stop\n") for name in ("a.csv", "old/a.csv")
    ]
    assert [one.name for one in exports.backfill(*files).files] == [str(path) for path in files]


#: Rows of one of three files: file, external_id, email, opted in at, opted out at, status.
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["", "u1", "u2"]),
        st.sampled_from(["", "a@x.com", "b@x.com"]),
        *[st.sampled_from(["", "2025-01-01", "2025-01-02", "2025-01-03"])] * 2,
        st.sampled_from(["", "subscribed", "unsubscribed", "complained", "bounced"]),
    ),
    max_size=8,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=ROWS, data=st.data())
def test_neither_the_order_of_files_nor_of_rows_changes_what_lands(
    exports: Exports, rows: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    def landed(numbers: Sequence[int], ordered: Sequence[tuple[Any, ...]]) -> list[Any]:
        shutil.rmtree(exports.landing, ignore_errors=True)
        head = "external_id,email,email_opted_in_at,email_opted_out_at,email_status\n"
        files = []
        for number in numbers:
            lines = [",".join(map(str, row[1:])) + "\n" for row in ordered if row[0] == number]
            files.append(exports.write(f"{number}.csv", head + "".join(lines)))
        exports.backfill(*files)
        return sorted(
            sorted((k, v) for k, v in one.items() if k not in {"reason", "by"})
            for one in exports.statements()
        )

    first = landed([0, 1, 2], rows)
    again = landed(data.draw(st.permutations([0, 1, 2])), data.draw(st.permutations(rows)))
    assert first == again


def test_repeating_the_command_says_the_same(exports: Exports) -> None:
    files = [
        exports.write(name, (EXPORTS / "conflict" / name).read_bytes())
        for name in ("braze.csv", "mailchimp.csv", "twilio.csv")
    ]
    exports.backfill(*files)
    once = exports.statements()
    exports.backfill(*files)
    assert exports.statements() == sorted(
        once + once, key=lambda one: json.dumps(one, sort_keys=True)
    )


def test_a_dry_run_lands_nothing_and_tells_what_would_land(exports: Exports) -> None:
    one = exports.write(
        "1.csv", OPTED + "a@x.com,2025-01-01,\nb@x.com,,2025-01-01\nc@x.com,,soon\n"
    )
    report = exports.backfill(one, is_dry_run=True)
    assert (report.landed, exports.statements()) == (0, [])
    assert report.statements == [("opted_in", "email", 1), ("opted_out", "email", 2)]
    assert report.reasons == [
        (
            "unreadable time: column email_opted_out_at; the opt-out itself counts at --as-of",
            1,
        )
    ]
    (file,) = report.files
    assert (file.rows, file.landed, file.rejected) == (3, 3, 1)


# The command, and what the models make of it.


def run(directory: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and error output of `contact-sync backfill` in a folder."""
    done = commands.run(
        [sys.executable, "-m", "sync", "backfill", *arguments],
        cwd=directory,
        env={
            "PATH": "",
            "HOME": str(directory),
            "PYTHONPATH": str(ROOT),
            "CONTACT_SYNC_LANDING": "landing",
            **environment,
        },
    )
    return done.returncode, done.stdout, done.stderr


def test_neither_output_nor_errors_name_a_person(tmp_path: Path) -> None:
    exports = Exports(tmp_path)
    exports.write("one.csv", OPTED + "ann@x.com,2025-01-01,\nbroken@@x.com,,\n")
    exports.write("two.csv", OPTED + "ann@x.com,,2025-01-01\n")
    (tmp_path / "profiles.yml").write_text((ROOT / "profiles.example.yml").read_text())
    for more in ((), ("--output", "json"), ("--dry-run",)):
        code, output, errors = run(tmp_path, {}, "one.csv", "two.csv", *more)
        assert code == 1, errors
        assert "not an email address" in output
        assert "@x.com" not in output + errors
    assert (tmp_path / "one.csv.rejects.csv").read_text().splitlines()[1:] == [
        "one.csv,3,not an email address: column email"
    ]


def test_a_run_that_is_ended_leaves_nobody_behind(tmp_path: Path) -> None:
    exports = Exports(tmp_path)
    lines = (f"person{number}@x.com,stop\n" for number in range(200_000))
    exports.write("a.csv", "email,email_status\n" + "".join(lines))
    (tmp_path / "temporary").mkdir()
    running = subprocess.Popen(
        [sys.executable, "-m", "sync", "backfill", "a.csv", "--dry-run"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    # It says so when its file is there.
    assert running.stderr.readline().startswith("a.csv: ")
    (kept,) = (tmp_path / "temporary").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o700
    running.terminate()
    assert running.wait() == 143
    running.stderr.close()
    assert list((tmp_path / "temporary").iterdir()) == []


def land_conflicting_exports(warehouse: Warehouse) -> None:
    (warehouse.directory / "profiles.yml").write_text((ROOT / "profiles.example.yml").read_text())
    # Files: the emulator's warehouse loads them.
    code, _, errors = run(
        warehouse.directory,
        {},
        *(
            str(EXPORTS / "conflict" / name)
            for name in ("braze.csv", "mailchimp.csv", "twilio.csv")
        ),
        *("--as-of", "2026-01-01T00:00:00Z", "--target", "duckdb"),
    )
    assert code == 0, errors


def table(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        tuple(f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value for value in row)
        for row in (tuple(row.values()) for row in rows)
    ]


#: Per contact: email status, date of the latest opt-in, its reason; the same of SMS. By hand.
PROFILES = [
    # Mailchimp's opt-out of March is newer than Braze's opt-in of February.
    ("u1", "ann@example.com", False, "2025-02-01 10:00", "unsubscribe", None, None, None),
    # Braze's opt-in of April is newer than Mailchimp's opt-out of March.
    ("u2", "ben@example.com", True, "2025-04-01 10:00", None, None, None, None),
    # The same second: the refusal.
    ("u3", "cleo@example.com", False, "2025-03-01 10:00", "unsubscribe", None, None, None),
    # Braze names no time: the opt-out counts at --as-of, after Mailchimp's opt-in of May.
    ("u4", "dan@example.com", False, "2025-05-01 10:00", "unsubscribe", None, None, None),
    # Braze's opt-in without a time ends nothing.
    ("u5", "eve@example.com", False, None, "unsubscribe", None, None, None),
    # It is a baseline where nothing else is known: a status, no date.
    ("u6", "finn@example.com", True, None, None, None, None, None),
    # Twilio's opt-out of June is newer than its opt-in of May; email is another preference.
    (
        *("u7", "gina@example.com", True, "2025-01-05 10:00", None),
        *(False, "2025-05-01 10:00", "unsubscribe"),
    ),
    # Cleaned after the opt-in: a bounce is no refusal. By SMS back in July.
    ("u8", "hugo@example.com", True, "2025-01-01 10:00", "bounce", True, "2025-07-01 10:00", None),
    # Mailchimp's opt-in of July is newer than Braze's opt-out of June.
    ("u9", "ida@example.com", True, "2025-07-01 10:00", None, None, None, None),
    # Nobody's external_id.
    (None, None, None, None, None, False, None, "unsubscribe"),
    (None, "ivy@example.com", False, None, "unsubscribe", None, None, None),
]

SUPPRESSED = [
    ("email", "ann@example.com", "unsubscribe", "2025-03-01 10:00", "u1"),
    ("email", "cleo@example.com", "unsubscribe", "2025-03-01 10:00", "u3"),
    ("email", "dan@example.com", "unsubscribe", "2026-01-01 00:00", "u4"),
    ("email", "eve@example.com", "unsubscribe", "2025-03-01 10:00", "u5"),
    ("email", "hugo@example.com", "bounce", "2025-02-01 10:00", "u8"),
    ("email", "ivy@example.com", "unsubscribe", "2025-03-02 10:00", None),
    ("sms", "+15551230007", "unsubscribe", "2025-06-01 10:00", "u7"),
    ("sms", "+15551239999", "unsubscribe", "2025-06-02 10:00", None),
]


LATEST = "the latest wins"
#: Of each conflict: whose, what decides, by which file and which rule. By hand.
CONFLICTS = [
    ("u1", "email", "unsubscribe", "mailchimp.csv:2 column UNSUB_TIME", LATEST),
    ("u2", "email", "subscribe", "braze.csv:3 column email_opted_in_at", LATEST),
    (
        *("u3", "email", "unsubscribe", "mailchimp.csv:4 column UNSUB_TIME"),
        "at the same time the opt-out wins",
    ),
    ("u4", "email", "unsubscribe", "braze.csv:5 column email_subscribe", LATEST),
    (
        *("u5", "email", "unsubscribe", "mailchimp.csv:6 column UNSUB_TIME"),
        "an opt-in without a time ends nothing",
    ),
    ("u7", "sms", "unsubscribe", "twilio.csv:2 column status", LATEST),
    ("u8", "sms", "subscribe", "twilio.csv:5 column status", LATEST),
    ("u9", "email", "subscribe", "mailchimp.csv:8 column CONFIRM_TIME", LATEST),
]


def test_three_conflicting_exports_end_in_the_state_that_was_computed_by_hand(
    warehouse: Warehouse,
) -> None:
    land_conflicting_exports(warehouse)
    warehouse.build()
    assert warehouse.rows("select * from quarantined_deliveries") == []
    profiles = warehouse.rows(
        "select external_id, email, email_subscribed_status, email_opt_in_date, email_reason,"
        " sms_subscribed_status, sms_opt_in_date, sms_reason from contact_profiles"
    )
    assert sorted(table(profiles), key=_nulls_last) == PROFILES
    listed = warehouse.rows(
        "select channel, address, event_type, event_timestamp, external_id from suppression_list"
        " order by channel, address"
    )
    assert table(listed) == SUPPRESSED
    origins = warehouse.rows(
        "select reason, source_of_change from events where email = 'ann@example.com'"
        " and event_type = 'unsubscribe'"
    )
    assert table(origins) == [("mailchimp.csv:2 column UNSUB_TIME", "mailchimp.csv")]
    conflicts = warehouse.rows(
        "select external_id, channel, event_type, origin, rule from backfill_conflicts"
        " where is_deciding order by external_id"
    )
    assert table(conflicts) == CONFLICTS

    # Once more: nothing is added.
    events = "select event_id, received_at from events order by event_id"
    before = warehouse.rows(events)
    land_conflicting_exports(warehouse)
    warehouse.build()
    assert warehouse.rows(events) == before


def test_conflicts_are_told_as_the_last_build_decided_them(tmp_path: Path) -> None:
    warehouse = new_built_warehouse(tmp_path)
    land_conflicting_exports(warehouse)
    warehouse.build()
    code, output, errors = run(
        warehouse.directory, warehouse.environment, "--conflicts", "conflicts.csv"
    )
    assert (code, errors) == (0, "")
    assert "Conflicts: 8 (conflicts.csv has all of them)" in output
    assert "braze.csv:5 column email_subscribe" in output
    assert "example.com" not in output
    written = warehouse.directory / "conflicts.csv"
    assert written.stat().st_mode & 0o777 == 0o600
    with written.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["is_deciding"] == "True"]
    # In the order of the files: that of braze.csv:10 comes before that of braze.csv:2.
    assert [row["external_id"] for row in rows] == ["u9", "u1", "u2", "u3", "u4", "u5", "u7", "u8"]
    code, _, errors = run(warehouse.directory, {}, "a.csv", "--conflicts", "x.csv")
    assert (code, "reads no files" in errors) == (2, True)
    assert run(warehouse.directory, {})[0] == 2


def _nulls_last(row: tuple[Any, ...]) -> tuple[str, ...]:
    return (row[0] or "~", row[1] or "")
