"""The summary without a model: only what was said, each clause with its message, the far past kept."""

import random

import pytest

from domain.summary import Extract, Told, count_words, extract, sentences


def told(version: int, text: str, speaker: str = "Robin", importance: float = 0.5) -> Told:
    return Told(version=version, speaker=speaker, text=text, importance=importance)


def chat(count: int, *, start: int = 1) -> list[Told]:
    """Small talk with a fact in every fifth message."""
    dice = random.Random(start)
    fillers = ["The rain goes on outside the window today", "We walk along the river for a while", "Tea would be good"]
    return [
        told(n, f"My sister number {n} is called Ada." if n % 5 == 0 else f"{dice.choice(fillers)} again, {n} times.")
        for n in range(start, start + count)
    ]


def test_each_line_is_a_sentence_of_its_message_behind_its_speaker() -> None:
    summary = extract([told(3, "Hello! My cat is called Fred. How are you?"), told(4, "I will visit you.", "Ada")])

    assert "Robin: My cat is called Fred." in summary.text
    assert summary.text.splitlines()[-1] == "Ada: I will visit you."
    assert summary.cites == [3, 3, 4]


def test_there_is_one_cite_for_every_line() -> None:
    summary = extract(chat(60))

    assert len(summary.cites) == len(summary.text.splitlines())
    assert summary.cites == sorted(summary.cites)


def test_every_clause_can_be_found_in_the_message_it_cites() -> None:
    messages = {message.version: message for message in chat(60)}

    summary = extract(list(messages.values()))

    for version, line in zip(summary.cites, summary.text.splitlines(), strict=True):
        assert line.removeprefix("Robin: ") in messages[version].text


@pytest.mark.parametrize(
    "telling",
    [
        "I have decided to leave the guild.",
        "My brother is called Tom.",
        "I love you more than the sea.",
        "She cried when the letter came.",
        "We meet on 14 March at the harbour.",
    ],
)
def test_decisions_facts_and_feelings_outlive_small_talk(telling: str) -> None:
    messages = [told(n, f"The weather stays as it has been {'so ' * n}long.") for n in range(1, 15)]
    messages[6] = told(7, telling)

    assert f"Robin: {telling}" in extract(messages, max_words=30).text


def test_a_question_gives_way_to_a_statement() -> None:
    summary = extract([told(1, "Will you promise to come back?"), told(2, "The old boat leaks a little.")], max_words=8)

    assert summary.cites == [2]


def test_an_important_message_is_kept_before_others() -> None:
    messages = [told(n, f"The boat leaks in place number {n}.", importance=0.5) for n in range(1, 10)]
    messages[4] = told(5, "The boat leaks in place number 5.", importance=0.9)

    assert extract(messages, max_words=10).cites == [5]


def test_the_whole_is_at_most_as_long_as_asked() -> None:
    assert 150 < count_words(extract(chat(80)).text) <= 200


def test_a_summary_continues_the_one_before_and_keeps_the_beginning() -> None:
    summary = extract(chat(20))
    beginning = summary.text.splitlines()[0]
    for start in range(21, 400, 20):
        summary = extract(chat(20, start=start), previous=summary)

    assert summary.text.splitlines()[0] == beginning
    assert summary.cites[-1] > 380
    assert count_words(summary.text) <= 200
    assert summary.cites == sorted(summary.cites)


def test_the_least_valuable_clauses_of_the_earlier_summary_go_first() -> None:
    previous = Extract(
        text="Robin: The story begins here.\nRobin: Some rain fell outside.\nRobin: I promised Ada to return.",
        cites=[1, 2, 3],
    )

    summary = extract([told(9, "I will marry Ada in spring.")], previous=previous, max_words=19)

    assert summary.cites == [1, 3, 9]


def test_what_the_earlier_summary_says_is_not_said_twice() -> None:
    first = extract([told(1, "My cat is called Fred.")])

    assert extract([told(8, "My cat is called Fred.")], previous=first) == first


def test_a_models_earlier_summary_is_kept_without_cites() -> None:
    previous = Extract(text="Robin and Ada met. They fell in love.", cites=[4, 8, 9])

    summary = extract([told(12, "I will marry Ada in spring.")], previous=previous)

    assert summary.text == "Robin and Ada met.\nThey fell in love.\nRobin: I will marry Ada in spring."
    assert summary.cites == [12]


def test_a_sentence_without_end_is_cut_and_says_so() -> None:
    summary = extract([told(1, "word " * 500)])

    assert summary.text.endswith("word …")
    assert count_words(summary.text) <= 45


def test_nothing_said_is_an_empty_summary() -> None:
    assert extract([told(1, "  \n ")]) == Extract(text="", cites=[])


def test_equal_messages_give_equal_summaries() -> None:
    assert extract(chat(50)) == extract(chat(50))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        ("*She smiles.* Dr. Who is here.\nNew line", ["*She smiles.*", "Dr. Who is here.", "New line"]),
        ("Version 2.4 is out.", ["Version 2.4 is out."]),
        ("我搬到了奥斯陆。我很想你！", ["我搬到了奥斯陆。", "我很想你！"]),  # noqa: RUF001 - its own stops are the point
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_script_without_spaces_counts_letters() -> None:
    assert count_words("我搬到了 Oslo") == 5
