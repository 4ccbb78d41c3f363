"""Whose request it is: the API key in its headers, before anything of it is read.

Authorization: Bearer KEY      X-API-Key: KEY, where a proxy in front keeps Authorization for itself
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.owners import Owners
from api.access.refusals import Unauthorized

_OPEN: Final = frozenset({"/", "/health", "/openapi.json"})


def is_open(path: str) -> bool:
    """Whether it is answered without a key: what the server is, whether it is well, how it is spoken to, and the
    studio's files. Nothing of any owner."""
    return path in _OPEN or path.startswith("/studio/")


class Authentication:
    """Puts the owner into the request's state. Raises Unauthorized for whoever has no key; on an open path the owner is
    None then."""

    def __init__(self, app: ASGIApp, owners: Owners) -> None:
        self._app = app
        self._owners = owners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["owner"] = self._owner(scope)
        await self._app(scope, receive, send)

    def _owner(self, scope: Scope) -> str | None:
        try:
            return self._owners.of(_key(Headers(scope=scope)))
        except Unauthorized:
            if is_open(scope["path"]):
                return None
            raise


def _key(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key", "").strip() or None
