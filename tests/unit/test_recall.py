"""The ranking of a session's memories for a query, and the record of it that an audit reads."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.records import RecallRecord
from projections.evidence import Query
from projections.policies import COSINE, HYBRID, Policy
from projections.recall import OTHERS_RECORDED, Ranking, View, rank
from projections.session_index import Document, SessionIndex
from projections.vector_index import CANDIDATES, VectorIndex
from tests.shelf import EMBEDDERS, SESSION, Shelf


def a_query(text: str = "", *, dominant: str = "neutral", embedded: bool = True) -> Query:
    return Query(text=text, vector=np.array([1, 0], dtype=np.float32) if embedded else None, dominant=dominant)


def ranked(shelf: Shelf, query: Query | None = None, view: View | None = None, policy: Policy = HYBRID) -> Ranking:
    view = view or View(path=[document.version for document in shelf.documents])
    return rank(shelf.index(), query or a_query(), view, policy)


def versions(ranking: Ranking) -> list[int]:
    return [one.document.version for one in ranking.best(10**6)]


def verdicts(record: RecallRecord) -> dict[int, str]:
    return {one["version"]: one["verdict"] for one in record["candidates"]}


def many(count: int) -> Shelf:
    """Messages 1, 2, … of falling similarity."""
    shelf = Shelf()
    for version in range(1, count + 1):
        shelf.put(version, cosine=1 - version / (count + 1))
    return shelf


# -- ranking -----------------------------------------------------------------------------------------------------------


def test_the_most_similar_memory_is_first() -> None:
    ranking = ranked(Shelf().put(1, cosine=0.25).put(2, cosine=0.75).put(3, cosine=0.5))

    assert [(one.rank, one.document.version, one.score) for one in ranking.best(2)] == [(1, 2, 0.75), (2, 3, 0.5)]
    assert versions(ranking) == [2, 3, 1]


def test_words_count_beside_similarity() -> None:
    shelf = Shelf().put(1, "She likes tea", cosine=0.3).put(2, "It rains", cosine=0.5)

    ranking = ranked(shelf, a_query("tea?"))

    assert versions(ranking) == [1, 2]
    first, second = ranking.record()["candidates"]
    assert first["parts"] == pytest.approx({"cosine": 0.3, "bm25": 0.4}, abs=1e-3)
    assert second["parts"] == {"cosine": 0.5, "bm25": 0.0}


def test_of_equal_memories_the_newest_is_first() -> None:
    assert versions(ranked(Shelf().put(1, cosine=0.5).put(2, cosine=0.5).put(3, cosine=0.5))) == [3, 2, 1]


def test_how_rare_a_word_is_counts_what_the_context_shows_too() -> None:
    shelf = Shelf().put(1, "rain").put(2, "tea").put(3, "tea")

    assert versions(ranked(shelf, a_query("tea rain"), View(path=[1, 2, 3], shown=frozenset({3})))) == [1, 2]


def test_nothing_remembered_is_nothing_recalled() -> None:
    ranking = ranked(Shelf())

    assert versions(ranking) == []
    assert (ranking.record()["candidates"], ranking.record()["rest"], ranking.record()["cut"]) == ([], {}, None)


@given(
    known=st.sets(st.integers(min_value=1, max_value=30)),
    in_view=st.lists(st.integers(min_value=1, max_value=40), unique=True),
    shown=st.frozensets(st.integers(min_value=1, max_value=40)),
    policy=st.sampled_from([COSINE, HYBRID]),
)
def test_exactly_what_is_in_view_and_not_shown_is_a_candidate(
    known: set[int], in_view: list[int], shown: frozenset[int], policy: Policy
) -> None:
    shelf = Shelf()
    for version in sorted(known):
        shelf.put(version, "tea and rain", cosine=0.9)

    ranking = ranked(shelf, a_query("tea"), View(path=in_view, shown=shown), policy)

    assert set(versions(ranking)) == (known & set(in_view)) - shown
    assert {one["version"] for one in ranking.record()["candidates"]} <= set(in_view) - shown
    assert ranking.record()["rest"].get("in_window", 0) == len(known & set(in_view) & shown)


def test_what_is_out_of_view_changes_no_score() -> None:
    both = Shelf().put(1, "tea", cosine=0.5).put(2, "rain and rivers", cosine=0.4)
    later = Shelf(documents=[*both.documents], vectors=[*both.vectors]).put(3, "tea tea tea", cosine=1.0)

    before = ranked(both, a_query("tea rain"))
    after = ranked(later, a_query("tea rain"), View(path=[1, 2]))

    assert before.record()["candidates"] == after.record()["candidates"]


# -- feelings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "felt", "boost"),
    [("joy", "joy", 1 + 0.8 * 0.3), ("joy", "fear", 1.0), ("neutral", "neutral", 1.0), ("joy", "neutral", 1.0)],
)
def test_only_an_equal_feeling_that_is_not_neutral_raises_the_similarity(asked: str, felt: str, boost: float) -> None:
    shelf = Shelf().put(1, cosine=0.5).feel(1, felt, importance=0.8)

    (only,) = ranked(shelf, a_query(dominant=asked), policy=COSINE).best(1)

    assert only.score == pytest.approx(0.5 * boost)


def test_a_message_in_which_nothing_was_detected_is_not_raised() -> None:
    shelf = Shelf().put(1, cosine=0.5).put(2, cosine=0.25).feel(1, "joy")

    ranking = ranked(shelf, a_query(dominant="joy"), policy=COSINE)

    assert [one["parts"]["feeling"] > 0 for one in ranking.record()["candidates"]] == [True, False]


def test_the_feeling_is_the_one_detected_last_as_of_then() -> None:
    shelf = Shelf().put(1, cosine=0.5).feel(1, "joy", version=5).feel(1, "fear", version=9)

    def feeling(at: int | None) -> float:
        (only,) = ranked(shelf, a_query(dominant="joy"), View(path=[1], at=at), COSINE).record()["candidates"]
        return only["parts"].get("feeling", 0.0)

    assert [feeling(at) for at in (4, 5, 8, 9, None)] == pytest.approx([0, 0.075, 0.075, 0, 0])


# -- what an audit reads -----------------------------------------------------------------------------------------------


def test_the_record_names_policy_embedder_and_every_number() -> None:
    ranking = ranked(Shelf().put(1, "tea", cosine=0.5), a_query("tea"))
    ranking.decide(1, "kept")

    assert ranking.record() == {
        "policy": HYBRID.record(),
        "embedder": "test",
        "candidates": [
            {
                "kind": "message",
                "version": 1,
                "score": 0.9,
                "parts": {"cosine": 0.5, "bm25": 0.4},
                "rank": 1,
                "verdict": "kept",
            }
        ],
        "rest": {},
        "threshold": 0.0,
        "cut": 0.9,
    }


def test_a_chunk_of_an_instruction_names_its_characters() -> None:
    shelf = Shelf(documents=[Document(kind="persona", version=1, start=10, end=20, terms={})])

    (chunk,) = ranked(shelf).record()["candidates"]

    assert (chunk["kind"], chunk.get("start"), chunk.get("end")) == ("persona", 10, 20)


def test_the_record_lists_the_kept_ones_and_the_best_others() -> None:
    ranking = ranked(many(300), view=View(path=range(1, 301), shown=frozenset({300})))
    for place in (1, 3, 200):
        ranking.decide(place, "kept")
    ranking.decide(2, "duplicate")

    record = ranking.record()

    ranks = [one["rank"] for one in record["candidates"]]
    assert ranks == [*range(1, OTHERS_RECORDED + 3), 200]
    assert Counter(one["verdict"] for one in record["candidates"]) == {"kept": 3, "duplicate": 1, "below_cut": 63}
    assert record["cut"] == next(one["score"] for one in record["candidates"] if one["rank"] == 200)
    assert record["rest"] == {"in_window": 1, "below_cut": 299 - len(ranks)}


@settings(max_examples=50)
@given(count=st.integers(min_value=1, max_value=150), seed=st.integers(min_value=0, max_value=2**16))
def test_what_is_listed_and_what_is_counted_are_all_candidates(count: int, seed: int) -> None:
    random = Random(seed)
    shelf = Shelf()
    for version in range(1, count + 1):
        shelf.put(version, cosine=random.choice([None, -0.5, 0.25, 0.5, 0.75]))
    in_view = range(1, random.randint(1, count) + 1)
    ranking = ranked(shelf, view=View(path=in_view, shown=frozenset(random.sample(in_view, len(in_view) // 3))))
    candidates = len(ranking.order)
    for place in random.sample(range(1, candidates + 1), candidates // 2):
        ranking.decide(place, random.choice(["kept", "filtered", "over_budget", "in_window"]))

    record = ranking.record()

    kept = [one for one in record["candidates"] if one["verdict"] == "kept"]
    assert len(record["candidates"]) + sum(record["rest"].values()) == len(in_view)
    assert len(kept) == sum(verdict == "kept" for verdict in ranking.verdicts.values())
    assert len(record["candidates"]) - len(kept) == min(OTHERS_RECORDED, candidates - len(kept))


def test_what_was_decided_of_the_unlisted_is_counted_as_decided() -> None:
    ranking = ranked(many(OTHERS_RECORDED + 20))
    for place in range(1, OTHERS_RECORDED + 11):
        ranking.decide(place, "filtered")

    assert ranking.record()["rest"] == {"filtered": 10, "below_cut": 10}


def test_a_memory_below_the_threshold_is_so_listed_and_so_counted() -> None:
    shelf = many(OTHERS_RECORDED)
    for version in range(100, 103):
        shelf.put(version, cosine=-0.1 * (version - 99))

    record = ranked(shelf, view=View(path=[*range(2, OTHERS_RECORDED + 1), 100, 101, 102])).record()

    assert verdicts(record)[100] == "below_threshold"
    assert record["rest"] == {"below_threshold": 2}


def test_a_memory_without_a_vector_waits_for_it_unless_it_was_decided_otherwise() -> None:
    ranking = ranked(Shelf().put(1, "tea").put(2, "rain").put(3, cosine=0.1), a_query("tea rain"))
    ranking.decide(1, "kept")

    assert verdicts(ranking.record()) == {2: "kept", 1: "vector_pending", 3: "below_cut"}


def test_unlisted_memories_without_a_vector_are_counted_as_such() -> None:
    shelf = many(OTHERS_RECORDED)
    shelf.put(100).put(101)

    assert ranked(shelf).record()["rest"] == {"vector_pending": 2}


def test_a_query_without_a_vector_is_answered_by_words_and_says_nothing_of_the_memories_vectors() -> None:
    shelf = Shelf().put(1, "tea", cosine=0.5).put(2, "rain", cosine=0.9)

    ranking = ranked(shelf, a_query("tea", embedded=False))

    assert versions(ranking) == [1, 2]
    assert verdicts(ranking.record()) == {1: "below_cut", 2: "below_cut"}


# -- very many ---------------------------------------------------------------------------------------------------------


def test_of_very_many_memories_those_with_the_words_are_compared_exactly() -> None:
    count = 2 * CANDIDATES
    shelf = many(count)
    shelf.put(count + 1, "the boathouse key", cosine=-0.1)
    index = SessionIndex(SESSION, embedders=EMBEDDERS, dimensions=2)
    index.vectors = VectorIndex(2, exact_up_to=100)
    index.refresh(shelf)

    ranking = rank(index, a_query("boathouse"), View(path=range(1, count + 2)), HYBRID)
    ranking.decide(versions(ranking).index(count + 1) + 1, "kept")
    record = ranking.record()

    (kept,) = (one for one in record["candidates"] if one["verdict"] == "kept")
    assert kept["version"] == count + 1
    assert kept["parts"] == pytest.approx({"cosine": -0.1, "bm25": 0.4}, abs=1e-3)
    assert "vector_pending" not in record["rest"]


def test_what_stands_in_the_window_by_now_is_so_recorded_whatever_its_rank() -> None:
    ranking = ranked(many(200))
    ranking.decide(1, "kept")
    ranking.decide(2, "over_budget")

    ranking.settle(frozenset({2, 70, 150, 999}))

    assert (verdicts(ranking.record())[1], verdicts(ranking.record())[2]) == ("kept", "in_window")
    assert ranking.record()["rest"]["in_window"] == 2
