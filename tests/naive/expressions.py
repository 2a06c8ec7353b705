"""The value of an expression at an instant, by plain recursion over what is known then.

Nothing of the evaluator is used here: only the parser's tree, the catalogue and calendars.
Numbers are Fractions, series are dicts, and every instant is computed from nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from zoneinfo import ZoneInfo

from ebbwatch.expr.parse import parse
from ebbwatch.expr.tree import (
    Arithmetic,
    Call,
    Comparison,
    Literal,
    Logic,
    Minus,
    Name,
    Not,
    Quoted,
    Tree,
)
from ebbwatch.model.calendars import BusinessCalendar
from ebbwatch.model.durations import Duration
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import Every, add_months, day_of, micros, period_of
from ebbwatch.model.series import Series

SHORT = "the history is too short for its window"
ZERO = "division by zero"
STALE = "an input is stale"
ABSENT = "there is no figure yet"

_DAY = 1440


@dataclass(frozen=True)
class Unknown:
    """Not known, and why."""

    why: str


class Never:
    """Later than every duration."""


NEVER = Never()

Number = Fraction | Never | Unknown
Truth = bool | Unknown
Element = Number | Truth


@dataclass(frozen=True)
class Range:
    """A count of which some conditions are unknown, or what is made of one: its bounds.

    Attributes:
        low: The least it can be; None where nothing is known.
        high: The most it can be.
        why: Why it is not one number.
    """

    low: Fraction | None
    high: Fraction | None
    why: str


@dataclass(frozen=True)
class Reading:
    """What an expression says at an instant: the period, and its value or verdict."""

    period: int
    value: Element | Range


@dataclass
class Known:
    """Facts, and what of them can be read at an instant."""

    catalogue: Mapping[str, Series]
    calendars: Mapping[str, BusinessCalendar]
    facts: Sequence[Observation]
    defines: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, tuple[str, bool, Mapping[str, str]]] = field(default_factory=dict)

    def effect(self, fact: Observation) -> int:
        """Return from when a fact can be read: no period is later than the day of as_of."""
        every = self.catalogue[fact.series].every
        if not every.dated:
            return max(micros(fact.known_at), fact.period * 60_000_000)
        day = day_of(fact.period)
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("America/New_York"))
        return max(micros(fact.known_at), micros(midnight))

    def of(self, series: str, at: int) -> dict[int, Fraction]:
        """Return a series as known at an instant, oldest period first."""
        newest: dict[int, tuple[int, int, Decimal | None]] = {}
        for place, fact in enumerate(self.facts):
            if fact.series != series or self.effect(fact) > at:
                continue
            mark = (micros(fact.known_at), place, fact.value)
            if fact.period not in newest or mark[:2] >= newest[fact.period][:2]:
                newest[fact.period] = mark
        return {
            period: Fraction(mark[2])
            for period, mark in sorted(newest.items())
            if mark[2] is not None
        }

    def newest(self, series: str, at: int) -> tuple[int, int] | None:
        """Return the newest period known at an instant, future ones included, and since when."""
        mine = [f for f in self.facts if f.series == series and f.value is not None]
        known = [f for f in mine if micros(f.known_at) <= at]
        if not known:
            return None
        period = max(f.period for f in known)
        since = [micros(f.known_at) for f in known if f.period == period]
        whole = [at for at in since if not self._in_part(series, period, at)]
        return period, min(whole or since)

    def _in_part(self, series: str, period: int, known_at: int) -> bool:
        """Return whether a figure became known before the last part of its period was out."""
        entry = self.catalogue[series]
        return entry.in_parts and known_at < self._out(entry, day_of(period))

    def is_partial(self, series: str, at: int) -> bool:
        """Return whether parts of a series' newest period were still to come at an instant."""
        known = [f for f in self.facts if f.series == series and self.effect(f) <= at]
        if not known:
            return False
        period = max(f.period for f in known)
        return all(
            self._in_part(series, period, micros(f.known_at)) for f in known if f.period == period
        )

    def edges(self, series: str, period: int, since: int) -> tuple[int | None, int | None]:
        """Return when a series becomes late and stale if nothing follows a period."""
        entry = self.catalogue[series]
        late = stale = None
        if entry.calendar is not None:
            calendar = self.calendars[entry.calendar]
            following = calendar.add(day_of(period), 1)
            if self._in_part(series, period, since):
                following = day_of(period)
            late = self._released(entry, following)
            stale = self._released(entry, calendar.add(following, 1))
        if entry.stale_after is not None:
            lapsed = since + entry.stale_after // timedelta(microseconds=1)
            stale = lapsed if stale is None else min(stale, lapsed)
        return late, stale

    def _released(self, series: Series, day: date) -> int:
        """Return when a business day's figure comes out, and two hours of grace."""
        return self._out(series, day) + 2 * 3_600_000_000

    def _out(self, series: Series, day: date) -> int:
        """Return when a business day's figure comes out, whole."""
        rule = max(series.released, key=lambda one: one.at)
        out = self.calendars[rule.calendar].add(day, rule.count)
        return micros(datetime.combine(out, rule.at, tzinfo=ZoneInfo(rule.zone)).astimezone(UTC))

    def is_late(self, series: str, at: int) -> bool:
        """Return whether a series is late at an instant."""
        held = self.newest(series, at)
        late = None if held is None else self.edges(series, *held)[0]
        return late is not None and late <= at

    def is_stale(self, series: str, at: int) -> bool:
        """Return whether a series is stale at an instant."""
        held = self.newest(series, at)
        stale = None if held is None else self.edges(series, *held)[1]
        return stale is not None and stale <= at

    def instants(self, names: Iterable[str]) -> list[int]:
        """Return every instant at which any of some series can change what is read."""
        found = set()
        for name in names:
            for fact in self.facts:
                if fact.series == name:
                    known = micros(fact.known_at)
                    found |= {self.effect(fact), known}
                    found |= set(self.edges(name, fact.period, known))
        return sorted(found - {None})  # type: ignore[type-var]


