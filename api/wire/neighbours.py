"""Where nobody needs a key, whoever is on this machine is let in, and no web page may act in their name.

Host      a page can let a name of its own point to 127.0.0.1 (DNS rebinding); the browser then names it as the host
Origin    a page may send a simple POST anywhere; the browser says which page it was

Programs send no origin, and the studio, which the server gives out itself, has the one that the host names.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.loopback import is_loopback
from api.access.owners import Owners
from api.access.refusals import Foreign

_ADVICE: Final = (
    "Without API keys only this machine's programs and pages of the server itself are let in. Ask it as 127.0.0.1 or "
    "localhost, name the page's origin in CORS_ORIGINS, or make a key: `heartline keys add OWNER`."
)
_LONGEST: Final = 100
"""Characters of what a header says that an error quotes."""


class Neighbours:
    """Raises Foreign for a request that a page of another site may have sent, as long as there are no keys. `origins`
    are those whose pages may call; "*" is all."""

    def __init__(self, app: ASGIApp, owners: Owners, origins: Sequence[str]) -> None:
        self._app = app
        self._owners = owners
        self._origins = frozenset(origin.lower() for origin in origins)
        self._hosts = frozenset(urlsplit(origin).netloc for origin in self._origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "*" not in self._origins and self._owners.keyless:
            headers = Headers(scope=scope)
            host = headers.get("host", "").lower()
            self._check_host(host)
            self._check_origin(headers.get("origin", "").lower(), host)
        await self._app(scope, receive, send)

    def _check_host(self, host: str) -> None:
        if host and host not in self._hosts and not is_loopback(_name(host)):
            raise Foreign(f"The request is for the host '{host[:_LONGEST]}'. {_ADVICE}", code="foreign_host")

    def _check_origin(self, origin: str, host: str) -> None:
        if origin and origin not in self._origins and origin.partition("://")[2] != host:
            raise Foreign(f"The request comes from a page of '{origin[:_LONGEST]}'. {_ADVICE}", code="foreign_origin")


def _name(host: str) -> str:
    """The host without its port; nothing where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
