"""Writes requirements.lock and requirements-dev.lock from pyproject.toml: `make lock`.

Exact versions of everything, by pip-tools. Two things are put right afterwards, so that the lock says the same on
every machine: a local version such as `torch==2.13.0+cpu` becomes `torch==2.13.0` (pip takes a CPU build by that name
where it finds one), and the CUDA packages of other builds of torch are left out (torch names their exact versions
itself). What a lock holds already is kept; `--upgrade` takes the newest that pyproject.toml allows.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by scripts/lock.py from pyproject.toml: `make lock`, not by hand.\n"
CUDA = re.compile(r"^(nvidia-|cuda-|triton)")
QUIET = ["--quiet", "--strip-extras", "--allow-unsafe", "--no-header", "--no-emit-options", "--annotation-style=line"]


def tidy(lock: str) -> str:
    """One line a package, without local versions and CUDA packages."""
    lines = [line for line in lock.splitlines() if line and not line.startswith("#") and not CUDA.match(line)]
    return HEADER + "".join(re.sub(r"^(\S+==[^+\s]+)\+\S+", r"\1", line) + "\n" for line in sorted(lines))


def compile_lock(name: str, *options: str) -> None:
    """Resolve pyproject.toml into the lock `name`. Raises CalledProcessError when pip-tools finds no solution."""
    print(f"Resolving {name} …", flush=True)
    command = [sys.executable, "-m", "piptools", "compile", *QUIET, *options, f"--output-file={name}", "pyproject.toml"]
    subprocess.run(command, cwd=ROOT, check=True)
    lock = ROOT / name
    lock.write_text(tidy(lock.read_text()))


def main() -> None:
    """The development lock stands on the other one, so that both name the same versions."""
    compile_lock("requirements.lock", *sys.argv[1:])
    compile_lock("requirements-dev.lock", "--extra=dev", "--constraint=requirements.lock", *sys.argv[1:])


if __name__ == "__main__":
    main()
