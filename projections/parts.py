"""The parts of the score of the policy `heartline`: each a pure function of the evidence, before its weight.

Each gives one value a place, mostly between 0 and 1. Their names are what an audit shows.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from projections.evidence import Evidence, Mask, Scores
from projections.facts import UNITS
from projections.traits import ASKS, NAMES_COUNTED, NUMBER, QUESTION, QUOTES, TIME

ONE_MONTH: Final = 31
TOLD_WITHIN_DAYS: Final = 10
"""An event is told of on its day or in the days after."""
SHORT_WORDS: Final = 80
"""Up to so many words a message is an answer rather than an essay that has a name, a number and a date anyway."""
SHORT_QUESTION_WORDS: Final = 40
_PRECISION: Final = {"day": np.float32(1.0), "month": np.float32(0.5), "year": np.float32(0.3)}
B: Final = 1.0
"""BM25's: long answers of an assistant have every word somewhere."""


def words(evidence: Evidence) -> Scores:
    """The query's words in the message."""
    return evidence.words(0, b=B)


def words_near(evidence: Evidence) -> Scores:
    """In the message or in one beside it."""
    return evidence.words(1, b=B)


def words_around(evidence: Evidence) -> Scores:
    """In the message or in the three on either side, as far as messages are short."""
    return evidence.words(3, b=B) * evidence.brevity


def speaker(evidence: Evidence) -> Scores:
    """1 for a message of who is asked about, 0 for another's, between them where the query names nobody or all."""
    return evidence.about


def date(evidence: Evidence) -> Scores:
    """1 for a message of a named day or the days after it, 0.5 of a named month, 0.3 of a named year."""
    found = np.zeros(len(evidence.course), dtype=np.float32)
    for days in evidence.asking.days:
        last = days.last + TOLD_WITHIN_DAYS if days.unit == "day" else days.last
        said_then = (evidence.days >= days.first) & (evidence.days <= last)
        found = np.maximum(found, said_then * _PRECISION[days.unit])
    return found


def same_day(evidence: Evidence) -> Scores:
    """Whether the message is of a named day or month."""
    found = np.zeros(len(evidence.course), dtype=np.float32)
    for days in evidence.asking.days:
        if days.unit != "year":
            found[(evidence.days >= days.first) & (evidence.days <= days.last)] = 1
    return found


def days_told(evidence: Evidence) -> Scores:
    """Whether the message speaks of a named day, as seen from its own ("last Friday")."""
    found = np.zeros(len(evidence.course), dtype=np.float32)
    if evidence.asking.days:
        place, first, last, unit = evidence.days_told.T
        for days in evidence.asking.days:
            precise = last - first < ONE_MONTH
            comparable = precise | (unit == UNITS.index("year")) if days.unit == "year" else precise
            found[place[comparable & (first <= days.last) & (last >= days.first)]] = 1
    return found


def question(evidence: Evidence) -> Scores:
    """-1 for a message that only asks, as far as messages are short."""
    return -_marked(evidence, ASKS).astype(np.float32) * evidence.brevity


def answer(evidence: Evidence) -> Scores:
    """How well a question matches that was put to who is asked about, in the message before."""
    course = evidence.course
    asks = _marked(evidence, QUESTION) & (evidence.text_words <= SHORT_QUESTION_WORDS)
    own = evidence.cosine + np.float32(0.5) * words(evidence)
    other = course.before(evidence.roles.astype(np.float32)) != evidence.roles
    return np.where(other & (evidence.about > 0), course.before(np.where(asks, own, np.float32(0.0))), 0).astype(
        np.float32
    )


def cue(evidence: Evidence) -> Scores:
    """A name where the query asks who, where or which; a number where it asks how many; a time where it asks when."""
    asked = evidence.asking
    found = np.maximum(_marked(evidence, asked.marks & NUMBER), _marked(evidence, asked.marks & TIME), dtype=np.float32)
    return _likely_answer(evidence) * (np.maximum(found, _names(evidence)) if asked.name else found)


def names(evidence: Evidence) -> Scores:
    """Capitalised words in the message, as far as messages are short: it tells of somebody or something by name."""
    return _likely_answer(evidence) * _names(evidence) * evidence.brevity


def quotation(evidence: Evidence) -> Scores:
    """A quotation where the query asks for a title or a saying."""
    found = _marked(evidence, QUOTES) & evidence.asking.title
    return _likely_answer(evidence) * found


def _marked(evidence: Evidence, marks: int) -> Mask:
    return (evidence.marks & marks) != 0


def _names(evidence: Evidence) -> Scores:
    return evidence.names.astype(np.float32) / np.float32(NAMES_COUNTED)


def _likely_answer(evidence: Evidence) -> Scores:
    """1 for a short message of who is asked about."""
    return ((evidence.about > 0) & (evidence.text_words <= SHORT_WORDS)).astype(np.float32)


PARTS: Final[Mapping[str, Callable[[Evidence], Scores]]] = {
    "cosine": lambda evidence: evidence.cosine,
    "words": words,
    "words_near": words_near,
    "words_around": words_around,
    "speaker": speaker,
    "date": date,
    "same_day": same_day,
    "days_told": days_told,
    "question": question,
    "answer": answer,
    "cue": cue,
    "names": names,
    "quotation": quotation,
}
"""Those that need no token vectors. Two more stand on what these find: `tokens` and `sitting` (`heartline.py`)."""
