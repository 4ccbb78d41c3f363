"""What can have happened in a session, as facts for the specifications, and the values that commands take.

Only what a test is about has to be said; the rest is filled in, always the same.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from domain.emotion import Emotion
from domain.events import (
    ContextBuilt,
    EmotionDetected,
    InstructionReceived,
    MessageEdited,
    MessageForgotten,
    MessageReceived,
    PathChanged,
    PersonaDefined,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
    SessionForked,
    SessionRewound,
    SessionStarted,
    SummaryWritten,
    TurnFailed,
)
from domain.messages import Instruction, Message
from domain.path import Range, Splice, digest
from domain.records import Budget, Origin, PathCause, RecallRecord, Role, TurnKind, Usage
from domain.turn import Context, Detected, Reply
from tests.specification import EXTERNAL_ID, OWNER, Fact

NOW = "2026-03-01T12:00:00.000000+00:00"
USAGE: Usage = {"input_tokens": 7, "output_tokens": 3, "cached_tokens": 0, "reasoning_tokens": 0, "estimated": False}
BUDGET: Budget = {"window": 4096, "tokenizer": "words", "parts": {}}
RECALL: RecallRecord = {
    "policy": {"name": "cosine", "version": 1, "parameters": {}},
    "embedder": "none",
    "candidates": [],
    "rest": {},
    "threshold": 0.0,
    "cut": None,
}
CALM = Emotion(labels={"neutral": 1.0}, dominant="neutral", confidence=1.0)

# -- values ------------------------------------------------------------------------------------------------------------


def message(text: str, role: Role = "user", origin: Origin = "client") -> Message:
    return Message(role=role, text=text, said_at=NOW, origin=origin)


def instruction(text: str) -> Instruction:
    return Instruction(role="system", text=text)


def detected(of: int) -> Detected:
    return Detected(of=of, detector="keywords:1", emotion=CALM, importance=0.5)


def context(kind: TurnKind = "new", query: int | None = None) -> Context:
    return Context(
        kind=kind,
        process="p1",
        query=query,
        manifest=[],
        sha256="0" * 64,
        now=NOW,
        model="offline",
        parameters={},
        budget=BUDGET,
        recall=RECALL,
        persona=None,
        summary=None,
        timings_ms={},
    )


def reply(text: str) -> Reply:
    return Reply(
        text=text,
        model="offline",
        finish_reason="stop",
        usage=USAGE,
        time_to_first_token_ms=1.0,
        duration_ms=2.0,
        timings_ms={},
        said_at=NOW,
    )


# -- facts -------------------------------------------------------------------------------------------------------------


def started() -> Fact:
    values: dict[str, Any] = {
        "owner": OWNER,
        "external_id": EXTERNAL_ID,
        "identified_by": "header",
        "user": None,
        "details": {},
    }
    return Fact(SessionStarted, values)


def forked(at: int, path: list[Range], messages: list[Range], **more: Any) -> Fact:
    values = {"owner": OWNER, "external_id": EXTERNAL_ID, "parent": "0" * 32, "at": at}
    empty: dict[str, Any] = {"instructions": {}, "personas": {}}
    return Fact(SessionForked, {**values, "path": path, "messages": messages, **empty, **more})


def instructed(text: str) -> Fact:
    values = {"role": "system", "name": None, "text": text, "sha256": instruction(text).sha256}
    return Fact(InstructionReceived, values)


def persona_defined(*instructions: int) -> Fact:
    return Fact(PersonaDefined, {"instructions": list(instructions)})


def said(text: str, role: Role = "user", turn: str | None = "t1", origin: Origin = "client") -> Fact:
    empty: dict[str, Any] = {"name": None, "images": [], "tool_calls": [], "tool_call_id": None, "details": {}}
    values = {"turn": turn, "role": role, "text": text, "said_at": NOW, "origin": origin}
    return Fact(MessageReceived, values | empty)


def edited(replaces: int, text: str, turn: str | None = "t1") -> Fact:
    return Fact(MessageEdited, {"replaces": replaces, "turn": turn, "text": text})


def path_changed(cause: PathCause, *splices: Splice) -> Fact:
    return Fact(PathChanged, {"cause": cause, "splices": list(splices)})


def rewound(to: int) -> Fact:
    return Fact(SessionRewound, {"to": to})


def emotion_detected(of: int) -> Fact:
    values = {"labels": {"neutral": 1.0}, "dominant": "neutral", "confidence": 1.0}
    return Fact(EmotionDetected, {"of": of, "detector": "keywords:1", "importance": 0.5, **values})


def turn_opened(turn: str = "t1", kind: TurnKind = "new", query: int | None = None) -> Fact:
    built = context(kind, query)
    return Fact(ContextBuilt, {"turn": turn, **{field.name: getattr(built, field.name) for field in fields(built)}})


def replied(text: str, turn: str = "t1", choice: int = 0) -> Fact:
    given = reply(text)
    values = {field.name: getattr(given, field.name) for field in fields(given)}
    return Fact(ReplyCompleted, {"turn": turn, "choice": choice, **values, "tool_calls": []})


def extended(replaces: int, text: str, turn: str = "t1", choice: int = 0) -> Fact:
    values = replied(text, turn, choice).values
    for absent in ("name", "said_at"):
        del values[absent]
    return Fact(ReplyExtended, {"replaces": replaces, **values})


def turn_failed(turn: str = "t1", code: str = "abandoned", detail: str = "") -> Fact:
    return Fact(TurnFailed, {"turn": turn, "code": code, "detail": detail})


def summarised(covers: list[Range], of: Sequence[int], previous: int | None = None) -> Fact:
    values = {"covers": covers, "digest": digest(of), "previous": previous}
    return Fact(SummaryWritten, {**values, "text": "They met.", "model": "extractive", "cites": [2], "usage": None})


def forgotten(of: int, *versions: int) -> Fact:
    values: dict[str, Any] = {"of": of, "versions": list(versions)}
    return Fact(MessageForgotten, values | {"keyed_digests": ["k"], "counts": {"messages": 1}})


def erased() -> Fact:
    return Fact(SessionErased, {"counts": {"events": 2}})


DIALOGUE = (started(), said("Hi"), turn_opened(query=2), replied("Hello"))
"""Versions 1 to 4; the path is 2, 4."""
