"""Tables: columns of short texts, and what of them may be given up where room is short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table.

    Attributes:
        head: What stands above it.
        cells: One for each row; may be empty.
        right: Whether its cells end together rather than begin together, as numbers do.
        least: Columns of a terminal to which long cells may be cut, in their middle; None for
            never.
        spare: Where room is short, the column with the greatest number is left out first; 0
            is never left out.
    """

    head: str
    cells: Sequence[str]
    right: bool = False
    least: int | None = None
    spare: int = 0
