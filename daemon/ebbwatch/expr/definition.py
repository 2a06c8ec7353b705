"""What defines a function of the language: its arguments, its result, and how it is computed.

A `Function` is one row of the table in `functions`. From the row alone the checker knows what
may stand in a call and what the result measures, the evaluator computes it, and the reference
of the language documents it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ebbwatch.expr.logic import Verdicts
from ebbwatch.expr.numbers import Longs, Numbers
from ebbwatch.expr.ranges import Ranges
from ebbwatch.expr.windows import Window


class Takes(StrEnum):
    """What an argument of a call is; in `WrittenInLanguage` and `Pointwise`, the letter stands for it."""

    #: x: a number that changes, with its own periods.
    VALUE = "value"
    #: c: a condition, with its own periods.
    CONDITION = "condition"
    #: One condition or more, each read at its own latest period.
    CONDITIONS = "conditions"
    #: y: a number or condition, for its periods only.
    PERIODS = "periods"
    #: w: how far to look back, in time or in releases.
    WINDOW = "window"
    #: w, which may be left out: all history.
    WINDOW_OR_ALL = "window?"
    #: A fixed quantity in the unit of the value.
    LEVEL = "level"
    #: The quoted name of a rule, and with it the name of one of its levels.
    RULE = "rule"
    RUNG = "rung"


class ResultMeasure(StrEnum):
    """What the result of a call measures."""

    SAME = "same"
    RATIO = "ratio"
    #: A ratio that is printed as a bare number, not in percent.
    NUMBER = "number"
    COUNT = "count"
    TIME = "time"
    PER_TIME = "per time"
    CONDITION = "condition"


class LooksBack(StrEnum):
    """Which earlier elements a result depends on, and so how much history has to be held."""

    #: Its own element only.
    NONE = "none"
    #: The elements of the window, and the history must reach back to its start.
    WINDOW = "the window"
    #: All elements before it, as many as there are.
    HISTORY = "all history"
    #: Those of the window where one is given, else all since the series' first period.
    WINDOW_OR_ALL = "the window, or all history"


@dataclass(frozen=True, slots=True)
class Windowed:
    """Computed for each element from its window; unknown elements are no elements of it.

    A condition comes as a column of ones (true) and zeros.

    Attributes:
        compute: From the windows of all elements, the result of each.
    """

    compute: Callable[[Window], Numbers]


@dataclass(frozen=True, slots=True)
class Picked:
    """An earlier element, found through the window.

    Attributes:
        place: The index of the element that each result is; negative where there is none.
    """

    place: Callable[[Window], Longs]


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Computed period by period from the values of one or several numbers at that period.

    Attributes:
        compute: From one column for each of `parts`, and the level where the call has one.
        parts: What it is computed from, in the language; x is the value, w the window.
        onto_last: Give them the periods of the last part, rather than those that all have.
        of_ranges: The same for numbers known only within bounds; None where a count cannot
            stand in it.
    """

    compute: Callable[..., Numbers]
    parts: tuple[str, ...] = ("x",)
    onto_last: bool = False
    of_ranges: Callable[..., Ranges] | None = None


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Computed at an instant from conditions, each at its own latest period.

    Attributes:
        compute: From the verdicts of each condition.
        op: What it is called in the graph, where that is not the function's name.
    """

    compute: Callable[[Sequence[Verdicts]], Verdicts | Ranges]
    op: str = ""


@dataclass(frozen=True, slots=True)
class WrittenInLanguage:
    """Written in the language itself, with x for the value and w for the window."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One row of the table of functions.

    Attributes:
        name: As it is called.
        takes: Kinds of its arguments, in order.
        gives: What the result measures.
        looks_back: Which earlier elements it depends on.
        means: How it is computed.
        doc: What it is, in one line, for the reference.
        example: A whole expression that uses it.
        words: The same for readers, in the reader's language once it is looked up there; {x}
            is the value, {w} the window, {level} the level, {c} the condition, {n} how many
            conditions, {rule} the rule.
        words_of_all: The words without a window, where that may be left out.
        aliases: What people who know other tools type for it. They are not accepted: they
            lead the message about an unknown function to this one.
    """

    name: str
    takes: tuple[Takes, ...]
    gives: ResultMeasure
    looks_back: LooksBack
    means: Windowed | Picked | Pointwise | AtOnce | WrittenInLanguage
    doc: str
    example: str
    words: str
    words_of_all: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """Return how it is called: ``avg(value, window)``."""
        return f"{self.name}({', '.join(self.takes)})"

    @property
    def op(self) -> str:
        """Return what its computation is called in the graph."""
        return (self.means.op if isinstance(self.means, AtOnce) else "") or self.name
