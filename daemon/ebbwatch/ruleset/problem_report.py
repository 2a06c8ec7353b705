"""Reports: problems as text, as JSON for programs, and as GitHub annotations."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ebbwatch.model.problem import Problem


def as_text(problems: Sequence[Problem]) -> str:
    """Return problems as a compiler prints them, with a count; empty for none."""
    if not problems:
        return ""
    blocks = [problem.render() for problem in problems]
    return "\n\n".join([*blocks, counted(problems)])


def counted(problems: Sequence[Problem]) -> str:
    """Return how many problems there are, in words: ``2 errors, 1 warning``."""
    parts = []
    for severity in ("error", "warning"):
        count = sum(problem.severity == severity for problem in problems)
        if count:
            parts.append(f"{count} {severity}{'' if count == 1 else 's'}")
    return ", ".join(parts)


def as_json(problems: Sequence[Problem]) -> str:
    """Return problems as a JSON list, one object each, in the order given."""
    rows = [
        {
            "file": problem.span.file,
            "line": problem.span.line,
            "column": problem.span.column,
            "severity": problem.severity,
            "code": problem.code,
            "message": problem.message,
            "hint": problem.hint,
        }
        for problem in problems
    ]
    return json.dumps(rows, ensure_ascii=False, indent=2)


def as_github(problems: Sequence[Problem]) -> str:
    """Return problems as workflow commands, which GitHub shows beside the lines.

    Source: docs.github.com, workflow commands for GitHub Actions, as recorded 2026-11-22.
    """
    return "\n".join(_annotation(problem) for problem in problems)


def _annotation(problem: Problem) -> str:
    span = problem.span
    properties = {
        "file": span.file,
        "line": str(span.line),
        "col": str(span.column),
        "endColumn": str(span.column + span.length),
        "title": problem.code,
    }
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    text = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    return f"::{problem.severity} {listed}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
