"""What a verdict means, in a sentence with the numbers it was reached by, and what would have been needed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from domain.records import Candidate, Json, RecallRecord, RerankRecord, Share

Numbers = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A candidate with all that was decided by: the recall it took part in and the tokens that recall had."""

    candidate: Candidate
    recall: RecallRecord
    share: Share

    @property
    def kept(self) -> int:
        """How many memories were kept."""
        return sum(one["verdict"] == "kept" for one in self.recall["candidates"])

    def unread(self, rerank: RerankRecord | None) -> bool:
        """Whether it was not enough for it because a reranker did not answer by its deadline."""
        if rerank is None or rerank["outcome"] != "late":
            return False
        return self.candidate["verdict"] == "below_cut" and self.candidate["rank"] <= rerank["considered"]

    def explained(self) -> str:
        return _SENTENCES[self.candidate["verdict"]](self)

    def needed(self) -> Numbers | None:
        """The score, or the tokens, that would have been enough; None where no number would have helped."""
        score, cut = self.candidate["score"], self.recall["cut"]
        match self.candidate["verdict"]:
            case "below_threshold":
                least = self.recall["threshold"]
            case "below_cut" if cut is not None:
                least = cut
            case "over_budget":
                return {"tokens_left": self.share["allotted"] - self.share["used"]}
            case _:
                return None
        return {"score": least, "more": round(least - score, 6)}


def _kept(judged: Judged) -> str:
    return f"It was recalled: rank {judged.candidate['rank']}, score {judged.candidate['score']:.4f}."


def _in_window(_judged: Judged) -> str:
    return "It stands in the context anyway, in the history or the summary, so it was not recalled once more."


def _below_threshold(judged: Judged) -> str:
    score, threshold = judged.candidate["score"], judged.recall["threshold"]
    return f"Its score of {score:.4f} is below the threshold of {threshold:.4f}."


def _below_cut(judged: Judged) -> str:
    candidate, cut = judged.candidate, judged.recall["cut"]
    told = f"It came in at rank {candidate['rank']} with a score of {candidate['score']:.4f}"
    if cut is None:
        return f"{told}; nothing was kept in this turn."
    return f"{told}; kept were {judged.kept}, the last of them with {cut:.4f}."


def _over_budget(judged: Judged) -> str:
    share = judged.share
    return (
        f"It was wanted at rank {judged.candidate['rank']}, but did not fit: recall had {share['allotted']} tokens, of "
        f"which {share['used']} were used in the end."
    )


def _duplicate(judged: Judged) -> str:
    return f"Rank {judged.candidate['rank']}, but the context says the same already."


def _filtered(judged: Judged) -> str:
    return f"Rank {judged.candidate['rank']}, but the request's filters left it out, or its text was forgotten."


def _pending(judged: Judged) -> str:
    score = judged.candidate["score"]
    return f"Its vector was not there yet: only its words could count, for a score of {score:.4f}."


_SENTENCES: Final[Mapping[str, Callable[[Judged], str]]] = {
    "kept": _kept,
    "in_window": _in_window,
    "below_threshold": _below_threshold,
    "below_cut": _below_cut,
    "over_budget": _over_budget,
    "duplicate": _duplicate,
    "filtered": _filtered,
    "vector_pending": _pending,
}
