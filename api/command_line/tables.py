"""What several commands show as tables."""

from collections.abc import Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

LONGEST: Final = 200
"""Characters of a text that a table shows."""


def plain(text: str) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def messages_table(title: str, messages: Sequence[dict[str, Any]]) -> Table:
    """Messages by version, with who said them. Nothing in them is markup."""
    table = Table("version", "who", "text", title=Text(title), title_justify="left")
    for message in messages:
        who = message["name"] or message["role"]
        table.add_row(str(message["version"]), Text(who), Text(plain(message["text"])))
    return table
