"""The policy heartline: its weights, what tokens add, and what it does without them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from projections.evidence import Evidence, Query
from projections.heartline import Fitted, Heartline, heartline, late_interaction
from projections.parts import PARTS
from projections.session_index import TokenRow
from projections.token_index import SCORED
from projections.token_vectors import DIMENSIONS, TokenVectors
from tests.shelf import Shelf

FITTED = Fitted(
    with_tokens={"cosine": 1.0, "speaker": 0.0, "tokens": 2.0, "sitting": 1.0},
    without_tokens={"cosine": 1.0, "words": 0.5},
    expected=(0.1, 0.5),
)
POLICY = Heartline(fitted=FITTED)


def token(dimension: int) -> TokenVectors:
    vectors = np.zeros((1, DIMENSIONS), np.int8)
    vectors[0, dimension] = 127
    return TokenVectors(np.array([dimension], dtype=np.uint16), vectors)


def evidence(shelf: Shelf, *, tokens: TokenVectors | None = None, text: str = "tea") -> Evidence:
    index = shelf.index()
    course = index.course([document.version for document in shelf.documents])
    query = Query(text=text, dominant="neutral", vector=np.array([1, 0], dtype=np.float32), tokens=tokens)
    return Evidence(index, course, query, candidates=np.ones(len(course), dtype=np.bool_), at=None)


def values(parts: dict[str, NDArray[np.float32]]) -> dict[str, list[float]]:
    return {name: np.round(found.astype(np.float64), 3).tolist() for name, found in parts.items()}


def test_tokens_and_the_best_of_the_sitting_are_parts_of_their_own() -> None:
    shelf = Shelf().put(1, cosine=0.5).put(2, cosine=0.25)
    shelf.tokens += [TokenRow(version=1, part=0, tokens=token(3)), TokenRow(version=2, part=0, tokens=token(4))]

    parts = POLICY.parts(evidence(shelf, tokens=token(3)))

    assert values(parts) == {"cosine": [0.5, 0.25], "tokens": [2.0, 0.0], "sitting": [1.0, 1.0]}


def test_where_nothing_has_tokens_other_weights_are_used() -> None:
    shelf = Shelf().put(1, "tea", cosine=0.5).put(2, "rain", cosine=0.25)

    assert values(POLICY.parts(evidence(shelf, tokens=token(3)))) == {"cosine": [0.5, 0.25], "words": [0.5, 0.0]}
    assert values(POLICY.parts(evidence(shelf))) == {"cosine": [0.5, 0.25], "words": [0.5, 0.0]}


def test_tokens_of_what_is_no_candidate_change_nothing() -> None:
    shelf = Shelf().put(1, "tea", cosine=0.5).put(2, "rain", cosine=0.25).put(3, "tea", cosine=0.75)
    shelf.tokens.append(TokenRow(version=3, part=0, tokens=token(3)))
    asked = evidence(shelf, tokens=token(3))
    asked.candidates = np.array([True, True, False])

    assert POLICY.parts(asked).keys() == {"cosine", "words"}


def test_a_document_without_tokens_gets_what_its_cosine_lets_expect() -> None:
    shelf = Shelf().put(1, cosine=0.5).put(2, cosine=0.25)
    shelf.tokens.append(TokenRow(version=2, part=0, tokens=token(4)))

    assert values(POLICY.parts(evidence(shelf, tokens=token(4))))["tokens"] == [2 * (0.1 + 0.25), 2.0]


@pytest.mark.parametrize("alike", [False, True])
def test_of_many_only_the_best_are_compared_token_by_token(alike: bool) -> None:
    count = SCORED + 50
    shelf = Shelf()
    for version in range(1, count + 1):
        shelf.put(version, cosine=0.5 if alike else version / (count + 1))
        shelf.tokens.append(TokenRow(version=version, part=0, tokens=token(3)))
    found = evidence(shelf, tokens=token(3))

    tokens = late_interaction(found, found.cosine, (0.0, 0.0))

    assert np.flatnonzero(tokens).tolist() == list(range(50, count))


def test_the_stored_weights_name_every_part_and_are_never_negative() -> None:
    policy = heartline()

    assert policy.fitted.with_tokens.keys() == {*PARTS, "tokens", "sitting"}
    assert policy.fitted.without_tokens.keys() == {*PARTS, "sitting"}
    assert all(weight >= 0 for weight in [*policy.fitted.with_tokens.values(), *policy.fitted.without_tokens.values()])


def test_a_part_can_be_left_out() -> None:
    policy = heartline().without("speaker", "sitting")

    parts = policy.parts(evidence(Shelf().put(1, "tea", cosine=0.5)))

    assert not {"speaker", "sitting"} & parts.keys()
    assert "cosine" in parts


def test_the_record_has_the_weights() -> None:
    assert POLICY.recalling(3).record() == {
        "name": "heartline",
        "version": 1,
        "parameters": {
            "top_k": 3,
            "threshold": 0.0,
            "weights": {"cosine": 1.0, "speaker": 0.0, "tokens": 2.0, "sitting": 1.0},
            "weights_without_tokens": {"cosine": 1.0, "words": 0.5},
        },
    }
