"""What a server counts of real turns, how it tells it, and what counting costs."""

from collections.abc import AsyncGenerator, Generator, Sequence
from pathlib import Path
from time import process_time
from uuid import uuid4

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from api.adapters.prometheus import CODES, PrometheusMetrics
from api.adapters.unmeasured import UNMEASURED
from api.app import create_app
from api.bootstrap import System, running
from api.metrics import Readings, TurnEnd
from api.ports import ModelFailed
from api.settings import Settings
from domain.errors import HeartlineError, Unavailable
from domain.records import JsonObject
from domain.turn import Context, Reply
from projections.usage import Price
from tests.fakes_models import usage
from tests.upstream import FakeUpstream, refusal, reply

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

STAGES: Sequence[str] = ("parse", "wait", "load", "encode", "recall", "context", "append", "first_token", "end")


def samples(text: bytes) -> Samples:
    """What an exposition says, by Prometheus's own parser."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


# -- a whole server ----------------------------------------------------------------------------------------------------


@pytest.fixture
def upstream() -> Generator[FakeUpstream]:
    with FakeUpstream() as started:
        yield started


@pytest.fixture
async def heartline(tmp_path: Path, upstream: FakeUpstream) -> AsyncGenerator[System]:
    given = {"data_dir": tmp_path, "model_provider": "openai", "openai_base_url": upstream.base_url}
    async with running(Settings.model_validate({**given, "summarize_after_messages": 2})) as system:
        yield system


@pytest.fixture
async def http(heartline: System) -> AsyncGenerator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(create_app(heartline.services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
        yield client


async def say(http: httpx2.AsyncClient, text: str, **more: object) -> int:
    body = {"model": "any", "messages": [{"role": "user", "content": text}], **more}
    return (await http.post("/sessions/tea/v1/chat/completions", json=body)).status_code


async def scraped(http: httpx2.AsyncClient) -> Samples:
    response = await http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return samples(response.content)


async def test_turns_are_counted_with_every_stage(
    http: httpx2.AsyncClient, heartline: System, upstream: FakeUpstream
) -> None:
    upstream.will(reply("Hello."))
    assert await say(http, "My cat is called Pelle.") == 200
    assert await say(http, "And the dog?", stream=True) == 200
    upstream.will(refusal(429, code="insufficient_quota"))
    assert await say(http, "Hm?") == 429
    found = await scraped(http)

    route = "/sessions/{session}/v1/chat/completions"
    assert value(found, "heartline_turns_total", kind="new", outcome="stop") == 2
    assert value(found, "heartline_turns_total", kind="new", outcome="failed") == 1
    assert value(found, "heartline_turn_failures_total", code="insufficient_quota") == 1
    assert value(found, "heartline_upstream_errors_total", code="insufficient_quota") == 1
    assert value(found, "heartline_http_requests_total", method="POST", route=route, status="200") == 2
    assert value(found, "heartline_http_requests_total", method="POST", route=route, status="429") == 1
    assert value(found, "heartline_http_request_duration_seconds_count", route=route) == 3
    counts = {stage: value(found, "heartline_turn_stage_seconds_count", stage=stage) for stage in STAGES}
    assert counts == dict.fromkeys(STAGES, 3) | {"first_token": 2}
    assert 0 < value(found, "heartline_turn_stage_seconds_sum", stage="encode") < 60
    assert value(found, "heartline_turn_tokens_total", direction="input") == 42
    assert value(found, "heartline_turn_tokens_total", direction="output") == 16
    assert value(found, "heartline_turn_tokens_total", direction="cached") == 8
    assert value(found, "heartline_turn_duration_seconds_count") == 3
    assert value(found, "heartline_model_first_token_seconds_count") == 2


async def test_a_call_that_was_tried_again_is_counted_though_the_turn_went_well(
    http: httpx2.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.will(refusal(503), reply("Hello."))
    assert await say(http, "Hm?") == 200
    found = await scraped(http)

    assert value(found, "heartline_upstream_retries_total", code="upstream_unavailable") == 1
    assert value(found, "heartline_turns_total", kind="new", outcome="stop") == 1


async def test_what_the_parts_below_do_is_counted(
    http: httpx2.AsyncClient, heartline: System, upstream: FakeUpstream
) -> None:
    upstream.will(reply("Tea is hot."))
    for text in ("I like tea.", "And coffee.", "And milk."):
        await say(http, text)
    await heartline.aftercare.look_after(next(iter(heartline.memory.log.read(0, 1))).event.originator_id)
    await heartline.memory.follower.caught_up()
    found = await scraped(http)

    summaries = value(found, "heartline_summaries_written_total", writer="model")
    assert summaries >= 1
    assert value(found, "heartline_events_appended_total", type="session.summary-written") == summaries
    assert value(found, "heartline_events_appended_total", type="session.reply-completed") == 3
    assert value(found, "heartline_encoder_pass_seconds_count") >= 3
    # Three messages, and a reply that is the same each time: it is encoded once.
    assert value(found, "heartline_encoder_pass_sequences_sum") >= 4
    assert value(found, "heartline_log_commit_seconds_count") >= 6
    assert value(found, "heartline_log_commit_appends_sum") >= 6
    assert value(found, "heartline_follower_lag_positions") == 0
    assert value(found, "heartline_views_stopped") == 0
    assert value(found, "heartline_sessions_warm") == 1
    assert value(found, "heartline_data_disk_free_bytes") > 0
    assert value(found, "heartline_open_streams") == 0
    assert [labels for name, labels in found if name == "heartline_build_info"]


# -- the adapter -------------------------------------------------------------------------------------------------------


def metrics(**prices: Price) -> PrometheusMetrics:
    return PrometheusMetrics(CollectorRegistry(), version="1.2.3", prices=prices)


def turn(error: HeartlineError | None = None) -> TurnEnd:
    """A turn that took 30 ms until the model was asked, and had its first word 20 ms later."""
    before = dict(zip(STAGES[:6], (1.0, 2.0, 3.0, 10.0, 9.0, 5.0), strict=True))
    reply = Reply(
        text="Hello.",
        model="m",
        finish_reason="stop",
        usage=usage(),
        time_to_first_token_ms=50.0,
        duration_ms=80.0,
        timings_ms={},
        said_at="2026-05-01T12:00:00+00:00",
    )
    return TurnEnd(
        session=uuid4(),
        turn="t1",
        context=context(before),
        reply=reply if error is None else None,
        error=error,
        arrived=100.0,
        ended=100.09,
        stages_ms={**before, "append": 4.0, **({"first_token": 50.0} if error is None else {}), "end": 10.0},
    )


def context(timings: dict[str, float], parameters: JsonObject | None = None) -> Context:
    return Context(
        kind="new",
        process="test",
        query=2,
        manifest=[],
        sha256="",
        now="2026-05-01T12:00:00+00:00",
        model="m",
        parameters=parameters or {},
        budget={"window": 100, "tokenizer": "words", "parts": {}},
        recall={
            "policy": {"name": "hybrid", "version": 1, "parameters": {}},
            "embedder": "e",
            "candidates": [],
            "rest": {},
            "threshold": 0.0,
            "cut": None,
        },
        persona=None,
        summary=None,
        timings_ms=timings,
    )


def test_the_models_own_share_of_the_first_token_is_told_apart() -> None:
    counted = metrics()

    counted.turn_ended(turn())

    found = samples(counted.exposition())
    assert value(found, "heartline_model_first_token_seconds_sum") == pytest.approx(0.02)
    assert value(found, "heartline_turn_stage_seconds_sum", stage="first_token") == pytest.approx(0.05)
    assert value(found, "heartline_turn_duration_seconds_sum") == pytest.approx(0.09)


def test_the_cost_of_a_turn_is_counted_where_its_models_price_is_known() -> None:
    known, unknown = metrics(m=Price(input=1e6, output=2e6, cached=0.0)), metrics()

    known.turn_ended(turn())
    unknown.turn_ended(turn())

    assert value(samples(known.exposition()), "heartline_turn_cost_usd_total") == 7 * 1 + 5 * 2
    assert value(samples(unknown.exposition()), "heartline_turn_cost_usd_total") == 0


def test_two_of_them_in_one_process_share_nothing() -> None:
    one, other = metrics(), metrics()

    one.request_ended(method="GET", route="/health", status=200, seconds=0.01)

    assert b"heartline_http_requests_total{" in one.exposition()
    assert b"heartline_http_requests_total{" not in other.exposition()


def test_what_nobody_measures_is_forgotten() -> None:
    UNMEASURED.turn_ended(turn())
    UNMEASURED.request_ended(method="GET", route="/health", status=200, seconds=0.01)
    UNMEASURED.stream_opened()
    UNMEASURED.stream_closed()
    UNMEASURED.retried("timeout")

    assert (UNMEASURED.exposition(), UNMEASURED.media_type) == (b"", "text/plain")


def test_codes_that_providers_make_up_do_not_grow_without_end() -> None:
    counted = metrics()

    for number in range(CODES + 10):
        counted.turn_ended(turn(ModelFailed("No.", code=f"code-{number}", status=502)))

    found = samples(counted.exposition())
    codes = [labels for name, labels in found if name == "heartline_upstream_errors_total"]
    assert len(codes) == CODES + 1
    assert value(found, "heartline_upstream_errors_total", code="other") == 10


@pytest.mark.parametrize("error", [Unavailable("The disk is gone."), FileNotFoundError()])
def test_what_cannot_be_read_is_left_out_and_the_rest_is_told(error: Exception) -> None:
    def fail() -> Readings:
        raise error

    counted = metrics()
    counted.read_from(fail)

    told = counted.exposition()
    assert b"heartline_follower_lag" not in told
    assert b"heartline_build_info{" in told


def test_counting_a_turn_takes_less_than_a_tenth_of_a_millisecond() -> None:
    counted, ended = metrics(), turn()
    counted.turn_ended(ended)
    rounds: list[float] = []
    for _ in range(20):
        began = process_time()
        for _ in range(100):
            counted.turn_ended(ended)
        rounds.append((process_time() - began) / 100)

    # Some 25 microseconds of processor time; the best of many rounds, for a machine that does other things as well.
    assert min(rounds) < 100e-6
