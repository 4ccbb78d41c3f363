"""How long something took, by `time.perf_counter()`. No dates here: those are `api/times.py`."""

import time


def elapsed_ms(start: float, end: float | None = None) -> float:
    """Milliseconds from one reading of the clock to another, or until now."""
    return round(((time.perf_counter() if end is None else end) - start) * 1000, 3)
