"""An encoder that remembers what it encoded last: a swipe, a retry or a text said again costs no forward pass."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from api.ports import Encoder, Encoding

TEXTS_KEPT: Final = 256
"""Encodings held, some 12 kB each for a text of one part."""


class RecentEncoder:
    """An Encoder. It keeps encodings for this process only; what is stored of them is each session's own."""

    def __init__(self, encoder: Encoder, *, keep: int = TEXTS_KEPT) -> None:
        self._encoder = encoder
        self._keep = keep
        self._recent: OrderedDict[str, Encoding] = OrderedDict()

    @property
    def id(self) -> str:
        return self._encoder.id

    @property
    def dimensions(self) -> int:
        return self._encoder.dimensions

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding a text, in order; those not remembered share their passes, each text once."""
        found = {text: self._recent[text] for text in texts if text in self._recent}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            found.update(zip(new, await self._encoder.encode(new), strict=True))
        for text in texts:
            self._recent[text] = found[text]
            self._recent.move_to_end(text)
        while len(self._recent) > self._keep:
            self._recent.popitem(last=False)
        return [found[text] for text in texts]
