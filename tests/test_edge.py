"""The edge: units, scales, quarantine, revisions, fallbacks."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.core.facts import asof
from ebbwatch.core.facts.edge import Admitted, Notice, NoticeKind, Present, admit
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.calendars import SIFMA, business_calendar
from ebbwatch.model.observation import Observation, Published
from ebbwatch.model.periods import FREQUENCIES, period_of
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.units import UNITS
from ebbwatch.ports import Held
from tests.paths import recording

AT = datetime(2026, 9, 10, 20, 30, tzinfo=UTC)
BEFORE = datetime(2026, 9, 3, 20, 30, tzinfo=UTC)

RESERVES = Series(
    name="reserves",
    source=SourceRef("h41", "RESH4R_XAW_N.WW"),
    fallback=SourceRef("fred", "WRESBAL"),
    unit=UNITS["USD millions"],
    every=FREQUENCIES["week ending Wednesday"],
    plausible=(Decimal("0.5e12"), Decimal("10e12")),
    scale_check=True,
)
REPO = Series(
    name="repo_operations",
    source=SourceRef("nyfed", "repo"),
    unit=UNITS["USD"],
    every=FREQUENCIES["business day"],
)
SOFR = Series(
    name="sofr",
    source=SourceRef("nyfed", "sofr"),
    fallback=SourceRef("fred", "SOFR"),
    unit=UNITS["percent per year"],
    every=FREQUENCIES["business day"],
    plausible=(Decimal("-0.01"), Decimal("0.20")),
)


@dataclass(frozen=True)
class Memory:
    """What is held, in base units, given by one source."""

    values: Mapping[str, Decimal | None]
    source: str = "nyfed"

    def value(self, series: str, period: int) -> tuple[Decimal | None, str] | None:
        found = {period_of(date.fromisoformat(day)): v for day, v in self.values.items()}
        return (found[period], self.source) if period in found else None

    def newest(self, series: str) -> tuple[int, Decimal] | None:
        rows = [
            (period_of(date.fromisoformat(d)), v) for d, v in self.values.items() if v is not None
        ]
        return max(rows, default=None)


def held(**values: str | None) -> Memory:
    """Return a history: ``d2026_09_02="3e12"``."""
    return Memory(
        {k[1:].replace("_", "-"): None if v is None else Decimal(v) for k, v in values.items()}
    )


def told(
    series: Series, *rows: tuple[str, str | None], unit: str | None = None, **more: datetime
) -> list[Published]:
    """Return figures as a source would give them."""
    return [
        Published(
            series=series.name,
            period=period_of(date.fromisoformat(day)),
            value=None if value is None else Decimal(value),
            unit=unit,
            **more,
        )
        for day, value in rows
    ]


def fact(series: Series, day: str, value: str | None, source: str = "nyfed") -> Observation:
    """Return the observation that is expected."""
    return Observation(
        series=series.name,
        period=period_of(date.fromisoformat(day)),
        value=None if value is None else Decimal(value),
        known_at=AT,
        source=source,
    )


def ask(
    series: Series,
    published: Sequence[Published],
    history: Memory,
    *,
    source: str = "nyfed",
    first_choice: bool = True,
) -> Admitted:
    """Admit at the usual instant."""
    return admit(series, published, history, at=AT, source=source, first_choice=first_choice)


WEEK = held(d2026_08_26="2944059e6", d2026_09_02="2935287e6")

NEWS = [
    (
        "a new period is news",
        SOFR,
        told(SOFR, ("2026-09-08", "4.30"), ("2026-09-09", "4.35")),
        held(d2026_09_08="0.043"),
        True,
        [fact(SOFR, "2026-09-09", "0.0435")],
    ),
    (
        "a value equal to what is held is not",
        SOFR,
        told(SOFR, ("2026-09-08", "4.300")),
        held(d2026_09_08="0.043"),
        True,
        [],
    ),
    (
        "a different value from the first choice is a revision",
        SOFR,
        told(SOFR, ("2026-09-08", "4.31")),
        held(d2026_09_08="0.043"),
        True,
        [fact(SOFR, "2026-09-08", "0.0431")],
    ),
    (
        "a different value from a fallback is none",
        SOFR,
        told(SOFR, ("2026-09-08", "4.31")),
        held(d2026_09_08="0.043"),
        False,
        [],
    ),
    (
        "a fallback adds periods",
        SOFR,
        told(SOFR, ("2026-09-08", "4.31"), ("2026-09-09", "4.35")),
        held(d2026_09_08="0.043"),
        False,
        [fact(SOFR, "2026-09-09", "0.0435")],
    ),
    (
        "a value taken back by the first choice is a fact",
        SOFR,
        told(SOFR, ("2026-09-08", None)),
        held(d2026_09_08="0.043"),
        True,
        [fact(SOFR, "2026-09-08", None)],
    ),
    (
        "a value that stays away is none",
        SOFR,
        told(SOFR, ("2026-09-08", None)),
        held(d2026_09_08=None),
        True,
        [],
    ),
    (
        "no value where there never was one is no news",
        SOFR,
        told(SOFR, ("2026-09-07", None), ("2026-09-08", "4.30")),
        held(d2026_09_04="0.043"),
        True,
        [fact(SOFR, "2026-09-08", "0.043")],
    ),
    (
        "a value that comes back is news",
        SOFR,
        told(SOFR, ("2026-09-08", "4.30")),
        held(d2026_09_08=None),
        True,
        [fact(SOFR, "2026-09-08", "0.043")],
    ),
    (
        "of the versions in one answer, those after the one held are news",
        SOFR,
        told(SOFR, ("2026-09-08", "4.30"), ("2026-09-08", "4.31"), ("2026-09-08", "4.32")),
        held(d2026_09_08="0.0431"),
        True,
        [fact(SOFR, "2026-09-08", "0.0432")],
    ),
    (
        "operations jump, and are believed",
        REPO,
        told(REPO, ("2020-03-02", "503000000"), ("2020-03-09", "74600000000")),
        held(d2020_03_02="503000000"),
        True,
        [fact(REPO, "2020-03-09", "74600000000")],
    ),
    (
        "so do swap lines, from nothing",
        REPO,
        told(REPO, ("2020-03-11", "45000000"), ("2020-03-19", "162486000000")),
        held(d2020_03_04="0", d2020_03_11="45e6"),
        True,
        [fact(REPO, "2020-03-19", "162486000000")],
    ),
]


@pytest.mark.parametrize(
    ("series", "published", "history", "first_choice", "expected"),
    [row[1:] for row in NEWS],
    ids=[row[0] for row in NEWS],
)
def test_what_is_news(
    series: Series,
    published: list[Published],
    history: Memory,
    first_choice: bool,
    expected: list[Observation],
) -> None:
    """Only what differs from what is held goes on, and a fallback revises nothing."""
    assert ask(series, published, history, first_choice=first_choice) == Admitted(tuple(expected))


def test_the_first_choice_corrects_what_its_fallback_gave() -> None:
    """When the first choice returns, its value for a fallback's period is a revision."""
    history = replace(held(d2026_09_08="0.043"), source="fred")
    answer = ask(SOFR, told(SOFR, ("2026-09-08", "4.32")), history)
    assert answer == Admitted((fact(SOFR, "2026-09-08", "0.0432"),))


