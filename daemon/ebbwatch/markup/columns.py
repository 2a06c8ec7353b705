"""Text for a terminal, counted in its columns: wrapped lines, and tables that fit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from ebbwatch.model.table import TableColumn
from ebbwatch.model.text import ODD_SIGNS, is_wide, width_of

#: Stands for what was cut.
_ELLIPSIS = "…"
#: Columns between two of a table.
_GAP = 2
#: Columns that a cell keeps however short room is.
_NARROWEST = 8
#: An escape code must not reach a terminal, nor a line break a row.
_NO_PART_OF_A_LINE = re.compile(f"(?:[\\n\\t]|{ODD_SIGNS.pattern})+")


def wrapped(text: str, width: int, *, indent: str = "", hanging: str = "") -> list[str]:
    """Return a text in rows, broken at spaces and beside wide characters.

    Args:
        text: Without line breaks.
        width: Columns of a row; a single word that is longer is not broken.
        indent: In front of the first row.
        hanging: In front of the others.
    """
    rows: list[str] = []
    row, front = "", indent
    for piece in _pieces(text):
        if row and width_of(front) + width_of(row) + width_of(piece.rstrip(" ")) > width:
            rows.append(f"{front}{row}".rstrip(" "))
            row, front = "", hanging
        row += piece
    return [*rows, f"{front}{row}".rstrip(" ")]


def _pieces(text: str) -> list[str]:
    """Return what must not be broken: words with the space behind them, single wide characters."""
    pieces: list[str] = []
    open_word = False
    for char in text:
        wide = is_wide(char)
        # Closing punctuation stays with what it closes.
        closing = wide and unicodedata.category(char) in ("Pe", "Pf", "Po")
        if pieces and (closing or (open_word and not wide)):
            pieces[-1] += char
        else:
            pieces.append(char)
        open_word = not wide and char != " "
    return pieces


def table(columns: Sequence[TableColumn], width: int | None = None) -> str:
    """Return a table, two spaces between its columns, with no space at the end of a line.

    Where it is wider than allowed, long cells are cut in their middle as far as their column
    allows; where that is not enough, spare columns are left out, one after the other.

    Args:
        columns: All of one length.
        width: Columns of the terminal; None for as many as it takes.
    """
    clean = [
        replace(c, cells=[_NO_PART_OF_A_LINE.sub(" ", cell) for cell in c.cells]) for c in columns
    ]
    shown = clean if width is None else _fitted(clean, width)
    widths = [_width(column) for column in shown]
    rows = zip(*([column.head, *column.cells] for column in shown), strict=True)
    return "\n".join(
        (" " * _GAP)
        .join(
            _padded(cell, size, right=column.right)
            for cell, size, column in zip(row, widths, shown, strict=True)
        )
        .rstrip()
        for row in rows
    )


def shortened(text: str, width: int) -> str:
    """Return a text cut in its middle to as many columns as there are; its ends tell most."""
    if width_of(text) <= width:
        return text
    room = width - width_of(_ELLIPSIS)
    head, tail = "", ""
    for char in text:
        if width_of(head + char) > (room + 1) // 2:
            break
        head += char
    for char in reversed(text):
        if width_of(head) + width_of(char + tail) > room:
            break
        tail = char + tail
    return f"{head}{_ELLIPSIS}{tail}"


def _fitted(columns: Sequence[TableColumn], width: int) -> list[TableColumn]:
    """Return the columns that fit, their cells cut where they must be."""
    left = list(columns)
    while True:
        over = sum(map(_width, left)) + _GAP * (len(left) - 1) - width
        if over <= 0:
            return left
        cut, still_over = _cut(left, over)
        if still_over <= 0:
            return cut
        spare = max(left, key=lambda column: column.spare)
        if not spare.spare:
            return _cut([replace(c, least=c.least and _NARROWEST) for c in left], over)[0]
        left.remove(spare)


def _cut(columns: Sequence[TableColumn], over: int) -> tuple[list[TableColumn], int]:
    """Return columns with long cells cut by what they take too much, and what is still too much."""
    found = list(columns)
    for place, column in enumerate(columns):
        if column.least is None or over <= 0:
            continue
        size = _width(column)
        room = max(min(size, column.least), width_of(column.head), size - over)
        found[place] = replace(column, cells=[shortened(cell, room) for cell in column.cells])
        over -= size - room
    return found, over


def _width(column: TableColumn) -> int:
    return max(map(width_of, (column.head, *column.cells)))


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - width_of(text))
    return f"{space}{text}" if right else f"{text}{space}"
