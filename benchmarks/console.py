"""The product as a process of its own: the installed console script in a folder of its own, as measurements and tests
start it. It sees no setting but those given; its data lie in `data` below the folder, unless DATA_DIR says otherwise.
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
from typing import Final

import httpx2
import psutil

SCRIPT: Final = Path(sys.executable).with_name("heartline")
START_SECONDS: Final = 60.0
"""Far more than a start takes, for a machine that does other things as well."""
STOP_SECONDS: Final = 30.0


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

    def cpu_seconds(self) -> float:
        """Used so far by the process and by those below it (the workers of a server)."""
        above = psutil.Process(self.process.pid)
        times = [process.cpu_times() for process in (above, *above.children(recursive=True))]
        return sum(used.user + used.system for used in times)

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Listening(Launched):
    """A process that answers at `url`, which has no path. `start_seconds` passed until its first answer."""

    url: str
    start_seconds: float


@contextmanager
def listening(folder: Path, settings: Mapping[str, str], patience: float = START_SECONDS) -> Generator[Listening]:
    """A server that answers. If it still runs when the block ends well, it is stopped, as `stop` does."""
    begun = monotonic()
    launched = _launch(folder, {"PORT": "0", **settings})
    try:
        url = _url_once_ready(launched, begun + patience)
        yield Listening(**vars(launched), url=url, start_seconds=monotonic() - begun)
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


@contextmanager
def begun(folder: Path, *arguments: str, **settings: str) -> Generator[subprocess.Popen[bytes]]:
    """A command of the console script while it runs; what it says is thrown away. It is killed when the block ends."""
    command = [str(SCRIPT), *arguments]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, env=_environment(settings), stdout=quiet, stderr=quiet) as process:
        try:
            yield process
        finally:
            process.kill()


def plain_http(base_url: str = "", timeout: float = 60) -> httpx2.Client:
    """Without certificates, whose reading would cost every client a tenth of a second."""
    return httpx2.Client(base_url=base_url, timeout=timeout, verify=False)


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
    """PYTHONPATH too: in a second working tree it says which code is meant."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | dict(settings)


def _url_once_ready(launched: Launched, deadline: float) -> str:
    """Its first line says where it listens."""
    while not _answers(url := launched.out.partition("\n")[0].rpartition(" ")[2]):
        assert launched.runs, launched.errors
        assert monotonic() < deadline, launched.errors
        sleep(0.02)
    return url


def _answers(url: str) -> bool:
    with plain_http(timeout=START_SECONDS) as http:
        return url.startswith("http") and http.get(f"{url}/health").is_success
