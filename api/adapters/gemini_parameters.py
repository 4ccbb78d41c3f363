"""OpenAI's parameters of a chat completion by Gemini's names. Pure.

What Gemini has not, or refuses on its current models, is left out: penalties ("Penalty is not enabled for this model"),
logit_bias, verbosity; and n, which many of them refuse too: whoever asks gets one choice and asks again. What cannot be
left out without answering another question is refused: custom tools.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from api.ports import Unsupported
from domain.records import Json, JsonObject

CATEGORIES: Final = (
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
)
MOST_STOPS: Final = 5

_GENERATION: Final = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
# What Google's own OpenAI endpoint makes of the efforts, for the models that are given a number of tokens.
_BUDGETS: Final = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
_LEVELS: Final = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "XHIGH",
}
_LEAST_OF_PRO: Final = 128
"""Tokens that 2.5-pro thinks at least: it cannot be told not to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A function that the model may call; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How Gemini shall answer. `sampling` has Gemini's names in snake case, as both SDKs take them."""

    sampling: dict[str, Any]
    schema: JsonObject | None = None
    thinking: dict[str, Any] | None = None
    declarations: list[Declaration] = field(default_factory=list[Declaration])
    calling: dict[str, Any] | None = None


def generation(model: str, parameters: JsonObject) -> Generation:
    """Raises Unsupported."""
    declarations = [_declaration(tool) for tool in _list(parameters.get("tools"))]
    wanted = as_object(parameters.get("response_format"))
    return Generation(
        sampling=_sampling(parameters, as_json=wanted.get("type") in ("json_object", "json_schema")),
        schema=as_object(as_object(wanted.get("json_schema")).get("schema")) or None,
        thinking=_thinking(model, parameters.get("reasoning_effort")),
        declarations=declarations,
        calling=_calling(parameters.get("tool_choice")) if declarations else None,
    )


def safety(threshold: str | None) -> dict[str, str]:
    """The threshold of each category, one of Google's words for it; without one Google's own is in force."""
    return {category: threshold.upper() for category in CATEGORIES} if threshold is not None else {}


def version_of(model: str) -> tuple[int, int] | None:
    """3.5 as (3, 5); None where the name tells none, as that of an alias or of another family."""
    found = _GENERATION.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else None


def signs_calls(model: str) -> bool:
    """Whether the model refuses its own calls without their signatures: Gemini's do from 3 on, its aliases as well."""
    version = version_of(model)
    return version >= (3, 0) if version is not None else model.removeprefix("models/").startswith("gemini-")


def _sampling(parameters: JsonObject, *, as_json: bool) -> dict[str, Any]:
    seed = parameters.get("seed")
    stop = parameters.get("stop")
    stops = [stop] if isinstance(stop, str) else _list(stop)
    named = {
        "temperature": parameters.get("temperature"),
        "top_p": parameters.get("top_p"),
        "max_output_tokens": parameters.get("max_completion_tokens") or parameters.get("max_tokens"),
        "stop_sequences": [text for text in stops if text][:MOST_STOPS] or None,
        # OpenAI's has 64 bits, Gemini's 32; equal ones must stay equal.
        "seed": seed & 0x7FFFFFFF if isinstance(seed, int) else None,
        "response_mime_type": "application/json" if as_json else None,
    }
    return {name: value for name, value in named.items() if value is not None}


def _thinking(model: str, effort: Json) -> dict[str, Any] | None:
    """Levels from 3 on, numbers of tokens before; older models do not think."""
    version = version_of(model)
    if not isinstance(effort, str) or effort not in _LEVELS or (version is not None and version < (2, 5)):
        return None
    if version is not None and version < (3, 0):
        budget = _BUDGETS[effort]
        return {"thinking_budget": max(budget, _LEAST_OF_PRO) if "pro" in model else budget}
    level = _LEVELS[effort]
    # Flash models from 3.7 on know no MINIMAL, and answer 400.
    least_is_low = level == "MINIMAL" and version is not None and version >= (3, 7)
    return {"thinking_level": "LOW" if least_is_low else level}


def _declaration(tool: Json) -> Declaration:
    given = as_object(tool)
    if given.get("type", "function") != "function":
        raise Unsupported("Gemini takes tools of the type 'function' only.", param="tools")
    function = as_object(given.get("function"))
    return Declaration(
        name=str(function.get("name") or ""),
        description=str(function.get("description") or ""),
        schema=as_object(function.get("parameters")) or None,
    )


def _calling(choice: Json) -> dict[str, Any] | None:
    match choice:
        case "auto":
            return {"mode": "AUTO"}
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY"}
        case Mapping():
            name = str(as_object(as_object(choice).get("function")).get("name") or "")
            return {"mode": "ANY", "allowed_function_names": [name]}
        case _:
            return None


def as_object(value: Json) -> JsonObject:
    """The value if it is one, else an empty one."""
    return cast("JsonObject", value) if isinstance(value, Mapping) else {}


def _list(value: Json) -> list[Json]:
    return list(cast("Sequence[Json]", value)) if isinstance(value, Sequence) and not isinstance(value, str) else []