@dataclass
class Naive:
    """Evaluates one text at one instant."""

    known: Known
    at: int

    # ---- static ----------------------------------------------------------------------

    def every(self, tree: Tree) -> Every | None:
        """Return the frequency of a tree; None for a constant."""
        match tree:
            case Literal() | Quoted():
                return None
            case Name(name=name) if name in self.known.defines:
                return self.every(parse(self.known.defines[name]))
            case Name(name=name):
                return self.known.catalogue[name].every
            case Minus(operand=a) | Not(operand=a):
                return self.every(a)
            case Arithmetic(left=a, right=b) | Comparison(left=a, right=b):
                return _joint(self.every(a), self.every(b))
            case Logic(operands=operands):
                found = None
                for operand in operands:
                    found = _joint(found, self.every(operand))
                return found
            case Call(function=function, arguments=arguments):
                return self.every(arguments[1 if function.name == "at" else 0])
        raise AssertionError(tree)

    def names(self, tree: Tree) -> list[str]:
        """Return the series that a tree reads."""
        match tree:
            case Literal() | Quoted():
                return []
            case Name(name=name) if name in self.known.defines:
                return self.names(parse(self.known.defines[name]))
            case Name(name=name):
                return [name] if name in self.known.catalogue else []
            case Minus(operand=a) | Not(operand=a):
                return self.names(a)
            case Arithmetic(left=a, right=b) | Comparison(left=a, right=b):
                return self.names(a) + self.names(b)
            case Logic(operands=operands):
                return [name for operand in operands for name in self.names(operand)]
            case Call(function=function, arguments=arguments) if function.name == "breaches":
                assert isinstance(arguments[0], Quoted)
                return self.names(parse(self.known.rules[arguments[0].text][0]))
            case Call(arguments=arguments):
                return [name for argument in arguments for name in self.names(argument)]
        raise AssertionError(tree)

    def momentary(self, tree: Tree) -> bool:
        """Return whether a tree is read at an instant, without past periods."""
        match tree:
            case Call(function=function, arguments=arguments):
                return function.name in ("count", "breaches") or any(map(self.momentary, arguments))
            case Minus(operand=a) | Not(operand=a):
                return self.momentary(a)
            case Arithmetic(left=a, right=b) | Comparison(left=a, right=b):
                return self.momentary(a) or self.momentary(b)
            case Logic(operands=operands):
                return any(map(self.momentary, operands))
            case Name(name=name) if name in self.known.defines:
                return self.momentary(parse(self.known.defines[name]))
        return False

    # ---- the reading -----------------------------------------------------------------

    def reading(self, text: str) -> Reading | None:
        """Return what a text says now; None where there is no element yet."""
        return self.read(parse(text))

    def read(self, tree: Tree) -> Reading | None:
        """Return the last element of a tree; stale inputs make it unknown."""
        if self.momentary(tree):
            return self.read_at_once(tree)
        elements = self.elements(tree)
        if not elements:
            return None
        period = max(elements)
        return Reading(period, self.fresh(tree, elements, period))

    def fresh(self, tree: Tree, elements: Mapping[int, Element], period: int) -> Element:
        """Return an element, unknown where what it is made of is stale; by Kleene."""
        match tree:
            case Name(name=name) if name in self.known.defines:
                return self.fresh(parse(self.known.defines[name]), elements, period)
            case Logic(operator=operator, operands=operands):
                parts = self.operands_at(operands, period)
                return _fold(operator, parts)
            case Not(operand=operand):
                return _negation(self.fresh(operand, self.elements(operand), period))
        if any(self.known.is_stale(name, self.at) for name in self.names(tree)):
            return Unknown(STALE)
        return elements[period]

    def operands_at(self, operands: Sequence[Tree], period: int) -> list[Truth]:
        """Return what conditions say for a period of the fastest of them."""
        fastest = min((e for o in operands if (e := self.every(o))), key=lambda e: e.rank)
        parts: list[Truth] = []
        for operand in operands:
            elements, every = self.elements(operand), self.every(operand)
            assert every is not None
            there = _carried(elements, every, period, fastest)
            assert there is not None
            found = self.fresh(operand, elements, there)
            assert isinstance(found, bool | Unknown)
            parts.append(found)
        return parts

    # ---- series over periods ---------------------------------------------------------

    def elements(self, tree: Tree) -> dict[int, Element]:
        """Return a tree's series over periods, as known now."""
        match tree:
            case Name(name=name) if name in self.known.defines:
                return self.elements(parse(self.known.defines[name]))
            case Name(name=name):
                return dict(self.known.of(name, self.at))
            case Minus(operand=a):
                return _each(self.elements(a), lambda v: -v)
            case Not(operand=a):
                return {p: _negation(v) for p, v in self.elements(a).items()}  # type: ignore[arg-type]
            case Arithmetic(operator=operator, left=a, right=b):
                return self.pairs(a, b, lambda x, y: _arithmetic(operator, x, y))
            case Comparison(operator=operator, left=a, right=b):
                return self.pairs(a, b, lambda x, y: _compare(operator, x, y))
            case Logic(operator=operator, operands=operands):
                found, every = self.elements(operands[0]), self.every(operands[0])
                for operand in operands[1:]:
                    other = self.every(operand)
                    found = self.aligned(
                        found, every, self.elements(operand), other,
                        lambda x, y: _fold(operator, [x, y]),  # type: ignore[list-item]
                    )  # fmt: skip
                    every = _joint(every, other)
                return found
            case Call():
                return self.call(tree)
        raise AssertionError(tree)

    def pairs(
        self, a: Tree, b: Tree, of: Callable[[Element, Element], Element]
    ) -> dict[int, Element]:
        """Return an operation on two trees, period by period."""
        left, right = _constant(a), _constant(b)
        if left is not None:
            return {p: of(left, v) for p, v in self.elements(b).items()}
        if right is not None:
            return {p: of(v, right) for p, v in self.elements(a).items()}
        return self.aligned(self.elements(a), self.every(a), self.elements(b), self.every(b), of)

    def aligned(
        self, a: dict[int, Element], every_a: Every | None, b: dict[int, Element],
        every_b: Every | None, of: Callable[[Element, Element], Element],
    ) -> dict[int, Element]:  # fmt: skip
        """Return an operation on the periods of the faster series, the slower carried forward."""
        assert every_a is not None
        assert every_b is not None
        if every_a.rank == every_b.rank:
            return {p: of(a[p], b[p]) for p in sorted(set(a) & set(b))}
        found: dict[int, Element] = {}
        for p in sorted(a if every_a.rank < every_b.rank else b):
            if every_a.rank < every_b.rank:
                q = _carried(b, every_b, p, every_a)
                if q is not None:
                    found[p] = of(a[p], b[q])
            else:
                q = _carried(a, every_a, p, every_b)
                if q is not None:
                    found[p] = of(a[q], b[p])
        return found

    # ---- functions -------------------------------------------------------------------

    def call(self, tree: Call) -> dict[int, Element]:
        """Return a function's series over periods."""
        name, arguments = tree.function.name, tree.arguments
        if name == "at":
            x, y = self.elements(arguments[0]), self.elements(arguments[1])
            every_x, every_y = self.every(arguments[0]), self.every(arguments[1])
            assert every_x is not None
            assert every_y is not None
            return {
                p: x[q] for p in y if (q := _carried(x, every_x, p, every_y, at=True)) is not None
            }
        elements = self.elements(arguments[0])
        if name == "abs":
            return _each(elements, abs)
        if name == "streak":
            return _streaks(elements)
        if name == "times":
            elements = {
                p: v if isinstance(v, Unknown) else Fraction(v is True) for p, v in elements.items()
            }
        window = arguments[-1] if len(arguments) > 1 else None
        span = window.duration if isinstance(window, Literal) else None
        known = {p: v for p, v in elements.items() if isinstance(v, Fraction)}
        calendar = self.known.calendars["sifma"]
        found: dict[int, Element] = {}
        for p, x in elements.items():
            if not isinstance(x, Fraction):
                found[p] = x
                continue
            past = {q: v for q, v in known.items() if q <= p}
            if name == "ewma":
                assert span is not None
                found[p] = _half_life(past, p, span)
            elif span is None:
                found[p] = _of_all(name, past, x, reached=self.reaches_back(arguments[0]))
            else:
                level = _constant(arguments[1]) if name.startswith("until") else None
                found[p] = _of_window(name, past, p, x, span, calendar, level)
        return found

    def reaches_back(self, tree: Tree) -> bool:
        """Return whether history is held from each series' `history_from` on."""
        for name in self.names(tree):
            begin = self.known.catalogue[name].history_from
            if begin is not None and not any(
                fact.series == name
                and fact.value is not None
                and fact.period <= period_of(begin)
                and self.known.effect(fact) <= self.at
                for fact in self.known.facts
            ):
                return False
        return True

    # ---- at an instant ---------------------------------------------------------------

    def read_at_once(self, tree: Tree) -> Reading | None:
        """Return what a tree with counts in it says, each part at its own latest period."""
        match tree:
            case Name(name=name):
                return self.read(parse(self.known.defines[name]))
            case Call(function=function, arguments=arguments) if function.name == "count":
                parts = [self.read(argument) for argument in arguments]
                true = sum(p is not None and p.value is True for p in parts)
                whys = [
                    ABSENT if p is None else p.value.why
                    for p in parts
                    if p is None or isinstance(p.value, Unknown)
                ]
                low, high = Fraction(true), Fraction(true + len(whys))
                return _newest(parts, Range(low, high, whys[0] if whys else ""))
            case Call(function=function, arguments=arguments) if function.name == "abs":
                reading, found = self.side(arguments[0])
                return _newest([reading], _absolute(found))
            case Minus(operand=operand):
                reading, found = self.side(operand)
                zero = Range(Fraction(0), Fraction(0), "")
                return _newest([reading], _range_arithmetic("-", zero, found))
            case Arithmetic(operator=operator, left=a, right=b):
                (one, x), (other, y) = self.side(a), self.side(b)
                return _newest([one, other], _range_arithmetic(operator, x, y))
            case Call(arguments=arguments):
                assert isinstance(arguments[0], Quoted)
                assert isinstance(arguments[1], Name)
                value, rising, thresholds = self.known.rules[arguments[0].text]
                sign = ">" if rising else "<"
                return self.read(parse(f"({value}) {sign} {thresholds[arguments[1].name]}"))
            case Logic(operator=operator, operands=operands):
                readings = [self.read(operand) for operand in operands]
                verdicts = [Unknown(ABSENT) if r is None else r.value for r in readings]
                return _newest(readings, _fold(operator, verdicts))  # type: ignore[arg-type]
            case Not(operand=operand):
                reading = self.read(operand)
                if reading is None:
                    return None
                return Reading(reading.period, _negation(reading.value))  # type: ignore[arg-type]
            case Comparison(operator=operator, left=a, right=b):
                (one, x), (other, y) = self.side(a), self.side(b)
                return _newest([one, other], _compare_ranges(operator, x, y))
        raise AssertionError(tree)

    def side(self, tree: Tree) -> tuple[Reading | None, Range]:
        """Return one side of a comparison as every number it can be."""
        constant = _constant(tree)
        if constant is not None:
            return None, Range(constant, constant, "")
        reading = self.read(tree)
        if reading is None:
            return None, Range(None, None, ABSENT)
        if isinstance(reading.value, Range):
            return reading, reading.value
        if isinstance(reading.value, Unknown):
            return reading, Range(None, None, reading.value.why)
        assert isinstance(reading.value, Fraction)
        return reading, Range(reading.value, reading.value, "")


