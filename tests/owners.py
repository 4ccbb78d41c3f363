"""Two owners of one server: mira, who has talked about a secret, and bob, who should never hear of it.

The application is the real one over a real log, with a model and an encoder that are fakes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.access.allowance import Allowance, Unlimited
from api.access.keys import ApiKey, inline_keys
from api.access.owners import KeyHolders
from api.app import create_app
from api.services import Services
from tests.fakes_http import FakeModel
from tests.fakes_metrics import NotedMetrics
from tests.fakes_models import HashEncoder, WordTokens
from tests.system import System

MIRA: Final = "key-of-mira"
BOB: Final = "key-of-bob"
SECRET: Final = "marmalade"


@dataclass(frozen=True)
class NoFile:
    """No key in any file."""

    keys: Sequence[ApiKey] = ()

    def current(self) -> Sequence[ApiKey]:
        return self.keys


def holders(inline: str = f"mira:{MIRA},bob:{BOB}", *, closed: bool = False) -> KeyHolders:
    """Whoever has one of these keys."""
    return KeyHolders(inline=inline_keys(inline), file=NoFile(), closed=closed)


def owned_app(built: System, allowance: Allowance | None = None) -> FastAPI:
    """The application of this system, for mira and bob."""

    async def health() -> dict[str, Any]:
        return {"status": "ok", "log": {"position": 7}}

    return create_app(
        Services(
            turns=built.turns,
            sessions=built.sessions,
            branches=built.branches,
            reasons=built.reasons,
            archive=built.archive,
            encoder=HashEncoder(),
            model=FakeModel(),
            tokens=WordTokens(),
            health=health,
            metrics=NotedMetrics(),
            base_url="http://heartline.test",
            owners=holders(),
            allowance=allowance or Unlimited(),
        )
    )


def client(app: FastAPI, key: str | None) -> httpx2.AsyncClient:
    """Asks the application in process, with this key."""
    headers = [] if key is None else [(b"Authorization", b"Bearer " + key.encode())]
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost", headers=headers)


def routes(app: FastAPI) -> set[str]:
    """Every route, as `GET /sessions/{session}`."""
    return {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        for method in (route.methods or {"WEBSOCKET"}) - {"HEAD"}
    }
