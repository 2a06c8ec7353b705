"""Foreach: one rule for each value, before anything else of the rule is read."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.kinds import INVALID
from ebbwatch.ruleset.nodes import VARIABLE, Mapping, Scalar, scalars
from ebbwatch.ruleset.shape import FOREACH
from ebbwatch.ruleset.suggestions import did_you_mean

#: How many alerts all rules with ``foreach`` may stand for together.
ALERTS_LIMIT = 10_000


@dataclass(slots=True)
class Room:
    """How many alerts may still be made by ``foreach``."""

    left: int = ALERTS_LIMIT


def expanded(rule: Mapping, room: Room, findings: Findings) -> Iterator[Mapping]:
    """Yield a rule with the values of its variables filled into every text, once for each.

    A rule without ``foreach`` is yielded as it is; one whose variables are wrong, or that
    makes more alerts than there is room for, not at all.
    """
    node = rule.get("foreach")
    if node is None:
        yield rule
        return
    entries = FOREACH.read(node, findings)
    if entries is INVALID:
        return
    variables = {key.text: [value for _, value in items] for key, _, items in entries}
    bare = Mapping(
        rule.source, rule.start, rule.end, [e for e in rule.entries if e[0].text != "foreach"]
    )
    if not _sound(bare, [key for key, _, _ in entries], variables, room, findings):
        return
    for combination in itertools.product(*variables.values()):
        yield bare.filled(dict(zip(variables, combination, strict=True)))


def _sound(
    rule: Mapping, keys: list[Scalar], variables: dict[str, list[str]], room: Room,
    findings: Findings,
) -> bool:  # fmt: skip
    """Return whether every variable is in the name, and every one used is there."""
    if not all(variables.values()) or not keys:
        return False
    count = math.prod(len(values) for values in variables.values())
    if count > room.left:
        taken = ALERTS_LIMIT - room.left
        others = f" beside {taken:,} of other rules" if taken else ""
        findings.error(
            keys[0],
            "too-many",
            f"foreach makes {count:,} alerts{others}; at most {ALERTS_LIMIT:,} are made together",
            "leave values out",
        )
        return False
    room.left -= count
    name = rule.get("name")
    named = _variables_of(name.text) if isinstance(name, Scalar) else set()
    sound = True
    for key in keys:
        if name is not None and key.text not in named:
            findings.error(
                key,
                "variable-not-in-name",
                f"the name does not hold {{{key.text}}}, so its alerts would have one name",
                f"write it into the name: rule-{{{key.text}}}",
            )
            sound = False
    return _all_known(rule, variables, findings) and sound


def _all_known(rule: Mapping, variables: Collection[str], findings: Findings) -> bool:
    known = True
    for key, value in rule.entries:
        if key.text == "matches":
            continue  # braces are part of regular expressions
        for scalar in scalars(value):
            for found in VARIABLE.finditer(scalar.text):
                if found[1] not in variables:
                    findings.error(
                        scalar.part(found.start(), found.end()),
                        "unknown-variable",
                        f"foreach has no variable {found[1]}",
                        did_you_mean(found[1], variables),
                    )
                    known = False
    return known


def _variables_of(text: str) -> set[str]:
    return {found[1] for found in VARIABLE.finditer(text)}
