"""What the receiver is told: by the environment, checked at its start, as docs/receiver.md says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sync.errors import ConfigError
from sync.receiver import sources
from sync.receiver.settings import read_settings
from tests.python.conftest import ROOT
from tests.python.receiver import signing
from tests.python.receiver.server import clean_environment, receiving

DOCS = (ROOT / "docs" / "receiver.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """A section of docs/receiver.md."""
    return DOCS.split(f"## {title}\n")[1].split("\n## ")[0]


def test_secrets_are_separated_by_blanks_lines_or_commas() -> None:
    settings = read_settings({"BRAZE_WEBHOOK_SECRET": " first-secret\nsecond-secret,third-secret "})
    assert settings.secrets["braze"] == ("first-secret", "second-secret", "third-secret")
    assert settings.secrets["brevo"] == ()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("BRAZE_WEBHOOK_SECRET", "hunter2", "is shorter than 8 characters"),
        ("BRAZE_WEBHOOK_SECRET", "long-enough-1 hunter2", "is shorter than 8 characters"),
        ("SES_WEBHOOK_SECRET", "hunter2", "is neither a topic"),
        ("SENDGRID_WEBHOOK_SECRET", "hunter2-hunter2", "is not the verification key"),
        ("SENDGRID_WEBHOOK_SECRET", "aHVudGVyMmh1bnRlcjI=", "is not the verification key"),
        ("RELAY_WEBHOOK_SECRET", "hunter2-hunter2", "is shorter than 16 characters"),
        ("CONTACT_SYNC_CONNECTIONS", "hunter2", "is not a number from 1 on"),
        ("CONTACT_SYNC_CONNECTIONS", "0", "is not a number from 1 on"),
        ("CONTACT_SYNC_CONNECTIONS_PER_ADDRESS", "-1", "is not a number from 0 on"),
        ("PUBLIC_URL", "hooks.example.com", "is not a URL like https://"),
        ("PUBLIC_URL", "ftp://hooks.example.com", "is not a URL like https://"),
        ("PUBLIC_URL", "https://hooks.example.com/?a=1", "is not a URL like https://"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_without_being_shown(
    variable: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings({variable: value})
    assert str(refused.value).startswith(f"{variable} {said}")
    assert "hunter2" not in str(refused.value)


def test_sendgrids_key_of_another_kind_is_refused() -> None:
    certificate = signing.sns_certificate().decode().splitlines()[1:-1]
    with pytest.raises(ConfigError, match=r"^SENDGRID_WEBHOOK_SECRET is not the verification key"):
        read_settings({"SENDGRID_WEBHOOK_SECRET": "".join(certificate)})


def test_only_known_sources_may_be_allowed_unsigned() -> None:
    with pytest.raises(ConfigError, match=r"Unknown source 'sendgird'.*sendgrid"):
        read_settings({}, unsigned=["sendgird"])
    with pytest.raises(ConfigError, match="Unknown source 'all'"):
        read_settings({"CONTACT_SYNC_ALLOW_UNSIGNED": "fcm, all"})


def test_a_source_with_a_secret_cannot_be_allowed_unsigned_as_well() -> None:
    with pytest.raises(ConfigError, match="FCM_WEBHOOK_SECRET"):
        read_settings({"FCM_WEBHOOK_SECRET": "a-long-secret"}, unsigned=["fcm"])


def test_the_settings_do_not_show_their_secrets() -> None:
    settings = read_settings(signing.environment())
    for secret in (signing.RELAY_SECRET, *signing.SECRETS["braze"]):
        assert secret not in repr(settings)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://hooks.example.com/", "https://hooks.example.com"),
        ("https://example.com/in/", "https://example.com/in"),
        (" http://user:word@example.com:8443 ", "http://user:word@example.com:8443"),
        ("", None),
    ],
)
def test_the_public_url_is_scheme_host_and_what_stands_before_webhooks(
    url: str, kept: str | None
) -> None:
    assert read_settings({"PUBLIC_URL": url}).public_url == kept


def run(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command, where it is expected to end at once."""
    command = [sys.executable, "-m", "sync", "receive", "--port", "0", *options]
    environment = {**clean_environment(), **variables}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


def test_the_command_ends_with_2_and_names_the_variable() -> None:
    done = run("--profiles-dir", str(ROOT), BRAZE_WEBHOOK_SECRET="hunter2")
    assert done.returncode == 2
    assert done.stderr == "Error: BRAZE_WEBHOOK_SECRET is shorter than 8 characters.\n"
    assert done.stdout == ""


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with receiving(tmp_path, {}) as server:
        port = server.url.rpartition(":")[2]
        done = run("--port", port, "--profiles-dir", str(tmp_path))
    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be used" in done.stderr


def first_lines(count: int, directory: Path, *options: str, **variables: str) -> list[str]:
    """What the command says first, where it runs until it is stopped."""
    (directory / "profiles.yml").write_bytes((ROOT / "profiles.example.yml").read_bytes())
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sync", "receive", "--port", "0"),
            *("--profiles-dir", str(directory), *options),
        ],
        cwd=ROOT,
        env={**clean_environment(), **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(count)]
        process.terminate()
    return lines


def test_it_says_at_its_start_what_it_takes_as_the_docs_show(tmp_path: Path) -> None:
    commands, shown, *_ = re.findall(r"```\n(.*?)```", section("Start it"), re.DOTALL)
    variables = dict(re.findall(r"^export (\w+)=\"?([^\"\n]*)\"?$", commands, re.MULTILINE))
    said = first_lines(len(shown.splitlines()), tmp_path, **variables)
    address = said[0].split()[2].rstrip(",")
    assert "".join(said).replace(address, "http://127.0.0.1:8080") == shown


def test_an_unsigned_source_is_shown_as_open_to_all(tmp_path: Path) -> None:
    said = first_lines(2 + len(sources.names()), tmp_path, "--allow-unsigned", "fcm")
    (line,) = (line for line in said if "/webhooks/fcm" in line)
    assert line.endswith("taken UNSIGNED: anybody can post here\n")


def test_the_docs_say_of_every_source_what_its_secret_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section("Secrets"), re.MULTILINE)
    assert rows == [(name, sources.get(name).needs) for name in sources.names()]


def test_the_docs_name_every_status_that_the_application_answers() -> None:
    code = (ROOT / "sync" / "receiver" / "app.py").read_text(encoding="utf-8")
    answered = set(re.findall(r"Answer\((\d{3})|, (404)\)", code))
    statuses = {text for pair in answered for text in pair if text} - {"400"}
    statuses |= {str(sources.get(name).busy_status) for name in sources.names()} | {"200"}
    assert set(re.findall(r"^\| (\d{3})", section("Answers"), re.MULTILINE)) == statuses