def test_a_declared_change_of_scale_is_converted_and_announced() -> None:
    """The declaration is read with the data: billions become millions, and no value moves."""
    billions = told(
        RESERVES, ("2026-09-02", "2935.287"), ("2026-09-09", "2991.31"), unit="USD billions"
    )
    answer = ask(RESERVES, billions, WEEK, source="fred")
    assert answer == Admitted(
        observations=(fact(RESERVES, "2026-09-09", "2991310e6", "fred"),),
        notices=(
            Notice(NoticeKind.UNIT_CHANGED, "reserves", "fred", "USD billions", "USD millions"),
        ),
    )


def test_the_unit_the_catalogue_names_is_not_announced() -> None:
    """A declaration that agrees with the catalogue is no news."""
    answer = ask(RESERVES, told(RESERVES, ("2026-09-09", "2991310"), unit="USD millions"), WEEK)
    assert answer == Admitted((fact(RESERVES, "2026-09-09", "2991310e6"),))


@pytest.mark.parametrize("unit", ["Billions of Chained 2017 Dollars", "percent per year"])
def test_an_unknown_unit_stops_the_series(unit: str) -> None:
    """Nothing of an answer in a unit that does not fit is used."""
    answer = ask(RESERVES, told(RESERVES, ("2026-09-09", "2991310"), unit=unit), WEEK)
    (notice,) = answer.notices
    assert answer == Admitted(notices=(notice,))
    assert notice == Notice(NoticeKind.UNIT_UNKNOWN, "reserves", "nyfed", unit, "USD millions")
    assert notice.stops


