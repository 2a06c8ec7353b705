"""A threshold is changed in place, and not one other byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.model.alert import LEVELS
from ebbwatch.ruleset.edit import EditRefused, has_rule, set_clear, set_threshold
from tests.ruleset.loading import PACK, valid

FILE = """\
# the desk's own rules   \r
define: {spread: sofr - effr}  # 利差

rules:
  - name: a   # first
    value:   spread
    above: {watch:  10 bp , warning: "20 bp", critical: '50 bp'}   # ladder
    clear: 3 bp

  - name: b
    value: reserves
    below:
      watch: $3.4tn      # ample
      warning: >-
        $3.05tn
      critical: |
        $2.8tn
    note: 'watch:  10 bp'
  - {name: "c-{rate}", foreach: {rate: [tgcr, bgcr]}, value: "{rate} - iorb", above: {warning: 5 bp}}
"""

EDITS = [
    ("a plain text in a flow map", "a", "watch", "12 bp", "watch:  10 bp ,", "watch:  12 bp ,"),
    ("a text in double quotes", "a", "warning", "25  bp", '"20 bp"', '"25 bp"'),
    ("a text in single quotes", "a", "critical", "60 bp", "'50 bp'", "'60 bp'"),
    ("a text in a block map", "b", "watch", "$3.5tn", "watch: $3.4tn  ", "watch: $3.5tn  "),
    ("a folded block", "b", "warning", "$3tn", ">-\n        $3.05tn\n", "$3tn\n"),
    ("a literal block", "b", "critical", " $2.5tn ", "|\n        $2.8tn\n", "$2.5tn\n"),
    ("a rule of foreach", "c-bgcr", "warning", "6 bp", "{warning: 5 bp}", "{warning: 6 bp}"),
]


@pytest.mark.parametrize(
    ("rule", "level", "quantity", "before", "after"), [pytest.param(*e[1:], id=e[0]) for e in EDITS]
)
def test_only_the_threshold_changes(
    rule: str, level: str, quantity: str, before: str, after: str
) -> None:
    """Comments, spaces, quotes and line ends stay as they are."""
    assert FILE.count(before) == 1
    assert set_threshold(FILE, rule, level, quantity) == FILE.replace(before, after)


CLEARS = [
    ("one that is there", "a", "5  bp", "    clear: 3 bp\n", "    clear: 5 bp\n"),
    (
        "none yet, in a block", "b", "$10bn", "        $2.8tn\n    note",
        "        $2.8tn\n    clear: $10bn\n    note",
    ),
    (
        "none yet, on one line", "c-bgcr", "1 bp", "above: {warning: 5 bp}}",
        "above: {warning: 5 bp}, clear: 1 bp}",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "quantity", "before", "after"), [pytest.param(*e[1:], id=e[0]) for e in CLEARS]
)
def test_only_clear_changes(rule: str, quantity: str, before: str, after: str) -> None:
    """It is written where it stands, or after the ladder."""
    assert FILE.count(before) == 1
    assert set_clear(FILE, rule, quantity) == FILE.replace(before, after)
    assert set_clear(f"\ufeff{FILE}", rule, quantity) == "\ufeff" + FILE.replace(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    clear: {watch: 1 bp, warning: 2 bp}\n", "    clear: 4 bp\n"),
        ("    clear:\n      watch: 1 bp\n      warning: 2 bp\n", "    clear:\n      4 bp\n"),
    ],
)
def test_one_value_stands_for_all_levels(before: str, after: str) -> None:
    """A map of them, in flow or block, gives way to it, and the file stays valid."""
    text = FILE.replace("    clear: 3 bp\n", before)
    edited = set_clear(text, "a", "4 bp")
    assert edited == FILE.replace("    clear: 3 bp\n", after)
    rule = next(rule for rule in valid({"a.yaml": edited}).rules if rule.name == "a")
    assert {clear.value * 10_000 for clear in rule.clear.values()} == {4}


def test_a_clear_behind_the_dash_and_at_the_end_of_a_file() -> None:
    """Wherever the ladder stands, the new key is as far in as the others."""
    for text, after in (
        (
            "rules:\n- above: {watch: 1 %}\n  name: a\n  value: sofr",
            "rules:\n- above: {watch: 1 %}\n  clear: 1 bp\n  name: a\n  value: sofr",
        ),
        (
            "rules:\n  - name: a\n    value: sofr\n    above: {watch: 1 %}",
            "rules:\n  - name: a\n    value: sofr\n    above: {watch: 1 %}\n    clear: 1 bp",
        ),
    ):
        assert set_clear(text, "a", "1 bp") == after
        assert valid({"a.yaml": after}).rules[0].clear


def test_a_byte_order_mark_stays_in_front() -> None:
    """Files from Windows editors are edited at the right place too."""
    edited = set_threshold(f"\ufeff{FILE}", "a", "watch", "12 bp")
    assert edited == "\ufeff" + set_threshold(FILE, "a", "watch", "12 bp")


REFUSED = [
    ("a rule that is not there", "z", "watch", "1 bp", "there is no rule z with above or below"),
    ("a level that is not there", "c-tgcr", "watch", "1 bp", "c-tgcr has no level watch; it has w"),
    ("a unit that is none", "a", "watch", "12 bps", "bps is no unit"),
    ("more than a quantity", "a", "watch", "12 bp}, x: {", "expected a quantity"),
    ("nothing", "a", "watch", "", "expected a quantity"),
    ("a variable's rule by its template", "c-{rate}", "warning", "1 bp", "there is no rule c-{ra"),
]


@pytest.mark.parametrize(
    ("rule", "level", "quantity", "message"), [pytest.param(*e[1:], id=e[0]) for e in REFUSED]
)
def test_an_edit_that_cannot_be_made_says_why(
    rule: str, level: str, quantity: str, message: str
) -> None:
    """The message is for the person who asked."""
    with pytest.raises(EditRefused) as caught:
        set_threshold(FILE, rule, level, quantity)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("text", ["", "rules:\n", "rules: [", "- a", "rules: {a: b}", "rules: [a]"])
def test_a_file_that_is_no_rule_file_holds_no_rule(text: str) -> None:
    """Whatever the file is, it is left alone."""
    assert not has_rule(text, "a")
    with pytest.raises(EditRefused):
        set_threshold(text, "a", "watch", "1 bp")


RULESET = valid(PACK)
LADDERS = [
    (file, rule.name, level.word)
    for file, text in PACK.items()
    for rule in RULESET.rules
    if has_rule(text, rule.name)
    for level, _ in rule.thresholds
]


def test_every_threshold_of_the_pack_can_be_set() -> None:
    """One line changes, in one place."""
    assert len(LADDERS) > 50
    for file, rule, level in LADDERS:
        removed, added = _difference(PACK[file], set_threshold(PACK[file], rule, level, "$1.25tn"))
        assert len(removed) == len(added) == 1
        assert added[0].count("$1.25tn") == 1


def _difference(before: str, after: str) -> tuple[list[str], list[str]]:
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    changed = [(a, b) for a, b in pairs if a != b]
    return [a for a, _ in changed], [b for _, b in changed]


@given(st.integers(1, 9_999), st.sampled_from(sorted(LEVELS)))
def test_what_is_set_is_what_is_loaded(number: int, level: str) -> None:
    """The edited file means the new threshold."""
    text = f"rules:\n  - {{name: a, value: sofr - effr, above: {{{level}: 1 bp}}}}\n"
    edited = set_threshold(text, "a", level, f"{number} bp")
    thresholds = valid(edited, builtin=_SMALL).rules[0].thresholds
    assert [(lv.word, int(q.value * 10_000)) for lv, q in thresholds] == [(level, number)]


_SMALL = {
    "small.yaml": "series:\n"
    "  sofr: {source: {fred: SOFR}, unit: percent per year, every: business day}\n"
    "  effr: {source: {fred: EFFR}, unit: percent per year, every: business day}\n"
}
