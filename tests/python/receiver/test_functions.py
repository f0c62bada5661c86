"""The receiver in the cloud: Google's Functions Framework, and AWS Lambda's events."""

from __future__ import annotations

import base64
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from sync.receiver import sources
from tests.python.conftest import ROOT
from tests.python.receiver import signing
from tests.python.receiver.server import Amazon, Server, clean_environment, read_landing
from tests.python.receiver.signing import Request, signed

DOCS = (ROOT / "docs" / "receiver.md").read_text(encoding="utf-8")
#: What a careless adapter would change of a body: its line ends, blanks, letters and bytes.
STRANGE = '{ "note" : "Grüße 你好 🙂 +1 %2B &amp; \\u00fc",\r\n\t"a":1.50 }\r\n'
PAYLOADS = {
    "klaviyo": '{"data":[],\r\n "note":"Grüße", "meta":{"klaviyo_webhook_id":"a8b8"}}\r\n',
    "mailgun": '{"event-data":{"event":"opened","note":"Grüße +1\\r\\n"}}',
    "mandrill": '{"mandrill_events":"[{\\"event\\":\\"open\\",\\"note\\":\\"Grüße +1\\"}]"}',
    "mailchimp": '{"type":"unsubscribe","data[email]":"mia+news@example.org","note":"Grüße\\r\\n"}',
    "twilio": '{"Body":"Grüße\\r\\n & +","From":"+12025550141"}',
    "ses": '{"Type":"Notification","Message":"{\\"note\\":\\"Grüße\\"}"}',
}


def good(source: str) -> Request:
    return signed(source, PAYLOADS.get(source, STRANGE))


def forged(source: str) -> Request:
    return signed(source, PAYLOADS.get(source, STRANGE), which=2)


def expected(request: Request) -> str:
    """What the receiver lands of it: forms as JSON; JSON to the letter, but for what is blanked."""
    if request.headers.get("content-type") == signing.FORM:
        fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        return json.dumps(fields, ensure_ascii=False)
    return re.sub(r'"([Ss]ignature)": "[^"]*"', r'"\1": ""', request.body.decode())


def settings(landing: Path, profiles: Path, sns: Amazon) -> dict[str, str]:
    shutil.copy(ROOT / "profiles.example.yml", profiles / "profiles.yml")
    return {
        **clean_environment(),
        **signing.environment(),
        "PUBLIC_URL": signing.PUBLIC_URL,
        "SNS_BASE_URL": sns.url,
        "CONTACT_SYNC_LANDING": str(landing),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


# --- Google --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory, sns: Amazon) -> Iterator[Server]:
    """The folder that the docs' commands make, run by Google's own command."""
    folder = tmp_path_factory.mktemp("function")
    (commands,) = re.findall(
        r"```\n(mkdir -p build/function.*?)cd build/function\n", DOCS, re.DOTALL
    )
    script = f"mkdir -p build/function{commands}".replace("build/function", str(folder))
    subprocess.run(["bash", "-euc", script], cwd=ROOT, check=True)
    landing = folder / "landing"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).with_name("functions-framework")
    log_file = folder / "function.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [
                *(str(command), "--target", "receive"),
                *("--host", "127.0.0.1", "--port", str(port)),
            ],
            cwd=folder,
            env=settings(landing, folder, sns),
            stdout=log,
            stderr=log,
            text=True,
        )
    with httpx.Client(timeout=30, trust_env=False) as client:
        server = Server(f"http://127.0.0.1:{port}", landing, process, log_file, client)
        try:
            wait_for(server)
            yield server
        finally:
            server.stop()


def wait_for(server: Server) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert server.process.poll() is None, server.log
        try:
            server.client.get(f"{server.url}/healthz")
        except httpx.TransportError:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("source", sources.names())
def test_google_hands_on_every_platforms_delivery_to_the_letter(
    function: Server, source: str
) -> None:
    request = good(source)
    outcome = function.deliver(request)
    assert outcome.status == 200, function.log
    assert outcome.landed == [expected(request)]
    assert outcome.text == sources.get(source).answer[1]