def test_an_impossible_period_stops_the_series() -> None:
    """A week ending Wednesday that is a Thursday means that the answer changed shape."""
    answer = ask(RESERVES, told(RESERVES, ("2026-09-10", "2991310")), WEEK)
    (notice,) = answer.notices
    assert notice.stops
    assert (notice.kind, notice.found) == (
        NoticeKind.PERIOD_IMPOSSIBLE,
        "2026-09-10 is a Thursday, not a Wednesday",
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [("2026-08-26", "2944.059"), ("2026-09-02", "2935.287"), ("2026-09-09", "2991.31")],
            "1000 times smaller",
        ),
        (
            [
                ("2026-08-26", "2944059000"),
                ("2026-09-02", "2935287000"),
                ("2026-09-09", "2991310000"),
            ],
            "1000 times larger",
        ),
        (
            [("2026-09-02", "2935287000000"), ("2026-09-09", "2991310000000")],
            "1000000 times larger",
        ),
    ],
)
def test_an_undeclared_change_of_scale_is_known_by_its_shape(
    rows: list[tuple[str, str]], words: str
) -> None:
    """Every overlapping value differs by one power of 1000: the scale changed, not the figures."""
    answer = ask(RESERVES, told(RESERVES, *rows), WEEK)
    assert answer == Admitted(
        observations=(fact(RESERVES, "2026-09-09", "2991310e6"),),
        notices=(Notice(NoticeKind.SCALE_CHANGED, "reserves", "nyfed", words, "USD millions"),),
    )


def test_one_overlapping_value_of_another_scale_is_no_change_of_scale() -> None:
    """Where the others agree with what is held, the odd one is held back by itself."""
    rows = [("2026-08-26", "2944059"), ("2026-09-02", "2935287000"), ("2026-09-09", "2991310")]
    answer = ask(RESERVES, told(RESERVES, *rows), WEEK)
    assert answer == Admitted(
        observations=(fact(RESERVES, "2026-09-09", "2991310e6"),),
        held=(
            Held(
                observation=fact(RESERVES, "2026-09-02", "2935287000e6"),
                reason="2935287000 USD millions lies more than 50 times from the last value, "
                "2935287 USD millions",
            ),
        ),
    )


def test_quarantine_holds_the_observation_not_the_series() -> None:
    """The next plausible value goes on, and is compared with the last one that was believed."""
    rows = [("2026-09-09", "2991.31"), ("2026-09-16", "3001000"), ("2026-09-23", "0")]
    answer = ask(RESERVES, told(RESERVES, *rows), WEEK)
    assert answer.observations == (fact(RESERVES, "2026-09-16", "3001000e6"),)
    assert [h.reason for h in answer.held] == [
        "2991.31 USD millions lies more than 50 times from the last value, 2935287 USD millions",
        "0 USD millions lies more than 50 times from the last value, 3001000 USD millions",
    ]


def test_an_implausible_value_is_held_back() -> None:
    """A rate of 431 per cent is a slip of somebody's decimal point."""
    answer = ask(SOFR, told(SOFR, ("2026-09-09", "431")), held(d2026_09_08="0.043"))
    assert answer == Admitted(
        held=(
            Held(
                observation=fact(SOFR, "2026-09-09", "4.31"),
                reason="431 percent per year is not plausible: "
                "expected -1 percent per year to 20 percent per year",
            ),
        )
    )


def test_old_figures_are_compared_with_their_own_time() -> None:
    """Reserves grew 300-fold in twenty years; a late revision of 2003 is not held back for it."""
    series = replace(RESERVES, plausible=None)
    history = Memory({"2003-01-01": Decimal("9e9"), "2026-09-02": Decimal("2935e9")})
    rows = told(series, ("2003-01-01", "9100"), ("2003-01-08", "9200"), ("2003-01-15", "9300000"))
    answer = ask(series, rows, history)
    assert [o.value for o in answer.observations] == [Decimal("9100e6"), Decimal("9200e6")]
    assert [h.observation.value for h in answer.held] == [Decimal("9300000e6")]


