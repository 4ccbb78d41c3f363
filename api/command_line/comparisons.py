"""Commands over a session's whole history: `heartline bisect | compare`. No language model is called."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import orjson
import typer
from rich.table import Column, Table
from rich.text import Text

from api.access.keys import LOCAL
from api.command_line.asking import answer
from api.services import Expectation, KnownAnswer
from api.settings import load_settings
from api.terminal import AsJson, DataDir, Owner, out, progress, say, say_json
from domain.errors import InvalidRequest
from domain.records import Json

Row = dict[str, Any]


def bisect(
    session: Annotated[str, typer.Argument(help="The session's name.")],
    query: Annotated[str, typer.Option(help="The question that should recall something.")],
    expect: Annotated[str | None, typer.Option(help="A text that should stand in what is recalled.")] = None,
    expect_version: Annotated[int | None, typer.Option(min=1, help="The version that should be recalled.")] = None,
    k: Annotated[int, typer.Option(min=1, max=1000, help="Among how many memories.")] = 10,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Find the version after which a question no longer recalls what it should, and the event to blame.

    It is sought by halves between a version that recalls it and the present, which does not. Where it was lost, came
    back and was lost again, one of the losses is found, not always the first.
    """
    if (expect is None) == (expect_version is None):
        raise InvalidRequest("Say what should be recalled: either --expect or --expect-version.")
    expected = Expectation(query=query, k=k, version=expect_version, text=expect)
    found = cast("Row", answer(data_dir, lambda services: services.reasons.bisect(owner, session, expected)))
    if as_json:
        say_json(found)
        return
    say(_found(found))
    if found["outcome"] == "lost":
        say(f"blame version {found['lost_at']}: {found['event']['type']} of {found['event']['created']}")
        out.print(_around(found))
    say(f"asked as of {len(found['asked'])} of {found['head']} versions")


def _found(answer: Row) -> str:
    match answer["outcome"]:
        case "recalled":
            return f"It is recalled as of now, version {answer['head']}: nothing was lost."
        case "never_recalled":
            return "No version asked about recalls it: it was not lost, it was never found."
        case _:
            return f"Recalled as of version {answer['lost_at'] - 1}, no longer as of {answer['lost_at']}."


def _around(answer: Row) -> Table:
    table = Table("as of", "rank", "score", "recalled")
    for seen in (answer["before"], answer["after"]):
        one = seen["expected"]
        numbers = (str(one["rank"]), f"{one['score']:.4f}") if one else ("", "no candidate")
        table.add_row(str(seen["at"]), *numbers, ", ".join(map(str, seen["recalled"])))
    return table


