"""Amazon SES: the suppression list of an account in a region, and those of its tenants.

Facts from Amazon's API reference of SES v2 (PutSuppressedDestination and its siblings, GetAccount)
and the pages of its developer guide on suppression lists and quotas. The list knows two reasons:
what a person refused is filed as COMPLAINT, what a machine or staff found as BOUNCE.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, NamedTuple

from sync.destinations.base import (
    Action,
    Destination,
    Entry,
    Item,
    Limit,
    Outcome,
    Request,
    Response,
    Signer,
    Variable,
    check,
    expect_rows,
    instant_of,
    is_consent,
    is_undone,
    member_of,
    pages_of,
    release_what_is_filed,
)
from sync.errors import (
    AnswerUnreadable,
    ConfigError,
    CredentialRefused,
    ListNotThere,
    NotThere,
    PlatformError,
    RateLimited,
    SyncError,
    UnexpectedAnswer,
    UnknownScope,
)
from sync.extras import needs

_ACCOUNT = "/v2/email/account"
_LIST = "/v2/email/suppression/addresses"
_ENTRY = f"{_LIST}/{{address}}"
_SERVICE = "ses"
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
_TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
# The most that a page may have is not documented; a thousand is what others ask for.
_PAGE = "1000"
_REASONS = ("BOUNCE", "COMPLAINT")
# So far may the date of an entry that we filed be from our record of the call: a run, clocks.
_OUR_CALL = timedelta(hours=1)
# Errors of every API of Amazon's that may come with 400: none is about an address.
_OF_400: Mapping[str, type[PlatformError] | None] = {
    "BadRequestException": None,
    "Throttling": RateLimited,
    "ThrottlingException": RateLimited,
    "RequestThrottled": RateLimited,
    "ExpiredTokenException": CredentialRefused,
    "IncompleteSignature": CredentialRefused,
    "InvalidClientTokenId": CredentialRefused,
    "NotAuthorized": CredentialRefused,
    "OptInRequired": CredentialRefused,
    "RequestExpired": CredentialRefused,
}


class _Keys(NamedTuple):
    """A credential, as the library asks for it. token: of one that ends after a while."""

    access_key: str
    secret_key: str
    token: str | None


class Ses(Destination):
    """The suppression lists of one account in one region; a scope is a tenant's name."""

    name = "ses"
    title = "Amazon SES"
    # Stands in for https://email.<region>.amazonaws.com.
    host = "https://email.us-east-1.amazonaws.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "SES_ACCESS_KEY_ID",
            "the access key of a user or role that may call ses:GetAccount and "
            "ses:*SuppressedDestination*",
            required=True,
            secret=True,
            instead="AWS_ACCESS_KEY_ID",
        ),
        Variable(
            "SES_SECRET_ACCESS_KEY",
            "the secret of that access key",
            required=True,
            secret=True,
            instead="AWS_SECRET_ACCESS_KEY",
        ),
        Variable(
            "SES_SESSION_TOKEN",
            "the session token of a credential that is temporary",
            secret=True,
            instead="AWS_SESSION_TOKEN",
        ),
        Variable(
            "SES_REGION",
            "the region whose list it is, such as eu-west-1",
            required=True,
            instead="AWS_REGION",
        ),
    )
    channels = frozenset({"email"})
    # Of every action but those that send, in an account and region.
    calls_per_second = 1.0
    limits = (Limit(1, 1.0),)
    batch_size = 1
    credential_codes = frozenset(
        {
            "ExpiredTokenException",
            "InvalidClientTokenId",
            # A wrong secret, or a clock that is off by more than five minutes: its words say which.
            "InvalidSignatureException",
            "MissingAuthenticationTokenException",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        }
    )

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """None that hold a credential: each call is signed."""
        del settings
        return {"Accept": "application/json"}

    @classmethod
    def signer(cls, settings: Mapping[str, str]) -> Signer:
        """Signature Version 4, by botocore, of which nothing else is used."""
        region = settings["SES_REGION"]
        if _REGION.fullmatch(region) is None:
            raise ConfigError(f"SES_REGION is no region like eu-west-1: {region!r}.")
        keys = _Keys(
            settings["SES_ACCESS_KEY_ID"],
            settings["SES_SECRET_ACCESS_KEY"],
            settings.get("SES_SESSION_TOKEN"),
        )
        with needs("Amazon SES", "ses"):
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
        # It logs what it signs, addresses included.
        logging.getLogger("botocore").setLevel(logging.WARNING)

        def sign(
            method: str, url: str, headers: Mapping[str, str], body: bytes
        ) -> Mapping[str, str]:
            request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
            SigV4Auth(keys, _SERVICE, region).add_auth(request)
            return dict(request.headers.items())

        return sign

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """One each to file a refusal; what else is filed or deleted is read before."""
        del batch_size
        return items if action == "suppress" and is_consent(reason) else 2 * items

    @classmethod
    def judge(cls, status: int, body: object) -> type[PlatformError] | None:
        """By the error's name: 400 is not always an item's fault, nor 404 an address's."""
        name = str(body.get("__type")) if isinstance(body, dict) else ""
        if status == 400:
            return _OF_400.get(name, UnexpectedAnswer)
        if status != 404:
            return None
        if name != "NotFoundException":
            return UnexpectedAnswer
        return NotThere if "suppression list" in str(body).lower() else ListNotThere

    def refusal(self, item: Item) -> str | None:
        """A scope names a tenant."""
        if item.scope and _TENANT.fullmatch(item.scope) is None:
            return (
                "Amazon SES keeps a list per account and per tenant: leave the scope of the row "
                "empty, or name a tenant (letters, digits, - and _)"
            )
        return super().refusal(item)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """The account, and one entry of each list."""
        found = [Request("GET", _ACCOUNT, host=self._host)]
        for scope in dict.fromkeys(scope for _, scope in rows):
            found.append(self._request("GET", _LIST, scope, params={"PageSize": "1"}))
        return found

    def objection(self, probe: Request, answer: Response) -> str | None:
        """An account whose list cannot be written, or does not stop what is on it."""
        if probe.path != _ACCOUNT:
            return None
        account = answer.data if isinstance(answer.data, dict) else {}
        if account.get("ProductionAccessEnabled") is False:
            return (
                "the account is in the sandbox of Amazon SES, where the list cannot be written: "
                "ask for production access"
            )
        attributes = account.get("SuppressionAttributes")
        reasons = attributes.get("SuppressedReasons") if isinstance(attributes, dict) else None
        missing = [reason for reason in _REASONS if reason not in (reasons or [])]
        if missing:
            return (
                f"the account's suppression list does not heed {' and '.join(missing)}: aws sesv2 "
                "put-account-suppression-attributes --suppressed-reasons BOUNCE COMPLAINT"
            )
        return None

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Files them: refusals at once, all else where there is no entry yet.

        An entry stops the address whatever its reason. A complaint that a BOUNCE of ours were
        filed over would be lost.
        """
        refused = [item for item in items if is_consent(item.reason)]
        others = [item for item in items if not is_consent(item.reason)]
        puts = self.api.map(self._put(item) for item in refused)
        _check_scope(refused, puts)
        yield from _told(refused, puts)
        check(puts)
        looks = self.api.map(self._look(item) for item in others)
        _check_scope(others, looks)
        missing: list[Item] = []
        for item, look in zip(others, looks, strict=True):
            if isinstance(look, NotThere):
                missing.append(item)
            elif isinstance(look, Response):
                try:
                    _entry(look)
                    yield Outcome(item, "confirmed", look.status, None, look.attempts)
                except AnswerUnreadable as error:
                    yield Outcome(item, "failed", look.status, str(error), look.attempts)
            elif isinstance(look, PlatformError) and look.attempts:
                yield Outcome.of_error(item, look)
        check(looks)
        puts = self.api.map(self._put(item) for item in missing)
        yield from _told(missing, puts)
        check(puts)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Deletes entries that no person's refusal holds, or that a later consent ended."""
        if not items:
            return
        try:
            yield from release_what_is_filed(
                self.api,
                items,
                self._look,
                self._decide,
                lambda item, end: Outcome(item, "confirmed", end.status, None, end.attempts),
            )
        except ListNotThere as error:
            raise _unknown_tenant(items[0].scope, error) from None

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """The list's entries, by reason."""
        if scope and _TENANT.fullmatch(scope) is None:
            raise _unknown_tenant(scope)
        for rows in pages_of(_LIST, "", partial(self._page, scope)):
            for row in rows:
                reason = member_of(row, "Reason", _LIST).lower()
                address = member_of(row, "EmailAddress", _LIST)
                yield Entry(channel, address, reason, instant_of(row.get("LastUpdateTime")))

    def _page(self, scope: str, token: str) -> tuple[list[Any], str | None]:
        params = {"PageSize": _PAGE, **({"NextToken": token} if token else {})}
        try:
            answer = self.api.call(self._request("GET", _LIST, scope, params=params))
        except ListNotThere as error:
            raise _unknown_tenant(scope, error) from None
        page = answer.data if isinstance(answer.data, dict) else {}
        rows = expect_rows(page, _LIST, "SuppressedDestinationSummaries")
        following = page.get("NextToken")
        return rows, str(following) if following else None

    @property
    def _host(self) -> str | None:
        region = self.settings.get("SES_REGION", "")
        return f"https://email.{region}.amazonaws.com" if _REGION.fullmatch(region) else None

    def _request(self, method: Any, path: str, scope: str, **values: Any) -> Request:
        """A call about the account's list or a tenant's."""
        params = {**values.pop("params", {}), **({"TenantName": scope} if scope else {})}
        return Request(method, path, params=params, host=self._host, **values)

    def _put(self, item: Item) -> Request:
        reason = "COMPLAINT" if is_consent(item.reason) else "BOUNCE"
        body = {"EmailAddress": _address(item), "Reason": reason}
        if item.scope:
            body["TenantName"] = item.scope
        return Request("PUT", _LIST, json=body, host=self._host)

    def _look(self, item: Item) -> Request:
        # Of both reasons this is the one that leads to another call.
        entry = {"EmailAddress": _address(item), "Reason": "BOUNCE", "LastUpdateTime": 0}
        return self._request(
            "GET",
            _ENTRY,
            item.scope,
            parts={"address": _address(item)},
            sample={"SuppressedDestination": entry},
        )

    def _decide(self, item: Item, answer: Response) -> Request | str:
        """What is to become of an item by its entry."""
        entry = _entry(answer)
        if entry["Reason"] == "COMPLAINT":
            if not is_consent(item.reason):
                return (
                    "Amazon SES has a complaint or an opt-out there, which only an act of consent "
                    "ends: adopt its list; where it is no refusal, delete it there"
                )
            if not _is_ours(item, entry) and not is_undone(item, _filed_at(entry)):
                return (
                    "Amazon SES or somebody else filed a complaint there, and no later act of "
                    "consent ended that: adopt its list"
                )
        return self._request("DELETE", _ENTRY, item.scope, parts={"address": _address(item)})


