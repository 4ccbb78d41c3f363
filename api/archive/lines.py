"""The lines of a JSONL file, as many as there may be, and the numbers that one finds them by."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from domain.errors import InvalidRequest
from domain.records import JsonObject


class JsonLines(Sequence[JsonObject]):
    """The objects of a JSONL file. Each is decoded whenever it is asked for, so that of a large file little more than
    its bytes lie in memory; a line that is none raises InvalidRequest, which names it, then. Blank lines are none.
    """

    def __init__(self, raw: bytes, decode: Callable[[bytes], JsonObject]) -> None:
        self._raw, self._decode = raw, decode
        self._lines = [(number, place) for number, place in enumerate(_places(raw), start=1) if raw[place].strip()]

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, place: int) -> JsonObject: ...

    @overload
    def __getitem__(self, place: slice) -> list[JsonObject]: ...

    def __getitem__(self, place: int | slice) -> JsonObject | list[JsonObject]:
        if isinstance(place, slice):
            return [self._object(*line) for line in self._lines[place]]
        return self._object(*self._lines[place])

    def numbered(self) -> Iterator[tuple[int, JsonObject]]:
        """The objects with the numbers that their lines have in the file."""
        for number, place in self._lines:
            yield number, self._object(number, place)

    def _object(self, number: int, place: slice) -> JsonObject:
        line = self._raw[place]
        try:
            return self._decode(line)
        except InvalidRequest as error:
            raise InvalidRequest(self._fault(number, line, error.message), param=f"lines.{number}") from error

    def _fault(self, number: int, line: bytes, told: str) -> str:
        if not is_utf8(line):
            return f"Line {number}: it is not text in UTF-8. Save the file as UTF-8 and import it again."
        if number == self._lines[-1][0] and not line.rstrip().endswith(b"}"):
            return f"Line {number}, the last, is cut off: the file is not whole."
        return f"Line {number}: {told}"


def _places(raw: bytes) -> Iterator[slice]:
    """Where each line stands, its end left out."""
    start = 0
    while start < len(raw):
        end = raw.find(b"\n", start)
        end = len(raw) if end < 0 else end
        yield slice(start, end)
        start = end + 1


def numbered(lines: Sequence[object]) -> Iterator[tuple[int, object]]:
    """The entries of a list with their numbers: those of a file's lines, else counted from 1."""
    return lines.numbered() if isinstance(lines, JsonLines) else enumerate(lines, start=1)


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
