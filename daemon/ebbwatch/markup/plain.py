"""Messages as plain text, for terminals and for platforms that refuse their own markup."""

from __future__ import annotations

import unicodedata

from ebbwatch.markup.layout import cut_lines, laid_out
from ebbwatch.model.message import Message


def plain(
    message: Message,
    *,
    width: int | None = None,
    limit: int | None = None,
    possible_repeat: bool = False,
) -> str:
    """Return a message as lines of plain text, without a line break at the end.

    Args:
        message: What to say.
        width: Columns to wrap at, Chinese characters taking two; None does not wrap.
        limit: Longest text in UTF-16 units, before wrapping; None for any length.
        possible_repeat: Say that an earlier copy may have arrived.
    """
    lines = laid_out(message, possible_repeat=possible_repeat)
    if limit is not None:
        lines = cut_lines(lines, limit)
    texts = [line.text for line in lines]
    if width is not None:
        texts = [row for text in texts for row in _wrapped(text, width)]
    return "\n".join(texts)


def _wrapped(text: str, width: int) -> list[str]:
    """Return a text in rows, broken at spaces and beside wide characters."""
    rows: list[str] = []
    row = ""
    for piece in _pieces(text):
        if row and _columns(row) + _columns(piece.rstrip(" ")) > width:
            rows.append(row.rstrip(" "))
            row = ""
        row += piece
    return [*rows, row.rstrip(" ")]


def _pieces(text: str) -> list[str]:
    """Return what must not be broken: words with the space behind them, single wide characters."""
    pieces: list[str] = []
    open_word = False
    for char in text:
        wide = _columns(char) == 2
        # Closing punctuation stays with what it closes.
        closing = wide and unicodedata.category(char) in ("Pe", "Pf", "Po")
        if pieces and (closing or (open_word and not wide)):
            pieces[-1] += char
        else:
            pieces.append(char)
        open_word = not wide and char != " "
    return pieces


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
