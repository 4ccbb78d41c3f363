"""The description of our HTTP surface (OpenAPI 3.1), which the server gives at `/openapi.json`.

Bodies are read by hand, so it is written by hand. One test holds it against the application's routes; in another,
schemathesis asks the server all that it allows and much that it does not.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from api.chat.choices import MOST_CHOICES
from domain.records import Json, JsonObject

_SESSION: Final = "/sessions/{session}"
_TURN: Final = f"{_SESSION}/turns/{{turn}}"

_ANY: Final[JsonObject] = {"type": "object"}
_VERSION: Final[JsonObject] = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_ID: Final[JsonObject] = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[^/\x00-\x1f\x7f-\x9f]+$"}


def description(version: str) -> JsonObject:
    """The whole document, for this version of the program."""
    openai = _openai()
    for_one_session = {f"{_SESSION}{path}": _within(_SESSION_PARAMETER, item) for path, item in openai.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Heartline",
            "version": version,
            "summary": "A chat server with a memory that can be rewound and questioned",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}, {"header": []}],
        "paths": {**openai, **for_one_session, **_sessions(), **_server()},
        "components": {"schemas": _SCHEMAS, "securitySchemes": _KEYS},
    }


# -- the routes --------------------------------------------------------------------------------------------------------


def _openai() -> dict[str, JsonObject]:
    name = _parameter("name", "path", {"type": "string", "minLength": 1}, "A model's id; it may hold slashes.")
    return {
        "/v1/chat/completions": {"post": _turn("A reply, with memory", "ChatRequest")},
        "/v1/completions": {"post": _turn("A reply to a prompt (OpenAI's legacy endpoint)", "PromptRequest")},
        "/v1/embeddings": {"post": _operation("Vectors of texts", body="EmbeddingRequest", answer=_json(_ANY))},
        "/v1/models": {"get": _operation("The models", answer=_list_of("Model"))},
        "/v1/models/{name}": {"get": _operation("One model", [name], answer=_json(_of("Model")))},
    }


def _sessions() -> dict[str, JsonObject]:
    at = _parameter("at", "query", _VERSION, "As of this version; without it, now.")
    limit = _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 1000}, "Entries of a page.")
    after = _parameter("after", "query", {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}, "The last one seen.")
    last = _parameter("after", "query", _ID, "Id of the last session seen.")
    search = _parameter("search", "query", {"type": "string"}, "What the id or the title holds.")
    offset = _parameter("offset", "query", {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}, "Entries left out.")
    follow = _parameter(
        "follow", "query", {"type": "boolean"}, "Go on with the events as they come (`Last-Event-ID` is read)."
    )
    name = _parameter("id", "query", _ID, "Name of the new session; made up without it.")
    turn = _parameter("turn", "path", {"type": "string", "minLength": 1}, "A turn's id, or its completion's.")
    other = _parameter("other", "path", _ID, "The session to compare with.")
    of = _parameter("version", "query", _VERSION, "The message, or other memory, that is asked about.")
    form = _parameter("format", "query", {"enum": ["heartline", "sillytavern"]}, "As what it is written.")
    one = _json(_ANY)
    lists, events = _list_of("Entry"), _streamed(_list_of("Entry"))
    exported = {"application/x-ndjson": {"schema": {"type": "string"}}}
    own: dict[str, JsonObject] = {
        "": {"get": _operation("The session as of a version", [at], answer=one)},
        "/events": {"get": _operation("What happened", [after, limit, follow], answer=events)},
        "/messages": {"get": _operation("The messages in view", [at, limit, after, offset], answer=lists)},
        "/siblings": {"get": _operation("The messages that are not in view, and where they stood", [at], answer=lists)},
        "/emotions": {"get": _operation("What was felt", [at], answer=lists)},
        "/summaries": {"get": _operation("The summaries", [at], answer=lists)},
        "/recall": {"post": _operation("What would be recalled", body="RecallRequest", answer=one)},
        "/rewind": {"post": _operation("Back to a version, with its memory", body="RewindRequest", answer=one)},
        "/fork": {"post": _operation("A new session that goes on from a version", body="ForkRequest", answer=one)},
        "/carry": {"post": _operation("A message of another session, remembered", body="CarryRequest", answer=one)},
        "/diff/{other}": {"get": _operation("What each of two knows alone", [other], answer=one)},
        "/export": {"get": _operation("All of the session, or its chat, as JSON lines", [form], answer=exported)},
        "/turns/{turn}": {"get": _operation("What the model was shown, and why", [turn, at], answer=one)},
        "/turns/{turn}/replay": {"post": _operation("The context rendered again, compared", [turn], answer=one)},
        "/turns/{turn}/why-not": {
            "get": _operation("Why a memory was not shown", [turn, {**of, "required": True}], answer=one)
        },
        "/turns/{turn}/what-if": {
            "post": _operation("What another policy would have shown", [turn], body="WhatIfRequest", answer=one)
        },
    }
    days = _parameter(
        "days", "query", {"type": "integer", "minimum": 1, "maximum": 366}, "Days back, today among them."
    )
    return {
        "/usage": {"get": _operation("What your replies took and cost, by day", [days], answer=lists)},
        "/sessions": {"get": _operation("Your sessions, newest first", [limit, last, search], answer=lists)},
        "/sessions/import": {"post": _operation("A session from elsewhere", [name], body="ImportRequest", answer=one)},
        **{f"{_SESSION}{path}": _within(_SESSION_PARAMETER, item) for path, item in own.items()},
    }


def _server() -> dict[str, JsonObject]:
    numbers: JsonObject = {"text/plain": {"schema": {"type": "string"}}}
    unfit = {"503": {"description": "It cannot serve now.", "content": _json(_ANY)}}
    health = _operation("Whether the server can serve; without a key only that", answer=_json(_ANY))
    page: JsonObject = {"text/html": {"schema": {"type": "string"}}}
    file = _parameter("file", "path", {"type": "string", "minLength": 1}, "A file of the studio, such as main.js.")
    return {
        "/": {
            "get": _open(_operation("What this server is; for a browser, the studio", answer={**_json(_ANY), **page}))
        },
        "/studio/{file}": {"get": _open(_operation("The studio's files", [file], answer={"*/*": {"schema": {}}}))},
        "/health": {"get": _open({**health, "responses": {**_responses(health), **unfit}})},
        "/metrics": {"get": _operation("What was counted, for Prometheus", answer=numbers)},
        "/openapi.json": {"get": _open(_operation("This description", answer=_json(_ANY)))},
    }


# -- how they are written ----------------------------------------------------------------------------------------------


def _turn(summary: str, body: str) -> JsonObject:
    return _operation(summary, body=body, answer=_streamed(_json(_ANY)))


def _operation(
    summary: str, parameters: Sequence[JsonObject] = (), *, body: str | None = None, answer: JsonObject
) -> JsonObject:
    written: dict[str, Json] = {
        "summary": summary,
        "responses": {
            "200": {"description": "Done.", "content": answer},
            "default": {"description": "What was wrong, as OpenAI tells errors.", "content": _json(_of("Failure"))},
        },
    }
    if parameters:
        written["parameters"] = list(parameters)
    if body is not None:
        written["requestBody"] = {"required": True, "content": _json(_of(body))}
    return written


def _responses(operation: JsonObject) -> JsonObject:
    responses = operation["responses"]
    return responses if isinstance(responses, Mapping) else {}


def _open(operation: JsonObject) -> JsonObject:
    return {**operation, "security": []}


def _within(parameter: JsonObject, item: JsonObject) -> JsonObject:
    return {"parameters": [parameter], **item}


def _parameter(name: str, place: str, schema: JsonObject, description: str) -> JsonObject:
    needed: JsonObject = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, "schema": schema, "description": description, **needed}


_SESSION_PARAMETER: Final = _parameter("session", "path", _ID, "The session's id, percent-encoded if need be.")


def _json(schema: JsonObject) -> JsonObject:
    return {"application/json": {"schema": schema}}


def _streamed(answer: JsonObject) -> JsonObject:
    return {**answer, "text/event-stream": {"schema": {}}}


def _list_of(name: str) -> JsonObject:
    fields: JsonObject = {"object": {"const": "list"}, "data": {"type": "array", "items": _of(name)}}
    return _json({"type": "object", "required": ["object", "data"], "properties": fields})


def _of(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Sequence[str], **properties: Json) -> JsonObject:
    return {"type": "object", "required": list(required), "properties": properties}


# -- the shapes --------------------------------------------------------------------------------------------------------

_KEYS: Final[JsonObject] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}

_TEXT: Final[JsonObject] = {"type": "string", "minLength": 1}
_FLAG: Final[JsonObject] = {"type": ["boolean", "null"]}
_WORD: Final[JsonObject] = {"type": ["string", "null"]}
_COUNT: Final[JsonObject] = {"type": ["integer", "null"], "minimum": 1, "maximum": 2**63 - 1}


def _number(least: float, most: float) -> JsonObject:
    return {"type": ["number", "null"], "minimum": least, "maximum": most}


_SAMPLING: Final[JsonObject] = {
    "model": _WORD,
    "n": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST_CHOICES},
    "stream": _FLAG,
    "stream_options": {"type": ["object", "null"], "properties": {"include_usage": _FLAG}},
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "max_tokens": _COUNT,
    "max_completion_tokens": _COUNT,
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "stop": {"anyOf": [_WORD, {"type": "array", "items": {"type": "string"}, "maxItems": 4}]},
    "seed": {"type": ["integer", "null"], "minimum": -(2**63), "maximum": 2**63 - 1},
    "session_id": _WORD,
    "user": {"type": ["string", "null"], "maxLength": 200},
}
"""What every client may say; other fields of OpenAI's are read as well, unknown ones ignored."""

