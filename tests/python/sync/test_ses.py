"""Amazon SES: one address a call, each signed; refusals as COMPLAINT, all else as BOUNCE."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from sync.delivery.calls import DryRun
from sync.delivery.settings import read_settings
from sync.destinations.base import Entry, Item, Outcome, Request
from sync.destinations.ses import Ses
from sync.errors import ConfigError, CredentialRefused, MissingCredential, UnknownScope
from tests.python.sync.cases import Row
from tests.python.sync.cases.ses import CASE
from tests.python.sync.test_contract import connected, settings_of
from tests.python.sync.world import KEY, SandboxClient, World

ACCOUNT, TENANT = CASE.rows
ONE = "a@example.com"
# The person opted in again at the end of April 2026.
BACK = datetime(2026, 4, 30, 12)
BEFORE, AFTER = BACK.replace(tzinfo=UTC).timestamp() - 1, BACK.replace(tzinfo=UTC).timestamp() + 1
OTHERS = ("bounce", "soft_bounces", "block", "unengaged", "policy")


def person(address: str = ONE, row: Row = ACCOUNT, **values: object) -> Item:
    return CASE.person(row, address, **values)


def back(reason: str = "unsubscribe") -> Item:
    """Somebody to be released."""
    return person(action="release", event_timestamp=BACK, reason=reason, suppressed_at=None)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("ses", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def shown(sandbox: SandboxClient, scope: str = "") -> set[tuple[str, str]]:
    """Address and reason of every entry."""
    with connected("ses", sandbox) as destination:
        return {(one.address, one.listed_in) for one in destination.entries("email", scope)}


def test_a_refusal_is_filed_as_complaint_and_all_else_as_bounce(sandbox: SandboxClient) -> None:
    for reason in ("complaint", "unsubscribe", *OTHERS[:4]):
        told(sandbox, "suppress", person(f"{reason}@example.com", reason=reason))
    filed = {address.partition("@")[0]: reason for address, reason in shown(sandbox)}
    assert filed == {
        **dict.fromkeys(("complaint", "unsubscribe"), "complaint"),
        **dict.fromkeys(OTHERS[:4], "bounce"),
    }


@pytest.mark.parametrize("reason", OTHERS[:4])
@pytest.mark.parametrize("filed", ["COMPLAINT", "BOUNCE"])
def test_no_entry_is_filed_over_by_what_is_no_refusal(
    sandbox: SandboxClient, reason: str, filed: str
) -> None:
    sandbox.fill({"account": [[ONE, filed, BEFORE, "m-1"]]}, "ses")
    (outcome,) = told(sandbox, "suppress", person(reason=reason))
    # It is stopped there.
    assert (outcome.result, sandbox.call_count()) == ("confirmed", 1)
    assert shown(sandbox) == {(ONE, filed.lower())}


def test_a_refusal_is_filed_over_a_bounce(sandbox: SandboxClient) -> None:
    sandbox.fill({"account": [[ONE, "BOUNCE"]]}, "ses")
    told(sandbox, "suppress", person())
    assert shown(sandbox) == {(ONE, "complaint")}


def test_a_scope_is_a_tenant_and_none_is_the_account(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person(), person("b@example.com", reason="bounce"))
    told(sandbox, "suppress", person("c@example.com", TENANT))
    told(sandbox, "suppress", person("d@example.com", TENANT, reason="bounce"))
    assert sandbox.lists("ses") == {
        "account": [ONE, "b@example.com"],
        "cust-1": ["c@example.com", "d@example.com"],
    }
    told(sandbox, "release", person("c@example.com", TENANT, action="release"))
    assert shown(sandbox, "cust-1") == {("d@example.com", "bounce")}


@pytest.mark.parametrize("reason", ["unsubscribe", "bounce"])
@pytest.mark.parametrize("verb", ["suppress", "release"])
def test_a_tenant_that_does_not_exist_is_named(
    sandbox: SandboxClient, verb: str, reason: str
) -> None:
    gone = Row("email", "cust-999")
    with pytest.raises(UnknownScope, match="cust-999"):
        told(sandbox, verb, person(row=gone, action=verb, reason=reason))
    with connected("ses", sandbox) as destination, pytest.raises(UnknownScope, match="cust-999"):
        list(destination.entries("email", "cust-999"))


@pytest.mark.parametrize("scope", ["a b", "cust/1", "c" * 65, "küche"])
def test_a_scope_that_is_no_tenants_name_is_refused(sandbox: SandboxClient, scope: str) -> None:
    with connected("ses", sandbox) as destination:
        assert "tenant" in str(destination.refusal(person(row=Row("email", scope))))
        with pytest.raises(UnknownScope):
            list(destination.entries("email", scope))
    assert sandbox.call_count() == 0


@pytest.mark.parametrize("reason", OTHERS)
def test_a_complaint_is_ended_by_no_other_reason(sandbox: SandboxClient, reason: str) -> None:
    sandbox.fill({"account": [[ONE, "COMPLAINT", BEFORE]]}, "ses")
    (outcome,) = told(sandbox, "release", back(reason=reason))
    assert outcome.result == "rejected"
    assert "act of consent" in str(outcome.error)
    assert sandbox.lists("ses")["account"] == [ONE]


@pytest.mark.parametrize("reason", ["unsubscribe", "complaint"])
@pytest.mark.parametrize(
    ("entry", "result"),
    [
        # Filed by Amazon, because of a message.
        (["COMPLAINT", BEFORE, "m-1"], "confirmed"),
        (["COMPLAINT", BEFORE - 0.25, "m-1"], "confirmed"),
        # At the same instant the refusal wins.
        (["COMPLAINT", BEFORE + 1, "m-1"], "rejected"),
        (["COMPLAINT", AFTER, "m-1"], "rejected"),
        (["COMPLAINT", None, "m-1"], "rejected"),
        # Whose it is nobody knows, for we do not know when we told it: a refusal.
        (["COMPLAINT", AFTER], "rejected"),
        (["COMPLAINT", BEFORE], "confirmed"),
        (["BOUNCE", AFTER, "m-1"], "confirmed"),
    ],
)
def test_an_act_of_consent_ends_what_was_filed_before_it(
    sandbox: SandboxClient, reason: str, entry: list[Any], result: str
) -> None:
    sandbox.fill({"account": [[ONE, *entry]]}, "ses")
    (outcome,) = told(sandbox, "release", back(reason=reason))
    assert outcome.result == result
    assert bool(sandbox.lists("ses")["account"]) == (result == "rejected")


@pytest.mark.parametrize(
    ("filed", "sent", "result"),
    [
        # Ours, by a push that was late, or whose clock is another.
        (timedelta(days=1), timedelta(days=1), "confirmed"),
        (timedelta(days=1), timedelta(days=1, minutes=-60), "confirmed"),
        (timedelta(days=1), timedelta(days=1, minutes=60), "confirmed"),
        (timedelta(days=1), timedelta(days=1, minutes=61), "rejected"),
        # Somebody else's, before the consent and after it.
        (timedelta(days=-1), timedelta(days=-30), "confirmed"),
        (timedelta(days=1), timedelta(days=-30), "rejected"),
        (timedelta(0), timedelta(days=-30), "rejected"),
    ],
)
def test_what_no_message_is_behind_is_ours_if_it_is_as_old_as_our_call(
    sandbox: SandboxClient, filed: timedelta, sent: timedelta, result: str
) -> None:
    at = (BACK + filed).replace(tzinfo=UTC).timestamp()
    sandbox.fill({"account": [[ONE, "COMPLAINT", at]]}, "ses")
    (outcome,) = told(sandbox, "release", back()._replace(suppressed_at=BACK + sent))
    assert outcome.result == result
    assert bool(sandbox.lists("ses")["account"]) == (result == "rejected")


@pytest.mark.parametrize("reason", OTHERS)
def test_a_bounce_that_ended_is_deleted(sandbox: SandboxClient, reason: str) -> None:
    sandbox.fill({"account": [[ONE, "BOUNCE", BEFORE, "m-1"]]}, "ses")
    (outcome,) = told(sandbox, "release", back(reason=reason))
    assert (outcome.result, sandbox.call_count()) == ("confirmed", 2)
    assert sandbox.lists("ses")["account"] == []


def test_who_is_not_there_is_free_by_one_call(sandbox: SandboxClient) -> None:
    (outcome,) = told(sandbox, "release", back())
    assert (outcome.result, outcome.status, sandbox.call_count()) == ("confirmed", 404, 1)


def test_another_spelling_of_a_local_part_is_another_entry(sandbox: SandboxClient) -> None:
    """Amazon keeps capital letters of a local part, and asks for them."""
    sandbox.fill({"account": [["Noa@Example.com", "COMPLAINT", BEFORE, "m-1"]]}, "ses")
    told(sandbox, "suppress", person("noa@example.com", reason="bounce"))
    assert sandbox.lists("ses")["account"] == ["Noa@example.com", "noa@example.com"]
    told(sandbox, "release", person("noa@example.com", action="release", reason="bounce"))
    assert sandbox.lists("ses")["account"] == ["Noa@example.com"]


def test_entries_tell_reason_and_date(sandbox: SandboxClient) -> None:
    sandbox.fill({"account": [[ONE, "COMPLAINT", 1_777_600_000.25], ["b@example.com"]]}, "ses")
    with connected("ses", sandbox) as destination:
        first, second = destination.entries("email", "")
    at = datetime.fromtimestamp(1_777_600_000.25, UTC)
    assert first == Entry("email", ONE, "complaint", at)
    assert (second.listed_in, second.since is not None) == ("bounce", True)


NOT_FOUND: dict[str, Any] = {"message": "no such page"}


@pytest.mark.parametrize("body", [NOT_FOUND, {**NOT_FOUND, "__type": "UnknownOperation"}, []])
def test_another_hosts_404_frees_nobody(sandbox: SandboxClient, body: Any) -> None:
    sandbox.fault("answer", platform="ses", status=404, body=body)
    (outcome,) = told(sandbox, "release", back())
    assert (outcome.result, outcome.status) == ("failed", 404)
    (outcome,) = told(sandbox, "suppress", person(reason="bounce"))
    assert (outcome.result, outcome.status) == ("failed", 404)


@pytest.mark.parametrize("reason", ["unsubscribe", "bounce"])
def test_an_answer_that_is_not_the_documented_one_confirms_nobody(
    sandbox: SandboxClient, reason: str
) -> None:
    sandbox.fault("answer", platform="ses", status=200, body={"SuppressedDestination": {}})
    for verb in ("suppress", "release"):
        (outcome,) = told(sandbox, verb, person(action=verb, reason=reason))
        assert (verb, outcome.result) == (verb, "failed")


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("BadRequestException", "rejected"),
        ("ValidationException", "failed"),
        ("", "failed"),
    ],
)
def test_a_400_is_final_only_where_amazon_calls_the_request_bad(
    sandbox: SandboxClient, name: str, result: str
) -> None:
    body = {"message": "wrong", **({"__type": name} if name else {})}
    sandbox.fault("answer", platform="ses", status=400, body=body)
    (outcome,) = told(sandbox, "suppress", person())
    assert outcome.result == result


def test_an_account_in_the_sandbox_rejects_nobody_for_good(
    world: World, sandbox: SandboxClient
) -> None:
    sandbox.fill({"settings": {"ProductionAccessEnabled": False}}, "ses")
    world.sql("delete from destinations where true")
    world.enable("ses", "email", "")
    world.already_pushed("", "ses")
    world.connect("ses", settings_of(CASE))
    world.want_items([person()])
    world.push()
    (row,) = [row for row in world.ledger() if row["outcome"] != "intended"]
    assert (row["outcome"], "production access" in row["error"]) == ("failed", True)


# --- what check finds ---


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ""),
        ({"ProductionAccessEnabled": False}, "ask for production access"),
        ({"SuppressionAttributes": {"SuppressedReasons": ["BOUNCE"]}}, "does not heed COMPLAINT"),
        ({"SuppressionAttributes": {}}, "does not heed BOUNCE and COMPLAINT"),
        ({"SuppressionAttributes": None}, "does not heed BOUNCE and COMPLAINT"),
    ],
)
def test_check_names_an_account_whose_list_stops_nobody(
    world: World, sandbox: SandboxClient, settings: dict[str, Any], words: str
) -> None:
    sandbox.fill({"settings": settings}, "ses")
    world.sql("delete from destinations where true")
    world.enable("ses", "email", "cust-1")
    world.connect("ses", settings_of(CASE))
    done = world.cli("check", "--output", "json")
    (found,) = json.loads(done.stdout)["destinations"]
    errors = [one["error"] for one in found["findings"] if one["error"]]
    assert (done.returncode, len(errors)) == ((1, 1) if words else (0, 0))
    assert words in " ".join(errors)


# --- credentials and signatures ---


@pytest.mark.parametrize(
    ("minutes", "is_taken"), [(-6, False), (-4, True), (0, True), (4, True), (6, False)]
)
def test_a_signature_counts_for_five_minutes(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, minutes: int, is_taken: bool
) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: at)
    if is_taken:
        assert told(sandbox, "suppress", person())[0].result == "confirmed"
        return
    with pytest.raises(CredentialRefused, match=r"Signature (expired|not yet current)"):
        told(sandbox, "suppress", person())


def test_each_attempt_is_signed_anew(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signature holds its time: that of the first attempt may be too old for the second."""
    sandbox.fault("error", platform="ses", status=503, count=1)
    now = datetime.now(UTC)
    times = iter([now - timedelta(minutes=4), now])
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: next(times))
    (outcome,) = told(sandbox, "suppress", person())
    assert (outcome.result, outcome.attempts, list(times)) == ("confirmed", 2, [])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SES_SECRET_ACCESS_KEY", "another", "does not match the signature"),
        ("SES_ACCESS_KEY_ID", "AKIAOTHER", "token included in the request is invalid"),
        ("SES_REGION", "us-east-1", "scoped to a valid region"),
    ],
)
def test_a_credential_that_is_wrong_ends_the_run_in_amazons_words(
    world: World, name: str, value: str, words: str
) -> None:
    world.sql("delete from destinations where true")
    world.enable("ses", "email", "")
    world.already_pushed("", "ses")
    world.connect("ses", {**settings_of(CASE), name: value})
    address = "very.private+tag@example.com"
    world.want_items([person(address, reason="bounce")])
    report = world.push()
    text = str(report.parts[0].error)
    assert (report.exit_code, words in text) == (1, True)
    assert KEY not in text
    for spelling in (address, quote(address, safe=""), quote(quote(address, safe=""), safe="")):
        assert spelling not in text
    done = world.cli("check")
    assert (done.returncode, "the credential is not accepted" in done.stdout) == (1, True)


