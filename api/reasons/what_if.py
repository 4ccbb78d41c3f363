"""What another policy, another number of memories or another window would have shown the model in a turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from api.chat.contexts import Built
from api.reasons.past import Past, PastTurn
from api.services import WhatIf
from api.sessions.audit import as_json, candidate_json
from domain.manifest import render, versions_in
from domain.records import Budget, Candidate, Json, JsonObject, RecallRecord
from projections.policies import Policy, policy_named, policy_recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternatives:
    """Builds contexts that were not."""

    past: Past

    def policy(self, turn: PastTurn, asked: WhatIf) -> Policy:
        """The policy asked for; without a name that of the turn or, where it is no longer there, the newest version.

        Raises InvalidRequest for a name that there is not.
        """
        recorded = turn.recall["policy"]
        if asked.policy is not None:
            return policy_named(asked.policy, top_k=asked.top_k)
        policy = policy_recorded(recorded) or policy_named(recorded["name"])
        return policy if asked.top_k is None else policy.recalling(asked.top_k)

    def answer(self, turn: PastTurn, asked: WhatIf) -> JsonObject:
        """Both contexts, and the memories that both kept or only one. Blocks; errors as `Past.build`."""
        built = self.past.build(turn, self.policy(turn, asked), asked.budget)
        record = built.context.recall
        return {
            "turn": turn.turn.id,
            "version": turn.version,
            "reproduced": self.reproduced(turn),
            "same_context": built.context.sha256 == turn.sha256,
            "kept": _compared(kept(turn.recall), kept(record)),
            "real": self._real(turn),
            "what_if": self._imagined(turn, built),
        }

    def reproduced(self, turn: PastTurn) -> bool | None:
        """Whether the turn's own policy builds the recorded context again under the present settings; null when that
        policy version is no longer there. Where it does not, other things than what was asked for differ as well."""
        policy = policy_recorded(turn.recall["policy"])
        return None if policy is None else self.past.build(turn, policy).context.sha256 == turn.sha256

    def _real(self, turn: PastTurn) -> JsonObject:
        versions = versions_in(turn.manifest)
        texts = self.past.contexts.remembered.texts(turn.id, versions)
        whole = versions <= texts.keys()
        return {
            **_side(turn.recall, turn.budget, texts),
            "context": as_json(render(turn.manifest, texts)) if whole else None,
            "context_sha256": turn.sha256,
        }

    def _imagined(self, turn: PastTurn, built: Built) -> JsonObject:
        context = built.context
        texts = self.past.contexts.remembered.texts(turn.id, versions_in(context.manifest))
        return {
            **_side(context.recall, context.budget, texts),
            "context": as_json(built.messages),
            "context_sha256": context.sha256,
        }


def kept(recall: RecallRecord) -> list[Candidate]:
    """The memories that the model was shown, best first."""
    return [one for one in recall["candidates"] if one["verdict"] == "kept"]


def used(budget: Budget) -> int:
    """Tokens of the whole context."""
    return sum(share["used"] for share in budget["parts"].values())


def _side(recall: RecallRecord, budget: Budget, texts: Mapping[int, str]) -> dict[str, Json]:
    return {
        "policy": cast("JsonObject", recall["policy"]),
        "embedder": recall["embedder"],
        "kept": [candidate_json(one, texts) for one in kept(recall)],
        "rest": recall["rest"],
        "window": budget["window"],
        "budget": cast("JsonObject", budget["parts"]),
        "tokens": used(budget),
    }


def _compared(real: Sequence[Candidate], imagined: Sequence[Candidate]) -> JsonObject:
    """Versions by who kept them, each list best first."""
    ours, others = [one["version"] for one in real], [one["version"] for one in imagined]
    return {
        "both": [version for version in ours if version in others],
        "only_real": [version for version in ours if version not in others],
        "only_what_if": [version for version in others if version not in ours],
    }
