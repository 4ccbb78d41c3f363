"""What a night has time for: `NIGHTLY=1` makes the long forms of tests that have two. See `make nightly`."""

import os
from typing import Final

NIGHTLY: Final = bool(os.environ.get("NIGHTLY"))


def count(gate: int, night: int) -> int:
    """How many, in the gate and in the night."""
    return night if NIGHTLY else gate