# ---- meanings ----------------------------------------------------------------------------


def _joint(a: Every | None, b: Every | None) -> Every | None:
    """Return the frequency of an operation over two: the faster one's."""
    if a is None or b is None:
        return a or b
    return a if a.rank <= b.rank else b


def _carried(
    slow: Mapping[int, Element], every: Every, period: int, fast: Every, *, at: bool = False
) -> int | None:
    """Return the latest period of a series that had ended by the end of a faster one's period."""
    if every.rank == fast.rank and not at:
        return period if period in slow else None
    return max((q for q in slow if every.end(q) <= fast.end(period)), default=None)


def _constant(tree: Tree) -> Fraction | None:
    match tree:
        case Literal(quantity=quantity) if quantity is not None:
            return quantity.value
        case Minus(operand=operand):
            value = _constant(operand)
            return None if value is None else -value
        case Arithmetic(operator=operator, left=a, right=b):
            x, y = _constant(a), _constant(b)
            if x is None or y is None:
                return None
            value = _arithmetic(operator, x, y)
            assert isinstance(value, Fraction)
            return value
    return None


def _each(
    elements: Mapping[int, Element], of: Callable[[Fraction], Fraction]
) -> dict[int, Element]:
    return {p: of(v) if isinstance(v, Fraction) else v for p, v in elements.items()}


