"""Firebase Cloud Messaging: the topics that a token is subscribed to.

Facts from Google's discovery document of fcm v1 (projects.registrations.topicSubscriptions) and
its page on OAuth 2.0 for service accounts. FCM keeps no do-not-send list: what it can be told is
that a token leaves a topic.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sync.destinations.base import (
    Api,
    Destination,
    Item,
    Limit,
    Outcome,
    Request,
    Response,
    Variable,
    outcomes_of,
)
from sync.destinations.meanings import Meanings
from sync.errors import (
    AnswerUnreadable,
    ConfigError,
    CredentialRefused,
    ItemsRefused,
    SyncError,
    UnknownScope,
)
from sync.extras import needs

_OAUTH = "https://oauth2.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_HOUR = 3600
_DAY = 24 * _HOUR
# A token is renewed so long before it ends.
_MARGIN = 300.0
_PATH = "/v1/projects/{project}/registrations/{token}/topicSubscriptions"
_ALREADY_THERE = 409
_TOPIC = re.compile(r"[a-zA-Z0-9\-_.~%]{1,900}")


class Fcm(Destination):
    """The topics of one Firebase project; a scope is a topic."""

    name = "fcm"
    title = "FCM"
    host = "https://fcm.googleapis.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "FCM_SERVICE_ACCOUNT",
            "the JSON of a service account key that may manage topics",
            required=True,
            secret=True,
            is_header=False,
        ),
    )
    channels = frozenset({"push"})
    # 3,000 additions and removals a second and project.
    calls_per_second = 3000.0
    limits = (Limit(3_000, 1.0),)
    batch_size = 1

    def __init__(
        self, api: Api, settings: Mapping[str, str], meanings: Meanings | None = None
    ) -> None:
        super().__init__(api, settings, meanings)
        self._account = _account(settings)
        self._lock = threading.Lock()
        self._token = ""
        self._ends_at = 0.0

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """None: the token, which ends after an hour, goes with each call."""
        _account(settings)
        return {}

    def refusal(self, item: Item) -> str | None:
        """A topic is needed: there is no list to put a token on."""
        if not item.scope.strip():
            return (
                "FCM keeps no do-not-send list: leave the token out of your sends, or name a "
                "topic as the row's scope"
            )
        return super().refusal(item)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """A message to each topic that is only validated, not sent: there is nothing to read."""
        topics = dict.fromkeys(scope for _, scope in rows if scope.strip())
        return [
            Request(
                "POST",
                "/v1/projects/{project}/messages:send",
                {"project": self._project},
                json={"validateOnly": True, "message": {"topic": topic, "data": {"check": "1"}}},
                headers=self._authorization(),
            )
            for topic in topics or ["contact-sync-check"]
        ]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Leaves the topic. A token that FCM does not know any more is absent."""
        if items:
            _check_topic(items[0].scope)
            requests = [
                Request(
                    "DELETE",
                    f"{_PATH}/{{topic}}",
                    {**self._parts(item), "topic": item.scope},
                    # Not being there is as good as leaving.
                    params={"allowMissing": "true"},
                    headers=self._authorization(),
                )
                for item in items
            ]
            yield from outcomes_of(items, self.api.map(requests), "confirmed")

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Joins the topic again."""
        if items:
            _check_topic(items[0].scope)
            requests = [
                Request(
                    "POST",
                    _PATH,
                    self._parts(item),
                    json={},
                    params={"topicName": item.scope},
                    headers=self._authorization(),
                )
                for item in items
            ]
            answers = [_done_if_there(answer) for answer in self.api.map(requests)]
            yield from outcomes_of(items, answers, "confirmed")

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Joins the topic."""
        return self.release(items)

    @property
    def _project(self) -> str:
        return str(self._account.get("project_id", "project"))

    def _parts(self, item: Item) -> dict[str, str]:
        # The engine asks refusal() first: an item without an address never gets here.
        assert item.address
        return {"project": self._project, "token": item.address}

    def _authorization(self) -> dict[str, str]:
        with self._lock:
            if time.time() > self._ends_at - _MARGIN:
                self._sign_in()
            return {"Authorization": f"Bearer {self._token}"}

    def _sign_in(self) -> None:
        form = [("grant_type", _GRANT), ("assertion", _assertion(self._account))]
        sample = {"access_token": "dry-run", "expires_in": _HOUR}
        try:
            answer = self.api.call(Request("POST", "/token", form=form, host=_OAUTH, sample=sample))
        except ItemsRefused as error:
            # No item is at fault: the account is, or its key.
            raise CredentialRefused(
                str(error), status=error.status, attempts=error.attempts
            ) from None
        found = answer.data if isinstance(answer.data, dict) else {}
        token, seconds = found.get("access_token"), found.get("expires_in", _HOUR)
        is_token = isinstance(token, str) and token.isascii() and token.isprintable()
        if not token or not is_token or not isinstance(seconds, int) or not 0 < seconds <= _DAY:
            raise AnswerUnreadable("POST /token: the answer has no access token, or no end of it")
        self._token = str(token)
        self._ends_at = time.time() + seconds


def _check_topic(scope: str) -> None:
    if not _TOPIC.fullmatch(scope):
        raise UnknownScope(
            f"seeds/destinations.csv: {scope!r} is no name of an FCM topic (without /topics/; "
            "letters, digits and - _ . ~ %). Nothing was sent for it."
        )


def _account(settings: Mapping[str, str]) -> dict[str, Any]:
    """The service account; ConfigError where the variable holds none."""
    text = settings.get("FCM_SERVICE_ACCOUNT", "")
    if not text:
        # A dry run needs no credential.
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    needed = {"project_id", "client_email", "private_key"}
    if not isinstance(found, dict) or needed - found.keys():
        raise ConfigError(
            "FCM_SERVICE_ACCOUNT is not the JSON of a service account key (with "
            f"{', '.join(sorted(needed))}), as the Google Cloud console gives it."
        )
    return found


def _assertion(account: Mapping[str, Any]) -> str:
    """A signed statement of who asks for a token (RFC 7523)."""
    if not account:
        return "dry-run"
    with needs("FCM", "fcm"):
        # google.auth signs with it, and says only "ImportError" where it is missing.
        import cryptography  # noqa: F401
        from google.auth import crypt, jwt
    now = int(time.time())
    claims = {
        "iss": account["client_email"],
        "scope": _SCOPE,
        "aud": f"{_OAUTH}/token",
        "iat": now,
        "exp": now + _HOUR,
    }
    try:
        signer = crypt.RSASigner.from_service_account_info(  # type: ignore[no-untyped-call]
            dict(account)
        )
    except ValueError:
        raise ConfigError("The private_key of FCM_SERVICE_ACCOUNT is no RSA key.") from None
    encoded: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    return encoded.decode()


def _done_if_there(answer: Response | SyncError) -> Response | SyncError:
    if isinstance(answer, ItemsRefused) and answer.status == _ALREADY_THERE:
        return Response(_ALREADY_THERE, None, answer.attempts)
    return answer
