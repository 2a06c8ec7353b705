"""Three-valued logic: conditions that are true, false, or unknown for a reason."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ebbwatch.expr.numbers import KNOWN, SHORT, Bytes, Numbers

#: Truth values of conditions, as stored.
TRUE, FALSE, UNKNOWN = np.int8(1), np.int8(0), np.int8(-1)

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


class Verdicts(NamedTuple):
    """A column of truth values, and the reason code of each that is unknown (0 where known)."""

    truth: Bytes
    why: Bytes

    def negated(self) -> Verdicts:
        """Return what `not` makes of them."""
        return Verdicts(opposite(self.truth), self.why)


def opposite(truth: Bytes) -> Bytes:
    """Return truth values turned round; unknown stays unknown."""
    return np.where(truth == UNKNOWN, UNKNOWN, 1 - truth).astype(np.int8)


def combined(op: str, a: Verdicts, b: Verdicts) -> Verdicts:
    """Return `and` or `or` of two columns, by Kleene: what decides it decides it."""
    (x, wx), (y, wy) = a, b
    decisive = FALSE if op == "and" else TRUE
    decided = (x == decisive) | (y == decisive)
    unknown = ~decided & ((x == UNKNOWN) | (y == UNKNOWN))
    truth = np.where(decided, decisive, np.where(unknown, UNKNOWN, 1 - decisive)).astype(np.int8)
    why = np.where(unknown, np.where(x == UNKNOWN, wx, wy), KNOWN).astype(np.int8)
    return Verdicts(truth, why)


def compared(op: str, a: Numbers, b: Numbers, size: int) -> tuple[Bytes, Bytes | None]:
    """Return a comparison's truth values, and reason codes where any is unknown."""
    order = np.broadcast_to(a.order(b), (size,))
    truth = _by_order(op, order)
    unknown = np.broadcast_to(a.unknown() | b.unknown(), (size,))
    if not bool(unknown.any()):
        return truth, None
    truth = np.where(unknown, UNKNOWN, truth).astype(np.int8)
    why = np.full(size, SHORT, np.int8)
    for side in (b, a):
        if side.why is not None:
            why = np.where(np.broadcast_to(side.why, (size,)) != KNOWN, side.why, why)
    return truth, np.where(unknown, why, KNOWN).astype(np.int8)


def _by_order(op: str, order: Bytes) -> Bytes:
    match op:
        case "<":
            found = order < 0
        case "<=":
            found = order <= 0
        case ">":
            found = order > 0
        case ">=":
            found = order >= 0
        case "==":
            found = order == 0
        case _:
            found = order != 0
    return found.astype(np.int8)
