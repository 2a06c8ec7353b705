"""The syntax tree: what an expression's text says, before its names are looked up."""

from __future__ import annotations

from dataclasses import dataclass

from ebbwatch.model.durations import Duration
from ebbwatch.model.units import Quantity


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in an expression, and where.

    Attributes:
        start: Character offset of the culprit in the expression's text.
        end: Offset after its last character.
        code: Stable short name: ``unknown-name``.
        message: What was expected and what was found.
        hint: The way out; may be empty.
    """

    start: int
    end: int
    code: str
    message: str
    hint: str = ""


class Faulty(Exception):
    """Carries faults from where they were found to `compile_expression`; never leaves `expr`."""

    def __init__(self, *faults: Fault) -> None:
        """Take the faults, in the order of the text."""
        super().__init__(faults[0].message)
        self.faults = faults


@dataclass(frozen=True, slots=True)
class CharRange:
    """From where to where a piece of an expression stands, in characters."""

    start: int
    end: int

    def fault(self, code: str, message: str, hint: str = "") -> Faulty:
        """Return a fault at this place, to be raised."""
        return Faulty(Fault(self.start, self.end, code, message, hint))


@dataclass(frozen=True, slots=True)
class Literal:
    """A quantity or a duration: ``20 bp``, ``13 w``, ``2 releases``.

    Attributes:
        place: Where it stands.
        quantity: None for a duration without a fixed length.
        duration: None for what measures no time.
    """

    place: CharRange
    quantity: Quantity | None
    duration: Duration | None


@dataclass(frozen=True, slots=True)
class Name:
    """A series, a define, or a word that a function takes."""

    place: CharRange
    name: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quoted text: the name of a rule."""

    place: CharRange
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    place: CharRange
    function: Name
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Minus:
    """Unary minus."""

    place: CharRange
    operand: Tree


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``+ - * /``."""

    place: CharRange
    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Comparison:
    """``< <= > >= == !=``."""

    place: CharRange
    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Logic:
    """``and`` or ``or`` over two or more conditions."""

    place: CharRange
    operator: str
    operands: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``not``."""

    place: CharRange
    operand: Tree


Tree = Literal | Name | Quoted | Call | Minus | Arithmetic | Comparison | Logic | Not
