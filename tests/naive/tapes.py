"""Random tapes over a small catalogue, and random expressions over it, for Hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.calendars import BusinessCalendar, business_calendar
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import FREQUENCIES, Every, add_months, micros, period_of
from ebbwatch.model.series import Released, Series, SourceRef
from ebbwatch.model.units import UNITS

CALENDARS: dict[str, BusinessCalendar] = {
    name: business_calendar(name) for name in ("federal-reserve", "sifma")
}


def _series(name: str, unit: str, every: str, **more: object) -> Series:
    return Series(name, SourceRef("test", name), UNITS[unit], FREQUENCIES[every], **more)  # type: ignore[arg-type]


_ROWS = [
    _series("sofr", "percent per year", "business day"),
    _series("effr", "percent per year", "day"),
    _series("target", "percent per year", "business day"),
    _series("old", "percent per year", "business day", history_from=date(2024, 1, 3)),
    _series("lapsing", "percent per year", "day", stale_after=timedelta(days=3)),
    _series(
        "timely",
        "percent per year",
        "business day",
        released=(
            Released(1, business=True, at=time(8), zone="America/New_York", calendar="sifma"),
        ),
    ),
    _series(
        "split",
        "percent per year",
        "business day",
        released=tuple(
            Released(
                0,
                business=True,
                at=time(hour),
                zone="America/New_York",
                calendar="sifma",
                part=part,
            )
            for hour, part in ((8, "morning"), (14, "afternoon"))
        ),
    ),
    _series("reserves", "USD millions", "week ending Wednesday"),
    _series("assets", "USD billions", "week ending Wednesday"),
    _series("mondays", "USD millions", "week ending Monday"),
    _series("debt", "USD billions", "month"),
    _series("gdp", "USD billions", "quarter", stale_after=timedelta(days=100)),
    _series("coin", "USD per bitcoin", "15 min"),
]


class _Catalogue(dict[str, Series]):
    """Series by name, told shortly where a property fails."""

    def __repr__(self) -> str:
        return "CATALOGUE"


CATALOGUE = _Catalogue({series.name: series for series in _ROWS})

_RATES = ("sofr", "effr", "target", "old", "lapsing", "timely", "split")
_MONEY = ("reserves", "assets", "debt", "gdp", "mondays")


def periods_of(series: Series, first: date, count: int) -> list[int]:
    """Return some periods of a series, from the first at or after a day."""
    every = series.every
    if not every.dated:
        return [period_of(first) + n * every.minutes for n in range(count)]
    if every.weekday >= 0:
        first += timedelta(days=(every.weekday - first.weekday()) % 7)
        return [period_of(first) + n * 7 * 1440 for n in range(count)]
    if every.name in ("month", "quarter"):
        step = 1 if every.name == "month" else 3
        first = date(first.year, (first.month - 1) // step * step + 1, 1)
        return [period_of(add_months(first, n * step)) for n in range(count)]
    days = [first + timedelta(days=n) for n in range(3 * count + 7)]
    if every.name == "business day":
        days = [day for day in days if CALENDARS["sifma"].is_open(day)]
    return [period_of(day) for day in days[:count]]


_START = {"reserves": date(2023, 12, 6), "assets": date(2023, 12, 6), "mondays": date(2023, 12, 6),
          "debt": date(2023, 10, 1), "gdp": date(2023, 1, 1)}  # fmt: skip
_COUNT = {"debt": 5, "gdp": 5, "coin": 14}
#: Small and even, so that ties, equal values and round quotients are common.
_VALUES = st.sampled_from([0, 1, 2, 3, 4, 5, 10, 20, 100, 430, 431, 435, 440, -5])
#: Hours from a period's end to the instant its figure becomes known, on a coarse grid.
_DELAYS = st.sampled_from([0, 6, 6, 6, 24, 24, 48, 240])


@st.composite
def facts(draw: st.DrawFn, name: str) -> list[Observation]:
    """Draw the facts of one series: gaps, late figures, revisions, withdrawals."""
    series = CATALOGUE[name]
    first = _START.get(name, date(2024, 1, 2)) + timedelta(days=draw(st.integers(0, 3)))
    axis = periods_of(series, first, draw(st.integers(1, _COUNT.get(name, 10))))
    unruly = draw(st.booleans())
    found = []
    for period in axis:
        if unruly and draw(st.integers(0, 5)) == 0:
            continue
        known = datetime.fromtimestamp(series.every.end(period) * 60, UTC)
        known += timedelta(hours=draw(_DELAYS) if unruly else 6)
        if name == "split":
            # The morning's part is known in the morning, what follows when more is out, or not.
            known -= timedelta(hours=draw(st.sampled_from([16, 16, 10])))
        if name == "target":
            known -= timedelta(days=draw(st.integers(0, 6)))
        versions = draw(st.integers(1, 3)) if unruly and draw(st.integers(0, 2)) == 0 else 1
        for _ in range(versions):
            withdrawn = unruly and draw(st.integers(0, 9)) == 0
            value = Decimal(draw(_VALUES)) if series.every.dated else Decimal(draw(_VALUES) + 1)
            found.append(
                Observation(
                    series=name, period=period,
                    value=None if withdrawn else series.unit.to_base(value / 100),
                    known_at=known, source="test",
                )
            )  # fmt: skip
            known += timedelta(hours=6 * draw(st.integers(1, 12)))
    return found


@st.composite
def tapes(draw: st.DrawFn, names: Sequence[str] = tuple(CATALOGUE)) -> list[Observation]:
    """Draw facts of some series, in any order."""
    found = [fact for name in names for fact in draw(facts(name))]
    return draw(st.permutations(found)) if len(found) < 40 else found


def history_of(observations: Sequence[Observation]) -> History:
    """Return a history that holds some facts."""
    history = History(CATALOGUE, CALENDARS, ReleaseClock(CALENDARS))
    history.observe(observations)
    return history


def known_by(observations: Sequence[Observation], at: int) -> list[Observation]:
    """Return the facts known at an instant."""
    return [o for o in observations if micros(o.known_at) <= at]


def every_of(name: str) -> Every:
    """Return the frequency of a series."""
    return CATALOGUE[name].every


# ---- expressions -------------------------------------------------------------------------

_WINDOWS = st.sampled_from(
    ["2 d", "5 d", "1 w", "2 w", "3 w", "2 bd", "1 mo", "2 mo", "1 releases", "2 releases",
     "3 releases", "6 h", "1 y"]
)  # fmt: skip
_SIMPLE_WINDOWS = st.sampled_from(["2 d", "1 w", "2 releases", "3 releases", "1 releases"])
_OVER = st.sampled_from(
    ["lag", "change", "avg", "min", "max", "sum", "median", "peak", "trough"]
)  # fmt: skip


def _windowed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return expressions of the same dimension as what is inside."""
    return st.one_of(
        st.builds("{}({}, {})".format, _OVER, inner, _WINDOWS),
        st.builds("ewma({}, {})".format, inner, _SIMPLE_WINDOWS),
        st.builds("stdev({}, {})".format, inner, _WINDOWS),
        st.builds("{}({})".format, st.sampled_from(["peak", "trough"]), inner),
        st.builds("abs({})".format, inner),
        st.builds("-({})".format, inner),
        st.builds("({}) * 2".format, inner),
        st.builds("({}) / 4".format, inner),
        st.builds("({}) {} ({})".format, inner, st.sampled_from("+-"), inner),
        st.builds("slope({}, {}) * 10 d".format, inner, _WINDOWS),
    )


