"""A server on this machine that takes metrics as OpenTelemetry's collector does."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

#: With what must not be printed.
HEADERS = "dd-api-key=very-secret"


class Point(NamedTuple):
    """A data point. value: of a histogram the count. is_delta: None of a gauge."""

    name: str
    unit: str
    attributes: dict[str, str]
    value: float
    is_delta: bool | None
    seconds: float = 0.0


@dataclass
class Collector:
    """What came, in order; answers with `status`, or, where `waits` is not set, not at all."""

    port: int
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    waits: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to send its metrics here."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}/hidden-path",
            "OTEL_EXPORTER_OTLP_HEADERS": HEADERS,
        }

    @property
    def requests(self) -> list[ExportMetricsServiceRequest]:
        return [ExportMetricsServiceRequest.FromString(body) for body in self.bodies]

    def points(self, name: str = "") -> list[Point]:
        """All of a metric's, or of every metric."""
        found = []
        for request in self.requests:
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        found += list(_points(metric))
        return [one for one in found if name in ("", one.name)]

    def sums(self, name: str, *attributes: str) -> dict[tuple[str, ...], float]:
        """The sums of a metric's points, by the values of some attributes."""
        counted: Counter[tuple[str, ...]] = Counter()
        for point in self.points(name):
            counted[tuple(point.attributes[one] for one in attributes)] += point.value  # type: ignore[assignment]
        return dict(counted)


def _points(metric: Any) -> Iterator[Point]:
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    delta = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    is_delta = None if kind == "gauge" else data.aggregation_temporality == delta
    for point in data.data_points:
        attributes = {one.key: one.value.string_value for one in point.attributes}
        if kind == "histogram":
            value, seconds = point.count, point.sum
        else:
            value, seconds = getattr(point, point.WhichOneof("value")), 0.0
        yield Point(metric.name, metric.unit, attributes, value, is_delta, seconds)


@contextmanager
def collecting() -> Iterator[Collector]:
    """One that is open for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            assert self.path == "/hidden-path/v1/metrics"
            found.waits.wait(60)
            if found.status == 200:
                found.bodies.append(body)
            try:
                self.send_response(found.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                # Nobody waits for it any more.
                pass

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(server.server_address[1])
    found.waits.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.waits.set()
        server.shutdown()
        thread.join()
        server.server_close()
