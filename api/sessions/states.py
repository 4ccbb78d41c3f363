"""A session and what it holds as JSON: its row in a list, its state as of a version, messages, readings, summaries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.sessions.reader import Asked
from domain.records import Json
from projections.emotions import MessageEmotion
from projections.messages import PathMessage
from projections.read_models import ReadModels
from projections.summaries import Summary
from projections.usage import Price

LOOK_BACK: Final = 20
"""Messages among which the last one with a reading is sought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """Tells how sessions are. Blocks."""

    models: ReadModels
    prices: Mapping[str, Price]
    working_memory: int

    def row(self, asked: Asked) -> dict[str, Json]:
        """A session in a list."""
        entry, feeling = asked.entry, self._feeling(asked)
        return {
            "id": entry.external_id,
            "title": entry.title,
            "messages": entry.messages,
            "version": entry.version,
            "created": entry.created,
            "last_activity": entry.last_activity,
            "dominant_emotion": feeling.dominant if feeling is not None else None,
        }

    def state(self, asked: Asked) -> dict[str, Json]:
        """A session as of a version."""
        entry, models = asked.entry, self.models
        path = models.conversation.path(asked.id, asked.at)
        summary = models.summaries.in_view(asked.id, path, asked.at)
        feeling = self._feeling(asked)
        return {
            "id": entry.external_id,
            "version": asked.version,
            "title": self._title(asked),
            "persona": self._persona(asked),
            "working_memory": [
                message_json(message) for message in models.conversation.tail(asked.id, self.working_memory, asked.at)
            ],
            "summary": summary.text if summary is not None else None,
            "emotion": _feeling_json(feeling) if feeling is not None else None,
            "usage": self._usage(asked),
            "lineage": self._lineage(asked),
            "messages": len(path),
        }

    def _title(self, asked: Asked) -> str | None:
        """The title is the first user message's beginning, and not there before that message."""
        entry = asked.entry
        known = entry.title_version is not None and entry.title_version <= asked.version
        return entry.title if known else None

    def _persona(self, asked: Asked) -> dict[str, Json] | None:
        """What the newest context showed; before the first one, what was defined last."""
        instructions = self.models.instructions
        persona = instructions.persona(asked.id, asked.at)
        if persona is None and not self.models.audits.turns(asked.id, asked.at, limit=1):
            persona = instructions.defined_last(asked.id, asked.at)
        return {"version": persona.version, "text": persona.text} if persona is not None else None

    def _feeling(self, asked: Asked) -> MessageEmotion | None:
        """How the user feels: the reading of the last message in view of theirs, or else of anyone's."""
        tail = self.models.conversation.tail(asked.id, LOOK_BACK, asked.at)
        readings = self.models.emotions.of_messages(asked.id, [message.version for message in tail], asked.at)
        read = [message for message in reversed(tail) if message.version in readings]
        last = next((message for message in read if message.role == "user"), read[0] if read else None)
        return readings[last.version] if last is not None else None

    def _usage(self, asked: Asked) -> dict[str, Json]:
        totals = self.models.usage.totals(asked.id, asked.at, prices=self.prices)
        return {
            "input_tokens": totals.input_tokens,
            "output_tokens": totals.output_tokens,
            "cached_tokens": totals.cached_tokens,
            "reasoning_tokens": totals.reasoning_tokens,
            "estimated": totals.estimated,
            "estimated_cost_usd": None if totals.estimated_cost_usd is None else float(totals.estimated_cost_usd),
        }

    def _lineage(self, asked: Asked) -> dict[str, Json]:
        """The session this one was forked from, by its name; null once that is gone, or before the fork."""
        entry = asked.entry
        if entry.parent is None or entry.at is None or asked.version <= entry.at:
            return {"parent": None, "at": None}
        parent = self.models.catalogue.by_id(UUID(entry.parent))
        return {"parent": parent.external_id if parent is not None else None, "at": entry.at}


def message_json(message: PathMessage) -> dict[str, Json]:
    """A message; `created` is when it was said."""
    return {
        "version": message.version,
        "role": message.role,
        "name": message.name,
        "text": message.text,
        "turn_id": message.turn,
        "created": message.said_at,
        "origin": message.origin,
        "edited": message.edited,
    }


def reading_json(message: PathMessage, reading: MessageEmotion) -> dict[str, Json]:
    """What was read in a message; `created` is when that was said."""
    return {
        "version": reading.version,
        "of": reading.of,
        "role": message.role,
        "created": message.said_at,
        **_feeling_json(reading),
        "importance": reading.importance,
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


def _feeling_json(reading: MessageEmotion) -> dict[str, Json]:
    """Valence is for detectors that tell one; the keywords do not."""
    return {
        "dominant": reading.dominant,
        "confidence": reading.confidence,
        "labels": reading.labels,
        "valence": None,
    }
