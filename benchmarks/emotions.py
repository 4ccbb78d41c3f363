"""`python -m benchmarks.emotions [--tsv FILE] [--embedding-model NAME] [--json OUT]`: both detectors on labelled lines.

The file has a text and its label in each line, separated by a tab; a third column, if any, groups the lines in the
table. A label may name alternatives (`sadness|anger`); names that other data sets use for the same feelings are known
(`KNOWN`), lines with others are left out and counted. Without a file: the 200 chat lines beside this module.
"""

import argparse
import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from rich.console import Console
from rich.table import Table

from api.adapters.emotion_head import load_head
from api.adapters.goemotions import GoEmotionsDetector
from api.ports import EmotionDetector, Encoder, Encoding
from api.settings import DEFAULT_EMBEDDING_MODEL, EmbeddingModel, load_settings
from api.wiring.outside import encoding
from domain.affect import FEELINGS, SHADES
from domain.emotion import NEUTRAL, KeywordDetector

CHAT_LINES: Final = Path(__file__).with_name("chat_lines.tsv")

KNOWN: Final = {
    **{shade: feeling for feeling, shades in SHADES.items() for shade in shades},
    **dict.fromkeys(("happiness", "happy", "joyful", "excited", "grateful", "proud", "hopeful", "content"), "joy"),
    **dict.fromkeys(("impressed", "confident", "prepared", "anticipating"), "joy"),
    **dict.fromkeys(("sad", "lonely", "devastated", "guilty", "guilt", "ashamed", "shame", "disappointed"), "sadness"),
    **dict.fromkeys(("embarrassed", "nostalgic", "sentimental"), "sadness"),
    **dict.fromkeys(("angry", "furious", "annoyed", "frustration", "frustrated", "rage", "mad"), "anger"),
    **dict.fromkeys(("afraid", "terrified", "anxious", "apprehensive", "scared", "anxiety", "worry"), "fear"),
    **dict.fromkeys(("surprised",), "surprise"),
    **dict.fromkeys(("disgusted",), "disgust"),
    **dict.fromkeys(("faithful", "trusting", "affection"), "love"),
    **dict.fromkeys(("no emotion", "no_emotion", "none", "other", "others", "calm"), NEUTRAL),
}
"""What labels of other data sets mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A text, the feelings that are right for it, the first being the one it is counted under, and its group."""

    text: str
    right: tuple[str, ...]
    group: str


def read_lines(file: Path) -> tuple[list[Line], int]:
    """The lines whose labels are known, and how many others there are."""
    lines: list[Line] = []
    unknown = 0
    for row in file.read_text(encoding="utf-8").splitlines():
        text, _, rest = row.partition("\t")
        label, _, group = rest.partition("\t")
        right = tuple(KNOWN[name] for one in label.split("|") if (name := one.strip().lower()) in KNOWN)
        if right:
            lines.append(Line(text=text, right=right, group=group.strip() or "all"))
        elif row.strip():
            unknown += 1
    return lines, unknown


def scores(said: Sequence[str], lines: Sequence[Line]) -> dict[str, float]:
    """Accuracy, and F1 in the forms that are usual for dialogue. Who says love where the set has none means joy."""
    has_love = any("love" in line.right for line in lines)
    told = [one if has_love or one != "love" else "joy" for one in said]
    truth = [line.right[0] if one not in line.right else one for one, line in zip(told, lines, strict=True)]
    emotive = [(one, true) for one, true in zip(told, truth, strict=True) if true != NEUTRAL]
    present = [feeling for feeling in FEELINGS if feeling in truth]
    hits = sum(one == true for one, true in emotive)
    felt = sum(one != NEUTRAL for one in told)
    f1 = {feeling: _f1(feeling, told, truth) for feeling in present}
    of_emotive = [_f1(feeling, *zip(*emotive, strict=True)) for feeling in present if feeling != NEUTRAL]
    return {
        "accuracy": sum(one == true for one, true in zip(told, truth, strict=True)) / len(lines),
        "macro_f1": float(np.mean(list(f1.values()))),
        "weighted_f1": sum(value * truth.count(feeling) for feeling, value in f1.items()) / len(lines),
        "macro_f1_of_feelings": float(np.mean([value for feeling, value in f1.items() if feeling != NEUTRAL] or [0.0])),
        "macro_f1_on_emotive_lines": float(np.mean(of_emotive or [0.0])),
        "micro_f1_not_neutral": 2 * hits / max(felt + len(emotive), 1),
    }


