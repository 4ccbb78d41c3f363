"""Conversations with questions about them, read from files that others publish. Nothing of them is in the repository.

    LoCoMo   a list of {"conversation": {"session_1": [turns], "session_1_date_time": …}, "qa": [questions]}
    plain    {"messages": [{"id", "speaker", "text", "time"}],
              "questions": [{"question", "evidence": [ids], "category"}]}

A file holds one or more of either; of a folder all its `.json` files are read, in the order of their names.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from api.times import instant

WITHOUT_EVIDENCE: Final = "5"
"""LoCoMo's category of questions that have no answer: there is nothing to recall."""

STEP: Final = timedelta(seconds=20)
"""Between the turns of one sitting, where only the sitting has a date."""

_EVIDENCE = re.compile(r"D:?(\d+):(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message. `said_at` is None where the data has no date for it."""

    id: str
    speaker: str
    text: str
    said_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`evidence` are ids of the lines that hold the answer, each once and at least one."""

    text: str
    evidence: Sequence[str]
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """`repaired` counts evidence that was malformed but told what it meant, `unknown` what names no line; `skipped`
    questions that have no evidence at all."""

    name: str
    lines: Sequence[Line]
    questions: Sequence[Question]
    repaired: int = 0
    unknown: int = 0
    skipped: int = 0


def read(path: Path) -> list[Conversation]:
    """The conversations of a file or folder. Raises ValueError for a file of neither shape."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    return [conversation for file in files for conversation in _read_file(file)]


def _read_file(file: Path) -> Iterator[Conversation]:
    content = json.loads(file.read_text(encoding="utf-8"))
    for number, entry in enumerate(cast("list[Any]", content) if isinstance(content, list) else [content]):
        name = f"{file.stem}-{number}"
        if "conversation" in entry:
            yield _locomo(name, entry)
        elif "messages" in entry:
            yield _plain(name, entry)
        else:
            raise ValueError(f"{file}: neither LoCoMo's shape nor the plain one.")


@dataclass(slots=True)
class _Evidence:
    """Resolves the evidence of questions, and counts what was wrong with it."""

    known: frozenset[str]
    repaired: int = 0
    unknown: int = 0
    skipped: int = 0
    questions: list[Question] = field(default_factory=list[Question])

    def add(self, text: str, category: object, evidence: Sequence[object]) -> None:
        """A question, unless nothing of its evidence can be found."""
        found: dict[str, None] = {}
        for given in evidence:
            named = self._named(str(given))
            self.repaired += bool(named) and named != [str(given)]
            self.unknown += not named
            found.update(dict.fromkeys(named))
        if found:
            self.questions.append(Question(text=text, evidence=list(found), category=str(category)))
        else:
            self.skipped += 1

    def _named(self, given: str) -> list[str]:
        if given in self.known:
            return [given]
        written = (f"D{int(sitting)}:{int(turn)}" for sitting, turn in _EVIDENCE.findall(given))
        return [one for one in written if one in self.known]

    def conversation(self, name: str, lines: Sequence[Line]) -> Conversation:
        return Conversation(
            name=name,
            lines=lines,
            questions=self.questions,
            repaired=self.repaired,
            unknown=self.unknown,
            skipped=self.skipped,
        )


def _locomo(name: str, entry: dict[str, Any]) -> Conversation:
    talk = entry["conversation"]
    sittings = sorted(int(key.split("_")[1]) for key in talk if re.fullmatch(r"session_\d+", key))
    lines = [line for sitting in sittings for line in _sitting(talk, sitting)]
    evidence = _Evidence(frozenset(line.id for line in lines))
    for question in entry["qa"]:
        if str(question["category"]) != WITHOUT_EVIDENCE:
            evidence.add(question["question"], question["category"], question["evidence"])
    return evidence.conversation(name, lines)


def _sitting(talk: dict[str, Any], sitting: int) -> Iterator[Line]:
    began = instant(talk.get(f"session_{sitting}_date_time"))
    for place, turn in enumerate(talk[f"session_{sitting}"]):
        shown = f" [image: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
        yield Line(
            id=turn["dia_id"],
            speaker=turn["speaker"],
            text=f"{turn['text']}{shown}",
            said_at=began + place * STEP if began is not None else None,
        )


def _plain(name: str, entry: dict[str, Any]) -> Conversation:
    lines = [
        Line(id=str(one["id"]), speaker=one["speaker"], text=one["text"], said_at=instant(one.get("time")))
        for one in entry["messages"]
        if one["text"].strip()
    ]
    evidence = _Evidence(frozenset(line.id for line in lines))
    for question in entry["questions"]:
        evidence.add(question["question"], question["category"], question["evidence"])
    return evidence.conversation(name, lines)
