"""Comparisons agree with exact arithmetic on the published figures, ties above all."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.expr import Scope, compile_expression
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.numbers import Numbers
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import instant
from tests.naive.profiles import searched
from tests.naive.tapes import CATALOGUE, history_of, periods_of

_HUNDREDTH = Fraction(1, 10_000)
#: Every rate of two decimals from -1 % to 20 %.
_RATES = np.arange(-100, 2001, dtype=np.float64)


@pytest.mark.parametrize("half_points", [*range(-40, 101, 7), 0, 1, 10, 20, 21, 40, 100])
def test_every_pair_of_rates_compares_with_every_threshold_as_decimals_do(
    half_points: int,
) -> None:
    """A difference of published rates against whole and half basis points, pair by pair."""
    left, right = (Numbers.whole(x.ravel(), _HUNDREDTH) for x in np.meshgrid(_RATES, _RATES))
    threshold = Numbers.constant(half_points * _HUNDREDTH / 2)
    difference = left.plus(right, -1)
    order = difference.order(threshold)
    whole = 2 * (np.asarray(left.num) - np.asarray(right.num)).astype(np.int64) - half_points
    assert bool((order == np.sign(whole)).all())
    limit = half_points * _HUNDREDTH / 2
    assert bool((difference.beyond(limit, above=True) == (whole > 0)).all())
    assert bool((difference.beyond(limit, above=False) == (whole < 0)).all())


def test_the_famous_tie() -> None:
    """4.35 % less 4.30 % is 5 bp, which binary floating point denies."""
    assert 4.35 - 4.30 < 0.05
    left, right = (Numbers.whole(np.array([x]), _HUNDREDTH) for x in (435.0, 430.0))
    assert left.plus(right, -1).order(Numbers.constant(Fraction(5, 10_000))).tolist() == [0]


def _tape(series: str, values: list[Decimal]) -> list[Observation]:
    from datetime import date  # noqa: PLC0415

    periods = periods_of(CATALOGUE[series], date(2024, 1, 3), len(values))
    return [
        Observation(series=series, period=p, value=v, source="test",
                    known_at=instant((p + 1440) * 60_000_000))
        for p, v in zip(periods, values, strict=True)
    ]  # fmt: skip


def verdict(text: str, tape: list[Observation]) -> bool | None:
    """Return what a condition says at the end of a tape."""
    expression = compile_expression(text, Scope(CATALOGUE))
    assert not isinstance(expression, list), expression
    readings = Evaluation(history_of(tape)).readings(expression.node)
    assert readings.truth is not None
    truth = int(readings.truth[-1])
    return None if truth < 0 else bool(truth)


@searched
@given(st.integers(1, 10**8), st.sampled_from([7, 8, 9, 10, 11, 12, 20]), st.integers(-1, 1))
def test_a_ratio_ties_with_its_threshold_to_the_last_unit(
    gdp: int, percent: int, away: int
) -> None:
    """Reserves of exactly 10 % of GDP are not below 10 %; a million dollars less are."""
    reserves = gdp * percent * 10 + away  # millions, against thousandths of billions times 100
    tape = _tape("reserves", [Decimal(reserves) * 10**6])
    tape += _tape("assets", [Decimal(gdp) * 10**9])
    assert verdict(f"reserves / assets < {percent} %", tape) is (away < 0)
    assert verdict(f"reserves / assets > {percent} %", tape) is (away > 0)
    assert verdict(f"reserves / assets == {percent} %", tape) is (away == 0)


@searched
@given(st.integers(1, 10**7), st.sampled_from([-50, -10, 5, 10, 30, 50, 100]), st.integers(-1, 1))
def test_a_change_in_percent_ties_to_the_last_unit(first: int, percent: int, away: int) -> None:
    """Exactly 10 % more is not more than 10 %."""
    last = first * (100 + percent) + away
    tape = _tape("reserves", [Decimal(first * 100) * 10**6, Decimal(last) * 10**6])
    for text, wanted in ((">", away > 0), ("<", away < 0), (">=", away >= 0), ("==", away == 0)):
        assert verdict(f"pct_change(reserves, 1 releases) {text} {percent} %", tape) is wanted


@searched
@given(st.integers(1, 10**7), st.sampled_from([5, 10, 20, 95]), st.integers(-1, 1))
def test_a_drawdown_ties_to_the_last_unit(peak: int, percent: int, away: int) -> None:
    """Exactly 20 % under the peak is not less than -20 %."""
    last = peak * (100 - percent) + away
    tape = _tape("reserves", [Decimal(peak * 100) * 10**6, Decimal(last) * 10**6])
    assert verdict(f"drawdown(reserves) < -{percent} %", tape) is (away < 0)
    assert verdict(f"drawdown(reserves) == -{percent} %", tape) is (away == 0)


@searched
@given(
    st.lists(st.integers(-2000, 2000), min_size=3, max_size=9), st.integers(-1, 1),
    st.sampled_from([Fraction(1, 2), Fraction(1), Fraction(2)]),
)  # fmt: skip
def test_an_average_of_spreads_ties_exactly(points: list[int], away: int, step: Fraction) -> None:
    """The mean of n spreads against their own exact mean, and a half point beside it."""
    size = len(points)
    mean = Fraction(sum(points), size)
    nearest = Fraction(round(mean / step)) * step + away * step
    tape = _tape("sofr", [Decimal(p + 5000) / 10_000 for p in points])
    tape += _tape("target", [Decimal("0.5")] * size)
    text = f"{float(abs(nearest))} bp"
    text = text if nearest >= 0 else f"-{text}"
    wanted = (mean > nearest) - (mean < nearest)
    average = f"avg(sofr - target, {size} releases)"
    assert verdict(f"{average} > {text}", tape) is (wanted > 0)
    assert verdict(f"{average} < {text}", tape) is (wanted < 0)


@searched
@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=6), st.integers(-1, 1))
def test_an_average_of_ratios_ties_exactly(gdp: list[int], away: int) -> None:
    """Ratios that are all 10 % average to 10 %, whatever their denominators."""
    reserves = [g * 100 for g in gdp]
    reserves[-1] += away
    tape = _tape("reserves", [Decimal(r) * 10**6 for r in reserves])
    tape += _tape("assets", [Decimal(g) * 10**9 for g in gdp])
    average = f"avg(reserves / assets, {len(gdp)} releases)"
    assert verdict(f"{average} < 10 %", tape) is (away < 0)
    assert verdict(f"{average} == 10 %", tape) is (away == 0)


@pytest.mark.parametrize("away", [-1, 0, 1])
def test_a_count_of_points_ties_to_the_last_unit(away: int) -> None:
    """Three times 5 bp are 15 bp, which floats deny; so for sums, and by a count divided."""
    assert 3 * 0.0005 != 0.0427 - 0.0412
    tape = _tape("sofr", [Decimal(42700 + away) / 10**6])
    tape += _tape("target", [Decimal("0.0412")])
    count = "count(sofr > 1 %, sofr > 2 %, sofr > 3 %, sofr > 9 %)"
    for points in (f"{count} * 5 bp", f"5 bp * {count}", f"{count} * 4 bp + 3 bp",
                   f"45 bp / {count}", f"-{count} * -5 bp", f"abs({count} - 6) * 5 bp"):  # fmt: skip
        assert verdict(f"sofr - target > {points}", tape) is (away > 0), points
        assert verdict(f"sofr - target >= {points}", tape) is (away >= 0), points
        assert verdict(f"sofr - target == {points}", tape) is (away == 0), points


def test_a_quotient_by_a_count_of_none_is_unknown() -> None:
    """It is no number beyond every threshold."""
    tape = _tape("sofr", [Decimal("0.04")])
    assert verdict("10 bp / count(sofr > 9 %) > 5 bp", tape) is None
    assert verdict("10 bp / (count(sofr > 9 %) + 1) > 5 bp", tape) is True


#: Of a flat series, with what each of them equals exactly.
FLAT = [
    ("ewma({}, 10 releases)", "430 bp"), ("ewma({}, 1 y)", "430 bp"),
    ("avg(avg(avg({}, 1 y), 1 y), 1 y)", "430 bp"),
    ("stdev(avg(avg({}, 1 y), 1 y), 1 y)", "0 bp"),
    ("slope(ewma({}, 4 w), 1 y) * 1 d", "0 bp"), ("max(ewma({}, 4 w), 1 y)", "430 bp"),
    ("median(avg(avg({}, 1 y), 1 y), 4 w)", "430 bp"), ("peak(ewma({}, 4 w))", "430 bp"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "value"), FLAT, ids=[form for form, _ in FLAT])
def test_what_ties_everywhere_ties_exactly_and_soon(
    form: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each element is computed exactly a bounded number of times, not once for all that follow."""
    size, calls, exact = 1500, 0, Numbers.exact

    def counted(self: Numbers, index: int) -> Fraction:
        nonlocal calls
        calls += 1
        return exact(self, index)

    monkeypatch.setattr(Numbers, "exact", counted)
    assert verdict(f"{form.format('effr')} == {value}", _tape("effr", [Decimal("0.043")] * size))
    assert calls < 400 * size


