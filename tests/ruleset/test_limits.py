"""Bounds and sizes: ten thousand rules load, and what is too long is told."""

from __future__ import annotations

import pytest

from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.nodes import FileRange, Source
from ebbwatch.ruleset.patterns import fault_of_pattern, match_in
from tests.ruleset.loading import Taking, codes, loaded, rendered, valid


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
    ["(a*)*", "(", "[", "a**", "a++", "(?P<n>", "(?=a)b", "(?<=a)b", r"(a)\1", r"\Z", "(?>a)",
     "", " ", ".*", "x?", "(?i)", "a{1001}", "a{999999999999}", "((a{500}){500}){500}", "a)"],
)  # fmt: skip
def test_a_pattern_that_cannot_or_must_not_be_used_is_told(pattern: str) -> None:
    """Broken ones, ones that match everything, and ones that RE2 does not know."""
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


def test_of_ten_thousand_mistakes_the_first_are_told_and_the_others_counted() -> None:
    """Each at its own line, in no more time than people will wait."""
    lines = [f"  - {{name: r{n}, when: sofr > effr, colour: red}}" for n in range(10_000)]
    *told, rest = loaded("\n".join(["rules:", *lines])).problems
    assert [problem.span.line for problem in told] == list(range(2, 102))
    assert (rest.code, rest.message) == ("more", "9,900 more errors not shown")
    one_line = f"rules: [{', '.join(line[4:] for line in lines)}]"
    assert len(loaded(one_line).problems) == 101


def test_errors_are_told_however_many_warnings_there_are() -> None:
    """Each severity has room of its own."""
    findings, source = Findings(), Source("a.yaml", "x\n" * 400)
    for at in range(300):
        findings.warn(FileRange(source, 2 * at, 2 * at + 1), "odd", "odd")
    findings.error(FileRange(source, 700, 701), "wrong", "wrong")
    *told, error, rest = findings.problems()
    assert [problem.span.line for problem in told] == list(range(1, 101))
    assert (error.severity, error.span.line) == ("error", 351)
    assert (rest.severity, rest.message) == ("warning", "200 more warnings not shown")


def test_foreach_has_a_total() -> None:
    """Ten rules of a thousand alerts are taken, and one more is not."""
    values = f"[{', '.join(f'v{n}' for n in range(10))}]"
    variables = f"{{a: {values}, b: {values}, c: {values}}}"
    rule = "  - {{name: 'r{n}-{{a}}-{{b}}-{{c}}', foreach: {variables}, value: sofr, above: {{watch: 4 %}}}}"
    rules = [rule.format(n=n, variables=variables) for n in range(11)]
    assert len(valid("\n".join(["rules:", *rules[:10]])).rules) == 10_000
    (problem,) = loaded("\n".join(["rules:", *rules])).problems
    assert problem.message == (
        "foreach makes 1,000 alerts beside 10,000 of other rules; at most 10,000 are made together"
    )


def test_a_pattern_with_nested_repeats_is_matched_in_no_time() -> None:
    """What ordinary people write; a matcher that tries and goes back would not end."""
    text = f"The Committee {'has decided to continue reducing its holdings ' * 2_000}."
    assert match_in(r"((\w+) ?)*runoff#", text) is None
    assert match_in(r"(a+)+b", "a" * 100_000) is None


def test_a_match_is_placed_in_characters() -> None:
    """Where it stands in the text, whatever bytes that takes; half characters are passed over."""
    assert match_in("(?i)準備金", "隔夜：準備金吃緊") == (3, 6)
    assert match_in("runoff", "\ud800 runoff") == (2, 8)
    assert fault_of_pattern("\ud800") is not None


class Raising(Taking):
    """An adapter of somebody else's, with a fault in it."""

    def fault(self, argument: object) -> str | None:
        """Break."""
        raise AttributeError(f"nobody foresaw {argument}")


def test_what_an_adapter_raises_is_a_problem_at_its_place() -> None:
    """The other problems are told too, and nothing is raised."""
    text = "series:\n  x: {source: {odd: y}, unit: number, every: day}\nrules: [{name: a}]\n"
    result = loaded(text, sources={"odd": Raising()}, check_builtin=False)
    assert result.ruleset is None
    first = result.problems[0]
    assert (first.span.line, first.code) == (2, "fault")
    assert first.message == "cannot read this (AttributeError: nobody foresaw y)"
    assert "no-condition" in codes(result)
