"""Conversations that others published, read for the benchmark of recall."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.dialogues import read

LOCOMO: list[dict[str, Any]] = [
    {
        "conversation": {
            "speaker_a": "Anna",
            "speaker_b": "Otto",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Anna", "dia_id": "D1:1", "text": "Look!", "blip_caption": "a photo of a cat"},
                {"speaker": "Otto", "dia_id": "D1:2", "text": "Nice"},
            ],
            "session_2_date_time": "2:00 pm on 9 May, 2023",
            "session_2": [{"speaker": "Anna", "dia_id": "D2:1", "text": "Hello again"}],
        },
        "qa": [
            {"question": "What did Anna show?", "evidence": ["D1:1"], "category": 4},
            {"question": "Both?", "evidence": ["D1:1; D2:1", "D:1:02"], "category": 1},
            {"question": "Nothing?", "evidence": ["D", "D9:9"], "category": 1},
            {"question": "Adversarial?", "evidence": ["D1:1"], "category": 5},
        ],
    }
]
PLAIN: dict[str, Any] = {
    "messages": [
        {"id": 0, "speaker": "user", "text": "Hello", "time": "March-15-2024"},
        {"id": 1, "speaker": "assistant", "text": " ", "time": None},
        {"id": 2, "speaker": "assistant", "text": "Hi", "time": None},
    ],
    "questions": [{"question": "Who?", "evidence": [2, 2], "category": "facts"}],
}


def written(folder: Path, name: str, content: object) -> Path:
    file = folder / name
    file.write_text(json.dumps(content))
    return file


def test_locomos_sittings_are_lines_with_dates_and_captions(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, "dev.json", LOCOMO))

    assert [(line.id, line.speaker, line.text) for line in one.lines] == [
        ("D1:1", "Anna", "Look! [image: a photo of a cat]"),
        ("D1:2", "Otto", "Nice"),
        ("D2:1", "Anna", "Hello again"),
    ]
    assert [line.said_at for line in one.lines] == [
        datetime(2023, 5, 8, 13, 56, tzinfo=UTC),
        datetime(2023, 5, 8, 13, 56, 20, tzinfo=UTC),
        datetime(2023, 5, 9, 14, 0, tzinfo=UTC),
    ]


def test_evidence_that_is_malformed_is_repaired_or_counted(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, "dev.json", LOCOMO))

    assert [(question.text, list(question.evidence), question.category) for question in one.questions] == [
        ("What did Anna show?", ["D1:1"], "4"),
        ("Both?", ["D1:1", "D2:1", "D1:2"], "1"),
    ]
    assert (one.repaired, one.unknown, one.skipped) == (2, 2, 1)


def test_the_plain_shape_is_read_as_it_stands(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, "chat.json", PLAIN))

    assert [(line.id, line.text) for line in one.lines] == [("0", "Hello"), ("2", "Hi")]
    assert [line.said_at for line in one.lines] == [datetime(2024, 3, 15, tzinfo=UTC), None]
    assert [(question.evidence, question.category) for question in one.questions] == [(["2"], "facts")]


def test_of_a_folder_every_file_is_read_in_order(tmp_path: Path) -> None:
    written(tmp_path, "b.json", [PLAIN, PLAIN])
    written(tmp_path, "a.json", LOCOMO)

    assert [one.name for one in read(tmp_path)] == ["a-0", "b-0", "b-1"]


def test_any_other_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither"):
        read(written(tmp_path, "other.json", {"lines": []}))
