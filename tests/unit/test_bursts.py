"""Frames that are there together go out together, and none waits for one that is not there."""

from collections.abc import AsyncIterator, Sequence

from api.wire.frames import BURST, in_bursts


async def sent(frames: Sequence[bytes], there: Sequence[bool]) -> list[bytes]:
    """What is sent of the frames when after each of them another one is `there` already, or not."""
    waiting = iter(there)

    async def coming() -> AsyncIterator[bytes]:
        for frame in frames:
            yield frame

    return [burst async for burst in in_bursts(coming(), lambda: next(waiting))]


async def test_frames_that_come_one_by_one_are_sent_one_by_one() -> None:
    assert await sent([b"a", b"b", b"c"], [False, False, False]) == [b"a", b"b", b"c"]


async def test_frames_that_are_there_together_are_sent_together() -> None:
    assert await sent([b"a", b"b", b"c", b"d"], [True, True, False, False]) == [b"abc", b"d"]


async def test_a_stream_that_ends_though_more_was_told_loses_nothing() -> None:
    assert await sent([b"a", b"b"], [True, True]) == [b"ab"]


async def test_a_burst_has_a_size() -> None:
    frame = b"x" * (BURST // 2)

    assert await sent([frame, frame, frame], [True, True, True]) == [frame * 2, frame]