@searched
@given(st.lists(st.sampled_from([1, 2, 3]), min_size=4, max_size=8))
def test_a_percentile_of_averages_counts_those_that_tie(points: list[int]) -> None:
    """Averages of averages that are equal are at or below each other, whatever floats say."""
    size = len(points) * 4
    tape = _tape("effr", [Decimal(p) / 10_000 for p in points * 4])
    of = "avg(avg(effr, 3 releases), 3 releases)"
    first = [Fraction(p, 10_000) for p in points * 4]
    for _ in range(2):
        first = [sum(first[i - 2 : i + 1], Fraction(0)) / 3 for i in range(2, len(first))]
    last = first[-5:]
    share = Fraction(sum(value <= last[-1] for value in last), 5)
    assert size >= 16
    assert verdict(f"percentile({of}, 5 releases) == {float(share * 100):g} %", tape) is True


@searched
@given(st.integers(1, 40), st.integers(2, 12))
def test_a_flat_window_has_no_deviation_and_no_zscore(points: int, size: int) -> None:
    """The deviation of equal values is zero, not the dust of rounding; a zscore is unknown."""
    tape = _tape("sofr", [Decimal(points) / 10_000] * size)
    assert verdict(f"stdev(sofr, {size} releases) == 0 bp", tape) is True
    assert verdict(f"zscore(sofr, {size} releases) > 3", tape) is None
