"""Chat files of SillyTavern are taken in whole, with their swipes and dates, and given back as they were."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from api.services import Page
from api.wire.session_request import parse_import
from domain.errors import InvalidRequest, NotFound
from domain.events import MessageReceived, PathChanged
from domain.messages import Message
from domain.records import Role
from domain.session import session_id
from tests.builders import SessionBuilder
from tests.chat_files import EVENING, HEADER, Line, file_of, line, payload
from tests.fakes_models import ScriptedModel
from tests.harbour import Answer, messages
from tests.system import NOON, OWNER, Outside, System, read, system


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def heartline(tmp_path: Path, model: ScriptedModel) -> AsyncGenerator[System, None]:
    async with system(tmp_path, outside=Outside(model=model)) as built:
        yield built


async def take(heartline: System, lines: list[Line], session: str = "evening") -> Answer:
    return cast(Answer, await heartline.archive.import_(OWNER, payload(lines), session))


async def give(heartline: System, session: str = "evening") -> list[Line]:
    pieces = [piece async for piece in heartline.archive.export_chat(OWNER, session)]
    return [orjson.loads(one) for one in b"".join(pieces).splitlines()]


async def texts(heartline: System, session: str = "evening", at: int | None = None) -> list[str]:
    listed = await heartline.sessions.messages(OWNER, session, at=at, page=Page(limit=1000))
    return [one["text"] for one in cast("list[dict[str, Any]]", listed["data"])]


# -- in ----------------------------------------------------------------------------------------------------------------


async def test_a_chat_is_taken_in_with_its_speakers_and_dates(heartline: System) -> None:
    made = await take(heartline, EVENING)

    found = await messages(heartline, "evening")
    assert [(one["role"], one["name"], one["text"]) for one in found] == [
        ("assistant", "Mira", "Late again, Robin."),
        ("user", "Robin", "The ferry was late. Is there any tea left?"),
        ("assistant", "Mira", "Only the smoky one."),
        ("user", "Robin", "Who put out the lamp?"),
        ("assistant", "Mira", "The wind, I think."),
        ("user", "Robin", "Then light it again."),
    ]
    assert [one["created"] for one in found] == [
        "2025-10-02T09:12:20+00:00",
        "2025-10-02T09:13:00.500000+00:00",
        "2025-10-02T09:13:40+00:00",
        "2025-10-02T09:15:02.120000+00:00",
        "2025-10-02T09:15:20+00:00",
        "2025-10-02T09:17:00+00:00",
    ]
    assert {one["origin"] for one in found} == {"imported"}
    assert (made["messages"], made["swipes"], made["out_of_view"], made["undated"]) == (6, 3, 4, 0)


async def test_swipes_are_earlier_paths_of_the_session(heartline: System) -> None:
    await take(heartline, EVENING)

    assert await texts(heartline, at=2) == ["Sit down, the kettle is nearly there."]
    assert await texts(heartline, at=3) == []
    assert await texts(heartline, at=4) == ["Late again, Robin."]
    assert await texts(heartline, at=6) == ["You brought the rain with you."]
    assert await texts(heartline, at=7) == ["Late again, Robin."]
    events = [one.event for one in heartline.log.read_session(session_id(OWNER, "evening"), 0, 100)]
    assert {one.cause for one in events if isinstance(one, PathChanged)} == {"swipe"}
    said = {one.text: one.said_at for one in events if isinstance(one, MessageReceived)}
    assert said["There is always tea."] == "2025-10-02T09:13:05+00:00"


async def test_swipes_stand_beside_what_was_kept(heartline: System) -> None:
    await take(heartline, EVENING)

    listed = await heartline.sessions.siblings(OWNER, "evening", at=None)

    beside = cast("list[dict[str, Any]]", listed["data"])
    assert [one["text"] for one in beside] == [
        "Sit down, the kettle is nearly there.",
        "You brought the rain with you.",
        "There is always tea.",
    ]


async def test_a_session_can_be_led_back_to_a_reply_that_was_swiped_away(heartline: System) -> None:
    await take(heartline, EVENING)

    await heartline.branches.rewind(OWNER, "evening", to=2)
    await heartline.branches.fork(OWNER, "evening", at=6, name="rain")

    assert await texts(heartline) == ["Sit down, the kettle is nearly there."]
    assert await texts(heartline, "rain") == ["You brought the rain with you."]
    different = cast("dict[str, Any]", await heartline.branches.diff(OWNER, "evening", "rain"))
    assert [one["text"] for one in different["b"]["messages"]] == ["You brought the rain with you."]


async def test_the_client_goes_on_in_the_imported_chat(heartline: System, model: ScriptedModel) -> None:
    """SillyTavern sends what it shows; the reply that is swiped back to is known, and nothing is stored twice."""
    await take(heartline, EVENING)
    stored = len(heartline.log.read_session(session_id(OWNER, "evening"), 0, 1000))
    model.will("As you wish.")

    turns = await heartline.talk("evening", "Do it.")

    assert len(turns) == 1
    assert (await texts(heartline))[-3:] == ["Then light it again.", "Do it.", "As you wish."]
    events = [one.event for one in heartline.log.read_session(session_id(OWNER, "evening"), stored, 1000)]
    assert [one.text for one in events if isinstance(one, MessageReceived)] == ["Do it."]


async def test_what_is_hidden_from_the_head_on_is_remembered(heartline: System) -> None:
    """As in a prompt: missing at the head means trimmed."""
    await take(
        heartline, [HEADER, line("A", user=True, is_system=True), line("B", is_system=True), line("C"), line("D")]
    )

    assert await texts(heartline) == ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("date", "created"),
    [
        (1673181146000, "2023-01-08T12:32:26+00:00"),
        ("1673181146000", "2023-01-08T12:32:26+00:00"),
        (1673181146000.5, "2023-01-08T12:32:26.000500+00:00"),
        ("2023-5-8 @13h 56m 7s 123ms", "2023-05-08T13:56:07.123000+00:00"),
        ("2024-07-12@01h31m37s123ms", "2024-07-12T01:31:37.123000+00:00"),
        ("2024-7-12@01h31m37s", "2024-07-12T01:31:37+00:00"),
        ("May 8, 2023 1:56pm", "2023-05-08T13:56:00+00:00"),
        ("October 12, 2023 12:05am", "2023-10-12T00:05:00+00:00"),
        ("2025-10-02T12:13:14.123Z", "2025-10-02T12:13:14.123000+00:00"),
        ("2025-10-02T12:13:14+02:00", "2025-10-02T10:13:14+00:00"),
    ],
)
async def test_dates_are_read_as_each_version_wrote_them(heartline: System, date: object, created: str) -> None:
    made = await take(heartline, [HEADER, line("A", send_date=date)])

    assert [one["created"] for one in await messages(heartline, "evening")] == [created]
    assert made["undated"] == 0


@pytest.mark.parametrize("date", ["soon", "2023-13-8 @13h 56m 7s 123ms", "99999-1-1", True, [], {}, -(10**15), 10**16])
async def test_a_date_that_cannot_be_read_follows_the_one_before_and_is_told(heartline: System, date: object) -> None:
    made = await take(heartline, [HEADER, line("A", send_date="2025-10-02T12:00:00Z"), line("B", send_date=date)])

    found = await messages(heartline, "evening")
    assert found[1]["created"] == "2025-10-02T12:00:01+00:00"
    assert made["undated"] == 1


async def test_a_chat_without_dates_ends_now(heartline: System) -> None:
    await take(heartline, [HEADER, line("A"), line("B", send_date="")])

    assert (await messages(heartline, "evening"))[1]["created"] == NOON.isoformat()


KINDS: dict[str, list[Line]] = {
    "no header, as in old group chats": [line("A", user=True), line("B", name="Ada")],
    "of 2023": [{"user_name": "You", "character_name": "M", "create_date": 1}, line("A"), line("B")],
    "next to nothing": [{"chat_metadata": {}}, {"mes": "A"}, {"mes": "B", "is_user": None}],
}


@pytest.mark.parametrize("kind", KINDS)
async def test_chats_of_every_kind_are_known(heartline: System, kind: str) -> None:
    assert (await take(heartline, KINDS[kind]))["messages"] == 2
    assert await texts(heartline) == ["A", "B"]


async def test_a_chat_of_one_line_is_known(heartline: System) -> None:
    assert (await take(heartline, [line("A")]))["messages"] == 1


ODD: list[tuple[Line, list[str]]] = [
    ({"swipes": ["A", "B"], "swipe_id": 7}, ["A", "B"]),
    ({"swipes": ["A", "B"]}, ["A", "B"]),
    ({"swipes": ["A", "B"], "swipe_id": None}, ["A", "B"]),
    ({"swipes": ["C", "D"], "swipe_id": 2}, ["C", "D", "A"]),
    ({"swipes": ["C", "D"], "swipe_id": 1}, ["C", "A"]),
    ({"swipes": [None, "A"], "swipe_id": 1, "swipe_info": [None, 5, {}]}, ["", "A"]),
    ({"swipes": [], "swipe_id": 0}, ["A"]),
]


@pytest.mark.parametrize(("fields", "expected"), ODD)
async def test_swipes_that_do_not_fit_their_line_give_way_to_what_it_shows(
    heartline: System, fields: Line, expected: list[str]
) -> None:
    await take(heartline, [HEADER, line("A", **fields)])

    assert await texts(heartline) == ["A"]
    assert (await give(heartline))[1]["swipes"] == expected


# -- out ---------------------------------------------------------------------------------------------------------------


async def test_a_file_comes_back_as_it_was(heartline: System) -> None:
    await take(heartline, EVENING)

    assert await give(heartline) == EVENING


async def test_a_file_that_went_out_makes_the_same_session_again(heartline: System) -> None:
    await take(heartline, EVENING)
    await take(heartline, await give(heartline), "again")

    first, second = (
        [one.event for one in heartline.log.read_session(session_id(OWNER, name), 0, 1000)]
        for name in ("evening", "again")
    )
    apart = {"originator_id", "timestamp", "external_id"}
    told = [
        [{name: value for name, value in vars(one).items() if name not in apart} for one in events]
        for events in (first, second)
    ]
    assert told[0] == told[1]
    assert [type(one) for one in first] == [type(one) for one in second]


async def test_what_was_hidden_at_the_head_is_hidden_again(heartline: System) -> None:
    lines = [
        HEADER,
        line("A", is_system=True),
        line("B", is_system=True),
        line("C"),
        line("D", is_system=True),
        line("E"),
    ]
    await take(heartline, lines)

    assert await give(heartline) == lines


async def test_a_chat_of_our_own_is_written_with_its_swipes(heartline: System, model: ScriptedModel) -> None:
    for reply in ("The first.", "The second.", "The last."):
        model.will(reply)
        await send(heartline, "tea", ("assistant", "Welcome."), ("user", "Hello"))

    header, greeting, said, reply = await give(heartline, "tea")

    assert (header["user_name"], header["character_name"]) == ("User", "Assistant")
    assert (greeting["name"], greeting["is_user"]) == ("Assistant", False)
    assert (said["name"], said["is_user"], said["mes"], said["send_date"]) == ("User", True, "Hello", NOON.isoformat())
    assert reply["mes"] == "The last."
    assert (reply["swipes"], reply["swipe_id"]) == (["The first.", "The second.", "The last."], 2)
    assert [one["send_date"] for one in reply["swipe_info"]] == [NOON.isoformat()] * 3
    assert reply["extra"] == {"model": "scripted"}


async def send(heartline: System, session: str, *shown: tuple[Role, str]) -> None:
    """A transcript, as SillyTavern sends it."""
    now = heartline.clock().isoformat()
    await read(await heartline.ask(session, *(Message(role=role, text=text, said_at=now) for role, text in shown)))


async def test_a_reply_that_is_swiped_back_to_is_the_one_in_view(heartline: System) -> None:
    await take(heartline, EVENING)
    said = [(one["role"], one["text"]) for one in await messages(heartline, "evening")]

    await send(heartline, "evening", *said[:2], ("assistant", "There is always tea."), ("user", "Good."))

    reply = (await give(heartline))[3]
    assert (reply["mes"], reply["swipe_id"]) == ("There is always tea.", 0)
    assert reply["swipes"] == ["There is always tea.", "Only the smoky one."]
    assert reply["send_date"] == "2025-10-02T09:13:05.000Z"


async def test_after_a_rewind_the_file_is_what_it_was_then(heartline: System) -> None:
    await take(heartline, EVENING)
    whole = await heartline.sessions.state(OWNER, "evening", at=None)
    first = (await messages(heartline, "evening"))[2]["version"] - 2

    await heartline.branches.rewind(OWNER, "evening", to=first)
    rewound = await give(heartline)
    await heartline.branches.rewind(OWNER, "evening", to=cast("int", whole["version"]))

    assert rewound[:3] == EVENING[:3]
    assert [one["mes"] for one in rewound[3:]] == ["There is always tea."]
    assert "swipes" not in rewound[3]
    assert await give(heartline) == EVENING


async def test_a_line_that_is_edited_continued_or_shown_again_is_written_as_it_is_now(
    heartline: System, model: ScriptedModel
) -> None:
    await take(heartline, EVENING)
    said = [(one["role"], one["text"]) for one in await messages(heartline, "evening")]
    said[2] = ("assistant", "Only the green one.")
    said.insert(5, ("assistant", "I told you a lie about the wind."))
    model.will("It is lit.")

    await send(heartline, "evening", *said)

    _, *lines = await give(heartline)
    assert [one for one in lines if one["mes"] == "I told you a lie about the wind."] == [
        {**EVENING[9], "is_system": False}
    ]
    edited = lines[2]
    assert (edited["mes"], edited["send_date"]) == ("Only the green one.", EVENING[3]["send_date"])
    assert edited["swipes"] == ["There is always tea.", "Only the green one."]
    assert [one["mes"] for one in lines[-2:]] == ["Then light it again.", "It is lit."]


async def test_a_line_that_was_swiped_away_here_keeps_what_a_swipe_keeps(
    heartline: System, model: ScriptedModel
) -> None:
    reply = line("B", send_date="2025-10-02T12:00:00Z", bias="x")
    await take(heartline, [HEADER, line("Hi"), line("A", user=True), reply])
    model.will("C")

    await send(heartline, "evening", ("assistant", "Hi"), ("user", "A"))

    written = (await give(heartline))[3]
    assert (written["mes"], written["swipes"]) == ("C", ["B", "C"])
    assert written["swipe_info"][0] == {"send_date": "2025-10-02T12:00:00Z", "extra": {}}


async def test_several_choices_of_a_turn_are_its_swipes(heartline: System) -> None:
    built = SessionBuilder("choices")
    built.say("Hello")
    built.reply("A", "B", "C")
    late = built.say("And?")
    built.reply("D", "E")
    built.rewind(late - 1)
    await built.store(heartline.log)

    lines = await give(heartline, "choices")

    assert [one["mes"] for one in lines[1:]] == ["Hello", "A"]
    assert (lines[2]["swipes"], lines[2]["swipe_id"]) == (["A", "B", "C"], 0)


async def test_tools_and_what_was_forgotten_are_not_written(heartline: System) -> None:
    built = SessionBuilder("diary")
    built.say("Good morning")
    secret = built.say("The secret")
    built.forget(secret, versions=[built.edit(secret, "No secret")])
    built.edit(secret, "Not again")
    await built.store(heartline.log)
    await heartline.archive.import_(OWNER, {"messages": TOOLS}, "tools")

    assert [one["mes"] for one in (await give(heartline, "diary"))[1:]] == ["Good morning"]
    assert [one["mes"] for one in (await give(heartline, "tools"))[1:]] == ["Where?", "There."]


TOOLS = [
    {"role": "user", "content": "Where?"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "map"}}]},
    {"role": "tool", "content": "By the river.", "tool_call_id": "c1"},
    {"role": "assistant", "content": "There."},
]


async def test_a_forks_file_has_its_whole_past(heartline: System) -> None:
    await take(heartline, EVENING)
    await heartline.branches.fork(OWNER, "evening", at=None, name="branch")
    await heartline.talk("branch", "Is it lit?")

    lines = await give(heartline, "branch")

    assert lines[:-2] == EVENING
    assert lines[-2]["mes"] == "Is it lit?"


async def test_another_owners_chat_is_not_written(heartline: System) -> None:
    await take(heartline, EVENING)

    with pytest.raises(NotFound):
        [piece async for piece in heartline.archive.export_chat("somebody", "evening")]


# -- what is wrong -----------------------------------------------------------------------------------------------------


BROKEN: dict[str, tuple[bytes, str]] = {
    "no JSON in the middle": (file_of([HEADER, line("A")]) + b"\n{oops}\n" + file_of([line("B")]), "Line 3: We could"),
    "cut off": (file_of(EVENING)[:-20], "Line 11, the last, is cut off"),
    "not UTF-8": (
        file_of([HEADER, line("caf\u00e9"), line("B")]).replace("\u00e9".encode(), b"\xe9"),
        "Line 2: it is not text",
    ),
    "blank lines count": (file_of([HEADER]) + b"\n\n\n[]\n" + file_of([line("B")]), "Line 4: "),
    "a list for a message": (orjson.dumps({"lines": [HEADER, [], line("B")]}), "Line 2: it must be an object"),
    "a list among the lines": (file_of([HEADER, [], line("B")]), "Line 2: "),
    "no text": (file_of([HEADER, line("A"), {"name": "Mira"}]), "Line 3: it has no text"),
    "a number as text": (file_of([HEADER, line("A") | {"mes": 5}]), "Line 2: it has no text"),
    "a number as name": (file_of([HEADER, line("A", name=5)]), "Line 2: name must be"),
    "a word for is_user": (file_of([HEADER, line("A") | {"is_user": "yes"}]), "Line 2: is_user must be"),
    "swipes of numbers": (file_of([HEADER, line("A", swipes=[1])]), "Line 2: swipes must be"),
    "swipes no list": (file_of([HEADER, line("A", swipes="A")]), "Line 2: swipes must be"),
    "a header alone": (file_of([HEADER]), "no messages"),
    "a header twice": (file_of([HEADER, HEADER, line("A")]), "Line 2: it has no text"),
    "a character card": (
        b'{"spec": "chara_card_v2", "data": {"name": "Mira", "mes_example": ""}}',
        "nothing that can be",
    ),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not text in UTF-8"),
    "UTF-16": (file_of([HEADER, line("A")]).decode().encode("utf-16"), "not text in UTF-8"),
    "nothing": (b"", "could not parse"),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_what_is_wrong_is_told_and_nothing_is_stored(heartline: System, how: str) -> None:
    raw, told = BROKEN[how]

    with pytest.raises(InvalidRequest, match=told):
        await heartline.archive.import_(OWNER, parse_import(raw), "evening")

    assert heartline.log.last_position() == 0


async def test_progress_is_told_up_to_the_last_line(heartline: System) -> None:
    told: list[tuple[int, int]] = []
    lines = [HEADER, *(line(f"Line {number}.", user=number % 2 == 0) for number in range(1200))]

    await heartline.archive.import_(
        OWNER, payload(lines), "evening", progress=lambda done, total: told.append((done, total))
    )

    assert told == [(1, 1200), (501, 1200), (1001, 1200), (1200, 1200)]
