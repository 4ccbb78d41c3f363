"""Commands that look: `heartline sessions | show`."""

from typing import Annotated, Any, cast

import typer
from rich.table import Table
from rich.text import Text

from api.access.keys import LOCAL
from api.command_line.asking import answer
from api.command_line.tables import messages_table, plain
from api.terminal import AsJson, DataDir, Owner, out, say, say_json

Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many.")]


def sessions(limit: Limit = 100, owner: Owner = LOCAL, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the sessions, the one that was talked in last first."""
    found = answer(data_dir, lambda services: services.sessions.list(owner, limit=limit, after=None))
    if as_json:
        say_json(found)
        return
    table = Table("session", "title", "messages", "version", "last activity", "feeling")
    for row in cast("list[dict[str, Any]]", found["data"]):
        table.add_row(
            Text(row["id"]),
            Text(row["title"] or ""),
            str(row["messages"]),
            str(row["version"]),
            row["last_activity"][:19],
            row["dominant_emotion"] or "",
        )
    out.print(table)


def show(
    session: Annotated[str, typer.Argument(help="The session's name.")],
    at: Annotated[int | None, typer.Option("--at", min=1, help="As of this version; now when missing.")] = None,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show a session as of a version: persona, summary, feeling, and the last messages in view."""
    found = answer(data_dir, lambda services: services.sessions.state(owner, session, at=at))
    if as_json:
        say_json(found)
        return
    state = cast("dict[str, Any]", found)
    say(f"{state['id']}, version {state['version']}: {state['messages']} messages")
    if state["lineage"]["parent"] is not None:
        say(f"goes on from version {state['lineage']['at']} of {state['lineage']['parent']}")
    if state["persona"] is not None:
        say(f"persona: {plain(state['persona']['text'])}")
    if state["summary"] is not None:
        say(f"summary: {plain(state['summary'])}")
    if state["emotion"] is not None:
        say(f"feeling: {state['emotion']['dominant']} ({state['emotion']['confidence']:.2f})")
    out.print(messages_table("the last messages in view", state["working_memory"]))