def _arithmetic(operator: str, x: Element, y: Element) -> Element:
    for side in (x, y):
        if isinstance(side, Unknown):
            return side
    assert isinstance(x, Fraction)
    assert isinstance(y, Fraction)
    if operator == "/":
        return x / y if y != 0 else Unknown(ZERO)
    return {"+": x + y, "-": x - y, "*": x * y}[operator]


def _compare(operator: str, x: Element, y: Element) -> Truth:
    for side in (x, y):
        if isinstance(side, Unknown):
            return side
    if isinstance(x, Never) or isinstance(y, Never):
        order = isinstance(x, Never) - isinstance(y, Never)
    else:
        assert isinstance(x, Fraction)
        assert isinstance(y, Fraction)
        order = (x > y) - (x < y)
    return {
        "<": order < 0, "<=": order <= 0, ">": order > 0,
        ">=": order >= 0, "==": order == 0, "!=": order != 0,
    }[operator]  # fmt: skip


def _absolute(x: Range) -> Range:
    if x.low is None or x.high is None:
        return x
    sizes = [abs(x.low), abs(x.high)]
    least = Fraction(0) if x.low < 0 < x.high else min(sizes)
    return Range(least, max(sizes), x.why)


def _range_arithmetic(operator: str, x: Range, y: Range) -> Range:
    """Return every number that an operation can give, from the least to the most."""
    why = x.why or y.why
    if x.low is None or x.high is None or y.low is None or y.high is None:
        return Range(None, None, why)
    if operator == "/" and y.low <= 0 <= y.high:
        return Range(None, None, ZERO if y.low == y.high else why)
    corners = [_arithmetic(operator, a, b) for a in (x.low, x.high) for b in (y.low, y.high)]
    numbers = [corner for corner in corners if isinstance(corner, Fraction)]
    return Range(min(numbers), max(numbers), why)


