"""Reranking by any CrossEncoder of sentence-transformers, by name or folder. Optional: the extra `rerank` brings it.

Loading takes seconds and happens in the background from `start` on; until then there is no judgement. One judgement at
a time: who comes while a late one still runs is told so at once, and does not wait behind it.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Final, cast

from api.ports import Unjudged

logger = logging.getLogger(__name__)

LONGEST: Final = 2_000
"""Characters of a text that are shown to the model: more than its window takes."""

_Judge = Callable[[str, Sequence[str]], Sequence[float]]


class CrossEncoderReranker:
    """A Reranker. `deadline_seconds` is how long a query may wait for it."""

    def __init__(self, name: str, *, deadline_seconds: float) -> None:
        self.name = name
        self._deadline = deadline_seconds
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rerank")
        self._loading: Future[_Judge] | None = None
        self._running: Future[Sequence[float]] | None = None
        self._lock = Lock()

    def start(self) -> None:
        """Load the model in the background. That it is not to be had is logged, and said at every judgement."""
        self._loading = self._worker.submit(_load, self.name)
        self._loading.add_done_callback(_told)

    @property
    def ready(self) -> bool:
        """Whether the model is loaded, or known not to be had."""
        return self._loading is not None and self._loading.done()

    def close(self) -> None:
        """Wait for what is running; nothing is judged any more."""
        self._worker.shutdown(cancel_futures=True)

    def judge(self, query: str, texts: Sequence[str]) -> Sequence[float] | Unjudged:
        """See `api.ports.Reranker`."""
        loading = self._loading
        if loading is None or not self.ready or loading.cancelled() or loading.exception() is not None:
            return "absent"
        judge = loading.result()
        with self._lock:
            if self._running is not None and not self._running.done():
                return "late"
            running = self._running = self._worker.submit(judge, query, [text[:LONGEST] for text in texts])
        try:
            return running.result(timeout=self._deadline)
        except TimeoutError:
            return "late"
        except Exception:
            logger.exception("a reranking failed")
            return "failed"


def _load(name: str) -> _Judge:
    # Takes ten seconds to import, and need not be installed.
    from sentence_transformers import CrossEncoder
    from torch import nn

    model = cast("Any", CrossEncoder(name, device="cpu"))
    sigmoid = nn.Sigmoid()

    def judge(query: str, texts: Sequence[str]) -> Sequence[float]:
        pairs = [(query[:LONGEST], text) for text in texts]
        found = model.predict(pairs, activation_fn=sigmoid, show_progress_bar=False)
        return [float(value) for value in found]

    return judge


def _told(loading: "Future[_Judge]") -> None:
    if not loading.cancelled() and (error := loading.exception()) is not None:
        logger.error("the reranker is not there: %s", error)
