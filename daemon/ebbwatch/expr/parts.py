"""Units and periods: what parts of an expression measure, and what operators make of them.

Every operation here gives the new part, or says in words why there is none; where in the text
that is wrong is the checker's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from ebbwatch.expr.graph import Graph, Node, Periods
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Every, Rank
from ebbwatch.model.units import NUMBER, RATE, RATIO, Dimension, Kind, Quantity

#: Most digits of a number that is computed from numbers alone, before and after the point.
LIMIT_DIGITS = 60


@dataclass(frozen=True, slots=True)
class Part:
    """What a part of an expression is.

    Attributes:
        node: What it computes.
        percent: Whether it is a constant written in percent, which fits ratios and rates.
        bare: Whether it is a constant written without a unit.
        difference: Whether it is a difference of rates.
        duration: The duration that it was written as; None for anything else.
        digits: Digits of the constants that it was multiplied and divided by, in a row.
    """

    node: Node
    percent: bool = False
    bare: bool = False
    difference: bool = False
    duration: Duration | None = None
    digits: int = 0

    @property
    def dimension(self) -> Dimension:
        """Return what a number measures."""
        assert self.node.dimension is not None
        return self.node.dimension

    @property
    def said(self) -> str:
        """Return what a number is, for a complaint."""
        if self.node.is_constant and self.bare:
            return "a number without a unit"
        article = "an amount of " if self.dimension.kind is Kind.MONEY else "a "
        return f"{article}{self.dimension}"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why parts do not go together.

    Attributes:
        code: Stable short name: ``units``.
        message: What is wrong.
        hint: The way out; may be empty.
    """

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Operations:
    """What operators make of parts, as nodes of a graph."""

    graph: Graph

    def constant(self, number: Fraction, dimension: Dimension) -> Node:
        """Return the node of a fixed number."""
        return self.graph.node("const", params=(number, str(dimension)), dimension=dimension)

    def negated(self, part: Part) -> Part:
        """Return a number with the other sign."""
        if part.node.is_constant:
            node = self.constant(-part.node.value, part.dimension)
        else:
            node = self.graph.node("neg", part.node, dimension=part.dimension,
                                   periods=part.node.periods)  # fmt: skip
        return replace(part, node=node, duration=None)

    def arithmetic(self, operator: str, left: Part, right: Part) -> Part | Wrong:
        """Return a sum, difference, product or quotient."""
        return (self._sum if operator in "+-" else self._product)(operator, left, right)

    def _sum(self, operator: str, left: Part, right: Part) -> Part | Wrong:
        same = self.unified(left, right, "add" if operator == "+" else "subtract")
        if isinstance(same, Wrong):
            return same
        left, right = same
        dimension = left.dimension
        if left.dimension.plain != right.dimension.plain:
            dimension = replace(dimension, plain=True)
        rate = dimension.kind is Kind.RATE
        if operator == "-":
            difference = rate and (left.difference == right.difference or right.node.is_constant)
        else:
            difference = rate and left.difference and right.difference
        digits = max(left.digits, right.digits)
        made = self._combined(operator, left, right, dimension, digits)
        if isinstance(made, Wrong):
            return made
        if made.node.is_constant:
            return replace(made, percent=left.percent and right.percent,
                           bare=left.bare and right.bare)  # fmt: skip
        return replace(made, difference=difference)

    def _product(self, operator: str, left: Part, right: Part) -> Part | Wrong:
        dimension = _product_dimension(operator, left, right)
        if isinstance(dimension, str):
            return Wrong("units", dimension, _product_hint(operator, left, right))
        fixed = left.node.is_constant or right.node.is_constant
        digits = left.digits + right.digits if fixed else max(left.digits, right.digits)
        made = self._combined(operator, left, right, dimension, digits)
        if isinstance(made, Wrong):
            return made
        if made.node.is_constant:
            percent = (left.percent or right.percent) and dimension.kind is Kind.RATIO
            return replace(made, percent=percent, bare=left.bare and right.bare)
        difference = dimension.kind is Kind.RATE and (left.difference or right.difference)
        return replace(made, difference=difference)

    def _combined(
        self, operator: str, left: Part, right: Part, dimension: Dimension, digits: int
    ) -> Part | Wrong:
        a, b = left.node, right.node
        if a.is_constant and b.is_constant:
            x, y = a.value, b.value
            number = {"+": x + y, "-": x - y, "*": x * y}.get(operator)
            number = x / y if number is None else number
            made = Part(self.constant(number, dimension), digits=digits_of(number))
        else:
            aligned = self.aligned(a.periods, b.periods)
            if isinstance(aligned, Wrong):
                return aligned
            node = self.graph.node(operator, a, b, dimension=dimension, periods=aligned)
            made = Part(node, digits=digits)
        if made.digits > LIMIT_DIGITS:
            return Wrong("too-large", f"a number computed here has {made.digits} digits, "
                         f"at most {LIMIT_DIGITS} may be")  # fmt: skip
        return made

    def compared(self, operator: str, left: Part, right: Part) -> Part | Wrong:
        """Return the comparison of two numbers of one dimension."""
        if left.node.is_constant and right.node.is_constant:
            return Wrong("constant", "this compares two numbers that never change")
        aligned = self.aligned(left.node.periods, right.node.periods)
        if isinstance(aligned, Wrong):
            return aligned
        return Part(self.graph.node(operator, left.node, right.node, periods=aligned))

    def joined(self, operator: str, conditions: list[Part]) -> Part | Wrong:
        """Return conditions joined by `and` or `or`."""
        node = conditions[0].node
        for other in conditions[1:]:
            aligned = self.aligned(node.periods, other.node.periods)
            if isinstance(aligned, Wrong):
                return aligned
            node = self.graph.node(operator, node, other.node, periods=aligned)
        return Part(node)

    def opposite(self, condition: Part) -> Part:
        """Return what `not` makes of a condition."""
        node = condition.node
        return Part(self.graph.node("not", node, periods=node.periods))

    def unified(self, left: Part, right: Part, verb: str) -> tuple[Part, Part] | Wrong:
        """Return both in one dimension, constants adapted to what they meet.

        Args:
            left: A number.
            right: Another.
            verb: What is to be done with them, for the complaint: ``add``.
        """
        if left.dimension.fits(right.dimension):
            if verb == "compare" and (wrong := _unit_left_out(left, right)):
                return wrong
            return left, right
        if (adapted := self._adapted(left, right.dimension)) is not None:
            return adapted, right
        if (adapted := self._adapted(right, left.dimension)) is not None:
            return left, adapted
        message = f"cannot {verb} {left.said} and {right.said}"
        return Wrong("units", message, _mismatch_hint(left, right))

    def _adapted(self, part: Part, to: Dimension) -> Part | None:
        """Return a constant in the dimension it meets, where its writing allows."""
        if not part.node.is_constant or to.per_time:
            return None
        fits = (part.percent and to.kind is Kind.RATE) or (part.bare and to.kind is Kind.COUNT)
        return replace(part, node=self.constant(part.node.value, to)) if fits else None

    @staticmethod
    def aligned(p: Periods, q: Periods) -> Periods | Wrong:
        """Return the periods of what is computed from two; the faster one sets them."""
        if p.momentary or q.momentary:
            return Periods(momentary=True, setters=p.setters | q.setters)
        if p.every is None or q.every is None:
            return p if q.every is None else q
        if p.every.rank != q.every.rank:
            return p if p.every.rank < q.every.rank else q
        if p.every.weekday != q.every.weekday:
            return Wrong(
                "periods", f"one side is {p.every.name}, the other {q.every.name}",
                "put one on the other's periods: at(x, y)",
            )  # fmt: skip
        return Periods(_coarser(p.every, q.every), p.setters | q.setters, p.calendar)


