"""Counting tokens without a network: tiktoken's o200k_base from the vocabulary file inside the package bpe-openai.

tiktoken itself would download its vocabulary at run time. No model we call counts exactly so; hence the margin.
"""

import base64
import gzip
import hashlib
import zlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tiktoken import Encoding

from domain.errors import Unavailable

VOCABULARY_SHA256: Final = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
"""Of the file unpacked, as tiktoken expects it of its own download."""

SLICE: Final = 50_000
"""Characters handed to tiktoken at once. A run of a million spaces overflows its stack; a cut adds one token or two."""

SPECIAL_TOKENS: Final = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}
# As in tiktoken_ext/openai_public.py, whose function cannot be called without its download.
PATTERN: Final = "|".join(
    [
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""\p{N}{1,3}""",
        r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
        r"""\s*[\r\n]+""",
        r"""\s+(?!\S)""",
        r"""\s+""",
    ]
)


class O200kTokens:
    """A TokenCounter: o200k tokens and ten percent, rounded up. Building one takes half a second; it is thread-safe."""

    def __init__(self, *, vocabulary: Path | None = None) -> None:
        """Raises Unavailable when the vocabulary cannot be read or is not tiktoken's own."""
        ranks = read_ranks(vocabulary or bundled_vocabulary())
        self._encoding = Encoding("o200k_base", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=SPECIAL_TOKENS)
        self._known = lru_cache(maxsize=4096)(self._tokens)

    @property
    def name(self) -> str:
        return "o200k+10%"

    def count(self, text: str) -> int:
        """Tokens with the margin. What looks like a special token is plain text here: people may write anything."""
        tokens = self._known(text) if len(text) <= SLICE else self._tokens(text)
        return (tokens * 11 + 9) // 10

    def _tokens(self, text: str) -> int:
        slices = (text[start : start + SLICE] for start in range(0, len(text), SLICE))
        return sum(len(self._encoding.encode_ordinary(piece)) for piece in slices)


def bundled_vocabulary(package: str = "bpe_openai") -> Path:
    """Where bpe-openai keeps o200k_base; the package's 75 MB of native code are not imported for it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise Unavailable("The token vocabulary is missing. Install the package bpe-openai.")
    return Path(spec.origin).parent / "data" / "o200k_base.tiktoken.gz"


def read_ranks(vocabulary: Path) -> dict[bytes, int]:
    """Token bytes -> rank, from the gzipped lines "base64 rank". Raises Unavailable."""
    try:
        lines = gzip.decompress(vocabulary.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise Unavailable(f"The token vocabulary cannot be read ({error}). Reinstall bpe-openai.") from error
    if (found := hashlib.sha256(lines).hexdigest()) != VOCABULARY_SHA256:
        raise Unavailable(
            f"The token vocabulary {vocabulary} is not o200k_base: its sha256 is {found}, "
            f"expected {VOCABULARY_SHA256}. Reinstall bpe-openai."
        )
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines.splitlines())}
