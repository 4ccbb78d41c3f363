"""A process that serves a whole system until its standard input ends: `python -m tests.serve_system FOLDER`.

Log and views are real, model and encoder fakes, so that a session of any length is there at once. Prints its URL.
"""

import sys
from pathlib import Path

from tests.serving_system import served_system


def main() -> None:
    with served_system(Path(sys.argv[1])) as served:
        sys.stdout.write(f"{served.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
