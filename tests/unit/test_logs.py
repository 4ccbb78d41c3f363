"""How a line of the log looks, and what of an exception it tells."""

import io
import json
import logging
import sqlite3
from collections.abc import Generator
from contextvars import copy_context
from typing import Any

import pytest

from api import logs
from api.log_ids import note
from api.logs import JsonLines, TextLines, told
from api.ports import ModelFailed
from domain.errors import InvalidRequest, Unavailable

SECRET = "my sister drinks"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def untouched() -> Generator[None]:
    """The logging of the process is as before when the test is over."""
    names = ["", *logs.OURS, "uvicorn"]
    before = {name: logging.getLogger(name).level for name in names}
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def record(message: str = "turn failed: %s", *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "api.chat", "levelno": logging.INFO, "levelname": "INFO"})
    made.msg, made.args = message, arguments
    vars(made).update(extra)
    return made


def failing(error: Exception) -> logging.LogRecord:
    with pytest.raises(type(error)) as caught:
        raise error
    return record("it failed", exc_info=(caught.type, caught.value, caught.tb))


def parsed(made: logging.LogRecord) -> dict[str, Any]:
    return json.loads(JsonLines().format(made))


def test_a_line_is_one_json_object_with_time_level_logger_and_message() -> None:
    line = parsed(record("turn failed: %s", "timeout", turn="t1"))

    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "info", "logger": "api.chat", "message": "turn failed: timeout", "turn": "t1"}


def test_a_line_carries_the_ids_known_where_it_was_written_and_its_own_go_before_them() -> None:
    def written() -> dict[str, Any]:
        note(request_id="req_1", session="abc")
        return parsed(record("done", session="def"))

    line = copy_context().run(written)

    assert (line["request_id"], line["session"]) == ("req_1", "def")


def test_a_line_stays_one_line_whatever_stands_in_it() -> None:
    odd = 'two\nlines "quoted" \u2028 \ud83d'

    text = JsonLines().format(record(odd, count=2**70, place=object()))

    assert "\n" not in text
    assert json.loads(text)["message"] == odd


def test_as_text_a_line_has_the_ids_behind_the_message() -> None:
    line = TextLines().format(record("turn failed: %s", "timeout", turn="t1"))

    assert line.endswith("INFO    api.chat: turn failed: timeout turn=t1")


@pytest.mark.parametrize(
    "error",
    [Unavailable("The disk is gone."), sqlite3.OperationalError("disk I/O error"), OSError("no"), TypeError("int")],
)
def test_words_that_cannot_quote_a_text_are_told(error: Exception) -> None:
    assert parsed(failing(error))["error"]["message"] == str(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(SECRET),
        KeyError(SECRET),
        RuntimeError(SECRET),
        InvalidRequest(SECRET),
        ModelFailed(SECRET, code="rejected", status=400),
    ],
)
@pytest.mark.parametrize("lines", [JsonLines(), TextLines()], ids=["json", "text"])
def test_words_that_may_quote_a_text_are_not(error: Exception, lines: logging.Formatter) -> None:
    line = lines.format(failing(error))

    assert SECRET not in line
    assert type(error).__name__ in line
    assert "test_logs.py" in line


def test_what_caused_an_exception_is_told_by_the_same_rule() -> None:
    error = Unavailable("The log cannot be used.")
    error.__cause__ = ValueError(SECRET)

    said, line = told(error), TextLines().format(failing(error))

    assert said.get("message") == "The log cannot be used."
    assert said.get("cause", {}).get("type") == "ValueError"
    assert "message" not in said.get("cause", {})
    assert line.endswith("\n  ValueError")


def test_a_suppressed_cause_is_left_out() -> None:
    def suppress() -> None:
        try:
            raise ValueError(SECRET)
        except ValueError:
            raise Unavailable("No.") from None

    with pytest.raises(Unavailable) as caught:
        suppress()

    assert "cause" not in told(caught.value)


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        ("auto", io.StringIO(), True),
        ("auto", Terminal(), False),
        ("json", Terminal(), True),
        ("text", io.StringIO(), False),
    ],
)
@pytest.mark.usefixtures("untouched")
def test_a_terminal_gets_text_and_everything_else_json_unless_told(
    form: logs.LogFormat, stream: io.StringIO, is_json: bool
) -> None:
    logs.configure("info", form, stream)

    logging.getLogger("api.x").info("hello")

    assert stream.getvalue().startswith("{") is is_json


@pytest.mark.usefixtures("untouched")
def test_others_speak_from_warning_on_however_much_is_asked_of_us() -> None:
    stream = io.StringIO()
    logs.configure("debug", "json", stream)

    logging.getLogger("openai").debug("a whole request")
    logging.getLogger("uvicorn.error").info("it starts")
    logging.getLogger("uvicorn.error").debug("a socket")
    logging.getLogger("projections.x").debug("a batch")
    logging.getLogger("httpx2").warning("it is slow")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "it starts",
        "a batch",
        "it is slow",
    ]
