"""A fake of Google's Gemini over real HTTP, in the manner of `tests.upstream`, for both of Google's SDKs.

It streams as the request asks: server-sent events for `?alt=sse` (google-genai), else one JSON array that comes in
pieces (google-generativeai). `GET /v1beta/models` lists `models`, or answers 500 when that is empty.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.adapters.gemini_access import GeminiAccess
from tests.upstream import Answer, FakeUpstream, Frame, Request, send

USAGE = {
    "promptTokenCount": 21,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 3,
    "cachedContentTokenCount": 4,
    "totalTokenCount": 29,
}


def chunk(*parts: Mapping[str, Any], reason: str | None = None, index: int = 0, **more: object) -> dict[str, Any]:
    """One response of a stream, with one candidate."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": index}
    if reason is not None:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": "fake-1", **more}


def text(piece: str) -> dict[str, Any]:
    return chunk({"text": piece})


def reply(
    *pieces: str,
    reason: str = "STOP",
    gap: float = 0,
    usage: Mapping[str, object] | None = USAGE,
    model: str = "fake-1",
) -> Answer:
    """A good stream of these pieces; the reason, the usage and the model's own name for itself stand in the last."""
    more: dict[str, Any] = {"modelVersion": model} | ({} if usage is None else {"usageMetadata": usage})
    *first, last = pieces or ("",)
    frames = [*(text(piece) for piece in first), chunk({"text": last}, reason=reason, **more)]
    return Answer(frames=frames, gap=gap, end="silent")


def calling(name: str, arguments: Mapping[str, Any], *, signature: str | None = None) -> Answer:
    """A stream with one call of a function."""
    part: dict[str, Any] = {"functionCall": {"name": name, "args": arguments}}
    if signature is not None:
        part["thoughtSignature"] = signature
    return Answer(frames=[chunk(part, reason="STOP", usageMetadata=USAGE)], end="silent")


def refusal(
    status: int,
    *,
    message: str = "no",
    headers: Mapping[str, str] | None = None,
    details: Sequence[Mapping[str, Any]] = (),
) -> Answer:
    """An error before the stream."""
    error = {"code": status, "message": message, "status": "WRONG", "details": list(details)}
    return Answer(status=status, kind="json", headers=headers or {}, frames=[{"error": error}])


def cut(*pieces: str) -> Answer:
    """Pieces, then the connection breaks."""
    return Answer(frames=[text(piece) for piece in pieces], end="cut")


def hanging(*pieces: str) -> Answer:
    """Pieces, then nothing more until the client leaves."""
    return Answer(frames=[text(piece) for piece in pieces], end="hang")


def failing_inside(*pieces: str) -> Answer:
    """Pieces, then an error object inside the stream."""
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    return Answer(frames=[*(text(piece) for piece in pieces), error], end="silent")


def blocked() -> Answer:
    """A prompt that Google does not answer."""
    frames = [{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 21}}]
    return Answer(frames=frames, end="silent")


def withheld(*pieces: str) -> Answer:
    """A reply that Google breaks off for its content, after these pieces of it."""
    end: dict[str, Any] = {"candidates": [{"index": 0, "finishReason": "SAFETY"}], "usageMetadata": USAGE}
    return Answer(frames=[*(text(piece) for piece in pieces), end], end="silent")


def nothing() -> Answer:
    """A stream without any candidate, and no word why."""
    return Answer(frames=[{"usageMetadata": {"promptTokenCount": 21}, "modelVersion": "fake-1"}], end="silent")


def unfinished(*pieces: str) -> Answer:
    """Pieces, and an end of the stream before the end of the reply."""
    return Answer(frames=[text(piece) for piece in pieces], end="silent")


class FakeGemini(FakeUpstream):
    """The server. `base_url` has no path."""

    def __init__(self, *, models: Sequence[str] = ("fake-1", "fake-2")) -> None:
        super().__init__(models=models)
        self.will(reply("Hello", " there."))

    @property
    def base_url(self) -> str:
        return super().base_url.removesuffix("/v1")

    async def respond(self, request: Request, writer: asyncio.StreamWriter, client: asyncio.Task[None]) -> None:
        if request.method == "GET":
            await send(self._listing(), writer, client)
            return
        answer = self.next_answer()
        if answer.kind == "stream" and "alt=sse" not in request.path:
            answer = replace(answer, kind="json", frames=_in_an_array(answer))
        await send(answer, writer, client)

    def _listing(self) -> Answer:
        if not self.models:
            return refusal(500)
        listed = [{"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]} for name in self.models]
        embedding = {"name": "models/fake-embedding", "supportedGenerationMethods": ["embedContent"]}
        return Answer(kind="json", frames=[{"models": [*listed, embedding]}])


def access(server: FakeUpstream) -> GeminiAccess:
    return GeminiAccess(default="fake-1", api_key="AIza-secret", base_url=server.base_url)


def _in_an_array(answer: Answer) -> list[Frame]:
    """Google closes the array with the stream, and not where the stream breaks off."""
    texts = [frame if isinstance(frame, str) else json.dumps(frame) for frame in answer.frames]
    frames: list[Frame] = [("," if place else "[") + text for place, text in enumerate(texts)]
    return [*frames, "]"] if answer.end == "silent" else frames
