"""The functions of the language: one row each, the implementation included.

Adding a function is adding a row to `_ROWS`, and above it what the row computes with; the
checker, the evaluator and the reference of the language read the table. All functions are
causal: element *i* of a result depends on elements up to *i* only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

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
from ebbwatch.expr.exact import ExactExtremes, ExactHalfLives, ExactSums, Flatness, root
from ebbwatch.expr.logic import Verdicts
from ebbwatch.expr.numbers import EXACT, NEVER, SHORT, Longs, Numbers
from ebbwatch.expr.ranges import Ranges, counted
from ebbwatch.expr.windows import Window
from ebbwatch.model.periods import DAY_MINUTES
from ebbwatch.model.text import marked

_EPS = 2.0**-52
#: Never, and what no float is large enough for, are infinite; what they leave open is NaN.
_QUIET = np.errstate(over="ignore", invalid="ignore", divide="ignore")


def total(w: Window) -> Numbers:
    """Return the sum of each window."""
    num = w.x.num
    most = EXACT if num is None else float(np.max(np.abs(num), initial=0.0))
    if num is not None and most * int(w.counts.max(initial=1)) < EXACT:
        return Numbers.whole(w.reduce(np.add, num), w.x.scale)
    return _rough_sum(w)


@_QUIET
def _rough_sum(w: Window) -> Numbers:
    size = w.reduce(np.add, np.abs(w.x.values))
    error = w.reduce(np.add, w.x.error) + size * w.counts * _EPS
    return Numbers.rough(w.reduce(np.add, w.x.values), error, ExactSums(w).of)


def mean(w: Window) -> Numbers:
    """Return the mean of each window."""
    whole = total(w)
    return whole.over(Numbers.whole(w.counts.astype(np.float64), Fraction(1)))


def least(w: Window) -> Numbers:
    """Return the least value of each window."""
    return _extreme(w, np.minimum, min)


def greatest(w: Window) -> Numbers:
    """Return the greatest value of each window."""
    return _extreme(w, np.maximum, max)


def _extreme(w: Window, ufunc: np.ufunc, of: Callable[[Iterable[Fraction]], Fraction]) -> Numbers:
    if w.x.num is not None:
        return Numbers.whole(w.extremes(ufunc, w.x.num), w.x.scale)
    # Over floats: as far off as the worst element in the window.
    found, error = w.extremes(ufunc, w.x.values), w.extremes(np.maximum, w.x.error)
    return Numbers.rough(found, error, ExactExtremes(w, of).of)


def middle(w: Window) -> Numbers:
    """Return the median of each window."""
    num = w.x.num
    values = w.x.values if num is None else num
    twice = np.empty(len(values))
    for rows, matrix in w.by_length():
        length = matrix.shape[1]
        half = length // 2
        block = np.partition(values[matrix], [max(half - 1, 0), half], axis=1)
        twice[rows] = 2 * block[:, half] if length % 2 else block[:, half - 1] + block[:, half]
    if num is not None:
        return Numbers.whole(twice, w.x.scale / 2)
    error = w.extremes(np.maximum, w.x.error) * 2

    def exact(index: int) -> Fraction:
        ordered = sorted(w.x.exact(j) for j in w.inside(index))
        half, odd = divmod(len(ordered), 2)
        return ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2

    return Numbers.rough(twice / 2, error, exact)


@_QUIET
def deviation(w: Window) -> Numbers:
    """Return the sample standard deviation of each window; unknown for a single element."""
    counts = w.counts
    variance = np.full(len(counts), np.nan)
    values = w.x.values
    for rows, matrix in w.by_length():
        if matrix.shape[1] < 2:
            continue
        block = values[matrix]
        around = block - block.mean(axis=1, keepdims=True)
        # A mean of equal floats may differ from them by its rounding; their spread is zero.
        around[(block == block[:, :1]).all(axis=1)] = 0.0
        variance[rows] = (around * around).sum(axis=1) / (matrix.shape[1] - 1)
    found = np.sqrt(variance)
    size = w.reduce(np.maximum, np.abs(values)) if len(values) else values
    flat = Flatness(w)

    def exact(index: int) -> Fraction:
        if flat.of(index):
            return Fraction(0)
        inside = [w.x.exact(j) for j in w.inside(index)]
        average = sum(inside, Fraction(0)) / len(inside)
        squares = sum(((v - average) ** 2 for v in inside), Fraction(0)) / (len(inside) - 1)
        return root(squares)

    error = np.where(found > 0, 1e-12 * size + 1e-12 * found, 1e-6 * size)
    return Numbers.rough(found, error, exact).without(counts < 2, SHORT)


def rank(w: Window) -> Numbers:
    """Return the share of each window's values at or below its last."""
    values = w.x.values if w.x.num is None else w.x.num
    below = np.empty(len(values))
    for rows, matrix in w.by_length():
        at_or_below = values[matrix] <= values[rows][:, None]
        if w.x.rational is None:
            _settle_ties(w.x, at_or_below, matrix, rows)
        below[rows] = at_or_below.sum(axis=1)
    return Numbers.whole(below, Fraction(1), den=w.counts.astype(np.float64))


