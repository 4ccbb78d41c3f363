"""`python -m benchmarks.goemotions`: make the emotion head from GoEmotions, or judge one that was made.

    --train FILE --dev FILE            train, tune on dev, write the weights; scored on a tenth of train held out
    --train FILE --dev FILE --test FILE     the same, scored on the test set
    --test FILE                        score the weights that Heartline ships

The files are GoEmotions' own: text, comma-separated label numbers, id, separated by tabs. The texts' layers come from
the product's encoder and are kept in the system's temporary folder.
"""

import argparse
import asyncio
import hashlib
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from api.adapters.emotion_head import WEIGHTS, Floats, Head, load_head, unpack
from api.adapters.minilm import MiniLmEncoder
from benchmarks.emotion_lines import lines
from benchmarks.emotion_scores import calibration_error, label_calibration_error, macro_f1, micro_f1
from benchmarks.emotion_training import Examples, Training, answers, terms_of
from domain.affect import SHADES

LABELS: Final[list[str]] = [
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire",
    "disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy",
    "love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral",
]  # fmt: skip

EKMAN: Final = {
    "anger": "anger annoyance disapproval",
    "disgust": "disgust",
    "fear": "fear nervousness",
    "joy": ("joy amusement approval excitement gratitude love optimism relief pride admiration desire caring"),
    "sadness": "sadness disappointment embarrassment grief remorse",
    "surprise": "surprise realization confusion curiosity",
    "neutral": "neutral",
}
"""The grouping of the GoEmotions paper; ours for chats is `SHADES`."""

SENTIMENT: Final = {
    "positive": EKMAN["joy"],
    "negative": " ".join(EKMAN[name] for name in ("anger", "disgust", "fear", "sadness")),
    "ambiguous": EKMAN["surprise"],
    "neutral": "neutral",
}

GROUPS: Final = {
    **{f"ekman:{name}": labels.split() for name, labels in EKMAN.items()},
    **{f"sentiment:{name}": labels.split() for name, labels in SENTIMENT.items()},
    **{f"feeling:{name}": list(labels) for name, labels in SHADES.items()},
}
OUTPUTS: Final = [*LABELS, *GROUPS]

HELD_OUT: Final = 10
"""One text of so many is held out where there is no test set."""

MOST_BYTES: Final = 700_000

BATCH: Final = 256

