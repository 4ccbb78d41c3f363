"""Commands about who may come in and what is in force: `heartline keys add | list | remove` and `heartline config`."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.access.key_file import KeyFile
from api.access.keys import ApiKey, new_key, owned
from api.configuration import InForce, in_force
from api.settings import load_settings
from api.terminal import AsJson, DataDir, err, out, say, say_json
from domain.errors import InvalidRequest, NotFound
from domain.records import Json

keys = typer.Typer(help="API keys, kept hashed in a file. A running server sees changes at once.", no_args_is_help=True)


@keys.command()
def add(
    owner: Annotated[
        str, typer.Argument(help="Whose key it is. Sessions belong to owners, who do not see each other's.")
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    file = _file(data_dir)
    text = new_key()
    try:
        key = owned(owner, text, datetime.now(UTC).isoformat(timespec="seconds"))
    except ValueError as error:
        raise InvalidRequest(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    file.write([*file.read(), key])
    if as_json:
        say_json({"key": text, **_shown(key)})
        return
    say(text)
    told = f"Key {key.id} of {owner}, kept as its hash in {file.path}. Write it down: it is not shown again."
    err.print(told, markup=False, highlight=False, soft_wrap=True)


@keys.command(name="list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the keys in the file: id, owner, when it was made."""
    found = _file(data_dir).read()
    if as_json:
        say_json({"keys": [_shown(key) for key in found]})
        return
    table = Table("id", "owner", "made")
    for key in found:
        table.add_row(key.id, key.owner, key.made)
    out.print(table)


@keys.command()
def remove(
    id: Annotated[str, typer.Argument(help="The key's id, as `heartline keys list` shows it.")],  # noqa: A002 - what it is called on the terminal
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a key in no more. Its owner's sessions stay."""
    file = _file(data_dir)
    before = file.read()
    left = [key for key in before if key.id != id]
    if len(left) == len(before):
        raise NotFound(f"There is no key {id} in {file.path}.")
    file.write(left)
    if as_json:
        say_json({"removed": id})
    else:
        say(f"Key {id} is removed.")


def _shown(key: ApiKey) -> dict[str, Json]:
    return {"id": key.id, "owner": key.owner, "made": key.made}


def _file(data_dir: Path | None) -> KeyFile:
    # A HOST that waits for its first key must not keep that key from being made.
    return KeyFile(load_settings(host="127.0.0.1", data_dir=data_dir).key_file)


def config(
    host: Annotated[str | None, typer.Option(help="As for serve [HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="As for serve [PORT].")] = None,
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, a setting's name -> value and origin.")] = False,
) -> None:
    """Show every setting: what is in force and where it came from. Secrets are masked; --json says what each is."""
    settings = in_force(host=host, port=port, data_dir=data_dir)
    if as_json:
        say_json({one.name: _told(one) for one in settings})
    else:
        out.print(_table(settings))


def _told(setting: InForce) -> dict[str, Json]:
    return {name: value for name, value in asdict(setting).items() if name != "name"}


def _table(settings: list[InForce]) -> Table:
    table = Table("setting", "value", "from")
    for one in settings:
        style = None if one.origin == "default" else "bold"
        table.add_row(one.name, "" if one.value is None else str(one.value), one.origin, style=style)
    return table
