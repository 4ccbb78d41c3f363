"""Words as the lexical index counts them."""

import pytest

from projections.stemming import stems


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
    assert stems(text) == expected
