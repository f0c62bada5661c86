"""Amazon SES's suppression lists, in the shapes of its API v2.

As at the real one: each call is signed (Signature Version 4) and at most five minutes old, an
error's name is in a header, local parts are told apart by case and domains are not, entries have a
date of the latest change, and no notification tells of a change by the API.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_REASONS = ("BOUNCE", "COMPLAINT")
_LIST = "/v2/email/suppression/addresses"
_OF_ACCOUNT = "account"
_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    _ALGORITHM + r" Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_STAMP = "%Y%m%dT%H%M%SZ"
_SKEW = timedelta(minutes=5)
_NAMES = {
    400: "BadRequestException",
    403: "AccessDeniedException",
    404: "NotFoundException",
    429: "TooManyRequestsException",
    500: "InternalFailure",
    503: "ServiceUnavailable",
}
_TOKEN = "page+/="
_UNKNOWN_KEY = (
    "UnrecognizedClientException",
    "The security token included in the request is invalid.",
)
_Entries = dict[str, dict[str, Any]]


class SesSandbox(Platform):
    """One account in one region, with the tenant cust-1."""

    name = "ses"
    key_variable = "SES_SECRET_ACCESS_KEY"
    default_key = "sandbox-secret"
    calls_per_second = 1.0
    access_key = "AKIASANDBOX"
    region = "eu-west-1"

    def settings(self) -> dict[str, str]:
        """What the secret is of."""
        return {"SES_ACCESS_KEY_ID": self.access_key, "SES_REGION": self.region}

    def clear(self) -> None:
        """Empties the lists; the account is as one in production."""
        self._lists: dict[str, _Entries] = {_OF_ACCOUNT: {}, "cust-1": {}}
        self._account: dict[str, Any] = {
            "ProductionAccessEnabled": True,
            "SendingEnabled": True,
            "EnforcementStatus": "HEALTHY",
            "SuppressionAttributes": {"SuppressedReasons": list(_REASONS)},
        }
        self._refusal = ("", "")

    def routes(self) -> list[BaseRoute]:
        """The API."""
        one = f"{_LIST}/{{address}}"
        return [
            Route("/v2/email/account", self._get_account, methods=["GET"]),
            Route(_LIST, self._put, methods=["PUT"]),
            Route(_LIST, self._list, methods=["GET"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._delete, methods=["DELETE"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """Whether the signature is the one that this key makes of this call, now."""
        self._refusal = self._fault_of(request, key)
        return not self._refusal[0]

    def error(self, status: int, message: str) -> Response:
        """`{"message": ...}`, and the error's name in a header."""
        name = _NAMES.get(status, "InternalFailure")
        if status == 401:
            status = 403
            name, message = self._refusal if self._refusal[0] else _UNKNOWN_KEY
        return _error(status, name, message)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None are documented."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """The addresses of the account's list and of each tenant's."""
        return {name: sorted(entries) for name, entries in self._lists.items()}

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Adds addresses; an entry may be [address, reason, epoch, id of the message behind it].

        `settings` is what GetAccount says.
        """
        for name, entries in lists.items():
            if name == "settings":
                self._account |= entries
                continue
            for entry in entries:
                given: list[Any] = [entry] if isinstance(entry, str) else list(entry)
                defaults: list[Any] = ["", "BOUNCE", time.time(), ""]
                address, reason, at, message = [*given, *defaults[len(given) :]]
                self._file(self._lists.setdefault(name, {}), address, reason, at, message)

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The one of the body, or the one that ends a path."""
        named = body.get("EmailAddress") if isinstance(body, dict) else None
        return [str(named)] if named else [path.rsplit("/", 1)[-1]]

    def _file(
        self, entries: _Entries, address: str, reason: str, at: float, message: str = ""
    ) -> None:
        entry: dict[str, Any] = {
            "EmailAddress": _canonical(address),
            "Reason": reason,
            "LastUpdateTime": at,
        }
        if message:
            entry["Attributes"] = {"MessageId": message, "FeedbackId": f"f-{message}"}
        entries[entry["EmailAddress"]] = entry

    def _entries(self, tenant: str | None) -> _Entries | Response:
        found = self._lists.get(tenant or _OF_ACCOUNT)
        if found is None:
            return self.error(404, f"Tenant with name {tenant} does not exist.")
        return found

    async def _get_account(self, request: Request) -> Response:
        del request
        return JSONResponse(self._account)

    async def _put(self, request: Request) -> Response:
        body = request.state.body if isinstance(request.state.body, dict) else {}
        if not self._account["ProductionAccessEnabled"]:
            return self.error(400, "Your account needs production access for this operation.")
        address, reason = str(body.get("EmailAddress")), body.get("Reason")
        if not _EMAIL.fullmatch(address) or reason not in _REASONS:
            return self.error(400, "Invalid email address, or reason.")
        entries = self._entries(body.get("TenantName"))
        if isinstance(entries, Response):
            return entries
        # In the documents no word says whether the id of a message outlives it: here it does not.
        self._file(entries, address, reason, time.time())
        return Response(status_code=200)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        entries = self._entries(query.get("TenantName"))
        if isinstance(entries, Response):
            return entries
        size = int(query.get("PageSize", "100"))
        if not 1 <= size <= 1000:
            return self.error(400, "PageSize must be between 1 and 1000.")
        token = query.get("NextToken", f"{_TOKEN}0")
        if not token.startswith(_TOKEN):
            return _error(400, "InvalidNextTokenException", "The token is invalid or expired.")
        first = int(token.removeprefix(_TOKEN))
        reasons = query.getlist("Reason") or _REASONS
        since, until = float(query.get("StartDate", "0")), float(query.get("EndDate", "inf"))
        rows = [
            {name: value for name, value in row.items() if name != "Attributes"}
            for _, row in sorted(entries.items())
            if row["Reason"] in reasons and since <= row["LastUpdateTime"] <= until
        ]
        answer: dict[str, Any] = {"SuppressedDestinationSummaries": rows[first : first + size]}
        if first + size < len(rows):
            answer["NextToken"] = f"{_TOKEN}{first + size}"
        return JSONResponse(answer)

    async def _get(self, request: Request) -> Response:
        entry = self._entry(request)
        if isinstance(entry, Response):
            return entry
        return JSONResponse({"SuppressedDestination": entry})

    async def _delete(self, request: Request) -> Response:
        entry = self._entry(request)
        if isinstance(entry, Response):
            return entry
        entries = self._entries(request.query_params.get("TenantName"))
        assert not isinstance(entries, Response)
        del entries[entry["EmailAddress"]]
        return Response(status_code=200)

    def _entry(self, request: Request) -> dict[str, Any] | Response:
        tenant = request.query_params.get("TenantName")
        entries = self._entries(tenant)
        if isinstance(entries, Response):
            return entries
        address = _canonical(request.path_params["address"])
        if address not in entries:
            of = "tenant suppression list" if tenant else "suppression list"
            return self.error(404, f"Email address {address} does not exist on your {of}.")
        return entries[address]

    def _fault_of(self, request: Request, secret: str) -> tuple[str, str]:
        """Name and text of what is wrong with the signature; empty where nothing is."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        stamp = request.headers.get("x-amz-date", "")
        if found is None or not re.fullmatch(r"\d{8}T\d{6}Z", stamp):
            return "MissingAuthenticationTokenException", "Missing Authentication Token"
        if found["key"] != self.access_key:
            return _UNKNOWN_KEY
        scope = f"{found['day']}/{found['region']}/{found['service']}/aws4_request"
        if (found["day"], found["region"], found["service"]) != (stamp[:8], self.region, "ses"):
            return (
                "InvalidSignatureException",
                f"Credential should be scoped to a valid region. ({scope})",
            )
        signed = found["headers"].split(";")
        needed = {"host", "x-amz-date"} | ({"x-amz-security-token"} & set(request.headers))
        if needed - set(signed):
            return "InvalidSignatureException", "'Host' and 'X-Amz-Date' must be signed headers."
        fault = _age_fault(stamp)
        if fault:
            return "InvalidSignatureException", fault
        canonical = "\n".join(
            [
                request.method,
                quote(request.scope["raw_path"].decode("ascii"), safe="/-_.~"),
                _canonical_query(request.scope["query_string"].decode("ascii")),
                *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in signed),
                "",
                found["headers"],
                hashlib.sha256(request.state.raw).hexdigest(),
            ]
        )
        text = "\n".join([_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        if hmac.digest(key, text.encode(), "sha256").hex() != found["signature"]:
            return (
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method. The Canonical String for "
                f"this request should have been '{canonical}'",
            )
        return "", ""


def _age_fault(stamp: str) -> str:
    now = datetime.now(UTC)
    at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    if at < now - _SKEW:
        oldest = (now - _SKEW).strftime(_STAMP)
        return f"Signature expired: {stamp} is now earlier than {oldest} ({now:{_STAMP}} - 5 min.)"
    if at > now + _SKEW:
        newest = (now + _SKEW).strftime(_STAMP)
        return f"Signature not yet current: {stamp} is still later than {newest}"
    return ""


def _canonical_query(query: str) -> str:
    pairs = [
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(query, keep_blank_values=True)
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _canonical(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _error(status: int, name: str, message: str) -> Response:
    return JSONResponse(
        {"message": message},
        status_code=status,
        headers={"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/coral/com.amazonaws.ses/"},
    )
