"""`POST /v1/embeddings`, read and written."""

import base64
from collections.abc import Sequence
from typing import Annotated, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from api.wire.body import Fields, parse_object, validated
from domain.records import Json, JsonObject

MOST_INPUTS: Final = 2048


def _texts(value: object) -> object:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and any(isinstance(item, int | list) for item in cast(list[object], value)):
        raise ValueError("input must be texts, not tokens")
    return cast(object, value)


Text = Annotated[str, Field(min_length=1)]


class EmbeddingFields(Fields):
    """The body. `input` is a list, even where one text was sent."""

    input: Annotated[list[Text], Field(min_length=1, max_length=MOST_INPUTS), BeforeValidator(_texts)]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None
    user: str | None = None


def parse_embeddings(raw: bytes) -> EmbeddingFields:
    """Raises InvalidRequest."""
    return validated(EmbeddingFields, parse_object(raw))


def embedding_list(vectors: Sequence[NDArray[np.float32]], *, model: str, in_base64: bool, tokens: int) -> JsonObject:
    data: list[Json] = [
        {"object": "embedding", "index": index, "embedding": _base64(vector) if in_base64 else vector.tolist()}
        for index, vector in enumerate(vectors)
    ]
    usage: JsonObject = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _base64(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
