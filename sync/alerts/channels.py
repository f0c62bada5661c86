"""Where messages go: URLs of Apprise. A URL is a secret, and is told nobody."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Protocol

from sync.alerts.words import Message
from sync.errors import ConfigError
from sync.extras import needs

#: The environment variable that holds the URLs.
VARIABLE: Final = "CONTACT_SYNC_ALERT_URLS"
#: Between two URLs; a comma may be part of one.
_BETWEEN: Final = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
#: Apprise's words for how a message looks.
_KINDS: Final = {"began": "failure", "reminded": "warning", "ended": "success"}


class Channel(Protocol):
    """Somebody who is told."""

    #: As in raw.alerts: the scheme and its number among those of the scheme, so that a new secret
    #: does not make it another one.
    name: str

    def tell(self, message: Message) -> bool:
        """Whether it took the message."""


class AppriseChannel:
    """A URL of Apprise."""

    def __init__(self, name: str, service: Any) -> None:
        self.name = name
        self._service = service

    def tell(self, message: Message) -> bool:
        """See Channel."""
        return bool(
            self._service.notify(
                title=message.title,
                body=message.body,
                notify_type=_KINDS[message.state],
                body_format="text",
            )
        )


def read_channels(environment: Mapping[str, str]) -> list[Channel]:
    """The channels that the environment names; none where it names none.

    Raises ConfigError where a URL is none of Apprise's, or Apprise is not installed.
    """
    urls = [one for one in _BETWEEN.split(environment.get(VARIABLE, "").strip(" \t\r\n,")) if one]
    if not urls:
        return []
    with needs(VARIABLE, "alert"):
        import apprise
    # It may name a URL, or a part of one.
    logging.getLogger("apprise").handlers[:] = [logging.NullHandler()]
    logging.getLogger("apprise").propagate = False
    asset = apprise.AppriseAsset(
        app_id="contact-sync", app_desc="contact-sync", app_url="", storage_mode="memory"
    )
    channels: list[Channel] = []
    kinds: Counter[str] = Counter()
    for number, url in enumerate(urls, 1):
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if service is None:
            raise ConfigError(
                f"{VARIABLE}: URL {number} of {len(urls)} is none that Apprise knows, or a part of "
                "it is missing (docs/alerts.md)."
            )
        kind = url.partition("://")[0].lower()
        kinds[kind] += 1
        group = apprise.Apprise(asset=asset)
        group.add(service)
        channels.append(AppriseChannel(f"{kind} {kinds[kind]}", group))
    return channels
