"""A process that serves fakes until a signal comes: `python -m tests.serve_fakes PIECES`.

Prints its URL, and at the end what became of the one answer, which shows that whoever served may still close up.
"""

import asyncio
import sys

from api.app import create_app
from api.server import listen, serve
from tests.fakes_http import FakeAnswer, FakeTurns, fake_services

GRACE = 1.0


def main() -> None:
    reply = FakeAnswer(pieces=["word "] * int(sys.argv[1]), pause=0.05)
    with listen("127.0.0.1", 0) as sockets:
        sys.stdout.write(f"http://127.0.0.1:{sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        asyncio.run(serve(create_app(fake_services(FakeTurns(reply))), sockets, GRACE))
    sys.stdout.write(f"closed, cancelled: {not reply.ended}\n")


if __name__ == "__main__":
    main()
