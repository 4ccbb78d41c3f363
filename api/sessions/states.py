"""A session and what it holds as JSON: its row in a list, its state as of a version, messages, readings, summaries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from api.sessions.reader import Asked
from domain.emotion import importance_parts
from domain.mood import REACH, Felt, Mood, mood, moods
from domain.records import Json, JsonObject
from projections.catalogue import SessionEntry
from projections.emotions import MessageEmotion
from projections.messages import PathMessage
from projections.read_models import ReadModels
from projections.summaries import Summary
from projections.usage import Price, UsageTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """Tells how sessions are. Blocks."""

    models: ReadModels
    prices: Mapping[str, Price]
    working_memory: int

    def row(self, asked: Asked) -> dict[str, Json]:
        """A session in a list."""
        entry, felt = asked.entry, self._mood(asked)
        return {
            "id": entry.external_id,
            "title": entry.title,
            "messages": entry.messages,
            "version": entry.version,
            "created": entry.created,
            "last_activity": entry.last_activity,
            "dominant_emotion": felt.dominant if felt is not None else None,
            "lineage": self._lineage(asked),
        }

    def state(self, asked: Asked) -> dict[str, Json]:
        """A session as of a version."""
        entry, models = asked.entry, self.models
        path = models.conversation.path(asked.id, asked.at)
        summary = models.summaries.in_view(asked.id, path, asked.at)
        felt = self._mood(asked)
        return {
            "id": entry.external_id,
            "version": asked.version,
            "title": self._title(asked),
            "persona": self._persona(asked),
            "working_memory": [
                message_json(message) for message in models.conversation.tail(asked.id, self.working_memory, asked.at)
            ],
            "summary": summary.text if summary is not None else None,
            "emotion": feeling_json(felt) if felt is not None else None,
            "usage": self._usage(asked),
            "lineage": {**self._lineage(asked), "forks": self._forks(asked)},
            "messages": len(path),
        }

    def _title(self, asked: Asked) -> str | None:
        """The title is the first user message's beginning, and not there before that message."""
        entry = asked.entry
        known = entry.title_version is not None and entry.title_version <= asked.version
        return entry.title if known else None

    def _persona(self, asked: Asked) -> dict[str, Json] | None:
        persona = self.models.instructions.persona(asked.id, asked.at)
        return {"version": persona.version, "text": persona.text} if persona is not None else None

    def messages(self, asked: Asked, messages: Sequence[PathMessage]) -> list[dict[str, Json]]:
        """The messages, each with what was read in it; `emotion` and `importance` are null where nothing was yet."""
        read = {message.version: reading for message, reading in self._read(asked, messages)}
        return [{**message_json(message), **_mark(read.get(message.version))} for message in messages]

    def siblings(self, asked: Asked) -> list[dict[str, Json]]:
        """The messages that are not in view, and where they stood."""
        found = self.models.conversation.siblings(asked.id, asked.at)
        return [{**message_json(one.message), "after": one.after, "left": one.left} for one in found]

    def emotions(self, asked: Asked) -> list[dict[str, Json]]:
        """What was read in the messages in view, in their order, and the mood after each of them."""
        messages = self.models.conversation.messages(asked.id, asked.at)
        read = self._read(asked, messages)
        felt = moods(_felt(message, reading) for message, reading in read)
        return [
            {**reading_json(message, reading), "mood": feeling_json(after)}
            for (message, reading), after in zip(read, felt, strict=True)
        ]

    def _mood(self, asked: Asked) -> Mood | None:
        """The mood after the last message in view."""
        tail = self.models.conversation.tail(asked.id, REACH, asked.at)
        return mood(_felt(message, reading) for message, reading in self._read(asked, tail))

    def _read(self, asked: Asked, messages: Sequence[PathMessage]) -> list[tuple[PathMessage, MessageEmotion]]:
        readings = self.models.emotions.of_messages(asked.id, [message.version for message in messages], asked.at)
        return [(message, readings[message.version]) for message in messages if message.version in readings]

    def _usage(self, asked: Asked) -> dict[str, Json]:
        return usage_json(self.models.usage.totals(asked.id, asked.at, prices=self.prices))

    def days(self, sessions: Sequence[SessionEntry], since: str) -> list[dict[str, Json]]:
        """What the sessions used on each day from `since` on."""
        found = self.models.usage.days([UUID(entry.session) for entry in sessions], since=since, prices=self.prices)
        return [{"date": day, "replies": totals.replies, **usage_json(totals)} for day, totals in found.items()]

    def _forks(self, asked: Asked) -> list[Json]:
        """The sessions that were forked from this one up to that version."""
        forks = self.models.catalogue.forks(asked.id)
        return [{"id": fork.external_id, "at": fork.at} for fork in forks if (fork.at or 0) <= asked.version]

    def _lineage(self, asked: Asked) -> dict[str, Json]:
        """The session this one was forked from, by its name; null once that is gone, or before the fork."""
        entry = asked.entry
        if entry.parent is None or entry.at is None or asked.version <= entry.at:
            return {"parent": None, "at": None}
        parent = self.models.catalogue.by_id(UUID(entry.parent))
        return {"parent": parent.external_id if parent is not None else None, "at": entry.at}


