"""How commands lay out what they print: tables and lines that fit, and New York's clock."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from datetime import datetime

from ebbwatch.markup import columns as text
from ebbwatch.model.table import TableColumn
from ebbwatch.model.zones import NEW_YORK

#: Columns where nobody says how many there are: what is piped somewhere is read in a terminal.
_USUAL = (80, 24)
#: Columns of a line of prose, however wide the terminal.
_READABLE = 100


def width() -> int:
    """Return the columns of the terminal."""
    return shutil.get_terminal_size(_USUAL).columns


def fitted(columns: Sequence[TableColumn]) -> str:
    """Return a table as wide as the terminal at most, as far as its columns allow."""
    return text.table(columns, width())


def aligned(rows: Sequence[Sequence[str]], *, right: Collection[int] = (), indent: str = "") -> str:
    """Return rows as columns, two spaces apart, with no space at the end of a line.

    Args:
        rows: All of one length, the heading among them.
        right: Numbers of the columns that end together rather than begin together.
        indent: In front of each line.
    """
    if not rows:
        return ""
    columns = [
        TableColumn(head, cells, right=place in right)
        for place, (head, *cells) in enumerate(zip(*rows, strict=True))
    ]
    return "\n".join(f"{indent}{line}".rstrip() for line in text.table(columns).split("\n"))


def wrapped(line: str, *, indent: str = "", hanging: str = "  ") -> str:
    """Return a line broken where it would leave the terminal.

    Args:
        line: A line of prose.
        indent: In front of every row.
        hanging: In front of every row but the first, too.
    """
    room = min(width(), _READABLE)
    return "\n".join(text.wrapped(line, room, indent=indent, hanging=f"{indent}{hanging}"))


def clock(at: datetime) -> str:
    """Return an instant on the clocks of New York: ``Thu 2025-10-16 09:30 EDT``."""
    return at.astimezone(NEW_YORK).strftime("%a %Y-%m-%d %H:%M %Z")


def iso(at: datetime) -> str:
    """Return an instant for programs, to the second, with New York's offset."""
    return at.astimezone(NEW_YORK).isoformat(timespec="seconds")


def plural(count: int, noun: str) -> str:
    """Return a number of things: ``1 rule``, ``26 rules``; ``series`` stays as it is."""
    return f"{count} {noun}" if count == 1 or noun.endswith("s") else f"{count} {noun}s"
