"""Bounds and sizes: ten thousand rules load, and what is too long is told."""

from __future__ import annotations

import pytest

from tests.ruleset.loading import codes, loaded, rendered, valid


def ladder(extra: str) -> str:
    """Return a rule with one more line."""
    return f"rules:\n  - name: a\n    value: sofr - effr\n    above: {{watch: 1 bp}}\n    {extra}\n"


TOO_LONG = [
    ("a note", ladder(f"note: {'x' * 2_001}"), "the text has 2001 characters; at most 2000 are told"),
    ("a pattern", f"rules:\n  - {{name: a, text: fed_press, matches: {'a' * 501}}}\n",
     "the pattern has 501 characters; at most 500 are read"),
    ("an expression", ladder("").replace("sofr - effr", "sofr" + " - effr" * 2_000),
     "an expression has at most 8000 characters, this one 14004"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), [pytest.param(*t[1:], id=t[0]) for t in TOO_LONG])
def test_what_is_too_long_is_told(text: str, message: str) -> None:
    """With its length, and how much is read."""
    assert [problem.message for problem in loaded(text).problems] == [message]


def test_what_is_just_short_enough_is_taken() -> None:
    """The bound itself is inside."""
    assert valid(ladder(f"note: {'x' * 2_000}")).rules[0].note


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+b", "(a*)*", "(a|b+)+c", "(?:x+y)*z", r"(\w+\s?)+$", "(a{2,})+b", "(", "[", "a**", "(?P<n>",
     "", " ", ".*", "x?", "(?i)", "a{999999999999}"],
)  # fmt: skip
def test_a_pattern_that_cannot_or_must_not_be_used_is_told(pattern: str) -> None:
    """Broken ones, ones that match everything, and ones that may never come to an end."""
    result = loaded(f"rules:\n  - {{name: a, text: fed_press, matches: '{pattern}'}}\n")
    assert codes(result) == ["bad-pattern"], rendered(result)


@pytest.mark.parametrize(
    "pattern",
    [r"(?i)(conclude|cease|end|stop)\w*\s+(the\s+)?(reduction|runoff)[^.]{0,120}(holdings|sheet)",
     "(?i)runoff", "(ab)+c", "[a-z]+ly", r"\bQT\b"],
)  # fmt: skip
def test_a_plain_pattern_is_taken(pattern: str) -> None:
    """The pack's own among them."""
    text = f"rules:\n  - {{name: a, text: fed_press, matches: '{pattern}'}}\n"
    assert valid(text).rules[0].pattern == pattern


def test_ten_thousand_rules_load() -> None:
    """Each with its own threshold; the graph holds what they share once."""
    lines = [
        f"  - {{name: r{n}, value: 'avg(sofr - effr, {n % 50 + 1} w)', above: {{watch: {n} bp}}}}"
        for n in range(10_000)
    ]
    ruleset = valid("\n".join(["rules:", *lines]))
    assert len(ruleset.rules) == 10_000
    assert len({rule.definition for rule in ruleset.rules}) == 50
    assert len({rule.ladder for rule in ruleset.rules}) == 10_000


def test_of_long_lines_only_the_beginning_is_shown() -> None:
    """A problem stays readable, and a file of one line is not printed once for each problem."""
    near = ladder(f"colour: {'x' * 1_000}")
    far = f"rules: [{{name: a, when: sofr > effr, note: '{'x' * 1_000}', colour: red}}]\n"
    (first,) = loaded(near).problems
    (second,) = loaded(far).problems
    assert first.source_line == f"    colour: {'x' * 188}"
    assert (second.source_line, second.span.column) == ("", 1048)


def test_names_in_messages_are_cut() -> None:
    """However long a wrong name is, a message about it is short."""
    text = f"series:\n  x: {{source: {{{'y' * 900}: x}}, unit: {'z' * 900}, every: day}}\n"
    assert max(len(problem.message) for problem in loaded(text).problems) < 100


def test_ten_thousand_mistakes_are_all_told() -> None:
    """Each at its own line, in no more time than people will wait."""
    lines = [f"  - {{name: r{n}, when: sofr > effr, colour: red}}" for n in range(10_000)]
    problems = loaded("\n".join(["rules:", *lines])).problems
    assert [problem.span.line for problem in problems] == list(range(2, 10_002))
    one_line = f"rules: [{', '.join(line[4:] for line in lines)}]"
    assert len(loaded(one_line).problems) == 10_000
