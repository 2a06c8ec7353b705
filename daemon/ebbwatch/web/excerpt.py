"""Excerpts: a rule as it stands in its file."""

from __future__ import annotations

from dataclasses import dataclass

from ebbwatch.model.problem import Span

#: Lines of a rule that are shown; nobody writes more.
MOST_LINES = 120


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some lines of a file.

    Attributes:
        file: Its path, as shown to people.
        first: Number of the first line, from 1.
        lines: As written, the indentation that all have in common taken away.
    """

    file: str
    first: int
    lines: tuple[str, ...]


def excerpt(text: str, span: Span) -> Excerpt | None:
    """Return the item of a list in whose lines a place lies; None where the file is another now.

    Args:
        text: Of the file.
        span: Of the rule's name.
    """
    lines = text.splitlines()
    if not 1 <= span.line <= len(lines):
        return None
    first = span.line - 1
    while first > 0 and not _begins_item(lines[first], span.column):
        first -= 1
    edge = _indent(lines[first])
    last = first + 1
    while last < len(lines) and (not lines[last].strip() or _indent(lines[last]) > edge):
        last += 1
    while last > first + 1 and not lines[last - 1].strip():
        last -= 1
    shown = lines[first : min(last, first + MOST_LINES)]
    return Excerpt(span.file, first + 1, tuple(line[edge:] for line in shown))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _begins_item(line: str, column: int) -> bool:
    """Return whether a line begins the item of a list to which a column belongs."""
    return line.lstrip().startswith("-") and _indent(line) < column
