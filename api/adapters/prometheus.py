"""Metrics by prometheus_client, in a registry that is handed in: two servers in one process share nothing.

Names follow Prometheus's conventions: base units, `_total` for what only grows. No label's value comes from a request:
not the model that was asked for, not a path, no session.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from platform import python_version
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.metrics import Readings, TurnEnd
from domain.errors import HeartlineError
from domain.events import SessionEvent, SummaryWritten
from domain.records import Usage
from projections.usage import Price

STAGE_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""From a stage that does next to nothing to a model that lets one wait."""

LONG_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Whole requests and turns: a streamed reply takes as long as the model talks."""

COUNTS: Final = (1, 2, 4, 8, 16, 32, 64, 128)

CODES: Final = 50
"""Failure codes told apart: a provider may make up its own, and each is a series for as long as the server runs."""


class PrometheusMetrics:
    """Implements `api.metrics.Metrics`."""

    def __init__(self, registry: CollectorRegistry, *, version: str, prices: Mapping[str, Price]) -> None:
        """What a model costs that is not among the `prices`, by model, is not counted."""
        self._registry = registry
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        build = Gauge("heartline_build_info", "The running version.", ["version", "python"], registry=registry)
        build.labels(version, python_version()).set(1)
        self._turns = _Turns(registry, prices)
        self._http = _Http(registry)
        self._work = _Work(registry)

    def read_from(self, read: Callable[[], Readings]) -> None:
        """Ask for these readings each time that somebody looks."""
        self._registry.register(_Read(read))

    def turn_ended(self, end: TurnEnd) -> None:
        self._turns.ended(end)

    def request_ended(self, *, method: str, route: str, status: int, seconds: float) -> None:
        self._http.requests.labels(method, route, str(status)).inc()
        self._http.seconds.labels(route).observe(seconds)

    def stream_opened(self) -> None:
        self._http.streams.inc()

    def stream_closed(self) -> None:
        self._http.streams.dec()

    def retried(self, code: str) -> None:
        self._turns.retried(code)

    def encoded(self, *, sequences: int, seconds: float) -> None:
        self._work.pass_seconds.observe(seconds)
        self._work.pass_sequences.observe(sequences)

    def committed(self, *, appends: int, seconds: float) -> None:
        self._work.commit_seconds.observe(seconds)
        self._work.commit_appends.observe(appends)

    def appended(self, events: Sequence[SessionEvent]) -> None:
        for event in events:
            self._work.events.labels(event.TOPIC).inc()
            if isinstance(event, SummaryWritten):
                self._work.summaries.labels("extract" if event.model.startswith("extractive:") else "model").inc()

    @property
    def media_type(self) -> str:
        return CONTENT_TYPE_LATEST

    def exposition(self) -> bytes:
        return generate_latest(self._registry)


class _Codes:
    """Failure codes as values of a label: the first ones met, the rest is `other`."""

    def __init__(self) -> None:
        self._met = set[str]()

    def label(self, code: str) -> str:
        if code not in self._met:
            if len(self._met) >= CODES:
                return "other"
            self._met.add(code)
        return code


class _Turns:
    def __init__(self, registry: CollectorRegistry, prices: Mapping[str, Price]) -> None:
        self._prices = prices
        self._by_stage: dict[str, Histogram] = {}
        self._codes = _Codes()
        self._cost = Counter(
            "heartline_turn_cost_usd", "Estimated cost of turns whose model has a known price.", registry=registry
        )
        self._turns = Counter("heartline_turns", "Turns that are over.", ["kind", "outcome"], registry=registry)
        self._failures = Counter("heartline_turn_failures", "Turns without a reply.", ["code"], registry=registry)
        self._upstream = Counter(
            "heartline_upstream_errors", "Failures of the language model's side.", ["code"], registry=registry
        )
        self._retries = Counter(
            "heartline_upstream_retries", "Calls of the language model tried again.", ["code"], registry=registry
        )
        self._model_seconds = Histogram(
            "heartline_model_first_token_seconds",
            "From the call of the language model to its first piece, waiting and retries included.",
            registry=registry,
            buckets=STAGE_SECONDS,
        )
        self._tokens = Counter(
            "heartline_turn_tokens",
            "Tokens of turns; cached ones are part of the input, reasoning of the output.",
            ["direction"],
            registry=registry,
        )
        self._stages = Histogram(
            "heartline_turn_stage_seconds",
            "Time a turn spent in each of its stages; first_token counts from the request's arrival.",
            ["stage"],
            registry=registry,
            buckets=STAGE_SECONDS,
        )
        self._seconds = Histogram(
            "heartline_turn_duration_seconds",
            "From a request's arrival until the turn's end is stored.",
            registry=registry,
            buckets=LONG_SECONDS,
        )

    def retried(self, code: str) -> None:
        self._retries.labels(self._codes.label(code)).inc()

    def ended(self, end: TurnEnd) -> None:
        self._turns.labels(end.context.kind, end.outcome).inc()
        self._seconds.observe(end.ended - end.arrived)
        for stage, milliseconds in end.stages_ms.items():
            # Finding a child by its labels takes longer than adding to it.
            if (child := self._by_stage.get(stage)) is None:
                child = self._by_stage[stage] = self._stages.labels(stage)
            child.observe(milliseconds / 1000)
        if end.model_ms is not None:
            self._model_seconds.observe(end.model_ms / 1000)
        if end.error is not None:
            self._failures.labels(self._codes.label(end.error.code)).inc()
        if end.model_failure is not None:
            self._upstream.labels(self._codes.label(end.model_failure.code)).inc()
        if end.reply is not None:
            self._spent(end.reply.model, end.reply.usage)

    def _spent(self, model: str, usage: Usage) -> None:
        tokens, output, cached = usage["input_tokens"], usage["output_tokens"], usage["cached_tokens"]
        self._tokens.labels("input").inc(tokens)
        self._tokens.labels("output").inc(output)
        self._tokens.labels("cached").inc(cached)
        self._tokens.labels("reasoning").inc(usage["reasoning_tokens"])
        if (price := self._prices.get(model)) is not None:
            self._cost.inc(max(0.0, price.cost(input_tokens=tokens, output_tokens=output, cached_tokens=cached)))


class _Http:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "heartline_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "heartline_http_request_duration_seconds",
            "From a request's arrival to the end of its answer.",
            ["route"],
            registry=registry,
            buckets=LONG_SECONDS,
        )
        self.streams = Gauge("heartline_open_streams", "Event streams being sent.", registry=registry)


class _Work:
    """What the parts below do: the encoder's passes, the log's transactions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pass_seconds = Histogram(
            "heartline_encoder_pass_seconds",
            "Forward passes of the embedding model.",
            registry=registry,
            buckets=STAGE_SECONDS,
        )
        self.pass_sequences = Histogram(
            "heartline_encoder_pass_sequences",
            "Pieces of text that shared a pass.",
            registry=registry,
            buckets=COUNTS,
        )
        self.commit_seconds = Histogram(
            "heartline_log_commit_seconds",
            "Transactions of the event log, the sync to disk included.",
            registry=registry,
            buckets=STAGE_SECONDS,
        )
        self.commit_appends = Histogram(
            "heartline_log_commit_appends", "Appends that shared a transaction.", registry=registry, buckets=COUNTS
        )
        self.events = Counter("heartline_events_appended", "Events stored.", ["type"], registry=registry)
        self.summaries = Counter("heartline_summaries_written", "Summaries stored.", ["writer"], registry=registry)


class _Read(Collector):
    """Gauges that are read when asked for. A log that cannot be read leaves them out: better none than a wrong one."""

    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: the registry would ask for the values to learn the names."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            now = self._read()
        except (HeartlineError, OSError):
            return
        yield _gauge("follower_lag_positions", "Events of the log that the views have not taken in.", now.follower_lag)
        yield _gauge("views_stopped", "Views that stopped before an event they cannot apply.", now.views_stopped)
        yield _gauge("sessions_warm", "Sessions whose index is in memory.", now.sessions_warm)
        yield _gauge("sessions_waiting", "Sessions that wait for aftercare.", now.sessions_waiting)
        yield _gauge("data_disk_free_bytes", "Free on the disk that the data lie on.", now.disk_free_bytes)


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"heartline_{name}", documentation, value)
