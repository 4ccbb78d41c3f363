"""Writes requirements-dev.lock and requirements.lock from pyproject.toml: `make lock`.

Exact versions of everything, by pip-tools. Some things are put right afterwards, so that a lock says the same on every
machine and holds no more than is used. A local version such as `torch==2.13.0+cpu` becomes `torch==2.13.0` (pip takes a
CPU build by that name where it finds one). The CUDA packages of other builds of torch are left out. So are, of the
runtime's lock, sentence-transformers and what only it needs, PyTorch above all: the package that carries the embedding
model names it, and we run the model without it. What a lock holds already is kept; `--upgrade` takes the newest that
pyproject.toml allows.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by scripts/lock.py from pyproject.toml: `make lock`, not by hand.\n"
CUDA = re.compile(r"^(nvidia-|cuda-|triton)")
QUIET = ["--quiet", "--strip-extras", "--allow-unsafe", "--no-header", "--no-emit-options", "--annotation-style=line"]


def tidy(lock: str, unused: str | None) -> str:
    """One line a package, without local versions, CUDA packages, and the unused one with what only it needs."""
    lines = [line for line in lock.splitlines() if line and not line.startswith("#") and not CUDA.match(line)]
    lines = [line.replace("via -c requirements-dev.lock, ", "via ") for line in lines]
    gone = only_for(unused, lines) if unused else set[str]()
    kept = sorted(line for line in lines if named(line) not in gone)
    return HEADER + "".join(re.sub(r"^(\S+==[^+\s]+)\+\S+", r"\1", line) + "\n" for line in kept)


def only_for(unused: str, lines: Sequence[str]) -> set[str]:
    """The package and all that nobody else wants; each line says behind "via" who does."""
    wanted_by = {named(line): set(line.partition("# via ")[2].split(", ")) for line in lines}
    gone: set[str] = {unused}
    while more := {name for name, wanting in wanted_by.items() if name not in gone and wanting <= gone}:
        gone |= more
    return gone


def named(line: str) -> str:
    return line.partition("==")[0]


def compile_lock(name: str, *options: str, unused: str | None = None) -> None:
    """Resolve pyproject.toml into the lock `name`. Raises CalledProcessError when pip-tools finds no solution."""
    print(f"Resolving {name} …", flush=True)
    command = [sys.executable, "-m", "piptools", "compile", *QUIET, *options, f"--output-file={name}", "pyproject.toml"]
    subprocess.run(command, cwd=ROOT, check=True)
    lock = ROOT / name
    lock.write_text(tidy(lock.read_text(), unused))


def main() -> None:
    """The runtime's lock stands on the other one, so that both name the same versions."""
    compile_lock("requirements-dev.lock", "--extra=dev", "--extra=otel", *sys.argv[1:])
    constraint = "--constraint=requirements-dev.lock"
    compile_lock("requirements.lock", constraint, *sys.argv[1:], unused="sentence-transformers")


if __name__ == "__main__":
    main()
