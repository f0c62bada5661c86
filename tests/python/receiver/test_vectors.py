"""Signatures made without this project's code (how: tests/fixtures/signatures/README.md)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from sync.receiver import sources
from sync.receiver.request import Delivery, Refused
from sync.receiver.verification import Context
from tests.python.conftest import ROOT

FOLDER = ROOT / "tests" / "fixtures" / "signatures"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


class Amazon:
    """Answers with the certificate, and notes what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return (FOLDER / "sns.pem").read_bytes()


def vector(name: str) -> tuple[Delivery, dict[str, Any]]:
    said = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    delivery = Delivery(
        url=said["url"],
        query=dict(parse_qsl(urlsplit(said["url"]).query)),
        headers=said["headers"],
        body=(FOLDER / f"{name}.body").read_bytes(),
        received_at=datetime.fromisoformat(said["received_at"]),
    )
    return delivery, said


def verify(
    delivery: Delivery,
    said: dict[str, Any],
    secrets: tuple[str, ...],
    fetch: Callable[[str], bytes] | None = None,
) -> None:
    sources.get(said["source"]).verify(delivery, Context(secrets, fetch or Amazon()))


@pytest.mark.parametrize("name", NAMES)
def test_a_signature_is_verified(name: str) -> None:
    delivery, said = vector(name)
    verify(delivery, said, (said["secret"],))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_verified_by_any_of_several_secrets(name: str) -> None:
    delivery, said = vector(name)
    verify(delivery, said, (other_secret(said), said["secret"]))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mandrill_trial"])
def test_it_is_refused_by_another_secret(name: str) -> None:
    delivery, said = vector(name)
    with pytest.raises(Refused):
        verify(delivery, said, (other_secret(said),))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mandrill_trial"])
def test_it_is_refused_when_any_part_that_is_signed_was_changed(name: str) -> None:
    delivery, said = vector(name)
    for position in signed_positions(name, delivery.body):
        body = bytearray(delivery.body)
        body[position] ^= 0b1
        with pytest.raises(Refused):
            verify(dataclasses.replace(delivery, body=bytes(body)), said, (said["secret"],))


def test_every_scheme_that_signs_has_a_vector() -> None:
    signing = {name for name in sources.names() if sources.get(name).is_signed}
    assert {vector(name)[1]["source"] for name in NAMES} == signing


def other_secret(said: dict[str, Any]) -> str:
    if said["source"] == "sendgrid":
        others = {vector(name)[1]["secret"] for name in ("sendgrid", "sendgrid_published")}
        return str(min(others - {said["secret"]}))
    return f"{said['secret']}-of-another"


def signed_positions(name: str, body: bytes) -> list[int]:
    """Some places in the body that the signature covers: with most platforms, anywhere."""
    parts: dict[str, tuple[bytes, ...]] = {
        "mailgun": (b"1777706131", b"5d0c64f1", b"5d6e7f8091"),
        "mailgun_legacy": (b"1777706131", b"5d0c64f1", b"5d6e7f8091"),
        "segment_batch": (b"track", b"Unsubscribed", b"Wein"),
        "ses_confirmation": (
            b"SubscriptionC",
            b"m-2",
            b"-05-02",
            b"Token=",
            b"2336412f",
            b"You have",
        ),
    }
    ses = (b"Notification", b"m-1", b"-05-02", b"Amazon SES", b"eventType", b"mia@", b":ses")
    if name in ("ses_v1", "ses_v2"):
        return [body.index(part) for part in ses]
    if name in parts:
        return [body.index(part) for part in parts[name]]
    return sorted({0, len(body) // 3, len(body) // 2, len(body) - 1})
