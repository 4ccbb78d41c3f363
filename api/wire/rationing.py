"""Requests that an owner's allowance admits, and where it stands, in OpenAI's headers."""

import math
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.allowance import Allowance, Quota, Standing
from api.access.refusals import Exhausted
from api.errors import error_response
from api.wire.authentication import is_open

HEADERS: Final = tuple(
    f"x-ratelimit-{told}-{of}" for told in ("limit", "remaining", "reset") for of in ("requests", "tokens")
)


class Rationing:
    """Stands behind the Authentication. What nobody is asked for a key for, costs nothing."""

    def __init__(self, app: ASGIApp, allowance: Allowance) -> None:
        self._app = app
        self._allowance = allowance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        standing = await self._allowance.admit(scope["state"]["owner"])

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_headers(standing))
            await send(message)

        refusal = _refusal(standing)
        await (self._app if refusal is None else error_response(refusal))(scope, receive, told)


def _refusal(standing: Standing) -> Exhausted | None:
    match standing:
        case Standing(spent="requests", requests=Quota() as quota):
            told = f"Rate limit reached: {quota.limit} requests a minute."
        case Standing(spent="tokens", tokens=Quota() as quota):
            told = f"Rate limit reached: {quota.limit} tokens a day."
        case _:
            return None
    wait = max(1, math.ceil(quota.reset))
    return Exhausted(f"{told} Try again in {span(wait)}.", of=str(standing.spent), retry_after=wait)


def _headers(standing: Standing) -> dict[str, str]:
    told: dict[str, str] = {}
    for of, quota in (("requests", standing.requests), ("tokens", standing.tokens)):
        if quota is not None:
            told[f"x-ratelimit-limit-{of}"] = str(quota.limit)
            told[f"x-ratelimit-remaining-{of}"] = str(quota.remaining)
            told[f"x-ratelimit-reset-{of}"] = span(quota.reset)
    return told


def span(seconds: float) -> str:
    """Seconds as OpenAI writes them: 120ms, 8s, 6m0s, 23h59m3s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
