"""Words as the lexical index counts them, in the language of the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.languages import LANGUAGES, language_of
from projections.stemming import stems, stems_sought


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The rivers were running", ["river", "run"]),
        ("Anna's café, CAFÉ!", ["anna", "café", "café"]),
        ("I don\N{RIGHT SINGLE QUOTATION MARK}t know", ["know"]),
        ("snake_case 42", ["snake", "case", "42"]),
        ("Straße", ["strass"]),
        ("", []),
        ("🌊 — …", []),
    ],
)
def test_a_text_becomes_stems_without_stop_words(text: str, expected: list[str]) -> None:
    assert stems(text).stems == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The dogs are here", "english", ["dog"]),
        ("Die Hunde sind hier im Garten", "german", ["hund", "gart"]),
        ("Los perros están en la casa", "spanish", ["perr", "cas"]),
        ("Les chevaux sont dans le jardin", "french", ["cheval", "jardin"]),
        ("I cani sono nella casa", "italian", ["can", "cas"]),
        ("Os cachorros estão na casa", "portuguese", ["cachorr", "estã", "cas"]),
        ("De honden zijn in het huis", "dutch", ["hond", "huis"]),
        ("Собаки были в доме", "russian", ["собак", "дом"]),
        ("no", "english", []),
        ("Perro", "", ["perro"]),
    ],
)
def test_stems_are_those_of_the_texts_language(text: str, language: str, expected: list[str]) -> None:
    found = stems(text)

    assert (found.language, found.stems) == (language, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("猫が好き", ["猫が", "が好", "好き"]),
        ("犬", ["犬"]),
        ("私はPepperを飼う", ["pepper", "私は", "を飼", "飼う"]),
        ("고양이", ["고양", "양이"]),
        ("ｶﾞﾗｽ", ["ガラ", "ラス"]),
    ],
)
def test_scripts_without_spaces_are_counted_in_pairs(text: str, expected: list[str]) -> None:
    assert stems(text).stems == expected


def test_a_query_is_sought_in_the_languages_of_what_it_is_compared_with() -> None:
    assert stems_sought("Perros", []) == ["perro"]
    assert stems_sought("Perros", ["spanish", "", "english"]) == ["perro", "perr"]
    assert stems_sought("¿Dónde están los perros?", []) == ["perr"]


def test_a_word_is_sought_once() -> None:
    assert stems_sought("Tea, tea and more tea", ["english"]) == ["tea"]


def test_what_has_no_common_word_tells_no_language() -> None:
    assert [language_of(words) for words in ([], ["xyz"], ["the", "der"], ["der", "die", "the"])] == [
        "",
        "",
        "english",
        "german",
    ]


@given(text=st.text())
def test_any_text_has_stems(text: str) -> None:
    found = stems(text)

    assert all(found.stems)
    assert set(found.stems) <= set(stems_sought(text, LANGUAGES))
