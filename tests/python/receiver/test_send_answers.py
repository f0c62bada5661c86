"""The calls of docs/receiver.md with which a sender lands what its own sends were answered."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.python.conftest import ROOT, Warehouse
from tests.python.receiver import signing
from tests.python.receiver.server import Server, receiving

SENT_AT = "2026-05-02T07:15:30Z"
TOKEN = "eT0kEn:APA91b-Sample_1"
UNREGISTERED = {
    "error": {
        "code": 404,
        "message": 'Requested entity was not found: "é" {$1} \\ `x`',
        "status": "NOT_FOUND",
        "details": [
            {
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                "errorCode": "UNREGISTERED",
            }
        ],
    }
}
ACCEPTED = {"name": "projects/shop/messages/0:1777706130%1"}


def calls() -> dict[tuple[str, str], str]:
    """The one-line calls, by platform and language."""
    page = (ROOT / "docs" / "receiver.md").read_text(encoding="utf-8")
    text = page.split("## Answers to your own sends\n")[1].split("\n## ")[0]
    found = {}
    for platform, part in re.findall(r"\*\*(\w+)\*\*:(.*?)(?=\n\*\*|\Z)", text, re.DOTALL):
        for language, code in re.findall(r"```(\w+)\n(.*?)\n```", part, re.DOTALL):
            assert "\n" not in code, "one line"
            found[platform.lower(), language] = code
    return found


CALLS = calls()


def call(server: Server, platform: str, language: str, answer: Any, **values: Any) -> None:
    """Executes the call as it stands in the docs."""
    code = CALLS[platform, language]
    if language == "bash":
        # Google's answers are indented.
        variables = {
            "RECEIVER": server.url,
            "RELAY_WEBHOOK_SECRET": signing.RELAY_SECRET,
            "ANSWER": json.dumps(answer, indent=2, ensure_ascii=False),
            "SENT_AT": SENT_AT,
            **{name.upper(): value for name, value in values.items()},
        }
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", code],
            env={"PATH": os.environ["PATH"], **variables},
            check=True,
            timeout=60,
        )
    else:
        names = {
            "httpx": httpx,
            "receiver": server.url,
            "secret": signing.RELAY_SECRET,
            "answer": httpx.Response(404, json=answer),
            "sent_at": SENT_AT,
            **values,
        }
        exec(compile(code, "docs/receiver.md", "exec"), names)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("senders")
    with receiving(directory, {"RELAY_WEBHOOK_SECRET": signing.RELAY_SECRET}) as found:
        yield found


def test_there_is_a_call_for_each_platform_in_each_language() -> None:
    assert sorted(CALLS) == [
        ("fcm", "bash"),
        ("fcm", "python"),
        ("twilio", "bash"),
        ("twilio", "python"),
    ]


@pytest.mark.parametrize("language", ["bash", "python"])
@pytest.mark.parametrize("answer", [UNREGISTERED, ACCEPTED], ids=["refused", "accepted"])
def test_fcms_answer_is_landed_with_its_token_and_time(
    server: Server, language: str, answer: dict[str, Any]
) -> None:
    before = len(server.rows("fcm"))
    call(server, "fcm", language, answer, token=TOKEN)
    landed = json.loads(newest(server, "fcm", before))
    assert landed == {"token": TOKEN, "sent_at": SENT_AT, **answer}


@pytest.mark.parametrize("language", ["bash", "python"])
def test_twilios_refusal_is_landed_as_a_status_callback(server: Server, language: str) -> None:
    before = len(server.rows("twilio"))
    code = "21610" if language == "bash" else 21610
    call(server, "twilio", language, None, code=code, to="+12025550149")
    assert json.loads(newest(server, "twilio", before)) == {
        "MessageStatus": "failed",
        "ErrorCode": "21610",
        "To": "+12025550149",
        "sent_at": SENT_AT,
    }


def newest(server: Server, source: str, before: int) -> str:
    rows = sorted(server.rows(source), key=lambda row: str(row["received_at"]))
    assert len(rows) == before + 1
    return str(rows[-1]["payload"])


def test_without_the_secret_the_call_fails(server: Server) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        call(server, "twilio", "bash", None, code="1", to="+1", relay_webhook_secret="wrong")
    with pytest.raises(httpx.HTTPStatusError):
        call(server, "twilio", "python", None, code="1", to="+1", secret="wrong")


def test_a_build_takes_each_answer_for_what_it_says_and_a_repetition_once(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    variables = {"RELAY_WEBHOOK_SECRET": signing.RELAY_SECRET}
    with receiving(tmp_path / "server", variables, landing=warehouse.landing) as server:
        for language in ("bash", "python", "bash"):
            call(server, "twilio", language, None, code="21610", to="+12025550149")
            call(server, "twilio", language, None, code="21211", to="+12025550149")
            call(server, "twilio", language, None, code="21610", to="+12025550150")
            call(server, "fcm", language, UNREGISTERED, token=TOKEN)
            call(server, "fcm", language, ACCEPTED, token=TOKEN)
    warehouse.build()
    found = warehouse.rows(
        "select address, event_type, is_echo, cast(event_timestamp as varchar) as at"
        " from main.events where source = 'twilio' order by address, event_type"
    )
    at = "2026-05-02 07:15:30"
    assert found == [
        {"address": "+12025550149", "event_type": "bounce", "is_echo": False, "at": at},
        {"address": "+12025550149", "event_type": "unsubscribe", "is_echo": True, "at": at},
        {"address": "+12025550150", "event_type": "unsubscribe", "is_echo": True, "at": at},
    ]
    assert (
        warehouse.values("select distinct reason from main.quarantined_deliveries") == quarantined()
    )
    assert (
        warehouse.rows(
            "select address, event_type from main.events where source = 'fcm' order by event_type"
        )
        == fcm_events()
    )


def fcm_is_modeled() -> bool:
    settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    return "fcm" in settings["vars"]["sources"]


def quarantined() -> list[str]:
    return [] if fcm_is_modeled() else ["unknown source"]


def fcm_events() -> list[dict[str, Any]]:
    if not fcm_is_modeled():
        return []
    return [{"address": TOKEN, "event_type": kind} for kind in ("bounce", "sent")]