_POLICY: Final[JsonObject] = {"enum": ["heartline", "hybrid", "cosine", None]}

_SCHEMAS: Final[JsonObject] = {
    "Failure": _object(
        ["error"],
        error={
            **_object(["message", "type", "param", "code"], message=_TEXT, type=_TEXT, param=_WORD, code=_WORD),
            "additionalProperties": False,
        },
    ),
    "Message": _object(
        ["role", "content"],
        role={"enum": ["developer", "system", "user", "assistant"]},
        content={"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _of("Part")}]},
        name=_WORD,
    ),
    "Part": _object(["type", "text"], type={"const": "text"}, text=_TEXT),
    "ChatRequest": _object(
        ["messages"], messages={"type": "array", "minItems": 1, "items": _of("Message")}, **_SAMPLING
    ),
    "PromptRequest": _object(["prompt"], prompt=_TEXT, **_SAMPLING),
    "EmbeddingRequest": _object(
        ["input"],
        input={"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 2048}]},
        model=_WORD,
        encoding_format={"enum": ["float", "base64", None]},
    ),
    "RecallRequest": _object(
        ["query"],
        query=_TEXT,
        k={"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
        at={**_VERSION, "type": ["integer", "null"]},
        filters={"type": ["object", "null"]},
        policy=_POLICY,
    ),
    "RewindRequest": _object(["to"], to=_VERSION),
    "ForkRequest": _object([], at={**_VERSION, "type": ["integer", "null"]}, **{"as": {**_ID, "type": _WORD["type"]}}),
    "CarryRequest": _object(["from", "version"], version=_VERSION, **{"from": _ID}),
    "WhatIfRequest": _object(
        [],
        policy=_POLICY,
        top_k={"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
        budget={"type": ["integer", "null"], "minimum": 1, "maximum": 10_000_000},
    ),
    "ImportRequest": _object(
        ["messages"], messages={"type": "array", "minItems": 1, "items": _of("Message")}, user=_WORD, assistant=_WORD
    ),
    "Model": _object(
        ["id", "object", "created", "owned_by"],
        id=_TEXT,
        object={"const": "model"},
        created={"type": "integer"},
        owned_by=_TEXT,
    ),
    "Entry": _ANY,
}
