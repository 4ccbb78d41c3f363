"""OpenAI's published schemas, to hold our responses against.

Held more strictly than published: a field that a schema does not name is wrong too, unless it is ours and listed here.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from jsonschema import Draft202012Validator

FILE: Final = Path(__file__).parent / "fixtures" / "openai-schemas.json"

Schema = dict[str, Any]


def fits(value: Any, name: str) -> None:
    """Fails with what is wrong, and where, when the value is not what the schema of that name describes."""
    # jsonschema leaves a part of the method's signature without types.
    errors = _validator(name).iter_errors(value)  # pyright: ignore[reportUnknownMemberType]
    problems = [f"{error.json_path}: {error.message}" for error in errors]
    assert problems == [], f"{name}: {problems}"


def names() -> set[str]:
    return set(_components())


@cache
def _validator(name: str) -> Draft202012Validator:
    schemas = {key: _strict(schema) for key, schema in _components().items()}
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})


@cache
def _components() -> dict[str, Schema]:
    return cast("dict[str, Schema]", json.loads(FILE.read_bytes())["components"]["schemas"])


def _strict(schema: Any) -> Any:
    """OpenAI writes `nullable: true`, which JSON Schema does not know, and leaves objects open."""
    if isinstance(schema, list):
        return [_strict(inner) for inner in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast(Schema, schema)
    read: Schema = {key: _strict(inner) for key, inner in given.items() if key != "nullable"}
    if isinstance(given.get("properties"), dict):
        read.setdefault("additionalProperties", False)
    return {"anyOf": [read, {"type": "null"}]} if given.get("nullable") is True else read
