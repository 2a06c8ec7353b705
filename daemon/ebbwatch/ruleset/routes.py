"""Telling: from what was read of ``inhibit``, ``receivers``, ``routes`` and ``digests``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ebbwatch.expr import Expression
from ebbwatch.model.address import names_secret
from ebbwatch.model.alert import LEVELS, Level
from ebbwatch.model.message import Target
from ebbwatch.ruleset.compiling import Compiler
from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.kinds import Fields
from ebbwatch.ruleset.nodes import Mapping as Map
from ebbwatch.ruleset.nodes import Node, Scalar, Sequence, quoted
from ebbwatch.ruleset.rules import Digest, Inhibition, Quiet, Route, Rule
from ebbwatch.ruleset.secrets import USE_SECRET, secret_in_address
from ebbwatch.ruleset.shape import TARGETS
from ebbwatch.ruleset.suggestions import did_you_mean
from ebbwatch.ruleset.values import RULE_NAME

#: A name of a series, here or elsewhere, or of a define.
_PLAIN_NAME = r"[A-Za-z_][A-Za-z0-9_]*"

#: Labels of alerts that come from no rule.
OWN_LABELS = {"theme": "data-health"}


# ---- receivers -----------------------------------------------------------------------


def targets_of(
    receiver: str, items: Iterable[tuple[Node, Any]], kinds: Collection[str], findings: Findings
) -> tuple[Target, ...]:
    """Return the places that a receiver stands for.

    Args:
        receiver: Its name.
        items: What was read of its list.
        kinds: Kinds of notifiers beyond the built-in ones; their options are not checked.
        findings: Where problems go.
    """
    targets = []
    for number, (node, entries) in enumerate(items):
        if len(entries) > 1:
            findings.error(
                entries[1][0], "wrong-value", "expected one kind of receiver for each '- '",
                f"begin a new line: - {entries[1][0].text}: ...",
            )  # fmt: skip
            continue
        for key, below, options in entries:
            target = _target(receiver, number, key, below, options, kinds, findings)
            if target is not None:
                targets.append(target)
        assert isinstance(node, Map)
    return tuple(targets)


def _target(
    receiver: str,
    number: int,
    key: Scalar,
    node: Node,
    options: Any,
    kinds: Collection[str],
    findings: Findings,
) -> Target | None:
    if key.text in TARGETS:
        given = {name: _option(value) for name, value in options.values.items()}
        return Target(receiver, key.text, given, number)
    if key.text not in kinds:
        findings.error(
            key, "unknown-kind", f"there is no kind of receiver {quoted(key.text)}",
            did_you_mean(key.text, dict.fromkeys([*TARGETS, *kinds])),
        )  # fmt: skip
        return None
    _no_secrets(node, findings)
    return Target(receiver, key.text, options if isinstance(options, dict) else {}, number)


def _option(value: Any) -> Any:
    """Return an option as plain data; a secret as ``{"secret": NAME}``."""
    if isinstance(value, Fields):
        return {name: _option(below) for name, below in value.values.items()}
    if isinstance(value, list):
        return {key.text: _option(below) for key, _, below in value}
    return value


def _no_secrets(node: Node, findings: Findings) -> None:
    """Add a problem for each value that a key or an address gives away as a secret."""
    match node:
        case Map():
            for key, value in node.entries:
                plain = isinstance(value, Scalar) and not value.nothing
                if plain and key.text != "secret" and names_secret(key.text):
                    findings.secret(value, f"{key.text} is written out", USE_SECRET)
                else:
                    _no_secrets(value, findings)
        case Sequence():
            for item in node.items:
                _no_secrets(item, findings)
        case Scalar():
            what = secret_in_address(node.text) if "://" in node.text else None
            if what is not None:
                findings.secret(node, f"the address holds {what}", USE_SECRET)


# ---- labels --------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Labels:
    """The labels that alerts can have, to tell a matcher that can never match.

    Attributes:
        findings: Where problems go.
        values: Known values by label.
        complete: Whether all rules were read, so that absence means something.
    """

    findings: Findings
    values: dict[str, set[str]] = field(default_factory=dict)
    complete: bool = True

    def learn(self, rules: Iterable[Rule]) -> None:
        """Take the labels of rules."""
        names = self.values.setdefault("name", set())
        for rule in rules:
            names.add(rule.name)
            for key, value in rule.labels.items():
                self.values.setdefault(key, set()).add(value)
        for key, value in OWN_LABELS.items():
            self.values.setdefault(key, set()).add(value)

    def matched(self, entries: list[tuple[Scalar, Node, str]]) -> dict[str, str]:
        """Return a matcher; one that no alert can meet is a problem."""
        for key, node, value in entries:
            if key.text == "level":
                if value not in LEVELS:
                    self.findings.error(
                        node, "unknown-level", f"there is no level {quoted(value)}",
                        did_you_mean(value, LEVELS),
                    )  # fmt: skip
            elif self.complete and key.text not in self.values:
                self.findings.warn(
                    key, "matches-nothing", f"no rule has the label {key.text}",
                    did_you_mean(key.text, [*self.values, "level"]),
                )  # fmt: skip
            elif self.complete and value not in self.values[key.text]:
                self.findings.warn(
                    node, "matches-nothing", f"no rule has {key.text}: {value}",
                    did_you_mean(value, sorted(self.values[key.text])),
                )  # fmt: skip
        return {key.text: value for key, _, value in entries}


def inhibition_of(fields: Fields, labels: Labels) -> Inhibition | None:
    """Return which alerts keep which others quiet."""
    if "while" not in fields.values or "mute" not in fields.values:
        return None
    return Inhibition(labels.matched(fields.values["while"]), labels.matched(fields.values["mute"]))


# ---- routes and digests --------------------------------------------------------------


def route_of(
    fields: Fields, receivers: Mapping[str, Any], labels: Labels, findings: Findings
) -> Route:
    """Return which alerts go where."""
    return Route(
        match=labels.matched(fields.get("match", [])),
        to=_to(fields, receivers, findings),
        group_by=tuple(label for _, label in fields.get("group_by", ())),
        group_wait_s=fields.get("group_wait", 0),
        resolved=fields.get("resolved", True),
        quiet=_quiet(fields.get("quiet"), findings),
        proceed=fields.get("continue", False),
    )


def _to(fields: Fields, receivers: Mapping[str, Any], findings: Findings) -> tuple[str, ...]:
    for node, name in fields.get("to", ()):
        if name not in receivers:
            hint = did_you_mean(name, receivers) or "declare it under receivers"
            findings.error(node, "unknown-receiver", f"there is no receiver {quoted(name)}", hint)
    return tuple(name for _, name in fields.get("to", ()))


def _quiet(fields: Fields | None, findings: Findings) -> Quiet | None:
    if fields is None or not {"from", "to", "zone"} <= fields.values.keys():
        return None
    start, end = fields.values["from"], fields.values["to"]
    if start == end:
        findings.error(
            fields.nodes["to"], "wrong-value", "quiet hours end when they begin",
            "leave quiet out, or write two different times",
        )  # fmt: skip
    below = LEVELS[fields.get("below", Level.CRITICAL.word)]
    return Quiet(start, end, fields.values["zone"], below)


def warn_of_unreached(routes: list[tuple[Fields, Route]], findings: Findings) -> None:
    """Add a warning for each route that stands behind one that takes everything."""
    final = False
    for fields, route in routes:
        if final:
            findings.warn(
                fields.node, "unreached-route", "no alert comes to this route",
                "the route before takes them all: move it to the end, or add continue: true to it",
            )  # fmt: skip
        final = final or (not route.match and not route.proceed)


def digest_of(fields: Fields, receivers: Mapping[str, Any], findings: Findings) -> Digest | None:
    """Return a message at a time of day."""
    to = _to(fields, receivers, findings)
    if "at" not in fields.values or "zone" not in fields.values:
        return None
    on = fields.get("on", "business days")
    if isinstance(on, list):
        on = " ".join(name for _, name in on)
    show = tuple(dict.fromkeys(name for _, name in fields.get("show", ())))
    return Digest(
        at=fields.values["at"], zone=fields.values["zone"], on=on.lower(), to=to, show=show
    )


def shown_of(
    fields: Fields, rules: Mapping[str, Rule], compiler: Compiler, findings: Findings
) -> dict[str, Expression]:
    """Return what a digest shows, by name: of a rule its value, else the define or series.

    Args:
        fields: Of the digest.
        rules: Those that could be made, by name.
        compiler: For names of defines and series.
        findings: Where problems go.
    """
    shown: dict[str, Expression] = {}
    for node, name in fields.get("show", ()):
        assert isinstance(node, Scalar)
        if name in compiler.broken:
            findings.failed = True  # what is wrong with it is told at its own place
        elif name in rules and (value := rules[name].value) is not None:
            shown[name] = value
        elif name in rules:
            findings.error(
                node, "nothing-to-show", f"the rule {name} has no value that could be shown",
                "name a rule with value, or a define",
            )  # fmt: skip
        elif name in compiler.scope.rules:
            findings.failed = True
        elif re.fullmatch(_PLAIN_NAME, name):
            if (found := compiler.named(node)) is not None:
                shown[name] = found
        elif re.fullmatch(RULE_NAME, name):
            findings.error(
                node, "unknown-rule", f"there is no rule {name}", did_you_mean(name, rules)
            )
        else:
            findings.error(
                node, "wrong-value", f"expected a name, found {quoted(name)}",
                "give the expression a name under define, and name it here",
            )  # fmt: skip
    return shown
