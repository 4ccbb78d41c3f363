"""The console script: `heartline serve | keys | config`, and in `api/command_line` `import | export`,
`sessions | show`, `rewind | fork | carry | diff`, `verify | doctor | backup | rebuild | embed`,
`audit | replay | why-not | what-if` and `bisect | compare`.

Each command explains itself with `--help`.
Says what went wrong in one sentence on standard error and exits with 1; with 2 when a setting or option is wrong.
"""

import asyncio
import atexit
import gc
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
import uvicorn

from api import logs
from api.cli_access import config, keys
from api.command_line.archiving import export, import_
from api.command_line.backups import backup
from api.command_line.branches import carry, diff, fork, rewind
from api.command_line.comparisons import bisect, compare
from api.command_line.embedding import embed
from api.command_line.examining import doctor
from api.command_line.looking import sessions, show
from api.command_line.reasons import audit, replay, what_if, why_not
from api.command_line.rebuilding import rebuild
from api.command_line.verifying import verify
from api.settings import Settings, SettingsError, load_settings
from api.terminal import DataDir, err, say
from domain.errors import HeartlineError
from projections.failures import VIEW_FAILURES

if TYPE_CHECKING:
    from api.workers import Worker

app = typer.Typer(
    help="Heartline: a chat server with a memory that can be rewound and questioned.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(keys, name="keys")
app.command(name="import")(import_)
app.command()(export)
for command in (config, sessions, show, rewind, fork, carry, diff, verify, doctor, backup, rebuild, embed):
    app.command()(command)
for command in (audit, replay, why_not, what_if, bisect, compare):
    app.command()(command)


def main() -> None:
    """Run the command that the process was called with."""
    # At the very end Python would spend half a second collecting what the embedding model's libraries made.
    atexit.register(gc.freeze)
    try:
        app(standalone_mode=True)
    except SettingsError as error:
        err.print(f"heartline: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except HeartlineError as error:
        err.print(f"heartline: {error.message}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except OSError as error:
        err.print(f"heartline: {_told(error)}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except VIEW_FAILURES as error:
        told = f"The views cannot be used: {error}. `heartline doctor` says how to mend them."
        err.print(f"heartline: {told}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _told(error: OSError) -> str:
    """A file that is missing, a folder that cannot be made, a disk that is full: the system's words and where."""
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"{where}{(error.strerror or str(error)).lower()}."


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port to listen on [PORT].")] = None,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve together [WORKERS].")] = None,
) -> None:
    """Run the server until it is told to stop (SIGTERM, Ctrl-C)."""
    # Imported here: what only serving needs is not paid for by the other commands.
    from api.server import listen
    from api.workers import worker
    from projections.slot import clear_slots

    settings = load_settings(host=host, port=port, data_dir=data_dir, workers=workers)
    logs.configure(settings.log_level, settings.log_format, sys.stderr)
    with listen(settings.host, settings.port) as sockets:
        settings = settings.model_copy(update={"port": sockets[0].getsockname()[1]})
        clear_slots(settings.data_dir, beyond=settings.workers)
        own = worker(settings.workers)
        # Without log_config=None uvicorn would set up its own logging here, and its access log goes to standard output.
        loop = uvicorn.Config("", loop="auto", log_config=None).get_loop_factory()
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(_serve(settings, sockets, own))


async def _serve(settings: Settings, sockets: Sequence[socket.socket], own: "Worker") -> None:
    from api.app import create_app
    from api.bootstrap import running
    from api.server import serve as run

    async with running(settings) as system:
        services = system.services
        model = f"{services.model.default} ({services.model.provider})"
        lines = (
            f"Heartline listens on {services.base_url}",
            f"Model {model}, embeddings {services.encoder.id}",
            f"Data in {settings.data_dir.resolve()}",
            f"SillyTavern: Chat Completion > Custom (OpenAI-compatible) > Custom Endpoint {services.base_url}/v1",
            f"The studio, to look into it and for a first word: {services.base_url}/",
        )
        if own.is_first:
            say("\n".join(lines))
        own.ready()
        await run(create_app(services, settings.cors_origins), sockets, settings.shutdown_grace_seconds, settings.tls)
