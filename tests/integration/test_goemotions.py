"""The emotion head with its real weights and the real encoder: chat lines, other languages, damage, cost."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.adapters.emotion_head import WEIGHTS, Head, load_head
from api.adapters.goemotions import GoEmotionsDetector, GoEmotionsWords
from api.adapters.minilm import MiniLmEncoder
from api.detectors import detectors
from benchmarks.emotions import CHAT_LINES, evaluate
from domain.affect import FEELINGS
from domain.emotion import NEUTRAL, Emotion
from domain.errors import Unavailable


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head()


@pytest.fixture(scope="module")
def chat() -> Mapping[str, Any]:
    """Both detectors on the 200 chat lines, the head first."""
    return evaluate(CHAT_LINES)


async def read(head: Head, *texts: str) -> list[Emotion]:
    encoder = MiniLmEncoder()
    try:
        encodings = await encoder.encode(texts)
    finally:
        await encoder.close()
    detector = GoEmotionsDetector(head)
    return [detector.detect(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]


def test_the_chat_lines_are_read_better_than_by_keywords(chat: Mapping[str, Any]) -> None:
    by_head, by_keywords = chat["detectors"].values()

    assert chat["lines"] == 200
    assert by_head["accuracy"] > by_keywords["accuracy"] + 0.1
    assert by_head["macro_f1"] > by_keywords["macro_f1"] + 0.05


def test_by_either_embedding_model_it_reads_the_chat_lines_alike(chat: Mapping[str, Any]) -> None:
    by_head, _ = chat["detectors"].values()

    in_float32, _ = evaluate(CHAT_LINES, "minilm-l6-v2")["detectors"].values()

    assert by_head["accuracy"] == pytest.approx(in_float32["accuracy"], abs=0.05)


@pytest.mark.parametrize(
    ("kind", "accuracy"),
    [("plain", 0.75), ("caps", 0.75), ("emoji", 0.65), ("asterisks", 0.55), ("negation", 0.4), ("sarcasm", 0.3)],
)
def test_each_kind_of_chat_line_is_read_well_enough(chat: Mapping[str, Any], kind: str, accuracy: float) -> None:
    by_head, _ = chat["detectors"].values()

    assert by_head["accuracy_by_group"][kind] >= accuracy


def test_reading_a_line_costs_little_beside_its_encoding(chat: Mapping[str, Any]) -> None:
    by_head, _ = chat["detectors"].values()

    assert by_head["cost"]["p50_ms"] < 2


async def test_labels_are_the_eight_feelings_and_likely_shades(head: Head) -> None:
    (thanks,) = await read(head, "Thank you so much for your help, I really appreciate it!")

    assert set(FEELINGS) < set(thanks.labels)
    assert thanks.labels["gratitude"] > 0.8
    assert (thanks.dominant, thanks.confidence) == ("joy", thanks.labels["joy"])


async def test_what_is_denied_is_not_felt(head: Head) -> None:
    glad, not_glad = await read(head, "I am happy with how it went.", "I am not happy with how it went.")

    assert glad.dominant == "joy"
    assert not_glad.dominant != "joy"
    assert not_glad.labels["joy"] < 0.25 < glad.labels["joy"]


async def test_praise_with_a_marker_of_sarcasm_is_no_joy(head: Head) -> None:
    meant, not_meant = await read(head, "Great work, thank you!", "Great work, thank you! /s")

    assert (meant.dominant, not_meant.dominant) == ("joy", "anger")


@pytest.mark.parametrize(
    "text",
    [
        "Ich habe heute meinen Schlüssel im Büro liegen lassen.",
        "Estoy esperando el autobús desde hace una hora.",
        "Il faut que je parte demain matin très tôt.",
        "\u4eca\u65e5\u306f\u96e8\u304c\u964d\u3063\u3066\u3044\u307e\u3059",
    ],
)
async def test_another_language_is_neutral_without_being_sure(head: Head, text: str) -> None:
    (emotion,) = await read(head, text)

    assert emotion.dominant == NEUTRAL
    assert emotion.confidence < 0.6


async def test_code_is_not_felt(head: Head) -> None:
    (emotion,) = await read(head, "```python\nfor hate in love:\n    print('I am so happy')\n```")

    assert emotion.dominant == NEUTRAL


async def test_an_emoji_is_understood_in_any_language(head: Head) -> None:
    (emotion,) = await read(head, "Meine Katze ist gestern gestorben \N{CRYING FACE}\N{LOUDLY CRYING FACE}")

    assert emotion.dominant == "sadness"


def test_without_an_encoding_the_words_answer_under_a_name_of_their_own(head: Head) -> None:
    detector = GoEmotionsWords(head)

    assert detector.name == f"goemotions-words:1:{head.name}"
    assert detector.detect("I am so sad, I cried all night.", None).dominant == "sadness"


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    for file in (WEIGHTS, WEIGHTS.with_suffix(".json")):
        shutil.copy(file, tmp_path)
    damaged = tmp_path / WEIGHTS.name
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")

    with pytest.raises(Unavailable, match="not the published one"):
        load_head(damaged)


def test_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        load_head(tmp_path / "goemotions.npz")


def test_the_weights_are_small_and_say_where_they_come_from() -> None:
    assert WEIGHTS.stat().st_size < 700_000
    assert "CC BY 4.0" in WEIGHTS.with_suffix(".json").read_text(encoding="utf-8")


def test_the_detector_is_chosen_by_its_name() -> None:
    assert [one.name.partition(":")[0] for one in detectors("goemotions")] == ["goemotions", "goemotions-words"]
    assert [one.name for one in detectors("keywords")] == ["keywords:1"]


def test_where_the_weights_are_missing_keywords_read_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (reader,) = detectors("goemotions", tmp_path / "goemotions.npz")

    assert reader.name == "keywords:1"
    assert "emotions are read by keywords" in caplog.text
