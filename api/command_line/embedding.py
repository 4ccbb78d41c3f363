"""The command that makes ready for another embedding model: `heartline embed`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from api.settings import Settings, load_settings
from api.terminal import AsJson, DataDir, err, progress, say, say_json

if TYPE_CHECKING:
    from api.aftercare.filling import Filled

STOPPED = 130
"""The exit code of what Ctrl-C stopped, as shells have it."""


def embed(
    model: Annotated[str, typer.Option(help="The embedding model, as EMBEDDING_MODEL names it.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make the vectors of everything said so far by an embedding model, beside running servers, which go on by theirs.

    It may be stopped at any time: the next run goes on where it was.
    """
    settings = load_settings(data_dir=data_dir, embedding_model=model)
    try:
        embedder, filled = asyncio.run(_filled(settings))
    except KeyboardInterrupt:
        err.print("stopped: what was encoded is kept, and the same command goes on from there", highlight=False)
        raise typer.Exit(STOPPED) from None
    if as_json:
        say_json({"model": model, "embedder": embedder, "encoded": filled.encoded, "left": filled.left})
        return
    present = load_settings(data_dir=data_dir).embedding_model
    say("\n".join([f"{filled.encoded} texts encoded by {embedder}", *what_next(model, present, filled.left)]))


def what_next(model: str, present: str, left: int) -> list[str]:
    """What there is to do when `left` texts still lack a vector of the model, and servers know texts by the present
    one."""
    lacking = f"{left} texts still lack a vector: they were said meanwhile, or another process encodes them"
    change = [
        f"next: heartline compare SESSION --embedder {present} --embedder {model}",
        f"then: restart with EMBEDDING_MODEL={model}; the server encodes what is said until then",
    ]
    return [*([lacking] if left else []), *(change if present != model else [])]


async def _filled(settings: Settings) -> "tuple[str, Filled]":
    """The embedder's id, and what was done."""
    from api.wiring.filling import filling

    async with filling(settings) as made:
        with progress("encoding texts") as step:
            return made.missing.perception.embedders.vectors, await made.fill(step)
