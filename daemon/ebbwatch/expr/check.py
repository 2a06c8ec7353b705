"""Types and units: from a tree to a node of the graph, or to everything that is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ebbwatch.expr.functions import FUNCTIONS, Function
from ebbwatch.expr.graph import Expression, Graph, Node
from ebbwatch.expr.parse import parse
from ebbwatch.expr.tree import (
    Arithmetic,
    Call,
    Comparison,
    Fault,
    Faulty,
    Literal,
    Logic,
    Minus,
    Name,
    Not,
    Place,
    Quoted,
    Tree,
)
from ebbwatch.model.alert import LEVELS
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Every, Rank
from ebbwatch.model.series import Series
from ebbwatch.model.units import COUNT, NUMBER, RATE, RATIO, TIME, Dimension, Kind, Quantity

#: Deepest nesting, through defines and other rules, of what is checked.
LIMIT_NESTED = 128
#: Longest chain of computations, defines written out.
LIMIT_COMPUTED = 128


@dataclass(frozen=True, slots=True)
class RuleRef:
    """What an expression may ask about a rule, with ``breaches``.

    Attributes:
        value: Text of its value; None for a rule without a ladder.
        rising: True for ``above``.
        thresholds: By level word: ``warning``.
    """

    value: str | None
    rising: bool = True
    thresholds: Mapping[str, Quantity] = field(default_factory=dict)


@dataclass(slots=True)
class Scope:
    """The names that expressions of one ruleset may use, and the graph they share.

    Attributes:
        series: The catalogue.
        defines: Texts by name.
        rules: By name.
        graph: Where nodes are made.
    """

    series: Mapping[str, Series]
    defines: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, RuleRef] = field(default_factory=dict)
    graph: Graph = field(default_factory=Graph)
    _known: dict[str, _Value | list[Fault]] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _nested: int = 0


@dataclass(frozen=True, slots=True)
class _Value:
    """What a part of an expression is.

    Attributes:
        node: What it computes.
        percent: A constant written in percent, which fits ratios and rates.
        bare: A constant written without a unit.
        difference: A difference of rates.
        duration: Of a literal that is a length of time.
    """

    node: Node
    percent: bool = False
    bare: bool = False
    difference: bool = False
    duration: Duration | None = None

    @property
    def dimension(self) -> Dimension:
        assert self.node.dimension is not None
        return self.node.dimension


def compile_expression(text: str, scope: Scope) -> Expression | list[Fault]:
    """Return the checked expression, or every fault that can be told apart.

    Args:
        text: As written in a rule or a define.
        scope: The names it may use; its graph takes the nodes.
    """
    found = _compile(text, scope)
    if isinstance(found, list):
        return found
    node = found.node
    if node.is_constant:
        return [Fault(0, len(text), "constant", "this is the same at all times", "name a series")]
    return Expression(text, node, node.dimension, found.difference)


def _compile(text: str, scope: Scope) -> _Value | list[Fault]:
    known = scope._known.get(text)  # noqa: SLF001  the scope is this module's own notebook
    if known is not None:
        return known
    try:
        tree = parse(text)
    except Faulty as faulty:
        return [faulty.fault]
    checker = _Checker(scope)
    value = checker.visit(tree)
    if value is not None and value.node.depth > LIMIT_COMPUTED:
        checker.complain(
            tree.place, "too-deep",
            f"this takes {value.node.depth} computations in a row, at most {LIMIT_COMPUTED} may be",
        )  # fmt: skip
    result: _Value | list[Fault] = checker.faults if value is None else value
    if checker.faults:
        result = checker.faults
    scope._known[text] = result  # noqa: SLF001
    return result


@dataclass(slots=True)
class _Checker:
    """Visits one tree; collects faults and goes on where it can."""

    scope: Scope
    faults: list[Fault] = field(default_factory=list)

    def complain(self, place: Place, code: str, message: str, hint: str = "") -> None:
        """Note a fault."""
        self.faults.append(Fault(place.start, place.end, code, message, hint))

    # ---- nodes -----------------------------------------------------------------------

    def visit(self, tree: Tree) -> _Value | None:
        """Return what a tree is, or None after complaining."""
        if self.scope._nested >= LIMIT_NESTED:  # noqa: SLF001
            self.complain(tree.place, "too-deep", f"nested deeper than {LIMIT_NESTED}")
            return None
        self.scope._nested += 1  # noqa: SLF001
        try:
            return self._visited(tree)
        finally:
            self.scope._nested -= 1  # noqa: SLF001

    def _visited(self, tree: Tree) -> _Value | None:
        match tree:
            case Literal(place=place, quantity=quantity, duration=duration):
                if quantity is None:
                    self.complain(
                        place, "misplaced-duration", f"{duration} is a span, not a quantity",
                        "spans stand in windows, for and repeat only",
                    )  # fmt: skip
                    return None
                return _Value(
                    self._constant(quantity.value, quantity.dimension),
                    percent=quantity.unit == "%",
                    bare=quantity.bare,
                    duration=duration,
                )
            case Name():
                return self._name(tree)
            case Quoted(place=place):
                self.complain(place, "misplaced-text", "a quoted text has no place here",
                              "only breaches takes one")  # fmt: skip
                return None
            case Minus(operand=operand):
                value = self._number(operand)
                return None if value is None else self._negated(value)
            case Arithmetic():
                return self._arithmetic(tree)
            case Comparison():
                return self._comparison(tree)
            case Logic(operator=operator, operands=operands):
                conditions = [self._condition(operand) for operand in operands]
                whole = [c for c in conditions if c is not None]
                if len(whole) < len(conditions):
                    return None
                return self._logic(operator, whole, tree.place)
            case Not(operand=operand):
                condition = self._condition(operand)
                if condition is None:
                    return None
                return _Value(self._like("not", condition.node))
            case Call():
                return self._call(tree)

    def _constant(self, number: Fraction, dimension: Dimension) -> Node:
        return self.scope.graph.node("const", params=(number, str(dimension)), dimension=dimension)

    def _like(self, op: str, node: Node, *more: Node, params: tuple[object, ...] = (),
              dimension: Dimension | None = None) -> Node:  # fmt: skip
        """Return a node on the periods of another."""
        return self.scope.graph.node(
            op, node, *more, params=params, dimension=dimension, every=node.every,  # type: ignore[arg-type]
            setters=node.setters, calendar=node.calendar, momentary=node.momentary,
        )  # fmt: skip

    # ---- names -----------------------------------------------------------------------

    def _name(self, tree: Name) -> _Value | None:
        name, scope = tree.name, self.scope
        if name in scope.defines:
            return self._define(tree)
        series = scope.series.get(name)
        if series is None:
            hint = suggestion(name, [*scope.series, *scope.defines])
            if name in FUNCTIONS:
                hint = f"{name} is a function: {FUNCTIONS[name].signature}"
            self.complain(tree.place, "unknown-name", f"there is no series or define {name}", hint)
            return None
        calendar = series.released.calendar if series.released else "sifma"
        node = scope.graph.node(
            "series", params=(name,), dimension=series.unit.dimension, every=series.every,
            setters=frozenset([name]), calendar=calendar,
        )  # fmt: skip
        return _Value(node)

    def _define(self, tree: Name) -> _Value | None:
        name, scope = tree.name, self.scope
        if name in scope._open:  # noqa: SLF001
            circle = " -> ".join([*scope._open[scope._open.index(name) :], name])  # noqa: SLF001
            self.complain(tree.place, "circular-define", f"{name} is defined by itself: {circle}")
            return None
        scope._open.append(name)  # noqa: SLF001
        try:
            found = _compile(scope.defines[name], scope)
        finally:
            scope._open.pop()  # noqa: SLF001
        if isinstance(found, list):
            circular = [fault for fault in found if fault.code == "circular-define"]
            if circular:
                self.complain(tree.place, "circular-define", circular[0].message)
            else:
                self.complain(tree.place, "broken-define", f"the define {name} has a mistake",
                              "see the problem at its own place")  # fmt: skip
            return None
        return replace(found, duration=None)

    # ---- arithmetic ------------------------------------------------------------------

    def _number(self, tree: Tree) -> _Value | None:
        value = self.visit(tree)
        if value is not None and value.node.is_condition:
            self.complain(tree.place, "not-a-number", "expected a number, found a condition")
            return None
        return value

    def _condition(self, tree: Tree) -> _Value | None:
        value = self.visit(tree)
        if value is not None and not value.node.is_condition:
            self.complain(
                tree.place, "not-a-condition",
                f"expected a condition, found a number ({value.dimension})",
                "compare it with something: x > 10 bp",
            )  # fmt: skip
            return None
        return value

    def _negated(self, value: _Value) -> _Value:
        if value.node.is_constant:
            return replace(value, node=self._constant(-value.node.value, value.dimension),
                           duration=None)  # fmt: skip
        node = self._like("neg", value.node, dimension=value.dimension)
        return replace(value, node=node, duration=None)

    def _arithmetic(self, tree: Arithmetic) -> _Value | None:
        left, right = self._number(tree.left), self._number(tree.right)
        if left is None or right is None:
            return None
        if tree.operator in "+-":
            return self._sum(tree, left, right)
        return self._product(tree, left, right)

    def _sum(self, tree: Arithmetic, left: _Value, right: _Value) -> _Value | None:
        same = self._unify(tree.place, left, right, "add" if tree.operator == "+" else "subtract")
        if same is None:
            return None
        left, right = same
        dimension = left.dimension
        if left.dimension.plain != right.dimension.plain:
            dimension = replace(dimension, plain=True)
        rate = dimension.kind is Kind.RATE
        if tree.operator == "-":
            difference = rate and (left.difference == right.difference or right.node.is_constant)
        else:
            difference = rate and left.difference and right.difference
        return self._combined(tree, left, right, dimension, difference=difference)

    def _product(self, tree: Arithmetic, left: _Value, right: _Value) -> _Value | None:
        dimension = _product_dimension(tree.operator, left, right)
        if isinstance(dimension, str):
            self.complain(tree.place, "units", dimension, _product_hint(tree.operator, left, right))
            return None
        if tree.operator == "/" and right.node.is_constant and right.node.value == 0:
            self.complain(tree.right.place, "division-by-zero", "this divides by zero")
            return None
        difference = dimension.kind is Kind.RATE and (left.difference or right.difference)
        value = self._combined(tree, left, right, dimension, difference=difference)
        if value is not None and value.node.is_constant:
            percent = (left.percent or right.percent) and dimension.kind is Kind.RATIO
            return replace(value, percent=percent, bare=left.bare and right.bare)
        return value

    def _combined(
        self,
        tree: Arithmetic,
        left: _Value,
        right: _Value,
        dimension: Dimension,
        *,
        difference: bool,
    ) -> _Value | None:
        a, b = left.node, right.node
        if a.is_constant and b.is_constant:
            x, y = a.value, b.value
            number = {"+": x + y, "-": x - y, "*": x * y}.get(tree.operator)
            node = self._constant(x / y if number is None else number, dimension)
            return _Value(node, percent=left.percent and right.percent,
                          bare=left.bare and right.bare)  # fmt: skip
        aligned = self._aligned(tree.place, a, b)
        if aligned is None:
            return None
        node = self.scope.graph.node(tree.operator, a, b, dimension=dimension, **aligned)  # type: ignore[arg-type]
        return _Value(node, difference=difference)

    def _unify(
        self, place: Place, left: _Value, right: _Value, verb: str
    ) -> tuple[_Value, _Value] | None:
        """Return both with one dimension, constants adapted to what they meet."""
        if left.dimension.fits(right.dimension):
            return left, right
        if (adapted := self._adapted(left, right.dimension)) is not None:
            return adapted, right
        if (adapted := self._adapted(right, left.dimension)) is not None:
            return left, adapted
        self.complain(
            place, "units", f"cannot {verb} {_said(left)} and {_said(right)}",
            _mismatch_hint(left, right),
        )  # fmt: skip
        return None

    def _adapted(self, value: _Value, to: Dimension) -> _Value | None:
        """Return a constant in the dimension it meets, where its writing allows."""
        if not value.node.is_constant or to.per_time:
            return None
        fits = (value.percent and to.kind is Kind.RATE) or (value.bare and to.kind is Kind.COUNT)
        return replace(value, node=self._constant(value.node.value, to)) if fits else None

    def _aligned(self, place: Place, a: Node, b: Node) -> dict[str, object] | None:
        """Return the periods of an operation over two nodes; the faster one sets them."""
        if a.momentary or b.momentary:
            return {"momentary": True, "setters": a.setters | b.setters}
        if a.every is None or b.every is None:
            lead = a if b.every is None else b
            return {"every": lead.every, "setters": lead.setters, "calendar": lead.calendar}
        if a.every.rank != b.every.rank:
            lead = a if a.every.rank < b.every.rank else b
            return {"every": lead.every, "setters": lead.setters, "calendar": lead.calendar}
        if a.every.weekday != b.every.weekday:
            self.complain(
                place, "periods",
                f"one side is {a.every.name}, the other {b.every.name}",
                "put one on the other's periods: at(x, y)",
            )  # fmt: skip
            return None
        every = _coarser(a.every, b.every)
        return {"every": every, "setters": a.setters | b.setters, "calendar": a.calendar}

    # ---- conditions ------------------------------------------------------------------

    def _comparison(self, tree: Comparison) -> _Value | None:
        left, right = self._number(tree.left), self._number(tree.right)
        if left is None or right is None:
            return None
        same = self._unify(tree.place, left, right, "compare")
        if same is None:
            return None
        return self._compared(tree.place, tree.operator, *same)

    def _compared(self, place: Place, operator: str, left: _Value, right: _Value) -> _Value | None:
        if left.node.is_constant and right.node.is_constant:
            self.complain(place, "constant", "this compares two numbers that never change")
            return None
        aligned = self._aligned(place, left.node, right.node)
        if aligned is None:
            return None
        return _Value(self.scope.graph.node(operator, left.node, right.node, **aligned))  # type: ignore[arg-type]

    def _logic(self, operator: str, conditions: list[_Value], place: Place) -> _Value | None:
        node = conditions[0].node
        for other in conditions[1:]:
            aligned = self._aligned(place, node, other.node)
            if aligned is None:
                return None
            node = self.scope.graph.node(operator, node, other.node, **aligned)  # type: ignore[arg-type]
        return _Value(node)

    # ---- functions -------------------------------------------------------------------

    def _call(self, tree: Call) -> _Value | None:
        function = FUNCTIONS.get(tree.function.name)
        if function is None:
            self.complain(
                tree.function.place, "unknown-function",
                f"there is no function {tree.function.name}",
                suggestion(tree.function.name, FUNCTIONS),
            )  # fmt: skip
            return None
        if not self._right_number(tree, function):
            return None
        match function.name:
            case "count":
                return self._count(tree)
            case "breaches":
                return self._breaches(tree)
            case "streak":
                condition = self._condition(tree.arguments[0])
                if condition is None or self._has_no_past(tree.arguments[0], condition, "streak"):
                    return None
                return _Value(self._like("streak", condition.node, dimension=COUNT))
            case "at":
                return self._at(tree)
            case "abs":
                value = self._number(tree.arguments[0])
                if value is None or self._constant_refused(tree.arguments[0], value):
                    return None
                node = self._like("abs", value.node, dimension=value.dimension)
                return _Value(node, difference=value.difference)
            case "until_below" | "until_above":
                return self._until(tree)
        return self._window_function(tree)

    def _right_number(self, tree: Call, function: Function) -> bool:
        given = len(tree.arguments)
        least = sum(not p.endswith("?") for p in function.parameters)
        most = None if "conditions" in function.parameters else len(function.parameters)
        if given >= least and (most is None or given <= most):
            return True
        wanted = f"{least} or {most}" if most not in (None, least) else f"{least}"
        wanted = f"at least {least}" if most is None else wanted
        noun = "argument" if wanted in ("1", "at least 1") else "arguments"
        hint = function.signature
        if given < least and function.parameters[-1].startswith("window"):
            hint = f"{function.signature}, for example {function.example}"
        self.complain(
            tree.place, "arguments",
            f"{function.name} takes {wanted} {noun}, found {given}", hint,
        )  # fmt: skip
        return False

    def _has_no_past(self, tree: Tree, value: _Value, function: str) -> bool:
        if value.node.momentary:
            self.complain(
                tree.place, "no-past",
                f"{function} looks back, and count and breaches have no past periods",
                "put the window inside, around what is compared",
            )  # fmt: skip
            return True
        return False

    def _constant_refused(self, tree: Tree, value: _Value) -> bool:
        if value.node.is_constant:
            self.complain(tree.place, "constant", "expected a series, found a number")
            return True
        return False

    def _value_and_window(self, tree: Call, at: int) -> tuple[_Value, Duration | None] | None:
        value = self._number(tree.arguments[0])
        if value is not None and (
            self._constant_refused(tree.arguments[0], value)
            or self._has_no_past(tree.arguments[0], value, tree.function.name)
        ):
            value = None
        if len(tree.arguments) <= at:
            return None if value is None else (value, None)
        argument = tree.arguments[at]
        if not isinstance(argument, Literal) or argument.duration is None:
            self.complain(
                argument.place, "not-a-window", "expected a window",
                "write 4 w, 13 w, 1 y, 20 bd or 5 releases",
            )  # fmt: skip
            return None
        if argument.duration.count <= 0:
            self.complain(argument.place, "not-a-window", "a window is longer than nothing")
            return None
        return None if value is None else (value, argument.duration)

    def _window_function(self, tree: Call) -> _Value | None:
        found = self._value_and_window(tree, 1)
        if found is None:
            return None
        value, window = found
        node, dimension = value.node, value.dimension
        params = () if window is None else (window,)
        name = tree.function.name
        make = self.scope.graph.node

        def over(op: str, dim: Dimension) -> Node:
            return self._like(op, node, params=params, dimension=dim)

        def join(op: str, a: Node, b: Node, dim: Dimension) -> Node:
            return make(op, a, b, dimension=dim, every=node.every, setters=node.setters,
                        calendar=node.calendar)  # fmt: skip

        match name:
            case "change":
                made = join("-", node, over("lag", dimension), dimension)
                return _Value(made, difference=dimension.kind is Kind.RATE)
            case "pct_change":
                before = over("lag", dimension)
                return _Value(join("/", join("-", node, before, dimension), before, RATIO))
            case "drawdown":
                peak = over("peak", dimension)
                return _Value(join("/", join("-", node, peak, dimension), peak, RATIO))
            case "zscore":
                away = join("-", node, over("avg", dimension), dimension)
                return _Value(join("/", away, over("stdev", dimension), NUMBER))
            case "percentile":
                return _Value(over("percentile", RATIO))
            case "slope":
                return self._slope(tree, value, window)
        return _Value(over(name, dimension), difference=value.difference)

    def _slope(self, tree: Call, value: _Value, window: Duration | None) -> _Value | None:
        if value.dimension.per_time or value.dimension.kind is Kind.TIME:
            self.complain(tree.place, "units", f"a slope of {_said(value)} has no unit")
            return None
        assert window is not None
        node = self._like("slope", value.node, params=(window,), dimension=value.dimension.per())
        return _Value(node, difference=value.difference)

    def _until(self, tree: Call) -> _Value | None:
        found = self._value_and_window(tree, 2)
        level = self._number(tree.arguments[1])
        if found is None or level is None:
            return None
        value, window = found
        if not level.node.is_constant:
            self.complain(tree.arguments[1].place, "not-constant",
                          "the level is a fixed quantity", "write 9 %, $3tn")  # fmt: skip
            return None
        same = self._unify(tree.arguments[1].place, value, level, "compare")
        if same is None:
            return None
        slope = self._slope(tree, value, window)
        if slope is None:
            return None
        node = self._like(tree.function.name, value.node, slope.node,
                          params=(same[1].node.value,), dimension=TIME)  # fmt: skip
        return _Value(node)

    def _at(self, tree: Call) -> _Value | None:
        value, onto = self._number(tree.arguments[0]), self.visit(tree.arguments[1])
        if value is None or onto is None:
            return None
        for argument, part in zip(tree.arguments, (value, onto), strict=True):
            if self._constant_refused(argument, part) or self._has_no_past(argument, part, "at"):
                return None
        node = self.scope.graph.node(
            "at", value.node, onto.node, dimension=value.dimension, every=onto.node.every,
            setters=onto.node.setters, calendar=onto.node.calendar,
        )  # fmt: skip
        return _Value(node, difference=value.difference)

    def _count(self, tree: Call) -> _Value | None:
        conditions = [self._condition(argument) for argument in tree.arguments]
        whole = [c.node for c in conditions if c is not None]
        if len(whole) < len(conditions):
            return None
        setters = frozenset().union(*(node.setters for node in whole))
        node = self.scope.graph.node("count", *whole, dimension=COUNT, setters=setters,
                                     momentary=True)  # fmt: skip
        return _Value(node)

    def _breaches(self, tree: Call) -> _Value | None:
        wanted, rung = tree.arguments
        if not isinstance(wanted, Quoted):
            self.complain(wanted.place, "arguments", "expected a rule's name in quotes",
                          'write breaches("funding-spread", warning)')  # fmt: skip
            return None
        if not isinstance(rung, Name) or rung.name not in LEVELS:
            self.complain(rung.place, "arguments", "expected a level",
                          "levels are watch, warning and critical")  # fmt: skip
            return None
        rule = self.scope.rules.get(wanted.text)
        if rule is None:
            self.complain(wanted.place, "unknown-rule", f"there is no rule {wanted.text}",
                          suggestion(wanted.text, self.scope.rules))  # fmt: skip
            return None
        if rule.value is None:
            self.complain(wanted.place, "arguments", f"{wanted.text} has no value and no levels",
                          "breaches asks rules with above or below")  # fmt: skip
            return None
        threshold = rule.thresholds.get(rung.name)
        if threshold is None:
            self.complain(rung.place, "arguments", f"{wanted.text} has no level {rung.name}",
                          f"it has {', '.join(rule.thresholds)}")  # fmt: skip
            return None
        return self._breached(tree, wanted, rule, threshold)

    def _breached(
        self, tree: Call, wanted: Quoted, rule: RuleRef, threshold: Quantity
    ) -> _Value | None:
        scope, mark = self.scope, f'"{wanted.text}"'
        if mark in scope._open:  # noqa: SLF001
            self.complain(wanted.place, "circular-rule", f"{wanted.text} asks about itself")
            return None
        scope._open.append(mark)  # noqa: SLF001
        try:
            assert rule.value is not None
            value = _compile(rule.value, scope)
        finally:
            scope._open.pop()  # noqa: SLF001
        if isinstance(value, list):
            self.complain(wanted.place, "broken-rule", f"the rule {wanted.text} has a mistake",
                          "see the problem at its own place")  # fmt: skip
            return None
        limit = _Value(self._constant(threshold.value, threshold.dimension),
                       percent=threshold.unit == "%", bare=threshold.bare)  # fmt: skip
        same = self._unify(tree.place, value, limit, "compare")
        if same is None:
            return None
        condition = self._compared(tree.place, ">" if rule.rising else "<", *same)
        if condition is None:
            return None
        node = scope.graph.node("latest", condition.node, setters=condition.node.setters,
                                momentary=True)  # fmt: skip
        return _Value(node)


def _coarser(a: Every, b: Every) -> Every:
    """Return the frequency of the periods that both have."""
    if a.rank is Rank.DAILY:
        return a if a.name == "business day" else b
    return a if a.minutes >= b.minutes else b


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean ...?`` for a misspelt word, or nothing."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def _said(value: _Value) -> str:
    """Return what a value is, for a complaint."""
    if value.node.is_constant and value.bare:
        return "a number without a unit"
    article = "an amount of " if value.dimension.kind is Kind.MONEY else "a "
    return f"{article}{value.dimension}"


def _mismatch_hint(left: _Value, right: _Value) -> str:
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


def _product_dimension(operator: str, left: _Value, right: _Value) -> Dimension | str:
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
        return f"{_said(left)} times {_said(right)} has no unit"
    if b.kind in scalar and not b.per_time:
        if a.kind in scalar and not a.per_time:
            return RATIO
        return a
    if a.fits(b):
        return RATIO
    if b.per_time and a.fits(replace(b, per_time=False)):
        return TIME
    return f"{_said(left)} divided by {_said(right)} has no unit"


def _scaled(a: Dimension, b: Dimension) -> Dimension:
    if a.kind is Kind.COUNT and b.kind is Kind.RATIO:
        return NUMBER
    return a


def _product_hint(operator: str, left: _Value, right: _Value) -> str:
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
    if quantity.dimension.fits(to):
        return quantity
    node = Node("const", params=(quantity.value,), dimension=quantity.dimension)
    value = _Value(node, percent=quantity.unit == "%", bare=quantity.bare)
    if not to.per_time and (
        (value.percent and to.kind is Kind.RATE) or (value.bare and to.kind is Kind.COUNT)
    ):
        return Quantity(quantity.value, to, quantity.unit)
    of = _Value(Node("series", dimension=to))
    return f"cannot compare {_said(of)} and {_said(value)}", _mismatch_hint(of, value)
