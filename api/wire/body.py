"""From the bytes of a request to a checked object, and from a value to the bytes of a response.

What passes here is an object of valid Unicode without NUL: nothing behind it has to ask again.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import Response

from domain.errors import InvalidRequest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

JsonDict = dict[str, Any]


class Fields(BaseModel):
    """Base of all bodies: types are strict (`true` is no 1, "1" is no 1), unknown fields are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


DEEPEST: Final = 100
"""Lists and objects within each other. What is read must be written again, within other things, and JSON's writers end
at some 250."""

FieldsT = TypeVar("FieldsT", bound=Fields)


def parse_json(raw: bytes) -> object:
    """Any JSON value. Raises InvalidRequest for no JSON in UTF-8, too deep a one, or a lone surrogate or NUL in it."""
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"We could not parse the JSON body of your request: {error}.") from error
    _refuse_depth(value)
    # A NUL can only come escaped; where no escape is, nothing has to be searched.
    if b"\\u0000" in raw:
        refuse_nul(value)
    return value


def parse_object(raw: bytes) -> JsonDict:
    """As `parse_json`, of an object."""
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise InvalidRequest("The body of the request must be a JSON object.")
    return cast(JsonDict, value)


def validated(model: type[FieldsT], body: object) -> FieldsT:
    """The body's fields. Raises InvalidRequest that names the first wrong one by its dotted path."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False, include_context=False)[0]) from error


def json_response(value: object, *, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, headers=headers, media_type="application/json")


def refuse_nul(value: object) -> None:
    """Raises InvalidRequest for a NUL character in any text of a JSON value, keys included."""
    for path, text in _texts(value, ()):
        if "\0" in text:
            raise InvalidRequest("NUL characters are not allowed in texts.", param=".".join(path) or None)


def _refuse_depth(value: object) -> None:
    """Level by level: a call for each level would fail where this has to answer."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, (dict, list))]
        if not level:
            return
    raise InvalidRequest(f"JSON must not be nested deeper than {DEEPEST} levels.")


def _inside(value: object) -> Iterable[object]:
    match value:
        case dict():
            return cast(dict[str, object], value).values()
        case list():
            return cast(list[object], value)
        case _:
            return ()


def _texts(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for name, inner in cast(dict[str, object], value).items():
                yield path, name
                yield from _texts(inner, (*path, name))
        case list():
            for index, inner in enumerate(cast(list[object], value)):
                yield from _texts(inner, (*path, str(index)))
        case _:
            pass


def _refusal(error: "ErrorDetails") -> InvalidRequest:
    param = ".".join(map(str, error["loc"])) or None
    if error["type"] == "missing":
        return InvalidRequest(f"Missing required parameter: '{param}'.", param=param)
    reason = error["msg"].removeprefix("Value error, ")
    return InvalidRequest(f"Invalid value for '{param}': {reason}.".replace("..", "."), param=param)