def compare(
    sessions: Annotated[list[str], typer.Argument(help="The sessions' names.")],
    policy: Annotated[list[str] | None, typer.Option(help="Given twice: the two recall policies.")] = None,
    embedder: Annotated[
        list[str] | None, typer.Option(help="Given twice: the two embedding models, as EMBEDDING_MODEL names them.")
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(help="JSON: {questions: [{question, evidence}]}; evidence are versions, or ids of its messages."),
    ] = None,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Build every turn's context by two policies, or by the vectors of two embedding models: turns that change, tokens,
    overlap of the memories kept, and with --questions how much of what answers them each recalls.

    Where texts have no vector of one of the models yet, the turns from the first of them on are left out.
    """
    policies, embedders = policy or [], embedder or []
    if sorted((len(policies), len(embedders))) != [0, 2]:
        raise InvalidRequest("Give either --policy twice or --embedder twice: two of them are compared.")
    known = read_questions(questions.read_bytes()) if questions is not None else []
    names = policies or embedders
    ask = _by_policies if policies else _by_embedders
    with progress("comparing turns") as step:
        asked = _Asked(owner=owner, sessions=sessions, known=known, step=step)
        compared = asyncio.run(ask(data_dir, (names[0], names[1]), asked))
    if as_json:
        say_json({"policies" if policies else "embedders": names, "sessions": compared})
        return
    rows = cast("list[Row]", compared)
    out.print(_compared(names, rows))
    for row in rows:
        for model, missing in zip(embedders, row["missing"], strict=False):
            if missing:
                say(_lacking(row, model, missing))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Whose sessions are compared, and over which questions; `step` is told how far it is in each."""

    owner: str
    sessions: Sequence[str]
    known: Sequence[KnownAnswer]
    step: Callable[[int, int], None]


async def _by_policies(data_dir: Path | None, pair: tuple[str, str], asked: _Asked) -> list[Json]:
    from api.bootstrap import assembled

    async with assembled(load_settings(data_dir=data_dir)) as system:
        compare = system.reasons.compare
        return [await compare(asked.owner, one, pair, asked.known, asked.step) for one in asked.sessions]


async def _by_embedders(data_dir: Path | None, pair: tuple[str, str], asked: _Asked) -> list[Json]:
    from api.bootstrap import assembled
    from api.wiring.outside import encoding

    first, second = (load_settings(data_dir=data_dir, embedding_model=model) for model in pair)
    async with assembled(first) as system, encoding(second) as other:
        compare = system.reasons.compare_embedders
        return [await compare(asked.owner, one, other, asked.known, asked.step) for one in asked.sessions]


def _lacking(row: Row, model: str, missing: int) -> str:
    left_out = len(row["left_out"])
    return (
        f"session {row['session_id']}: {missing} texts have no vector of {model} yet, so {left_out} turns are left "
        f"out. To make them: heartline embed --model {model}"
    )


def _compared(names: Sequence[str], answers: Sequence[Row]) -> Table:
    table = Table(
        "session",
        "turns",
        "changed",
        "overlap",
        *(Column(f"{what} {name}", overflow="fold") for what in ("tokens", "recall") for name in names),
    )
    for one in answers:
        asked = one["questions"]
        recall = [
            "" if asked is None or mean is None else f"{mean:.1%}" for mean in (asked or {"recall": ("", "")})["recall"]
        ]
        overlap = "" if one["overlap"] is None else f"{one['overlap']:.1%}"
        table.add_row(
            Text(one["session_id"]),
            str(one["compared"]),
            str(one["changed"]),
            overlap,
            *map(str, one["tokens"]),
            *recall,
        )
    return table


# -- questions ---------------------------------------------------------------------------------------------------------


def read_questions(raw: bytes) -> list[KnownAnswer]:
    """The plain shape's questions. Where the file holds the conversation too, evidence names its messages' ids, else
    versions of the session. Raises InvalidRequest, which names the question by its number."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The questions are no JSON: {error}.") from error
    whole: Mapping[str, Any] = cast("Row", value) if isinstance(value, dict) else {"questions": value}
    asked = whole.get("questions")
    messages = whole.get("messages", [])
    if not isinstance(asked, list) or not isinstance(messages, list):
        raise InvalidRequest(
            "The questions are an object with a list `questions` (and one of `messages`), or that list."
        )
    texts = dict(map(_message, cast("list[Any]", messages)))
    return [_question(one, number, texts) for number, one in enumerate(cast("list[Any]", asked), start=1)]


def _message(one: Any) -> tuple[str | int, str]:
    """A message's id and text."""
    match one:
        case {"id": str() | int() as name, "text": str(text)}:
            return name, text
        case _:
            raise InvalidRequest("Each of the `messages` beside the questions needs an `id` and a `text`.")


def _question(one: Any, number: int, texts: Mapping[Any, str]) -> KnownAnswer:
    match one:
        case {"question": str(query), "evidence": [*ids]} if query.strip():
            pass
        case _:
            raise InvalidRequest(f"Question {number} needs a `question` and a list `evidence`.")
    if texts:
        return KnownAnswer(query=query, texts=[texts[id_] for id_ in ids if id_ in texts])
    if not all(isinstance(id_, int) for id_ in ids):
        raise InvalidRequest(
            f"Question {number}: without `messages` in the file, evidence are versions (whole numbers)."
        )
    return KnownAnswer(query=query, versions=ids)