def _compare_ranges(operator: str, x: Range, y: Range) -> Truth:
    """Return a verdict where it is the same for every pair of numbers within the bounds."""
    why = Unknown(x.why or y.why)
    if x.low is None or x.high is None or y.low is None or y.high is None:
        return why
    overlap = x.low <= y.high and y.low <= x.high
    can_differ = not x.low == x.high == y.low == y.high
    can_be, can_fail = {
        "<": (x.low < y.high, x.high >= y.low),
        "<=": (x.low <= y.high, x.high > y.low),
        ">": (x.high > y.low, x.low <= y.high),
        ">=": (x.high >= y.low, x.low < y.high),
        "==": (overlap, can_differ),
        "!=": (can_differ, overlap),
    }[operator]
    return can_be if can_be != can_fail else why


def _fold(operator: str, parts: Sequence[Truth]) -> Truth:
    decisive = operator == "or"
    if any(part is decisive for part in parts):
        return decisive
    return next((part for part in parts if isinstance(part, Unknown)), not decisive)


def _negation(value: Truth) -> Truth:
    return value if isinstance(value, Unknown) else not value


def _newest(parts: Sequence[Reading | None], value: Element | Range) -> Reading | None:
    periods = [part.period for part in parts if part is not None]
    return Reading(max(periods), value) if periods else None


