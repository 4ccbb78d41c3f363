"""Why a memory was not in a turn's context, or why it was: the stage at which it fell out, with the numbers.

    not said yet -> shown anyway -> listed in the record -> off the path -> recomputed as of the turn

The record is asked first and always right. What it does not list is ranked again, by the policy, the vectors and the
path of then; where that policy version or its vectors are no longer there, only what the record still proves is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from api.reasons.past import INSTRUCTIONS, Past, PastTurn
from api.reasons.verdicts import Judged
from api.sessions.reader import Asked
from domain.errors import InvalidRequest
from domain.records import Candidate, Json, JsonObject, RecallRecord
from projections.policies import Policy, policy_recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """Explains. Blocks."""

    past: Past

    def answer(self, asked: Asked, turn: PastTurn, version: int) -> JsonObject:
        """Raises InvalidRequest for a version that the session has not, or that is no memory.

        `moment` says that the context's part on recall names it: as a quotation, or as a moment of the same feeling.
        """
        if version > asked.version:
            raise InvalidRequest(
                f"The session has versions 1 to {asked.version}; {version} is none of them.", param="version"
            )
        text = self.past.contexts.remembered.texts(asked.id, [version]).get(version)
        if text is None:
            raise InvalidRequest(
                f"Version {version} is not a message, summary, instruction or carried memory, or it was forgotten.",
                param="version",
            )
        policy = turn.recall["policy"]
        return {
            "version": version,
            "text": text,
            "turn": turn.turn.id,
            "turn_version": turn.version,
            "turn_status": turn.turn.status,
            **_NO_NUMBERS,
            "threshold": turn.recall["threshold"],
            "cut": turn.recall["cut"],
            "policy": {"name": policy["name"], "version": policy["version"]},
            "policy_exists": policy_recorded(policy) is not None,
            "embedder": turn.recall["embedder"],
            "recomputed": False,
            "moment": version in turn.shown("recall"),
            **self._found(turn, version),
        }

    def _found(self, turn: PastTurn, version: int) -> dict[str, Json]:
        listed = [one for one in turn.recall["candidates"] if one["version"] == version]
        if version > turn.version:
            return _verdict("not_said_yet", f"It came after the turn, which began at version {turn.version}.")
        if (shown := _shown(turn, version)) is not None:
            return {**(_numbers(_best(listed)) if listed else {}), **shown}
        if listed:
            return _judged(_best(listed), turn.recall, turn)
        if (absent := self._absent(turn, version)) is not None:
            return absent
        return self._recomputed(turn, version)

    # -- no candidate --------------------------------------------------------------------------------------------------

    def _absent(self, turn: PastTurn, version: int) -> dict[str, Json] | None:
        """Why it could not be recalled at all, whatever its score; None when it could."""
        message = self.past.contexts.remembered.messages(turn.id, [version]).get(version)
        path = turn.session.path
        if message is None:
            present = turn.shown(INSTRUCTIONS)
            beside = self.past.contexts.remembered.beside_path(turn.id, path, present, turn.version)
            return None if version in beside else _verdict("off_path", _NOT_BESIDE)
        if version not in path:
            return _verdict("off_path", self._departure(turn, version))
        if message.role == "tool":
            return _verdict("filtered", "What a tool answered is shown to the model in its place, but never recalled.")
        return None

    def _departure(self, turn: PastTurn, version: int) -> str:
        left = self.past.reader.models.conversation.left(turn.id, version, turn.version)
        if left is None:
            return f"It did not stand on the path as of version {turn.version}."
        return f"It had left the path at version {left}: edited, removed, replaced, or led back by a rewind."

    # -- ranked again --------------------------------------------------------------------------------------------------

    def _recomputed(self, turn: PastTurn, version: int) -> dict[str, Json]:
        policy = policy_recorded(turn.recall["policy"])
        embedder = self.past.embedders.vectors
        if policy is None:
            gone = f"The policy {_named(turn.recall)}, with the parameters it had then, no longer exists"
        elif embedder != turn.recall["embedder"]:
            gone = f"The turn's vectors were those of {turn.recall['embedder']}, now they are those of {embedder}"
        else:
            return self._ranked(turn, version, policy)
        return _proven(turn.recall, gone)

    def _ranked(self, turn: PastTurn, version: int, policy: Policy) -> dict[str, Json]:
        """By the context built again. Where that is not the recorded one, the record limits what it may say."""
        built = self.past.build(turn, policy)
        candidate = built.ranking.candidate(version)
        exact = built.context.sha256 == turn.sha256
        recomputed: dict[str, Json] = {"recomputed": True, "exact": exact}
        if exact and candidate is not None:
            return {**_judged(candidate, built.context.recall, turn), **recomputed}
        proven = _proven(turn.recall, _CHANGED)
        if candidate is None:
            return {**proven, **recomputed}
        likely = {"verdict": candidate["verdict"]} if candidate["verdict"] in turn.recall["rest"] else {}
        return {**proven, **likely, **_numbers(candidate), **recomputed}


_NO_NUMBERS: Final = dict[str, Json].fromkeys(("score", "rank", "parts", "needed"))
_CHANGED: Final = (
    "Built again under the present settings the context is not the recorded one (another tokenizer, a reranker, "
    "vectors that came later, or a turn whose shares of the window were not recorded yet)"
)
_UNREAD: Final = "A reranker was to read it and might have set it higher, but did not answer by its deadline."
_NOT_BESIDE: Final = (
    "It was nothing that could be recalled in this turn: neither a summary of this path nor part of a former persona."
)


def _verdict(verdict: str, explanation: str) -> dict[str, Json]:
    return {"verdict": verdict, "explanation": explanation}


def _shown(turn: PastTurn, version: int) -> dict[str, Json] | None:
    """How the context shows it without any recall; None when it does not."""
    for parts, explanation in _PLACES.items():
        if version in turn.shown(*parts):
            return _verdict("in_window", explanation)
    return None


_PLACES: Final = {
    ("current",): "It is the message that the turn answered: the context ends with it.",
    ("history",): "It stands in the context's history as it was said, so it was not recalled once more.",
    ("summary",): "It stands in the context whole, as the summary of what went before.",
    (INSTRUCTIONS,): "It stands in the context as an instruction of this request.",
}


def _best(candidates: Sequence[Candidate]) -> Candidate:
    """Of the chunks of one instruction the one that was kept, else the best."""
    return min(candidates, key=lambda one: (one["verdict"] != "kept", one["rank"]))


def _numbers(candidate: Candidate) -> dict[str, Json]:
    return {
        "kind": candidate["kind"],
        "score": candidate["score"],
        "rank": candidate["rank"],
        "parts": candidate["parts"],
    }


def _judged(candidate: Candidate, recall: RecallRecord, turn: PastTurn) -> dict[str, Json]:
    judged = Judged(candidate=candidate, recall=recall, share=turn.budget["parts"]["recall"])
    if judged.unread(turn.recall.get("rerank")):
        verdict = _verdict("deadline", f"{judged.explained()} {_UNREAD}")
    else:
        verdict = _verdict(candidate["verdict"], judged.explained())
    return {
        **verdict,
        **_numbers(candidate),
        "needed": judged.needed(),
    }


def _named(recall: RecallRecord) -> str:
    return f"{recall['policy']['name']} (version {recall['policy']['version']})"


def _proven(recall: RecallRecord, gone: str) -> dict[str, Json]:
    """What the record proves of a candidate that it does not list: it was no better than the worst it does list, and
    met one of the verdicts that the rest did."""
    possible = sorted(recall["rest"].keys() - {"in_window"})
    worst = min((one["score"] for one in recall["candidates"]), default=None)
    verdict = possible[0] if len(possible) == 1 else "unknown"
    told = "It was among the candidates that the record only counts"
    bound = "" if worst is None else f", with a score of at most {worst:.4f}"
    return {
        **_verdict(verdict, f"{told}{bound}. {gone}, so its score then is not known."),
        "score_at_most": worst,
        "possible": cast("list[Json]", possible),
    }
