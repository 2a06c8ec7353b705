"""The functions of the language: one row each, from which the reference is generated.

All are causal: element *i* of a result depends on elements up to *i* only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """One row of the table.

    Attributes:
        name: As it is called.
        parameters: Kinds of its arguments, in order: ``value``, ``window``, ``window?``
            (may be left out), ``level`` (a constant in the value's unit), ``condition``,
            ``conditions`` (one or more), ``rule`` (a quoted name), ``rung`` (a level's name).
        result: What it gives: ``same`` (the value's own dimension), ``ratio``, ``number``
            (printed bare), ``count``, ``time``, ``per time``, ``condition``.
        history: How far it looks back, in words.
        doc: What it is, in one line.
        example: A whole expression that uses it.
    """

    name: str
    parameters: tuple[str, ...]
    result: str
    history: str
    doc: str
    example: str

    @property
    def signature(self) -> str:
        """Return how it is called: ``avg(value, window)``."""
        return f"{self.name}({', '.join(self.parameters)})"


_ROWS = (
    Function("lag", ("value", "window"), "same", "the window",
             "the value at the latest period at or before p - w; n releases: n periods before",
             "lag(reserves, 4 w)"),
    Function("change", ("value", "window"), "same", "the window",
             "x - lag(x, w)", "change(reserves, 1 y) < -$500bn"),
    Function("pct_change", ("value", "window"), "ratio", "the window",
             "x / lag(x, w) - 1", "pct_change(gold, 1 y) > 50 %"),
    Function("avg", ("value", "window"), "same", "the window",
             "mean of the window", "avg(sofr - effr, 13 w) > 5 bp"),
    Function("ewma", ("value", "window"), "same", "all history",
             "exponentially weighted mean with half-life w, over all history",
             "ewma(sofr - iorb, 10 releases) > 0 bp"),
    Function("min", ("value", "window"), "same", "the window",
             "least value of the window", "min(reserves, 26 w) < $3tn"),
    Function("max", ("value", "window"), "same", "the window",
             "greatest value of the window", "max(standing_repo, 5 releases) > $0.5bn"),
    Function("sum", ("value", "window"), "same", "the window",
             "sum of the window", "sum(deficit, 12 releases) > $2tn"),
    Function("median", ("value", "window"), "same", "the window",
             "middle value of the window, or the mean of the two in the middle",
             "median(sofr - iorb, 4 w) > 0 bp"),
    Function("stdev", ("value", "window"), "same", "the window",
             "sample standard deviation of the window", "stdev(sofr, 4 w) > 10 bp"),
    Function("zscore", ("value", "window"), "number", "the window",
             "(x - avg) / stdev", "zscore(sofr - effr, 1 y) > 3"),
    Function("percentile", ("value", "window"), "ratio", "the window",
             "share of the window's values at or below x",
             "percentile(sofr - effr, 5 y) > 99 %"),
    Function("peak", ("value", "window?"), "same", "the window, or all history",
             "greatest value of the window, or of all history", "peak(bitcoin) > $100000/BTC"),
    Function("trough", ("value", "window?"), "same", "the window, or all history",
             "least value of the window, or of all history", "trough(reserves, 5 y) < $3tn"),
    Function("drawdown", ("value", "window?"), "ratio", "the window, or all history",
             "x / peak - 1", "drawdown(avg(reverse_repo, 4 w)) < -95 %"),
    Function("slope", ("value", "window"), "per time", "the window",
             "least-squares change per time over the window",
             "slope(fed_assets, 13 w) * 30 d < -$25bn"),
    Function("until_below", ("value", "level", "window"), "time", "the window",
             "time until x lies below the level at its slope over the window; 0 where it does, "
             "never where the trend leads away",
             "until_below(reserves / gdp, 9 %, 26 w) < 180 d"),
    Function("until_above", ("value", "level", "window"), "time", "the window",
             "time until x lies above the level at its slope over the window; 0 where it does, "
             "never where the trend leads away",
             "until_above(treasury_account, $1tn, 13 w) < 30 d"),
    Function("count", ("conditions",), "count", "none",
             "how many conditions are true, each at its own latest period; a range where some "
             "are unknown",
             "count(reserves / gdp < 10 %, sofr > iorb, sofr_p99 > target_upper) > 2"),
    Function("breaches", ("rule", "rung"), "condition", "none",
             "whether a rule's value lies past that level's threshold at its latest period, "
             "without for or clear",
             'breaches("funding-spread", warning)'),
    Function("abs", ("value",), "same", "none",
             "the value without its sign", "abs(sofr - iorb) > 10 bp"),
    Function("streak", ("condition",), "count", "all history",
             "for how many periods running the condition is true", "streak(sofr > effr) > 5"),
    Function("at", ("value", "value"), "same", "none",
             "the first value at the periods of the second",
             "at(avg(reverse_repo, 4 w), reserves) < $100bn"),
)  # fmt: skip

#: Every function by name.
FUNCTIONS = {row.name: row for row in _ROWS}
