"""Faults on request: what goes wrong, how often, and where."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from sync.sandbox.hostile import Hostile

Kind = Literal[
    "error",
    "answer",
    "unauthorized",
    "timeout",
    "reset",
    "reset_after",
    "truncate",
    "omit",
    "poison",
    "slow",
    "hostile",
]


@dataclass(slots=True)
class Fault:
    """One kind of trouble. It happens `count` times, or with `probability` until it is taken back.

    error: answers `status` before anything is applied. answer: the same with `body`. unauthorized:
    401. timeout: applies the call, then keeps the answer for `seconds`. reset, reset_after: cuts
    the connection before or after applying. truncate: applies the call and answers half of the
    JSON. omit: leaves `address` out of the answer. poison: refuses every call that names `address`
    with 400. slow: waits `seconds` first. hostile: plays a `trick` of a broken or hostile platform,
    answered with `status`, all of them by turns where none is named. `message` and the header
    Retry-After (`retry_after`) are what an error says.
    """

    kind: Kind
    count: int | None = None
    probability: float = 1.0
    platform: str = ""
    method: str = ""
    path: str = ""
    status: int = 503
    seconds: float = 60.0
    address: str = ""
    message: str = "sandbox fault"
    body: Any = None
    retry_after: float | None = None
    trick: str = ""

    @classmethod
    def from_json(cls, body: Any) -> Fault:
        """A fault from the body of POST /_sandbox/faults; ValueError says what is wrong with it."""
        if not isinstance(body, dict) or body.get("kind") not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}")
        if body.get("trick", "") not in ("", *Hostile.TRICKS):
            raise ValueError(f"trick must be one of {', '.join(Hostile.TRICKS)}")
        known = {key: body[key] for key in body if key in cls.__slots__}
        unknown = sorted(set(body) - set(known))
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}")
        return cls(**known)


@dataclass(slots=True)
class Faults:
    """Those that are set. Random choices come from a fixed seed."""

    active: list[Fault] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(7))

    def pick(
        self, platform: str, method: str, path: str, addresses: list[str]
    ) -> dict[Kind, Fault]:
        """What befalls this call: at most one fault of each kind."""
        chosen: dict[Kind, Fault] = {}
        for fault in self.active:
            if fault.count == 0 or fault.kind in chosen:
                continue
            if fault.platform not in ("", platform) or fault.method not in ("", method):
                continue
            if fault.path not in path or (fault.address and fault.address not in addresses):
                continue
            if self._random.random() >= fault.probability:
                continue
            if fault.count is not None:
                fault.count -= 1
            chosen[fault.kind] = fault
        return chosen

    def shown(self) -> list[dict[str, Any]]:
        """As GET /_sandbox/faults shows them."""
        return [asdict(fault) for fault in self.active]
