"""The edge: units, scales, quarantine, revisions, fallbacks."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.app.histories import history_from_archive
from ebbwatch.core.doubts import Doubt, doubt_of_value
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
from tests.ruleset.loading import valid

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

    def known_at(self, series: str, period: int) -> int | None:
        return None if self.value(series, period) is None else 0


def held(**values: str | None) -> Memory:
    """Return a history: ``d2026_09_02="3e12"``."""
    return Memory(
        {k[1:].replace("_", "-"): None if v is None else Decimal(v) for k, v in values.items()}
    )


def told(
    series: Series, *rows: tuple[str, str | None], unit: str | None = None, **more: Any
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
        [
            *told(SOFR, ("2026-09-08", "4.30"), vintage=date(2026, 9, 9)),
            *told(SOFR, ("2026-09-08", "4.31"), vintage=date(2026, 9, 10)),
            *told(SOFR, ("2026-09-08", "4.32")),
        ],
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
    assert answer.observations == (fact(RESERVES, "2026-09-09", "2991310e6"),)
    assert answer.held == (
        Held(
            observation=fact(RESERVES, "2026-09-02", "2935287000e6"),
            reason="2935287000 USD millions lies more than 50 times from the last value, "
            "2935287 USD millions",
        ),
    )


def test_quarantine_holds_the_observation_not_the_series() -> None:
    """The next plausible value goes on, and is compared with the last one that was believed."""
    rows = [("2026-08-26", "2991.31"), ("2026-09-02", "3001000"), ("2026-09-09", "0")]
    answer = ask(RESERVES, told(RESERVES, *rows), held(d2026_08_19="2935287e6"))
    assert answer.observations == (fact(RESERVES, "2026-09-02", "3001000e6"),)
    assert [h.reason for h in answer.held] == [
        "2991.31 USD millions lies more than 50 times from the last value, 2935287 USD millions",
        "0 USD millions lies more than 50 times from the last value, 3001000 USD millions",
    ]


def test_an_implausible_value_is_held_back() -> None:
    """A rate of 431 per cent is a slip of somebody's decimal point."""
    answer = ask(SOFR, told(SOFR, ("2026-09-09", "43")), held(d2026_09_08="0.043"))
    (one,) = answer.held
    assert one == Held(
        observation=fact(SOFR, "2026-09-09", "0.43"),
        reason="43 percent per year looks like the last value, 4.3 percent per year, "
        "in another unit",
    )
    (one,) = ask(SOFR, told(SOFR, ("2026-09-09", "37")), held(d2026_09_08="0.043")).held
    assert one.reason == (
        "37 percent per year is not plausible: expected -1 percent per year to 20 percent per year"
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
# No two of them lie so near a power of ten apart that one could be the other in another unit.
LEVELS = st.lists(st.integers(1_200_000, 9_000_000), min_size=2, max_size=30)


@given(levels=LEVELS, new=st.integers(1_200_000, 9_000_000), power=POWERS)
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


# ---- figures and dates nobody sane would write ---------------------------------------------

VOLUME = replace(REPO, name="volume", every=FREQUENCIES["day"])
STRANGE = [
    ("a year that a finger slipped into", VOLUME, ("2027-09-09", "5"), Doubt.FUTURE),
    ("the day after tomorrow", VOLUME, ("2026-09-12", "5"), Doubt.FUTURE),
    ("a year before there were statistics", VOLUME, ("1899-12-31", "5"), Doubt.ANCIENT),
    ("the first year there is", VOLUME, ("0001-01-02", "5"), Doubt.ANCIENT),
    ("the last year there is", VOLUME, ("9999-12-31", "5"), Doubt.FUTURE),
    ("more than there is of anything", VOLUME, ("2026-09-09", "1e28"), Doubt.SIZE),
    ("less than there is of anything", VOLUME, ("2026-09-09", "-1e-28"), Doubt.SIZE),
    ("a rate that became a fraction", SOFR, ("2026-09-09", "0.0388"), Doubt.SCALE),
    ("a rate that became basis points", SOFR, ("2026-09-09", "430"), Doubt.SCALE),
    ("a rate with a slipped decimal point", SOFR, ("2026-09-09", "0.432"), Doubt.SCALE),
]
USUAL = [
    ("tomorrow, in the east", VOLUME, ("2026-09-11", "5")),
    ("a week that still runs", RESERVES, ("2026-09-16", "2991310")),
    ("reverse repo went from 1.825 to 18.91 on 18 September 2019", VOLUME, ("2026-09-09", "10")),
    ("interest on reserves went from 1.10 % to 0.10 % in March 2020", SOFR, ("2026-09-09", "0.39")),
    ("a rate of nothing", SOFR, ("2026-09-09", "0")),
    ("a rate below nothing", SOFR, ("2026-09-09", "-0.43")),
]
HELD = {
    SOFR: held(d2026_09_08="0.043"),
    VOLUME: held(d2026_09_08="1"),
    RESERVES: held(d2026_09_02="2991310e6"),
}


@pytest.mark.parametrize(
    ("series", "row", "doubt"), [row[1:] for row in STRANGE], ids=[row[0] for row in STRANGE]
)
def test_what_cannot_be_right_is_held_back_alone(
    series: Series, row: tuple[str, str], doubt: Doubt
) -> None:
    """The figure beside it in the same answer goes on."""
    good = ("2026-09-08", "4.30" if series is SOFR else "1")
    history = Memory({"2026-09-07": HELD[series].values["2026-09-08"]})
    answer = ask(series, sorted(told(series, good, row), key=lambda p: p.period), history)
    assert [o.period for o in answer.observations] == [period_of(date(2026, 9, 8))]
    assert [(found.cause, found.count) for found in answer.held_back] == [(doubt, 1)]
    assert [one.observation.series for one in answer.held] == [series.name]


@pytest.mark.parametrize(
    ("series", "row"), [row[1:] for row in USUAL], ids=[row[0] for row in USUAL]
)
def test_what_may_be_right_goes_on(series: Series, row: tuple[str, str]) -> None:
    """Nothing is held back that the world did, or does each day."""
    answer = ask(series, told(series, row), HELD[series])
    assert (len(answer.observations), answer.held) == (1, ())


def test_what_a_source_announces_may_lie_ahead() -> None:
    """Administered rates are dated into the future; how far is the source's to say."""
    rows = told(SOFR, ("2026-09-14", "4.30"))
    week = timedelta(days=7)
    found = admit(SOFR, rows, HELD[SOFR], at=AT, source="fed_policy", first_choice=True, ahead=week)
    assert (len(found.observations), found.held) == (1, ())
    assert ask(SOFR, rows, HELD[SOFR]).observations == ()


def test_percent_that_become_a_fraction_wait_until_somebody_looks() -> None:
    """Each is compared with the last that was believed, and they are one finding."""
    rows = [("2026-09-08", "0.0388"), ("2026-09-09", "0.0387"), ("2026-09-10", "0.0388")]
    answer = ask(SOFR, told(SOFR, ("2026-09-07", "3.88"), *rows), held(d2026_09_04="0.0388"))
    assert answer.observations == (fact(SOFR, "2026-09-07", "0.0388"),)
    (found,) = answer.held_back
    assert (found.cause, found.count, found.example) == (Doubt.SCALE, 3, answer.held[0])


def test_a_whole_answer_in_another_unit_is_converted() -> None:
    """Where every figure that is held comes a hundred times smaller, so does the new one."""
    rows = [("2026-09-07", "0.0388"), ("2026-09-08", "0.0387"), ("2026-09-09", "0.0391")]
    answer = ask(SOFR, told(SOFR, *rows), held(d2026_09_07="0.0388", d2026_09_08="0.0387"))
    assert answer.observations == (fact(SOFR, "2026-09-09", "0.0391"),)
    assert [notice.found for notice in answer.notices] == ["100 times smaller"]


def test_one_operation_that_is_revised_tenfold_is_a_revision() -> None:
    """A single value says nothing about the scale of what jumps."""
    answer = ask(REPO, told(REPO, ("2026-09-09", "18910e6")), held(d2026_09_09="1891e6"))
    assert (len(answer.observations), answer.notices) == (1, ())


def test_two_values_for_one_period_are_not_chosen_from() -> None:
    """Whichever were taken, the other might be right; two that agree are one."""
    history = held(d2026_09_07="0.0430")
    rows = [("2026-09-08", "4.31"), ("2026-09-09", "4.32"), ("2026-09-09", "4.35")]
    answer = ask(SOFR, told(SOFR, *rows, ("2026-09-08", "4.31")), history)
    assert answer.observations == (fact(SOFR, "2026-09-08", "0.0431"),)
    assert [(f.cause, f.count) for f in answer.held_back] == [(Doubt.TWICE, 2)]


def test_zero_has_no_sign() -> None:
    """A table's ``-0.0`` is nothing, and is written so."""
    (one,) = ask(SOFR, told(SOFR, ("2026-09-09", "-0.0")), HELD[SOFR]).observations
    assert one.value is not None
    assert not one.value.is_signed()


CLAIMS = replace(RESERVES, every=FREQUENCIES["week ending Thursday"], scale_check=False)


def test_a_week_dated_early_for_a_holiday_is_that_week() -> None:
    """Thanksgiving is a Thursday: the figure is dated Wednesday, and is the week's."""
    rows = told(CLAIMS, ("2026-08-27", "2900000"), ("2026-09-02", "2910000"))
    answer = ask(CLAIMS, [*rows, *told(CLAIMS, ("2026-09-10", "2920000"))], held())
    assert [o.period for o in answer.observations] == [
        period_of(date(2026, *day)) for day in ((8, 27), (9, 3), (9, 10))
    ]
    assert [(n.kind, n.found, n.stops) for n in answer.notices] == [
        (NoticeKind.PERIOD_MOVED, "2026-09-02 for 2026-09-03", False)
    ]


@pytest.mark.parametrize(
    "odd",
    [
        [("2026-09-04", "2911000")],
        [("2026-09-02", "2911000"), ("2026-09-03", "2910000")],
        [("2026-09-01", "2911000"), ("2026-09-02", "2910000")],
    ],
    ids=["a day late", "beside the week's own", "two for one week"],
)
def test_a_date_that_cannot_be_placed_costs_its_row(odd: list[tuple[str, str]]) -> None:
    """It may belong to either week, and the rest of the answer is used."""
    rows = [("2026-08-20", "2890000"), ("2026-08-27", "2900000"), *odd, ("2026-09-10", "2920000")]
    answer = ask(CLAIMS, told(CLAIMS, *rows), held())
    periods = {o.period for o in answer.observations}
    assert periods >= {period_of(date(2026, *day)) for day in ((8, 20), (8, 27), (9, 10))}
    assert [o.value for o in answer.observations if o.value == Decimal("2911000e6")] == []
    assert [n.kind for n in answer.notices] == [NoticeKind.ROW_UNPLACED]


def test_no_true_rate_or_level_looks_like_another_unit() -> None:
    """Over the whole archive, low rates and crises included, none is taken for a slip."""
    found = {}
    ruleset = valid({})
    history = history_from_archive(ruleset, None)
    for name in history.held:
        last: Decimal | None = None
        column = history.column(name)
        assert column is not None
        for place in column.periods.argsort(kind="stable"):
            figure = history.figure(name, int(place))
            if figure.value is None:
                continue
            value = Decimal(figure.value.numerator) / Decimal(figure.value.denominator)
            doubt = doubt_of_value(replace(ruleset.series[name], plausible=None), value, last)
            if doubt is not None:
                found[name, figure.period] = doubt
            last = value
    assert (found, len(history.held) > 20) == ({}, True)