@pytest.mark.parametrize("source", sources.names())
def test_a_forgery_through_google_is_refused(function: Server, source: str) -> None:
    request = forged(source)
    if source == "ses":
        request = request.with_body("Grüße", "forged")
    outcome = function.deliver(request)
    assert (outcome.status, outcome.landed) == (401, [])


def test_at_google_the_other_answers_are_the_same(function: Server) -> None:
    assert function.send("GET", "/healthz").status == 200
    assert function.send("HEAD", "/webhooks/mandrill").status == 200
    assert function.send("GET", "/webhooks/sendgrid").status == 405
    assert function.send("POST", "/webhooks/nobody", content=b"{}").status == 404
    assert function.send("POST", "/", content=b"{}").status == 404
    secret = signing.SECRETS["mailchimp"][0]
    assert function.send("GET", f"/webhooks/mailchimp?secret={secret}").status == 200
    assert function.send("GET", "/webhooks/mailchimp?secret=wrong-0001").status == 401


def test_what_google_logs_names_no_secret_and_no_query(function: Server) -> None:
    function.deliver(replace(forged("braze"), query="person=mia.marked"))
    assert "answered 401" in function.log
    secrets = [secret for several in signing.SECRETS.values() for secret in several]
    assert [mark for mark in (*secrets, "mia.marked", "Grüße") if mark in function.log] == []


# --- AWS -----------------------------------------------------------------------------------------

#: A process as Lambda keeps it: one event after the other.
RUNNER = """
import json, sys
from sync.receiver.aws_lambda import handler
for line in sys.stdin:
    print(json.dumps(handler(json.loads(line), None)), flush=True)
"""


class Lambda:
    """A handler in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], landing: Path, log_file: Path) -> None:
        self._process = process
        self._landing = landing
        self._log_file = log_file
        self._seen = 0

    def invoke(self, event: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The handler's answer, and what it landed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self.log
        rows = sorted(read_landing(self._landing), key=lambda row: str(row["received_at"]))
        new, self._seen = rows[self._seen :], len(rows)
        return json.loads(line), [row["payload"] for row in new]

    @property
    def log(self) -> str:
        return self._log_file.read_text(encoding="utf-8")


@contextmanager
def handler(folder: Path, sns: Amazon) -> Iterator[Lambda]:
    log_file = folder / "lambda.log"
    landing = folder / "landing"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", RUNNER],
            cwd=folder,
            env=settings(landing, folder, sns),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        yield Lambda(process, landing, log_file)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory, sns: Amazon) -> Iterator[Lambda]:
    with handler(tmp_path_factory.mktemp("lambda"), sns) as found:
        yield found


def http_api(request: Request, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Payload version 2.0, of an HTTP API or a function URL."""
    path = f"/webhooks/{request.source}"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": {"host": "abc.lambda-url.eu-west-1.on.aws", **request.headers},
        "requestContext": {
            "domainName": "abc.lambda-url.eu-west-1.on.aws",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "a",
            },
            "stage": "$default",
        },
        **body,
    }


def rest_api(request: Request, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Payload version 1.0, of a REST API."""
    headers = {"Host": "abc.execute-api.eu-west-1.amazonaws.com"}
    headers |= {name.title(): value for name, value in request.headers.items()}
    query = dict(parse_qsl(request.query)) or None
    return {
        "resource": "/{proxy+}",
        "path": f"/webhooks/{request.source}",
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": query and {name: [query[name]] for name in query},
        "pathParameters": {"proxy": f"webhooks/{request.source}"},
        "requestContext": {"identity": {"sourceIp": "192.0.2.1"}, "stage": "prod"},
        **body,
    }


def load_balancer(request: Request, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Of a target group; its query values come as they were encoded."""
    query = dict(part.partition("=")[::2] for part in request.query.split("&") if part)
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:x"}},
        "httpMethod": method,
        "path": f"/webhooks/{request.source}",
        "queryStringParameters": query,
        "headers": {"host": "hooks.example.com", **request.headers},
        **body,
    }


def as_text(request: Request) -> dict[str, Any]:
    return {"body": request.body.decode(), "isBase64Encoded": False}


def as_base64(request: Request) -> dict[str, Any]:
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