NOTE: Final = {
    "attribution": (
        "Trained on GoEmotions (Demszky et al., 2020, https://github.com/google-research/google-research/tree/master/"
        "goemotions), licensed CC BY 4.0. None of its texts are in this file; words that occur in many of them are."
    ),
    "made_by": "python -m benchmarks.goemotions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Lines of a GoEmotions file: texts and the numbers of their labels."""

    texts: list[str]
    labels: list[list[int]]

    @classmethod
    def read(cls, file: Path) -> "Texts":
        rows = [line.split("\t") for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
        return cls(texts=[row[0] for row in rows], labels=[[int(label) for label in row[1].split(",")] for row in rows])

    @classmethod
    def of_our_own(cls) -> "Texts":
        """The lines of `emotion_lines`."""
        pairs = list(lines())
        return cls(texts=[text for text, _ in pairs], labels=[[LABELS.index(label)] for _, label in pairs])

    def truth(self) -> Floats:
        """A row per text, a column per output: the labels, then the groups they belong to."""
        truth = np.zeros((len(self.texts), len(OUTPUTS)), np.float32)
        for row, labels in enumerate(self.labels):
            truth[row, labels] = 1
        for column, group in enumerate(GROUPS.values(), len(LABELS)):
            truth[:, column] = truth[:, [LABELS.index(label) for label in group]].max(axis=1)
        return truth

    def examples(self) -> Examples:
        """With layers (remembered in a temporary file) and words."""
        return Examples(layers=layers_of(self.texts), terms=terms_of(self.texts), truth=self.truth())


def layers_of(texts: Sequence[str]) -> NDArray[np.float16]:
    """The texts' layers by the product's encoder, the mean over parts where a text has several."""
    encoder = MiniLmEncoder(precision="float32")
    digest = hashlib.sha256("\n".join([encoder.id, *texts]).encode()).hexdigest()[:16]
    kept = Path(tempfile.gettempdir()) / f"heartline-layers-{digest}.npy"
    if not kept.exists():
        np.save(kept, asyncio.run(_encode(encoder, texts)))
    return np.load(kept)


async def _encode(encoder: MiniLmEncoder, texts: Sequence[str]) -> NDArray[np.float16]:
    rows: list[Floats] = []
    for start in range(0, len(texts), BATCH):
        for encoding in await encoder.encode(texts[start : start + BATCH]):
            assert encoding.layers is not None
            rows.append(encoding.layers.mean(axis=0).ravel())
    await encoder.close()
    return np.stack(rows).astype(np.float16)


# -- scores ------------------------------------------------------------------------------------------------------------


def scores(head: Head, examples: Examples) -> dict[str, float]:
    """What the notes' table has, by the head as it is packed."""
    chances = answers(head, examples)
    said = chances > head.thresholds

    def columns(beginning: str) -> list[int]:
        return [number for number, output in enumerate(OUTPUTS) if output.startswith(beginning)]

    fine = list(range(len(LABELS)))
    return {
        "macro_f1_28": macro_f1(said[:, fine], examples.truth[:, fine]),
        "micro_f1_28": micro_f1(said[:, fine], examples.truth[:, fine]),
        "ekman_macro_f1": macro_f1(said[:, columns("ekman:")], examples.truth[:, columns("ekman:")]),
        "sentiment_macro_f1": macro_f1(said[:, columns("sentiment:")], examples.truth[:, columns("sentiment:")]),
        "feelings_macro_f1": macro_f1(said[:, columns("feeling:")], examples.truth[:, columns("feeling:")]),
        "ece": calibration_error(chances[:, fine], examples.truth[:, fine]),
        "ece_mean_of_labels": label_calibration_error(chances[:, fine], examples.truth[:, fine]),
    }


def spread(runs: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over the seeds."""
    return {
        name: {"mean": float(np.mean([run[name] for run in runs])), "std": float(np.std([run[name] for run in runs]))}
        for name in runs[0]
    }


# -- the command -------------------------------------------------------------------------------------------------------


def write(arrays: Mapping[str, NDArray[Any]], file: Path) -> int:
    """Write the weights and the note beside them; return the size in bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, allow_pickle=False, **arrays)
    content = file.read_bytes()
    if len(content) > MOST_BYTES:
        raise SystemExit(f"{file} has {len(content)} bytes, more than {MOST_BYTES}")
    note = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), **NOTE}
    file.with_suffix(".json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return len(content)


def make(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train once a seed, write the first one's weights, and tell how each scored."""
    whole, dev = Texts.read(arguments.train).examples(), Texts.read(arguments.dev).examples()
    test = Texts.read(arguments.test).examples() if arguments.test else None
    order = np.random.default_rng(7).permutation(len(whole.terms))
    held_out, rest = np.array_split(order, [len(order) // HELD_OUT])
    ours = Texts.of_our_own().examples()
    fitted, judged = (whole.part(rest), whole.part(held_out)) if test is None else (whole, test)
    training = Training.prepared(fitted.joined(ours), OUTPUTS)
    runs: list[dict[str, float]] = []
    for seed in range(arguments.seeds):
        started = time.perf_counter()
        arrays = training.train(dev, seed=seed)
        seconds = time.perf_counter() - started
        runs.append(scores(unpack(arrays, "candidate"), judged))
        Console().print(f"seed {seed}, {seconds:.0f} s: {_line(runs[-1])}")
    final = training if test is not None else Training.prepared(whole.joined(ours), OUTPUTS)
    write(final.train(dev, seed=0), arguments.out)
    return {
        "scored_on": "test" if test is not None else "a tenth of train, held out; the weights are trained on all of it",
        "overall": {name: value["mean"] for name, value in spread(runs).items()},
        "spread": spread(runs),
        "seeds": runs,
        "dev": scores(load_head(arguments.out), dev),
        "weights": {"file": str(arguments.out), "bytes": arguments.out.stat().st_size},
    }


def judge(arguments: argparse.Namespace) -> dict[str, Any]:
    """Score weights that exist."""
    head = load_head(arguments.weights)
    return {"scored_on": "test", "overall": scores(head, Texts.read(arguments.test).examples()), "weights": head.name}


def main() -> None:
    """Parse the command line, train or judge, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.goemotions", description=__doc__)
    parser.add_argument("--train", type=Path, help="GoEmotions' train.tsv")
    parser.add_argument("--dev", type=Path, help="its dev.tsv, on which thresholds and calibration are found")
    parser.add_argument("--test", type=Path, help="its test.tsv; nothing is tuned on it")
    parser.add_argument("--seeds", type=int, default=3, help="how often to train, with seeds 0, 1, …")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/goemotions.npz"), help="where to write")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="what to judge when there is no --train")
    parser.add_argument("--json", type=Path, help="file for the scores")
    arguments = parser.parse_args()
    if (arguments.train is None) != (arguments.dev is None) or not (arguments.train or arguments.test):
        parser.error("give --train and --dev to make a head, or --test alone to judge the one that there is")
    result = make(arguments) if arguments.train else judge(arguments)
    Console().print(_table(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _line(run: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in run.items())


def _table(result: Mapping[str, Any]) -> Table:
    table = Table("score", result["scored_on"], title="GoEmotions")
    for name, value in result["overall"].items():
        deviation = f" ± {result['spread'][name]['std']:.4f}" if "spread" in result else ""
        table.add_row(name, f"{value:.4f}{deviation}")
    return table


if __name__ == "__main__":
    main()
