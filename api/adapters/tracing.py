"""Traces of turns by OpenTelemetry: a span a turn, below it one a stage, made off the event loop when it is over.

    request (FastAPI's span, continues the client's trace)
    └── turn
        ├── parse  wait  load  encode  recall  context  append  end
        └── chat MODEL

Nobody waits for a span: a turn that ended is handed to a thread, which lays the stages one after the other by the time
they took. The recall has OpenInference's names, the model's call those of OpenTelemetry for generative AI.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Final
from uuid import UUID

import orjson
from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from api.log_ids import noted
from api.metrics import TurnEnd

Attributes = dict[str, AttributeValue]
Texts = Callable[[UUID, Iterable[int]], Mapping[int, str]]
"""The stored texts of a session's versions. Blocks."""

BESIDE: Final = frozenset({"append", "first_token", "end"})
"""Stages that do not stand in the row before the model's call: they run beside it, or after it."""

CLOSE_SECONDS: Final = 2.0
"""How long a server that stops waits for a collector."""

PROVIDERS: Final = {"gemini": "gcp.gemini", "google-generativeai": "gcp.gemini"}
"""Ours -> OpenTelemetry's, where they differ."""

_ASKED: Final = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
}

logger = logging.getLogger(__name__)


def exporting(url: str, *, version: str) -> TracerProvider:
    """Spans go to the collector's URL, in batches. The environment's OTEL_ variables say the rest (name, sampler,
    headers)."""
    own = {SERVICE_NAME: "heartline", SERVICE_VERSION: version, **OTELResourceDetector().detect().attributes}
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_SpokenOnce(OTLPSpanExporter(endpoint=url))))
    # It warns of each attempt, several a batch; what there is to say of a collector that is away is said once, below.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    return provider