Event = Callable[[Request, str, dict[str, Any]], dict[str, Any]]
Body = Callable[[Request], dict[str, Any]]
kinds_of_event = pytest.mark.parametrize("event", [http_api, rest_api, load_balancer])
kinds_of_body = pytest.mark.parametrize("body", [as_text, as_base64])


@pytest.mark.parametrize("source", sources.names())
@kinds_of_event
@kinds_of_body
def test_aws_hands_on_every_platforms_delivery_to_the_letter(
    aws: Lambda, source: str, event: Event, body: Body
) -> None:
    request = good(source)
    answer, landed = aws.invoke(event(request, "POST", body(request)))
    assert answer["statusCode"] == 200, aws.log
    assert landed == [expected(request)]
    assert (answer["body"], answer["isBase64Encoded"]) == (sources.get(source).answer[1], False)


@pytest.mark.parametrize("source", sources.names())
@kinds_of_event
def test_a_forgery_through_aws_is_refused(aws: Lambda, source: str, event: Event) -> None:
    request = forged(source)
    if source == "ses":
        request = request.with_body("Grüße", "forged")
    answer, landed = aws.invoke(event(request, "POST", as_text(request)))
    assert (answer["statusCode"], landed) == (401, [])
    headers = answer.get("headers") or {}
    assert headers["www-authenticate"].startswith("Basic ")


@kinds_of_event
def test_twilios_hash_in_the_query_comes_through_aws(aws: Lambda, event: Event) -> None:
    request = signing.twilio_json(STRANGE)
    answer, landed = aws.invoke(event(request, "POST", as_base64(request)))
    assert (answer["statusCode"], landed) == (200, [STRANGE])


@pytest.mark.parametrize("query", ["list=a%20b&x=%2B", "c&a=1", "b=1&a=2"])
def test_an_http_api_hands_on_the_query_as_it_was_signed(aws: Lambda, query: str) -> None:
    request = signed("twilio", PAYLOADS["twilio"], query=query)
    answer, landed = aws.invoke(http_api(request, "POST", as_text(request)))
    assert (answer["statusCode"], len(landed)) == (200, 1)


@kinds_of_event
def test_at_aws_the_other_answers_are_the_same(aws: Lambda, event: Event) -> None:
    def status(source: str, method: str, query: str = "") -> int:
        request = Request(source, b"", {}, query)
        answer, landed = aws.invoke(event(request, method, as_text(request)))
        assert landed == []
        return int(answer["statusCode"])

    assert status("mandrill", "HEAD") == 200
    assert status("sendgrid", "GET") == 405
    assert status("nobody", "POST") == 404
    assert status("mailchimp", "GET", f"secret={signing.SECRETS['mailchimp'][0]}") == 200
    assert status("mailchimp", "GET", "secret=wrong-0001") == 401


def test_bytes_that_are_no_text_are_signed_as_they_are(aws: Lambda) -> None:
    """They come in base64; they are landed with U+FFFD in their place, for JSON holds text."""
    secret = signing.SECRETS["braze"][0]
    request = Request("braze", b'{"a":"\xff\xfe"}', {"authorization": f"Bearer {secret}"})
    answer, landed = aws.invoke(http_api(request, "POST", as_base64(request)))
    assert (answer["statusCode"], landed) == (200, ['{"a":"\ufffd\ufffd"}'])


def test_what_lambda_logs_names_no_secret_and_no_query(aws: Lambda) -> None:
    request = replace(forged("onesignal"), query="person=mia.marked")
    aws.invoke(http_api(request, "POST", as_text(request)))
    assert "answered 401" in aws.log
    secrets = [secret for several in signing.SECRETS.values() for secret in several]
    assert [mark for mark in (*secrets, "mia.marked", "Grüße") if mark in aws.log] == []


def test_what_lambda_cannot_land_is_answered_503(tmp_path: Path, sns: Amazon) -> None:
    (tmp_path / "landing").write_text("a file where the folder should be")
    with handler(tmp_path, sns) as found:
        request = good("attentive")
        answer, _ = found.invoke(http_api(request, "POST", as_text(request)))
        assert answer["statusCode"] == 503
        (tmp_path / "landing").unlink()
        answer, landed = found.invoke(http_api(request, "POST", as_text(request)))
        assert (answer["statusCode"], landed) == (200, [STRANGE])
