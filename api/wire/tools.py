"""The tools that a request offers, checked as far as every model needs it: names, types, a choice that can be made.

What a tool does and how its arguments look is between the client and the model.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, cast

from pydantic import Field

from api.wire.body import Fields, JsonDict
from domain.errors import InvalidRequest
from domain.records import JsonObject

MOST_TOOLS: Final = 128

_MODES: Final = ("none", "auto", "required")


class _Function(Fields):
    name: Annotated[str, Field(min_length=1, max_length=128)]
    description: str | None = None
    parameters: JsonDict | None = None
    strict: bool | None = None


class Tool(Fields):
    """A function that the model may call. OpenAI's custom tools are not taken: no other server knows them."""

    type: Literal["function"]
    function: _Function


Tools = Annotated[list[Tool], Field(max_length=MOST_TOOLS)]


def tool_parameters(tools: Sequence[Tool] | None, body: JsonDict) -> JsonObject:
    """What of the (validated) body the model is told about tools: nothing where there are none.

    Raises InvalidRequest for a choice among them that cannot be made.
    """
    choice = body.get("tool_choice")
    if choice is not None and choice not in _MODES:
        _require_named(choice, [tool.function.name for tool in tools or ()])
    if tools:
        names = ("tools", "tool_choice", "parallel_tool_calls")
        return cast(JsonObject, {name: body[name] for name in names if body.get(name) is not None})
    if choice == "required":
        raise InvalidRequest("tool_choice is 'required', but there are no tools to choose from.", param="tool_choice")
    return {}


def _require_named(choice: object, names: Sequence[str]) -> None:
    match choice:
        case {"type": "function", "function": {"name": str(name)}}:
            if name not in names:
                message = f"tool_choice names the function '{name[:128]}', which is not among the tools."
                raise InvalidRequest(message, param="tool_choice")
        case _:
            allowed = 'none, auto, required or {"type": "function", "function": {"name": …}}'
            raise InvalidRequest(f"tool_choice must be {allowed}.", param="tool_choice")
