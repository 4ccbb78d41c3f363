"""Tool calls with their results, as a model takes them, and what a current result belongs to."""

from domain.calls import answered, exchange
from domain.context import Piece


def user(version: int, text: str = "Well?") -> Piece:
    return Piece(version=version, role="user", text=text)


def call(version: int, *ids: str, text: str = "") -> Piece:
    return Piece(version=version, role="assistant", text=text, tool_calls=[{"id": name} for name in ids])


def result(version: int, name: str) -> Piece:
    return Piece(version=version, role="tool", text="42", tool_call_id=name)


def kept(*pieces: Piece) -> list[int]:
    """The versions that stay of these, given oldest first."""
    return [piece.version for piece in answered(reversed(pieces))][::-1]


def belonging(*pieces: Piece) -> list[int]:
    return [piece.version for piece in exchange(reversed(pieces))]


def test_a_call_with_all_its_results_stays() -> None:
    assert kept(user(1), call(2, "a", "b"), result(3, "a"), result(4, "b"), user(5)) == [1, 2, 3, 4, 5]


def test_an_unanswered_call_is_left_out() -> None:
    assert kept(user(1), call(2, "a"), user(3)) == [1, 3]


def test_a_call_with_some_of_its_results_is_left_out_with_them() -> None:
    assert kept(user(1), call(2, "a", "b"), result(3, "a"), user(4)) == [1, 4]


def test_what_was_said_with_an_unanswered_call_stays() -> None:
    (_, said, _) = reversed(list(answered([user(3), call(2, "a", text="Let me see."), user(1)])))

    assert (said.text, said.tool_calls) == ("Let me see.", ())


def test_results_that_answer_nothing_are_left_out() -> None:
    assert kept(result(1, "z"), user(2), result(3, "z"), user(4)) == [2, 4]


def test_calls_without_an_id_need_no_result_to_break() -> None:
    nameless = Piece(version=2, role="assistant", text="", tool_calls=[{"type": "function"}])

    assert kept(user(1), nameless, user(3)) == [1, 3]


def test_a_message_belongs_to_nothing_before_it() -> None:
    assert belonging(user(1), call(2, "a"), result(3, "a"), user(4)) == [4]
    assert belonging() == []


def test_a_result_belongs_to_all_since_the_user_spoke() -> None:
    assert belonging(user(1), user(2), call(3, "a"), result(4, "a"), call(5, "b"), result(6, "b")) == [2, 3, 4, 5, 6]


def test_without_a_user_it_belongs_to_its_calls() -> None:
    said = Piece(version=1, role="assistant", text="Hello.")

    assert belonging(said, call(2, "a"), result(3, "a"), call(4, "b"), result(5, "b")) == [2, 3, 4, 5]


def test_a_result_without_its_call_is_shown_alone() -> None:
    assert belonging(result(1, "a")) == [1]
    assert belonging(Piece(version=1, role="assistant", text="Hello."), result(2, "a")) == [2]