def _rates() -> st.SearchStrategy[str]:
    return st.recursive(
        st.one_of(
            st.sampled_from(_RATES),
            st.builds("({} - {})".format, st.sampled_from(_RATES), st.sampled_from(_RATES)),
        ),
        _windowed, max_leaves=3,
    )  # fmt: skip


def _money() -> st.SearchStrategy[str]:
    return st.recursive(st.sampled_from(_MONEY), _windowed, max_leaves=3)


def ratios() -> st.SearchStrategy[str]:
    """Return expressions that are ratios."""
    base = st.one_of(
        st.builds("({}) / ({})".format, _rates(), _rates()),
        st.builds("({}) / ({})".format, _money(), _money()),
        st.builds("pct_change({}, {})".format, st.one_of(_rates(), _money()), _WINDOWS),
        st.builds("zscore({}, {})".format, st.one_of(_rates(), _money()), _WINDOWS),
        st.builds("percentile({}, {})".format, st.one_of(_rates(), _money()), _WINDOWS),
        st.builds("drawdown({}, {})".format, st.one_of(_rates(), st.just("coin")), _WINDOWS),
        st.builds("drawdown({})".format, st.one_of(_rates(), st.just("coin"))),
    )
    return st.recursive(base, _windowed, max_leaves=2)