def _streaks(elements: Mapping[int, Element]) -> dict[int, Element]:
    found: dict[int, Element] = {}
    run = 0
    for period, value in sorted(elements.items()):
        if isinstance(value, Unknown):
            found[period] = value
            continue
        run = run + 1 if value else 0
        found[period] = Fraction(run)
    return found


def window_start(period: int, span: Duration, calendar: BusinessCalendar) -> int:
    """Return the period less a span of time."""
    if span.days is not None:
        return period - int(span.days * _DAY)
    day, minute = day_of(period), period % _DAY
    if span.unit == "bd":
        left = int(span.count)
        while left:
            day -= timedelta(days=1)
            left -= calendar.is_open(day)
        return period_of(day) + minute
    months = int(span.count) * (12 if span.unit == "y" else 1)
    return period_of(add_months(date(day.year, day.month, day.day), -months)) + minute


def _lag(
    past: Mapping[int, Fraction], p: int, span: Duration, calendar: BusinessCalendar
) -> Number:
    if span.unit == "releases":
        ordered = sorted(past)
        place = len(ordered) - 1 - int(span.count)
        return past[ordered[place]] if place >= 0 else Unknown(SHORT)
    begin = window_start(p, span, calendar)
    earlier = [q for q in past if q <= begin]
    return past[max(earlier)] if earlier else Unknown(SHORT)


