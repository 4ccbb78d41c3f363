"""What a query asks for besides its words."""

from datetime import date

import pytest

from domain.records import Role
from projections.asking import Asking, asking
from projections.traits import NUMBER, TIME

DAY = date(2023, 5, 25).toordinal()


def asked(text: str, *, language: str = "english") -> Asking:
    return asking(text, ["Maya", "Robin Hood"], now=DAY, language=language)


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("What did you tell me about the boat?", "assistant"),
        ("When did I tell you about my sister?", "user"),
        ("Have I ever been to Leeds?", "user"),
        ("Can you remind me what my cat is called?", "user"),
        ("What was it you suggested to me?", "assistant"),
        ("Could you tell me when I moved?", "user"),
        ("What is your favourite colour?", "assistant"),
        ("What is my favourite colour?", "user"),
        ("Do you remember my name?", "user"),
        ("What would you suggest I do about my cat?", "user"),
        ("What do you think about rain?", None),
        ("What did you suggest I do about my cat?", "assistant"),
        ("Is it raining?", None),
        ("You and me, what are we?", None),
    ],
)
def test_i_is_the_user_and_you_the_assistant(text: str, role: Role | None) -> None:
    assert asked(text).role == role


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("What did maya say?", ["Maya"]),
        ("What did Robin's brother say to Maya?", ["Robin Hood", "Maya"]),
        ("What did Mayann say?", []),
        ("What did Maya say about my cat?", ["Maya"]),
        ("What did I say to Maya?", []),
    ],
)
def test_speakers_are_found_by_their_names_unless_it_is_about_i_or_you(text: str, names: list[str]) -> None:
    assert list(asked(text).names) == names


@pytest.mark.parametrize(
    ("text", "name", "marks"),
    [
        ("Who came?", True, 0),
        ("In which city was it?", True, 0),
        ("In which year was it?", False, TIME),
        ("How many cats are there?", False, NUMBER),
        ("When was it?", False, TIME),
        ("How long did it take?", False, NUMBER | TIME),
        ("What did she want when she came?", False, 0),
        ("It rains.", False, 0),
    ],
)
def test_the_first_question_word_says_what_an_answer_would_show(text: str, name: bool, marks: int) -> None:
    assert (asked(text).name, asked(text).marks) == (name, marks)


def test_a_question_about_a_book_may_be_answered_by_a_quotation() -> None:
    assert asked("Which book did she read?").title
    assert not asked("Which dress did she wear?").title


def test_days_are_seen_from_the_day_of_the_query() -> None:
    (day,) = asked("What did we do yesterday?").days

    assert day.first == DAY - 1


def test_in_another_language_only_speakers_are_looked_for() -> None:
    assert asked("Was hat Maya am 7 May 2023 I gesagt?", language="german") == Asking(
        names=["Maya"], role=None, days=(), name=False, marks=0, title=False
    )


def test_a_speaker_whose_name_is_no_word_harms_nothing() -> None:
    assert list(asking("(*) said what?", ["(*)", "[", "a|b"], now=DAY, language="").names) == ["(*)"]


@pytest.mark.parametrize("blank", ["", " ", "\u3000"])
def test_a_speaker_whose_name_is_blank_is_never_named(blank: str) -> None:
    assert asking("What did Maya say?", [blank, "Maya"], now=DAY, language="english").names == ["Maya"]
    assert asking(" - ", [blank], now=DAY, language="").names == []
