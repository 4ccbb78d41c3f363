"""One event of every kind, all fields filled: what the golden files are of, and what codecs are tried on."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from domain.events import (
    ContextBuilt,
    EmotionDetected,
    InstructionReceived,
    MemoryCarried,
    MessageEdited,
    MessageForgotten,
    MessageReceived,
    PathChanged,
    PersonaDefined,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
    SessionEvent,
    SessionForked,
    SessionRewound,
    SessionStarted,
    SummaryWritten,
    TurnFailed,
)

SESSION: Final = UUID("11111111-2222-5333-8444-555555555555")
PARENT: Final = UUID("aaaaaaaa-bbbb-5ccc-8ddd-eeeeeeeeeeee")
WHEN: Final = datetime(2026, 3, 1, 12, 30, 0, 250, tzinfo=UTC)
SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _at(version: int) -> dict[str, Any]:
    return {"originator_id": SESSION, "originator_version": version, "timestamp": WHEN}


EXAMPLES: Final[tuple[SessionEvent, ...]] = (
    SessionStarted(
        **_at(1),
        owner="local",
        external_id="seraphina",
        identified_by="header",
        user="anna",
        details={"character_name": "Seraphina"},
    ),
    SessionForked(
        **_at(41),
        owner="local",
        external_id="seraphina-2",
        parent=PARENT.hex,
        at=40,
        path=[[3, 5], [9, 9]],
        messages=[[3, 9]],
        instructions={SHA256: 2},
        personas={SHA256: 4},
    ),
    InstructionReceived(**_at(2), role="system", name="main", text="You are Seraphina.", sha256=SHA256),
    PersonaDefined(**_at(3), instructions=[2]),
    MessageReceived(
        **_at(4),
        turn="turn-1",
        role="user",
        name="Anna",
        text='Where is the café?\n"By the river" — 🌊',
        said_at="2026-03-01T12:29:58.000000+00:00",
        origin="client",
        images=[{"sha256": SHA256, "media_type": "image/png"}],
        tool_calls=[{"id": "call-1", "function": {"name": "map", "arguments": '{"q": "café"}'}}],
        tool_call_id="call-0",
        details={"extra": {"reasoning": None}, "swipe_id": 0},
    ),
    MessageEdited(**_at(5), replaces=4, turn="turn-1", text="Where is the tea house?"),
    PathChanged(**_at(6), cause="edit", splices=[{"at": 0, "out": [[4, 4]], "in": [[5, 5]]}]),
    SessionRewound(**_at(50), to=12),
    EmotionDetected(
        **_at(7),
        of=5,
        detector="keywords-1",
        labels={"joy": 0.75, "neutral": 0.25},
        dominant="joy",
        confidence=0.75,
        importance=0.6375,
    ),
    ContextBuilt(
        **_at(8),
        turn="turn-1",
        kind="new",
        process="host-1:4242:7",
        query=5,
        manifest=[
            {"role": "system", "name": None, "part": "persona", "segments": [{"of": 2}]},
            {
                "role": "user",
                "name": "Anna",
                "part": "recall",
                "segments": [{"text": "Three days ago Anna said: "}, {"of": 5, "start": 0, "end": 12}],
                "images": [{"sha256": SHA256, "media_type": "image/png"}],
            },
        ],
        sha256=SHA256,
        now="2026-03-01T12:30:00.000000+00:00",
        model="gemini-2.5-flash",
        parameters={"temperature": 0.8, "stop": ["\n"], "max_tokens": None},
        budget={"window": 4096, "tokenizer": "o200k_base", "parts": {"persona": {"allotted": 819, "used": 7}}},
        recall={
            "policy": {"name": "hybrid", "version": 1, "parameters": {"top_k": 10}},
            "embedder": "minilm-l6-v2-mean-f16",
            "candidates": [
                {
                    "kind": "persona",
                    "version": 2,
                    "score": 0.5,
                    "parts": {"cosine": 0.4, "bm25": 0.1},
                    "rank": 1,
                    "verdict": "kept",
                    "start": 0,
                    "end": 18,
                }
            ],
            "rest": {"below_cut": 12},
            "threshold": 0.2,
            "cut": 0.45,
        },
        persona=3,
        summary=30,
        timings_ms={"embed": 11.5, "recall": 3.25},
        transcript={
            "characters": 1234,
            "count": 3,
            "whole": True,
            "first": 4,
            "persona": -7046029254386353131,
            "ending": None,
            "held": [{"key": 81985529216486895, "before": 7, "behind": None, "depth": 2}],
            "learned": [1311768467463790320],
            "ignored": 0,
        },
    ),
    ReplyCompleted(
        **_at(9),
        turn="turn-1",
        choice=0,
        name="Seraphina",
        text="By the river, dear.",
        model="gemini-2.5-flash",
        finish_reason="stop",
        usage={
            "input_tokens": 120,
            "output_tokens": 6,
            "cached_tokens": 64,
            "reasoning_tokens": 0,
            "estimated": False,
        },
        time_to_first_token_ms=310.5,
        duration_ms=820.25,
        timings_ms={"model": 800.5},
        said_at="2026-03-01T12:30:00.820250+00:00",
        tool_calls=[{"id": "call-2", "function": {"name": "map", "arguments": "{}"}}],
    ),
    ReplyExtended(
        **_at(10),
        replaces=9,
        turn="turn-2",
        choice=0,
        text="By the river, dear. Come along.",
        model="gemini-2.5-flash",
        finish_reason="length",
        usage={"input_tokens": 130, "output_tokens": 3, "cached_tokens": 0, "reasoning_tokens": 0, "estimated": True},
        time_to_first_token_ms=None,
        duration_ms=400.0,
        timings_ms={},
        tool_calls=[],
    ),
    TurnFailed(**_at(11), turn="turn-3", code="superseded", detail="another request took its place"),
    SummaryWritten(
        **_at(12),
        covers=[[4, 5], [9, 9]],
        digest=SHA256,
        previous=30,
        text="Anna asked for the café; it is by the river.",
        model="gemini-3.5-flash-lite",
        cites=[5, 9],
        usage={
            "input_tokens": 412,
            "output_tokens": 38,
            "cached_tokens": 0,
            "reasoning_tokens": 11,
            "estimated": False,
        },
    ),
    MemoryCarried(
        **_at(13),
        source_session=PARENT.hex,
        source_version=17,
        role="assistant",
        name="Seraphina",
        text="You promised to bring the lantern.",
        said_at="2026-02-01T08:00:00.000000+00:00",
    ),
    MessageForgotten(**_at(14), of=5, versions=[4, 5], keyed_digests=[SHA256], counts={"messages": 2, "vectors": 3}),
    SessionErased(**_at(15), counts={"events": 15, "messages": 4}),
)


def topic_of(event: SessionEvent) -> str:
    """What a test of this example is called."""
    return type(event).TOPIC
