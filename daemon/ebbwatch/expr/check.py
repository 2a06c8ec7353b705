"""Names, types and units: from an expression's text to a node, or to everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache

from ebbwatch.expr.calls import Bound, CallArguments, Calls
from ebbwatch.expr.definition import (
    AtOnce,
    Function,
    Picked,
    Pointwise,
    Takes,
    Windowed,
    WrittenInLanguage,
)
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.graph import Expression, Node, Periods
from ebbwatch.expr.hints import function_hint, window_hint
from ebbwatch.expr.parse import parse
from ebbwatch.expr.parts import Operations, Part, Wrong, digits_of
from ebbwatch.expr.scope import RuleRef, Scope
from ebbwatch.expr.tree import (
    Arithmetic,
    Call,
    CharRange,
    Comparison,
    Fault,
    Faulty,
    Literal,
    Logic,
    Minus,
    Name,
    Not,
    Quoted,
    Tree,
)
from ebbwatch.model.alert import LEVELS
from ebbwatch.model.durations import Duration
from ebbwatch.model.units import Quantity

#: Deepest nesting, through defines and other rules, of what is checked.
LIMIT_NESTED = 128
#: Longest chain of computations, defines written out.
LIMIT_COMPUTED = 128
#: Most computations on one way down that each look back over a window or all history.
LIMIT_LOOKBACKS = 12
#: Most different computations of one expression, defines written out.
LIMIT_NODES = 5_000


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


def _compile(
    text: str, scope: Scope, within: tuple[str, ...] = (), depth: int = 0
) -> Part | list[Fault]:
    """Return what a text is, from memory where it was checked before.

    Args:
        text: Of an expression, a define or a rule's value.
        scope: The names it may use.
        within: The defines and rules that it stands in, outermost first.
        depth: How deep it is nested in what uses it.
    """
    known = scope.checked(text)
    if known is not None:
        return known
    try:
        tree = parse(text)
    except Faulty as faulty:
        return list(faulty.faults)
    checker = _Checker(scope, within, depth)
    part = checker.visit(tree)
    for code, message in () if part is None else _beyond_limits(part.node, scope):
        checker.complain(tree.place, code, message)
    found: Part | list[Fault] = checker.faults if part is None or checker.faults else part
    scope.remember(text, found)
    return found


def _beyond_limits(node: Node, scope: Scope) -> Iterator[tuple[str, str]]:
    if node.depth > LIMIT_COMPUTED:
        yield (
            "too-deep",
            f"this takes {node.depth} computations in a row, at most {LIMIT_COMPUTED} may be",
        )
    elif node.lookbacks > LIMIT_LOOKBACKS:
        yield (
            "too-deep",
            f"{node.lookbacks} windows lie one over the other, at most {LIMIT_LOOKBACKS} may",
        )
    elif scope.graph.exceeds(node, LIMIT_NODES):
        yield "too-large", f"this takes more than {LIMIT_NODES} computations"


@dataclass(slots=True)
class _Checker:
    """Visits one tree; collects faults and goes on where it can.

    Attributes:
        scope: The names that may be used.
        within: The defines and rules that the text stands in, outermost first.
        depth: How deep the tree is nested.
        bound: What letters stand for, in a function that is written in the language.
        at: Where to complain, whatever the place in the tree; None for that place.
        faults: What is wrong.
    """

    scope: Scope
    within: tuple[str, ...]
    depth: int
    bound: Bound = field(default_factory=dict)
    at: CharRange | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def make(self) -> Operations:
        """Return what operators make of parts."""
        return Operations(self.scope.graph)

    @property
    def calls(self) -> Calls:
        """Return what functions make of parts."""
        return Calls(self.scope.graph)

    def complain(self, place: CharRange, code: str, message: str, hint: str = "") -> None:
        """Note a fault."""
        place = self.at or place
        self.faults.append(Fault(place.start, place.end, code, message, hint))

    def _accepted(self, place: CharRange, made: Part | Wrong) -> Part | None:
        """Return what was made, or None after complaining that it cannot be."""
        if isinstance(made, Wrong):
            self.complain(place, made.code, made.message, made.hint)
            return None
        return made

    # ---- the tree --------------------------------------------------------------------

    def visit(self, tree: Tree) -> Part | None:
        """Return what a tree is, or None after complaining."""
        if self.depth >= LIMIT_NESTED:
            self.complain(tree.place, "too-deep", f"nested deeper than {LIMIT_NESTED}")
            return None
        self.depth += 1
        try:
            return self._visited(tree)
        finally:
            self.depth -= 1

    def _visited(self, tree: Tree) -> Part | None:
        match tree:
            case Literal():
                return self._literal(tree)
            case Name():
                return self._name(tree)
            case Quoted(place=place):
                self.complain(place, "misplaced-text", "a quoted text has no place here",
                              "only breaches takes one")  # fmt: skip
                return None
            case Minus(operand=operand):
                value = self._number(operand)
                return None if value is None else self.make.negated(value)
            case Arithmetic():
                return self._arithmetic(tree)
            case Comparison():
                return self._comparison(tree)
            case Logic(operator=operator, operands=operands):
                conditions = self._all(self._condition(operand) for operand in operands)
                if conditions is None:
                    return None
                return self._accepted(tree.place, self.make.joined(operator, conditions))
            case Not(operand=operand):
                condition = self._condition(operand)
                return None if condition is None else self.make.opposite(condition)
            case Call():
                return self._call(tree)

    @staticmethod
    def _all(parts: Iterator[Part | None]) -> list[Part] | None:
        """Return all parts, or None where one of them is wrong, after looking at each."""
        found = list(parts)
        whole = [part for part in found if part is not None]
        return whole if len(whole) == len(found) else None

    def _literal(self, tree: Literal) -> Part | None:
        quantity = tree.quantity
        if quantity is None:
            self.complain(
                tree.place, "misplaced-duration", f"{tree.duration} is a span, not a quantity",
                "spans stand in windows, for and repeat only",
            )  # fmt: skip
            return None
        return replace(self._constant(quantity), duration=tree.duration)

    def _constant(self, quantity: Quantity) -> Part:
        return Part(
            self.make.constant(quantity.value, quantity.dimension),
            percent=quantity.unit == "%",
            bare=quantity.bare,
            digits=digits_of(quantity.value),
        )

    # ---- names -----------------------------------------------------------------------

    def _name(self, tree: Name) -> Part | None:
        name, scope = tree.name, self.scope
        if isinstance(bound := self.bound.get(name), Part):
            return bound
        if name in scope.defines:
            return self._define(tree)
        series = scope.series.get(name)
        if series is None:
            hint = scope.hint(name)
            self.complain(tree.place, "unknown-name", f"there is no series or define {name}", hint)
            return None
        calendar = series.calendar or "sifma"
        periods = Periods(series.every, frozenset([name]), calendar)
        return Part(
            scope.graph.node(
                "series", params=(name,), dimension=series.unit.dimension, periods=periods
            )
        )

    def _define(self, tree: Name) -> Part | None:
        name = tree.name
        if name in self.within:
            circle = " -> ".join([*self.within[self.within.index(name) :], name])
            self.complain(tree.place, "circular-define", f"{name} is defined by itself: {circle}")
            return None
        found = self._inner(self.scope.defines[name], name)
        if isinstance(found, Part):
            return replace(found, duration=None)
        circular = [fault for fault in found if fault.code == "circular-define"]
        if circular:
            self.complain(tree.place, "circular-define", circular[0].message)
        else:
            self.complain(tree.place, "broken-define", f"the define {name} has a mistake",
                          "see the problem at its own place")  # fmt: skip
        return None

    def _inner(self, text: str, name: str) -> Part | list[Fault]:
        """Return what a define or a rule's value is, read where it is used."""
        return _compile(text, self.scope, (*self.within, name), self.depth)

    # ---- operators -------------------------------------------------------------------

    def _number(self, tree: Tree) -> Part | None:
        value = self.visit(tree)
        if value is not None and value.node.is_condition:
            self.complain(tree.place, "not-a-number", "expected a number, found a condition")
            return None
        return value

    def _condition(self, tree: Tree) -> Part | None:
        value = self.visit(tree)
        if value is not None and not value.node.is_condition:
            self.complain(
                tree.place, "not-a-condition",
                f"expected a condition, found a number ({value.dimension})",
                "compare it with something: x > 10 bp",
            )  # fmt: skip
            return None
        return value

    def _arithmetic(self, tree: Arithmetic) -> Part | None:
        left, right = self._number(tree.left), self._number(tree.right)
        if left is None or right is None:
            return None
        if tree.operator == "/" and right.node.is_constant and right.node.value == 0:
            self.complain(tree.right.place, "division-by-zero", "this divides by zero")
            return None
        return self._accepted(tree.place, self.make.arithmetic(tree.operator, left, right))

    def _comparison(self, tree: Comparison) -> Part | None:
        left, right = self._number(tree.left), self._number(tree.right)
        if left is None or right is None:
            return None
        return self._compared(tree.place, tree.operator, left, right)

    def _compared(self, place: CharRange, operator: str, left: Part, right: Part) -> Part | None:
        same = self.make.unified(left, right, "compare")
        if isinstance(same, Wrong):
            self.complain(place, same.code, same.message, same.hint)
            return None
        return self._accepted(place, self.make.compared(operator, *same))

    # ---- calls -----------------------------------------------------------------------

    def _call(self, tree: Call) -> Part | None:
        name = tree.function.name
        function = FUNCTIONS.get(name)
        if function is None:
            self.complain(tree.function.place, "unknown-function", f"there is no function {name}",
                          function_hint(name))  # fmt: skip
            return None
        # A window that was left out of a call is left out of what the function is written as.
        left_out = [key for key, bound in self.bound.items() if bound is None]
        arguments = [
            argument for argument in tree.arguments
            if not (isinstance(argument, Name) and argument.name in left_out)
        ]  # fmt: skip
        if not self._right_number(tree.place, function, len(arguments)):
            return None
        given = self._given(function, arguments)
        return None if given is None else self._made(tree.place, function, given)

    def _right_number(self, place: CharRange, function: Function, given: int) -> bool:
        takes = function.takes
        least = sum(kind is not Takes.WINDOW_OR_ALL for kind in takes)
        most = None if Takes.CONDITIONS in takes else len(takes)
        if given >= least and (most is None or given <= most):
            return True
        wanted = f"{least} or {most}" if most not in (None, least) else f"{least}"
        wanted = f"at least {least}" if most is None else wanted
        noun = "argument" if wanted in ("1", "at least 1") else "arguments"
        hint = function.signature
        if given < least and takes[-1] in (Takes.WINDOW, Takes.WINDOW_OR_ALL):
            hint = f"{function.signature}, for example {function.example}"
        message = f"{function.name} takes {wanted} {noun}, found {given}"
        self.complain(place, "arguments", message, hint)
        return False

    def _given(self, function: Function, arguments: Sequence[Tree]) -> CallArguments | None:
        """Return the arguments, or None after complaining of each that is not what it should be."""
        given, before = CallArguments(), len(self.faults)
        if Takes.WINDOW_OR_ALL in function.takes:
            given.bound["w"] = None
        for kind, argument in zip(function.takes, arguments, strict=False):
            match kind:
                case Takes.VALUE:
                    given.bound["x"] = self._with_past(function, argument, self._number(argument))
                case Takes.CONDITION:
                    part = self._condition(argument)
                    given.bound["c"] = self._with_past(function, argument, part)
                case Takes.PERIODS:
                    given.bound["y"] = self._with_past(function, argument, self.visit(argument))
                case Takes.WINDOW | Takes.WINDOW_OR_ALL:
                    given.bound["w"] = self._window(argument)
                case Takes.LEVEL:
                    given.level = self._level(argument, given.bound["x"])
                case Takes.CONDITIONS:
                    given.conditions = self._all(map(self._condition, arguments)) or []
                case Takes.RULE:
                    asked = self._breach(argument, arguments[1])
                    given.conditions = [] if asked is None else [asked]
                case Takes.RUNG:
                    pass  # read with the rule
        return given if len(self.faults) == before else None

    def _with_past(self, function: Function, tree: Tree, part: Part | None) -> Part | None:
        """Return a part that has periods of its own, or None after complaining."""
        if part is None:
            return None
        means = function.means
        if part.node.is_constant:
            self.complain(tree.place, "constant", "expected a series, found a number")
        elif part.node.momentary and not (isinstance(means, Pointwise) and means.of_ranges):
            self.complain(
                tree.place, "no-past",
                f"{function.name} looks back, and count and breaches have no past periods",
                "put the window inside, around what is compared",
            )  # fmt: skip
        return part

    def _window(self, tree: Tree) -> Duration | None:
        if isinstance(tree, Name) and isinstance(bound := self.bound.get(tree.name), Duration):
            return bound
        if not isinstance(tree, Literal) or tree.duration is None:
            self.complain(tree.place, "not-a-window", "expected a window", window_hint(tree))
            return None
        days = tree.duration.days
        if tree.duration.count <= 0:
            self.complain(tree.place, "not-a-window", "a window is longer than nothing")
        elif days is not None and days * 1440 < 1:
            self.complain(tree.place, "not-a-window", "a window is at least 1 min long")
        return tree.duration

    def _level(self, tree: Tree, value: Part | Duration | None) -> Fraction | None:
        """Return a fixed quantity in the dimension of the value."""
        level = self._number(tree)
        if level is None or not isinstance(value, Part):
            return None
        if not level.node.is_constant:
            self.complain(tree.place, "not-constant", "the level is a fixed quantity",
                          "write 9 %, $3tn")  # fmt: skip
            return None
        same = self.make.unified(value, level, "compare")
        if isinstance(same, Wrong):
            self.complain(tree.place, same.code, same.message, same.hint)
            return None
        return same[1].node.value

    def _breach(self, wanted: Tree, rung: Tree) -> Part | None:
        """Return the condition that a rule's value lies past the threshold of a level."""
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
                          self.scope.rule_hint(wanted.text))  # fmt: skip
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
        return self._past_threshold(wanted, rule, rule.value, threshold)

    def _past_threshold(
        self, wanted: Quoted, rule: RuleRef, value: str, threshold: Quantity
    ) -> Part | None:
        mark = f'"{wanted.text}"'
        if mark in self.within:
            self.complain(wanted.place, "circular-rule", f"{wanted.text} asks about itself")
            return None
        found = self._inner(value, mark)
        if isinstance(found, list):
            self.complain(wanted.place, "broken-rule", f"the rule {wanted.text} has a mistake",
                          "see the problem at its own place")  # fmt: skip
            return None
        operator = ">" if rule.rising else "<"
        return self._compared(wanted.place, operator, found, self._constant(threshold))

    # ---- what a call computes --------------------------------------------------------

    def _made(self, place: CharRange, function: Function, given: CallArguments) -> Part | None:
        """Return what a function makes of its arguments."""
        match function.means:
            case WrittenInLanguage(text=text):
                part = self._written(text, given, place)
                return None if part is None else self.calls.measuring(part, function.gives)
            case AtOnce():
                return self.calls.at_once(function, given.conditions)
            case Pointwise(parts=texts):
                parts = self._all(self._written(text, given, place) for text in texts)
                if parts is None:
                    return None
                return self._accepted(place, self.calls.pointwise(function, parts, given.level))
            case Windowed() | Picked():
                made = self.calls.windowed(function, given.subject, given.window)
                return self._accepted(place, made)

    def _written(self, text: str, given: CallArguments, place: CharRange) -> Part | None:
        """Return a part that is written in the language, with letters for the arguments."""
        at = self.at or place
        inner = _Checker(self.scope, self.within, self.depth, given.bound, at, self.faults)
        return inner.visit(_definition(text))


@cache
def _definition(text: str) -> Tree:
    """Return the tree of a function that is written in the language."""
    return parse(text)
