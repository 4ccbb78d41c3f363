"""What is read in texts: vectors and emotions, with and without an encoder that answers."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import numpy as np
import pytest

from api.chat.perception import Perception
from api.ports import Encoding
from domain.emotion import KeywordDetector
from projections.token_vectors import TokenVectors, projection
from tests.fakes_models import HashEncoder, WithTokens
from tests.turn_fakes import FlakyEncoder

SESSION = UUID(int=1)
DAY = 739_000


class Nothing(HashEncoder):
    """Finds nothing in any text: vectors of zero."""

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        await asyncio.sleep(0)
        return [Encoding(np.zeros((1, 2), np.float16)) for _ in texts]


class Named(KeywordDetector):
    """A detector by another name."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def encoder() -> FlakyEncoder:
    return FlakyEncoder()


@pytest.fixture
def perception(encoder: FlakyEncoder) -> Perception:
    return Perception(encoder, KeywordDetector())


async def test_all_texts_are_encoded_at_once(perception: Perception, encoder: FlakyEncoder) -> None:
    read = await perception.perceive({3: "I am happy", 5: "It rains"})

    assert [(one.version, one.text, one.emotion.dominant) for one in read] == [
        (3, "I am happy", "joy"),
        (5, "It rains", "neutral"),
    ]
    assert encoder.texts == ["I am happy", "It rains"]


async def test_query_forms_are_read_by_the_same_pass(perception: Perception, encoder: FlakyEncoder) -> None:
    asked, said = await perception.perceive({3: "Who helped?", 5: "It rains"}, {3: "helped?"})

    assert encoder.texts == ["Who helped?", "It rains", "helped?"]
    assert [vector.part for vector in perception.vectors(SESSION, [asked, said])] == ["0", "query", "0"]


async def test_by_another_encoder_all_else_is_alike() -> None:
    perception = Perception(WithTokens(), Named("own"), projection=projection())

    other = perception.by(WithTokens(dimensions=32))

    assert other.detector == "own"
    assert other.embedders.names == [
        WithTokens(dimensions=32).id,
        f"{WithTokens(dimensions=32).id}:{projection().name}",
    ]


async def test_nothing_is_encoded_of_nothing(perception: Perception, encoder: FlakyEncoder) -> None:
    assert await perception.perceive({}) == []
    assert encoder.texts == []


async def test_a_long_text_is_sought_with_the_mean_of_its_parts(perception: Perception) -> None:
    (read,) = await perception.perceive({3: "rain " * 60 + "sun " * 60})

    vector = read.as_query(DAY).vector
    assert vector is not None
    assert len(perception.vectors(SESSION, [read])) == 3
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0)


async def test_a_text_in_which_nothing_is_found_is_sought_with_nothing() -> None:
    (read,) = await Perception(Nothing(), KeywordDetector()).perceive({3: "rain"})

    vector = read.as_query(DAY).vector
    assert vector is not None
    assert vector.tolist() == [0.0, 0.0]


async def test_a_query_that_names_a_speaker_has_a_vector_of_its_own(perception: Perception) -> None:
    read = await perception.perceive_query(3, "What did Anna say?", ["Anna"])

    stored = perception.vectors(SESSION, [read])
    assert [(one.version, one.part) for one in stored] == [(3, "0"), (3, "query")]
    assert stored[0].vector != stored[1].vector
    query = read.as_query(DAY)
    assert query.vector is not None
    assert query.plain is not None
    assert query.vector.tolist() != query.plain.tolist()


async def test_a_query_that_names_nobody_is_encoded_once(perception: Perception, encoder: FlakyEncoder) -> None:
    read = await perception.perceive_query(3, "She said it.", ["Anna"])

    assert encoder.texts == ["She said it."]
    assert read.as_query(DAY).plain is None
    assert [one.part for one in perception.vectors(SESSION, [read])] == ["0"]


