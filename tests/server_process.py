"""A real server for tests: the installed console script as a process of its own, in a folder of its own.

    with started(tmp_path, CONTEXT_WINDOW_TOKENS="512") as server:
        server.url, server.out, server.get("/sessions")
        server.stop()      as a service manager does, and checks that it went well
        server.kill()      as a power cut does

It sees no setting but those given. Unless they say otherwise, its data lie in `data` below the folder, and the offline
model does not pause.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from openai import OpenAI

from benchmarks.console import Listening, begun, listening, plain_http, run

__all__ = ["ServerProcess", "begun", "run", "started"]


@dataclass(frozen=True, kw_only=True)
class ServerProcess(Listening):
    """A server that answers; `http` asks below its `url`."""

    http: httpx2.Client

    def openai(self, session: str | None = None) -> OpenAI:
        """The official client, which does not try again. Close it."""
        place = f"/sessions/{session}" if session is not None else ""
        return OpenAI(
            base_url=f"{self.url}{place}/v1", api_key="none", max_retries=0, timeout=60, http_client=plain_http()
        )

    def get(self, path: str, **query: object) -> Any:
        """The JSON of an answer, which must be a good one; a parameter that is None is not sent."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self.http.get(path, params=given).raise_for_status().json()

    def post(self, path: str, body: object = None) -> Any:
        """As `get`."""
        return self.http.post(path, json=body).raise_for_status().json()


@contextmanager
def started(folder: Path, **settings: str) -> Generator[ServerProcess]:
    """A server that answers. If it still runs when the block ends well, it is stopped, as `stop` does."""
    with (
        listening(folder, {"OFFLINE_DELAY_SECONDS": "0", **settings}) as server,
        plain_http(base_url=server.url) as http,
    ):
        yield ServerProcess(**vars(server), http=http)
