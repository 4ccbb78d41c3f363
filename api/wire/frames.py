"""Server-sent events: `data:` lines of JSON. Replies end with `[DONE]` and have no `id:`, which OpenAI's SDK stumbles
over after a ping; what can be gone on with later has one."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

import orjson

from api.errors import failure
from api.ports import Finish, Streamed
from api.wire.completion_response import Shape
from domain.errors import HeartlineError

DONE: Final = b"data: [DONE]\n\n"

BURST: Final = 16 * 1024
"""Bytes of frames that are sent together at most."""

_log = logging.getLogger(__name__)


def frame(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def numbered_frame(number: int, value: object) -> bytes:
    """A frame behind which a reader may go on another time."""
    return b"id: %d\n" % number + frame(value)


def error_frame(error: Exception) -> bytes:
    """What tells of an error when the status is spent. Logs what is not one of ours."""
    if not isinstance(error, HeartlineError):
        _log.error("A stream failed", exc_info=error)
    return frame(failure(error).body)


async def reply_frames(items: AsyncIterator[Streamed], shape: Shape, *, usage: bool) -> AsyncIterator[bytes]:
    """The whole stream of a reply. It always ends with `[DONE]`; an error stands in the frame before it."""
    try:
        async for item in items:
            if not isinstance(item, Finish):
                if chunks := shape.pieces(item):
                    yield b"".join(map(frame, chunks))
                continue
            last = [*shape.closing(item), *([shape.usage(item.usage)] if usage and item.usage is not None else [])]
            yield b"".join(map(frame, last))
    except Exception as error:  # noqa: BLE001 - one of the borders: an error frame is all that a stream can still say
        yield error_frame(error)
    yield DONE


async def in_bursts(frames: AsyncIterator[bytes], more: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The frames as they come; those that are there at once together, which spares a busy server most of its sending.

    `more` tells whether the next one can be had without waiting.
    """
    held = b""
    async for one in frames:
        held += one
        if len(held) >= BURST or not more():
            yield held
            held = b""
    if held:
        yield held