def message_json(message: PathMessage) -> dict[str, Json]:
    """A message; `created` is when it was said. What few messages have stands in those only."""
    told: dict[str, Json] = {
        "version": message.version,
        "role": message.role,
        "name": message.name,
        "text": message.text,
        "turn_id": message.turn,
        "created": message.said_at,
        "origin": message.origin,
        "edited": message.edited,
        "replaces": message.replaces,
    }
    if message.images:
        told["images"] = cast("list[Json]", message.images)
    if message.tool_calls:
        told["tool_calls"] = message.tool_calls
    if message.tool_call_id is not None:
        told["tool_call_id"] = message.tool_call_id
    return told


def usage_json(totals: UsageTotals) -> dict[str, Json]:
    return {
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "cached_tokens": totals.cached_tokens,
        "reasoning_tokens": totals.reasoning_tokens,
        "estimated": totals.estimated,
        "estimated_cost_usd": None if totals.estimated_cost_usd is None else float(totals.estimated_cost_usd),
    }


def _mark(reading: MessageEmotion | None) -> dict[str, Json]:
    """What a list of messages shows of a reading."""
    if reading is None:
        return {"emotion": None, "importance": None}
    felt = {"dominant": reading.dominant, "confidence": reading.confidence, "valence": reading.valence}
    return {"emotion": felt, "importance": reading.importance}


def reading_json(message: PathMessage, reading: MessageEmotion) -> dict[str, Json]:
    """What was read in a message, and how its importance adds up; `created` is when that was said."""
    return {
        "version": reading.version,
        "of": reading.of,
        "role": message.role,
        "created": message.said_at,
        **feeling_json(reading),
        "importance": reading.importance,
        "importance_parts": cast("JsonObject", importance_parts(message.text, reading.emotion)),
        "detector": reading.detector,
    }


def summary_json(summary: Summary, *, in_view: bool) -> dict[str, Json]:
    """A summary of the path's first `count` messages, which the ranges `covers` name."""
    return {
        "version": summary.version,
        "text": summary.text,
        "count": summary.count,
        "covers": summary.covers,
        "cites": summary.cites,
        "previous": summary.previous,
        "model": summary.model,
        "created": summary.created,
        "in_view": in_view,
    }


def _felt(message: PathMessage, reading: MessageEmotion) -> Felt:
    return Felt(emotion=reading.emotion, by_user=message.role == "user")


def feeling_json(felt: Mood | MessageEmotion) -> dict[str, Json]:
    return {
        "dominant": felt.dominant,
        "confidence": felt.confidence,
        "labels": felt.labels,
        "valence": felt.valence,
        "intensity": felt.intensity,
    }
