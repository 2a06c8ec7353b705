"""What the catalogue may ask of a source, and what to say when it asks for something else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from ebbwatch.model.source import ArgumentFault


def meant(name: str, names: Collection[str]) -> str:
    """Return a hint such as ``; did you mean debt?``, or nothing where nothing is near."""
    near = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def fault_of_choice(argument: str | Mapping[str, Any], names: Collection[str]) -> str | None:
    """Return why an argument is none of the names a source knows, or None."""
    if isinstance(argument, str) and argument in names:
        return None
    found = argument if isinstance(argument, str) else "a map"
    return f"expected one of {', '.join(sorted(names))}, found {found}{meant(found, names)}"


def fault_of_map(
    argument: Mapping[str, Any], *, required: Collection[str], optional: Collection[str] = ()
) -> ArgumentFault | None:
    """Return why a map lacks a key, or has one too many."""
    allowed = [*required, *optional]
    for key in argument:
        if key not in allowed:
            found = f"unknown key {key}: expected {', '.join(allowed)}{meant(str(key), allowed)}"
            return ArgumentFault(found, key, name=True)
    missing = [key for key in required if key not in argument]
    if missing:
        return ArgumentFault(f"missing key {', '.join(missing)}: expected {', '.join(required)}")
    return None


def fault_of_texts(argument: Mapping[str, Any], keys: Collection[str]) -> ArgumentFault | None:
    """Return which of these keys holds no text, or an empty one; keys may be absent."""
    for key in keys:
        value = argument.get(key, "-")
        if not isinstance(value, str) or not value:
            return ArgumentFault(f"expected a text for {key}, found {value!r}", key)
    return None
