"""What an edit changes is told in plain words, one line each."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ebbwatch.model.units import COUNT, MONEY, RATE, RATIO, TIME, Dimension, Kind, Quantity
from ebbwatch.ruleset.difference import difference, written
from tests.ruleset.loading import valid

OLD = """
define:
  spread: sofr - effr
rules:
  - name: a
    title: First
    value: spread
    above: {watch: 10 bp, warning: 20 bp, critical: 50 bp}
    clear: 3 bp
    for: {watch: 2 releases}
    turns: {quarter-end: annotate}
    repeat: 7 d
    labels: {theme: funding}
    note: Why.
    link: https://example.org/
  - {name: b, when: sofr > effr, clear_when: sofr < effr}
  - {name: c, text: fed_press, matches: runoff}
receivers:
  desk: [{terminal: {}}]
routes:
  - to: [desk]
digests:
  - {at: 08:00, zone: UTC, to: [desk]}
inhibit:
  - {while: {name: a}, mute: {name: b}}
"""

CHANGES = [
    ("a comment", "rules:", "rules:  # ours", []),
    ("the same, written otherwise", "value: spread", 'value: "(sofr  - effr)"', []),
    ("a threshold", "watch: 10 bp", "watch: 12.5 bp", ["a: watch 10 bp -> 12.5 bp"]),
    ("the same threshold in another unit", "20 bp", "0.2 %", ["a: warning 20 bp -> 0.2 %"]),
    ("a level less", ", critical: 50 bp", "",
     ["a: critical 50 bp removed", "a: clear of critical 3 bp removed"]),
    ("clear", "clear: 3 bp", "clear: {watch: 3 bp, warning: 4 bp, critical: 3 bp}",
     ["a: clear of warning 3 bp -> 4 bp"]),
    ("for", "{watch: 2 releases}", "{watch: 1 release, warning: 6 h}",
     ["a: for of watch 2 releases -> 1 release", "a: for of warning 6 h added"]),
    ("an expression", "value: spread", "value: sofr - iorb", ["a: value spread -> sofr - iorb"]),
    ("a define below", "spread: sofr - effr", "spread: sofr - iorb",
     ["a: what it measures changed", "define spread changed"]),
    ("the side", "above: {watch: 10 bp, warning: 20 bp, critical: 50 bp}",
     "below: {watch: 10 bp, warning: 5 bp, critical: 1 bp}",
     ["a: above becomes below", "a: warning 20 bp -> 5 bp", "a: critical 50 bp -> 1 bp"]),
    ("a turn", "{quarter-end: annotate}", "{quarter-end: hold, tax-date: annotate}",
     ["a: what it measures changed", "a: turn quarter-end annotate -> hold",
      "a: turn tax-date not named -> annotate"]),
    ("a reminder", "repeat: 7 d", "repeat: 2 bd", ["a: repeat 7 d -> 2 bd"]),
    ("no reminder", "    repeat: 7 d\n", "", ["a: repeat 7 d -> none"]),
    ("a title", "title: First", "title: {en: First, zh-Hant: 第一}", ["a: title changed"]),
    ("a note", "note: Why.", "note: Because.", ["a: note changed"]),
    ("labels", "{theme: funding}", "{theme: repo}", ["a: labels changed"]),
    ("a link", "https://example.org/", "https://example.org/a", ["a: link changed"]),
    ("a condition", "when: sofr > effr,", "when: sofr > iorb,", ["b: when sofr > effr -> sofr > iorb"]),
    ("a way out less", ", clear_when: sofr < effr", "", ["b: clear_when sofr < effr -> none"]),
    ("a level of a condition", "clear_when: sofr < effr", "clear_when: sofr < effr, level: critical",
     ["b: level warning -> critical"]),
    ("a pattern", "matches: runoff", "matches: taper", ["c: matches runoff -> taper"]),
    ("a rule more", "receivers:", "  - {name: d, when: sofr > iorb}\nreceivers:", ["rule d added"]),
    ("a rule less", "  - {name: c, text: fed_press, matches: runoff}\n", "", ["rule c removed"]),
    ("another name", "name: c", "name: e", ["rule e added", "rule c removed"]),
    ("a define more", "rules:", "  two: sofr\nrules:", ["define two added"]),
    ("a receiver", "[{terminal: {}}]", "[{terminal: {language: zh-Hant}}]", ["receiver desk changed"]),
    ("a receiver more", "routes:", "  ops: [{terminal: {}}]\nroutes:", ["receiver ops added"]),
    ("a route", "- to: [desk]", "- {to: [desk], resolved: false}", ["routes changed"]),
    ("a digest", "at: 08:00", "at: 09:00", ["digests changed"]),
    ("an inhibition", "{while: {name: a}", "{while: {name: c}", ["inhibitions changed"]),
    ("a series", "rules:", ("series: {sofr: {source: {fred: SOFR}, unit: percent per year, every: "
     "business day}}\nrules:"), ["series sofr changed"]),
    ("a calendar", "rules:", ("calendars: {x: {anchor: 15 or next}, sifma: {closed: [2030-01-02]}}\n"
     "rules:"), ["business calendar sifma changed", "calendar x added"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "lines"), [pytest.param(*c[1:], id=c[0]) for c in CHANGES]
)
def test_a_change_is_told(before: str, after: str, lines: list[str]) -> None:
    """And nothing else is."""
    assert before in OLD
    assert list(difference(valid(OLD), valid(OLD.replace(before, after, 1)))) == lines


def test_the_order_of_rules_is_no_change() -> None:
    """Moving a rule to another file is nothing to tell."""
    split = OLD.index("  - {name: b")
    moved = {"z.yaml": OLD[:split] + "receivers:" + OLD.partition("receivers:")[2],
             "a.yaml": "rules:\n" + OLD[split : OLD.index("receivers:")]}  # fmt: skip
    assert difference(valid(OLD), valid(moved)) == ()


WRITTEN = [
    (Fraction(20, 10_000), RATE, "bp", "20 bp"),
    (Fraction(-25, 100_000), RATE, "bp", "-2.5 bp"),
    (Fraction(1, 10), RATIO, "%", "10 %"),
    (Fraction(3), COUNT, "", "3"),
    (Fraction(28 * 10**11), MONEY, "USD", "$2.8tn"),
    (Fraction(-150 * 10**9), MONEY, "USD", "-$150bn"),
    (Fraction(5 * 10**8), MONEY, "USD", "$500mn"),
    (Fraction(0), MONEY, "USD", "$0"),
    (Fraction(4000), Dimension(Kind.PRICE, "oz"), "USD/oz", "$4000/oz"),
    (Fraction(180), TIME, "d", "180 d"),
]


@pytest.mark.parametrize(("value", "dimension", "unit", "text"), WRITTEN)
def test_a_quantity_is_written_as_in_a_rule_file(
    value: Fraction, dimension: Dimension, unit: str, text: str
) -> None:
    """Money takes the largest scale that it fills."""
    assert written(Quantity(value, dimension, unit)) == text
