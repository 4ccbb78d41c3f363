"""Traces of real turns: into memory by OpenTelemetry's SDK, and once over HTTP to a collector that reads what comes."""

import json
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any, cast

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from api.adapters.tracing import Texts, Tracing, exporting
from api.app import create_app
from api.bootstrap import running
from api.chat.request import Address
from api.ports import ModelFailed
from api.settings import Settings, SettingsError
from api.watch import Watch
from tests.fakes_models import Script, ScriptedModel
from tests.harbour import HARBOUR, bring_in
from tests.system import Clock, Outside, Rules, System, system

STAGES = ("parse", "wait", "load", "encode", "recall", "context", "append", "end")
QUESTION = "What was my cat called?"

Spans = dict[str, ReadableSpan]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@asynccontextmanager
async def traced(
    folder: Path, provider: TracerProvider, model: ScriptedModel | None = None, *, shown: bool = False
) -> AsyncGenerator[System]:
    """A system whose turns are traced; all of it is told when the block ends."""
    texts: dict[str, Texts] = {}
    tracing = Tracing(
        provider,
        model_provider="gemini",
        texts=(lambda session, versions: texts["of"](session, versions)) if shown else None,
    )
    outside = Outside(model=model or ScriptedModel(), observe=tracing.observe)
    async with system(folder, outside=outside, rules=Rules(window_messages=2)) as heartline:
        texts["of"] = heartline.remembered.texts
        yield heartline
        await tracing.close()


def by_name(exporter: InMemorySpanExporter) -> Spans:
    return {span.name: span for span in exporter.get_finished_spans()}


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


def nanoseconds(span: ReadableSpan) -> tuple[int, int]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time, span.end_time


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent is not None else None


