"""Bodies of the session routes: what to recall, what might have been, what to import."""

from typing import Annotated, cast

from pydantic import Field

from api.services import RecallQuestion, WhatIf
from api.wire.body import Fields, JsonDict, parse_json, parse_object, validated
from domain.errors import InvalidRequest
from domain.records import JsonObject


class _Recall(Fields):
    query: Annotated[str, Field(min_length=1)]
    k: Annotated[int, Field(ge=1, le=1000)] | None = None
    at: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    filters: JsonDict | None = None
    policy: Annotated[str, Field(min_length=1)] | None = None


class _WhatIf(Fields):
    policy: Annotated[str, Field(min_length=1)] | None = None
    top_k: Annotated[int, Field(ge=1, le=1000)] | None = None
    budget: Annotated[int, Field(ge=1, le=10_000_000)] | None = None


def parse_what_if(raw: bytes) -> WhatIf:
    """Raises InvalidRequest. An empty object asks for the turn as it would be built today."""
    fields = validated(_WhatIf, parse_object(raw))
    return WhatIf(policy=fields.policy, top_k=fields.top_k, budget=fields.budget)


def parse_recall(raw: bytes) -> RecallQuestion:
    """Raises InvalidRequest."""
    fields = validated(_Recall, parse_object(raw))
    if not fields.query.strip():
        raise InvalidRequest("The query must not be empty.", param="query")
    return RecallQuestion(
        query=fields.query, k=fields.k or 10, at=fields.at, filters=fields.filters or {}, policy=fields.policy
    )


def parse_import(raw: bytes) -> JsonObject:
    """An object as it is; a list of messages as `{"messages": […]}`; JSONL as `{"lines": […]}`.

    Raises InvalidRequest for what is none of them.
    """
    lines = [line for line in raw.splitlines() if line.strip()]
    # Several lines, the first an object of its own, are JSONL; a pretty-printed object has no such line.
    if len(lines) > 1 and lines[0].rstrip().endswith(b"}") and lines[0].lstrip().startswith(b"{"):
        return {"lines": [_line(line, number) for number, line in enumerate(lines, start=1)]}
    value = parse_json(raw)
    match value:
        case dict():
            return cast(JsonObject, value)
        case list():
            return {"messages": cast(list[JsonObject], value)}
        case _:
            raise InvalidRequest("An import is a JSON object, a list of messages or JSONL.")


def _line(line: bytes, number: int) -> JsonObject:
    try:
        return parse_object(line)
    except InvalidRequest as error:
        raise InvalidRequest(f"Line {number}: {error.message}", param=f"lines.{number}") from error
