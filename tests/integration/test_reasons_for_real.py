"""Reasons by the real embedding model, its token vectors and the policy `heartline`, over an imported conversation."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest

from api.adapters.minilm import MiniLmEncoder
from api.adapters.tokens import O200kTokens
from api.services import Expectation, KnownAnswer, WhatIf
from domain.budget import Shares
from domain.session import session_id
from projections.heartline import heartline
from projections.token_vectors import projection
from tests.harbour import Answer
from tests.system import OWNER, Outside, Rules, System, read, system

LIGHTHOUSE = Path(__file__).parents[1] / "fixtures/lighthouse.json"
GOAT = "What was the name of the animal that you brought along?"


@pytest.fixture
async def skarv(tmp_path: Path) -> AsyncGenerator[System]:
    encoder = MiniLmEncoder(workers=1)
    outside = Outside(encoder=encoder, projection=projection(), counter=O200kTokens())
    rules = Rules(policy=heartline().recalling(3), window_messages=4, shares=Shares(window=900))
    async with system(tmp_path, outside=outside, rules=rules) as built:
        await built.archive.import_(OWNER, json.loads(LIGHTHOUSE.read_bytes()), "skarv")
        await built.look_after("skarv")
        yield built
    await encoder.close()


async def what_if(built: System, turn: str, asked: WhatIf) -> Answer:
    return cast(Answer, await built.reasons.what_if(OWNER, "skarv", turn, asked))


async def test_every_past_context_is_built_again_to_the_byte_from_what_is_stored(skarv: System) -> None:
    turns = await skarv.talk("skarv", GOAT, "I am so happy about it! When did you come to the island?", "Thank you.")
    skarv.clock.pass_(days=2)
    again = await skarv.ask("skarv", skarv.said("And how many years did you stay, Edvin?"))
    await read(again)

    for turn in [*turns, again.turn]:
        found = await what_if(skarv, turn, WhatIf())

        assert (found["reproduced"], found["same_context"]) == (True, True)


async def test_whatever_was_said_has_its_reason_in_a_turn(skarv: System) -> None:
    (turn,) = await skarv.talk("skarv", GOAT)
    await skarv.follower.caught_up()
    goat = next(
        message.version
        for message in skarv.models.conversation.messages(session_id(OWNER, "skarv"))
        if "Astrid" in message.text
    )
    verdicts: dict[int, str] = {}
    for version in skarv.models.conversation.path(session_id(OWNER, "skarv")):
        found = await skarv.reasons.why_not(OWNER, "skarv", turn, version)
        verdicts[version] = str(found["verdict"])
        if found["verdict"] == "below_cut":
            needed = cast("dict[str, float]", found["needed"])
            assert needed["more"] == pytest.approx(
                cast("float", found["cut"]) - cast("float", found["score"]), abs=1e-5
            )

    assert verdicts[goat] == "kept"
    assert list(verdicts.values()).count("kept") == 3
    assert set(verdicts.values()) == {"kept", "below_cut", "in_window", "not_said_yet"}


async def test_a_comparison_and_a_bisection_agree_with_recall(skarv: System) -> None:
    (turn,) = await skarv.talk("skarv", GOAT)
    known = KnownAnswer(query=GOAT, texts=["In the spring of 1971, with a goat called Astrid and one suitcase."])

    compared = cast(Answer, await skarv.reasons.compare(OWNER, "skarv", ("heartline", "cosine"), [known]))
    found = cast(Answer, await skarv.reasons.bisect(OWNER, "skarv", Expectation(query=GOAT, k=3, text="Astrid")))

    assert [row["turn"] for row in compared["turns"]] == [turn]
    assert compared["questions"]["recall"][0] == 1.0
    assert found["outcome"] == "recalled"
