"""Alerts: from what was read of ``rules`` to `Rule` values."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ebbwatch.expr import Expression, RuleRef, fitted
from ebbwatch.model.alert import LEVELS, Level
from ebbwatch.model.calendars import TurnCalendar
from ebbwatch.model.durations import Duration
from ebbwatch.model.text import Text
from ebbwatch.model.units import Dimension, Quantity
from ebbwatch.ruleset.catalogue import BUSINESS, Sources, sources_of_texts, text_source
from ebbwatch.ruleset.compiling import Compiler
from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.kinds import Fields
from ebbwatch.ruleset.nodes import Node, Scalar
from ebbwatch.ruleset.rules import Rule, TurnPolicy
from ebbwatch.ruleset.suggestions import did_you_mean, either

#: A clear that is so many times smaller than the largest threshold was meant in another unit.
STRANGE = 1000
#: One that is so many times larger, likewise.
STRANGE_BEYOND = 3

#: The four forms of a rule, by the key that makes it one, with the keys each may have.
_FORMS = {
    "above": {"value", "measure", "clear", "for", "turns", "repeat"},
    "below": {"value", "measure", "clear", "for", "turns", "repeat"},
    "when": {"clear_when", "level", "for", "turns", "repeat"},
    "matches": {"text", "level", "new", "scheduled"},
}
#: The forms that measure a value.
LADDERS = ("above", "below")
_ALWAYS = {"name", "title", "labels", "note", "link", "foreach"}

#: What is meant by a key that has no place in a form.
_INSTEAD = {
    ("clear", "when"): "write clear_when: and the condition on which it resolves",
    ("clear_when", "above"): "write clear: and how far back inside, such as 3 bp",
    ("clear_when", "below"): "write clear: and how far back inside, such as 3 bp",
    ("level", "above"): "levels stand in the ladder: above: {critical: 50 bp}",
    ("level", "below"): "levels stand in the ladder: below: {critical: 7 %}",
    ("value", "when"): "a value wants above or below; a condition stands alone after when",
    ("measure", "when"): "a condition has no number; title: says what it is",
    ("text", "when"): "a text wants matches",
}

#: Labels that every alert has by itself.
RESERVED_LABELS = ("name", "level")

Ladder = tuple[tuple[Level, Quantity], ...]


def form_of(fields: Fields, findings: Findings) -> str | None:
    """Return the key that makes a rule what it is, or None with its problems added."""
    forms = [form for form in _FORMS if form in fields]
    if not forms and fields.meant & _FORMS.keys():
        return None  # the misspelt key is told
    if not forms:
        hint = "add above: {warning: 20 bp}" if "value" in fields else (
            "add matches: and a regular expression" if "text" in fields else
            "add value: and above:, or when:"
        )  # fmt: skip
        findings.error(
            fields.nodes.get("name", fields.node), "no-condition",
            f"expected {either(_FORMS)} in a rule, found none", hint,
        )  # fmt: skip
        return None
    if len(forms) > 1:
        findings.error(
            fields.keys[forms[1]], "two-conditions",
            f"a rule has one of {either(_FORMS)}, found {' and '.join(forms)}",
            "make two rules of it",
        )  # fmt: skip
        return None
    form = forms[0]
    for key, node in fields.keys.items():
        if key != form and key not in _FORMS[form] | _ALWAYS:
            findings.error(
                node, "misplaced-key", f"{key} has no meaning in a rule with {form}",
                _INSTEAD.get((key, form), ""),
            )  # fmt: skip
    return form


def reference(fields: Fields, form: str) -> RuleRef:
    """Return what other expressions may ask of a rule with ``breaches``."""
    value: Scalar | None = fields.get("value")
    if form not in LADDERS or value is None:
        return RuleRef(None)
    thresholds = {key.text: quantity for key, _, quantity in fields.get(form, ())}
    return RuleRef(value.text, form == "above", thresholds)


@dataclass(frozen=True, slots=True, eq=False)
class Builder:
    """Makes rules of what was read of them.

    Attributes:
        compiler: For their expressions.
        findings: Where problems go.
        calendars: Turn calendars by name.
        broken_calendars: Names of those that could not be read.
        sources: Adapters by name, to know which give texts; None takes any name.
    """

    compiler: Compiler
    findings: Findings
    calendars: Mapping[str, TurnCalendar]
    broken_calendars: Collection[str]
    sources: Sources | None

    def rule(self, fields: Fields, form: str) -> Rule | None:
        """Return a rule, or None with its problems added."""
        name = fields.get("name")
        if name is None:
            return None
        if name in self.compiler.broken:
            return None  # it asks about itself, which is told
        turns = self._turns(fields, form)
        parts: dict[str, Any] | None
        match form:
            case "above" | "below":
                parts = self._ladder(fields, form)
            case "when":
                parts = self._condition(fields)
            case _:
                parts = self._text(fields)
        labels = self._labels(fields)
        if parts is None:
            return None
        rule = Rule(
            name=name,
            title=fields.get("title", Text()),
            turns=turns,
            repeat=fields.get("repeat"),
            labels=labels,
            note=fields.get("note", Text()),
            link=fields.get("link", ""),
            definition=self._definition(parts, turns),
            ladder=_ladder_hash(parts),
            span=fields.nodes["name"].place.span,
            **parts,
        )
        self._warn_of_held_crises(rule, fields)
        return rule

    # ---- the three forms -------------------------------------------------------------

    def _ladder(self, fields: Fields, form: str) -> dict[str, Any] | None:
        if "value" not in fields:
            self.findings.error(
                fields.keys[form], "missing-key", f"expected value in a rule with {form}, found none",
                "add value: and what it measures, such as sofr - effr",
            )  # fmt: skip
            return None
        scalar, entries = fields.get("value"), fields.get(form)
        value = None if scalar is None else self.compiler.value(scalar)
        if value is None or not entries:
            return None
        assert value.dimension is not None
        rising = form == "above"
        thresholds = self._thresholds(entries, value.dimension, rising=rising)
        levels = [LEVELS[key.text] for key, _, _ in entries]
        return {
            "value": value,
            "measure": fields.get("measure", Text()),
            "rising": rising,
            "thresholds": thresholds,
            "clear": self._clear(fields, levels, value.dimension, thresholds),
            "hold": self._hold(fields, levels),
        }

    def _condition(self, fields: Fields) -> dict[str, Any] | None:
        when, clear_when = fields.get("when"), fields.get("clear_when")
        condition = None if when is None else self.compiler.condition(when)
        clear = None if clear_when is None else self.compiler.condition(clear_when)
        level = LEVELS[fields.get("level", "warning")]
        hold = self._hold(fields, [level])
        if condition is None:
            return None
        return {"when": condition, "clear_when": clear, "level": level, "hold": hold}

    def _text(self, fields: Fields) -> dict[str, Any] | None:
        if "text" not in fields:
            known = [*sources_of_texts(self.sources), "and a source of texts"]
            self.findings.error(
                fields.keys["matches"], "missing-key", "expected text in a rule with matches, found none",
                f"add text: {known[0]}",
            )  # fmt: skip
            return None
        node = fields.nodes.get("text") if "text" in fields.values else None
        source = (
            text_source(node, self.sources, self.findings) if isinstance(node, Scalar) else None
        )
        if source is None or "matches" not in fields.values:
            return None
        level = LEVELS[fields.get("level", "warning")]
        if fields.get("scheduled") is True:
            self.findings.error(
                fields.nodes["scheduled"], "wrong-value", "scheduled is false or does not stand",
                "scheduled: false takes only FOMC statements outside the FOMC's plan",
            )  # fmt: skip
            return None
        return {
            "text_source": source,
            "pattern": fields.values["matches"],
            "level": level,
            "only_new": fields.get("new", False),
            "unscheduled": fields.get("scheduled") is False,
        }

    # ---- parts -----------------------------------------------------------------------

    def _fitted(self, node: Node, quantity: Quantity, to: Dimension) -> Quantity | None:
        found = fitted(quantity, to)
        if isinstance(found, Quantity):
            return found
        message, hint = found
        self.findings.error(node, "units", message, hint)
        return None

    def _thresholds(
        self, entries: list[tuple[Scalar, Node, Quantity]], to: Dimension, *, rising: bool
    ) -> Ladder:
        rungs = []
        for key, node, quantity in sorted(entries, key=lambda entry: LEVELS[entry[0].text]):
            threshold = self._fitted(node, quantity, to)
            if threshold is not None:
                rungs.append((LEVELS[key.text], node, threshold))
        for (low, low_node, lower), (high, high_node, higher) in itertools.pairwise(rungs):
            if (lower.value < higher.value) if rising else (lower.value > higher.value):
                continue
            relation, form = ("above", "above") if rising else ("below", "below")
            self.findings.error(
                high_node, "ladder-order",
                f"{high.word} at {_text_of(high_node)} does not lie {relation} "
                f"{low.word} at {_text_of(low_node)}",
                f"thresholds {'rise' if rising else 'fall'} with the level under {form}",
            )  # fmt: skip
        return tuple((level, threshold) for level, _, threshold in rungs)

    def _clear(
        self, fields: Fields, levels: Collection[Level], to: Dimension, thresholds: Ladder
    ) -> dict[Level, Quantity]:
        clear: dict[Level, Quantity] = {}
        for level, node, quantity in self._by_level(fields, "clear", levels):
            distance = self._fitted(node, quantity, to)
            if distance is None:
                continue
            if distance.value < 0:
                self.findings.error(
                    node, "negative-clear", f"clear is a distance, found {_text_of(node)}",
                    "write it without minus",
                )  # fmt: skip
            self._warn_if_strange(node, distance, thresholds)
            clear[level] = distance
        return clear

    def _warn_if_strange(self, node: Node, distance: Quantity, thresholds: Ladder) -> None:
        """Warn where a distance is of another size than the thresholds, as by a wrong unit."""
        largest = max((abs(threshold.value) for _, threshold in thresholds), default=Fraction(0))
        too_small = 0 < distance.value * STRANGE < largest
        if too_small or distance.value > STRANGE_BEYOND * largest > 0:
            self.findings.warn(
                node, "strange-clear",
                f"clear at {_text_of(node)} is far {'smaller' if too_small else 'larger'} "
                "than the thresholds",
                "it is the distance back past a threshold at which the level ends",
            )  # fmt: skip

    def _hold(self, fields: Fields, levels: Collection[Level]) -> dict[Level, Duration]:
        return {level: value for level, _, value in self._by_level(fields, "for", levels)}

    def _by_level(
        self, fields: Fields, key: str, levels: Collection[Level]
    ) -> list[tuple[Level, Node, Any]]:
        """Return a value for each level, from one for all or a map by level."""
        value = fields.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            return [(level, fields.nodes[key], value) for level in sorted(levels)]
        found = []
        for word, node, one in value:
            if LEVELS[word.text] in levels:
                found.append((LEVELS[word.text], node, one))
                continue
            there = ", ".join(level.word for level in sorted(levels))
            self.findings.error(
                word, "unknown-level", f"{key} names {word.text}, which the rule does not have",
                f"it has {there}",
            )  # fmt: skip
        return sorted(found, key=lambda entry: entry[0])

    def _turns(self, fields: Fields, form: str) -> dict[str, TurnPolicy]:
        turns = {}
        for key, _, policy in fields.get("turns", ()) if "turns" in _FORMS[form] else ():
            if key.text in self.calendars:
                turns[key.text] = TurnPolicy(policy)
            elif key.text in self.broken_calendars:
                self.findings.failed = True
            else:
                hint = did_you_mean(key.text, self.calendars)
                if key.text in BUSINESS:
                    hint = "it is a calendar of business days; turns are windows around a day"
                message = f"there is no turn calendar {key.text}"
                self.findings.error(key, "unknown-calendar", message, hint)
        return turns

    def _labels(self, fields: Fields) -> dict[str, str]:
        labels = {}
        for key, _, value in fields.get("labels", ()):
            if key.text in RESERVED_LABELS:
                self.findings.error(
                    key, "reserved-label", f"every alert has the label {key.text} by itself",
                    "choose another name",
                )  # fmt: skip
            labels[key.text] = value
        return labels

    def _warn_of_held_crises(self, rule: Rule, fields: Fields) -> None:
        levels = [level for level, _ in rule.thresholds] or [rule.level]
        if Level.CRITICAL not in levels:
            return
        for key, node, policy in fields.get("turns", ()):
            if policy == TurnPolicy.HOLD:
                self.findings.warn(
                    node, "critical-holds",
                    f"{rule.name} can be critical, and says nothing in a {key.text}",
                    "a turn can be the crisis: annotate, or hold in a rule without critical",
                )  # fmt: skip

    def _definition(self, parts: Mapping[str, Any], turns: Mapping[str, TurnPolicy]) -> str:
        """Return the hash of what a rule measures, whatever way it is written."""
        said: list[str] = []
        read: set[str] = set()
        for key in ("value", "when", "clear_when"):
            expression = parts.get(key)
            if isinstance(expression, Expression):
                said.append(f"{key} {self.compiler.fingerprint(expression)}")
                read |= expression.series
        # What a morning could not end has ended, where it is the whole day; and the reverse.
        for series in (self.compiler.scope.series[name] for name in sorted(read)):
            if series.in_parts:
                said += [f"released {series.name} {rule}" for rule in series.released]
        if "pattern" in parts:
            said.append(f"matches {parts['text_source']} {parts['pattern']}")
            said += [key for key in ("only_new", "unscheduled") if parts[key]]
        held = sorted(name for name, policy in turns.items() if policy is TurnPolicy.HOLD)
        said += [f"hold {self.calendars[name]}" for name in held]
        return _hash(said)


def _ladder_hash(parts: Mapping[str, Any]) -> str:
    """Return the hash of a rule's thresholds and of what leads in and out of them."""
    rungs: Ladder = parts.get("thresholds", ())
    said = [f"{level.word} {quantity.value}" for level, quantity in rungs]
    for level, distance in sorted(parts.get("clear", {}).items()):
        if distance.value:
            said.append(f"clear {level.word} {distance.value}")
    for level, span in sorted(parts.get("hold", {}).items()):
        said.append(f"for {level.word} {span if span.days is None else span.days}")
    rising = parts.get("rising")
    said.append(f"rising {rising}" if rising is not None else f"level {parts['level'].word}")
    return _hash(said)


def _hash(said: list[str]) -> str:
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _text_of(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""
