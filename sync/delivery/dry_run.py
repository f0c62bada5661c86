"""The requests that a push would make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from sync.delivery.calls import DryRun
from sync.delivery.drain import batches, by_action
from sync.delivery.plan import check_hash, plan_hash, selected
from sync.delivery.report import Options
from sync.delivery.settings import batch_size, value_of
from sync.destinations import get
from sync.destinations.base import Request
from sync.warehouse.base import Warehouse
from sync.warehouse.spool import Snapshot, Spool


def dry_run_requests(
    warehouse: Warehouse, options: Options, environment: Mapping[str, str]
) -> Iterator[tuple[str, Request]]:
    """Every request that a push would make, without making it. Needs no credential.

    Raises PlanChanged as the push would.
    """
    names = selected(warehouse, options.destinations)
    with Snapshot(
        warehouse,
        names,
        limit=options.limit,
        with_policy=options.plan is not None,
        plan_hash=options.plan,
        bounds=None if options.shard is None else options.shard.bounds,
    ) as snapshot:
        spools = [snapshot.of(name) for name in names]
        if options.plan is not None:
            check_hash(options.plan, plan_hash(spool.fingerprint() for spool in spools))
        for spool in spools:
            for request in _requests(spool, environment):
                yield spool.destination, request


def _requests(spool: Spool, environment: Mapping[str, str]) -> Iterator[Request]:
    kind = get(spool.destination)
    # What is not set yet is shown by its name; a secret is never shown.
    values: dict[str, str] = {}
    for item in kind.variables:
        value = value_of(item, kind, environment)
        if value or item.required:
            values[item.name] = value or ("" if item.secret else item.name)
    size = batch_size(kind, environment)
    requests: list[Request] = []
    destination = kind(DryRun(requests.append), values)
    for action, group in by_action(chain.from_iterable(spool.pages(size))):
        verb = getattr(destination, action)
        together = size if action == "suppress" else kind.release_size(size)
        for batch in batches(group, together):
            for _ in verb([item for item in batch if destination.refusal(item) is None]):
                pass
            yield from requests
            requests.clear()