def _f1(feeling: str, said: Sequence[str], truth: Sequence[str]) -> float:
    hits = sum(one == true == feeling for one, true in zip(said, truth, strict=True))
    return 2 * hits / max(said.count(feeling) + truth.count(feeling), 1)


async def encode(texts: Sequence[str], encoder: Encoder, *, batch: int = 64) -> list[Encoding]:
    """Every text's encoding by the product's encoder."""
    encodings: list[Encoding] = []
    for start in range(0, len(texts), batch):
        # Token states are not needed here and would fill the memory.
        found = await encoder.encode(texts[start : start + batch])
        encodings += [Encoding(parts=one.parts, layers=one.layers) for one in found]
    return encodings


def cost_ms(detector: EmotionDetector, texts: Sequence[str], encodings: Sequence[Encoding]) -> dict[str, float]:
    """Milliseconds of CPU that reading one text takes beyond its encoding: median and 95th percentile."""
    spent: list[float] = []
    for text, one in zip(texts, encodings, strict=True):
        started = time.thread_time_ns()
        detector.detect(text, one)
        spent.append((time.thread_time_ns() - started) / 1e6)
    return {"p50_ms": float(np.median(spent)), "p95_ms": float(np.quantile(spent, 0.95))}


def evaluate(file: Path, embedding_model: EmbeddingModel = DEFAULT_EMBEDDING_MODEL) -> dict[str, Any]:
    """Scores, scores by group and cost of both detectors."""
    lines, unknown = read_lines(file)
    texts = [line.text for line in lines]
    encodings = asyncio.run(_encoded(texts, embedding_model))
    result: dict[str, Any] = {"file": file.name, "lines": len(lines), "lines_left_out": unknown, "detectors": {}}
    for detector in (GoEmotionsDetector(load_head()), KeywordDetector()):
        said = [detector.detect(text, one).dominant for text, one in zip(texts, encodings, strict=True)]
        groups: dict[str, list[int]] = defaultdict(list)
        for number, line in enumerate(lines):
            groups[line.group].append(number)
        result["detectors"][detector.name] = {
            **scores(said, lines),
            "accuracy_by_group": {
                group: float(np.mean([said[number] in lines[number].right for number in numbers]))
                for group, numbers in groups.items()
            },
            "cost": cost_ms(detector, texts, encodings),
            "wrong": [
                {"text": line.text, "right": "|".join(line.right), "said": one}
                for line, one in zip(lines, said, strict=True)
                if one not in line.right
            ][:200],
        }
    return result


async def _encoded(texts: Sequence[str], model: EmbeddingModel) -> list[Encoding]:
    async with encoding(load_settings(embedding_model=model)) as encoder:
        return await encode(texts, encoder)


def rows(result: Mapping[str, Any]) -> list[dict[str, str | float]]:
    """One row a score, one column a detector."""
    flat = {
        name: {
            **{key: value for key, value in found.items() if isinstance(value, float)},
            **{f"accuracy: {group}": value for group, value in found["accuracy_by_group"].items()},
            **{f"cost {key}": value for key, value in found["cost"].items()},
        }
        for name, found in result["detectors"].items()
    }
    measures = next(iter(flat.values()))
    return [{"score": score, **{name: values[score] for name, values in flat.items()}} for score in measures]


def main() -> None:
    """Parse the command line, evaluate, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.emotions", description=__doc__)
    parser.add_argument("--tsv", type=Path, default=CHAT_LINES, help="lines of text, tab, label")
    parser.add_argument("--embedding-model", choices=get_args(EmbeddingModel), default=DEFAULT_EMBEDDING_MODEL)
    parser.add_argument("--json", type=Path, help="file for the scores and the lines read wrong")
    parser.add_argument("--wrong", action="store_true", help="print the lines that goemotions reads wrong")
    arguments = parser.parse_args()
    result = evaluate(arguments.tsv, arguments.embedding_model)
    found = rows(result)
    table = Table(*found[0], title=f"{result['file']}, {result['lines']} lines, {result['lines_left_out']} left out")
    for row in found:
        table.add_row(*(value if isinstance(value, str) else f"{value:.3f}" for value in row.values()))
    Console().print(table)
    if arguments.wrong:
        for one in next(iter(result["detectors"].values()))["wrong"]:
            Console().print(f"{one['right']:>20} | {one['said']:<10} {one['text']}", markup=False)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
