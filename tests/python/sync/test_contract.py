"""What every destination must do, whatever its platform: one suite over all of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import sync.destinations
from sync.delivery.calls import Caller, DryRun, RetryPolicy
from sync.delivery.isolate import isolate
from sync.delivery.rate import Schedule
from sync.destinations.base import Destination, Item, Outcome, Request
from sync.destinations.meanings import Meanings
from sync.errors import ListNotReadable, Stopped
from sync.http import HttpClient
from tests.python.sync.cases import Case, Row, all_cases
from tests.python.sync.engines import destination_errors
from tests.python.sync.world import KEY, SandboxClient

NAMES = sync.destinations.names()
# Named in the fact sheets as calls that empty a list or erase a person: nothing may send them.
DESTRUCTIVE = (
    "delete_all",
    "delete-permanent",
    "suppress_with_delete",
    "delete_only",
    "delete_archive_only",
    "/users/delete",
    "/uninstall",
)
CONSENT = ("complaint", "unsubscribe")
REASONS = (*CONSENT, "bounce", "soft_bounces", "block", "unengaged", "policy")
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


HOSTILE_NUMBERS = (
    "",
    "  ",
    "+",
    "4155550100",
    "+1 415 555 0100",
    "+1415555\n0100",
    "+0415",
    "+1;2",
)
HOSTILE_TOKENS = (
    "",
    "  ",
    "..",
    "a/b/c/d/e",
    "token?x=1#y",
    "token%2F0001",
    "a..b..c..d",
    "x\r\ny: z",
)
HOSTILE_OF = {"email": HOSTILE, "sms": HOSTILE_NUMBERS, "push": HOSTILE_TOKENS}
ORDINARY = {
    "email": (
        "first.last+tag@example.com",
        "o'hara@example.co.uk",
        "a_b-c=d@sub.example.com",
        "müller@exämple.de",
        "1@2.io",
    ),
    "sms": ("+14155550100", "+4930123456", "+8613800138000"),
    "push": (
        "fMI-qkT3:APA91bH_x-y",
        "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90",
    ),
}
#: Rows whose platform shows who is on its list.
READABLE = {
    ("braze", "email", ""),
    ("brevo", "email", ""),
    ("brevo", "sms", ""),
    ("klaviyo", "email", ""),
    ("mailchimp", "email", "a6b5da1054"),
    ("mailgun", "email", "mg.example.com"),
    ("mandrill", "email", "cust-123"),
    ("postmark", "email", ""),
    ("postmark", "email", "broadcast"),
    ("sendgrid", "email", ""),
    ("sendgrid", "email", "101"),
    ("ses", "email", ""),
    ("ses", "email", "cust-1"),
    ("sparkpost", "email", "non_transactional"),
    ("sparkpost", "email", "transactional/146"),
}
#: More than a page of any platform.
MANY = [f"listed{number}@example.com" for number in range(2_100)]
CASES = all_cases()
ROWS = [
    pytest.param(case, row, id="-".join(filter(None, [case.name, row.channel, row.scope])))
    for case in CASES
    for row in case.rows
]


@contextmanager
def connected(
    name: str, sandbox: SandboxClient, stop: threading.Event | None = None
) -> Iterator[Destination]:
    """A destination that talks to the sandbox. stop: ends its calls, as SIGTERM does."""
    kind = sync.destinations.get(name)
    case = next(case for case in CASES if case.name == name)
    settings = settings_of(case)
    with (
        HttpClient(
            f"{sandbox.url}/{name}",
            kind.headers(settings),
            timeout=10,
            connections=4,
            members=kind.members(settings),
            is_only_host=True,
            judge=kind.judge,
            meanings=meanings_of(name),
            sign=kind.signer(settings),
        ) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        caller = Caller(
            client,
            Schedule(None),
            stop or threading.Event(),
            policy=RetryPolicy(first_wait=0.0),
            pool=pool,
        )
        yield kind(caller, settings, meanings_of(name))


def meanings_of(name: str) -> Meanings:
    """What a platform's errors mean by the seed, as the command reads it."""
    return Meanings(row for row in destination_errors() if row["destination"] in (name, "*"))


def undo(case: Case, destination: Destination, people: Sequence[Item]) -> list[Outcome]:
    """The positive verb of the case's mode."""
    if case.is_profile:
        return list(destination.subscribe(people))
    return list(destination.release([one._replace(action="release") for one in people]))


def results(outcomes: Iterable[Outcome]) -> set[str]:
    return {outcome.result for outcome in outcomes}


def identities(case: Case, people: Iterable[Item]) -> set[str]:
    return {case.identity(one) for one in people}


