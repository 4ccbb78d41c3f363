"""What a request for a reply says, whichever endpoint it came by, and the legacy endpoint's way to say it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from pydantic import BeforeValidator, Field

from api.filters import Filters
from api.ports import Picture
from api.wire.address import Names
from api.wire.body import JsonDict, parse_object, validated
from api.wire.sampling import Sampling, parameters
from domain.errors import InvalidRequest
from domain.messages import Instruction, Message
from domain.records import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """A checked request. `names` holds what its body says about the session; path and header may say more. `hint` is
    the client's own word for what it does."""

    messages: Sequence[Message | Instruction]
    pictures: Sequence[Picture] = ()
    model: str | None
    parameters: JsonObject
    stream: bool
    include_usage: bool
    names: Names
    filters: Filters
    hint: str | None = None


def completion_request(
    fields: Sampling, body: JsonDict, messages: Sequence[Message | Instruction], tools: JsonObject | None = None
) -> CompletionRequest:
    """`body` is what `fields` were read from; `tools` what the model is told besides."""
    return CompletionRequest(
        messages=messages,
        model=fields.model or None,
        parameters={**parameters(body), **(tools or {})},
        stream=fields.stream is True,
        include_usage=fields.wants_usage,
        names=fields.names(),
        filters=fields.filters(),
        hint=fields.hint,
    )


def _one_text(value: object) -> object:
    """A prompt may be a list, for batches. Tokens are of a vocabulary that we do not know."""
    if not isinstance(value, list):
        return value
    items = cast(list[object], value)
    if any(isinstance(item, int | list) for item in items):
        raise ValueError("prompts must be text, not tokens")
    if len(items) != 1:
        raise ValueError("exactly one prompt at a time is supported")
    return items[0]


class _Legacy(Sampling):
    prompt: Annotated[str, BeforeValidator(_one_text), Field(min_length=1)]
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None


def parse_legacy(raw: bytes, now: str) -> CompletionRequest:
    """`POST /v1/completions`: the prompt is the newest message of a thin client. Raises InvalidRequest."""
    body = parse_object(raw)
    fields = validated(_Legacy, body)
    if fields.best_of not in {None, fields.n or 1}:
        raise InvalidRequest("All choices are answered: leave best_of out, or let it be n.", param="best_of")
    if fields.echo:
        raise InvalidRequest("The prompt is not repeated: put it before the reply yourself.", param="echo")
    if fields.suffix:
        raise InvalidRequest("Nothing can be put in before a suffix: chat models only continue.", param="suffix")
    if not fields.prompt.strip():
        raise InvalidRequest("The prompt must not be empty.", param="prompt")
    return completion_request(fields, body, [Message(role="user", text=fields.prompt, said_at=now)])
