"""Conversations brought into a running system as a user would bring them, and their lines found again."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from api.bootstrap import System, running
from api.settings import DEFAULT_EMBEDDING_MODEL, EmbeddingModel, load_settings
from benchmarks.dialogues import Conversation
from domain.records import JsonObject
from domain.session import session_id

OWNER: Final = "local"


@asynccontextmanager
async def recalling_system(
    folder: Path | None, *, embedding_model: EmbeddingModel = DEFAULT_EMBEDDING_MODEL, token_vectors: bool = True
) -> AsyncGenerator[System, None]:
    """A system without language model and summaries, in this folder, or in one that is gone afterwards."""
    with ExitStack() as held:
        settings = load_settings(
            data_dir=folder or Path(held.enter_context(TemporaryDirectory())),
            model_provider="offline",
            summarize_after_messages=1_000_000,
            embedding_model=embedding_model,
            token_vectors=token_vectors,
        )
        async with running(settings) as system:
            yield system


async def bring_in(system: System, conversation: Conversation) -> dict[int, str]:
    """The lines' ids by the versions of their messages: imported and encoded, unless an earlier run did that."""
    session = session_id(OWNER, conversation.name)
    models = system.memory.models
    if not models.conversation.path(session):
        await system.archive.import_(OWNER, _payload(conversation), conversation.name)
    await system.aftercare.look_after(session)
    return dict(zip(models.conversation.path(session), (line.id for line in conversation.lines), strict=True))


def _payload(conversation: Conversation) -> JsonObject:
    return {
        "messages": [
            {
                "speaker": line.speaker,
                "text": line.text,
                "time": line.said_at.isoformat() if line.said_at is not None else None,
            }
            for line in conversation.lines
        ]
    }
