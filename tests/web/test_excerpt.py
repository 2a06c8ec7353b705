"""Excerpts: a rule as it stands in its file."""

from __future__ import annotations

import pytest

from ebbwatch.model.problem import Span
from ebbwatch.web.excerpt import Excerpt, excerpt
from tests.ruleset.loading import valid
from tests.web.serving import FILE, RULES


def of(name: str, text: str) -> Excerpt | None:
    """Return the excerpt of a rule of a file."""
    rule = next(rule for rule in valid({FILE: text}).rules if rule.name == name)
    return excerpt(text, rule.span)


def test_a_rule_is_shown_whole_and_nothing_else() -> None:
    """From its dash to its last line, moved to the left edge."""
    assert of("level", RULES) == Excerpt(
        FILE, 11,
        (
            "- name: level",
            '  title: <b>"Rates" & co</b>',
            "  value: sofr",
            "  above: {critical: 9 %}",
            "  labels: {theme: <i>own</i>}",
        ),
    )  # fmt: skip
    first = of("funding-spread", RULES)
    assert first is not None
    assert (first.first, first.lines[-1]) == (3, "  note: Cash is dear.")


def test_a_rule_on_one_line_is_that_line() -> None:
    """Flow style is found by the same dash."""
    assert of("said", RULES) == Excerpt(
        FILE, 17, ("- {name: said, text: fed_press, matches: runoff}",)
    )


@pytest.mark.parametrize(
    "text",
    [
        "rules:\n- value: sofr\n  above: {watch: 9 %}\n  name: last-key\n",
        "rules:\n  -\n    value: sofr\n    above: {watch: 9 %}\n    name: last-key\n",
        "rules:\n- value: sofr\n  above:\n    watch: 9 %\n\n  # why not\n  name: last-key",
    ],
)
def test_the_name_may_stand_anywhere_in_the_rule(text: str) -> None:
    """The rule begins at its dash, not at its name."""
    found = of("last-key", text)
    assert found is not None
    assert (found.lines[0][0], found.lines[-1].strip()) == ("-", "name: last-key")


@pytest.mark.parametrize("line", [0, 19, 10_000])
def test_a_file_that_is_another_now_gives_nothing(line: int) -> None:
    """The place of a rule may be behind the end of what the file has become."""
    assert excerpt("rules: []\n", Span(FILE, line, 1)) is None
