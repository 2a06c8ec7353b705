"""A function is one row of the table: what it takes, gives, looks back on, computes and says."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest

from ebbwatch.expr import Expression, Fault, Scope, compile_expression
from ebbwatch.expr.definition import (
    AtOnce,
    Function,
    LooksBack,
    Picked,
    Pointwise,
    ResultMeasure,
    Takes,
    Windowed,
    WrittenInLanguage,
)
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.logic import TRUE, Verdicts
from ebbwatch.expr.numbers import REASONS, Longs, Numbers
from ebbwatch.expr.readings import Readings
from ebbwatch.expr.windows import Window
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import instant
from tests.naive.tapes import CATALOGUE, history_of, periods_of
from tests.paths import ROOT


def tape_of(series: str, values: Sequence[str | None]) -> list[Observation]:
    """Return figures period by period, each known at the end of its day; None for a gap."""
    periods = periods_of(CATALOGUE[series], date(2024, 1, 2), len(values))
    return [
        Observation(series=series, period=p, value=Decimal(v) / 100, source="test",
                    known_at=instant((p + 1440) * 60_000_000))
        for p, v in zip(periods, values, strict=True) if v is not None
    ]  # fmt: skip


def compiled(text: str) -> Expression:
    """Return an expression that has nothing wrong."""
    found = compile_expression(text, Scope(CATALOGUE))
    assert isinstance(found, Expression), found
    return found


def readings_of(text: str, tape: Sequence[Observation]) -> Readings:
    """Return every reading of an expression."""
    return Evaluation(history_of(tape)).readings(compiled(text).node)


def shown(readings: Readings) -> list[Fraction | bool | str]:
    """Return values, verdicts, or why there is none."""
    found: list[Fraction | bool | str] = []
    for i, why in enumerate(readings.why.tolist()):
        if why:
            found.append(REASONS[why])
        elif readings.truth is not None:
            found.append(bool(readings.truth[i]))
        else:
            assert readings.numbers is not None
            found.append(readings.numbers.exact(i))
    return found


def build_docs() -> ModuleType:
    """Return the script that writes the documents."""
    spec = importlib.util.spec_from_file_location("docs_built", ROOT / "scripts" / "build_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# ---- a row is all ------------------------------------------------------------------------


def spread(w: Window) -> Numbers:
    """Return the greatest less the least of each window."""
    values = w.x.values
    return Numbers.rough(
        w.reduce(np.maximum, values) - w.reduce(np.minimum, values), np.full(len(values), 1e-12),
        lambda i: max(map(w.x.exact, w.inside(i))) - min(map(w.x.exact, w.inside(i))),
    )  # fmt: skip


def first_of_window(w: Window) -> Longs:
    """Return the first element of each window, where history reaches back to it."""
    return np.where(w.reached, w.low, -1)


def all_of(conditions: Sequence[Verdicts]) -> Verdicts:
    """Return whether the conditions are true together; unknown ones are not."""
    truth = np.min([c.truth for c in conditions], axis=0)
    return Verdicts((truth == TRUE).astype(np.int8), np.zeros(len(truth), np.int8))


_VALUE_AND_WINDOW = (Takes.VALUE, Takes.WINDOW)
_TAPE = tape_of("sofr", ["4.30", "4.35", "4.10", "4.40"])
_SHORT = "the history is too short for its window"

#: A row, an expression with it, what it gives on the tape, and its unit.
ROWS: list[tuple[Function, str, list[Fraction | bool | str], str]] = [
    (
        Function(
            name="breadth", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME,
            looks_back=LooksBack.WINDOW, means=Windowed(spread),
            doc="greatest less least", example="breadth(sofr, 4 w) > 10 bp",
            words="breadth over {w} of {x}", aliases=("width",),
        ),
        "breadth(sofr, 3 releases)",
        [_SHORT, _SHORT, Fraction(25, 10_000), Fraction(30, 10_000)],
        "%",
    ),
    (
        Function(
            name="opening", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME,
            looks_back=LooksBack.WINDOW, means=Picked(first_of_window),
            doc="first value of the window", example="opening(sofr, 4 w) > 4 %",
            words="first of {w} of {x}",
        ),
        "opening(sofr, 2 releases)",
        [_SHORT, Fraction(430, 10_000), Fraction(435, 10_000), Fraction(410, 10_000)],
        "%",
    ),
    (
        Function(
            name="doubled", takes=(Takes.VALUE,), gives=ResultMeasure.SAME, looks_back=LooksBack.NONE,
            means=Pointwise(lambda x: x.plus(x)), doc="twice the value",
            example="doubled(sofr) > 8 %",
            words="twice {x}",
        ),
        "doubled(sofr)",
        [Fraction(n, 10_000) for n in (860, 870, 820, 880)],
        "%",
    ),
    (
        Function(
            name="beyond", takes=(Takes.VALUE, Takes.LEVEL, Takes.WINDOW), gives=ResultMeasure.SAME,
            looks_back=LooksBack.WINDOW,
            means=Pointwise(
                lambda x, y, level: x.plus(y, -1).plus(Numbers.constant(level), -1),
                parts=("x", "avg(x, w)"),
            ),
            doc="how far the value is beyond its average and a level",
            example="beyond(sofr, 5 bp, 4 w) > 0 bp",
            words="how far {x} is beyond {level} over its average of {w}",
        ),
        "beyond(sofr, 5 bp, 2 releases)",
        [_SHORT, Fraction(-25, 100_000), Fraction(-175, 100_000), Fraction(1, 1000)],
        "%",
    ),
    (
        Function(
            name="away", takes=(Takes.VALUE, Takes.WINDOW_OR_ALL), gives=ResultMeasure.NUMBER,
            looks_back=LooksBack.WINDOW_OR_ALL, means=WrittenInLanguage("(x - trough(x, w)) / x"),
            doc="share of the value above its trough", example="away(sofr) > 0.1",
            words="distance of {x} from its lowest of {w}",
        ),
        "away(sofr)",
        [Fraction(0), Fraction(5, 435), Fraction(0), Fraction(30, 440)],
        "",
    ),
    (
        Function(
            name="together", takes=(Takes.CONDITIONS,), gives=ResultMeasure.CONDITION,
            looks_back=LooksBack.NONE, means=AtOnce(all_of, op="all"),
            doc="whether all conditions are true now", example="together(sofr > 4 %)",
            words="all of {n} conditions hold",
        ),
        "together(sofr > 4.2 %, sofr < 4.38 %)",
        [True, True, False, False],
        "",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("row", "text", "wanted", "unit"), ROWS, ids=[row[0].name for row in ROWS])
def test_a_row_alone_makes_a_function(
    row: Function,
    text: str,
    wanted: list[Fraction | bool | str],
    unit: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is parsed, checked, computed, hinted at and documented, and nothing else was told of it."""
    monkeypatch.setitem(FUNCTIONS, row.name, row)
    found = compiled(text)
    assert found.unit == unit
    assert found.node.lookbacks == (row.looks_back is not LooksBack.NONE)
    assert shown(readings_of(text, _TAPE)) == wanted
    wrong = compile_expression(f"{row.name}()", Scope(CATALOGUE))
    assert isinstance(wrong, list)
    assert row.signature in wrong[0].hint
    for word in (f"{row.name}x", *row.aliases):
        (unknown,) = compile_expression(f"{word}(sofr, 4 w)", Scope(CATALOGUE))  # type: ignore[misc]
        assert isinstance(unknown, Fault)
        assert row.name in unknown.hint
    assert f"| `{row.signature}` | {row.gives} | {row.looks_back} | {row.doc} |" in (
        build_docs().functions()
    )


