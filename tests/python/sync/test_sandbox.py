"""The sandbox as a server: SendGrid's shapes, credentials, limits, faults, state."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from sync.errors import ConfigError
from sync.sandbox.app import Sandbox
from sync.sandbox.server import running
from tests.python.sync.world import KEY, SandboxClient, World, addresses


def call(
    sandbox: SandboxClient, method: str, path: str, body: Any = None, key: str = KEY
) -> tuple[int, Any, dict[str, str]]:
    """One call to SendGrid's API at its own path: status, JSON, headers in lower case."""
    request = urllib.request.Request(
        sandbox.url + (path if path.startswith("/_") else f"/sendgrid{path}"),
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Bearer {key}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status, text, headers = answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        status, text, headers = error.code, error.read(), error.headers
    parsed = json.loads(text) if text else None
    return status, parsed, {name.lower(): value for name, value in headers.items()}


def test_a_platform_answers_under_its_name_only(sandbox: SandboxClient) -> None:
    body = {"recipient_emails": ["a@example.com"]}
    status, answer, _ = call(sandbox, "POST", "/v3/asm/suppressions/global", body)
    assert (status, answer) == (201, body)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{sandbox.url}/v3/asm/groups", timeout=10)


def test_a_wrong_key_is_refused(sandbox: SandboxClient) -> None:
    status, answer, _ = call(sandbox, "GET", "/v3/asm/groups", key="SG.wrong")
    assert status == 401
    assert answer["errors"][0]["message"] == "authorization required"


@pytest.mark.parametrize(
    "emails", [[], ["not an address"], ["ok@example.com", "bad@"], addresses(1001), [1], None]
)
def test_a_bad_body_is_refused_whole(sandbox: SandboxClient, emails: Any) -> None:
    status, answer, _ = call(
        sandbox, "POST", "/v3/asm/suppressions/global", {"recipient_emails": emails}
    )
    assert status == 400
    assert set(answer["errors"][0]) == {"field", "message", "help"}
    assert sandbox.lists()["global"] == []


def test_shapes_of_the_lists(sandbox: SandboxClient) -> None:
    kinds = ("bounces", "blocks", "spam_reports", "invalid_emails")
    sandbox.fill({kind: ["a@example.com"] for kind in ("global", *kinds)})
    fields = {
        "unsubscribes": {"created", "email"},
        "bounces": {"created", "email", "reason", "status"},
        "blocks": {"created", "email", "reason", "status"},
        "spam_reports": {"created", "email", "ip"},
        "invalid_emails": {"created", "email", "reason"},
    }
    for kind, names in fields.items():
        status, rows, _ = call(sandbox, "GET", f"/v3/suppression/{kind}")
        assert (status, [set(row) for row in rows]) == (200, [names])
    for kind in kinds:
        assert len(call(sandbox, "GET", f"/v3/suppression/{kind}/a%40example.com")[1]) == 1
        assert call(sandbox, "GET", f"/v3/suppression/{kind}/b%40example.com")[1] == []
    here = call(sandbox, "GET", "/v3/asm/suppressions/global/a%40example.com")[1]
    assert here == {"recipient_email": "a@example.com"}
    assert call(sandbox, "GET", "/v3/asm/suppressions/global/b%40example.com")[1] == {}


def test_lists_are_paged(sandbox: SandboxClient) -> None:
    sandbox.fill({"bounces": addresses(25)})
    pages = [
        call(sandbox, "GET", f"/v3/suppression/bounces?limit=10&offset={offset}")[1]
        for offset in (0, 10, 20, 30)
    ]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert {row["email"] for page in pages for row in page} == set(addresses(25))
    assert call(sandbox, "GET", "/v3/suppression/bounces?limit=501")[0] == 400
    found = call(sandbox, "GET", "/v3/suppression/bounces?email=person2@")[1]
    assert [row["email"] for row in found] == ["person2@example.com"]


def test_groups(sandbox: SandboxClient) -> None:
    status, made, _ = call(sandbox, "POST", "/v3/asm/groups", {"name": "News"})
    assert status == 201
    path = f"/v3/asm/groups/{made['id']}"
    body = {"recipient_emails": ["a@example.com"]}
    assert call(sandbox, "POST", f"{path}/suppressions", body)[0] == 201
    assert call(sandbox, "GET", f"{path}/suppressions")[1] == ["a@example.com"]
    searched = {"recipient_emails": ["a@example.com", "b@example.com"]}
    assert call(sandbox, "POST", f"{path}/suppressions/search", searched)[1] == ["a@example.com"]
    assert call(sandbox, "GET", path)[1]["unsubscribes"] == 1
    groups = call(sandbox, "GET", "/v3/asm/suppressions/a%40example.com")[1]["suppressions"]
    assert {group["id"]: group["suppressed"] for group in groups} == {101: False, made["id"]: True}
    everybody = call(sandbox, "GET", "/v3/asm/suppressions")[1]
    assert [(row["email"], row["group_id"]) for row in everybody] == [("a@example.com", made["id"])]
    assert call(sandbox, "DELETE", f"{path}/suppressions/a%40example.com")[0] == 204
    assert call(sandbox, "GET", f"{path}/suppressions")[1] == []
    assert call(sandbox, "DELETE", path)[0] == 204
    assert call(sandbox, "GET", path)[0] == 404


def test_the_traps_of_the_real_one(sandbox: SandboxClient) -> None:
    body = {"recipient_emails": ["a@example.com"]}
    assert call(sandbox, "POST", "/v3/asm/groups/999/suppressions", body)[0] == 201
    assert sandbox.lists()["global"] == ["a@example.com"]
    sandbox.fill({"bounces": addresses(3), "spam_reports": addresses(3), "blocks": addresses(3)})
    both = {"delete_all": True, "emails": ["a@example.com"]}
    assert call(sandbox, "DELETE", "/v3/suppression/bounces", both)[0] == 400
    assert call(sandbox, "DELETE", "/v3/suppression/bounces", {"delete_all": True})[0] == 204
    assert call(sandbox, "DELETE", "/v3/suppression/spam_reports", {"emails": []})[0] == 204
    assert sandbox.lists()["bounces"] == sandbox.lists()["spam_reports"] == []
    some = {"emails": addresses(2)}
    assert call(sandbox, "DELETE", "/v3/suppression/blocks", some)[0] == 204
    assert sandbox.lists()["blocks"] == addresses(3)[2:]
    # Absent: 404 on two lists, 204 on the others.
    assert call(sandbox, "DELETE", "/v3/suppression/blocks/x%40example.com")[0] == 404
    assert call(sandbox, "DELETE", "/v3/suppression/spam_reports/x%40example.com")[0] == 204
    assert call(sandbox, "DELETE", "/v3/asm/suppressions/global/x%40example.com")[0] == 204


def test_a_limit_answers_429_with_the_headers_that_say_when() -> None:
    with running(rate=2, environment={"SENDGRID_API_KEY": KEY}) as url:
        sandbox = SandboxClient(url)
        answers = [call(sandbox, "GET", "/v3/asm/groups") for _ in range(6)]
    statuses = [status for status, _, _ in answers]
    assert 200 in statuses
    assert 429 in statuses
    refused = next(answer for answer in answers if answer[0] == 429)
    assert refused[1]["errors"][0]["message"] == "too many requests"
    assert refused[2]["x-ratelimit-limit"] == "2"
    assert refused[2]["x-ratelimit-remaining"] == "0"
    assert int(refused[2]["x-ratelimit-reset"]) > 1_700_000_000


def test_lists_survive_a_restart_with_a_state_file(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    for _ in range(2):
        with running(state=state, environment={"SENDGRID_API_KEY": KEY}) as url:
            sandbox = SandboxClient(url)
            number = len(sandbox.lists()["global"])
            sandbox.fill({"global": addresses(number + 1), "groups": {"7": ["g@example.com"]}})
    lists = json.loads(state.read_text(encoding="utf-8"))["sendgrid"]
    assert lists["global"] == addresses(2)
    assert lists["groups"]["7"] == ["g@example.com"]


@pytest.mark.parametrize("name", ["lists.new", "lists.json", "lists"])
def test_no_file_but_the_state_file_is_touched(tmp_path: Path, name: str) -> None:
    state = tmp_path / name
    of_the_user = {tmp_path / one for one in ("lists.new", "lists.tmp")} - {state}
    for path in of_the_user:
        path.write_text("the user's")
    for number in range(2):
        with running(state=state, environment={"SENDGRID_API_KEY": KEY}) as url:
            sandbox = SandboxClient(url)
            assert sandbox.lists()["global"] == addresses(number)
            sandbox.fill({"global": addresses(number + 1)})
    assert {path.read_text() for path in of_the_user} == {"the user's"}
    assert set(tmp_path.iterdir()) == of_the_user | {state}


def test_a_state_file_in_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--state"):
        Sandbox(state=tmp_path / "missing" / "lists.json")


def test_a_person_can_look_at_the_lists(sandbox: SandboxClient) -> None:
    sandbox.fill({"global": ["<b>@example.com"]})
    with urllib.request.urlopen(f"{sandbox.url}/_sandbox/lists") as answer:
        page = answer.read().decode()
    assert "&lt;b&gt;@example.com" in page


@pytest.mark.parametrize(
    "fault", [{"kind": "earthquake"}, {"kind": "error", "often": True}, ["error"], {}]
)
def test_an_unknown_fault_is_refused(sandbox: SandboxClient, fault: Any) -> None:
    assert call(sandbox, "POST", "/_sandbox/faults", fault)[0] == 400


def test_a_port_in_use_exits_2(world: World, sandbox: SandboxClient) -> None:
    done = world.cli("sandbox", "--port", sandbox.url.rsplit(":", 1)[1])
    assert done.returncode == 2
    assert "--port" in done.stderr
