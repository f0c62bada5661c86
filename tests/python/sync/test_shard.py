"""Parts of a run: disjoint, complete, each with a lock of its own, under one limit together."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from itertools import pairwise

import pytest

from sync.delivery.guard import Limits, Share
from sync.delivery.lock import Lease, Tally, new_run_id, take
from sync.delivery.settings import read_settings
from sync.delivery.shard import Shard, is_beside, name_of_run
from sync.destinations import get
from sync.errors import ConfigError
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import KEY, SandboxClient, World, addresses

on_both = pytest.mark.parametrize("engine", ENGINES, indirect=True)
#: What the guard finds plausible.
FREELY = Limits(timedelta(days=9), Share(1.0, 10**9), Share(1.0, 10**9))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 1000])
def test_parts_are_disjoint_and_complete(count: int) -> None:
    bounds = [Shard(index, count).bounds for index in range(1, count + 1)]
    assert bounds[0][0] == "00000000"
    assert all(left[1] == right[0] for left, right in pairwise(bounds))
    ids = [hashlib.md5(str(number).encode()).hexdigest() for number in range(500)]
    ids += ["0" * 32, "f" * 32]
    for one in ids:
        assert sum(first <= one < end for first, end in bounds) == 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "1/1001", "-1/4", ""])
def test_what_names_no_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1/4"):
        Shard.parse(text)


def test_a_task_of_a_cloud_run_job_knows_its_part() -> None:
    task = {"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "4"}
    assert Shard.of_environment(task) == Shard(1, 4)
    assert Shard.of_environment({**task, "CLOUD_RUN_TASK_COUNT": "1"}) is None
    assert Shard.of_environment({}) is None
    with pytest.raises(ConfigError, match="CLOUD_RUN_TASK_INDEX"):
        Shard.of_environment({"CLOUD_RUN_TASK_COUNT": "4"})


def test_parts_share_the_connections_that_a_platform_allows() -> None:
    settings = read_settings(get("mailchimp"), {"MAILCHIMP_API_KEY": "key-us1"})
    assert [settings.shared_by(jobs).connections for jobs in (1, 3, 10)] == [10, 3, 1]
    with pytest.raises(ConfigError, match="at most 10 parts"):
        settings.shared_by(11)


@on_both
def test_every_item_is_sent_by_exactly_one_part(world: World, sandbox: SandboxClient) -> None:
    people = addresses(60)
    world.want(*people)
    world.already_pushed()
    for index in range(1, 4):
        report = world.push(limits=FREELY, shard=Shard(index, 3))
        assert report.exit_code == 0
    assert sorted(row["address"] for row in world.ledger()) == sorted(people)
    assert sandbox.lists()["global"] == sorted(people)


def test_the_guard_judges_the_whole_whatever_the_part(world: World) -> None:
    world.list_addresses(1_000)
    world.already_pushed()
    world.want(*addresses(150), action="release")
    report = world.push(shard=Shard(1, 10))
    assert report.exit_code == 3
    assert "150 to release" in str(report.parts[0].error)


@on_both
def test_other_parts_run_beside_and_the_same_part_and_the_whole_do_not(world: World) -> None:
    warehouse = world.warehouse()

    def lease(shard: Shard | None) -> Lease:
        # As of another machine: nobody here can tell that its process has ended.
        run_id = name_of_run(new_run_id().replace("-", "-x", 1), shard)
        return Lease(warehouse, run_id, "sendgrid", None, shard)

    first = lease(Shard(1, 2))
    assert take([first]) == {}
    assert take([lease(Shard(2, 2))]) == {}
    assert "sendgrid" in take([lease(Shard(1, 2))])
    assert "sendgrid" in take([lease(Shard(1, 3))])
    assert "sendgrid" in take([lease(None)])
    first.release("finished", Tally())


def test_a_run_of_no_part_is_beside_nobody() -> None:
    assert not is_beside("20260301T000000Z-m-1-a", Shard(1, 2))
    assert not is_beside("20260301T000000Z-m-1-a.1of2", None)
    assert is_beside("20260301T000000Z-m-1-a.1of2", Shard(2, 2))


def test_parts_share_the_limit() -> None:
    settings = read_settings(get("sendgrid"), {"SENDGRID_API_KEY": KEY})
    assert settings.rate == 10.0
    assert settings.shared_by(4).rate == 2.5


def test_the_command_takes_a_part_by_option_and_by_environment(world: World) -> None:
    world.want(*addresses(40))
    whole = int(_planned(world))
    parts = [int(_planned(world, "--shard", f"{index}/2")) for index in (1, 2)]
    assert sum(parts) == whole == 40
    assert all(0 < part < whole for part in parts)
    task = {"CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_COUNT": "2"}
    assert int(_planned(world, **task)) == parts[1]
    assert world.cli("plan", "--shard", "3/2").returncode == 2


def _planned(world: World, *arguments: str, **environment: str) -> str:
    done = world.cli("plan", "--output", "json", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split('"hash": "')[1].split("-")[0]
