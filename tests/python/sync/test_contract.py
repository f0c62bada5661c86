"""What every destination must do, whatever its platform: one suite over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import sync.destinations
from sync.delivery.calls import Caller, DryRun, RetryPolicy
from sync.delivery.rate import Schedule
from sync.destinations.base import Destination, Request
from sync.http import HttpClient
from tests.python.sync.world import KEY, SandboxClient, addresses, item

NAMES = sync.destinations.names()
CONSENT = ("complaint", "unsubscribe")
REASONS = (*CONSENT, "bounce", "block", "unengaged", "policy")
HOSTILE = (
    "",
    "   ",
    "\t\n",
    ".",
    "..",
    "*",
    "@",
    "nobody",
    "a@",
    "@example.com",
    "a b@example.com",
    "a@b@example.com",
    "a@example.com,b@example.com",
    "a@example.com\r\nX-Evil: 1",
    "a\x00@example.com",
    "../../v3/asm/suppressions/global@example.com",
    "a/b@example.com",
    "a@example.com/..",
    "a@example.com?delete_all=true",
    "a#@example.com",
    "a%2Fb@example.com",
    "*@example.com",
    "<a@example.com>",
    '"a"@example.com',
    "a@-example.com",
    "a@example..com",
    "a" * 250 + "@example.com",
)


@contextmanager
def connected(name: str, sandbox: SandboxClient) -> Iterator[Destination]:
    """A destination that talks to the sandbox."""
    import threading

    kind = sync.destinations.get(name)
    settings = {variable.name: KEY for variable in kind.variables if variable.secret}
    with (
        HttpClient(
            f"{sandbox.url}/{name}", kind.headers(settings), timeout=10, connections=4
        ) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        caller = Caller(
            client,
            Schedule(None),
            threading.Event(),
            policy=RetryPolicy(first_wait=0.0),
            pool=pool,
        )
        yield kind(caller, settings)


def everyone(lists: Any) -> set[str]:
    """Every address on any list."""
    if isinstance(lists, dict):
        return set().union(*(everyone(inner) for inner in lists.values()))
    return set(lists)


@pytest.mark.parametrize("name", NAMES)
class TestEveryDestination:
    def test_its_file_says_what_it_is(self, name: str, sandbox: SandboxClient) -> None:
        kind = sync.destinations.get(name)
        assert kind.name == name
        assert kind.host.startswith("https://")
        assert kind.calls_per_second > 0
        assert kind.batch_size >= 1
        assert all(variable.name.startswith(name.upper()) for variable in kind.variables)
        # Its stand-in has the same name.
        assert isinstance(sandbox.lists(name), dict)

    def test_an_empty_batch_makes_no_request(self, name: str, sandbox: SandboxClient) -> None:
        with connected(name, sandbox) as destination:
            assert list(destination.suppress([])) == []
            assert list(destination.release([])) == []
        assert sandbox.call_count() == 0

    def test_add_repeat_release_repeat_converge(self, name: str, sandbox: SandboxClient) -> None:
        people = [item(address, destination=name) for address in addresses(5)]
        with connected(name, sandbox) as destination:
            for _ in range(2):
                outcomes = list(destination.suppress(people))
                assert [outcome.result for outcome in outcomes] == ["confirmed"] * 5
                assert everyone(sandbox.lists(name)) == set(addresses(5))
            for _ in range(2):
                outcomes = list(destination.release(people[:3]))
                assert [outcome.result for outcome in outcomes] == ["confirmed"] * 3
                assert everyone(sandbox.lists(name)) == set(addresses(5)[3:])

    def test_every_item_has_exactly_one_outcome(self, name: str, sandbox: SandboxClient) -> None:
        people = [
            item(address, delta_id=f"{number}", destination=name, reason=REASONS[number % 6])
            for number, address in enumerate(addresses(12))
        ]
        with connected(name, sandbox) as destination:
            for verb in (destination.suppress, destination.release):
                outcomes = list(verb(people))
                assert sorted(o.item.delta_id for o in outcomes) == sorted(
                    one.delta_id for one in people
                )

    @pytest.mark.parametrize("address", HOSTILE, ids=repr)
    def test_a_hostile_identifier_is_refused_before_any_request(
        self, name: str, sandbox: SandboxClient, address: str
    ) -> None:
        with connected(name, sandbox) as destination:
            refusal = destination.refusal(item(address, destination=name))
        assert refusal is not None
        assert not address.strip() or address not in refusal

    def test_a_missing_address_is_refused(self, name: str, sandbox: SandboxClient) -> None:
        with connected(name, sandbox) as destination:
            assert destination.refusal(item(None, destination=name)) is not None

    @pytest.mark.parametrize(
        "address",
        [
            "first.last+tag@example.com",
            "o'hara@example.co.uk",
            "a_b-c=d@sub.example.com",
            "müller@exämple.de",
            "1@2.io",
        ],
    )
    def test_an_ordinary_address_arrives_as_it_is(
        self, name: str, sandbox: SandboxClient, address: str
    ) -> None:
        one = item(address, destination=name)
        with connected(name, sandbox) as destination:
            assert destination.refusal(one) is None
            list(destination.suppress([one]))
            assert everyone(sandbox.lists(name)) == {address}
            list(destination.release([one]))
            assert everyone(sandbox.lists(name)) == set()

    def test_nothing_that_wipes_a_list_is_ever_sent(self, name: str) -> None:
        kind = sync.destinations.get(name)
        seen: list[Request] = []
        destination = kind(DryRun(seen.append), {})
        for reason in REASONS:
            for count in (1, 2, 3):
                people = [item(a, reason=reason, destination=name) for a in addresses(count)]
                list(destination.suppress(people))
                list(destination.release(people))
        assert seen
        for request in seen:
            assert "delete_all" not in str(request.json)
            assert_no_empty(request.json)
            assert "//" not in request.encoded_path()
            assert not request.encoded_path().endswith("/")
            if request.method == "DELETE":
                # It names somebody, in the path or in the body.
                assert request.parts or request.json

    @pytest.mark.parametrize("part", ["", " ", ".", ".."])
    def test_a_path_with_an_empty_part_is_never_built(self, name: str, part: str) -> None:
        with pytest.raises(ValueError, match="empty"):
            Request("DELETE", f"/{name}/{{email}}", {"email": part}).encoded_path()


def assert_no_empty(value: object) -> None:
    if isinstance(value, dict):
        for inner in value.values():
            assert_no_empty(inner)
    elif isinstance(value, list):
        assert value
        for inner in value:
            assert_no_empty(inner)
    elif isinstance(value, str):
        assert value.strip()


def test_path_parts_are_percent_encoded_whole() -> None:
    request = Request("DELETE", "/v3/x/{email}", {"email": "a+b/c?d#e%f@g.h"})
    assert request.encoded_path() == "/v3/x/a%2Bb%2Fc%3Fd%23e%25f%40g.h"
    assert "a+b" not in request.label


@pytest.mark.parametrize("name", ["base", "identifiers", "", "os", "../sendgrid"])
def test_what_is_no_platform_is_unknown(name: str) -> None:
    from sync.errors import UnknownDestination

    with pytest.raises(UnknownDestination, match="sendgrid"):
        sync.destinations.get(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_is_named_in_the_example_environment(name: str) -> None:
    text = (Path(__file__).parents[3] / ".env.example").read_text(encoding="utf-8")
    named = {line.partition("=")[0] for line in text.splitlines()}
    prefix = name.upper()
    settings = {f"{prefix}_BASE_URL", f"{prefix}_RATE", f"{prefix}_BATCH_SIZE"}
    assert settings | {v.name for v in sync.destinations.get(name).variables} <= named
