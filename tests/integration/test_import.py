"""Conversations from elsewhere are imported whole or not at all, with their speakers and dates."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from domain.budget import Shares
from domain.errors import Conflict, InvalidRequest
from domain.records import JsonObject
from domain.session import session_id
from tests.drawings import png, sha256, shown
from tests.harbour import Answer, audit, conversation, messages, state, take
from tests.system import NOON, OWNER, Rules, System, system


@pytest.fixture
async def heartline(tmp_path: Path) -> AsyncGenerator[System, None]:
    async with system(tmp_path / "here") as built:
        yield built


async def bring(built: System, *brought: object, session: str = "new", **more: Any) -> Answer:
    payload = cast(JsonObject, {"messages": list(brought), **more})
    return cast(Answer, await built.archive.import_(OWNER, payload, session))


def said(role: str, content: object, **more: Any) -> Answer:
    return {"role": role, "content": content, **more}


async def test_an_imported_conversation_keeps_speakers_and_dates(heartline: System) -> None:
    answer = await heartline.archive.import_(OWNER, conversation(), "harbour")

    found = await messages(heartline, "harbour")
    assert answer == {"session_id": "harbour", "messages": 12, "version": 13}
    assert [(one["role"], one["name"]) for one in found[:2]] == [("user", "Robin"), ("assistant", "Maya")]
    assert found[0]["created"] == "2025-03-01T17:00:00+00:00"
    assert found[8]["created"] == "2025-04-07T04:26:40+00:00"
    assert found[11]["created"] == "2025-04-20T00:00:00+00:00"


async def test_a_message_without_a_date_follows_the_one_before_by_a_second(heartline: System) -> None:
    await heartline.archive.import_(OWNER, conversation(), "harbour")

    found = await messages(heartline, "harbour")

    assert [one["created"] for one in found[9:11]] == ["2025-04-07T04:26:41+00:00", "2025-04-07T04:26:42+00:00"]


async def test_messages_before_the_first_date_precede_it(heartline: System) -> None:
    await bring(heartline, said("user", "A"), said("assistant", "B", time="2025-01-01T00:00:10Z"))

    assert (await messages(heartline, "new"))[0]["created"] == "2025-01-01T00:00:09+00:00"


async def test_a_conversation_without_any_date_ends_now(heartline: System) -> None:
    await bring(heartline, said("user", "A"), said("assistant", "B"))

    expected = [(NOON - timedelta(seconds=1)).isoformat(), NOON.isoformat()]
    assert [one["created"] for one in await messages(heartline, "new")] == expected


@pytest.mark.parametrize(
    ("written", "created"),
    [
        ("March-15-2024", "2024-03-15T00:00:00+00:00"),
        ("1:56 pm on 8 May, 2023", "2023-05-08T13:56:00+00:00"),
        (1683554160, "2023-05-08T13:56:00+00:00"),
        (1683554160.5, "2023-05-08T13:56:00.500000+00:00"),
        ("2023-05-08T13:56:00", "2023-05-08T13:56:00+00:00"),
    ],
)
async def test_dates_are_read_as_people_write_them(heartline: System, written: object, created: str) -> None:
    await bring(heartline, said("user", "A", time=written))

    assert (await messages(heartline, "new"))[0]["created"] == created


async def test_openai_messages_are_imported_with_parts_and_tool_calls(heartline: System) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "map", "arguments": "{}"}}
    await bring(
        heartline,
        said("user", [{"type": "text", "text": "Where?"}], name="Anna"),
        said("assistant", None, tool_calls=[call]),
        said("tool", "By the river.", tool_call_id="c1"),
    )

    await messages(heartline, "new")
    stored = heartline.models.conversation.messages(session_id(OWNER, "new"))
    assert [(one.role, one.name, one.text) for one in stored] == [
        ("user", "Anna", "Where?"),
        ("assistant", None, ""),
        ("tool", None, "By the river."),
    ]
    assert (stored[1].tool_calls, stored[2].tool_call_id) == ([call], "c1")


async def test_images_are_imported_with_their_messages(heartline: System) -> None:
    await bring(
        heartline, said("user", [shown(png(1)), {"type": "text", "text": "See?"}]), said("user", [shown(png(2))])
    )

    first, second = await messages(heartline, "new")
    assert (first["text"], first["images"]) == ("See?", [{"sha256": sha256(png(1)), "media_type": "image/png"}])
    assert second["text"] == ""
    assert heartline.log.read_image(sha256(png(2))) == png(2)


async def test_the_first_instructions_become_the_persona(heartline: System) -> None:
    answer = await bring(
        heartline,
        said("system", "You are Maya."),
        said("user", "Hello"),
        said("system", "Be brief."),
        said("assistant", "Hi."),
    )

    found = await state(heartline, "new")
    assert found["persona"]["text"] == "You are Maya."
    assert answer["messages"] == 2
    assert [one["text"] for one in found["working_memory"]] == ["Hello", "Hi."]


async def test_speakers_may_be_given_their_roles(heartline: System) -> None:
    await bring(
        heartline,
        {"speaker": "Maya", "text": "Hi."},
        {"speaker": "Robin", "text": "Hello."},
        {"speaker": "Zoe", "text": "Me too."},
        user="Robin",
        assistant="Maya",
    )

    assert [(one["role"], one["name"]) for one in await messages(heartline, "new")] == [
        ("assistant", "Maya"),
        ("user", "Robin"),
        ("assistant", "Zoe"),
    ]


async def test_the_first_speaker_is_the_user_unless_it_is_named_the_assistant(heartline: System) -> None:
    await bring(heartline, {"speaker": "Maya", "text": "Hi."}, {"speaker": "Robin", "text": "Hello."}, assistant="Maya")

    assert [one["role"] for one in await messages(heartline, "new")] == ["assistant", "user"]


async def test_speakers_called_user_and_assistant_are_these(heartline: System) -> None:
    await bring(heartline, {"speaker": "Bot", "text": "Hi."}, {"speaker": "User", "text": "Hello."})

    assert [(one["role"], one["name"]) for one in await messages(heartline, "new")] == [
        ("assistant", "Bot"),
        ("user", None),
    ]


async def test_a_message_a_line_is_imported_too(heartline: System) -> None:
    answer = await take(heartline, [said("user", "A"), said("assistant", "B")], "new")

    assert answer["messages"] == 2


async def test_an_import_without_a_name_gets_a_new_one(heartline: System) -> None:
    payload = cast(JsonObject, {"messages": [said("user", "A")]})

    first = await heartline.archive.import_(OWNER, payload, None)
    second = await heartline.archive.import_(OWNER, payload, None)

    assert first["session_id"] != second["session_id"]


async def test_what_was_imported_is_encoded_and_recalled(tmp_path: Path) -> None:
    rules = Rules(window_messages=1, shares=Shares(window=400, persona=20, recall=40, history=20, response=20))
    async with system(tmp_path, rules=rules) as heartline:
        await heartline.archive.import_(OWNER, conversation(), "harbour")
        assert heartline.aftercare.waiting == 1
        await heartline.look_after("harbour")

        (turn,) = await heartline.talk("harbour", "Who carried the piano with me?")

        found = await audit(heartline, turn)
    assert found["candidates"][0]["version"] == 4
    assert found["candidates"][0]["parts"]["cosine"] > 0
    assert "Robin, one year ago" in found["context"][-2]["content"]


async def test_importing_into_a_session_that_is_there_is_a_conflict(heartline: System) -> None:
    await bring(heartline, said("user", "A"))

    with pytest.raises(Conflict):
        await bring(heartline, said("user", "B"))

    assert [one["text"] for one in await messages(heartline, "new")] == ["A"]


async def test_of_two_imports_under_one_name_at_once_one_wins(heartline: System) -> None:
    both = await asyncio.gather(
        bring(heartline, said("user", "A")), bring(heartline, said("user", "B")), return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in both) == ["Conflict", "dict"]
    assert len(await messages(heartline, "new")) == 1


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("hello", "must be an object"),
        ({"content": "A"}, "needs a role or a speaker"),
        (said("robot", "A"), "unknown role 'robot'"),
        (said("user", 7), "must be a string"),
        (said("user", "  "), "text is empty"),
        (said("user", None), "must be a string"),
        (said("user", [{"type": "image_url", "image_url": "https://example.org/a.png"}]), "fetches nothing"),
        (said("tool", [shown(png())], tool_call_id="c"), "only the user or the assistant shows images"),
        (said("user", "A", time="soon"), "time must be"),
        (said("user", "A", time=True), "time must be"),
        (said("user", "A", time=[2025]), "time must be"),
        (said("user", "A", time=1e300), "time must be"),
        (said("user", "A", name=7), "name must be a string"),
        (said("user", "A", tool_calls="all"), "tool_calls must be a list"),
        (said("tool", "A", tool_call_id=7), "tool_call_id must be a string"),
        (said("system", "A", tool_calls=[{}]), "calls no tools"),
        ({"speaker": " ", "text": "A"}, "speaker must be a string"),
    ],
)
async def test_a_wrong_message_is_named_by_its_number_and_nothing_is_stored(
    heartline: System, wrong: object, reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"Message 2: .*{reason}") as raised:
        await bring(heartline, said("user", "A"), wrong, said("user", "C"))

    assert (raised.value.param or "").startswith("messages.2")
    assert heartline.log.last_position() == 0


async def test_a_wrong_line_of_messages_is_named_by_its_number(heartline: System) -> None:
    with pytest.raises(InvalidRequest, match="Line 2"):
        await take(heartline, [said("user", "A"), said("robot", "B")], "new")


@pytest.mark.parametrize("payload", [{}, {"messages": []}, {"messages": "A"}, {"lines": []}, {"messages": None}])
async def test_an_import_of_nothing_is_refused(heartline: System, payload: Answer) -> None:
    with pytest.raises(InvalidRequest):
        await heartline.archive.import_(OWNER, cast(JsonObject, payload), "new")


async def test_a_speaker_named_by_something_else_than_a_name_is_refused(heartline: System) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await bring(heartline, said("user", "A"), user=7)

    assert raised.value.param == "user"


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59Z", -4e10])
async def test_a_date_beside_which_there_may_be_no_other_is_refused(heartline: System, time: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await bring(heartline, said("user", "A"), said("assistant", "B", time=time), said("user", "C"))

    assert caught.value.param == "messages.2.time"
    assert "1000 to 9000" in caught.value.message
