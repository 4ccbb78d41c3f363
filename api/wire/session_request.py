"""Bodies of the session routes: what to recall, what might have been, what to import."""

from codecs import BOM_UTF8
from itertools import chain, islice
from typing import Annotated, Final, cast

from pydantic import Field

from api.archive.lines import JsonLines, is_utf8
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
    """An object as it is; a list of messages as `{"messages": […]}`; JSONL as `{"lines": […]}`, whose lines are decoded
    when they are asked for and may be found wrong only then.

    Raises InvalidRequest for what is none of them.
    """
    raw = raw.removeprefix(BOM_UTF8)
    if _is_jsonl(raw):
        return {"lines": JsonLines(raw, parse_object)}
    if not is_utf8(raw):
        raise InvalidRequest(f"The file is not text in UTF-8. {_IMPORTED}")
    value = parse_json(raw)
    match value:
        case dict():
            return cast(JsonObject, value)
        case list():
            return {"messages": cast(list[JsonObject], value)}
        case _:
            raise InvalidRequest(_IMPORTED)


_IMPORTED: Final = "An import is a JSON object, a list of messages or JSONL."


def _is_jsonl(raw: bytes) -> bool:
    """Several lines, the first or the second an object of its own; a pretty-printed object has no such line."""
    lines = (line.strip() for line in raw.splitlines())
    first, second = islice(chain(filter(None, lines), (b"", b"")), 2)
    return (
        bool(second)
        and first.startswith(b"{")
        and any(line.startswith(b"{") and line.endswith(b"}") for line in (first, second))
    )
