"""A summary without a language model: sentences that were really said, each citing its message. Pure.

    messages -> sentences, each worth something -> the best that fit, in the order of the path -> one clause a line

It invents nothing. A summary continues the one before: of that, the least valuable clauses give way, never the first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.records import Usage

MAX_WORDS: Final = 200
PER_MESSAGE: Final = 2
"""Sentences of one message at most, so that a long one does not take everything."""
LONGEST: Final = 40
"""Words of one clause; a longer sentence is cut and says so."""
NEW_SHARE: Final = 0.4
"""Of the words, what the new messages may claim when the earlier summary wants them too: the far past must stay in."""

_CUES: Final = (
    # decisions and promises
    (
        0.30,
        r"\b(decid\w+|promis\w+|agree[ds]?|swear|swore|vow\w*|plan(s|ned)? to|going to|will|won't|let's|must|never)\b",
    ),
    # facts about somebody
    (0.25, r"\b(my|his|her|our|their) (\w+ ){1,2}(is|was|are|were)\b"),
    (0.25, r"\b(I am|I'm|I was|named?|called|born|lives? in)\b"),
    (0.15, r"\b(moved|married|died|bought|sold|lost|found|met|started|quit|left|won|broke|killed|became|learned)\b"),
    # moments of feeling
    (
        0.25,
        r"\b(love\w*|hate\w*|afraid|scared|terrified|happy|happiest|sad|angry|furious|proud|ashamed|sorry|grateful)\b",
    ),
    (0.20, r"\b(cr(y|ied|ying)|tears?|kiss\w*|hugg?\w*|miss(ed)? (you|him|her|them)|heart\w*|dream\w*|worr\w+)\b"),
    # numbers and dates
    (0.15, r"\d"),
)
_WEIGHED: Final = tuple((weight, re.compile(pattern, re.IGNORECASE)) for weight, pattern in _CUES)
_NAME: Final = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_SMALL_TALK: Final = re.compile(
    r"\W*(hi|hey|hello|ok|okay|sure|yes|no|thanks?|thank you|bye|good (morning|night))\b", re.I
)
# Up to a full stop and what closes a quotation, or to the end of the line; Chinese and Japanese stops need no space.
_SENTENCE: Final = re.compile(
    r".+?(?:[.!?\u2026][\"')\]*\u2019\u201d]*(?=\s|$)|[\u3002\uff01\uff1f][\u2019\u201d\u300d]*|$)", re.MULTILINE
)
_QUESTION: Final = re.compile(r"[?\uff1f]\W*$")
_ABBREVIATION: Final = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|St|Prof|vs|etc|e\.g|i\.e|[A-Z])\.$")
# Chinese, Japanese and Korean write no spaces: a letter there counts as a word.
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message to be summarised; `importance` is 0..1."""

    version: int
    speaker: str
    text: str
    importance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """One clause a line (`Robin: I moved to Oslo.`), and the version that each line cites, in the same order; or a
    model's own words, which cite none, and what they took."""

    text: str
    cites: list[int]
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class _Clause:
    version: int | None
    place: int
    line: str
    value: float

    @property
    def words(self) -> int:
        return count_words(self.line)


def extract(messages: Sequence[Told], *, previous: Extract | None = None, max_words: int = MAX_WORDS) -> Extract:
    """The summary of `messages`, given in path order, continuing `previous`, in at most `max_words` words."""
    old = _remembered(previous) if previous is not None else []
    known = {clause.line for clause in old}
    new = [clause for clause in _clauses(messages) if clause.line not in known]
    claimed = max(int(max_words * NEW_SHARE), max_words - _total(old))
    chosen = _best(new, claimed)
    kept = _best(old, max_words - _total(chosen), first=True)
    clauses = [*kept, *chosen]
    cites = [clause.version for clause in clauses if clause.version is not None]
    return Extract(text="\n".join(clause.line for clause in clauses), cites=cites)


def sentences(text: str) -> list[str]:
    """The sentences of a text, white space folded; abbreviations do not end one."""
    found: list[str] = []
    for piece in _SENTENCE.findall(text):
        sentence = " ".join(piece.split())
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] = f"{found[-1]} {sentence}"
        elif sentence:
            found.append(sentence)
    return found


def worth(sentence: str) -> float:
    """How much a sentence tells by its looks, -0.7 to about 1.5: decisions, facts and feelings tell, questions less."""
    value = sum(weight for weight, pattern in _WEIGHED if pattern.search(sentence))
    if _NAME.search(sentence):
        value += 0.1
    if _QUESTION.search(sentence):
        value -= 0.4
    if count_words(sentence) < 4 or _SMALL_TALK.match(sentence):
        value -= 0.3
    return value


def count_words(text: str) -> int:
    """Words of a text; in scripts without spaces, letters."""
    return len(_WORD.findall(text))


def _clauses(messages: Sequence[Told]) -> list[_Clause]:
    """What could be said of these messages: the best sentences of each, in order, none twice."""
    found: dict[str, _Clause] = {}
    for message in messages:
        speaker = " ".join(message.speaker.split())
        said = [
            _Clause(message.version, place, f"{speaker}: {_cut(sentence)}", message.importance + worth(sentence))
            for place, sentence in enumerate(sentences(message.text))
        ]
        top = sorted(said, key=lambda clause: (-clause.value, clause.place))[:PER_MESSAGE]
        for clause in sorted(top, key=lambda clause: clause.place):
            found.setdefault(clause.line, clause)
    return list(found.values())


def _remembered(previous: Extract) -> list[_Clause]:
    """The clauses of the earlier summary; how important their messages were is no longer known.

    One that is not ours (a model wrote it) has other lines than cites: its sentences stay, without any.
    """
    lines = previous.text.splitlines()
    cites: Sequence[int | None] = previous.cites
    if len(lines) != len(cites):
        lines = sentences(previous.text)
        cites = [None] * len(lines)
    return [
        _Clause(version, place, line, worth(line.partition(": ")[2] or line))
        for place, (line, version) in enumerate(zip(lines, cites, strict=True))
    ]


def _best(clauses: Sequence[_Clause], words: int, *, first: bool = False) -> list[_Clause]:
    """The most valuable clauses that fit into so many words, in their order; with `first`, the first before all."""
    order = sorted(range(len(clauses)), key=lambda n: (not (first and n == 0), -clauses[n].value, n))
    taken: list[int] = []
    for n in order:
        if clauses[n].words <= words:
            words -= clauses[n].words
            taken.append(n)
    return [clauses[n] for n in sorted(taken)]


def _total(clauses: Sequence[_Clause]) -> int:
    return sum(clause.words for clause in clauses)


def _cut(sentence: str) -> str:
    words = list(_WORD.finditer(sentence))
    return sentence if len(words) <= LONGEST else f"{sentence[: words[LONGEST - 1].end()]} …"