def test_every_destination_has_a_case() -> None:
    assert [case.name for case in CASES] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestEveryDestination:
    def test_its_file_says_what_it_is(self, name: str, sandbox: SandboxClient) -> None:
        kind = sync.destinations.get(name)
        assert kind.name == name
        assert kind.host.startswith("https://")
        assert kind.calls_per_second > 0
        assert kind.batch_size >= 1
        assert kind.channels
        assert all(variable.name.startswith(name.upper()) for variable in kind.variables)
        # Its stand-in has the same name.
        assert isinstance(sandbox.lists(name), dict)

    def test_an_empty_batch_makes_no_request(self, name: str, sandbox: SandboxClient) -> None:
        with connected(name, sandbox) as destination:
            assert list(destination.suppress([])) == []
            assert list(destination.release([])) == []
            assert list(destination.subscribe([])) == []
        assert sandbox.call_count() == 0

    def test_its_probes_are_answered_and_change_nothing(
        self, name: str, sandbox: SandboxClient
    ) -> None:
        case = next(case for case in CASES if case.name == name)
        before = sandbox.lists(name)
        with connected(name, sandbox) as destination:
            probes = destination.probes([(row.channel, row.scope) for row in case.rows])
            assert probes
            for probe in probes:
                destination.api.call(probe)
        assert sandbox.lists(name) == before

    @pytest.mark.parametrize("part", ["", " ", ".", ".."])
    def test_a_path_with_an_empty_part_is_never_built(self, name: str, part: str) -> None:
        with pytest.raises(ValueError, match="empty"):
            Request("DELETE", f"/{name}/{{email}}", {"email": part}).encoded_path()


