"""Chat files of SillyTavern for tests: lines as its versions wrote them over the years."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from api.wire.session_request import parse_import
from domain.records import JsonObject

Line = dict[str, Any]

HEADER: Final[Line] = {
    "user_name": "Robin",
    "character_name": "Mira",
    "create_date": "2025-10-02@09h12m13s",
    "chat_metadata": {"note_prompt": "Mira is tired.", "variables": {"sid": "s-17"}, "integrity": "4f1d"},
}


def line(text: str, *, user: bool = False, **more: Any) -> Line:
    """A message's line. The name is the header's."""
    return {"name": "Robin" if user else "Mira", "is_user": user, "is_system": False, "mes": text, "extra": {}, **more}


def info(date: str, **extra: Any) -> Line:
    """What SillyTavern keeps of a swipe."""
    return {"send_date": date, "gen_started": date, "gen_finished": date, "extra": extra}


def swiped(texts: list[str], chosen: int, dates: list[str], **more: Any) -> Line:
    """A reply that was swiped, each one at its date; the one in view is the line's."""
    infos = [info(date, model=f"model-{place}") for place, date in enumerate(dates)]
    return line(texts[chosen], **{**infos[chosen], **more}, swipes=texts, swipe_id=chosen, swipe_info=infos)


def file_of(lines: Iterable[object]) -> bytes:
    """The lines as SillyTavern writes them: no line end behind the last."""
    return b"\n".join(orjson.dumps(one) for one in lines)


def payload(lines: Iterable[object]) -> JsonObject:
    """What the archive is given for a file of these lines."""
    return parse_import(file_of(lines))


EVENING: Final[list[Line]] = [
    HEADER,
    swiped(
        ["Sit down, the kettle is nearly there.", "Late again, Robin.", "You brought the rain with you."],
        1,
        ["2025-10-02T09:12:13.000Z", "2025-10-02T09:12:20.000Z", "2025-10-02T09:12:31.000Z"],
    ),
    line("The ferry was late. Is there any tea left?", user=True, send_date="2025-10-02T09:13:00.500Z"),
    swiped(
        ["There is always tea.", "Only the smoky one."],
        1,
        ["2025-10-02T09:13:05.000Z", "2025-10-02T09:13:40.000Z"],
        force_avatar="/thumbnail?type=avatar&file=Mira.png",
    ),
    line("*The lamp goes out.*", name="Narrator", send_date="October 2, 2025 9:14am", extra={"type": "narrator"}),
    line("Remember to ask about the letter.", user=True, is_system=True, extra={"type": "comment"}),
    line("Who put out the lamp?", user=True, send_date="2025-10-2 @09h 15m 2s 120ms"),
    line("", send_date="2025-10-02@09h15m09s"),
    line("The wind, I think.", send_date=1759396520000, swipes=["The wind, I think."], swipe_id=0),
    line("I told you a lie about the wind.", is_system=True, send_date="2025-10-02T09:16:00Z", bias="x"),
    line("Then light it again.", user=True, send_date="2025-10-02T09:17:00Z"),
]
"""An evening with all that a chat can have in it; eight lines are said, two of them with swipes, one is hidden."""
