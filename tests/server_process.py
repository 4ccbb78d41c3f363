"""A real server for tests: the installed console script as a process of its own, in a folder of its own.

    with started(tmp_path, CONTEXT_WINDOW_TOKENS="512") as server:
        server.url, server.out, server.get("/sessions")
        server.stop()      as a service manager does, and checks that it went well
        server.kill()      as a power cut does

It sees no setting but those given. Its data lie in `data` below the folder, unless DATA_DIR says otherwise.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx2
from openai import OpenAI

SCRIPT = Path(sys.executable).with_name("heartline")
START_SECONDS = 60.0
"""Far more than a start takes, for a machine that does other things as well."""
STOP_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Launched:
    """A process and the files that it writes to."""

    process: subprocess.Popen[bytes]
    out_file: Path
    errors_file: Path

    @property
    def out(self) -> str:
        """What it wrote to standard output so far."""
        return self.out_file.read_text()

    @property
    def errors(self) -> str:
        """What it wrote to standard error so far: its log."""
        return self.errors_file.read_text()

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def begin_to_stop(self) -> None:
        """As `stop`, without waiting."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> float:
        """Returns the seconds that it took."""
        begun = monotonic()
        self.begin_to_stop()
        assert self.process.wait(STOP_SECONDS) == 0, self.errors
        assert "Traceback" not in self.errors, self.errors
        return monotonic() - begun

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)


@dataclass(frozen=True, kw_only=True)
class ServerProcess(Launched):
    """A server that answers. `url` has no path, `http` asks below it; `start_seconds` until its first answer."""

    url: str
    start_seconds: float
    http: httpx2.Client

    def openai(self, session: str | None = None) -> OpenAI:
        """The official client, which does not try again. Close it."""
        place = f"/sessions/{session}" if session is not None else ""
        return OpenAI(
            base_url=f"{self.url}{place}/v1", api_key="none", max_retries=0, timeout=60, http_client=_plain_http()
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
    begun = monotonic()
    launched = _launch(folder, {"PORT": "0", **settings})
    try:
        url = _url_once_ready(launched)
        with _plain_http(base_url=url, timeout=60) as http:
            yield ServerProcess(**vars(launched), url=url, start_seconds=monotonic() - begun, http=http)
        if launched.runs:
            launched.stop()
    finally:
        launched.kill()


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command of the console script, from beginning to end."""
    command = [str(SCRIPT), *arguments]
    return subprocess.run(
        command, cwd=folder, env=_environment(settings), capture_output=True, text=True, timeout=START_SECONDS
    )


def _launch(folder: Path, settings: Mapping[str, str]) -> Launched:
    number = len(list(folder.glob("server-*.out")))
    out_file, errors_file = folder / f"server-{number}.out", folder / f"server-{number}.err"
    # Files, not pipes: a pipe that nobody empties would stop the server.
    with out_file.open("wb") as out, errors_file.open("wb") as errors:
        process = subprocess.Popen(
            [SCRIPT, "serve"],
            cwd=folder,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
        )
    return Launched(process=process, out_file=out_file, errors_file=errors_file)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **settings}


def _url_once_ready(launched: Launched) -> str:
    """Its first line says where it listens."""
    deadline = monotonic() + START_SECONDS
    while not _answers(url := launched.out.partition("\n")[0].rpartition(" ")[2]):
        assert launched.runs, launched.errors
        assert monotonic() < deadline, launched.errors
        sleep(0.02)
    return url


def _answers(url: str) -> bool:
    with _plain_http(timeout=START_SECONDS) as http:
        return url.startswith("http") and http.get(f"{url}/health").is_success


def _plain_http(base_url: str = "", timeout: float = 60) -> httpx2.Client:
    """Without certificates, whose reading would cost every client a tenth of a second."""
    return httpx2.Client(base_url=base_url, timeout=timeout, verify=False)