def _entry(answer: Response) -> dict[str, Any]:
    found = answer.data.get("SuppressedDestination") if isinstance(answer.data, dict) else None
    if not isinstance(found, dict) or found.get("Reason") not in _REASONS:
        raise AnswerUnreadable(f"GET {_ENTRY}: the answer has no entry with a reason.")
    return found


def _filed_at(entry: Mapping[str, Any]) -> datetime | None:
    return instant_of(entry.get("LastUpdateTime"))


def _is_ours(item: Item, entry: Mapping[str, Any]) -> bool:
    """Whether we filed an entry: no message is behind it, and it is as old as our call. In doubt
    it is a refusal of the person's.
    """
    attributes = entry.get("Attributes")
    if isinstance(attributes, dict) and attributes.get("MessageId"):
        return False
    filed_at, suppressed_at = _filed_at(entry), item.suppressed_at
    if filed_at is None or suppressed_at is None:
        return False
    return abs(filed_at - suppressed_at.replace(tzinfo=UTC)) <= _OUR_CALL


def _told(items: Sequence[Item], answers: Sequence[Response | SyncError]) -> Iterator[Outcome]:
    """The outcomes of filing; success is a 200 with an empty body or object."""
    for item, answer in zip(items, answers, strict=True):
        if isinstance(answer, Response):
            if answer.data:
                text = "the answer is not the empty one of success"
                yield Outcome(item, "failed", answer.status, text, answer.attempts)
            else:
                yield Outcome(item, "confirmed", answer.status, None, answer.attempts)
        elif isinstance(answer, PlatformError) and answer.attempts:
            yield Outcome.of_error(item, answer)


def _check_scope(items: Sequence[Item], answers: Sequence[Response | SyncError]) -> None:
    """Raises UnknownScope where the tenant is not there: nothing was changed."""
    for item, answer in zip(items, answers, strict=True):
        if isinstance(answer, ListNotThere):
            raise _unknown_tenant(item.scope, answer)


def _unknown_tenant(scope: str, error: PlatformError | None = None) -> UnknownScope:
    said = f" ({error})" if error else ""
    return UnknownScope(
        f"Amazon SES has no tenant {scope!r}{said}: correct the scope of its row in "
        "seeds/destinations.csv, or `adopt --scope`."
    )


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
