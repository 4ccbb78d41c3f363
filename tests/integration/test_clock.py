"""The machine's clock is set back while it serves."""

from pathlib import Path

from domain.events import ContextBuilt, MessageReceived
from tests.system import OWNER, system
from tests.turn_fakes import of_kind


async def test_turns_go_on_and_keep_their_order_when_the_clock_is_set_back(tmp_path: Path) -> None:
    async with system(tmp_path) as heartline:
        await heartline.talk("tea", "The kettle is green.", "The cups are blue.")

        heartline.clock.pass_(days=-400)
        await heartline.talk("tea", "What is green?", "And what is blue?")

        said = [event.text for event in of_kind(heartline, "tea", MessageReceived)]
        assert said == ["The kettle is green.", "The cups are blue.", "What is green?", "And what is blue?"]
        turns = [event.turn for event in of_kind(heartline, "tea", ContextBuilt)]
        replayed = [await heartline.sessions.replay(OWNER, "tea", turn) for turn in turns]
        assert [one["identical"] for one in replayed] == [True] * 4