def test_known_at_is_when_the_poll_saw_it() -> None:
    """Live, the newest version counts from our poll; what the answer replaces keeps its instant."""
    first, second = BEFORE.replace(hour=12), BEFORE.replace(hour=18)
    rows = [
        *told(SOFR, ("2026-09-08", "4.30"), known_at=first),
        *told(SOFR, ("2026-09-08", "4.31"), known_at=second),
    ]
    live = ask(SOFR, rows, held(d2026_09_04="0.043"))
    assert [o.known_at for o in live.observations] == [first, AT]
    at_first = ask(SOFR, rows, Memory({}))
    assert [o.known_at for o in at_first.observations] == [first, second]
    future = told(SOFR, ("2026-09-08", "4.30"), known_at=AT.replace(year=2027))
    assert [o.known_at for o in ask(SOFR, future, Memory({})).observations] == [AT]


POWERS = st.sampled_from([-3, -2, -1, 1, 2, 3])
LEVELS = st.lists(st.integers(600_000, 9_000_000), min_size=2, max_size=30)


@given(levels=LEVELS, new=st.integers(600_000, 9_000_000), power=POWERS)
def test_no_change_of_scale_reaches_a_rule(levels: list[int], new: int, power: int) -> None:
    """Whatever the figures and the power of 1000, what is admitted is what was always meant."""
    first = date(2020, 1, 1)
    days = [(first + timedelta(weeks=n)).isoformat() for n in range(len(levels) + 1)]
    history = Memory({day: Decimal(n) * 10**6 for day, n in zip(days, levels, strict=False)})
    rows = [
        (day, str(Decimal(n) * Decimal(1000) ** power))
        for day, n in zip(days, [*levels, new], strict=True)
    ]
    answer = ask(RESERVES, told(RESERVES, *rows), history)
    assert answer.observations == (fact(RESERVES, days[-1], str(new * 10**6)),)
    assert (answer.held, len(answer.notices)) == ((), 1)
    alone = ask(RESERVES, told(RESERVES, rows[-1]), history)
    assert (alone.observations, len(alone.held)) == ((), 1)


def test_the_daemons_own_history_is_read_exactly() -> None:
    """What the engine keeps in scaled integers compares equal to what was published."""
    business = {SIFMA: business_calendar(SIFMA)}
    history = asof.History({"sofr": SOFR}, business, ReleaseClock(business))
    present = Present(history)
    assert (present.newest("sofr"), present.value("sofr", 0)) == (None, None)
    history.observe(
        [
            fact(SOFR, "2026-09-07", "0.0429"),
            fact(SOFR, "2026-09-08", "0.04300"),
            replace(fact(SOFR, "2026-09-08", "0.04315", "fred"), known_at=AT + timedelta(hours=1)),
            fact(SOFR, "2026-09-09", None),
        ]
    )
    (eighth, ninth) = (period_of(date(2026, 9, day)) for day in (8, 9))
    assert present.newest("sofr") == (eighth, Decimal("0.04315"))
    assert present.value("sofr", eighth) == (Decimal("0.04315"), "fred")
    assert present.value("sofr", ninth) == (None, "nyfed")


@pytest.mark.parametrize("unit", [None, "USD millions"])
def test_fred_moving_reserves_from_billions_to_millions_moves_no_rule(unit: str | None) -> None:
    """The recorded body in millions brings nothing new to a history kept from the billions."""
    series = replace(RESERVES, unit=UNITS["USD billions"], plausible=None)
    body = recording("fred/alfredgraph_WRESBAL_vintage_2026-09-10_excerpt.csv").decode()
    rows = [(day, value) for day, value in list(csv.reader(io.StringIO(body)))[1:] if value]
    history = Memory({day: Decimal(value) * 10**6 for day, value in rows[:-1]})
    answer = ask(series, told(series, *rows, unit=unit), history, source="fred")
    day, value = rows[-1]
    assert answer.observations == (fact(series, day, f"{value}e6", "fred"),)
    assert answer.held == ()
    assert [n.found for n in answer.notices] == [unit or "1000 times larger"]
