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
    written = _quantity(quantity)
    _, ladder = _item(text, rule)
    value = ladder.get(level)
    if not isinstance(value, Scalar):
        there = ", ".join(key.text for key, _ in ladder.entries)
        raise EditRefused(f"{rule} has no level {level}; it has {there}")
    quote = value.style if value.style in ("'", '"') else ""
    end = value.end if value.style not in ("|", ">") else _without_breaks(text, value)
    # Offsets count from after a byte order mark, which the reader takes off.
    mark = len(text) - len(text.removeprefix("\ufeff"))
    return f"{text[: mark + value.start]}{quote}{written}{quote}{text[mark + end :]}"


def set_clear(text: str, rule: str, quantity: str) -> str:
    """Return a rule file with a rule's ``clear`` changed in place, or added after its ladder.

    One value stands for all levels, also where each had its own.

    Args:
        text: The file.
        rule: Name of the alert.
        quantity: How far inside a threshold its level is left: ``5 bp``.

    Raises:
        EditRefused: If the file has no such rule, or the quantity is none.
    """
    written = _quantity(quantity)
    item, ladder = _item(text, rule)
    mark = len(text) - len(text.removeprefix("\ufeff"))
    block = text[mark:]
    held = item.get("clear")
    if held is not None:
        quote = held.style if isinstance(held, Scalar) and held.style in ("'", '"') else ""
        end = held.start + len(block[held.start : held.end].rstrip("\r\n "))
        return f"{text[: mark + held.start]}{quote}{written}{quote}{block[end:]}"
    key = next(key for key, value in item.entries if value is ladder)
    end = ladder.start + len(block[ladder.start : ladder.end].rstrip("\r\n "))
    begun = block.rfind("\n", 0, key.start) + 1
    if block[item.start] == "{":
        return f"{text[: mark + end]}, clear: {written}{block[end:]}"
    # A key that stands behind its item's dash is as far in as the others.
    indent = " " * (key.start - begun)
    line = block.find("\n", end)
    end = len(block) if line < 0 else line
    return f"{text[: mark + end]}\n{indent}clear: {written}{block[end:]}"


def _quantity(text: str) -> str:
    """Return a quantity as it is written; refuse what is none."""
    parsed = parse_quantity(text)
    if isinstance(parsed, Fault):
        raise EditRefused(parsed.message)
    return re.sub(r"\s+", " ", text.strip())


def _item(text: str, rule: str) -> tuple[Mapping, Mapping]:
    """Return a rule and its ladder as they stand in a file; refuse where there is none."""
    found = next(_ladders(text, rule), None)
    if found is None:
        raise EditRefused(f"there is no rule {rule} with above or below in this file")
    return found


def has_rule(text: str, rule: str) -> bool:
    """Return whether a file holds a rule with a ladder by that name."""
    return next(_ladders(text, rule), None) is not None


def _without_breaks(text: str, value: Scalar) -> int:
    """Return where a block scalar ends, the line breaks after it left out."""
    block = text.removeprefix("\ufeff")[value.start : value.end]
    return value.start + len(block.rstrip("\r\n "))


def _ladders(text: str, rule: str) -> Iterator[tuple[Mapping, Mapping]]:
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
                yield item, ladder
