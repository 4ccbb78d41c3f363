"""The parts of the score: what each finds in the messages of a small conversation."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.records import Role
from projections.evidence import Evidence, Query
from projections.facts import Source, day_of, seconds
from projections.parts import PARTS
from tests.shelf import Shelf

JUNE_5 = datetime(2023, 6, 5, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0


def said(role: Role, *, name: str | None = None, days: float = 0) -> Source:
    """By whom, and how many days after 5 June 2023."""
    return Source(role=role, speaker=name, said=JUNE_5 + days * DAY)


def evidence(shelf: Shelf, text: str, *, beside: list[int] | None = None) -> Evidence:
    index = shelf.index()
    beside = beside or []
    course = index.course([one.version for one in shelf.documents if one.version not in beside], beside)
    query = Query(
        text=text, dominant="neutral", vector=np.array([1, 0], dtype=np.float32), day=day_of(JUNE_5 + 100 * DAY)
    )
    return Evidence(index, course, query, candidates=np.ones(len(course), dtype=np.bool_), at=None)


def part(name: str, shelf: Shelf, text: str) -> list[float]:
    return np.round(PARTS[name](evidence(shelf, text)).astype(np.float64), 3).tolist()


# -- who ---------------------------------------------------------------------------------------------------------------


def chat() -> Shelf:
    """The user, the assistant, the user again."""
    return (
        Shelf()
        .put(1, "My cat is ill", source=said("user"))
        .put(2, "Poor thing", source=said("assistant"))
        .put(3, "Thank you", source=said("user"))
    )


def people() -> Shelf:
    return (
        Shelf()
        .put(1, "I like tea", source=said("user", name="Robin"))
        .put(2, "I like rain", source=said("assistant", name="Maya"))
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What did I tell you?", [1, 0, 1]),
        ("What did you tell me?", [0, 1, 0]),
        ("Is it raining?", [0.5, 0.5, 0.5]),
    ],
)
def test_i_and_you_name_the_speaker(text: str, expected: list[float]) -> None:
    assert part("speaker", chat(), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What does Robin like?", [1, 0]),
        ("Maya's favourite weather?", [0, 1]),
        ("What did Maya say to Robin?", [0.25, 0.75]),
        ("Who likes tea?", [0.5, 0.5]),
        ("What do I like?", [1, 0]),
    ],
)
def test_a_name_names_the_speaker_and_of_several_the_first_most(text: str, expected: list[float]) -> None:
    assert part("speaker", people(), text) == expected


def test_what_nobody_said_is_neither_the_speakers_nor_anothers() -> None:
    shelf = people().put(3, "A summary")

    found = evidence(shelf, "What does Robin like?", beside=[3])

    assert PARTS["speaker"](found).tolist() == [1, 0, 0.5]


# -- when --------------------------------------------------------------------------------------------------------------


def diary() -> Shelf:
    """5, 6, 25 June and 5 August 2023; what is told in August was in June."""
    return (
        Shelf()
        .put(1, "Rain", source=said("user"))
        .put(2, "Sun", source=said("user", days=1))
        .put(3, "Snow", source=said("user", days=20))
        .put(4, "Two months ago there was fog", source=said("user", days=61))
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("date", "What was on 5 June 2023?", [1, 1, 0, 0]),
        ("date", "What was in June?", [0.5, 0.5, 0.5, 0]),
        ("date", "What was in 2023?", [0.3, 0.3, 0.3, 0.3]),
        ("date", "What was it like?", [0, 0, 0, 0]),
        ("same_day", "What was on 5 June 2023?", [1, 0, 0, 0]),
        ("same_day", "What was in June?", [1, 1, 1, 0]),
        ("same_day", "What was in 2023?", [0, 0, 0, 0]),
        ("days_told", "What was in June?", [0, 0, 0, 1]),
        ("days_told", "What was in August?", [0, 0, 0, 0]),
        ("days_told", "What was in 2023?", [0, 0, 0, 1]),
        ("days_told", "What was in 2022?", [0, 0, 0, 0]),
    ],
)
def test_days_are_named_by_the_query(name: str, text: str, expected: list[float]) -> None:
    assert part(name, diary(), text) == expected


def test_a_year_that_is_told_of_is_not_a_month() -> None:
    shelf = Shelf().put(1, "Last year it was hot", source=said("user"))

    assert part("days_told", shelf, "What was in 2022?") == [1]
    assert part("days_told", shelf, "What was in June 2022?") == [0]


# -- words -------------------------------------------------------------------------------------------------------------


def test_words_are_found_in_the_message_beside_it_and_around_it() -> None:
    shelf = Shelf()
    for version, text in enumerate(["tea", "one", "two", "three", "four"], start=1):
        shelf.put(version, text, source=said("user"))

    assert [value > 0 for value in part("words", shelf, "tea")] == [True, False, False, False, False]
    assert [value > 0 for value in part("words_near", shelf, "tea")] == [True, True, False, False, False]
    assert [value > 0 for value in part("words_around", shelf, "tea")] == [True, True, True, True, False]


# -- the marks of an answer --------------------------------------------------------------------------------------------


def test_where_messages_are_long_what_stands_around_them_counts_less() -> None:
    shelf = Shelf().put(1, "tea", source=said("user")).put(2, "rain " * 159, source=said("assistant"))

    assert evidence(shelf, "tea").brevity == 0.5
    assert part("words_around", shelf, "tea")[0] == 0.5
    assert part("words", shelf, "tea")[0] == 1.0


def test_a_message_that_only_asks_is_worth_less() -> None:
    shelf = Shelf().put(1, "Is it raining?").put(2, "It is. Is it?").put(3, "It is.")

    assert part("question", shelf, "rain") == [-1, -1, 0]


def test_an_answer_is_worth_what_the_question_before_it_matches() -> None:
    shelf = (
        Shelf()
        .put(1, "What is your cat called?", 0.5, source=said("assistant"))
        .put(2, "Pepper", 0.0, source=said("user"))
        .put(3, "I see", 0.0, source=said("assistant"))
        .put(4, "Anything else?", 0.25, source=said("user"))
        .put(5, "No", 0.0, source=said("user"))
    )

    assert part("answer", shelf, "What is my cat called?") == [0, 1.0, 0, 0, 0]
    assert part("answer", shelf, "What is your cat called?") == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who came?", [0.333, 0, 0]),
        ("How many came?", [0, 1, 0]),
        ("When did they come?", [0, 0, 1]),
        ("Why did they come?", [0, 0, 0]),
    ],
)
def test_a_cue_is_what_the_question_asks_for(text: str, expected: list[float]) -> None:
    shelf = Shelf().put(1, "It was Anna").put(2, "There were 5 of them").put(3, "They came yesterday")

    assert part("cue", shelf, text) == expected


def test_a_long_message_is_no_cue_whatever_is_in_it() -> None:
    shelf = Shelf().put(1, "So there were 5 of us and Anna. " * 20).put(2, "There were 5 of us and Anna.")

    assert part("cue", shelf, "How many were there?") == [0, 1]
    assert part("names", shelf, "How many were there?") == [0, 0.333]


def test_the_other_speakers_message_is_no_cue() -> None:
    shelf = people().put(3, "It was Anna", source=said("user", name="Robin"))

    assert part("names", shelf, "What does Maya like?") == [0, 0, 0]
    assert part("names", shelf, "What does Robin like?") == [0, 0, 0.333]


def test_a_quotation_answers_a_question_for_a_title() -> None:
    shelf = Shelf().put(1, 'I read "The Long Way"').put(2, "I read a lot")

    assert part("quotation", shelf, "Which book was it?") == [1, 0]
    assert part("quotation", shelf, "Which dress was it?") == [0, 0]


# -- anything at all ---------------------------------------------------------------------------------------------------


ODD = st.sampled_from(
    [
        "",
        " \n\t",
        "🌊🌊",
        "the of and",
        "```py\nx = {}\n```",
        "你好 hello привет",
        "x" * 1000,
        "\N{ZERO WIDTH SPACE}",
        "?!",
    ]
)


@given(texts=st.lists(ODD | st.text(max_size=40), max_size=6), query=ODD | st.text(max_size=40))
def test_every_part_of_any_text_is_a_finite_number(texts: list[str], query: str) -> None:
    shelf = Shelf()
    for version, text in enumerate(texts, start=1):
        shelf.put(version, text, 0.5 if version % 2 else None, source=said("user" if version % 3 else "assistant"))

    found = evidence(shelf, query)

    for name, measure in PARTS.items():
        values = measure(found)
        assert np.isfinite(values).all(), name
        assert (values.dtype, len(values)) == (np.float32, len(texts)), name


def test_without_a_querys_tokens_there_is_no_late_interaction() -> None:
    assert np.isnan(evidence(Shelf().put(1, "tea"), "tea").interaction(np.array([0]))).all()


@pytest.mark.parametrize(
    ("said_at", "expected"), [("2023-06-05T12:00:00", JUNE_5), ("2023-06-05T14:00:00+02:00", JUNE_5), ("soon", None)]
)
def test_a_date_is_kept_in_seconds_or_not_at_all(said_at: str, expected: float | None) -> None:
    assert seconds(said_at) == expected