async def test_a_turn_is_a_span_with_one_a_stage_below_it(
    tmp_path: Path, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    async with traced(tmp_path, provider) as heartline:
        (turn,) = await heartline.talk("tea", "Hello")

    spans = by_name(exporter)
    assert set(spans) == {"turn", "chat scripted", *STAGES}
    whole = spans.pop("turn")
    assert (attributes(whole)["heartline.turn"], attributes(whole)["heartline.outcome"]) == (turn, "stop")
    assert attributes(whole)["openinference.span.kind"] == "CHAIN"
    assert parent(whole) is None
    context = whole.get_span_context()
    assert context is not None
    assert {parent(span) for span in spans.values()} == {context.span_id}
    begun, ended = nanoseconds(whole)
    assert all(begun <= nanoseconds(span)[0] <= nanoseconds(span)[1] <= ended for span in spans.values())
    row = [nanoseconds(spans[stage]) for stage in STAGES[:6]]
    assert all(one[1] == pytest.approx(next_[0], abs=1000) for one, next_ in pairwise(row))
    assert nanoseconds(spans["append"])[0] == nanoseconds(spans["chat scripted"])[0]


async def test_the_models_call_speaks_as_opentelemetry_does_of_generative_ai(
    tmp_path: Path, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    async with traced(tmp_path, provider) as heartline:
        request = heartline.request(
            Address(external_id="tea"),
            [heartline.said("Hello")],
            parameters={"temperature": 0.5, "max_tokens": 9, "stop": ["x"]},
        )
        answer = await heartline.turns.answer(request)
        _ = [item async for item in answer.stream()]

    chat = by_name(exporter)["chat scripted"]
    assert chat.kind.name == "CLIENT"
    assert dict(attributes(chat)) == {
        "openinference.span.kind": "LLM",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "scripted",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.response.model": "scripted",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.conversation.id": attributes(by_name(exporter)["turn"])["session.id"],
    }
    assert [event.name for event in chat.events] == ["first token"]


async def test_a_failed_call_is_an_error_of_the_call_and_of_the_turn(
    tmp_path: Path, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    model = ScriptedModel(Script(steps=[ModelFailed("Busy: my sister drinks.", code="rate_limited", status=429)]))
    async with traced(tmp_path, provider, model) as heartline:
        with pytest.raises(ModelFailed):
            await heartline.talk("tea", "Hello")

    spans = by_name(exporter)
    for name in ("turn", "chat scripted"):
        assert spans[name].status.status_code is StatusCode.ERROR
        assert attributes(spans[name])["error.type"] == "rate_limited"
    assert spans["recall"].status.status_code is StatusCode.UNSET
    assert "sister" not in _everything(exporter)


# -- what was recalled -------------------------------------------------------------------------------------------------


async def test_recall_tells_its_documents_as_openinference_has_them_and_no_text(
    tmp_path: Path, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    async with traced(tmp_path, provider) as heartline:
        await bring_in(heartline)
        (turn,) = await heartline.talk("harbour", QUESTION)
        audit = cast("dict[str, Any]", await heartline.sessions.turn("local", "harbour", turn, at=None))
        texts = heartline.remembered.texts(HARBOUR, range(1, 20))

    recall = attributes(by_name(exporter)["recall"])
    kept = [candidate for candidate in audit["candidates"] if candidate["verdict"] == "kept"]
    assert recall["openinference.span.kind"] == "RETRIEVER"
    assert _documents(recall, "id") == [f"M{candidate['version']}" for candidate in kept]
    assert _documents(recall, "score") == [candidate["score"] for candidate in kept]
    assert [json.loads(told)["rank"] for told in _documents(recall, "metadata")] == [one["rank"] for one in kept]
    assert kept
    assert not any(name.endswith(".content") or name == "input.value" for name in recall)
    assert not any(text in _everything(exporter) for text in [QUESTION, *texts.values()])


async def test_texts_are_in_a_trace_when_they_are_asked_for(
    tmp_path: Path, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    async with traced(tmp_path, provider, shown=True) as heartline:
        await bring_in(heartline)
        await heartline.talk("harbour", QUESTION)
        texts = heartline.remembered.texts(HARBOUR, range(1, 20))

    recall = attributes(by_name(exporter)["recall"])
    documents = zip(_documents(recall, "id"), _documents(recall, "content"), strict=True)
    assert recall["input.value"] == QUESTION
    assert dict(documents) == {
        identity: texts[int(identity.removeprefix("M"))] for identity in _documents(recall, "id")
    }


# -- a whole server ----------------------------------------------------------------------------------------------------


class Collector:
    """A small collector: reads what is exported to it, as protobuf over HTTP."""

    def __init__(self) -> None:
        self.exports: list[tuple[str, dict[str, str], ExportTraceServiceRequest]] = []

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for _, _, export in self.exports
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resource(self) -> dict[str, str]:
        attributes = self.exports[0][2].resource_spans[0].resource.attributes
        return {attribute.key: attribute.value.string_value for attribute in attributes}


@pytest.fixture
def collector() -> Generator[tuple[str, Collector]]:
    received = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            export = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            received.exports.append((self.path, dict(self.headers.items()), export))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with listening(Handler) as url:
        yield url, received


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


async def test_a_configured_server_exports_the_request_and_the_turn_in_the_clients_trace(
    tmp_path: Path, collector: tuple[str, Collector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "my-companion")
    url, received = collector
    trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    settings = Settings.model_validate({"data_dir": tmp_path, "otel_exporter_otlp_endpoint": url})
    async with running(settings) as heartline:
        transport = httpx2.ASGITransport(create_app(heartline.services))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            response = await client.post(
                "/sessions/tea/v1/chat/completions",
                json={"model": "any", "messages": [{"role": "user", "content": "My sister drinks."}]},
                headers={"traceparent": f"00-{trace}-{caller}-01"},
            )
    assert response.status_code == 200

    spans = {span.name: span for span in received.spans}
    request, turn = spans["POST /sessions/{session}/v1/chat/completions"], spans["turn"]
    assert {span.trace_id.hex() for span in received.spans} == {trace}
    assert request.parent_span_id.hex() == caller
    assert turn.parent_span_id == request.span_id
    assert spans["recall"].parent_span_id == turn.span_id
    told = {attribute.key: attribute.value.string_value for attribute in turn.attributes}
    assert told["heartline.request"] == response.headers["x-request-id"]
    assert told["heartline.turn"] == response.headers["x-turn-id"]
    assert received.exports[0][0] == "/v1/traces"
    assert received.resource()["service.name"] == "my-companion"
    assert received.resource()["service.version"]
    assert not any("sister" in str(export) for _, _, export in received.exports)


async def test_a_collector_that_is_away_is_spoken_of_once_and_does_not_keep_the_server_from_stopping(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = [503, 400, 400, 200, 400]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(answers.pop(0))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    caplog.set_level("INFO")
    with listening(Handler) as url:
        provider = exporting(f"{url}/v1/traces", version="1.2.3")
        for _ in range(3):
            provider.get_tracer("test").start_span("x").end()
            provider.force_flush()
    tracing = Tracing(provider, model_provider="offline")
    provider.get_tracer("test").start_span("too late").end()
    began = monotonic()
    await tracing.close()

    assert monotonic() - began < 8
    assert [message for message in caplog.messages if "collector" in message] == [
        "the collector takes no traces, they are dropped until it does",
        "the collector takes traces again",
    ]


async def test_a_server_that_is_not_configured_traces_nothing(tmp_path: Path) -> None:
    async with running(Settings.model_validate({"data_dir": tmp_path})) as heartline:
        assert heartline.services.tracer_provider is None


async def test_a_turn_that_is_not_sampled_leaves_no_span_and_reads_no_text(tmp_path: Path) -> None:
    exporter, read = InMemorySpanExporter(), list[object]()
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(provider, model_provider="offline", texts=lambda session, versions: read.append(session) or {})
    async with system(tmp_path, outside=Outside(observe=tracing.observe)) as heartline:
        await heartline.talk("tea", "Hello")
        await tracing.close()

    assert (exporter.get_finished_spans(), read) == ((), [])


def test_a_server_whose_tracing_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # What an import finds when the extra is missing.
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    monkeypatch.delitem(sys.modules, "api.adapters.tracing", raising=False)

    with pytest.raises(SettingsError, match=r"pip install '\.\[otel\]'"):
        Watch(Clock(), {}).trace("http://c/v1/traces", model_provider="offline", texts=None)


async def test_a_trace_that_cannot_be_made_is_logged_and_the_turn_is_well(
    tmp_path: Path, provider: TracerProvider, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(session: object, versions: object) -> Mapping[int, str]:
        raise OSError("disk I/O error")

    tracing = Tracing(provider, model_provider="offline", texts=fail)
    async with system(tmp_path, outside=Outside(observe=tracing.observe)) as heartline:
        assert await heartline.talk("tea", "Hello", "Hello again")
        await tracing.close()
        await heartline.talk("tea", "And now?")

    assert caplog.messages == ["turns are not traced"]


def _documents(recall: Mapping[str, Any], name: str) -> list[Any]:
    found: Sequence[str] = [key for key in recall if key.endswith(f".document.{name}")]
    return [recall[key] for key in sorted(found, key=lambda key: int(key.split(".")[2]))]


def _everything(exporter: InMemorySpanExporter) -> str:
    return "\n".join(span.to_json() for span in exporter.get_finished_spans())
