"""The sieve: finds, among thousands of alerts at once, those that a new figure leaves as they are.

Most figures move nothing. To judge an alert takes a look at its whole history; to see that a
new period's value lies where it changes nothing takes two comparisons. For alerts that
measure plain arithmetic over series of one rank, the sieve computes the newest value of all of
them together, in whole quanta as `expr.numbers` does, and compares it with the *room* of each:
the open stretch of values in which the alert keeps its level, its counts and its breaches.
Whatever is not proven so is judged as ever.

What a reading that moves nothing leaves behind (the newest value, its period, the one before)
is kept in columns, and put into an alert's state when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import compress
from math import inf, nan

import numpy as np

from ebbwatch.core.alerting.judging import Judge, Watched
from ebbwatch.core.alerting.ladder import AlertState, Ladder
from ebbwatch.core.alerting.signals import Flags
from ebbwatch.core.facts.asof import Tip
from ebbwatch.expr.graph import Node
from ebbwatch.expr.numbers import EXACT, Floats, Longs, common_quantum
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import Level
from ebbwatch.model.periods import Micros, Minutes
from ebbwatch.ruleset.rules import TurnPolicy

_POINTWISE = frozenset({"+", "-", "*", "/", "neg", "abs"})
#: How far inside its bounds a value must lie, as a part of the bound: both were rounded.
_MARGIN = 2.0**-48


def room(ladder: Ladder, state: AlertState) -> tuple[float, float]:
    """Return between which values a new period's leaves an alert as it stands, ends excluded.

    Each rung must be breached, or not, as it was; its count must have come to rest, at none or
    at as many as are asked for; and the level must be the one that those breaches and its own
    exit allow. Then the same verdicts again change nothing.

    Args:
        ladder: Whose exits do not cross.
        state: As the last reading left it.

    Returns:
        Values in base units, negative for a ladder that falls; (inf, -inf) for nowhere.
    """
    nowhere = (inf, -inf)
    rungs = len(ladder.rungs)
    at_rest = state.known and state.base == state.count and not any(
        begun is not None for begun in state.since
    )  # fmt: skip
    if not at_rest or len(state.count) != rungs or len(state.breached) != rungs:
        return nowhere
    if state.level is Level.NONE and state.begun_at is not None:
        return nowhere
    sign = 1 if ladder.rising else -1
    most = max(rung.releases for rung in ladder.rungs)
    low, high, held = -inf, inf, state.level is Level.NONE
    for rung, breached, count in zip(ladder.rungs, state.breached, state.count, strict=True):
        assert rung.threshold is not None
        assert rung.exit is not None
        threshold = sign * float(rung.threshold)
        if ladder.counts and count != (most if breached else 0):
            return nowhere
        if breached and (rung.level > state.level or rung.hold is not None):
            return nowhere
        low, high = (max(low, threshold), high) if breached else (low, min(high, threshold))
        if rung.level is state.level:
            low, held = max(low, sign * float(rung.exit)), True
    return (low, high) if held else nowhere


def can_be_sieved(rule: Watched) -> bool:
    """Return whether a rule is plain arithmetic over series of one rank, under a plain ladder."""
    if rule.rule.value is None or rule.clear is not None or rule.ladder.crossed:
        return False
    if TurnPolicy.HOLD in rule.rule.turns.values() or rule.node.momentary:
        return False
    nodes = list(rule.node.walk())
    ranks = {node.every.rank for node in nodes if node.op == "series" and node.every is not None}
    return len(ranks) == 1 and all(
        node.op in _POINTWISE or node.op in ("series", "const") for node in nodes
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Bundle:
    """All computations of one operator at one depth: who is made of whom."""

    op: str
    out: Longs
    left: Longs
    right: Longs


@dataclass(frozen=True, slots=True, eq=False)
class _Scales:
    """How many of the result's quantum each operand's quantum is, and what a quantum is worth."""

    left: list[Floats]
    right: list[Floats]
    top: Floats
    bottom: Floats


class NewestValues:
    """The newest values of many nodes, computed together and exactly.

    Every computation has a slot; a slot holds a numerator and a denominator, whole numbers
    below 2**53 or NaN, and its quantum, which is the same as long as those of the series are.
    """

    def __init__(self, roots: list[Node]) -> None:
        """Take the nodes whose values are wanted."""
        found = {node.number: node for root in roots for node in root.walk()}
        self._nodes = [found[number] for number in sorted(found)]
        slots = {node.number: slot for slot, node in enumerate(self._nodes)}
        self.roots: Longs = np.array([slots[root.number] for root in roots], np.int64)
        self.series = [str(node.params[0]) for node in self._nodes if node.op == "series"]
        self._leaves: Longs = np.array(
            [slot for slot, node in enumerate(self._nodes) if node.op == "series"], np.int64
        )
        self._args = [tuple(slots[arg.number] for arg in node.args) for node in self._nodes]
        self._bundles = self._bundled()
        self._num = np.zeros(len(self._nodes))
        for slot, node in enumerate(self._nodes):
            if node.is_constant:
                self._num[slot] = (node.value > 0) - (node.value < 0)
        self._quanta: list[Fraction] = []
        self._scales: _Scales | None = None

    def _bundled(self) -> list[_Bundle]:
        groups: dict[tuple[int, str], list[int]] = {}
        for slot, node in enumerate(self._nodes):
            if node.args:
                groups.setdefault((node.depth, node.op), []).append(slot)
        return [
            _Bundle(
                op, np.array(out), np.array([self._args[slot][0] for slot in out]),
                np.array([self._args[slot][-1] for slot in out]),
            )
            for (_, op), out in sorted(groups.items())
        ]  # fmt: skip

    def values(self, quanta: Floats, quantum: list[Fraction]) -> Floats:
        """Return the roots' values in base units; NaN where unknown or not exact.

        Args:
            quanta: Of each of `series`, its newest value.
            quantum: What one of them is.
        """
        if self._scales is None or quantum != self._quanta:
            self._scales, self._quanta = self._scaled(quantum), quantum
        scales, num, den = self._scales, self._num, np.ones(len(self._nodes))
        num[self._leaves] = quanta
        with np.errstate(all="ignore"):
            for bundle, ka, kb in zip(self._bundles, scales.left, scales.right, strict=True):
                a, b = num[bundle.left], num[bundle.right]
                da, db = den[bundle.left], den[bundle.right]
                match bundle.op:
                    case "+" | "-":
                        x, y = _exact(a * db * ka), _exact(b * da * kb)
                        num[bundle.out] = _exact(x + y if bundle.op == "+" else x - y)
                        den[bundle.out] = _exact(da * db)
                    case "*":
                        num[bundle.out] = _exact(a * b)
                        den[bundle.out] = _exact(da * db)
                    case "/":
                        sign = np.where(b == 0, nan, np.sign(b))
                        num[bundle.out] = _exact(a * db) * sign
                        den[bundle.out] = _exact(da * b) * sign
                    case "neg":
                        num[bundle.out], den[bundle.out] = -a, da
                    case _:
                        num[bundle.out], den[bundle.out] = np.abs(a), da
            top, bottom = num[self.roots], den[self.roots]
            found: Floats = top * scales.top / (bottom * scales.bottom)
        return found

    def _scaled(self, quantum: list[Fraction]) -> _Scales:
        """Return the quantum of every slot, and how operands come to that of their sum."""
        leaves = iter(quantum)
        scale: list[Fraction] = []
        factors: dict[int, tuple[float, float]] = {}
        for slot, node in enumerate(self._nodes):
            args = [scale[arg] for arg in self._args[slot]]
            match node.op:
                case "series":
                    scale.append(next(leaves))
                case "const":
                    scale.append(abs(node.value) or Fraction(1))
                case "+" | "-":
                    common, ka, kb = common_quantum(args[0], args[-1])
                    scale.append(common)
                    factors[slot] = (_float(ka), _float(kb))
                case "*":
                    scale.append(args[0] * args[-1])
                case "/":
                    scale.append(args[0] / args[-1])
                case _:
                    scale.append(args[0])
        one = (1.0, 1.0)
        pairs = [
            np.array([factors.get(slot, one) for slot in bundle.out.tolist()]).T
            for bundle in self._bundles
        ]
        roots = [scale[slot] for slot in self.roots.tolist()]
        return _Scales(
            [left for left, _ in pairs], [right for _, right in pairs],
            np.array([_float(one.numerator) for one in roots]),
            np.array([_float(one.denominator) for one in roots]),
        )  # fmt: skip


def _exact(numbers: Floats) -> Floats:
    """Return whole numbers, NaN where they are too large to be sure of."""
    return np.where(np.abs(numbers) < EXACT, numbers, nan)


def _float(number: int) -> float:
    return float(number) if abs(number) < EXACT else nan


@dataclass(slots=True)
class Sifted:
    """What an event comes to before anything is judged.

    Attributes:
        judge: Names of the alerts to be judged.
        quiet: Names of those that a new reading leaves as they stand.
        firing: Names of those among them that fire.
        further: Names of those among these whose reading is the furthest of their episode.
    """

    judge: list[str] = field(default_factory=list)
    quiet: list[str] = field(default_factory=list)
    firing: list[str] = field(default_factory=list)
    further: list[str] = field(default_factory=list)


class Sieve:
    """Holds what it takes to tell of many alerts at once that an event moves none of them."""

    def __init__(self, judge: Judge, states: Mapping[str, AlertState]) -> None:
        """Take the rules, and how their alerts stand."""
        self.judge = judge
        in_parts = {n for n, series in judge.history.catalogue.items() if series.in_parts}
        rules = [
            rule
            for rule in judge.watched.values()
            if can_be_sieved(rule) and not rule.series & in_parts
        ]
        self._rules = rules
        self._rows = {rule.name: row for row, rule in enumerate(rules)}
        self._others = {n: rule for n, rule in judge.watched.items() if n not in self._rows}
        self._places = {name: place for place, name in enumerate(judge.watched)}
        self._arithmetic = NewestValues([rule.node for rule in rules])
        names = self._arithmetic.series
        number = {name: index for index, name in enumerate(names)}
        reads = [[number[name] for name in rule.node.series] for rule in rules]
        self._reads: Longs = np.array([n for some in reads for n in some], np.int64)
        self._widths: Longs = np.array([len(some) for some in reads], np.int64)
        self._begins: Longs = np.cumsum(self._widths) - self._widths
        self._sign = np.array([1.0 if rule.ladder.rising else -1.0 for rule in rules])
        size = len(rules)
        self._low, self._high = np.full(size, inf), np.full(size, -inf)
        self._fires = np.zeros(size, np.bool_)
        self._new = np.ones(size, np.bool_)
        self._behind = np.zeros(size, np.bool_)
        self._period = np.zeros(size, np.int64)
        self._read_at = np.zeros(size, np.int64)
        self._value, self._previous = np.zeros(size), np.zeros(size)
        self._furthest = np.zeros(size)
        self._tips = [judge.history.tip(name) for name in names]
        self._quantum = [Fraction(1) if tip is None else tip.quantum for tip in self._tips]
        for rule in rules:
            if (state := states.get(rule.name)) is not None:
                self.put(rule.name, state)

    def place(self, name: str) -> int:
        """Return where a rule stands among all."""
        return self._places[name]

    # ---- states ----------------------------------------------------------------------

    def put(self, name: str, state: AlertState) -> None:
        """Take how an alert stands now."""
        row = self._rows.get(name)
        if row is None:
            return
        self._new[row] = False
        low, high = room(self._rules[row].ladder, state)
        self._low[row] = low + abs(low) * _MARGIN if low > -inf else low
        self._high[row] = high - abs(high) * _MARGIN if high < inf else high
        self._fires[row] = state.level is not Level.NONE
        self._behind[row] = False
        self._value[row] = nan if state.value is None else state.value
        self._furthest[row] = inf if state.extreme is None else self._sign[row] * state.extreme

    def drop(self, name: str) -> None:
        """Forget how an alert stands: it is judged at its next reading."""
        if (row := self._rows.get(name)) is not None:
            self._new[row], self._behind[row] = True, False

    def caught_up(self, name: str, state: AlertState) -> AlertState:
        """Return a state with the readings that moved nothing put into it."""
        row = self._rows.get(name)
        if row is None or not self._behind[row]:
            return state
        self._behind[row] = False
        return replace(
            state,
            period=Minutes(int(self._period[row])),
            read_at=Micros(int(self._read_at[row])),
            value=float(self._value[row]),
            value_period=Minutes(int(self._period[row])),
            previous=float(self._previous[row]),
            extreme=None if state.extreme is None else float(self._sign[row] * self._furthest[row]),
        )

    # ---- an event --------------------------------------------------------------------

    def sift(self, changed: set[str], *, after: Micros, upto: Micros) -> Sifted:
        """Return what (after, upto] asks to be judged; the rest stands as it is.

        An alert stands as it is where each of its series has at most one figure more, newer
        than all, and either those make no common period, or they make one whose value lies in
        the alert's room.

        Args:
            changed: Names of the series of which something changed.
            after: µs up to which events were handled.
            upto: µs of this one; its facts are in the history.
        """
        found = Sifted([n for n, rule in self._others.items() if rule.series & changed])
        tips, odd, grown = self._looked(after, upto)
        touched = self._any([name in changed for name in self._arithmetic.series])
        if not touched.any():
            return found
        plain = touched & ~self._any(odd) & ~self._new
        periods = np.array([BEGINNING if tip is None else tip.period for tip in tips], np.int64)
        theirs, more = periods[self._reads], np.array(grown)[self._reads]
        first = np.minimum.reduceat(theirs, self._begins)
        last = np.maximum.reduceat(theirs, self._begins)
        # A figure that is the oldest of the newest may find its period among earlier ones.
        meets = self._any_of(more & (theirs == np.repeat(first, self._widths)))
        quiet = further = plain & meets & (first == last)
        if quiet.any():
            quiet, further = self._read(tips, quiet, last)
        judged = touched & ~(plain & ~meets) & ~quiet
        found.judge += self._names(judged)
        found.quiet = self._names(quiet)
        found.firing = self._names(quiet & self._fires)
        found.further = self._names(further)
        return found

    def _names(self, rows: Flags) -> list[str]:
        return list(compress(self._rows, rows.tolist()))

    def _any(self, series: list[bool]) -> Flags:
        """Return which rules read any of some series."""
        return self._any_of(np.array(series, np.bool_)[self._reads])

    def _any_of(self, reads: Flags) -> Flags:
        found: Flags = (
            np.logical_or.reduceat(reads, self._begins) if len(reads) else np.zeros(0, np.bool_)
        )
        return found

    def _looked(
        self, after: Micros, upto: Micros
    ) -> tuple[list[Tip | None], list[bool], list[bool]]:
        """Return each series' newest figure, whether it is odd, and whether there is one more.

        Odd is whatever is not plainly one figure more, or none: revised, stale, dated ahead.
        """
        tips = [self.judge.history.tip(name) for name in self._arithmetic.series]
        odd, grown = [], []
        for old, new in zip(self._tips, tips, strict=True):
            if old is None or new is None:
                odd.append(True)
                grown.append(False)
                continue
            more = new is not old
            plain = not more or (
                new.added and new.number == old.number + 1 and after < new.effect <= upto
            )
            fresh = old.effect <= after and upto < min(old.stale_at, new.stale_at)
            odd.append(not (plain and fresh))
            grown.append(more)
        self._tips = tips
        return tips, odd, grown

    def _read(self, tips: list[Tip | None], born: Flags, period: Longs) -> tuple[Flags, Flags]:
        """Return which of the rules a new period leaves as they stand, and note its reading.

        Of those, also which it takes further than their episode went before.
        """
        quanta = np.array([nan if tip is None else tip.quanta for tip in tips])
        effect = np.array([BEGINNING if tip is None else tip.effect for tip in tips], np.int64)
        self._quantum = [
            held if tip is None else tip.quantum
            for held, tip in zip(self._quantum, tips, strict=True)
        ]
        values = self._arithmetic.values(quanta, self._quantum)
        signed = values * self._sign
        quiet: Flags = born & (signed > self._low) & (signed < self._high)
        further: Flags = quiet & (signed > self._furthest)
        at = np.maximum.reduceat(effect[self._reads], self._begins)
        np.copyto(self._previous, self._value, where=quiet)
        np.copyto(self._value, values, where=quiet)
        np.copyto(self._furthest, signed, where=further)
        np.copyto(self._period, period, where=quiet)
        np.copyto(self._read_at, at, where=quiet)
        self._behind |= quiet
        return quiet, further


class States(MutableMapping[str, AlertState]):
    """Where each alert stands; what the sieve left behind is put in when a state is looked at."""

    def __init__(self, states: Mapping[str, AlertState] | None = None) -> None:
        """Take how alerts stand at the beginning."""
        self._held: dict[str, AlertState] = dict(states or {})
        self._sieve: Sieve | None = None
        self.holding = {name for name, state in self._held.items() if _holds(state)}

    def sieve(self, judge: Judge) -> Sieve:
        """Return the sieve of some rules over these states."""
        if self._sieve is None or self._sieve.judge is not judge:
            for name in self:
                self[name]
            self._sieve = Sieve(judge, self._held)
        return self._sieve

    def __getitem__(self, name: str) -> AlertState:
        """Return how an alert stands."""
        state = self._held[name]
        if self._sieve is not None:
            state = self._held[name] = self._sieve.caught_up(name, state)
        return state

    def __setitem__(self, name: str, state: AlertState) -> None:
        """Take how an alert stands now."""
        self._held[name] = state
        if self._sieve is not None:
            self._sieve.put(name, state)
        (self.holding.add if _holds(state) else self.holding.discard)(name)

    def __delitem__(self, name: str) -> None:
        """Forget an alert."""
        del self._held[name]
        self.holding.discard(name)
        if self._sieve is not None:
            self._sieve.drop(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._held)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._held)


def _holds(state: AlertState) -> bool:
    return any(begun is not None for begun in state.since)
