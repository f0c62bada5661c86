"""Secrets and addresses never in logs or errors; the host that a call goes to."""

from __future__ import annotations

import logging

import pytest

from sync.cli.push import print_report, report_json
from sync.cli.tables import print_json
from sync.errors import ConfigError
from sync.http import base_url
from sync.redaction import redact
from tests.python.sync.world import KEY, SandboxClient, World

PERSON = "very.private+tag@example.com"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "status": 400},
        {"kind": "error", "status": 401},
        {"kind": "error", "status": 404},
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 302},
        {"kind": "reset"},
        {"kind": "truncate"},
        {"kind": "omit", "address": PERSON},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
@pytest.mark.parametrize("action", ["suppress", "release"])
def test_no_fault_puts_a_secret_or_an_address_into_logs_or_errors(
    world: World,
    sandbox: SandboxClient,
    fault: dict[str, object],
    action: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    world.already_pushed()
    world.list_addresses(1)
    world.want(PERSON, action=action, reason="complaint")
    message = f"{PERSON} or very.private%2Btag%40example.com, +1 415 555 0100, {KEY}, Bearer {KEY}"
    sandbox.fault(**{"message": message, **fault})  # type: ignore[arg-type]
    report = world.push()
    assert report.exit_code == 1 or fault["kind"] in ("truncate", "omit")
    print_report(report)
    print_json(report_json(report))
    printed = capsys.readouterr()
    recorded = " ".join(str(row["error"]) for row in world.ledger())
    for text in (printed.out, printed.err, recorded, caplog.text):
        for secret in ("private", KEY, "very-secret", "555 0100"):
            assert secret not in text


def test_a_platform_out_of_reach_is_named_by_host_alone(world: World) -> None:
    world.already_pushed()
    world.list_addresses(1)
    world.want(PERSON, action="release")
    done = world.cli("push", SENDGRID_BASE_URL="http://127.0.0.1:9")
    assert "127.0.0.1:9" in done.stderr
    assert "private" not in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("user a.b+c@d.example is bad", "a.b+c"),
        ('{"email":"a@b.co"}', "a@b"),
        ("DELETE /x/a%2Bb%40c.io failed", "c.io"),
        ("number +14155550100 is bad", "4155550100"),
        ("number (415) 555-0100", "555"),
        ("Authorization: Bearer abc.def-ghi", "abc.def"),
        ("key SG.abc_def.ghi", "abc_def"),
        ("token 0123456789abcdef0123456789abcdef", "0123456789abcdef"),
    ],
)
def test_redaction(text: str, hidden: str) -> None:
    assert hidden in text
    assert hidden not in redact(text)


def test_redaction_keeps_what_explains_and_hides_what_it_is_told() -> None:
    assert redact("HTTP 400: email is not valid") == "HTTP 400: email is not valid"
    assert redact("the key hunter2 is bad", ["hunter2"]) == "the key <secret> is bad"
    assert len(redact("word " * 1000)) == 300
    assert redact("a\x00b\nc") == "a b c"


def test_a_base_url_replaces_scheme_and_host() -> None:
    assert base_url("https://api.sendgrid.com", None, "X") == "https://api.sendgrid.com"
    assert base_url("https://api.sendgrid.com", "https://api.eu.sendgrid.com/", "X") == (
        "https://api.eu.sendgrid.com"
    )
    assert base_url("https://h", "http://127.0.0.1:8025/sendgrid", "X") == (
        "http://127.0.0.1:8025/sendgrid"
    )


@pytest.mark.parametrize(
    "url", ["localhost:8025", "ftp://host", "https://", "https://user:pass@host", "https://h/?a=b"]
)
def test_a_base_url_that_is_none_exits_2_and_names_the_variable(world: World, url: str) -> None:
    world.already_pushed()
    world.want("a@example.com")
    with pytest.raises(ConfigError, match="SENDGRID_BASE_URL"):
        base_url("https://api.sendgrid.com", url, "SENDGRID_BASE_URL")
    part = world.push(environment={"SENDGRID_BASE_URL": url}).parts[0]
    assert part.exit_code == 2
    assert "SENDGRID_BASE_URL" in str(part.error)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENDGRID_RATE", "fast"),
        ("SENDGRID_RATE", "-1"),
        ("SENDGRID_BATCH_SIZE", "0"),
        ("SENDGRID_BATCH_SIZE", "2.5"),
        ("CONTACT_SYNC_TIMEOUT", "nan"),
        ("SENDGRID_API_KEY", "SG.line\nbreak"),
    ],
)
def test_a_wrong_setting_exits_2_and_names_the_variable(
    world: World, sandbox: SandboxClient, name: str, value: str
) -> None:
    world.already_pushed()
    world.want("a@example.com")
    part = world.push(environment={name: value}).parts[0]
    assert part.exit_code == 2
    assert name in str(part.error)
    assert "SG.line" not in str(part.error)
    assert sandbox.call_count() == 0
