"""Finds the weights of the policy `heartline`, and tells what each part of its score is worth.

    python -m benchmarks.fit_recall --people locomo/dev.json --chats user-assistant/ [--keep DIR] [--write FILE]

Listwise: the weights make the evidence of each question as likely as can be under a softmax over the session's
messages; none is negative, large ones cost a little. Chats of a user with an assistant weigh 0.6 of the conversations
between people. What is reported of a conversation was fitted without it (of the chats, without half of them).
"""

import argparse
import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import orjson
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import optimize

from api.bootstrap import System
from api.sessions.sessions import SessionReads
from benchmarks.dialogues import Conversation, Question, read
from benchmarks.imports import OWNER, bring_in, recalling_system
from benchmarks.retrieval import FACTUAL
from domain.session import session_id
from projections.evidence import Evidence
from projections.heartline import sitting_without_tokens
from projections.parts import PARTS

WEIGHT_OF_CHATS: Final = 0.6
PENALTY: Final = 1e-5
LOOKED_AT: Final = 120
"""Messages a question whose likelihood is fitted: the best by a plain sum of the parts, and the evidence."""
KS: Final = (3, 5, 10)

Floats = NDArray[np.float64]
_minimize = cast("Callable[..., Any]", cast("Any", optimize).minimize)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question: what each part is worth at each message (by its name), and which messages are evidence."""

    conversation: str
    category: str
    parts: Mapping[str, NDArray[np.float32]]
    evidence: NDArray[np.bool_]

    def table(self, names: Sequence[str]) -> Floats:
        return np.stack([self.parts[name] for name in names], axis=1).astype(np.float64)

    def likely(self) -> NDArray[np.int64]:
        """The messages that are worth fitting to."""
        plain = np.sum([values for name, values in self.parts.items() if name != "sitting_without"], axis=0)
        return np.union1d(np.argsort(-plain)[:LOOKED_AT], np.flatnonzero(self.evidence))


async def cases_of(system: System, conversation: Conversation) -> list[Case]:
    """The questions of a conversation, through the product's own import, encoding and index."""
    ids = await bring_in(system, conversation)
    reads = cast("SessionReads", system.services.sessions)
    session = session_id(OWNER, conversation.name)
    path = system.memory.models.conversation.path(session)
    names = system.memory.models.lexicon.speakers(session)
    cases: list[Case] = []
    for question in conversation.questions:
        perceived = await reads.perception.perceive_query(0, question.text, names)
        with reads.seeking.indexes.fresh(session) as index:
            course = index.course(path)
            everything = np.ones(len(course), dtype=np.bool_)
            query = perceived.as_query(reads.clock().toordinal())
            evidence = Evidence(index, course, query, candidates=everything, at=None)
            cases.append(_case(conversation.name, question, evidence, [ids[version] for version in path]))
    return cases


def _case(conversation: str, question: Question, evidence: Evidence, ids: Sequence[str]) -> Case:
    tokens = evidence.interaction(np.arange(len(evidence.course)))
    parts = {
        **{name: part(evidence) for name, part in PARTS.items()},
        "tokens": tokens,
        "sitting": evidence.course.best_of_sitting(tokens),
        "sitting_without": sitting_without_tokens(evidence),
    }
    return Case(
        conversation=conversation,
        category=question.category,
        parts=parts,
        evidence=np.isin(ids, list(question.evidence)),
    )


