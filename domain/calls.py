"""Tool calls and their results as a model takes them: each call with all its results, each result with its call.

A client that goes on talking leaves a call unanswered; what then stands alone, a model's server refuses with all else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from domain.context import Piece


def answered(newest_first: Iterable[Piece]) -> Iterator[Piece]:
    """The messages, newest first, without calls that nobody answered in full and results that answer nothing. Text
    that came with such a call stays."""
    results: list[Piece] = []
    for piece in newest_first:
        if piece.role == "tool":
            results.append(piece)
            continue
        called = {str(call.get("id")) for call in piece.tool_calls}
        answering = [result for result in results if result.tool_call_id in called]
        results = []
        if not called or called == {result.tool_call_id for result in answering}:
            yield from answering
            yield piece
        elif piece.text.strip():
            yield replace(piece, tool_calls=())


def exchange(newest_first: Iterable[Piece]) -> list[Piece]:
    """What the model answers to, oldest first: the last message; when that is a tool's result, everything since the
    user spoke, or else since the call."""
    last: list[Piece] = []
    calls = 0
    for piece in newest_first:
        last.append(piece)
        if piece.tool_calls:
            calls = len(last)
        if piece.role == "user" or last[0].role != "tool":
            break
    else:
        del last[calls or 1 :]
    return list(answered(last))[::-1] or last[:1]
