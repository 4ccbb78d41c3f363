"""Commands of the time machine: `heartline rewind | fork | carry | diff`."""

from typing import Annotated, Any, cast

import typer
from rich.table import Table

from api.access.keys import LOCAL
from api.command_line.asking import answer
from api.command_line.tables import messages_table, plain
from api.terminal import AsJson, DataDir, Owner, out, say, say_json
from domain.records import JsonObject

Session = Annotated[str, typer.Argument(help="The session's name.")]
Version = Annotated[int, typer.Argument(min=1, help="A version of the session; `heartline show` lists them.")]


def rewind(
    session: Session, to: Version, owner: Owner = LOCAL, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Lead a session back to a former version, with its memory. Nothing is lost: it can be led forward again."""
    made = answer(data_dir, lambda services: services.branches.rewind(owner, session, to=to))
    if as_json:
        say_json(made)
    else:
        say(f"{session} is as it was at version {to}: {made['path_length']} messages, version {made['version']}")


def fork(
    session: Session,
    at: Annotated[int | None, typer.Option("--at", min=1, help="Version to go on from; now when missing.")] = None,
    name: Annotated[str | None, typer.Option("--as", help="Name of the new session; made up when missing.")] = None,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a new session that goes on from any version of another one."""
    made = answer(data_dir, lambda services: services.branches.fork(owner, session, at=at, name=name))
    if as_json:
        say_json(made)
    else:
        say(f"session {made['session_id']} goes on from version {made['at']} of {made['parent']}")


def carry(
    session: Annotated[str, typer.Argument(help="The session that is to remember.")],
    source: Annotated[str, typer.Argument(help="The session that has the message.")],
    version: Annotated[int, typer.Argument(min=1, help="The message's version there.")],
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring one message of another session over, as a memory."""
    made = answer(data_dir, lambda services: services.branches.carry(owner, session, source=source, version=version))
    if as_json:
        say_json(made)
    else:
        say(f"{session} remembers since version {made['version']}: {plain(str(made['text']))}")


def diff(
    session: Session,
    other: Annotated[str, typer.Argument(help="The session to compare with.")],
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what each of two sessions knows that the other does not."""
    found = answer(data_dir, lambda services: services.branches.diff(owner, session, other))
    if as_json:
        say_json(found)
        return
    common = cast("dict[str, Any] | None", found["common"])
    told = "nothing" if common is None else f"{common['messages']} messages, up to version {common['version']}"
    say(f"in common: {told}")
    for side in ("a", "b"):
        _show_side(cast("JsonObject", found[side]))


def _show_side(side: JsonObject) -> None:
    facts = cast("dict[str, Any]", side)
    table = messages_table(f"only {facts['session_id']}", facts["messages"])
    for memory in facts["carried"]:
        table.add_row(str(memory["version"]), "carried", plain(memory["text"]))
    out.print(table)
    facts_table = Table("", facts["session_id"], show_header=False)
    for name in ("persona", "summary", "emotion"):
        facts_table.add_row(name, _fact(facts[name]))
    out.print(facts_table)


def _fact(value: Any) -> str:
    match value:
        case {"text": str(text)}:
            return plain(text)
        case {"dominant": str(dominant), "confidence": float(confidence)}:
            return f"{dominant} ({confidence:.2f})"
        case str():
            return plain(value)
        case _:
            return "none"
