"""What the receiver is told, all of it by the environment: secrets are in no file and no option."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sync.errors import ConfigError
from sync.receiver import sources

RELAY_VARIABLE = "RELAY_WEBHOOK_SECRET"
METRICS_VARIABLE = "CONTACT_SYNC_METRICS_TOKEN"
REPORT_VARIABLE = "CONTACT_SYNC_REPORT_TOKEN"
UNSIGNED_VARIABLE = "CONTACT_SYNC_ALLOW_UNSIGNED"
#: More than any platform sends, Mailgun's forms with attachments excepted.
BODY_LIMIT = 16 * 1024 * 1024
CONNECTIONS_VARIABLE = "CONTACT_SYNC_CONNECTIONS"
PER_ADDRESS_VARIABLE = "CONTACT_SYNC_CONNECTIONS_PER_ADDRESS"


def secret_variable(source: str) -> str:
    """The environment variable of a source's secrets."""
    return f"{source.upper()}_WEBHOOK_SECRET"


@dataclass(frozen=True, slots=True)
class Settings:
    """secrets: per source, all that count now. relay_secrets: those of Zapier, Make and senders.

    unsigned: sources that are believed without any secret. public_url: scheme, host and perhaps a
    path before /webhooks, as platforms call it; None: as each request says. body_limit: bytes.
    connections, connections_per_address: how many may be open; of an address 0: the usual share.
    metrics_tokens, report_tokens: with which /metrics and /report are read; without one there is
    none.
    sns_url: where Amazon's certificates are fetched from instead of their own host (tests).
    """

    secrets: Mapping[str, tuple[str, ...]] = field(repr=False)
    relay_secrets: tuple[str, ...] = field(default=(), repr=False)
    unsigned: frozenset[str] = frozenset()
    public_url: str | None = None
    body_limit: int = BODY_LIMIT
    sns_url: str | None = None
    connections: int = 2_000
    connections_per_address: int = 0
    metrics_tokens: tuple[str, ...] = field(default=(), repr=False)
    report_tokens: tuple[str, ...] = field(default=(), repr=False)


def read_settings(
    environment: Mapping[str, str],
    *,
    unsigned: Iterable[str] = (),
    body_limit: int = BODY_LIMIT,
) -> Settings:
    """The settings of an environment. Raises ConfigError, which names the variable."""
    secrets = {name: _secrets(environment, name) for name in sources.names()}
    allowed = {*unsigned, *environment.get(UNSIGNED_VARIABLE, "").replace(",", " ").split()}
    unknown = sorted(allowed - set(sources.names()))
    if unknown:
        raise ConfigError(
            f"Unknown source {unknown[0]!r} to allow unsigned. Known: {', '.join(sources.names())}."
        )
    both = sorted(name for name in allowed if secrets[name])
    if both:
        raise ConfigError(
            f"{both[0]} has a secret ({secret_variable(both[0])}) and is allowed unsigned: "
            "choose one, for the second undoes the first."
        )
    return Settings(
        secrets=secrets,
        relay_secrets=_checked(RELAY_VARIABLE, environment, _long_enough),
        unsigned=frozenset(allowed),
        public_url=_public_url(environment.get("PUBLIC_URL", "").strip()),
        body_limit=body_limit,
        sns_url=environment.get("SNS_BASE_URL", "").strip() or None,
        connections=_number(environment, CONNECTIONS_VARIABLE, 2_000, least=1),
        connections_per_address=_number(environment, PER_ADDRESS_VARIABLE, 0, least=0),
        metrics_tokens=_checked(METRICS_VARIABLE, environment, _long_enough),
        report_tokens=_checked(REPORT_VARIABLE, environment, _long_enough),
    )


def _secrets(environment: Mapping[str, str], source: str) -> tuple[str, ...]:
    check = sources.get(source).check_secret
    return _checked(secret_variable(source), environment, check)


def _checked(
    variable: str, environment: Mapping[str, str], check: Callable[[str], None]
) -> tuple[str, ...]:
    found = tuple(environment.get(variable, "").replace(",", " ").split())
    for secret in found:
        try:
            check(secret)
        except ConfigError as error:
            raise ConfigError(f"{variable} {error}.") from None
    return found


def _number(environment: Mapping[str, str], variable: str, default: int, *, least: int) -> int:
    text = environment.get(variable, "").strip() or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text) >= least):
        raise ConfigError(f"{variable} is not a number from {least} on.")
    return int(text)


def _long_enough(secret: str) -> None:
    if len(secret) < 16:
        raise ConfigError("is shorter than 16 characters")


def _public_url(text: str) -> str | None:
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError("PUBLIC_URL is not a URL like https://hooks.example.com.")
    return text.rstrip("/")
