"""Changes one threshold in a rule file and keeps every other byte."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ebbwatch.expr import Fault, parse_quantity
from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.foreach import Room, expanded
from ebbwatch.ruleset.nodes import Mapping, Scalar, Sequence
from ebbwatch.ruleset.yaml import read_yaml


class EditRefused(Exception):
    """The edit cannot be made; the message says why, for people."""


def set_threshold(text: str, rule: str, level: str, quantity: str) -> str:
    """Return a rule file with one threshold changed in place.

    A rule written with ``foreach`` has one ladder for all its alerts: naming any of them
    changes it for all.

    Args:
        text: The file.
        rule: Name of the alert.
        level: ``watch``, ``warning`` or ``critical``; it must be in the ladder already.
        quantity: The new threshold: ``25 bp``.

    Raises:
        EditRefused: If the file has no such rule or level, or the quantity is none.
    """
    parsed = parse_quantity(quantity)
    if isinstance(parsed, Fault):
        raise EditRefused(parsed.message)
    ladder = next(_ladders(text, rule), None)
    if ladder is None:
        raise EditRefused(f"there is no rule {rule} with above or below in this file")
    value = ladder.get(level)
    if not isinstance(value, Scalar):
        there = ", ".join(key.text for key, _ in ladder.entries)
        raise EditRefused(f"{rule} has no level {level}; it has {there}")
    written = re.sub(r"\s+", " ", quantity.strip())
    quote = value.style if value.style in ("'", '"') else ""
    end = value.end if value.style not in ("|", ">") else _without_breaks(text, value)
    # Offsets count from after a byte order mark, which the reader takes off.
    mark = len(text) - len(text.removeprefix("\ufeff"))
    return f"{text[: mark + value.start]}{quote}{written}{quote}{text[mark + end :]}"


def has_rule(text: str, rule: str) -> bool:
    """Return whether a file holds a rule with a ladder by that name."""
    return next(_ladders(text, rule), None) is not None


def _without_breaks(text: str, value: Scalar) -> int:
    """Return where a block scalar ends, the line breaks after it left out."""
    block = text.removeprefix("\ufeff")[value.start : value.end]
    return value.start + len(block.rstrip("\r\n "))


def _ladders(text: str, rule: str) -> Iterator[Mapping]:
    root = read_yaml("", text, Findings())
    rules = root.get("rules") if isinstance(root, Mapping) else None
    if not isinstance(rules, Sequence):
        return
    for item in rules.items:
        if not isinstance(item, Mapping):
            continue
        for one in expanded(item, Room(), Findings()):
            name = one.get("name")
            if not isinstance(name, Scalar) or name.text != rule:
                continue
            ladder = item.get("above") or item.get("below")
            if isinstance(ladder, Mapping):
                yield ladder
