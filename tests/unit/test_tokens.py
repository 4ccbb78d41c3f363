"""Token counts stand on tiktoken's own vocabulary, need no network and survive any text."""

import gzip
import time
from pathlib import Path

import pytest

from api.adapters.tokens import O200kTokens, bundled_vocabulary
from domain.errors import Unavailable


@pytest.fixture(scope="module")
def tokens() -> O200kTokens:
    return O200kTokens()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", 0),
        ("hello world", 2),
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("I'll be there at 12:30", 8),
        ("Straße und Grüße", 4),
    ],
)
def test_count_is_o200k_and_ten_percent_rounded_up(tokens: O200kTokens, text: str, plain: int) -> None:
    assert tokens.count(text) == -(-plain * 11 // 10)


def test_ten_tokens_are_eleven_not_twelve(tokens: O200kTokens) -> None:
    assert tokens.count("The quick brown fox jumps over the lazy dog.") == 11


def test_name_says_what_is_counted(tokens: O200kTokens) -> None:
    assert tokens.name == "o200k+10%"


def test_special_tokens_in_a_text_are_plain_text(tokens: O200kTokens) -> None:
    assert tokens.count("<|endoftext|>") > 2


def test_a_lone_surrogate_is_counted(tokens: O200kTokens) -> None:
    assert tokens.count("\ud83d oops") > 0


@pytest.mark.parametrize("letter", ["a", " ", ".", "\n", "你", "aB"])
def test_a_megabyte_without_a_break_is_counted_within_seconds(tokens: O200kTokens, letter: str) -> None:
    started = time.perf_counter()
    count = tokens.count(letter * 1_000_000)

    assert count >= 1_000_000 // 128
    assert time.perf_counter() - started < 10


def test_cutting_a_long_text_changes_the_count_by_a_few_tokens_at_most(tokens: O200kTokens) -> None:
    sentence = "We walked along the river until the lights came on. "

    whole, cut = tokens.count(sentence * 400), tokens.count(sentence * 4_000)

    assert cut == pytest.approx(whole * 10, rel=0.001)


def test_a_missing_vocabulary_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="bpe-openai"):
        O200kTokens(vocabulary=tmp_path / "absent.gz")


def test_a_missing_package_is_a_clear_error() -> None:
    with pytest.raises(Unavailable, match="Install the package bpe-openai"):
        bundled_vocabulary("no_such_package")


def test_a_damaged_vocabulary_is_a_clear_error(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(bundled_vocabulary().read_bytes()[:5000])

    with pytest.raises(Unavailable, match="cannot be read"):
        O200kTokens(vocabulary=damaged)


def test_another_vocabulary_is_refused_by_its_sha256(tmp_path: Path) -> None:
    other = tmp_path / "other.gz"
    other.write_bytes(gzip.compress(b"aGk= 0\n"))

    with pytest.raises(Unavailable, match="sha256"):
        O200kTokens(vocabulary=other)