async def test_a_long_instruction_has_a_vector_for_each_chunk(perception: Perception) -> None:
    (read,) = await perception.perceive_chunks({3: "Maya keeps a red boat in the harbour. " * 10})

    assert len(perception.vectors(SESSION, [read])) == 3


async def test_an_empty_instruction_has_no_vector(perception: Perception) -> None:
    (read,) = await perception.perceive_chunks({3: ""})

    assert perception.vectors(SESSION, [read]) == []


async def test_texts_are_read_without_an_encoder_too(
    perception: Perception, encoder: FlakyEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    encoder.failing = True

    (read,) = await perception.perceive({3: "I am happy"})
    (chunked,) = await perception.perceive_chunks({4: "Be kind."})
    asked = await perception.perceive_query(5, "Who is Anna?", ["Anna"])

    assert (read.emotion.dominant, read.as_query(DAY).vector, asked.as_query(DAY).vector) == ("joy", None, None)
    assert perception.vectors(SESSION, [read, chunked, asked]) == []
    assert perception.failure == "The encoder does not answer."
    assert len(caplog.records) == 1


async def test_a_text_that_was_not_encoded_is_read_by_the_detector_that_needs_no_encoding(
    encoder: FlakyEncoder,
) -> None:
    perception = Perception(encoder, Named("by-layers:1"), Named("by-words:1"))
    encoder.failing = True
    (without,) = perception.detected(await perception.perceive({3: "I am happy"}))
    encoder.failing = False
    (with_it,) = perception.detected(await perception.perceive({4: "I am happy"}))

    assert (without.detector, with_it.detector) == ("by-words:1", "by-layers:1")


async def test_token_vectors_are_stored_under_a_name_of_their_own() -> None:
    perception = Perception(WithTokens(), KeywordDetector(), projection=projection())

    (read,) = await perception.perceive({3: "one two"})
    (chunked,) = await perception.perceive_chunks({4: "Maya keeps a red boat in the harbour. " * 10})
    asked = await perception.perceive_query(5, "Who is it?", [])

    names = perception.embedders
    assert names.names == [WithTokens().id, f"{WithTokens().id}:{projection().name}"]
    stored = perception.vectors(SESSION, [read, chunked, asked])
    tokens = [(one.version, one.part) for one in stored if one.embedder == names.tokens]
    assert tokens == [(3, "0"), (4, "0"), (4, "1"), (4, "2"), (5, "0"), (5, "query")]
    assert [(one.version, one.part) for one in stored if one.embedder == names.vectors] == tokens
    form = asked.as_query(DAY).tokens
    assert form is not None
    assert len(form) == 1
    assert TokenVectors.unpacked(stored[6].vector).pieces.tolist() == [0, 1]


async def test_what_is_said_without_a_query_form_is_sought_with_its_own_tokens() -> None:
    asked = await Perception(WithTokens(), KeywordDetector(), projection=projection()).perceive_query(
        5, "one two three", []
    )

    tokens = asked.as_query(DAY).tokens
    assert tokens is not None
    assert len(tokens) == 3


async def test_without_a_projection_no_token_vectors_are_kept() -> None:
    perception = Perception(WithTokens(), KeywordDetector())

    asked = await perception.perceive_query(5, "one two three", [])

    assert perception.embedders.tokens is None
    assert asked.as_query(DAY).tokens is None


async def test_an_encoder_that_answers_again_is_no_failure(perception: Perception, encoder: FlakyEncoder) -> None:
    encoder.failing = True
    await perception.perceive({3: "I am happy"})
    encoder.failing = False

    await perception.perceive({3: "I am happy"})

    assert perception.failure is None


async def test_an_emotion_is_told_with_its_importance(perception: Perception) -> None:
    (detected,) = perception.detected(await perception.perceive({3: "I am happy!"}))

    assert (detected.of, detected.detector, detected.emotion.dominant) == (3, "keywords:1", "joy")
    assert detected.importance == pytest.approx(0.68, abs=0.01)
