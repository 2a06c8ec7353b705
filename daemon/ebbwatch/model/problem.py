"""Problems: what is wrong in something a person wrote, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file.

    Attributes:
        file: Name of the file, as given to the loader.
        line: Starts at 1.
        column: Starts at 1.
        length: Characters to underline, on that line; at least 1.
    """

    file: str
    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint, with its place and the way out.

    Attributes:
        span: Where.
        severity: ``error`` or ``warning``.
        code: Stable short name, for tools: ``unknown-series``.
        message: What was expected and what was found. Lower case, no full stop.
        hint: What to do about it; empty where the message says it all.
        source_line: The line as written, for underlining; empty where there is none.
    """

    span: Span
    severity: str
    code: str
    message: str
    hint: str = ""
    source_line: str = ""

    def render(self) -> str:
        """Return the problem as a compiler prints it, culprit underlined."""
        where = f"{self.span.file}:{self.span.line}:{self.span.column}"
        lines = [f"{where}: {self.severity}: {self.message} [{self.code}]"]
        if self.source_line:
            number = str(self.span.line)
            before = "".join(
                "\t" if c == "\t" else " " for c in self.source_line[: self.span.column - 1]
            )
            room = max(1, len(self.source_line) - self.span.column + 1)
            mark = "^" * max(1, min(self.span.length, room))
            lines += [f"  {number} | {self.source_line}", f"  {' ' * len(number)} | {before}{mark}"]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)
