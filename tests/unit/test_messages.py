"""What comes in, before it is an event."""

import hashlib

import pytest

from domain.messages import Instruction, Message


def test_an_instruction_is_known_again_by_role_name_and_text():
    first = Instruction(role="system", text="Be kind.", name="narrator")
    again = Instruction(role="system", text="Be kind.", name="narrator")

    assert first.sha256 == again.sha256


@pytest.mark.parametrize(
    "other",
    [
        Instruction(role="developer", text="Be kind."),
        Instruction(role="system", text="Be kind"),
        Instruction(role="system", text="Be kind.", name="narrator"),
        Instruction(role="system", text="Be kind.", name=""),
    ],
)
def test_an_instruction_that_differs_in_anything_is_another(other: Instruction):
    assert other.sha256 != Instruction(role="system", text="Be kind.").sha256


def test_the_hash_of_an_instruction_is_for_ever():
    canonical = '["system",null,"Sei nett, 🙂."]'

    assert Instruction(role="system", text="Sei nett, 🙂.").sha256 == hashlib.sha256(canonical.encode()).hexdigest()


def test_a_message_comes_from_the_client_unless_said_otherwise():
    message = Message(role="user", text="Hi", said_at="2026-03-01T12:00:00+00:00")

    assert (message.origin, message.name, message.images, message.tool_calls) == ("client", None, [], [])


def test_messages_do_not_share_their_lists():
    one = Message(role="user", text="Hi", said_at="2026-03-01T12:00:00+00:00")
    other = Message(role="user", text="Hi", said_at="2026-03-01T12:00:00+00:00")

    assert one.images is not other.images
    assert one.tool_calls is not other.tool_calls
