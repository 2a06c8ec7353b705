"""Difference: what an edit of rule files changes, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from ebbwatch.model.alert import Level
from ebbwatch.model.durations import Duration
from ebbwatch.model.units import PRINTED_FACTORS, Quantity
from ebbwatch.ruleset.rules import Rule, Ruleset

#: Sections beside the rules, and what one entry of each is called.
_NAMED = {
    "series": "series",
    "business": "business calendar",
    "calendars": "calendar",
    "defines": "define",
    "receivers": "receiver",
}
_ORDERED = {"inhibit": "inhibitions", "routes": "routes", "digests": "digests"}


def difference(old: Ruleset, new: Ruleset) -> tuple[str, ...]:
    """Return one line for each thing that differs; empty where nothing that counts does.

    Comments, formatting and the order of rules are no difference.
    """
    return tuple(_lines(old, new))


def _lines(old: Ruleset, new: Ruleset) -> Iterator[str]:
    before = {rule.name: rule for rule in old.rules}
    after = {rule.name: rule for rule in new.rules}
    yield from (f"rule {name} added" for name in after if name not in before)
    yield from (f"rule {name} removed" for name in before if name not in after)
    for name, rule in after.items():
        if name in before:
            yield from (f"{name}: {line}" for line in _of_rule(before[name], rule))
    for section, noun in _NAMED.items():
        yield from _of_names(getattr(old, section), getattr(new, section), noun)
    for section, noun in _ORDERED.items():
        if getattr(old, section) != getattr(new, section):
            yield f"{noun} changed"


def _of_names(old: Mapping[str, Any], new: Mapping[str, Any], noun: str) -> Iterator[str]:
    yield from (f"{noun} {name} added" for name in new if name not in old)
    yield from (f"{noun} {name} removed" for name in old if name not in new)
    yield from (f"{noun} {name} changed" for name in new if name in old and old[name] != new[name])


def _of_rule(old: Rule, new: Rule) -> Iterator[str]:
    yield from _of_measure(old, new)
    if old.rising != new.rising:
        yield f"{_side(old)} becomes {_side(new)}"
    yield from _of_levels(dict(old.thresholds), dict(new.thresholds), "", written)
    yield from _of_levels(old.clear, new.clear, "clear of ", written)
    yield from _of_levels(old.hold, new.hold, "for of ", str)
    if old.level != new.level:
        yield f"level {old.level.word} -> {new.level.word}"
    for name in dict.fromkeys([*old.turns, *new.turns]):
        was, now = old.turns.get(name), new.turns.get(name)
        if was != now:
            yield f"turn {name} {was or 'not named'} -> {now or 'not named'}"
    if old.repeat != new.repeat:
        yield f"repeat {_span(old.repeat)} -> {_span(new.repeat)}"
    for what in ("title", "note", "labels", "link"):
        if getattr(old, what) != getattr(new, what):
            yield f"{what} changed"


def _side(rule: Rule) -> str:
    return "above" if rule.rising else "below"


def _of_measure(old: Rule, new: Rule) -> Iterator[str]:
    """Yield what a rule measures, where it changed; another way to write it is none."""
    if old.definition == new.definition:
        return
    texts = [
        (what, _text(getattr(old, what)), _text(getattr(new, what)))
        for what in ("value", "when", "clear_when")
    ]
    texts += [
        ("text", old.text_source, new.text_source),
        ("matches", old.pattern, new.pattern),
        ("new", _flag(old.only_new), _flag(new.only_new)),
        ("scheduled", _flag(not old.unscheduled), _flag(not new.unscheduled)),
    ]
    told = [f"{what} {was or 'none'} -> {now or 'none'}" for what, was, now in texts if was != now]
    # A define, a calendar it holds in, or the parts of a series changed below an expression
    # that reads the same.
    yield from told or ["what it measures changed"]


def _text(expression: Any) -> str:
    return "" if expression is None else " ".join(expression.text.split())


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _span(duration: Duration | None) -> str:
    return "none" if duration is None else str(duration)


def _of_levels(
    old: Mapping[Level, Any], new: Mapping[Level, Any], what: str, say: Callable[[Any], str]
) -> Iterator[str]:
    for level in sorted({*old, *new}):
        was, now = old.get(level), new.get(level)
        if was is None:
            yield f"{what}{level.word} {say(now)} added"
        elif now is None:
            yield f"{what}{level.word} {say(was)} removed"
        elif was != now:
            yield f"{what}{level.word} {say(was)} -> {say(now)}"


def written(quantity: Quantity) -> str:
    """Return a quantity as a rule file would write it: ``20 bp``, ``-$1.5tn``, ``10 %``."""
    unit = quantity.unit
    number = abs(quantity.value) / PRINTED_FACTORS[unit]
    sign = "-" if quantity.value < 0 else ""
    if unit.startswith("USD"):
        scale, word = next(
            ((factor, word) for factor, word in _SCALES if unit == "USD" and number >= factor),
            (Fraction(1), ""),
        )
        return f"{sign}${_decimal(number / scale)}{word}{unit.removeprefix('USD')}"
    return f"{sign}{_decimal(number)} {unit}".rstrip()


_SCALES = (
    (Fraction(10**12), "tn"),
    (Fraction(10**9), "bn"),
    (Fraction(10**6), "mn"),
)


def _decimal(number: Fraction) -> str:
    return f"{float(number):.12g}"
