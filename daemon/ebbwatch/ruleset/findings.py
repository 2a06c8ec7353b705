"""Findings: problems as they are found, and as they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ebbwatch.model.problem import Problem
from ebbwatch.model.redaction import redacted
from ebbwatch.ruleset.nodes import SHOWN_CHARS, FileRange, Node, Source

#: Code of a secret that is written out.
LITERAL_SECRET = "literal-secret"  # noqa: S105  no secret, but what is said of one


#: How many errors are told, and how many warnings; of more only the number.
TOLD = 100


@dataclass(frozen=True, slots=True)
class _Finding:
    place: FileRange
    severity: str
    code: str
    message: str
    hint: str


@dataclass(eq=False)
class Findings:
    """All that is wrong in a set of files; collected, never raised.

    Attributes:
        failed: Whether any of it is an error.
    """

    failed: bool = False
    _found: dict[str, dict[_Finding, None]] = field(default_factory=dict)
    _more: dict[str, int] = field(default_factory=dict)

    def error(self, at: Node | FileRange, code: str, message: str, hint: str = "") -> None:
        """Add something that keeps the files from being used."""
        self.failed = True
        self._add(at, "error", code, message, hint)

    def warn(self, at: Node | FileRange, code: str, message: str, hint: str = "") -> None:
        """Add something that works, but probably not as was meant."""
        self._add(at, "warning", code, message, hint)

    def secret(self, at: Node | FileRange, message: str, hint: str) -> None:
        """Add a secret written out where only its name may stand; it is never shown."""
        place = at if isinstance(at, FileRange) else FileRange(at.source, at.start, at.end)
        known = place.source.secrets
        told = any(start < place.end and place.start < end for start, end in known)
        known.append((place.start, place.end))
        self.failed = True
        if not told:
            self.error(place, LITERAL_SECRET, message, hint)

    def _add(self, at: Node | FileRange, severity: str, code: str, message: str, hint: str) -> None:
        told = self._found.setdefault(severity, {})
        if len(told) >= TOLD:
            self._more[severity] = self._more.get(severity, 0) + 1
            return
        place = at if isinstance(at, FileRange) else at.place
        told[_Finding(place, severity, code, message, hint)] = None

    def problems(self) -> tuple[Problem, ...]:
        """Return them in the order of files and lines, each once; of very many the first."""
        distinct = dict.fromkeys(
            Problem(
                found.place.span,
                found.severity,
                found.code,
                redacted(found.message),
                redacted(found.hint),
                _line(found.place.source, found.place),
            )
            for told in self._found.values()
            for found in told
        )
        ordered = sorted(distinct, key=lambda p: (p.span, p.code, p.message))
        return (*ordered, *(self._rest(severity, ordered) for severity in self._more))

    def _rest(self, severity: str, told: Sequence[Problem]) -> Problem:
        """Return what is said of the problems that are not told."""
        last = max(problem.span for problem in told if problem.severity == severity)
        count = self._more[severity]
        noun = severity if count == 1 else f"{severity}s"
        return Problem(
            last, severity, "more", f"{count:,} more {noun} not shown", "mend the first ones first"
        )


def _line(source: Source, place: FileRange) -> str:
    """Return the line to show; of long ones the beginning, if the culprit lies in it.

    A line that holds a secret after all is not shown.
    """
    if not source.text:
        return ""
    span = place.span
    if span.column > SHOWN_CHARS:
        return ""
    line = source.line(span.line)
    return line if redacted(line) == line else ""
