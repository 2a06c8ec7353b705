"""How commands lay out what they print: aligned columns, New York's clock, a hundred columns."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from datetime import datetime

from ebbwatch.core.asof import NEW_YORK

#: Columns of a terminal that everything fits into.
WIDTH = 100


def aligned(rows: Sequence[Sequence[str]], *, right: Collection[int] = (), indent: str = "") -> str:
    """Return rows as columns, two spaces apart, with no space at the end of a line.

    Args:
        rows: All of one length, the heading among them.
        right: Numbers of the columns that end together rather than begin together.
        indent: In front of each line.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return "\n".join(
        (
            indent
            + "  ".join(
                cell.rjust(widths[i]) if i in right else cell.ljust(widths[i])
                for i, cell in enumerate(row)
            )
        ).rstrip()
        for row in rows
    )


def wrapped(line: str, *, indent: str = "") -> str:
    """Return a line broken where it would leave the terminal; what follows stands further in."""
    return textwrap.fill(
        line, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def clock(at: datetime) -> str:
    """Return an instant on the clocks of New York: ``Thu 2025-10-16 09:30 EDT``."""
    return at.astimezone(NEW_YORK).strftime("%a %Y-%m-%d %H:%M %Z")


def iso(at: datetime) -> str:
    """Return an instant for programs, to the second, with New York's offset."""
    return at.astimezone(NEW_YORK).isoformat(timespec="seconds")


def plural(count: int, noun: str) -> str:
    """Return a number of things: ``1 rule``, ``26 rules``; ``series`` stays as it is."""
    return f"{count} {noun}" if count == 1 or noun.endswith("s") else f"{count} {noun}s"


def figure(value: float, unit: str) -> str:
    """Return a published figure with every digit it has: ``$30.485729tn``, ``4.29 %``."""
    if unit == "USD":
        sign, size = ("-" if value < 0 else ""), abs(value)
        for scale, word in ((1e12, "tn"), (1e9, "bn"), (1e6, "mn")):
            if size >= scale:
                return f"{sign}${size / scale:.12g}{word}"
        return f"{sign}${size:.12g}"
    return f"{value:.12g} {unit}".rstrip()
