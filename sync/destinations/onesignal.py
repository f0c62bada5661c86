"""OneSignal: a subscription per email address, phone number or push token.

Facts from OneSignal's reference of Update subscription by token and its page on rate limits. A
202 says that the change is made within seconds; nothing can be asked what became of it, so such an
item is accepted and never confirmed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from sync.destinations.base import (
    Destination,
    Item,
    Limit,
    Outcome,
    Request,
    Variable,
    outcomes_of,
)

# "Unsubscribed through the API", and "subscribed".
_OFF, _ON = -31, 1
_PUSH_TYPES = (
    "iOSPush",
    "AndroidPush",
    "FireOSPush",
    "HuaweiPush",
    "ChromePush",
    "ChromeExtensionPush",
    "FirefoxPush",
    "SafariPush",
    "SafariLegacyPush",
    "WindowsPush",
    "macOSPush",
)
# The same as other platforms call them, with or without "Push".
_PUSH_NAMES: Mapping[str, str] = {
    **{kind.lower(): kind for kind in _PUSH_TYPES},
    **{kind.lower().removesuffix("push"): kind for kind in _PUSH_TYPES},
    "apns": "iOSPush",
    "fcm": "AndroidPush",
    "amazon": "FireOSPush",
}
# Where nobody named the kind: APNs tokens are 64 hex digits, FCM's have a colon.
_PUSH_SHAPES = (
    (re.compile(r"[0-9a-fA-F]{64}"), "iOSPush"),
    (re.compile(r"[^:]+:.+"), "AndroidPush"),
)


class OneSignal(Destination):
    """Subscriptions of one OneSignal app."""

    name = "onesignal"
    title = "OneSignal"
    host = "https://api.onesignal.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable("ONESIGNAL_API_KEY", "the app's API key", required=True, secret=True),
        Variable("ONESIGNAL_APP_ID", "the id of the app", required=True),
    )
    channels = frozenset({"email", "sms", "push"})
    # 1,000 changes of subscriptions a second and app.
    calls_per_second = 1000.0
    limits = (
        Limit(1_000, 1.0),
        Limit(1, 1.0, "/apps/*/subscriptions_by_token/*", each="token"),
    )
    batch_size = 1

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """The app's key."""
        return {"Authorization": f"Key {settings['ONESIGNAL_API_KEY']}"}

    def refusal(self, item: Item) -> str | None:
        """A push token is known only together with its kind."""
        refusal = super().refusal(item)
        if refusal is None and item.channel == "push" and _type(item) is None:
            return "OneSignal needs the kind of a push token, and none is known of this one"
        return refusal

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """The app's newest message: the app itself is shown to keys of the organization only."""
        del rows
        app = self.settings.get("ONESIGNAL_APP_ID", "")
        return [Request("GET", "/notifications", params={"app_id": app, "limit": "1"})]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Disables the subscriptions. The change is made within seconds, and no more is said."""
        return self._set(items, enabled=False)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Enables them; a push subscription receives again only if its device permits it."""
        return self._set(items, enabled=True)

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Enables them."""
        return self.release(items)

    def _set(self, items: Sequence[Item], *, enabled: bool) -> Iterator[Outcome]:
        answers = self.api.map([self._change(item, enabled=enabled) for item in items])
        return outcomes_of(items, answers, "accepted")

    def _change(self, item: Item, *, enabled: bool) -> Request:
        # The engine asks refusal() first: an item without an address never gets here.
        assert item.address
        parts = {
            "app": self.settings.get("ONESIGNAL_APP_ID", ""),
            "type": _type(item) or "",
            "token": item.address,
        }
        change = {"enabled": enabled, "notification_types": _ON if enabled else _OFF}
        path = "/apps/{app}/subscriptions_by_token/{type}/{token}"
        return Request("PATCH", path, parts, json={"subscription": change})


def _type(item: Item) -> str | None:
    """The kind of subscription, as OneSignal calls it."""
    if item.channel != "push":
        return {"email": "Email", "sms": "SMS"}[item.channel]
    named = _PUSH_NAMES.get((item.push_token_type or "").strip().lower())
    shaped = (kind for shape, kind in _PUSH_SHAPES if shape.fullmatch(item.address or ""))
    return named or next(shaped, None)
