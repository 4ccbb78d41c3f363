"""Requests as SillyTavern makes them: the whole prompt each time, no id of the chat, swipes that nobody announces."""

from collections.abc import Sequence
from typing import Any

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.e2e.talking import Heard, all_identical, ask, heard, messages, stream
from tests.server_process import ServerProcess

SAMPLING: dict[str, Any] = {
    "temperature": 0.9,
    "max_tokens": 24,
    "presence_penalty": 0.2,
    "frequency_penalty": 0.1,
    "top_p": 0.95,
}
BEFORE: tuple[str, ...] = (
    "Write Ottilie's next reply in a tale shared between Ottilie and Fenn. Stay in character.",
    "Ottilie mends clocks in a basement shop. She is sharp, curious and hums when she thinks.",
    "Scenario: a rainy evening, closing time, the bell over the door still swinging.",
    "[Start a new Chat]",
)
AFTER = "Answer in one paragraph, in the past tense."


def prompt(greeting: str, *said: str) -> list[ChatCompletionMessageParam]:
    """The character's prompts, the greeting, then user and character in turn, then the post-history instructions."""
    system: list[ChatCompletionMessageParam] = [{"role": "system", "content": text} for text in BEFORE]
    dialogue: list[ChatCompletionMessageParam] = [{"role": "assistant", "content": greeting}]
    for place, text in enumerate(said):
        dialogue.append({"role": "assistant", "content": text} if place % 2 else {"role": "user", "content": text})
    return [*system, *dialogue, {"role": "system", "content": AFTER}]


def send(client: OpenAI, greeting: str, *said: str) -> Heard:
    with stream(client, prompt(greeting, *said), **SAMPLING) as opened:
        return heard(opened)


def dialogue(greeting: str, said: Sequence[str]) -> list[tuple[str, str]]:
    return [("assistant", greeting), *((("user", "assistant")[n % 2], text) for n, text in enumerate(said))]


def test_a_chat_without_an_id_finds_its_session_by_what_was_said_in_it(server: ServerProcess) -> None:
    greeting = '*Ottilie does not look up.* "We are closed, unless it ticks."'
    first, second = "It ticks backwards, and it was my uncle's.", "May I wait here until it is mended?"

    with server.openai() as client:
        answered = send(client, greeting, first)
        again = send(client, greeting, first, answered.text, second)

    assert again.session == answered.session
    assert messages(server, again.session) == dialogue(greeting, [first, answered.text, second, again.text])
    context = server.get(f"/sessions/{again.session}/turns/{again.turn}")["context"]
    assert [message["content"] for message in context[: len(BEFORE)]] == list(BEFORE)
    assert [message["content"] for message in context[-2:]] == [second, AFTER]
    assert all_identical(server, again.session)


def test_a_swipe_puts_another_reply_in_the_place_of_the_first(server: ServerProcess) -> None:
    greeting = '*The bell rings.* "Mind the step," *Ottilie says.*'
    first, second = "I have a watch that only runs on Sundays.", "Then what do I do on Mondays?"

    with server.openai() as client:
        answered = send(client, greeting, first)
        kept = send(client, greeting, first, answered.text, second)
        swiped = ask(client, prompt(greeting, first, answered.text, second), **(SAMPLING | {"max_tokens": 5}))

    assert swiped.session == answered.session
    assert swiped.text != kept.text
    assert messages(server, swiped.session) == dialogue(greeting, [first, answered.text, second, swiped.text])
    assert all_identical(server, swiped.session)


def test_two_chats_that_begin_alike_are_two_sessions(server: ServerProcess) -> None:
    greeting, first = '"Another one that will not strike twelve?" *Ottilie sighs.*', "No, this one strikes thirteen."

    with server.openai() as client:
        one = send(client, greeting, first)
        gone_on = send(client, greeting, first, one.text, "Then it is early.")
        other = send(client, greeting, first)

    assert one.session == gone_on.session != other.session
    assert messages(server, other.session) == dialogue(greeting, [first, other.text])


def test_a_thin_client_that_names_its_user_stays_in_its_session(server: ServerProcess) -> None:
    with server.openai() as client:
        first = ask(client, "The cuckoo has lost its voice.", user="fenn", max_tokens=5)
        second = ask(client, "Can it be found again?", user="fenn", max_tokens=5)
        stranger = ask(client, "Can it be found again?", user="wim", max_tokens=5)

    assert second.session == first.session
    assert stranger.session != first.session
    assert len(messages(server, first.session)) == 4


def test_a_session_named_as_the_documentation_says_holds_a_chat_and_its_branch(server: ServerProcess) -> None:
    """`docs/sillytavern.md`: what the macros of the session's name become, and what they stay in a branch."""
    greeting, names = "*She waves.*", {"session_id": "s-10:46 PM-17355088", "metadata": {"type": "normal"}}
    first, second, branched = "Any news of the watch?", "And the strap?", "Forget the watch."

    with server.openai() as client:
        one = ask(client, prompt(greeting, first), **SAMPLING, extra_body=names)
        trunk = ask(client, prompt(greeting, first, one.text, second), **SAMPLING, extra_body=names)
        branch = ask(client, prompt(greeting, first, one.text, branched), **SAMPLING, extra_body=names)

    assert one.session == trunk.session == branch.session
    assert messages(server, one.session) == dialogue(greeting, [first, one.text, branched, branch.text])
    assert all_identical(server, one.session)


def test_a_prompt_of_no_chat_is_answered_and_leaves_no_trace(server: ServerProcess) -> None:
    before = server.get("/sessions")["data"]

    with server.openai() as client:
        answered = ask(client, "Name three kinds of clocks, and nothing else.")

    assert answered.text
    assert not {"x-turn-id", "x-session-id"} & answered.headers.keys()
    assert server.get("/sessions")["data"] == before
