"""Suppositions: the next figures as somebody imagines them, read from ``sofr@2026-11-30=4.40%``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ebbwatch.core.doubts import doubt_of_value, fits, reason
from ebbwatch.core.facts.asof import Figure, History
from ebbwatch.expr import Fault
from ebbwatch.expr.hints import series_hint
from ebbwatch.expr.literals import parse_quantity
from ebbwatch.model.calendars import FEDERAL_RESERVE
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import Micros, Minutes, day_of, instant, micros
from ebbwatch.model.problem import Problem, Span
from ebbwatch.model.series import Series
from ebbwatch.ruleset.catalogue import base_value
from ebbwatch.ruleset.suggestions import did_you_mean

#: What stands for a file's name in problems.
_FILE = "figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """A figure that nobody has published.

    Attributes:
        series: Whose.
        period: Minutes.
        value: In base units.
        known_at: UTC instant at which it would come out; of one that is overdue, at once.
        due_at: UTC instant at which it was due, where that has passed; else None.
        held: The newest figure that is held now; None for none.
    """

    series: Series
    period: Minutes
    value: Decimal
    known_at: datetime
    due_at: datetime | None
    held: Figure | None

    @property
    def observation(self) -> Observation:
        """Return it as a fact."""
        return Observation(
            series=self.series.name, period=self.period, value=self.value, known_at=self.known_at,
            source="supposed", assumed=True,
        )  # fmt: skip


class _Wrong(Exception):
    """A supposition cannot be used: where in its text, why, and what to do about it."""

    def __init__(self, start: int, end: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.found = (start, end, code, message, hint)


def supposed_figures(
    texts: Sequence[str], history: History, at: Micros
) -> tuple[Supposed, ...] | tuple[Problem, ...]:
    """Return the figures that texts stand for, or everything that is wrong with them.

    Args:
        texts: ``SERIES=VALUE`` or ``SERIES@PERIOD=VALUE``, at least one.
        history: What is known.
        at: µs; nothing known later is used.
    """
    found: dict[tuple[str, int], Supposed] = {}
    problems: list[Problem] = []
    for text in texts:
        try:
            one = _read(text, history, at)
            if (one.series.name, one.period) in found:
                period = one.series.every.text(one.period)
                hint = f"name another period: {one.series.name}@PERIOD=VALUE"
                raise _Wrong(0, len(text), "twice",  # noqa: TRY301  said below, like the others
                             f"{one.series.name} is supposed twice for {period}", hint)  # fmt: skip
        except _Wrong as wrong:
            start, end, code, message, hint = wrong.found
            span = Span(_FILE, 1, start + 1, max(1, end - start))
            problems.append(Problem(span, "error", code, message, hint, text))
        else:
            found[one.series.name, one.period] = one
    return tuple(problems) or tuple(found.values())


def _read(text: str, history: History, at: Micros) -> Supposed:
    left, equals, right = text.partition("=")
    name, sign, written = left.partition("@")
    if not equals or not name.strip() or not right.strip() or (sign and not written.strip()):
        raise _Wrong(
            0, len(text), "supposition", f"expected SERIES=VALUE, found {text or 'nothing'}",
            "such as sofr=4.40%, or sofr@2026-11-30=4.40% for a period",
        )  # fmt: skip
    series = history.catalogue.get(name.strip())
    if series is None:
        hint = series_hint(name.strip(), history.catalogue)
        raise _Wrong(
            0, len(name), "unknown-name", f"there is no series {name.strip()}",
            hint or did_you_mean(name.strip(), history.catalogue),
        )  # fmt: skip
    held = history.newest(series.name, as_of=at)
    if sign:
        period = _written(series, written.strip(), history, len(name) + 1, len(left))
    else:
        period = _next(series, held, history, at)
    value = _value(series, right, len(left) + 1)
    one = _placed(series, period, value, held, history, at)
    if not fits(one.observation):
        raise _Wrong(
            0, len(text), "supposition", "it is not of a size, or of a time, that anything has"
        )
    before = _before(history, series.name, period, at)
    if (doubt := doubt_of_value(series, value, before)) is not None:
        raise _Wrong(
            len(left) + 1, len(text), "implausible",
            f"it would be held back, and move nothing: {reason(series, doubt, value, period, before)}",
            "ebbwatch series list shows what is held back, and series accept releases it",
        )  # fmt: skip
    return one


def _written(series: Series, text: str, history: History, start: int, end: int) -> Minutes:
    """Return the period that a text names."""
    try:
        period = series.every.parse(text)
        if series.every.dated and len(text) != len("2026-11-30"):
            raise ValueError(f"{text} is no date")  # noqa: TRY301  said below, like the others
    except (ValueError, OverflowError) as error:
        raise _Wrong(
            start, end, "wrong-value",
            f"expected a period of {series.name} ({series.every.name}): {error}",
        ) from None  # fmt: skip
    if series.every.name == "business day":
        calendar = series.calendar or FEDERAL_RESERVE
        if history.calendar(calendar).on_or_before(day_of(period)) != day_of(period):
            following = series.every.text(history.clock.next_period(series, period))
            raise _Wrong(start, end, "wrong-value", f"{text} is no business day of {calendar}",
                         f"the next one is {following}")  # fmt: skip
    return period


def _next(series: Series, held: Figure | None, history: History, at: Micros) -> Minutes:
    """Return the period whose figure is looked for next.

    That is the newest one that should be out and is not held, else the one to come; of a
    period that is known in part, the whole of it.
    """
    clock = history.clock
    due = clock.due_period(series, at)
    if held is None:
        if due is None:
            raise _Wrong(
                0, len(series.name), "supposition",
                f"nothing says which period of {series.name} comes next",
                f"name one: {series.name}@PERIOD=VALUE",
            )  # fmt: skip
        return due
    if clock.lacking_at(series, held.period, micros(held.known_at)):
        return held.period
    return due if due is not None and due > held.period else clock.next_period(series, held.period)


def _value(series: Series, text: str, start: int) -> Decimal:
    """Return a quantity in base units."""
    quantity = parse_quantity(text)
    if isinstance(quantity, Fault):
        raise _Wrong(start, start + len(text), quantity.code, quantity.message, quantity.hint)
    found = base_value(quantity, series.unit)
    if isinstance(found, tuple):
        message, hint = found
        raise _Wrong(start, start + len(text), "units",
                     f"the unit of {series.name} is {series.unit.name}: {message}", hint)  # fmt: skip
    return found


def _placed(
    series: Series,
    period: Minutes,
    value: Decimal,
    held: Figure | None,
    history: History,
    at: Micros,
) -> Supposed:
    """Return a figure at the instant at which it would come out."""
    due = history.clock.expected_at(series, period)
    late = due is None or due <= at
    return Supposed(
        series=series, period=period, value=value, held=held,
        known_at=instant(Micros(at + 1) if due is None or late else due),
        due_at=instant(due) if due is not None and late else None,
    )  # fmt: skip


def _before(history: History, name: str, period: Minutes, at: Micros) -> Decimal | None:
    """Return the newest value of an earlier period; None for none."""
    newest = history.newest(name, as_of=at, before=period)
    if newest is None or newest.value is None:
        return None
    return Decimal(newest.value.numerator) / Decimal(newest.value.denominator)
