"""`contact-sync plan` and `push` as a user runs them: exit codes, output, plans, limits."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from datetime import timedelta

import pytest

from tests.python.sync.engines import ENGINES
from tests.python.sync.world import KEY, SandboxClient, World, addresses

on_both = pytest.mark.parametrize("engine", ENGINES, indirect=True)


@on_both
def test_everything_confirmed_exits_0(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.want("a@example.com", "b@example.com")
    done = world.cli("push")
    assert (done.returncode, done.stdout) == (0, done.stdout)
    assert "2 suppressed" in done.stdout
    assert sandbox.lists()["global"] == ["a@example.com", "b@example.com"]
    assert world.outcomes() == {"a@example.com": "confirmed", "b@example.com": "confirmed"}


@on_both
def test_a_second_push_finds_nothing_to_do(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.want("a@example.com")
    world.cli("push")
    calls = sandbox.call_count()
    done = world.cli("push")
    assert done.returncode == 0
    assert "nothing to send" in done.stdout
    assert sandbox.call_count() == calls


@on_both
def test_something_rejected_exits_1_and_stands_in_status(
    world: World, sandbox: SandboxClient
) -> None:
    world.already_pushed()
    world.want("a@example.com", "bad@example.com")
    sandbox.fault("poison", address="bad@example.com")
    done = world.cli("push")
    assert done.returncode == 1
    assert world.outcomes() == {"a@example.com": "confirmed", "bad@example.com": "rejected"}
    status = json.loads(world.cli("status", "--output", "json").stdout)
    assert status["rejected"][0]["items"] == 1
    assert "not a valid email" in status["rejected"][0]["error"]
    # It is not pending any more: the platform will never take it.
    assert json.loads(world.cli("plan", "--output", "json").stdout)["destinations"][0]["items"] == 0


@on_both
def test_platform_down_exits_1_with_the_ledger_right(world: World) -> None:
    world.already_pushed()
    world.want("a@example.com")
    done = world.cli("push", SENDGRID_BASE_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no answer" in world.ledger()[0]["error"]
    assert world.ledger()[0]["http_status"] is None
    assert world.ledger()[0]["attempts"] == 6
    assert world.outcomes() == {"a@example.com": "failed"}
    assert world.cli("push").returncode == 0
    assert world.outcomes() == {"a@example.com": "confirmed"}


def test_an_unset_credential_exits_2_and_names_the_variable(
    world: World, sandbox: SandboxClient
) -> None:
    world.already_pushed()
    world.want("a@example.com")
    done = world.cli("push", SENDGRID_API_KEY="")
    assert done.returncode == 2
    assert "SENDGRID_API_KEY" in done.stderr
    assert sandbox.call_count() == 0


@pytest.mark.parametrize("command", ["plan", "push"])
def test_an_unknown_destination_exits_2_and_lists_the_known_ones(
    world: World, command: str
) -> None:
    done = world.cli(command, "--destination", "sendgird")
    assert done.returncode == 2
    assert "sendgird" in done.stderr
    assert "sendgrid" in done.stderr


@pytest.mark.parametrize("command", ["plan", "push"])
def test_a_row_of_destinations_csv_that_nothing_knows_exits_2_and_stops_no_other(
    world: World, sandbox: SandboxClient, command: str
) -> None:
    world.enable("carrier_pigeon")
    world.already_pushed()
    world.want("a@example.com")
    done = world.cli(command)
    assert done.returncode == 2
    assert "carrier_pigeon" in done.stdout + done.stderr
    assert sandbox.lists()["global"] == (["a@example.com"] if command == "push" else [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("push", "--limit", "0"),
        ("push", "--max-age", "soon"),
        ("push", "--max-suppress", "150%"),
        ("push", "--max-release", "many"),
        ("plan", "--output", "xml"),
        ("push", "--target", "nowhere"),
        ("push", "--profiles-dir", "elsewhere"),
    ],
)
def test_wrong_options_exit_2_with_a_message_and_no_traceback(
    world: World, arguments: tuple[str, ...]
) -> None:
    done = world.cli(*arguments)
    assert done.returncode == 2
    assert arguments[-1].split("=")[0] in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["plan", "push", "status"])
def test_no_warehouse_yet_says_which_command_to_run(world: World, command: str) -> None:
    world.database.unlink()
    done = world.cli(command)
    assert done.returncode == 2
    assert "dbt build" in done.stderr
    # Nothing was created: an empty file would look like a warehouse.
    assert not world.database.exists()


@on_both
@pytest.mark.parametrize("command", ["plan", "push", "status"])
def test_a_warehouse_without_models_says_which_command_to_run(world: World, command: str) -> None:
    if command == "status":
        # The world makes its views with the first call.
        assert world.cli(command).returncode == 0
    world.sql("drop view sync_deltas")
    world.sql("drop table destinations")
    done = world.cli(command)
    assert done.returncode == 2
    assert "dbt build" in done.stderr


def test_a_file_that_is_no_database_exits_2(world: World) -> None:
    world.database.write_bytes(bytes(range(256)) * 64)
    done = world.cli("plan")
    assert done.returncode == 2
    assert "contact_sync.duckdb" in done.stderr
    assert "Traceback" not in done.stderr


@on_both
def test_plan_needs_no_credential_and_sends_nothing(world: World, sandbox: SandboxClient) -> None:
    world.want("a@example.com")
    done = world.cli("plan", SENDGRID_API_KEY="")
    assert done.returncode == 0
    assert sandbox.call_count() == 0
    assert world.runs() == []


@on_both
def test_plan_and_check_name_what_stops_receipts_too_and_the_rows_to_change(world: World) -> None:
    world.connect("postmark", {"POSTMARK_SERVER_TOKEN": KEY})
    world.sql("update destinations set messages = 'all' where true")
    world.enable("postmark", scope="outbound", messages="all")
    world.enable("postmark", scope="broadcast")
    taken = [
        ("sendgrid", None, "unsubscribe"),
        ("sendgrid", None, "unengaged"),
        ("sendgrid", None, "bounce"),
        ("postmark", "outbound", "complaint"),
        ("postmark", "outbound", "unengaged"),
        ("postmark", "broadcast", "unsubscribe"),
        # Of a row that is not enabled.
        ("postmark", "other", "unsubscribe"),
    ]
    for row in taken:
        world.sql("insert into destination_reasons values (?, 'email', ?, ?)", row)
    said = {
        "sendgrid": [
            "sendgrid email: unsubscribe and unengaged stop receipts and password resets too; to "
            "keep those, use a list for marketing only, or take `sendgrid,email,,unsubscribe` and "
            "`sendgrid,email,,unengaged` out of seeds/destination_reasons.csv."
        ],
        "postmark": [
            "postmark email outbound: unengaged stops receipts and password resets too; to keep "
            "those, use a list for marketing only, or take `postmark,email,outbound,unengaged` out "
            "of seeds/destination_reasons.csv."
        ],
    }
    for command in ("plan", "check"):
        told = json.loads(world.cli(command, "--output", "json").stdout)["destinations"]
        assert {part["destination"]: part["warnings"] for part in told} == said
        text = world.cli(command).stdout
        assert all(f"Warning: {line}\n" in text for lines in said.values() for line in lines)


@on_both
def test_rows_that_an_earlier_version_seeded_are_named_with_the_command_that_seeds_them(
    world: World, sandbox: SandboxClient
) -> None:
    world.sql("create table seeded as select * from destinations")
    world.sql("drop table destinations")
    columns = "destination, channel, scope, mode, audience, keeps_reason, trusts_own, enabled"
    world.sql(f"create table destinations as select {columns} from seeded")
    world.sql("insert into destination_reasons values ('sendgrid', 'email', null, 'unsubscribe')")
    world.already_pushed()
    world.want("a@example.com", reason="unsubscribe")
    for command in ("plan", "check"):
        done = world.cli(command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "Error: The table destinations was seeded by an earlier version and has no column "
            "`messages`: run `dbt seed --full-refresh --select destinations`, then retry.\n"
        )
    assert sandbox.call_count() == 0
    # Nobody's refusal waits for that.
    assert world.cli("push").returncode == 0
    assert sandbox.lists()["global"] == ["a@example.com"]
    assert world.cli("status").returncode == 0


@on_both
def test_plan_prints_counts_calls_duration_guard_and_hash(world: World) -> None:
    world.want(*addresses(2500), reason="complaint")
    world.want("back@example.com", action="release", reason="unsubscribe")
    plan = json.loads(world.cli("plan", "--output", "json", SENDGRID_RATE="10").stdout)
    part = plan["destinations"][0]
    assert [(c["action"], c["reason"], c["items"]) for c in part["counts"]] == [
        ("suppress", "complaint", 2500),
        ("release", "unsubscribe", 1),
    ]
    # 3 batches; the release: 4 lists, a look at the groups, the global list.
    assert part["calls"] == 3 + 6
    assert part["seconds"] == pytest.approx(0.9)
    assert any("first push" in fault for fault in plan["guard"])
    text = world.cli("plan").stdout
    for expected in ("2,500", "complaint", "first push", f"push --plan {plan['hash']}"):
        assert expected in text


@on_both
def test_push_plan_sends_exactly_the_planned_set(world: World, sandbox: SandboxClient) -> None:
    world.want("a@example.com", "b@example.com")
    plan = json.loads(world.cli("plan", "--output", "json").stdout)["hash"]
    assert world.cli("push").returncode == 3
    done = world.cli("push", "--plan", plan)
    assert done.returncode == 0
    assert sandbox.lists()["global"] == ["a@example.com", "b@example.com"]


@on_both
def test_push_plan_refuses_another_set_and_says_why(world: World, sandbox: SandboxClient) -> None:
    world.want("a@example.com")
    plan = json.loads(world.cli("plan", "--output", "json").stdout)["hash"]
    world.want("b@example.com")
    done = world.cli("push", "--plan", plan)
    assert done.returncode == 3
    assert "it held 1 deltas, now there are 2" in done.stderr
    assert sandbox.call_count() == 0
    assert world.cli("push", "--plan", "nonsense").returncode == 3


@on_both
def test_push_plan_refuses_a_set_of_the_same_size(world: World, sandbox: SandboxClient) -> None:
    world.want("a@example.com")
    plan = json.loads(world.cli("plan", "--output", "json").stdout)["hash"]
    world.sql("delete from int_deltas where true")
    world.want("b@example.com")
    done = world.cli("push", "--plan", plan)
    assert done.returncode == 3
    assert "others are among them" in done.stderr
    assert sandbox.call_count() == 0


@on_both
def test_a_plan_that_was_cut_off_can_be_pushed_again(world: World, sandbox: SandboxClient) -> None:
    world.want("a@example.com", "b@example.com", "c@example.com")
    plan = json.loads(world.cli("plan", "--output", "json").stdout)["hash"]
    one_by_one = {"SENDGRID_BATCH_SIZE": "1"}
    sandbox.fault("error", status=503, count=1000, address="", probability=1.0)
    assert world.cli("push", "--plan", plan, **one_by_one).returncode == 1
    sandbox.heal()
    assert world.cli("push", "--plan", plan, **one_by_one).returncode == 0
    assert len(sandbox.lists()["global"]) == 3
    # Nothing is left of it, and it still is that plan.
    again = world.cli("push", "--plan", plan)
    assert (again.returncode, "nothing to send" in again.stdout) == (0, True)


@on_both
def test_plan_names_as_many_items_as_asked_for_the_most_urgent_first(world: World) -> None:
    world.want("bounced@example.com", reason="bounce")
    world.want("complained@example.com", reason="complaint")
    assert "@example.com" not in world.cli("plan").stdout
    text = world.cli("plan", "--rows", "1").stdout
    assert "complained@example.com" in text
    assert "bounced@example.com" not in text
    plan = json.loads(world.cli("plan", "--rows", "9", "--output", "json").stdout)
    rows = plan["destinations"][0]["rows"]
    assert [(row["address"], row["action"], row["reason"]) for row in rows] == [
        ("complained@example.com", "suppress", "complaint"),
        ("bounced@example.com", "suppress", "bounce"),
    ]


@on_both
def test_limit_sends_the_most_urgent_first_and_belongs_to_the_plan(
    world: World, sandbox: SandboxClient
) -> None:
    world.want("bounced@example.com", reason="bounce")
    world.want("complained@example.com", reason="complaint")
    world.want("unsubscribed@example.com", reason="unsubscribe")
    plan = json.loads(world.cli("plan", "--limit", "2", "--output", "json").stdout)["hash"]
    assert world.cli("push", "--plan", plan).returncode == 3
    assert world.cli("push", "--plan", plan, "--limit", "2").returncode == 0
    assert sandbox.lists()["global"] == ["complained@example.com", "unsubscribed@example.com"]
    again = world.cli("push", "--plan", plan, "--limit", "2")
    assert (again.returncode, "nothing to send" in again.stdout) == (0, True)


@on_both
def test_dry_run_prints_the_requests_and_sends_and_records_nothing(
    world: World, sandbox: SandboxClient
) -> None:
    world.want("a@example.com")
    world.want("b+c@example.com", action="release", reason="bounce")
    done = world.cli("push", "--dry-run", SENDGRID_API_KEY="")
    assert done.returncode == 0
    assert 'POST /v3/asm/suppressions/global {"recipient_emails": ["a@example.com"]}' in done.stdout
    assert "DELETE /v3/asm/suppressions/global/b%2Bc%40example.com" in done.stdout
    found = json.loads(world.cli("push", "--dry-run", "--output", "json").stdout)["requests"]
    assert {request["method"] for request in found} == {"POST", "DELETE"}
    assert found[0]["body"] == {"recipient_emails": ["a@example.com"]}
    assert KEY not in json.dumps(found)
    assert world.cli("push", "--dry-run", "--plan", "7-0000000000000000").returncode == 3
    assert (sandbox.call_count(), world.ledger(), world.runs()) == (0, [], [])


def test_json_output_is_one_document_and_progress_goes_to_standard_error(world: World) -> None:
    world.already_pushed()
    world.want("a@example.com")
    done = world.cli("push", "--output", "json")
    report = json.loads(done.stdout)
    assert report["exit_code"] == 0
    assert report["destinations"][0]["suppressed"] == 1
    assert report["destinations"][0]["status"] == "finished"
    # No terminal: plain lines.
    assert done.stderr == "sendgrid: 1 to send\n"


def test_a_terminal_gets_a_progress_bar(world: World) -> None:
    world.already_pushed()
    world.want("a@example.com")
    main, terminal = pty.openpty()
    done = subprocess.run(
        world.command_line("push"),
        cwd=world.directory,
        env=world.full_environment(TERM="xterm", COLUMNS="100"),
        stdout=subprocess.PIPE,
        stderr=terminal,
        timeout=120,
        check=False,
    )
    os.close(terminal)
    shown = os.read(main, 100_000).decode()
    os.close(main)
    assert done.returncode == 0
    assert "1/1" in shown
    assert "1 to send" not in shown
    # The result is for standard output alone.
    assert b"1 suppressed" in done.stdout


def test_destination_narrows_the_push(world: World, sandbox: SandboxClient) -> None:
    world.enable("carrier_pigeon")
    world.already_pushed()
    world.want("a@example.com")
    assert world.cli("push", "--destination", "sendgrid").returncode == 0
    assert sandbox.lists()["global"] == ["a@example.com"]


@on_both
def test_an_old_build_exits_3_unless_max_age_allows_it(world: World) -> None:
    world.sql("delete from raw.builds where true")
    world.build(age=timedelta(hours=27))
    world.already_pushed()
    world.want("a@example.com")
    refused = world.cli("push")
    assert refused.returncode == 3
    assert "27 h old" in refused.stderr
    assert world.cli("push", "--max-age", "2d").returncode == 0


def test_the_push_that_plan_prints_is_the_one_that_it_planned(world: World) -> None:
    world.want("a@example.com")
    output = world.cli("plan", "--destination", "sendgrid", "--limit", "5").stdout
    command = next(line for line in output.splitlines() if line.startswith("Send exactly"))
    words = command.split("contact-sync ")[1].split()
    assert words[:5] == ["push", "--destination", "sendgrid", "--limit", "5"]
    result = world.cli(*words)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", ["plan", "push", "check"])
def test_a_destination_that_is_not_enabled_is_named(world: World, command: str) -> None:
    result = world.cli(command, "--destination", "postmark")
    assert result.returncode == 2
    assert "postmark has no enabled row in seeds/destinations.csv" in result.stderr


@pytest.mark.parametrize("command", ["plan", "check"])
def test_a_host_that_is_not_the_platforms_is_shown(
    world: World, sandbox: SandboxClient, command: str
) -> None:
    world.want("a@example.com")
    assert f"sendgrid at {sandbox.url}/sendgrid:" in world.cli(command).stdout


@on_both
def test_without_the_key_of_the_forgotten_it_sends_all_the_same_and_exits_2(world: World) -> None:
    world.already_pushed()
    world.want("a@example.com")
    world.sql("insert into raw.forgotten (name_hash, kind) values ('0a1b', 'email')")
    done = world.cli("push")
    assert world.outcomes() == {"a@example.com": "confirmed"}
    assert done.returncode == 2
    assert "nobody looked for the forgotten" in done.stderr
    assert "CONTACT_SYNC_FORGET_KEY" in done.stderr
