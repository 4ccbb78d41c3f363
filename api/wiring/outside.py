"""The world outside, as settings ask for it: what a system is assembled with and does not make itself."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.access.allowance import Allowance, Unlimited
from api.adapters.cross_encoder import CrossEncoderReranker
from api.adapters.minilm import MiniLmEncoder
from api.adapters.turn_locks import FileTurnLocks, TurnLocks
from api.adapters.unmeasured import UNMEASURED
from api.chat.album import Album
from api.metrics import Metrics
from api.ports import EmotionDetector, Reranker
from api.providers import Models
from api.settings import Settings
from api.watch import Watch
from domain.budget import TokenCounter
from projections.token_vectors import Projection, projection
from projections.usage import Price

if TYPE_CHECKING:
    from api.adapters.bert import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The adapters to the world that a system is assembled with."""

    encoder: MiniLmEncoder
    detectors: Sequence[EmotionDetector]
    tokens: TokenCounter
    models: Models
    album: Album
    locks: TurnLocks
    allowance: Allowance
    watch: Watch
    prices: Mapping[str, Price]
    reranker: Reranker | None


def encoder_of(settings: Settings, metrics: Metrics = UNMEASURED) -> MiniLmEncoder:
    """The embedding model, not begun: whoever encodes takes it from `encoding`."""
    precision: Precision = "float32" if settings.embedding_model == "minilm-l6-v2" else "int8"
    return MiniLmEncoder(precision=precision, metrics=metrics)


@asynccontextmanager
async def encoding(settings: Settings, metrics: Metrics = UNMEASURED) -> AsyncGenerator[MiniLmEncoder]:
    """The embedding model, until the context ends."""
    encoder = encoder_of(settings, metrics)
    try:
        yield encoder
    finally:
        await encoder.close()


def projection_of(settings: Settings) -> Projection | None:
    """What makes token vectors small, where they are kept."""
    return projection() if settings.token_vectors else None


def locks_of(settings: Settings) -> TurnLocks:
    """What keeps the processes apart that share the log. Raises Unavailable."""
    if settings.event_log:
        from api.adapters.postgres_turn_locks import PostgresTurnLocks

        return PostgresTurnLocks(settings.event_log)
    return FileTurnLocks(settings.data_dir / "turns.lock")


def allowance_of(settings: Settings) -> Allowance:
    """How much an owner may ask of this server."""
    requests, tokens = settings.requests_a_minute, settings.rate_limit_tokens_per_day or None
    redis = settings.redis_url
    if requests is None and tokens is None and redis is None:
        return Unlimited()
    from api.adapters.rate_limits import RateLimits, SharedStore

    return RateLimits(
        requests_a_minute=requests,
        tokens_a_day=tokens,
        redis=SharedStore(url=redis.get_secret_value()) if redis is not None else None,
    )


def reranker_of(settings: Settings) -> CrossEncoderReranker | None:
    """The model that reads query and memory together, where one is configured."""
    if not settings.rerank_model:
        return None
    return CrossEncoderReranker(settings.rerank_model, deadline_seconds=settings.rerank_deadline_seconds)
