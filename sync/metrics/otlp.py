"""Sends what is measured by OTLP over HTTP, where OpenTelemetry's own variables say where to.

Metrics never stop a command: what is wrong with them is one line, and the end of a command waits a
few seconds for them at most. No line holds an endpoint or a header.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from types import FrameType
from typing import Any, Final
from urllib.parse import urlsplit

from sync.errors import ConfigError
from sync.extras import needs
from sync.metrics.measures import METRICS, Metric
from sync.terminal import echo

log = logging.getLogger(__name__)

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_TEMPORALITY: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
#: Seconds that one sending may take, with what it tries again; and the end of a command in all.
_TIMEOUT: Final = 3.0
_PATIENCE: Final = 3.5


@contextmanager
def sending(environment: Mapping[str, str], *, is_long: bool) -> Iterator[None]:
    """What is measured within the block is sent at its end, however it ends.

    is_long: every minute, too. What keeps it from being sent is printed, and changes nothing else.
    """
    try:
        sender = _sender(environment, is_long=is_long)
    except ConfigError as error:
        echo(f"Warning: {error}", err=True)
        sender = None
    if sender is None:
        yield
        return
    with _on_sigterm(sender.close):
        try:
            yield
        finally:
            sender.close()


def _sender(environment: Mapping[str, str], *, is_long: bool) -> _Sender | None:
    """None where nobody is to be told. Raises ConfigError, with the variable's name alone."""
    place = _first_set(environment, ENDPOINTS)
    if place is None or _is_switched_off(environment):
        return None
    if not _is_url(environment[place].strip()):
        raise ConfigError(f"{place} is not a URL like http://collector:4318: no metrics are sent.")
    protocol = _first_set(environment, _PROTOCOLS)
    if protocol is not None and environment[protocol].strip() != "http/protobuf":
        raise ConfigError(
            f"{protocol} is not http/protobuf, in which alone contact-sync sends metrics: none are "
            "sent."
        )
    with needs(place, "metrics"):
        import opentelemetry.exporter.otlp.proto.http.metric_exporter
        import opentelemetry.sdk.metrics  # noqa: F401
    # What it says may hold the endpoint, or a header with a key.
    library = logging.getLogger("opentelemetry")
    library.handlers[:], library.propagate = [logging.NullHandler()], False
    try:
        return _Sender(
            place, is_long=is_long, is_delta=not environment.get(_TEMPORALITY, "").strip()
        )
    except Exception as error:
        raise ConfigError(
            f"No metrics are sent: {type(error).__name__}. Look at the variables OTEL_..., which "
            "docs/metrics.md explains."
        ) from None


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname)


def _first_set(environment: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((name for name in names if environment.get(name, "").strip()), None)


def _is_switched_off(environment: Mapping[str, str]) -> bool:
    return (
        environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        or environment.get("OTEL_METRICS_EXPORTER", "").strip().lower() == "none"
    )


class _Sender:
    """OpenTelemetry's SDK with the metrics of this process."""

    def __init__(self, place: str, *, is_long: bool, is_delta: bool) -> None:
        """place: the variable that names the endpoint."""
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource

        self._is_long = is_long
        self._place = place
        self._is_failing = False
        self._is_closed = False
        # A long one's interval is the variable's, or a minute.
        reader = PeriodicExportingMetricReader(
            _exporter(self._tell, is_delta=is_delta),
            export_interval_millis=None if is_long else math.inf,
        )
        own = {"service.name": "contact-sync", "service.version": version("contact-sync")}
        # Not its other detectors, of which one tells the arguments of the command.
        resource = Resource(own).merge(OTELResourceDetector().detect())
        self._provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = self._provider.get_meter("contact-sync")
        for metric in METRICS:
            _make(meter, metric)

    def close(self) -> None:
        """Sends the rest; a second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        # In a thread that may be left behind: no timeout of the library bounds all of it.
        thread = threading.Thread(target=self._flush, name="metrics", daemon=True)
        thread.start()
        thread.join(_PATIENCE)
        if thread.is_alive():
            self._tell("there was no answer in time")
        self._is_failing = True
        for metric in METRICS:
            metric.take = None

    def _flush(self) -> None:
        milliseconds = _TIMEOUT * 1000
        try:
            if self._is_long:
                # Its thread sends once more.
                self._provider.shutdown(milliseconds)
            else:
                self._provider.force_flush(milliseconds)
        except Exception as error:
            self._tell(f"a fault of contact-sync itself ({type(error).__name__})")

    def _tell(self, trouble: str | None) -> None:
        """None: they were taken. Of troubles in a row the first is told."""
        if trouble is not None and not self._is_failing:
            log.warning(
                "Metrics were not sent to what %s names: %s. All else is done as ever.",
                self._place,
                trouble,
            )
        self._is_failing = trouble is not None


def _exporter(tell: Callable[[str | None], None], *, is_delta: bool) -> Any:
    """OpenTelemetry's exporter, which tells what became of each sending."""
    import requests
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        MetricExportResult,
        MetricsData,
    )

    statuses: list[int] = []

    class Exporter(OTLPMetricExporter):
        def export(
            self, metrics_data: MetricsData, *others: Any, **more: Any
        ) -> MetricExportResult:
            statuses.clear()
            done = super().export(metrics_data, *others, **more)
            status = statuses[-1] if statuses else None
            if status is None:
                tell("there was no answer")
            elif done is MetricExportResult.SUCCESS and 200 <= status < 300:
                tell(None)
            else:
                tell(f"it answered HTTP {status}")
            return done

    session = requests.Session()
    session.hooks["response"].append(lambda answer, **_: statuses.append(answer.status_code))
    kinds = (Counter, Histogram, ObservableCounter)
    return Exporter(
        session=session,
        timeout=_TIMEOUT,
        # None: as the variable says.
        preferred_temporality=dict.fromkeys(kinds, AggregationTemporality.DELTA)
        if is_delta
        else None,
    )


def _make(meter: Any, metric: Metric) -> None:
    """Has OpenTelemetry hear of a metric."""
    named = {"unit": metric.unit, "description": metric.says}

    def observe(_: object) -> list[Any]:
        from opentelemetry.metrics import Observation

        return [Observation(value, attributes) for value, attributes in metric.read()]

    if metric.kind == "gauge":
        meter.create_observable_gauge(metric.name, [observe], **named)
    elif metric.kind == "total":
        meter.create_observable_counter(metric.name, [observe], **named)
    elif metric.kind == "counter":
        metric.take = meter.create_counter(metric.name, **named).add
    else:
        metric.take = meter.create_histogram(
            metric.name, explicit_bucket_boundaries_advisory=metric.bounds, **named
        ).record


@contextmanager
def _on_sigterm(close: Callable[[], None]) -> Iterator[None]:
    """Calls `close` where SIGTERM would end this process at once; then it ends so."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )

    def handle(number: int, _: FrameType | None) -> None:
        close()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    if is_ours:
        signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        if is_ours and signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
