"""The receiver as a part of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sync.landing.sinks import open_sink
from sync.profile import Target
from sync.receiver.serve import make_server
from sync.receiver.settings import Settings
from sync.run.sink import TellingSink, may_refuse


def server_of(
    settings: Settings,
    target: Target,
    project: Path,
    *,
    host: str,
    port: int,
    page: Callable[[], str] | None,
) -> Callable[
    [Callable[[], None], Callable[[], Mapping[str, Mapping[str, str]]]],
    tuple[Callable[[], None], Callable[[], None]],
]:
    """See sync.run.service.Server."""
    # A build on BigQuery costs money: there only what may be a refusal does not wait.
    is_urgent = (lambda _: True) if target.engine == "duckdb" else may_refuse(project / "seeds")

    def server(
        tell: Callable[[], None], parts: Callable[[], Mapping[str, Mapping[str, str]]]
    ) -> tuple[Callable[[], None], Callable[[], None]]:
        sink = TellingSink(open_sink(target), tell, is_urgent)
        # Whoever can reach the receiver reads /healthz: states, no details.
        return make_server(
            settings,
            sink,
            host=host,
            port=port,
            page=page,
            parts=lambda: {
                name: {"state": part["state"], "since": part["since"]}
                for name, part in parts().items()
            },
        )

    return server
