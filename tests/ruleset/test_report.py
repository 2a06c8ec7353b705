"""Problems are told to people, to programs and to GitHub."""

from __future__ import annotations

import json

from ebbwatch.model.problem import Problem, Span
from ebbwatch.ruleset.problem_report import as_github, as_json, as_text, counted

ERROR = Problem(
    Span("c:/a, b.yaml", 3, 12, 5),
    "error",
    "unknown-name",
    "there is no series soffr: 100 %\nor so",
    "did you mean sofr?",
    "    value: soffr - effr",
)
WARNING = Problem(Span("b.yaml", 1, 1), "warning", "critical-holds", "holds 準備金")


def test_text_underlines_and_counts() -> None:
    """A compiler's form, a blank line between, and how many there are."""
    assert as_text([ERROR, WARNING]).splitlines() == [
        "c:/a, b.yaml:3:12: error: there is no series soffr: 100 %",
        "or so [unknown-name]",
        "  3 |     value: soffr - effr",
        "    |            ^^^^^",
        "  hint: did you mean sofr?",
        "",
        "b.yaml:1:1: warning: holds 準備金 [critical-holds]",
        "",
        "1 error, 1 warning",
    ]


def test_nothing_wrong_is_no_text() -> None:
    """No problems, no output; and a list for programs all the same."""
    assert as_text([]) == ""
    assert json.loads(as_json([])) == []
    assert as_github([]) == ""


def test_counts_are_words() -> None:
    """One and several differ."""
    assert counted([ERROR, ERROR]) == "2 errors"
    assert counted([WARNING]) == "1 warning"


def test_json_holds_exactly_the_fixed_keys() -> None:
    """The format is fixed, because other programs read it."""
    assert json.loads(as_json([ERROR])) == [
        {
            "file": "c:/a, b.yaml",
            "line": 3,
            "column": 12,
            "severity": "error",
            "code": "unknown-name",
            "message": "there is no series soffr: 100 %\nor so",
            "hint": "did you mean sofr?",
        }
    ]


def test_github_escapes_what_would_end_an_annotation() -> None:
    """Percent signs, line breaks, commas and colons are escaped where they must be."""
    assert as_github([ERROR]) == (
        "::error file=c%3A/a%2C b.yaml,line=3,col=12,endColumn=17,title=unknown-name"
        "::there is no series soffr: 100 %25%0Aor so%0Adid you mean sofr?"
    )