def fitted(people: Sequence[Case], chats: Sequence[Case], names: Sequence[str]) -> Floats:
    """The weights, none negative."""
    share = WEIGHT_OF_CHATS * len(people) / max(len(chats), 1)
    weights = np.array([1.0] * len(people) + [share] * len(chats))
    tables = [
        (case.table(names)[likely], case.evidence[likely]) for case in (*people, *chats) for likely in (case.likely(),)
    ]
    rows = np.concatenate([table for table, _ in tables])
    sizes = np.array([len(table) for table, _ in tables])
    wanted = np.concatenate([evidence / evidence.sum() for _, evidence in tables])
    of_case = np.repeat(np.arange(len(tables)), sizes)
    starts = np.cumsum(sizes) - sizes
    weight = (weights / weights.sum())[of_case]
    gained = (rows * (wanted * weight)[:, None]).sum(0)

    def loss(candidate: Floats) -> tuple[float, Floats]:
        scores = rows @ candidate
        highest = np.maximum.reduceat(scores, starts)
        likelihood = np.exp(scores - highest[of_case])
        total = np.add.reduceat(likelihood, starts)
        log_total = (np.log(total) + highest) * (weights / weights.sum())
        expected = (rows * (likelihood / total[of_case] * weight)[:, None]).sum(0)
        value = float(log_total.sum() - gained @ candidate + PENALTY * candidate @ candidate)
        return value, expected - gained + 2 * PENALTY * candidate

    found = _minimize(loss, np.ones(len(names)), jac=True, bounds=[(0, None)] * len(names), method="L-BFGS-B")
    return cast("Floats", found.x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Recall at KS, in percent: of people's conversations, of the chats' facts, of all questions of the chats."""

    people: Sequence[float]
    facts: Sequence[float]
    chats: Sequence[float]

    def cells(self) -> list[str]:
        return [" / ".join(f"{value:.1f}" for value in row) for row in (self.people, self.facts, self.chats)]


def left_out(people: Sequence[Case], chats: Sequence[Case], names: Sequence[str]) -> Result:
    """Each conversation by weights that were fitted without it."""
    of_people: list[tuple[Case, Floats]] = []
    for conversation in sorted({case.conversation for case in people}):
        weights = fitted([case for case in people if case.conversation != conversation], chats, names)
        of_people += [(case, weights) for case in people if case.conversation == conversation]
    of_chats: list[tuple[Case, Floats]] = []
    every = sorted({case.conversation for case in chats})
    for half in (every[::2], every[1::2]):
        weights = fitted(people, [case for case in chats if case.conversation not in half], names)
        of_chats += [(case, weights) for case in chats if case.conversation in half]
    return Result(
        people=_recall(of_people, names),
        facts=_recall([(case, weights) for case, weights in of_chats if case.category in FACTUAL], names),
        chats=_recall(of_chats, names),
    )


def _recall(judged: Iterable[tuple[Case, Floats]], names: Sequence[str]) -> list[float]:
    found = [
        [case.evidence[order[:k]].sum() / case.evidence.sum() for k in KS]
        for case, weights in judged
        for order in (np.argsort(-(case.table(names) @ weights), kind="stable"),)
    ]
    return [float(value) for value in 100 * np.mean(found, axis=0)] if found else [0.0] * len(KS)


def main() -> None:
    """Parse the command line, fit, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_recall", description="Weights of the recall score.")
    parser.add_argument("--people", type=Path, required=True, help="conversations between two people (LoCoMo)")
    parser.add_argument("--chats", type=Path, required=True, help="chats of a user with an assistant")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what was imported here, and use it again")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the weights here")
    given = parser.parse_args()
    people, chats = asyncio.run(_cases(given.people, given.chats, given.keep))
    with_tokens = [*PARTS, "tokens", "sitting"]
    without_tokens = [*PARTS, "sitting_without"]
    if given.write is not None:
        given.write.write_bytes(_file(people, chats, with_tokens, without_tokens))
    _print_ablation(people, chats, with_tokens, without_tokens)


async def _cases(people: Path, chats: Path, keep: Path | None) -> tuple[list[Case], list[Case]]:
    async with recalling_system(keep) as system:
        found = [
            [case for conversation in read(source) for case in await cases_of(system, conversation)]
            for source in (people, chats)
        ]
    return found[0], found[1]


def _file(people: list[Case], chats: list[Case], with_tokens: list[str], without_tokens: list[str]) -> bytes:
    """The weights file. The cosine's weight is 1: only the order of the scores counts."""
    content = {
        "expected": _expected(people),
        "weights": _named(with_tokens, fitted(people, chats, with_tokens)),
        "weights_without_tokens": _named(without_tokens, fitted(people, chats, without_tokens)),
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _named(names: Sequence[str], weights: Floats) -> dict[str, float]:
    return {
        "sitting" if name == "sitting_without" else name: round(float(weight / weights[0]), 3)
        for name, weight in zip(names, weights, strict=True)
    }


def _expected(cases: Sequence[Case]) -> list[float]:
    """The late interaction to expect of a cosine: a constant and a slope, by least squares."""
    cosine = np.concatenate([case.parts["cosine"] for case in cases]).astype(np.float64)
    tokens = np.concatenate([case.parts["tokens"] for case in cases]).astype(np.float64)
    slope, constant = np.polyfit(cosine, tokens, 1)
    return [round(float(constant), 4), round(float(slope), 4)]


def _print_ablation(people: list[Case], chats: list[Case], with_tokens: list[str], without_tokens: list[str]) -> None:
    """What is left when a part is left out and the others are fitted anew."""
    table = Table(title="recall@3 / @5 / @10 of conversations that were not fitted to")
    for column in ("parts", "people", "chats, facts", "chats, all"):
        table.add_column(column)
    rows = {"all": with_tokens, "all but tokens": without_tokens}
    rows |= {f"all but {left}": [name for name in with_tokens if name != left] for left in with_tokens[1:]}
    rows["cosine alone"] = ["cosine"]
    for label, names in rows.items():
        table.add_row(label, *left_out(people, chats, names).cells())
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
