"""Commands about one turn: `heartline audit | replay | why-not | what-if`. None of them calls a language model."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.table import Table
from rich.text import Text

from api.access.keys import LOCAL
from api.command_line.asking import answer
from api.command_line.tables import plain
from api.services import WhatIf
from api.terminal import AsJson, DataDir, Owner, out, say, say_json
from domain.records import JsonObject

if TYPE_CHECKING:
    from api.services import Services

SessionName = Annotated[str, typer.Argument(help="The session's name.")]
TurnName = Annotated[str | None, typer.Argument(help="The turn's id, or its completion's; the latest when missing.")]

Row = dict[str, Any]
Ask = Callable[["Services", str], Awaitable[JsonObject]]


def audit(
    session: SessionName,
    turn: TurnName = None,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what the model was shown in a turn, and why: candidates, scores, verdicts, budget, context."""
    found = _asked(
        data_dir,
        (owner, session, turn),
        lambda services, name: services.sessions.turn(owner, session, name, at=None),
    )
    if as_json:
        say_json(found)
        return
    say(f"turn {found['id']} of {session}: {found['status']}, version {found['version']}{_policy(found)}")
    if found["error"]:
        say(f"failed: {found['error']['code']}: {found['error']['detail']}")
    if found["context"] is None:
        say("What it showed was forgotten.")
        return
    out.print(_candidates(found["candidates"]))
    say(f"not listed: {_counts(found['rest'])}")
    out.print(_budget({"tokens": found["budget"]}))
    out.print(_context(found["context"]))


def replay(
    session: SessionName,
    turn: TurnName = None,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Render a turn's context again from events alone. Exits with 1 unless it is what was recorded, to the byte."""
    found = _asked(
        data_dir, (owner, session, turn), lambda services, name: services.sessions.replay(owner, session, name)
    )
    if as_json:
        say_json(found)
    else:
        verdict = {True: "identical", False: "NOT identical", None: "not to be told: texts were forgotten"}
        say(verdict[found["identical"]])
        for name in ("recorded_sha256", "rebuilt_sha256", "forgotten", "difference"):
            if found.get(name) is not None:
                say(f"{name}: {found[name]}")
    if found["identical"] is not True:
        raise typer.Exit(1)


def why_not(
    session: SessionName,
    version: Annotated[int, typer.Argument(min=1, help="The version of the message, or other memory, asked about.")],
    turn: TurnName = None,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell why a memory was not in a turn's context, or why it was: the stage, its numbers, what was missing."""
    found = _asked(
        data_dir, (owner, session, turn), lambda services, name: services.reasons.why_not(owner, session, name, version)
    )
    if as_json:
        say_json(found)
        return
    say(f"version {version}: {found['verdict']}{' (recomputed)' if found['recomputed'] else ''}")
    say(str(found["explanation"]))
    table = Table("what", "value", show_header=False)
    for name in ("text", "rank", "score", "threshold", "cut", "parts", "needed", "policy", "embedder", "score_at_most"):
        if found.get(name) is not None:
            table.add_row(name, Text(str(found[name])))
    out.print(table)


def what_if(
    session: SessionName,
    turn: TurnName = None,
    policy: Annotated[str | None, typer.Option(help="The recall policy; the turn's own when missing.")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="How many memories it may recall.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="The context window in tokens.")] = None,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the context that another policy would have built, beside the real one. Stores nothing."""
    asked = WhatIf(policy=policy, top_k=top_k, budget=budget)
    found = _asked(
        data_dir, (owner, session, turn), lambda services, name: services.reasons.what_if(owner, session, name, asked)
    )
    if as_json:
        say_json(found)
        return
    real, other = found["real"], found["what_if"]
    say(
        f"turn {found['turn']}: {real['policy']['name']} kept {len(real['kept'])} memories in {real['tokens']} tokens, "
        f"{other['policy']['name']} would have kept {len(other['kept'])} in {other['tokens']}"
    )
    if real["embedder"] != other["embedder"]:
        say(f"The turn's vectors were those of {real['embedder']}, these are those of {other['embedder']}.")
    elif found["reproduced"] is not True:
        say("The turn's own policy does not build the recorded context again: settings, or the policy, have changed.")
    out.print(_sides(found))
    out.print(_budget({"real": real["budget"], "what if": other["budget"]}))
    out.print(_context(other["context"]))


# -- asking ------------------------------------------------------------------------------------------------------------


def _asked(data_dir: Path | None, named: tuple[str, str, str | None], ask: Ask) -> Row:
    """What `ask` answers about the turn of this owner's session, or about the latest one."""
    owner, session, turn = named

    async def asking(services: "Services") -> JsonObject:
        return await ask(services, turn or await services.reasons.latest(owner, session))

    return cast("Row", answer(data_dir, asking))


# -- telling -----------------------------------------------------------------------------------------------------------


def _policy(found: Row) -> str:
    policy = found["policy"]
    return "" if policy is None else f", policy {policy['name']} {policy['version']}"


def _counts(rest: Row) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in rest.items()) or "none"


def _candidates(candidates: Sequence[Row]) -> Table:
    table = Table("rank", "version", "score", "verdict", "parts", "text")
    for one in candidates:
        parts = ", ".join(f"{name} {value:.3f}" for name, value in one["parts"].items())
        row = [str(one["rank"]), str(one["version"]), f"{one['score']:.4f}", one["verdict"], parts, _text(one["text"])]
        table.add_row(*row, style="bold" if one["verdict"] == "kept" else None)
    return table


def _sides(found: Row) -> Table:
    """Every memory that one of the two kept."""
    table = Table("version", "real", "what if", "text")
    sides = [{one["version"]: one for one in found[side]["kept"]} for side in ("real", "what_if")]
    for version in [*found["kept"]["both"], *found["kept"]["only_real"], *found["kept"]["only_what_if"]]:
        ranks = [f"rank {side[version]['rank']}" if version in side else "" for side in sides]
        one = sides[0].get(version) or sides[1][version]
        table.add_row(str(version), *ranks, _text(one["text"]))
    return table


def _budget(budgets: Row) -> Table:
    table = Table("part", *(f"{name} used of" for name in budgets))
    for part in next(iter(budgets.values())):
        table.add_row(part, *(f"{budget[part]['used']} of {budget[part]['allotted']}" for budget in budgets.values()))
    return table


def _context(context: Sequence[Row]) -> Table:
    table = Table("role", "as sent")
    for message in context:
        table.add_row(message["role"], Text(message["content"]))
    return table


def _text(text: str | None) -> Text:
    return Text("forgotten" if text is None else plain(text))
