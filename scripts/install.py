"""Installs a lock file and this package into the environment whose Python runs it: `install.py requirements.lock`.

Called by the Makefile, with a bare environment: the standard library only. Shows one line that counts what pip is
getting, instead of pip's several hundred; when pip fails, the end of what it said.
"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
WIDTH = 60
LINES_ON_FAILURE = 15


def show(line: str) -> None:
    """On a terminal in place of the last line; in a log not at all."""
    if sys.stdout.isatty():
        print(f"\r  {line:<{WIDTH}}\r", end="", flush=True)


def install_lock(lock: Path) -> int:
    """Run pip on the lock and return its exit code."""
    total = sum(not line.startswith((" ", "#")) for line in lock.read_text().splitlines())
    got = 0
    said: list[str] = []
    # A lock is whole; what it leaves out on purpose shall not come back as somebody's dependency.
    command = [*PIP, "--no-deps", "-r", str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        for line in pip.stdout or ():
            said.append(line)
            word, _, rest = line.strip().partition(" ")
            if word in ("Collecting", "Requirement"):
                got += 1
                show(f"{got}/{total} {rest.removeprefix('already satisfied: ').split(' ')[0]}")
            elif word == "Installing":
                show("unpacking, which takes a while …")
    show("")
    if pip.returncode:
        print("".join(said[-LINES_ON_FAILURE:]), file=sys.stderr)
    return pip.returncode


def main() -> int:
    lock = ROOT / sys.argv[1]
    started = time.monotonic()
    code = install_lock(lock) or subprocess.run([*PIP, "--quiet", "--no-deps", "--editable", str(ROOT)]).returncode
    if code == 0:
        print(f"Installed {lock.name} in {time.monotonic() - started:.0f} s.")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
