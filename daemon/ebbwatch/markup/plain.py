"""Messages as plain text, for terminals and for platforms that refuse their own markup."""

from __future__ import annotations

from ebbwatch.markup.columns import wrapped
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
        texts = [row for text in texts for row in wrapped(text, width)]
    return "\n".join(texts)