@_QUIET
def _settle_ties(x: Numbers, at_or_below: NDArray[np.bool_], matrix: Longs, rows: Longs) -> None:
    """Compare exactly where floats are too close to say whether one is at or below the other."""
    away = x.values[matrix] - x.values[rows][:, None]
    close = np.abs(away) <= x.error[matrix] + x.error[rows][:, None]
    for row, place in np.argwhere(close & (away != 0)).tolist():
        one, other = int(matrix[row, place]), int(rows[row])
        at_or_below[row, place] = x.exact(one) <= x.exact(other)


@_QUIET
def slope(w: Window) -> Numbers:
    """Return the least-squares change per day over each window; unknown for a single element."""
    counts = w.counts
    num = w.x.num
    step = int(np.gcd.reduce(np.diff(w.periods), initial=0)) if len(w.periods) > 1 else 0
    step = step or DAY_MINUTES
    top, bottom = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    values = w.x.values if num is None else num
    largest = 0.0
    for rows, matrix in w.by_length():
        n = matrix.shape[1]
        if n < 2:
            continue
        # Times count back from the window's own end, so that nothing before it matters.
        t = ((w.periods[matrix] - w.periods[rows][:, None]) // step).astype(np.float64)
        x = values[matrix]
        st, sx = t.sum(axis=1), x.sum(axis=1)
        stx, stt = (t * x).sum(axis=1), (t * t).sum(axis=1)
        top[rows] = n * stx - st * sx
        bottom[rows] = n * stt - st * st
        reach = float(np.abs(t).max(initial=0.0))
        largest = max(largest, n * n * reach * float(np.abs(x).max(initial=1.0)), n * n * reach**2)
    per_day = Fraction(DAY_MINUTES, step)
    single = counts < 2
    if num is not None and largest < EXACT / 4:
        return Numbers.whole(top, w.x.scale * per_day, den=bottom).without(single, SHORT)
    scale = float(per_day) * (1.0 if num is None else float(w.x.scale))
    found = top / bottom * scale
    size = w.reduce(np.maximum, np.abs(w.x.values)) if len(values) else values
    error = np.abs(found) * 1e-12 + size * counts * 1e-12

    flat = Flatness(w)

    def exact(index: int) -> Fraction:
        if flat.of(index):
            return Fraction(0)
        inside = w.inside(index)
        t = [Fraction(int(w.periods[j] - w.periods[index]), DAY_MINUTES) for j in inside]
        x = [w.x.exact(j) for j in inside]
        n = len(x)
        stx = sum((a * b for a, b in zip(t, x, strict=True)), Fraction(0))
        stt = sum((a * a for a in t), Fraction(0))
        st, sx = sum(t, Fraction(0)), sum(x, Fraction(0))
        return (n * stx - st * sx) / (n * stt - st * st)

    return Numbers.rough(found, error, exact).without(single, SHORT)


def half_life(w: Window) -> Numbers:
    """Return the mean over all history, weights halving every `w.reach`."""
    x, reach = w.x, w.reach
    assert reach is not None
    size = len(w.periods)
    if reach.unit == "releases":
        gaps = np.ones(size, np.int64)
        life = reach.count
    else:
        gaps = np.diff(w.periods, prepend=w.periods[:1])
        life = reach.mean_days * DAY_MINUTES
    decays = np.exp2(-gaps.astype(np.float64) / float(life)).tolist()
    found, total_weight, total_value = [0.0] * size, 0.0, 0.0
    for i, (value, decay) in enumerate(zip(x.values.tolist(), decays, strict=True)):
        total_weight = total_weight * decay + 1.0
        total_value = total_value * decay + value
        found[i] = total_value / total_weight
    values = np.array(found)
    error = np.maximum.accumulate(np.abs(x.values) + x.error) * 1e-12 if size else values
    return Numbers.rough(values, error, ExactHalfLives(x, gaps, life).of)


def until_below(x: Numbers, gradient: Numbers, level: Fraction) -> Numbers:
    """Return the days until x lies below the level at its slope per day."""
    return _until(x, gradient, level, below=True)


def until_above(x: Numbers, gradient: Numbers, level: Fraction) -> Numbers:
    """Return the days until x lies above the level at its slope per day."""
    return _until(x, gradient, level, below=False)


@_QUIET
def _until(x: Numbers, gradient: Numbers, level: Fraction, *, below: bool) -> Numbers:
    """Return the days until x lies past the level: 0 where it does, or never."""
    limit = Numbers.constant(level)
    side = x.order(limit)
    past = side < 0 if below else side > 0
    going = gradient.order(Numbers.constant(Fraction(0)))
    away = going >= 0 if below else going <= 0
    left = limit.plus(x, -1).over(gradient)
    unknown = x.unknown() | gradient.unknown()
    values = np.where(past, 0.0, np.where(away, NEVER, left.values))
    values = np.where(unknown, np.nan, values)
    error = np.where(past | away, 0.0, left.error)

    def exact(index: int) -> Fraction:
        return Fraction(0) if past[index] else left.exact(index)

    why = gradient.why if x.why is None else x.why
    if why is not None:
        why = np.where(np.isnan(values), why, 0).astype(np.int8)
    return Numbers.rough(values, error, exact, why)


def runs(w: Window) -> Numbers:
    """Return for how many elements running, this one included, each is one rather than zero."""
    assert w.x.num is not None
    true = w.x.num == 1
    index = np.arange(1, len(true) + 1)
    last_false = np.maximum.accumulate(np.where(true, 0, index)) if len(true) else index
    return Numbers.whole(np.where(true, index - last_false, 0).astype(np.float64), Fraction(1))


def own_latest(conditions: Sequence[Verdicts]) -> Verdicts:
    """Return what the one condition says."""
    return conditions[0]


def own_value(x: Numbers, *_periods: Numbers) -> Numbers:
    """Return the first number: the periods of the others are all that is wanted of them."""
    return x


_VALUE_AND_WINDOW = (Takes.VALUE, Takes.WINDOW)

_ROWS = (
    Function(
        name="lag", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME, looks_back=LooksBack.WINDOW,
        means=Picked(lambda w: w.last_before),
        doc="the value at the latest period at or before p - w; n releases: n periods before",
        example="lag(reserves, 4 w)",
        words=marked("{w} earlier: {x}"),
        aliases=("shift", "prev", "previous", "offset", "delay", "ref", "ago"),
    ),
    Function(
        name="change", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME, looks_back=LooksBack.WINDOW,
        means=WrittenInLanguage("x - lag(x, w)"),
        doc="x - lag(x, w)", example="change(reserves, 1 y) < -$500bn",
        words=marked("change over {w} of {x}"),
        aliases=("delta", "diff", "difference", "chg", "net_change", "increase", "momentum"),
    ),
    Function(
        name="pct_change", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.RATIO,
        looks_back=LooksBack.WINDOW,
        # One division: x / lag - 1 would be rounded twice, and miss ties.
        means=WrittenInLanguage("(x - lag(x, w)) / lag(x, w)"),
        doc="x / lag(x, w) - 1", example="pct_change(gold, 1 y) > 50 %",
        words=marked("change in percent over {w} of {x}"),
        aliases=("pct", "roc", "return", "returns", "ret", "percent_change", "pctchange", "pct_chg",
                 "growth", "growth_rate", "yoy", "rate_of_change"),
    ),
    Function(
        name="avg", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME, looks_back=LooksBack.WINDOW,
        means=Windowed(mean),
        doc="mean of the window", example="avg(sofr - effr, 13 w) > 5 bp",
        words=marked("average over {w} of {x}"),
        aliases=("sma", "mean", "average", "ma", "mov_avg", "movavg", "mavg", "smavg",
                 "moving_average", "rolling_mean", "avg_over_time"),
    ),
    Function(
        name="ewma", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME, looks_back=LooksBack.HISTORY,
        means=Windowed(half_life),
        doc="exponentially weighted mean with half-life w, over all history",
        example="ewma(sofr - iorb, 10 releases) > 0 bp",
        words=marked("weighted average, half-life {w}, of {x}"),
        aliases=("ema", "ewm", "emavg", "rma", "exp_avg", "exponential_average"),
    ),
    Function(
        name="min", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME, looks_back=LooksBack.WINDOW,
        means=Windowed(least),
        doc="least value of the window", example="min(reserves, 26 w) < $3tn",
        words=marked("lowest of the last {w} of {x}"),
        aliases=("lowest", "low", "minimum", "llv", "rolling_min", "min_over_time"),
    ),
    Function(
        name="max", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME, looks_back=LooksBack.WINDOW,
        means=Windowed(greatest),
        doc="greatest value of the window", example="max(standing_repo, 5 releases) > $0.5bn",
        words=marked("highest of the last {w} of {x}"),
        aliases=("highest", "high", "maximum", "hhv", "rolling_max", "max_over_time"),
    ),
    Function(
        name="sum", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME, looks_back=LooksBack.WINDOW,
        means=Windowed(total),
        doc="sum of the window", example="sum(deficit, 12 releases) > $2tn",
        words=marked("total over {w} of {x}"),
        aliases=("total", "rolling_sum", "sum_over_time"),
    ),
    Function(
        name="median", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME, looks_back=LooksBack.WINDOW,
        means=Windowed(middle),
        doc="middle value of the window, or the mean of the two in the middle",
        example="median(sofr - iorb, 4 w) > 0 bp",
        words=marked("median over {w} of {x}"),
        aliases=("med", "middle", "rolling_median"),
    ),
    Function(
        name="stdev", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.SAME, looks_back=LooksBack.WINDOW,
        means=Windowed(deviation),
        doc="sample standard deviation of the window", example="stdev(sofr, 4 w) > 10 bp",
        words=marked("standard deviation over {w} of {x}"),
        aliases=("stddev", "std", "std_dev", "sd", "sigma", "vol", "volatility", "rolling_std",
                 "stddev_over_time"),
    ),
    Function(
        name="zscore", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.NUMBER, looks_back=LooksBack.WINDOW,
        means=WrittenInLanguage("(x - avg(x, w)) / stdev(x, w)"),
        doc="(x - avg) / stdev", example="zscore(sofr - effr, 1 y) > 3",
        words=marked("standard deviations from the average of {w} of {x}"),
        aliases=("z", "z_score", "standardize", "standardise"),
    ),
    Function(
        name="percentile", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.RATIO,
        looks_back=LooksBack.WINDOW, means=Windowed(rank),
        doc="share of the window's values at or below x",
        example="percentile(sofr - effr, 5 y) > 99 %",
        words=marked("rank within {w} of {x}"),
        aliases=("percentrank", "percent_rank", "percentile_rank", "pct_rank", "pctile", "rank"),
    ),
    Function(
        name="peak", takes=(Takes.VALUE, Takes.WINDOW_OR_ALL), gives=ResultMeasure.SAME,
        looks_back=LooksBack.WINDOW_OR_ALL, means=Windowed(greatest),
        doc="greatest value of the window, or of all history",
        example="peak(bitcoin) > $100000/BTC",
        words=marked("highest within {w} of {x}"),
        words_of_all=marked("record high of {x}"),
        aliases=("ath", "all_time_high", "cummax", "running_max", "high_water_mark"),
    ),
    Function(
        name="trough", takes=(Takes.VALUE, Takes.WINDOW_OR_ALL), gives=ResultMeasure.SAME,
        looks_back=LooksBack.WINDOW_OR_ALL, means=Windowed(least),
        doc="least value of the window, or of all history",
        example="trough(reserves, 5 y) < $3tn",
        words=marked("lowest within {w} of {x}"),
        words_of_all=marked("record low of {x}"),
        aliases=("atl", "all_time_low", "cummin", "running_min"),
    ),
    Function(
        name="drawdown", takes=(Takes.VALUE, Takes.WINDOW_OR_ALL), gives=ResultMeasure.RATIO,
        looks_back=LooksBack.WINDOW_OR_ALL,
        means=WrittenInLanguage("(x - peak(x, w)) / peak(x, w)"),
        doc="x / peak - 1", example="drawdown(avg(reverse_repo, 4 w)) < -95 %",
        words=marked("distance from the highest within {w} of {x}"),
        words_of_all=marked("distance from the record high of {x}"),
        aliases=("dd", "draw_down", "max_drawdown", "maxdd", "from_peak"),
    ),
    Function(
        name="slope", takes=_VALUE_AND_WINDOW, gives=ResultMeasure.PER_TIME, looks_back=LooksBack.WINDOW,
        means=Windowed(slope),
        doc="least-squares change per time over the window",
        example="slope(fed_assets, 13 w) * 30 d < -$25bn",
        words=marked("trend over {w} of {x}"),
        aliases=("trend", "linreg", "linreg_slope", "regression", "deriv", "derivative",
                 "gradient"),
    ),
    Function(
        name="until_below", takes=(Takes.VALUE, Takes.LEVEL, Takes.WINDOW), gives=ResultMeasure.TIME,
        looks_back=LooksBack.WINDOW,
        means=Pointwise(until_below, parts=("x", "slope(x, w)")),
        doc="time until x lies below the level at its slope over the window; 0 where it does, "
        "never where the trend leads away",
        example="until_below(reserves / gdp, 9 %, 26 w) < 180 d",
        words=marked("time until {x} falls below {level} at the pace of the last {w}"),
        aliases=("until", "time_until", "time_to", "days_until", "eta"),
    ),
    Function(
        name="until_above", takes=(Takes.VALUE, Takes.LEVEL, Takes.WINDOW), gives=ResultMeasure.TIME,
        looks_back=LooksBack.WINDOW,
        means=Pointwise(until_above, parts=("x", "slope(x, w)")),
        doc="time until x lies above the level at its slope over the window; 0 where it does, "
        "never where the trend leads away",
        example="until_above(treasury_account, $1tn, 13 w) < 30 d",
        words=marked("time until {x} rises above {level} at the pace of the last {w}"),
        aliases=("until", "time_until", "time_to", "days_until", "eta"),
    ),
    Function(
        name="count", takes=(Takes.CONDITIONS,), gives=ResultMeasure.COUNT, looks_back=LooksBack.NONE,
        means=AtOnce(counted),
        doc="how many conditions are true, each at its own latest period; a range where some "
        "are unknown",
        example="count(reserves / gdp < 10 %, sofr > iorb, sofr_p99 > target_upper) > 2",
        words=marked("how many of {n} conditions hold"),
        aliases=("number_of", "how_many", "n_of"),
    ),
    Function(
        name="breaches", takes=(Takes.RULE, Takes.RUNG), gives=ResultMeasure.CONDITION,
        looks_back=LooksBack.NONE, means=AtOnce(own_latest, op="latest"),
        doc="whether a rule's value lies past that level's threshold at its latest period, "
        "without for or clear",
        example='breaches("funding-spread", warning)',
        words=marked("{rule}: past its threshold for {level}"),
        aliases=("breached", "firing", "fires", "is_firing", "alert"),
    ),
    Function(
        name="abs", takes=(Takes.VALUE,), gives=ResultMeasure.SAME, looks_back=LooksBack.NONE,
        means=Pointwise(Numbers.absolute, of_ranges=Ranges.absolute),
        doc="the value without its sign", example="abs(sofr - iorb) > 10 bp",
        words=marked("size of {x}"),
        aliases=("absolute", "fabs", "magnitude"),
    ),
    Function(
        name="streak", takes=(Takes.CONDITION,), gives=ResultMeasure.COUNT,
        looks_back=LooksBack.HISTORY, means=Windowed(runs),
        doc="for how many periods running the condition is true",
        example="streak(sofr > effr) > 5",
        words=marked("periods in a row with {c}"),
        aliases=("run", "run_length", "consecutive", "in_a_row"),
    ),
    Function(
        name="times", takes=(Takes.CONDITION, Takes.WINDOW), gives=ResultMeasure.COUNT,
        looks_back=LooksBack.WINDOW, means=Windowed(total),
        doc="in how many of the window's periods the condition is true",
        example="times(sofr > iorb, 5 releases) >= 3",
        words=marked("periods within {w} with {c}"),
        aliases=("count_if", "countif", "countifs", "sum_if", "sumif", "how_often", "frequency"),
    ),
    Function(
        name="at", takes=(Takes.VALUE, Takes.PERIODS), gives=ResultMeasure.SAME,
        looks_back=LooksBack.NONE,
        means=Pointwise(own_value, parts=("x", "y"), onto_last=True),
        doc="the first value at the periods of the second",
        example="at(avg(reverse_repo, 4 w), reserves) < $100bn",
        words=marked("{x}"),
        aliases=("asof", "as_of", "align", "resample", "reindex"),
    ),
)  # fmt: skip

#: Every function by name.
FUNCTIONS = {row.name: row for row in _ROWS}


def computed_as(op: str) -> Function | None:
    """Return the function whose computation is called so in the graph; None for an operator."""
    return next((row for row in FUNCTIONS.values() if row.op == op), None)
