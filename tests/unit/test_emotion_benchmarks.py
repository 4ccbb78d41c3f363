"""How emotion readings are scored, and that a head can be made, packed and read again."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from api.adapters.emotion_head import load_head
from benchmarks.emotion_scores import (
    best_thresholds,
    calibrate,
    calibration_error,
    label_calibration_error,
    macro_f1,
    micro_f1,
)
from benchmarks.emotion_training import Examples, Training, answers, terms_of
from benchmarks.emotions import Line, read_lines, scores
from benchmarks.goemotions import OUTPUTS, Texts, write

SAD, GLAD = "so sad and alone today", "what a happy day, great"


def line(text: str, *right: str) -> Line:
    return Line(text=text, right=right, group="all")


def test_labels_of_other_sets_are_understood_and_unknown_ones_counted(tmp_path: Path) -> None:
    file = tmp_path / "set.tsv"
    file.write_text("Hi\tno emotion\nWow\tSurprised\nYes\tsad|ANGER\tmixed\n\nHm\tpurple\n", encoding="utf-8")

    lines, unknown = read_lines(file)

    assert [(one.text, one.right, one.group) for one in lines] == [
        ("Hi", ("neutral",), "all"),
        ("Wow", ("surprise",), "all"),
        ("Yes", ("sadness", "anger"), "mixed"),
    ]
    assert unknown == 1


def test_what_is_said_is_scored_against_what_is_right() -> None:
    lines = [line("a", "joy"), line("b", "joy"), line("c", "sadness", "anger"), line("d", "neutral")]

    found = scores(["joy", "love", "anger", "joy"], lines)

    assert found["accuracy"] == 0.75
    assert found["micro_f1_not_neutral"] == pytest.approx(2 * 3 / (4 + 3))


def test_love_stays_love_where_the_set_has_it() -> None:
    assert scores(["love"], [line("a", "joy"), line("b", "love")][:1])["accuracy"] == 1
    assert scores(["love", "love"], [line("a", "joy"), line("b", "love")])["accuracy"] == 0.5


def test_thresholds_are_where_f1_is_best() -> None:
    chances = np.array([[0.9], [0.6], [0.4], [0.1]])
    truth = np.array([[1.0], [1.0], [0.0], [0.0]])

    said = chances > best_thresholds(chances, truth)

    assert (macro_f1(said, truth), micro_f1(said, truth)) == (1, 1)


def test_a_calibration_error_is_how_far_chances_are_from_what_happens() -> None:
    chances, truth = np.full((10, 1), 0.7), np.array([[1.0]] * 5 + [[0.0]] * 5)

    assert calibration_error(chances, truth) == pytest.approx(0.2)
    assert label_calibration_error(np.hstack([chances, chances]), np.hstack([truth, truth])) == pytest.approx(0.2)


def test_calibration_makes_overconfident_logits_humble() -> None:
    truth = np.array([[1.0]] * 60 + [[0.0]] * 40)
    logits = np.where(np.arange(100) % 5, 4.0, -4.0)[:, None]

    slope, _ = calibrate(logits, truth)

    assert 0 < slope[0] < 1


def test_the_columns_of_a_label_and_of_its_groups_are_true_together() -> None:
    truth = Texts(texts=["a"], labels=[[2]]).truth()

    assert {name for name, true in zip(OUTPUTS, truth[0], strict=True) if true} == {
        "anger",
        "ekman:anger",
        "sentiment:negative",
        "feeling:anger",
    }


def test_a_head_is_made_written_and_read_again(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sides = np.arange(80) % 2
    layers = random.standard_normal((80, 12)).astype(np.float32) + 2 * sides[:, None]
    truth = np.stack([sides, 1 - sides], axis=1).astype(np.float32)
    examples = Examples(layers=layers, terms=terms_of([GLAD if side else SAD for side in sides]), truth=truth)

    training = Training.prepared(examples, ["glad", "sad"])
    write(training.train(examples, seed=0), tmp_path / "head.npz")
    head = load_head(tmp_path / "head.npz")

    found = answers(head, examples)
    assert ((found[:, 0] > 0.5) == sides).all()
    alone = head.read_words(head.vocabulary.weigh(Counter(terms_of([SAD])[0])))
    assert alone[head.outputs.index("sad")] > 0.5
