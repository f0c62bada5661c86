"""A warehouse with the tables that the CLI reads, and the sandbox, for tests of `sync`.

The tables have the columns of the models; what is desired is inserted by the test. `sync_deltas` is
desired minus the ledger, as in the model: the real models are tested elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sync.delivery.guard import Limits, Share
from sync.delivery.plan import make_plan
from sync.delivery.push import push
from sync.delivery.report import Options, Part, Report
from sync.destinations.base import Item
from sync.warehouse.base import Warehouse
from sync.warehouse.duckdb import DuckDbWarehouse
from tests.python.commands import Command, run
from tests.python.sync.engines import DuckDb, Engine, warehouse_of

KEY = "SG.very-secret-value"
PRIORITIES = {
    "complaint": 1,
    "unsubscribe": 2,
    "bounce": 3,
    "soft_bounces": 4,
    "block": 5,
    "unengaged": 6,
}


class Quiet:
    """Progress that nobody watches."""

    def start(self, destination: str, items: int) -> None:
        pass

    def advance(self, destination: str, items: int) -> None:
        pass


@dataclass
class SandboxClient:
    """The control routes of a running sandbox."""

    url: str

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def reset(self) -> None:
        self._request("POST", "/_sandbox/reset")

    def lists(self, platform: str = "sendgrid") -> dict[str, Any]:
        found: dict[str, Any] = self._request("GET", "/_sandbox/lists.json")[platform]
        return found

    def fill(self, lists: dict[str, Any], platform: str = "sendgrid") -> None:
        self._request("PUT", "/_sandbox/lists", {platform: lists})

    def fault(self, kind: str, **settings: Any) -> None:
        self._request("POST", "/_sandbox/faults", {"kind": kind, **settings})

    def heal(self) -> None:
        self._request("DELETE", "/_sandbox/faults")

    def calls(self) -> dict[str, int]:
        found: dict[str, int] = self._request("GET", "/_sandbox/calls")["calls"]
        return found

    def call_count(self) -> int:
        return int(self._request("GET", "/_sandbox/calls")["total"])

    def webhooks(self) -> list[dict[str, Any]]:
        """What the platforms reported of our calls, in order: source and body."""
        found: list[dict[str, Any]] = self._request("GET", "/_sandbox/webhooks")
        return found

    def statuses(self) -> dict[str, int]:
        found: dict[str, int] = self._request("GET", "/_sandbox/calls")["statuses"]
        return found


@dataclass
class World:
    """A folder with a profile, the tables of an engine, and where the platforms are."""

    directory: Path
    sandbox: SandboxClient
    engine: Engine
    environment: dict[str, str] = field(default_factory=dict)
    _numbers: int = 0
    _has_status: bool = False

    def __post_init__(self) -> None:
        (self.directory / "profiles.yml").write_text(self.engine.profile, encoding="utf-8")
        self.engine.create(
            "insert into destinations values"
            " ('sendgrid', 'email', null, 'suppression', 'all', 'marketing', false, false, true)",
            "insert into suppression_policy values ('complaint', 'consent'),"
            " ('unsubscribe', 'consent'), ('bounce', 'deliverability')",
        )
        self.build()
        self.environment = {
            "SENDGRID_API_KEY": KEY,
            "SENDGRID_BASE_URL": f"{self.sandbox.url}/sendgrid",
            "SENDGRID_RATE": "0",
            "CONTACT_SYNC_RETRY_WAIT": "0.01",
            "CONTACT_SYNC_TIMEOUT": "60",
            **self.environment,
        }

    @property
    def database(self) -> Path:
        """The DuckDB file, of a world that is on one: others open it from now on."""
        assert isinstance(self.engine, DuckDb)
        self._leave()
        return self.engine.database

    def _leave(self) -> None:
        """From now on others open what is open here."""
        if isinstance(self.engine, DuckDb):
            self.engine.is_ours = False
        self.engine.release()

    def warehouse(self) -> Warehouse:
        """The warehouse as the command opens it."""
        if isinstance(self.engine, DuckDb):
            return DuckDbWarehouse(self.engine.database)
        return warehouse_of(self.directory)

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.engine.sql(statement, parameters)

    def build(self, *, ok: bool = True, age: timedelta = timedelta()) -> None:
        ended = datetime.now(UTC).replace(tzinfo=None) - age
        self.sql("insert into raw.builds values ('id', ?, ?, ?, ?)", [ended, ended, ended, ok])

    def enable(
        self,
        destination: str,
        channel: str = "email",
        scope: str | None = None,
        messages: str = "marketing",
    ) -> None:
        self.sql(
            "insert into destinations"
            " values (?, ?, ?, 'suppression', 'all', ?, false, false, true)",
            [destination, channel, scope, messages],
        )

    def list_addresses(self, count: int) -> None:
        """A suppression list of so many addresses, so that a few changes are few."""
        self._list(addresses(count, "listed"), "bounce")

    def _list(self, listed: Sequence[str], reason: str) -> None:
        rows = [
            {"channel": "email", "address": address, "event_type": reason} for address in listed
        ]
        self.engine.load("suppression_list", rows)

    def already_pushed(
        self, scope: str = "", destination: str = "sendgrid", channel: str = "email"
    ) -> None:
        """The destination row was pushed to before: the guard lets it pass."""
        self.sql(
            "insert into raw.sync_ledger (run_id, delta_id, destination, channel, scope, outcome)"
            " values ('earlier', ?, ?, ?, ?, 'confirmed')",
            [f"earlier{scope}", destination, channel, scope],
        )

    def connect(self, destination: str, settings: Mapping[str, str]) -> None:
        """Lets pushes reach a destination in the sandbox, without a limit."""
        self.environment |= {
            f"{destination.upper()}_BASE_URL": f"{self.sandbox.url}/{destination}",
            f"{destination.upper()}_RATE": "0",
            **settings,
        }

    def want_items(self, items: Sequence[Item]) -> None:
        """Adds deltas as they are; the suppressed are listed."""
        self.engine.load("int_deltas", [one._asdict() for one in items])
        self.engine.load(
            "suppression_list",
            [
                {"channel": one.channel, "address": one.address, "event_type": one.reason}
                for one in items
            ],
        )

    def want(
        self,
        *addresses: str,
        action: str = "suppress",
        reason: str = "bounce",
        scope: str = "",
        destination: str = "sendgrid",
    ) -> list[str]:
        """Adds deltas to sync_deltas, the suppressions to the list; gives their ids."""
        rows = []
        for address in addresses:
            self._numbers += 1
            identity = hashlib.md5(f"{self._numbers}{address}{action}".encode()).hexdigest()
            priority = PRIORITIES.get(reason, 9) if action == "suppress" else 100
            at = datetime(2026, 1, 1) + timedelta(seconds=self._numbers)
            rows.append(
                item(
                    address,
                    delta_id=identity,
                    action=action,
                    reason=reason,
                    scope=scope,
                    destination=destination,
                    event_timestamp=at,
                    priority=priority,
                )
            )
        self.engine.load("int_deltas", [row._asdict() for row in rows])
        if action == "suppress":
            self._list(addresses, reason)
        return [row.delta_id for row in rows]

    def ledger(self) -> list[dict[str, Any]]:
        """The outcomes that the runs under test recorded, in order."""
        rows = self.sql(
            "select address, action, reason, outcome, http_status, error, attempts, run_id,"
            " delta_id from raw.sync_ledger where run_id <> 'earlier'"
            " and outcome not in ('intended', 'unsent')"
            " order by pushed_at, address"
        )
        names = ("address", "action", "reason", "outcome", "http_status", "error", "attempts")
        return [dict(zip((*names, "run_id", "delta_id"), row, strict=True)) for row in rows]

    def outcomes(self) -> dict[str, str]:
        """The latest outcome by address."""
        return {row["address"]: row["outcome"] for row in self.ledger()}

    def runs(self) -> list[tuple[str, str]]:
        """(run_id, status) of every row of sync_runs, in order."""
        return [
            (row[0], row[1])
            for row in self.sql("select run_id, status from raw.sync_runs order by expires_at")
        ]

    def push(self, **options: Any) -> Report:
        """A push in this process; plan=True pushes the plan of what is pending."""
        stop = options.pop("stop", threading.Event())
        environment = {**self.environment, **options.pop("environment", {})}
        warehouse = self.warehouse()
        limits = options.pop("limits", Limits())
        if options.get("plan") is True:
            selection = {key: options[key] for key in ("limit",) if key in options}
            wanted = options.get("destinations", ())
            options["plan"] = make_plan(warehouse, wanted, limits, environment, **selection).hash
        return push(
            warehouse,
            Options(limits=limits, **options),
            environment,
            progress=Quiet(),
            stop=stop,
        )

    def push_freely(self, **options: Any) -> Part:
        """A push that the guard lets pass, of the only destination."""
        for scope in options.pop("scopes", ("",)):
            self.already_pushed(scope)
        everything = Share(1.0, 10**9)
        return self.push(limits=Limits(timedelta(days=9), everything, everything), **options).parts[
            0
        ]

    def command_line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "sync", *arguments]

    def full_environment(self, **more: str) -> dict[str, str]:
        """What a command that is started next needs; the file is let go of."""
        self.engine.release()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
        root = Path(__file__).parents[3]
        return {
            **kept,
            "HOME": str(self.directory),
            "PYTHONPATH": str(root),
            **self.environment,
            **more,
        }

    def cli(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command as a user runs it, in the world's folder. An empty variable is unset."""
        full = self.full_environment(**environment)
        if arguments[:1] in (("status",), ("alert",)) and not self._has_status:
            self.engine.show_status()
            self._has_status = True
        return run(
            self.command_line(*arguments),
            cwd=self.directory,
            env={name: value for name, value in full.items() if value},
            timeout=120,
        )

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """The command, running."""
        self._leave()
        return Command(
            self.command_line(*arguments),
            cwd=self.directory,
            env=self.full_environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def item(address: str | None, **values: Any) -> Item:
    """An item with defaults."""
    defaults: dict[str, Any] = {
        "delta_id": hashlib.md5(str(address).encode()).hexdigest(),
        "destination": "sendgrid",
        "channel": "email",
        "scope": "",
        "address": address,
        "contact_id": "contact",
        "external_id": None,
        "email": address,
        "phone": None,
        "push_token_type": None,
        "action": "suppress",
        "reason": "bounce",
        "event_id": "event",
        "event_timestamp": datetime(2026, 1, 1),
        "priority": 3,
    }
    return Item(**{**defaults, **values})


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Waits for something that must happen; how long it takes is not judged."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.005)


def addresses(count: int, prefix: str = "person") -> list[str]:
    return [f"{prefix}{number}@example.com" for number in range(count)]
