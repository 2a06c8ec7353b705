"""What uses itself is told once, by name; what only uses much is read, however long the chain."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.ruleset.circles import circle_in, groups
from tests.ruleset.loading import codes, loaded, rendered, valid

GROUPS = [
    ("nothing", {}, []),
    ("one alone", {"a": []}, [("a",)]),
    ("what is used comes first", {"a": ["b"], "b": ["c"], "c": []}, [("c",), ("b",), ("a",)]),
    ("names without an entry are left out", {"a": ["sofr"]}, [("a",)]),
    ("itself", {"a": ["a"]}, [("a",)]),
    ("two", {"a": ["b"], "b": ["a"]}, [("a", "b")]),
    ("a circle and what hangs on it", {"d": ["a"], "a": ["b"], "b": ["a", "c"], "c": []},
     [("c",), ("a", "b"), ("d",)]),
]  # fmt: skip


@pytest.mark.parametrize(("uses", "expected"), [pytest.param(*g[1:], id=g[0]) for g in GROUPS])
def test_names_come_in_groups(uses: dict[str, list[str]], expected: list[tuple[str, ...]]) -> None:
    """What uses each other is one group, in an order in which all can be compiled."""
    assert list(groups(uses)) == expected


_GRAPHS = st.dictionaries(
    st.sampled_from("abcdefg"), st.lists(st.sampled_from("abcdefg"), max_size=3)
)


@given(_GRAPHS)
def test_groups_hold_every_name_once_and_in_order(uses: dict[str, list[str]]) -> None:
    """And a circle is told exactly where names reach themselves."""
    found = list(groups(uses))
    assert sorted(name for group in found for name in group) == sorted(uses)
    done: set[str] = set()
    for group in found:
        done.update(group)
        for name in group:
            assert {other for other in uses[name] if other in uses} <= done
        circle = circle_in(group, uses)
        assert bool(circle) == (group[0] in _reached(group[0], uses))
        if circle:
            assert circle[0] == circle[-1] == group[0]
            assert all(b in uses[a] for a, b in itertools.pairwise(circle))


def _reached(name: str, uses: dict[str, list[str]]) -> set[str]:
    reached: set[str] = set()
    todo = list(uses[name])
    while todo:
        other = todo.pop()
        if other in uses and other not in reached:
            reached.add(other)
            todo += uses[other]
    return reached


CIRCLES = [
    ("defines, and a rule that uses one",
     ("define: {a: b + sofr, b: a + effr}\n"
     "rules:\n  - {name: r, value: a, above: {watch: 1 bp}}\n"),
     ["a is defined by itself: a -> b -> a"]),
    ("two circles", "define: {a: a + sofr, b: c + sofr, c: b + effr}\n",
     ["a is defined by itself: a -> a", "b is defined by itself: b -> c -> b"]),
    ("a rule", "rules:\n  - {name: r, value: 'count(breaches(\"r\", watch))', above: {watch: 1}}\n",
     ["the rule r asks about itself: r -> r"]),
    ("rules, and one that asks about them",
     ("rules:\n"
     "  - {name: r, value: 'count(breaches(\"s\", watch))', above: {watch: 1}}\n"
     "  - {name: s, value: 'count(breaches(\"r\", watch))', above: {watch: 1}}\n"
     "  - {name: t, when: 'breaches(\"r\", watch)'}\n"),
     ["the rule r asks about itself: r -> s -> r"]),
    ("a rule by way of a define",
     ("define: {lamps: 'count(breaches(\"r\", watch), sofr > effr)'}\n"
     "rules:\n  - {name: r, value: lamps, above: {watch: 1}}\n"),
     ["lamps is defined by itself: lamps -> r -> lamps"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), [pytest.param(*c[1:], id=c[0]) for c in CIRCLES])
def test_a_circle_is_told_once(text: str, said: list[str]) -> None:
    """At the first of its names, and nowhere else."""
    result = loaded(text)
    assert [problem.message for problem in result.problems] == said, rendered(result)
    assert result.ruleset is None


def chain(length: int) -> str:
    lines = [f"  d{n}: d{n - 1} + effr - effr" for n in range(length, 0, -1)]
    return "\n".join(["define:", *lines, "  d0: sofr - effr", "rules:",
                      f"  - {{name: a, value: d{length}, above: {{watch: 1 bp}}}}"])  # fmt: skip


def test_a_chain_of_defines_is_read_in_any_order() -> None:
    """The last is written first."""
    assert valid(chain(50)).rules[0].value is not None


def test_a_chain_of_defines_longer_than_anybody_follows_is_refused() -> None:
    """Fifteen hundred in a row: a problem at each too deep, and no recursion breaks on the way."""
    result = loaded(chain(1_500))
    assert result.ruleset is None
    assert {"too-deep"} <= {problem.code for problem in result.problems}


def test_a_chain_of_rules_is_read_in_any_order() -> None:
    """Each asks about the next."""
    lines = [
        f"  - {{name: r{n}, value: 'count(breaches(\"r{n - 1}\", watch))', above: {{watch: 0}}}}"
        for n in range(40, 0, -1)
    ]
    text = "\n".join(["rules:", *lines, "  - {name: r0, value: sofr - effr, above: {watch: 1 bp}}"])
    assert len(valid(text).rules) == 41


def test_defines_that_double_at_every_step_are_read_at_once() -> None:
    """Written out, the sixtieth would have 2^60 parts; as a graph it has sixty."""
    lines = [f"  d{n}: d{n - 1} + d{n - 1}" for n in range(1, 60)]
    text = "\n".join(["define:", "  d0: sofr - effr", *lines, "rules:",
                      "  - {name: a, value: d59, above: {watch: 1 bp}}",
                      "  - {name: b, value: d58 + d58, above: {watch: 1 bp}}"])  # fmt: skip
    a, b = valid(text).rules
    assert a.definition == b.definition


@pytest.mark.parametrize("word", ["watch", "warning", "critical", "and", "or", "not", "median"])
def test_words_of_the_language_are_no_names(word: str) -> None:
    """A define by such a name could not be told from the word."""
    assert codes(loaded(f"define: {{{word}: sofr - effr}}\n")) == ["reserved-name"]