def _of_window(
    name: str, past: Mapping[int, Fraction], p: int, x: Fraction, span: Duration,
    calendar: BusinessCalendar, level: Fraction | None,
) -> Number:  # fmt: skip
    if name in ("lag", "change", "pct_change"):
        before = _lag(past, p, span, calendar)
        if name == "lag" or isinstance(before, Unknown):
            return before
        assert isinstance(before, Fraction)
        if name == "change":
            return x - before
        return x / before - 1 if before else Unknown(ZERO)
    ordered = sorted(past)
    if span.unit == "releases":
        inside = ordered[-int(span.count) :]
        reached = len(inside) == span.count
    else:
        begin = window_start(p, span, calendar)
        inside = [q for q in ordered if q > begin]
        reached = ordered[0] <= begin
    if not reached:
        return Unknown(SHORT)
    return _reduced(name, {q: past[q] for q in inside}, x, level)


def _of_all(name: str, past: Mapping[int, Fraction], x: Fraction, *, reached: bool) -> Number:
    return _reduced(name, past, x, None) if reached else Unknown(SHORT)


def _reduced(
    name: str, inside: Mapping[int, Fraction], x: Fraction, level: Fraction | None
) -> Number:
    values = sorted(inside.values())
    size = len(values)
    match name:
        case "avg":
            return sum(values, Fraction(0)) / size
        case "sum" | "times":
            return sum(values, Fraction(0))
        case "min" | "trough":
            return values[0]
        case "max" | "peak":
            return values[-1]
        case "median":
            return (values[(size - 1) // 2] + values[size // 2]) / 2
        case "percentile":
            return Fraction(sum(v <= x for v in values), size)
        case "drawdown":
            return x / values[-1] - 1 if values[-1] else Unknown(ZERO)
    if size < 2:
        return Unknown(SHORT)
    if name in ("stdev", "zscore"):
        deviation = _root(variance(values))
        if name == "stdev":
            return deviation
        return (x - sum(values, Fraction(0)) / size) / deviation if deviation else Unknown(ZERO)
    gradient = _gradient(inside)
    if name == "slope":
        return gradient
    assert level is not None
    below = name == "until_below"
    if x < level if below else x > level:
        return Fraction(0)
    if gradient >= 0 if below else gradient <= 0:
        return NEVER
    return (level - x) / gradient


def variance(values: Sequence[Fraction]) -> Fraction:
    """Return the sample variance."""
    average = sum(values, Fraction(0)) / len(values)
    return sum(((v - average) ** 2 for v in values), Fraction(0)) / (len(values) - 1)


def _root(square: Fraction) -> Fraction:
    with localcontext() as context:
        context.prec = 60
        return Fraction((Decimal(square.numerator) / Decimal(square.denominator)).sqrt())


def _gradient(inside: Mapping[int, Fraction]) -> Fraction:
    """Return the least-squares change per day."""
    n = len(inside)
    times = {q: Fraction(q, _DAY) for q in inside}
    mean_t = sum(times.values(), Fraction(0)) / n
    mean_x = sum(inside.values(), Fraction(0)) / n
    above = sum(((times[q] - mean_t) * (v - mean_x) for q, v in inside.items()), Fraction(0))
    return above / sum(((t - mean_t) ** 2 for t in times.values()), Fraction(0))


def _half_life(past: Mapping[int, Fraction], p: int, span: Duration) -> Fraction:
    ordered = sorted(past)
    weights, total = Fraction(0), Fraction(0)
    with localcontext() as context:
        context.prec = 60
        for place, q in enumerate(reversed(ordered)):
            if span.unit == "releases":
                lives = Fraction(place) / span.count
            else:
                assert span.days is not None
                lives = Fraction(p - q, _DAY) / span.days
            power = Decimal(lives.numerator) / Decimal(lives.denominator)
            weight = Fraction(Decimal(2) ** -power)
            weights += weight
            total += weight * past[q]
    return total / weights