def test_what_was_picked_is_what_a_reading_was_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """The working of a picked element is that element, here the first of two."""
    row = ROWS[1][0]
    monkeypatch.setitem(FUNCTIONS, row.name, row)
    evaluation = Evaluation(history_of(_TAPE))
    node = compiled("opening(sofr, 2 releases)").node
    periods = [fact.period for fact in _TAPE]
    found = evaluation.readings(node)
    inputs = [evaluation.working(node, p, int(at)) for p, at in zip(periods, found.at, strict=True)]
    assert [[one.period for one in row] for row in inputs] == [[], *([p] for p in periods[:-1])]


# ---- times -------------------------------------------------------------------------------

#: Figures of successive days (. for a day without), and how many of the last three are above
#: 4.20 %, ? for a history that is too short.
TIMES = [
    ("counts the true ones of the last n", "HLHHLLL", "??22210"),
    ("counts its own period", "LLH", "??1"),
    ("days without a figure are no periods", "H.LH.H", "?.?2.2"),
]


@pytest.mark.parametrize(("days", "wanted"), [row[1:] for row in TIMES], ids=[t[0] for t in TIMES])
def test_times_counts_in_how_many_periods_a_condition_held(days: str, wanted: str) -> None:
    """Over three releases, day by day."""
    values = [{"H": "4.30", "L": "4.10", ".": None}[day] for day in days]
    found = shown(readings_of("times(sofr > 4.2 %, 3 releases)", tape_of("sofr", values)))
    assert found == [_SHORT if m == "?" else Fraction(int(m)) for m in wanted if m != "."]


def test_times_over_a_length_of_time_looks_at_the_periods_within() -> None:
    """A week holds five business days, and is known once history reaches back a week."""
    tape = tape_of("sofr", ["4.30", "4.10", "4.30", "4.30", "4.10", "4.30"])
    found = shown(readings_of("times(sofr > 4.2 %, 1 w)", tape))
    assert found == [_SHORT] * 5 + [Fraction(3)]


def test_times_passes_over_what_is_unknown_and_is_unknown_where_its_own_element_is() -> None:
    """A spread by zero is no period: two of the three that are known, and unknown at its own."""
    tape = tape_of("sofr", ["4.30", "4.30", "4.10", "4.30", "4.30"])
    tape += tape_of("target", ["1", "1", "0", "1", "0"])
    found = shown(readings_of("times(sofr / target > 420 %, 3 releases)", tape))
    assert found == [_SHORT, _SHORT, "division by zero", Fraction(3), "division by zero"]


def test_times_is_a_count() -> None:
    """It is compared with a plain number, and has a past of its own to look back on."""
    assert compiled("times(sofr > effr, 5 releases) >= 3").is_condition
    assert compiled("avg(times(sofr > effr, 5 releases), 4 w)").unit == ""
    wrong = compile_expression("times(sofr > effr, 5 releases) > 5 %", Scope(CATALOGUE))
    assert isinstance(wrong, list)
    assert wrong[0].hint == "a count is compared with a plain number: 3"
    wrong = compile_expression("times(count(sofr > 1 %) > 0, 4 w)", Scope(CATALOGUE))
    assert isinstance(wrong, list)
    assert [fault.code for fault in wrong] == ["no-past"]
