"""Suggestions: what a misspelt name was probably meant to be, and how choices are listed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import lru_cache

from ebbwatch.expr.hints import series_hint
from ebbwatch.model.series import Series

#: How many names a hint lists before it breaks off.
LISTED = 10

#: Longest word that is compared with others.
LONGEST_CHARS = 100


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelt one most probably means, or None."""
    return _closest(word, tuple(known)) if len(word) <= LONGEST_CHARS else None


@lru_cache(maxsize=256)  # one mistake often stands in thousands of places
def _closest(word: str, known: tuple[str, ...]) -> str | None:
    by_folded = {_folded(name): name for name in known}
    found = difflib.get_close_matches(_folded(word), by_folded, n=1, cutoff=0.7)
    return by_folded[found[0]] if found else None


def _folded(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint: the known word that is meant, else those that there are."""
    names = list(known)
    if (name := closest(word, names)) is not None:
        return f"did you mean {name}?"
    if not names:
        return ""
    return f"known: {listed(names)}"


def no_such(noun: str, name: str, names: Iterable[str]) -> str:
    """Return that there is no such thing, and what was probably meant."""
    hint = did_you_mean(name, names)
    return f"there is no {noun} {name}" + (f"; {hint}" if hint else "")


def no_such_series(name: str, catalogue: Mapping[str, Series]) -> str:
    """Return that there is no such series, and which one people call so."""
    hint = series_hint(name, catalogue)
    return f"there is no series {name}; {hint}" if hint else no_such("series", name, catalogue)


def listed(names: Iterable[str]) -> str:
    """Return names as a list that stays readable however many there are."""
    all_names = list(names)
    if len(all_names) <= LISTED:
        return ", ".join(all_names)
    return f"{', '.join(all_names[:LISTED])} and {len(all_names) - LISTED} more"


def either(names: Iterable[str]) -> str:
    """Return names as alternatives: ``a, b or c``."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