class _SpokenOnce(SpanExporter):
    """An exporter whose failing, and whose going on, is a line of the log each."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        failing = result is not SpanExportResult.SUCCESS
        if failing and not self._failing:
            logger.warning("the collector takes no traces, they are dropped until it does")
        elif self._failing and not failing:
            logger.info("the collector takes traces again")
        self._failing = failing
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class Tracing:
    """Makes the spans of turns. Texts are in them only where `texts` is given."""

    def __init__(self, provider: TracerProvider, *, model_provider: str, texts: Texts | None = None) -> None:
        self.provider = provider
        self._tracer = provider.get_tracer("heartline")
        self._model_provider = PROVIDERS.get(model_provider, model_provider)
        self._texts = texts
        self._failed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tracing")

    def observe(self, end: TurnEnd) -> None:
        """Trace a turn that ended, within the trace of the request at hand."""
        offset = time.time_ns() - time.perf_counter_ns()
        told = _Told(end=end, offset=offset, ids=dict(noted()), model_provider=self._model_provider)
        with suppress(RuntimeError):  # closed: nobody collects any more
            self._thread.submit(self._trace, told, get_current()).add_done_callback(self._report)

    async def close(self) -> None:
        """Send what is left, unless the collector takes too long."""
        await asyncio.to_thread(self._thread.shutdown)
        sending = Thread(target=self.provider.shutdown, name="traces", daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, CLOSE_SECONDS)

    def _report(self, traced: "Future[None]") -> None:
        """What cannot be traced is said once: every turn after it would fail the same."""
        if (error := traced.exception()) is not None and not self._failed:
            self._failed = True
            logger.error("turns are not traced", exc_info=error)

    def _trace(self, told: "_Told", parent: Context) -> None:
        end = told.end
        turn = self._tracer.start_span("turn", parent, attributes=told.turn(), start_time=told.at(end.arrived))
        if turn.is_recording():
            texts: Mapping[int, str] = self._texts(end.session, told.recalled()) if self._texts is not None else {}
            _stages(self._tracer, set_span_in_context(turn, parent), told, texts)
        if end.error is not None:
            _fail(turn, end.error.code)
        turn.end(told.at(end.ended))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A turn in the words of a trace. `offset` leads from the clock of the turn to that of the day, in nanoseconds."""

    end: TurnEnd
    offset: int
    ids: Mapping[str, str]
    model_provider: str

    def at(self, moment: float) -> int:
        return int(moment * 1e9) + self.offset

    @property
    def asked(self) -> float:
        """When the model was asked: the stages before it are over then."""
        stages = self.end.stages_ms.items()
        return self.end.arrived + sum(took for stage, took in stages if stage not in BESIDE) / 1000

    @property
    def said(self) -> float:
        """When the model had no more to say."""
        return self.end.ended - self.end.stages_ms["end"] / 1000

    def recalled(self) -> list[int]:
        """Versions of the query and of what was recalled for it."""
        context = self.end.context
        query = [context.query] if context.query is not None else []
        return [*query, *(candidate["version"] for candidate in context.recall["candidates"])]

    def turn(self) -> Attributes:
        end, context = self.end, self.end.context
        return {
            "openinference.span.kind": "CHAIN",
            "session.id": end.session.hex,
            "heartline.turn": end.turn,
            "heartline.kind": context.kind,
            "heartline.outcome": end.outcome,
            "heartline.policy": context.recall["policy"]["name"],
            **{f"heartline.tokens.{part}": share["used"] for part, share in context.budget["parts"].items()},
            **({"heartline.request": self.ids["request_id"]} if "request_id" in self.ids else {}),
        }

    def chat(self) -> Attributes:
        end, context = self.end, self.end.context
        attributes: Attributes = {
            "openinference.span.kind": "LLM",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.model_provider,
            "gen_ai.request.model": context.model,
            "gen_ai.conversation.id": end.session.hex,
        }
        for name, attribute in _ASKED.items():
            if isinstance(value := context.parameters.get(name), int | float):
                attributes[attribute] = value
        if end.reply is not None:
            attributes |= {
                "gen_ai.response.model": end.reply.model,
                "gen_ai.response.finish_reasons": [end.reply.finish_reason],
                "gen_ai.usage.input_tokens": end.reply.usage["input_tokens"],
                "gen_ai.usage.output_tokens": end.reply.usage["output_tokens"],
            }
        return attributes

    def retrieval(self, texts: Mapping[int, str]) -> Attributes:
        """What was kept, best first, as OpenInference has documents."""
        recall, query = self.end.context.recall, self.end.context.query
        attributes: Attributes = {"openinference.span.kind": "RETRIEVER"}
        if query is not None and query in texts:
            attributes["input.value"] = texts[query]
        kept = [candidate for candidate in recall["candidates"] if candidate["verdict"] == "kept"]
        for place, candidate in enumerate(kept):
            document = f"retrieval.documents.{place}.document"
            more = {"kind": candidate["kind"], "rank": candidate["rank"], "parts": candidate["parts"]}
            attributes[f"{document}.id"] = f"M{candidate['version']}"
            attributes[f"{document}.score"] = candidate["score"]
            attributes[f"{document}.metadata"] = orjson.dumps(more).decode()
            if candidate["version"] in texts:
                text = texts[candidate["version"]]
                attributes[f"{document}.content"] = text[candidate.get("start") : candidate.get("end")]
        return attributes


def _stages(tracer: Tracer, turn: Context, told: _Told, texts: Mapping[int, str]) -> None:
    """The spans below a turn's."""
    special = {
        "recall": told.retrieval(texts),
        "encode": {
            "openinference.span.kind": "EMBEDDING",
            "embedding.model_name": told.end.context.recall["embedder"],
        },
    }

    def span(name: str, start: float, milliseconds: float) -> None:
        made = tracer.start_span(name, turn, attributes=special.get(name), start_time=told.at(start))
        made.end(told.at(start + milliseconds / 1000))

    moment = told.end.arrived
    for stage, took in told.end.stages_ms.items():
        if stage not in BESIDE:
            span(stage, moment, took)
            moment += took / 1000
    span("append", told.asked, told.end.stages_ms["append"])
    _chat(tracer, turn, told)
    span("end", told.said, told.end.stages_ms["end"])


def _chat(tracer: Tracer, turn: Context, told: _Told) -> None:
    end = told.end
    name, start = f"chat {end.context.model}", told.at(told.asked)
    chat = tracer.start_span(name, turn, SpanKind.CLIENT, attributes=told.chat(), start_time=start)
    if (first := end.stages_ms.get("first_token")) is not None:
        chat.add_event("first token", timestamp=told.at(end.arrived + first / 1000))
    if end.model_failure is not None:
        _fail(chat, end.model_failure.code)
    chat.end(told.at(told.said))


def _fail(span: Span, code: str) -> None:
    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR))