def digits_of(number: Fraction) -> int:
    """Return how many digits a constant has, before and after the point together."""
    bits = abs(number.numerator).bit_length() + number.denominator.bit_length()
    return bits * 3 // 10


def _coarser(a: Every, b: Every) -> Every:
    """Return the frequency of the periods that both have."""
    if a.rank is Rank.DAILY:
        return a if a.name == "business day" else b
    return a if a.minutes >= b.minutes else b


def _unit_left_out(left: Part, right: Part) -> Wrong | None:
    """Return the complaint where a share is compared with a bare number, which may mean percent.

    Nil is nil in every unit. Scores and indices are bare numbers themselves.
    """
    for share, number in ((left, right), (right, left)):
        is_share = share.dimension.kind is Kind.RATIO and not share.dimension.plain
        written = number.node.is_constant and number.bare and number.node.value != 0
        if is_share and written and not share.node.is_constant:
            message = f"cannot compare {share.said} and {number.said}"
            return Wrong("units", message, _in_percent(number.node.value))
    return None


def _in_percent(number: Fraction) -> str:
    """Return both things that a bare number beside a share may mean."""
    asked, meant = (f"{float(value):.12g} %" for value in (number, number * 100))
    return f"put the unit on the number: {asked}, or {meant} for {float(number):.12g} times as much"


