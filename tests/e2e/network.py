"""Watching which addresses a Python process asks for: an audit hook that Python loads at its start."""

import os
from pathlib import Path

NETWORK_LOG = "network.log"

_WATCH = """
import sys

def note(event, arguments):
    if event in {"socket.bind", "socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}:
        with open(LOG, "a") as log:
            log.write(f"{event} {[str(argument) for argument in arguments[event != 'socket.getaddrinfo':]]}\\n")

sys.addaudithook(note)
"""


def watched(folder: Path) -> dict[str, str]:
    """The environment for a process that shall note each use of a socket in the folder's NETWORK_LOG."""
    hook = folder / "watch"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(f"LOG = {str(folder / NETWORK_LOG)!r}\n{_WATCH}")
    given = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(hook), *([given] if given else [])])}
