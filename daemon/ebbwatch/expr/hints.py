"""Hints: what was probably meant by a name that is none; nothing where nothing is close."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.tree import Literal, Tree
from ebbwatch.model.series import Series, plainly

#: How alike two words must be for one to be taken for the other, from 0 to 1.
_ALIKE, _ALIKE_FUNCTIONS, _ALIKE_ALIASES = 0.75, 0.78, 0.82
#: What stands behind a number, in case somebody takes it for a name.
_UNITS = ("bp", "min", "h", "d", "w", "bd", "mo", "y", "release", "releases")


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean ...?`` for a misspelt word, or nothing."""
    found = closest(word, known)
    return f"did you mean {found}?" if found else ""


def closest(word: str, known: Iterable[str], alike: float = _ALIKE) -> str | None:
    """Return the known word that a misspelt one most probably means, or None."""
    folded, names = word.lower(), list(known)
    close = difflib.get_close_matches(folded, names, n=1, cutoff=alike)
    swapped = (name for name in names if sorted(name) == sorted(folded))
    return close[0] if close else next(swapped, None)


def series_hint(name: str, catalogue: Mapping[str, Series], others: Iterable[str] = ()) -> str:
    """Return which series is meant by a name that is none here, or nothing.

    Who knows a series by another name (``SRF``, ``WALCL``) is led to it; who misspells a name
    of ours, or another name of it, too.

    Args:
        name: As it was typed.
        catalogue: Series by name.
        others: What else may be meant: defines.
    """
    if found := _called(plainly(name), catalogue):
        return found
    if hint := suggestion(name, [*catalogue, *others]):
        return hint
    words = {word for series in catalogue.values() for word in series.called}
    near = closest(plainly(name), sorted(words), _ALIKE_ALIASES)
    return _called(near, catalogue) if near else ""


def _called(word: str, catalogue: Mapping[str, Series]) -> str:
    found = [series.name for series in catalogue.values() if word and word in series.called]
    if not found:
        return ""
    *most, last = found
    return f"did you mean {', '.join(most)} or {last}?" if most else f"did you mean {last}?"


def name_hint(name: str) -> str:
    """Return what a name that is no series is, if it is something else, or nothing."""
    if name in FUNCTIONS:
        return f"{name} is a function: {FUNCTIONS[name].signature}"
    if name.lower() in ("oz", "btc"):
        return "a price is written without spaces: $4000/oz, $100000/BTC"
    if name in _UNITS:
        return f"{name} is a unit: it stands behind a number"
    return _alias_hint(name.lower())


def function_hint(name: str) -> str:
    """Return which function was probably meant by a name that is none, or nothing."""
    folded = name.lower()
    if folded in FUNCTIONS:
        return f"did you mean {folded}?"
    if folded in ("and", "or"):
        return f"write {folded} between the conditions"
    if folded == "not":
        return "write not in lower case"
    if hint := _alias_hint(folded):
        return hint
    spelt = {alias: row.name for row in FUNCTIONS.values() for alias in (*row.aliases, row.name)}
    found = closest(folded, spelt, _ALIKE_FUNCTIONS)
    return f"did you mean {spelt[found]}?" if found else ""


def _alias_hint(folded: str) -> str:
    """Return what a function of other tools is called here, or nothing."""
    meant = [row for row in FUNCTIONS.values() if folded in row.aliases]
    names, calls = " or ".join(r.name for r in meant), " or ".join(r.signature for r in meant)
    return f"it is called {names} here: {calls}" if meant else ""


def window_hint(tree: Tree) -> str:
    """Return how a window is written, with the number that was written without a unit."""
    if isinstance(tree, Literal) and tree.quantity is not None and tree.quantity.bare:
        count = tree.quantity.value
        if count.denominator == 1 and count > 0:
            return f"put a unit on it: {count} releases, {count} bd, {count} d or {count} w"
    return "write 4 w, 13 w, 1 y, 20 bd or 5 releases"
