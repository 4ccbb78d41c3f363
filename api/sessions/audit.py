"""The audit of a turn: what the model was shown and why; and its replay, the proof that this is what it was shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from api.sessions.axis import Axis
from api.sessions.reader import Asked
from api.sessions.states import reading_json
from domain.errors import NotFound
from domain.events import ContextBuilt
from domain.manifest import context_sha256, render, versions_in
from domain.records import Budget, Candidate, Json, JsonObject, ManifestMessage, NeutralMessage, RecallRecord
from projections.audits import Turn
from projections.ports import EventLog
from projections.remembered import Remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Tells of turns. Blocks."""

    log: EventLog
    remembered: Remembered

    def turn(self, asked: Asked, name: str) -> JsonObject:
        """A turn as far as it had come. Raises NotFound for one that is unknown or began later."""
        turn = self._find(asked, name)
        return {
            "id": turn.id,
            "session_id": asked.entry.external_id,
            "version": turn.version,
            "created": turn.created,
            "chain": turn.chain,
            "status": turn.status,
            "reply": turn.replies[0] if turn.replies else None,
            "replies": turn.replies,
            **self._shown(asked.id, turn),
            "emotion": self._emotion(asked, turn),
            **_ended(turn),
            "timings_ms": _timings(turn),
        }

    def replay(self, asked: Asked, name: str) -> JsonObject:
        """The context rendered from events alone. `identical` is null when texts it needs were forgotten.

        Where it is not identical, `difference` is the first message that reads otherwise than in the views.
        """
        turn = self._find(asked, name)
        event = self._opening(asked.id, turn)
        needed = versions_in(event.manifest)
        remembered = self.remembered.texts(asked.id, needed)
        texts = Axis(self.log, self.remembered.models.lineage).texts(asked.id, remembered)
        forgotten = sorted(needed - texts.keys()) or ([turn.version] if turn.context is None else [])
        if turn.context is None or forgotten:
            return {"identical": None, "recorded_sha256": event.sha256, "forgotten": forgotten}
        context = render(event.manifest, texts)
        rebuilt = context_sha256(context)
        answer: dict[str, Json] = {
            "identical": rebuilt == event.sha256,
            "recorded_sha256": event.sha256,
            "rebuilt_sha256": rebuilt,
            "context": as_json(context),
        }
        if rebuilt != event.sha256:
            manifest = cast("list[ManifestMessage]", turn.context["manifest"])
            answer["difference"] = _difference(render(manifest, remembered), context)
        return answer

    def _find(self, asked: Asked, name: str) -> Turn:
        turn = self.remembered.models.audits.turn(asked.id, name, asked.at)
        if turn is None:
            raise NotFound("There is no such turn.", param="turn")
        return turn

    def _opening(self, session: UUID, turn: Turn) -> ContextBuilt:
        axis = Axis(self.log, self.remembered.models.lineage)
        (logged,) = axis.events(session, after=turn.version - 1, limit=1)
        return cast("ContextBuilt", logged.event)

    def _emotion(self, asked: Asked, turn: Turn) -> dict[str, Json] | None:
        """What was read in the turn's query, which its context told the model of; None where nothing was."""
        query = cast("int | None", turn.context["query"]) if turn.context is not None else None
        if query is None:
            return None
        models = self.remembered.models
        messages = models.conversation.find(asked.id, [query], asked.at)
        readings = models.emotions.of_messages(asked.id, messages, asked.at)
        return reading_json(messages[query], readings[query]) if query in readings else None

    def _shown(self, session: UUID, turn: Turn) -> dict[str, Json]:
        """What its ContextBuilt says, with the texts it names. All of it is null once that was forgotten."""
        if turn.context is None:
            return dict.fromkeys(_SHOWN)
        facts = turn.context
        manifest = cast("list[ManifestMessage]", facts["manifest"])
        recall = cast("RecallRecord", facts["recall"])
        budget = cast("Budget", facts["budget"])
        needed = versions_in(manifest)
        texts = self.remembered.texts(session, {*needed, *(one["version"] for one in recall["candidates"])})
        return {
            **{name: facts[field] for name, field in _SHOWN.items() if field in facts},
            "candidates": [candidate_json(one, texts) for one in recall["candidates"]],
            "rest": recall["rest"],
            "threshold": recall["threshold"],
            "cut": recall["cut"],
            "rerank": cast("JsonObject | None", recall.get("rerank")),
            "filters": recall.get("filters", {}),
            "policy": cast("JsonObject", recall["policy"]),
            "embedder": recall["embedder"],
            "budget": cast("JsonObject", budget["parts"]),
            "window": budget["window"],
            "tokenizer": budget["tokenizer"],
            "context": as_json(render(manifest, texts)) if needed <= texts.keys() else None,
        }


_SHOWN = {
    **{name: name for name in ("query", "kind", "model", "parameters", "now", "process")},
    **{"context_sha256": "sha256", "persona_version": "persona", "summary_version": "summary"},
    **dict.fromkeys(("candidates", "rest", "threshold", "cut", "rerank", "filters", "policy", "embedder"), ""),
    **dict.fromkeys(("budget", "window", "tokenizer", "context"), ""),
}
"""What an audit shows of a turn's ContextBuilt, and the event's field where it is shown as it stands."""


def candidate_json(candidate: Candidate, texts: Mapping[int, str]) -> dict[str, Json]:
    """A candidate with its text; of a persona, the chunk. The text is null once forgotten."""
    text = texts.get(candidate["version"])
    chunk = text[candidate.get("start", 0) : candidate.get("end")] if text is not None else None
    return {**cast("JsonObject", candidate), "text": chunk}


def as_json(context: Sequence[NeutralMessage]) -> list[Json]:
    """Messages as sent."""
    return [cast("JsonObject", message) for message in context]


def _ended(turn: Turn) -> dict[str, Json]:
    """How the turn ended, in the fields that such an end has."""
    ending = turn.ending or {}
    failed = turn.status == "failed"
    return {
        "finish_reason": ending.get("finish_reason"),
        "usage": ending.get("usage"),
        "error": {"code": ending.get("code"), "detail": ending.get("detail")} if failed else None,
    }


def _timings(turn: Turn) -> dict[str, Json]:
    """Milliseconds of every stage, those before the context was stored and those after; `total` from the arrival."""
    timings: dict[str, Json] = {}
    for facts in (turn.context, turn.ending):
        timings |= cast("Mapping[str, float]", (facts or {}).get("timings_ms", {}))
    ending = turn.ending or {}
    for stage, field in (("first_token", "time_to_first_token_ms"), ("total", "duration_ms")):
        if ending.get(field) is not None:
            timings[stage] = ending[field]
    return timings


def _difference(viewed: Sequence[NeutralMessage], rebuilt: Sequence[NeutralMessage]) -> JsonObject | None:
    """The first message that differs; None when only the recorded hash does."""
    for number in range(max(len(viewed), len(rebuilt))):
        in_views, in_events = viewed[number : number + 1], rebuilt[number : number + 1]
        if in_views != in_events:
            return {
                "message": number,
                "in_views": as_json(in_views)[0] if in_views else None,
                "in_events": as_json(in_events)[0] if in_events else None,
            }
    return None
