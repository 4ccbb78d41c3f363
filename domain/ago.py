"""How long ago something was said, in words."""

from datetime import datetime
from typing import Final

_UNITS: Final = (
    (365 * 86_400, "year"),
    (30 * 86_400, "month"),
    (7 * 86_400, "week"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def ago(said_at: str, now: str) -> str:
    """Both ISO 8601 with offset: "just now", "three days ago", "13 hours ago". The future reads "just now" too."""
    seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(said_at)).total_seconds()
    for length, unit in _UNITS:
        count = int(seconds // length)
        if count >= 1:
            amount = _WORDS[count] if count < len(_WORDS) else str(count)
            return f"{amount} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
