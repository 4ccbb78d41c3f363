"""The parameters that both completion endpoints share: how the model shall answer, and for whom."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, cast

from pydantic import BeforeValidator, Field

from api.chat.choices import MOST_CHOICES
from api.filters import Filters
from api.wire.address import Names
from api.wire.body import Fields, JsonDict, parse_object
from domain.errors import InvalidRequest
from domain.records import JsonObject

PASSED_ON: Final = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "n",
)
"""What the model is told of a request, as the client named it."""

_INT64: Final = 2**63
_FILTERS: Final = "metadata.recall_filters"


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Texts = Annotated[list[str], BeforeValidator(_as_list)]
"""One string or a list of strings."""

Penalty = Annotated[float, Field(ge=-2, le=2)]
Count = Annotated[int, Field(ge=1, lt=_INT64)]


class StreamOptions(Fields):
    """How a stream shall be told."""

    include_usage: bool | None = None


class Metadata(Fields):
    """What means something to us of the client's own data. Its values are texts in OpenAI's API, so filters may be
    JSON in a text."""

    session_id: str | None = None
    recall_filters: JsonDict | str | None = None
    type: object = None


class ResponseFormat(Fields):
    """Passed on as it is; what it may say is the model's matter."""

    type: str


class Sampling(Fields):
    """Any field may be null, which means that it was not sent."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    stop: Annotated[Texts, Field(max_length=4)] | None = None
    seed: Annotated[int, Field(ge=-_INT64, lt=_INT64)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    metadata: Metadata | None = None
    session_id: str | None = None
    user: str | None = None

    def names(self) -> Names:
        """The places of the body that may name a session."""
        metadata = self.metadata.session_id if self.metadata is not None else None
        return Names(metadata=metadata, session_id=self.session_id, user=self.user)

    def filters(self) -> Filters:
        """What shall be recalled for the request. Raises InvalidRequest."""
        given = self.metadata.recall_filters if self.metadata is not None else None
        if isinstance(given, str):
            given = _object_in(given)
        return Filters.read(given or {}, _FILTERS)

    @property
    def hint(self) -> str | None:
        """The client's own word for what it does; whatever else may stand there is nobody's business."""
        word = self.metadata.type if self.metadata is not None else None
        return word if isinstance(word, str) else None

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage is True


def _object_in(text: str) -> JsonDict:
    try:
        return parse_object(text.encode())
    except InvalidRequest as error:
        raise InvalidRequest(f"The filters must be a JSON object: {error.message}", param=_FILTERS) from error


def parameters(body: Mapping[str, Any]) -> JsonObject:
    """Those of the (validated) body that are passed on to the model. One choice need not be asked for."""
    told = {name: body[name] for name in PASSED_ON if body.get(name) is not None}
    if told.get("n") == 1:
        del told["n"]
    return cast(JsonObject, told)