def _mismatch_hint(left: Part, right: Part) -> str:
    for one, other in ((left, right), (right, left)):
        kind = one.dimension.kind
        if one.dimension.per_time and not other.dimension.per_time:
            return "a slope is a change per time: multiply it by a duration, slope(x, 13 w) * 30 d"
        if other.node.is_constant and other.bare:
            unit = {Kind.RATE: "5 % or 20 bp", Kind.MONEY: "$2.8tn", Kind.TIME: "30 d"}.get(kind)
            unit = unit or (f"$4000/{one.dimension.thing}" if kind is Kind.PRICE else None)
            if unit:
                return f"put the unit on the number: {unit}"
        if kind is Kind.RATIO and other.dimension.kind is Kind.RATE and other.node.is_constant:
            return "bp fits rates only; a ratio is compared with %: 10 %"
        if kind is Kind.COUNT and other.node.is_constant:
            return "a count is compared with a plain number: 3"
    return ""


def _product_dimension(operator: str, left: Part, right: Part) -> Dimension | str:
    """Return the dimension of a product or quotient, or why there is none."""
    a, b = left.dimension, right.dimension
    scalar = (Kind.RATIO, Kind.COUNT)
    if operator == "*":
        if b.kind in scalar and not b.per_time:
            return _scaled(a, b)
        if a.kind in scalar and not a.per_time:
            return b
        for one, other in ((a, b), (b, a)):
            if one.per_time and other.kind is Kind.TIME and not other.per_time:
                return replace(one, per_time=False)
        return f"{left.said} times {right.said} has no unit"
    if b.kind in scalar and not b.per_time:
        if a.kind in scalar and not a.per_time:
            # What is made of scores, indices and counts alone is no share of anything.
            return _quotient_of_numbers(left, right)
        return a
    if a.fits(b):
        return RATIO
    if b.per_time and a.fits(replace(b, per_time=False)):
        return Dimension(Kind.TIME)
    return f"{left.said} divided by {right.said} has no unit"


def _quotient_of_numbers(left: Part, right: Part) -> Dimension:
    fixed = left.node.is_constant and right.node.is_constant
    return NUMBER if _is_number(left) and _is_number(right) and not fixed else RATIO


def _is_number(part: Part) -> bool:
    """Return whether a part is a score, an index, a count, or written without a unit."""
    of = part.dimension
    return of.plain or of.kind is Kind.COUNT or (part.node.is_constant and part.bare)


def _scaled(a: Dimension, b: Dimension) -> Dimension:
    if a.kind is Kind.COUNT and b.kind is Kind.RATIO:
        return NUMBER
    return b if a.kind is Kind.RATIO and b.plain else a


def _product_hint(operator: str, left: Part, right: Part) -> str:
    a, b = left.dimension, right.dimension
    if operator == "/" and a.kind is Kind.PRICE and b.kind is Kind.PRICE:
        return "prices of different things: compare their changes, pct_change(x, 1 y)"
    if operator == "/" and b.kind is Kind.TIME:
        return "only slope makes a change per time: slope(x, 13 w)"
    if operator == "*" and RATE.kind in (a.kind, b.kind) and Kind.MONEY in (a.kind, b.kind):
        return "a rate is per year; write the ratio in plain numbers"
    return ""


def fitted(quantity: Quantity, to: Dimension) -> Quantity | tuple[str, str]:
    """Return a threshold in the dimension of what it is compared with, or (message, hint).

    Args:
        quantity: As `parse_quantity` returned it.
        to: Dimension of the rule's value.
    """
    node = Node("const", params=(quantity.value,), dimension=quantity.dimension)
    part = Part(node, percent=quantity.unit == "%", bare=quantity.bare)
    if quantity.dimension.fits(to):
        wrong = _unit_left_out(Part(Node("series", dimension=to)), part)
        return quantity if wrong is None else (wrong.message, wrong.hint)
    if not to.per_time and (
        (part.percent and to.kind is Kind.RATE) or (part.bare and to.kind is Kind.COUNT)
    ):
        return Quantity(quantity.value, to, quantity.unit)
    of = Part(Node("series", dimension=to))
    return f"cannot compare {of.said} and {part.said}", _mismatch_hint(of, part)
