"""FCM's topic subscriptions of a registration, in the shapes of its discovery document.

As at the real one: a token of OAuth is needed for each call, and tokens are handed out for signed
statements only. Every registration is subscribed to every topic unless said otherwise.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
}
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE = "https://oauth2.googleapis.com/token"
_TOPIC = re.compile(r"[a-zA-Z0-9\-_.~%]{1,900}")


class FcmSandbox(Platform):
    """One Firebase project."""

    name = "fcm"
    key_variable = "FCM_SERVICE_ACCOUNT"
    calls_per_second = 3000.0
    token = "ya29.sandbox"

    @cached_property
    def default_key(self) -> str:
        """A service account with a key that is made up now."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        account = {
            "type": "service_account",
            "project_id": "sandbox",
            "client_email": "sync@sandbox.example",
            "private_key": text.decode(),
        }
        return json.dumps(account)

    def clear(self) -> None:
        """Every registration is subscribed again."""
        self._left: dict[str, set[str]] = {}
        self._unregistered: set[str] = set()

    def routes(self) -> list[BaseRoute]:
        """The API."""
        path = "/v1/projects/{project}/registrations/{token}/topicSubscriptions"
        return [
            Route("/token", self._sign_in, methods=["POST"]),
            Route("/v1/projects/{project}/messages:send", self._send, methods=["POST"]),
            Route(path, self._join, methods=["POST"]),
            Route(f"{path}/{{topic}}", self._leave, methods=["DELETE"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """The token; asking for one needs none."""
        del key
        is_sign_in = request.url.path.endswith("/token") and request.method == "POST"
        return is_sign_in or request.headers.get("authorization") == f"Bearer {self.token}"

    def error(self, status: int, message: str) -> Response:
        """google.rpc.Status."""
        name = _STATUSES.get(status, "INTERNAL")
        body = {"error": {"code": status, "message": message, "status": name}}
        return JSONResponse(body, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None are documented."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """The registrations that left each topic."""
        return {topic: sorted(tokens) for topic, tokens in self._left.items() if tokens}

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Lets registrations leave; `unregistered` are none any more."""
        for topic, tokens in lists.items():
            if topic == "unregistered":
                self._unregistered.update(tokens)
            else:
                self._left.setdefault(topic, set()).update(tokens)

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The registration in a path."""
        del body
        parts = path.split("/registrations/")
        return [unquote(parts[1].split("/")[0])] if len(parts) > 1 else []

    async def _sign_in(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        if form.get("grant_type") != [_GRANT]:
            return _refused("unsupported_grant_type", "Invalid grant_type.")
        if not _is_statement(form.get("assertion", [""])[0]):
            return _refused("invalid_grant", "Invalid JWT Signature.")
        return JSONResponse(
            {"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"}
        )

    async def _send(self, request: Request) -> Response:
        body = await request.json()
        if not _TOPIC.fullmatch(str(body.get("message", {}).get("topic", ""))):
            return self.error(400, "Invalid topic name")
        if body.get("validateOnly") is not True:
            return self.error(400, "the sandbox sends no messages")
        project = request.path_params["project"]
        return JSONResponse({"name": f"projects/{project}/messages/fake_message_id"})

    async def _join(self, request: Request) -> Response:
        token, topic = request.path_params["token"], request.query_params.get("topicName", "")
        if token in self._unregistered:
            return self.error(404, "Requested entity was not found.")
        if not _TOPIC.fullmatch(topic):
            return self.error(400, "Invalid topic name")
        left = self._left.setdefault(topic, set())
        if token not in left:
            return self.error(409, "The registration is subscribed already.")
        left.discard(token)
        return JSONResponse({"name": f"topicSubscriptions/{topic}", "topicName": topic})

    async def _leave(self, request: Request) -> Response:
        token, topic = request.path_params["token"], request.path_params["topic"]
        if token in self._unregistered:
            return self.error(404, "Requested entity was not found.")
        left = self._left.setdefault(topic, set())
        if token in left and request.query_params.get("allowMissing") != "true":
            return self.error(404, "The registration is not subscribed.")
        left.add(token)
        return JSONResponse({})


def _refused(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status_code=400)


def _is_statement(text: str) -> bool:
    """Whether it looks like a signed statement of RFC 7523. The signature cannot be verified."""
    try:
        header, claims, signature = (
            base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split(".")
        )
        said, now = json.loads(claims), time.time()
        return (
            json.loads(header)["alg"] == "RS256"
            and len(signature) >= 256
            and bool(said["iss"] and said["scope"])
            and said["aud"] == _AUDIENCE
            and said["iat"] - 60 <= now < said["exp"] <= said["iat"] + 3600
        )
    except (KeyError, TypeError, ValueError):
        return False