FULL = {
    "SES_ACCESS_KEY_ID": "one",
    "SES_SECRET_ACCESS_KEY": "two",
    "SES_SESSION_TOKEN": "three",
    "SES_REGION": "eu-west-1",
}
AMAZONS = {name.replace("SES_", "AWS_"): f"aws-{value}" for name, value in FULL.items()}


@pytest.mark.parametrize(
    ("environment", "values"),
    [
        (FULL, FULL),
        ({**AMAZONS, **FULL}, FULL),
        (AMAZONS, {name: f"aws-{value}" for name, value in FULL.items()}),
        # A credential is taken from one place: somebody else's token would not fit.
        (
            {**AMAZONS, "SES_ACCESS_KEY_ID": "one", "SES_SECRET_ACCESS_KEY": "two"},
            {
                "SES_ACCESS_KEY_ID": "one",
                "SES_SECRET_ACCESS_KEY": "two",
                "SES_REGION": "aws-eu-west-1",
            },
        ),
        ({**AMAZONS, "SES_REGION": "eu-west-3"}, {"SES_REGION": "eu-west-3"}),
    ],
)
def test_the_credential_is_its_own_or_amazons_usual_one(
    environment: dict[str, str], values: dict[str, str]
) -> None:
    found = read_settings(Ses, environment).values
    assert {**found, **values} == found
    assert len(values) == 1 or found == values