@pytest.mark.parametrize(("case", "row"), ROWS)
class TestEveryRow:
    def test_add_repeat_release_repeat_converge(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        people = case.people(row, 5)
        freed = [case.person(row, one.address or "", action="subscribe") for one in people[:3]]
        with connected(case.name, sandbox) as destination:
            for _ in range(2):
                assert results(destination.suppress(people)) == {case.success}
                assert case.suppressed(sandbox.lists(case.name)) == identities(case, people)
            left = people[3:] if case.release_of(row) != "rejected" else people
            for _ in range(2):
                assert results(undo(case, destination, freed)) == {case.release_of(row)}
                assert case.suppressed(sandbox.lists(case.name)) == identities(case, left)

    def test_a_person_named_twice_in_a_batch_is_settled_twice(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        one = case.people(row, 1)[0]
        with connected(case.name, sandbox) as destination:
            outcomes = list(destination.suppress([one, one._replace(delta_id="b" * 32)]))
        assert [outcome.result for outcome in outcomes] == [case.success] * 2

    def test_what_was_not_sent_because_the_run_was_stopped_has_no_outcome(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        stop = threading.Event()
        stop.set()
        for verb in ("suppress", "release", "subscribe"):
            outcomes: list[Outcome] = []
            people = [
                case.person(row, one.address or "", action=verb, reason=reason)
                for one, reason in zip(case.people(row, len(REASONS)), REASONS, strict=True)
            ]
            with connected(case.name, sandbox, stop) as destination, suppress(Stopped):
                outcomes.extend(getattr(destination, verb)(people))
            assert {o.result for o in outcomes} <= {"rejected", "failed"}
            assert all(outcome.attempts == 0 for outcome in outcomes)
        assert sandbox.call_count() == 0

    def test_every_item_has_exactly_one_outcome(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        people = [
            one._replace(reason=REASONS[number % 6])
            for number, one in enumerate(case.people(row, 12))
        ]
        with connected(case.name, sandbox) as destination:
            for verb in (destination.suppress, destination.release, destination.subscribe):
                outcomes = list(verb(people))
                assert sorted(o.item.delta_id for o in outcomes) == sorted(
                    one.delta_id for one in people
                )

    def test_what_it_cannot_do_is_a_refusal_that_says_so(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        people = [case.people(row, 1)[0]._replace(reason=reason) for reason in REASONS]
        with connected(case.name, sandbox) as destination:
            for one in people:
                for verb in (destination.suppress, destination.release, destination.subscribe):
                    for outcome in verb([one]):
                        assert outcome.result in (case.success, "rejected") or not outcome.attempts
                        assert (outcome.error is None) == (outcome.result == case.success)

    def test_its_list_shows_whom_it_stops_or_says_that_there_is_none(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        people = case.people(row, 3)
        with connected(case.name, sandbox) as destination:
            list(destination.suppress(people))
            if (case.name, row.channel, row.scope) in READABLE:
                shown = destination.entries(row.channel, row.scope)
                assert {entry.address for entry in shown} == identities(case, people)
            else:
                with pytest.raises(ListNotReadable, match=destination.title):
                    list(destination.entries(row.channel, row.scope))

    def test_a_hostile_identifier_is_refused_before_any_request(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        hostile = ("", " ", None) if case.is_profile else (*HOSTILE_OF[row.channel], None)
        with connected(case.name, sandbox) as destination:
            for address in hostile:
                one = case.people(row, 1)[0]
                if case.is_profile:
                    refusal = destination.refusal(one._replace(external_id=address))
                else:
                    refusal = destination.refusal(one._replace(address=address))
                assert refusal, repr(address)
                assert not (address or "").strip() or str(address) not in refusal
        assert sandbox.call_count() == 0

    def test_an_ordinary_address_arrives_as_it_is(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        for address in ORDINARY[row.channel]:
            one = case.person(row, address)
            freed = case.person(row, address, action="subscribe")
            with connected(case.name, sandbox) as destination:
                assert destination.refusal(one) is None
                list(destination.suppress([one]))
                assert case.identity(one) in case.suppressed(sandbox.lists(case.name))
                undo(case, destination, [freed])
                found = case.suppressed(sandbox.lists(case.name))
                assert (case.identity(one) in found) == (case.release_of(row) == "rejected")

    def test_a_channel_that_it_does_not_know_is_refused(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        with connected(case.name, sandbox) as destination:
            one = case.people(row, 1)[0]._replace(channel="pigeon")
            assert destination.refusal(one) is not None

    def test_nothing_that_wipes_a_list_is_ever_sent(self, case: Case, row: Row) -> None:
        seen: list[Request] = []
        kind = sync.destinations.get(case.name)
        destination = kind(DryRun(seen.append), settings_of(case))
        for reason in REASONS:
            for count in (1, 2, 3):
                people = [one._replace(reason=reason) for one in case.people(row, count)]
                list(destination.suppress(people))
                undo(case, destination, people)
        assert seen
        for request in seen:
            text = f"{request.path} {request.json} {request.form}".lower()
            for destructive in DESTRUCTIVE:
                assert destructive not in text
            assert_no_empty(request.json)
            assert "//" not in request.encoded_path()
            assert not request.encoded_path().endswith("/")
            if request.method == "DELETE":
                # It names somebody, in the path or in the body.
                assert request.parts or request.json

    def test_a_poison_item_in_a_full_batch_is_isolated(
        self, case: Case, row: Row, sandbox: SandboxClient
    ) -> None:
        kind = sync.destinations.get(case.name)
        size = kind.batch_size
        people = case.people(row, size)
        poison = people[size // 3]
        sandbox.fault("poison", platform=case.name, address=case.identity(poison))
        with connected(case.name, sandbox) as destination:
            found = list(isolate(destination.suppress, people))
        assert {o.item.delta_id for o in found if o.result == "rejected"} == {poison.delta_id}
        assert results(o for o in found if o.item != poison) <= {case.success}
        assert len(found) == size
        # A platform that takes one item a call has nothing to isolate.
        most = 2 * math.ceil(math.log2(size)) + 1 if size > 1 else 1
        assert sandbox.call_count() <= most + case.calls_beside


@pytest.mark.parametrize(
    ("name", "scope", "lists"),
    [
        ("sendgrid", "", {"bounces": MANY}),
        ("postmark", "", {"outbound": MANY}),
        ("mailgun", "mg.example.com", {"mg.example.com complaints": MANY}),
        ("mailchimp", "a6b5da1054", {"a6b5da1054": {"cleaned": MANY}}),
        ("braze", "", {"hard_bounced": MANY}),
        ("brevo", "", {"email": MANY}),
        ("klaviyo", "", {"email": MANY}),
        ("ses", "", {"account": MANY, "cust-1": MANY[:3]}),
        ("sparkpost", "transactional", {"transactional": MANY, "transactional/1": MANY[:3]}),
    ],
)
def test_every_page_of_a_list_is_read(
    name: str, scope: str, lists: dict[str, object], sandbox: SandboxClient
) -> None:
    sandbox.fill(lists, name)
    with connected(name, sandbox) as destination:
        shown = [entry.address for entry in destination.entries("email", scope)]
    assert sorted(shown) == sorted(MANY)


def settings_of(case: Case) -> dict[str, str]:
    """Every required variable and every secret, as the sandbox of the tests expects them."""
    kind = sync.destinations.get(case.name)
    return {v.name: KEY for v in kind.variables if v.secret} | dict(case.settings)


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


@pytest.mark.parametrize("name", NAMES)
def test_every_destination_has_a_page_that_names_its_variables(name: str) -> None:
    folder = Path(__file__).parents[3] / "docs" / "destinations"
    page = (folder / f"{name}.md").read_text(encoding="utf-8")
    missing = [v.name for v in sync.destinations.get(name).variables if v.name not in page]
    assert missing == []
    assert f"[{name}]({name}.md)" in (folder / "README.md").read_text(encoding="utf-8")