def _times() -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}({}, {}, {})".format, st.sampled_from(["until_below", "until_above"]),
                  _rates(), st.sampled_from(["4.30 %", "0 %", "5 bp"]), _WINDOWS),
        st.builds("{}({}, {}, {})".format, st.sampled_from(["until_below", "until_above"]),
                  _money(), st.sampled_from(["$1mn", "$0.04bn"]), _WINDOWS),
    )  # fmt: skip


def numbers() -> st.SearchStrategy[str]:
    """Return expressions that are numbers."""
    placed = st.builds("at({}, {})".format, st.one_of(_rates(), _money(), st.just("coin")),
                       st.one_of(_rates(), _money()))  # fmt: skip
    return st.one_of(_rates(), _money(), ratios(), _times(), placed)


_SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


def _comparisons() -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} {} {}".format, _rates(), _SIGNS, st.sampled_from(["4.30 %", "5 bp", "0 %"])),
        st.builds("{} {} {}".format, _money(), _SIGNS, st.sampled_from(["$1mn", "$0.05bn", "$0"])),
        st.builds("{} {} {}".format, ratios(), _SIGNS, st.sampled_from(["10 %", "0", "1.5"])),
        st.builds("{} {} {}".format, _times(), _SIGNS, st.sampled_from(["10 d", "0 d"])),
        st.builds("{} {} {}".format, _rates(), _SIGNS, _rates()),
    )


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("({}) or ({})".format, inner, inner),
        st.builds("not ({})".format, inner),
        st.builds("streak({}) {} 1".format, inner, _SIGNS),
        st.builds("times({}, {}) {} 1".format, inner, _WINDOWS, _SIGNS),
    )


def conditions() -> st.SearchStrategy[str]:
    """Return expressions that are true or false for each period."""
    return st.recursive(_comparisons(), _joined, max_leaves=3)


def momentary() -> st.SearchStrategy[str]:
    """Return expressions that are read at an instant."""
    count = st.builds(
        "count({})".format, st.lists(_comparisons(), min_size=1, max_size=3).map(", ".join)
    )
    bare = st.one_of(
        count,
        st.builds("{} * {}".format, count, st.sampled_from(["2", "-1", "0.5"])),
        st.builds("{} {} {}".format, count, st.sampled_from("+-*"), count),
        st.builds("-({} - {})".format, count, count),
        st.builds("abs({} - {})".format, count, count),
        st.builds("{} / ({} + {})".format, count, count, st.sampled_from(["0", "1"])),
        st.builds("{} + streak({})".format, count, _comparisons()),
    )
    points = st.builds("{} * {}".format, count, st.sampled_from(["1 bp", "4.3 %", "-5 bp"]))
    compared = st.one_of(
        st.builds("{} {} {}".format, bare, _SIGNS, st.sampled_from(["0", "1", "2"])),
        st.builds("{} {} ({})".format, points, _SIGNS, _rates()),
    )
    mixed = st.builds("{} {} ({})".format, compared, st.sampled_from(["and", "or"]), _comparisons())
    return st.one_of(bare, points, compared, mixed, st.builds("not ({})".format, mixed))