@pytest.mark.parametrize("name", ["SES_ACCESS_KEY_ID", "SES_SECRET_ACCESS_KEY", "SES_REGION"])
def test_what_is_missing_of_it_is_named(name: str) -> None:
    environment = {one: value for one, value in FULL.items() if one != name}
    with pytest.raises(MissingCredential, match=rf"{name} is not set \(nor AWS_"):
        read_settings(Ses, {**environment, "AWS_ACCESS_KEY_ID": "x", "AWS_SESSION_TOKEN": "y"})


@pytest.mark.parametrize(
    "region", ["eu-west", "eu-west-1.evil.example/", "EU-WEST-1", "x", "a@b-1"]
)
def test_a_region_that_is_none_is_named_before_any_call(region: str) -> None:
    settings = {**settings_of(CASE), "SES_REGION": region}
    with pytest.raises(ConfigError, match="SES_REGION"):
        Ses.signer(settings)
    seen: list[Request] = []
    list(Ses(DryRun(seen.append), settings).suppress([person()]))
    assert [request.host for request in seen] == [None]


def test_calls_go_to_the_host_of_the_region() -> None:
    seen: list[Request] = []
    destination = Ses(DryRun(seen.append), settings_of(CASE))
    list(destination.suppress([person(), person("b@example.com", reason="bounce")]))
    list(destination.release([back()]))
    assert {request.host for request in seen} == {"https://email.eu-west-1.amazonaws.com"}
    assert [request.method for request in seen] == ["PUT", "GET", "GET", "DELETE"]


def test_the_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    with pytest.raises(ConfigError, match=r"pip install 'contact-sync\[ses\]'"):
        Ses.signer(settings_of(CASE))


def test_what_is_signed_is_in_no_log(
    sandbox: SandboxClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told(sandbox, "suppress", person("very.private@example.com", reason="bounce"))
    assert "very.private" not in caplog.text
    assert KEY not in caplog.text
