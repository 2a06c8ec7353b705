"""Tables of figures: read exactly, or refused by line."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from ebbwatch.core.facts.figure_tables import TableFault, Tables
from ebbwatch.model.periods import micros, period_of
from tests.naive.tapes import CATALOGUE, history_of


def read(series: str, text: str) -> list[tuple[int, Fraction | None, datetime, bool]]:
    """Return a table's facts in the order they took effect."""
    history = history_of([])
    Tables(history, None).read(CATALOGUE[series], text)
    return [(f.period, f.value, f.known_at, f.assumed) for f in history.observations(series)]


def day(text: str) -> int:
    """Return the period of a date."""
    return period_of(datetime.fromisoformat(text).date())


def at(text: str) -> datetime:
    """Return an instant in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def test_figures_are_exact_in_the_unit_of_the_catalogue() -> None:
    """4.35 % is 435 ten-thousandths, whatever floats think, and rows come in any order."""
    table = (
        "period,value,known_at\n"
        "2024-01-03,4.35,2024-01-04T08:00:00-05:00\n"
        "2024-01-02,-0.015,2024-01-03T08:00:00-05:00\n"
    )
    assert read("sofr", table) == [
        (day("2024-01-02"), Fraction(-15, 100_000), at("2024-01-03T08:00:00-05:00"), False),
        (day("2024-01-03"), Fraction(435, 10_000), at("2024-01-04T08:00:00-05:00"), False),
    ]


def test_without_known_at_the_release_rule_gives_it() -> None:
    """The next SIFMA business day, 08:00 New York, and marked as assumed."""
    assert read("timely", "period,value\n2024-01-12,5.31\n") == [
        (day("2024-01-12"), Fraction(531, 10_000), at("2024-01-16T08:00:00-05:00"), True)
    ]


def test_a_cell_without_known_at_has_it_by_the_release_rule() -> None:
    """A revision whose instant is known stands beside first figures whose instants are not."""
    table = (
        '"period","value","known_at"\n'
        "2024-01-12,5.31,\n"
        "2024-01-12,5.32,2024-01-16T14:30:00-05:00\n"
        "2024-01-11,5.30,\n"
    )
    assert read("timely", table) == [
        (day("2024-01-11"), Fraction(530, 10_000), at("2024-01-12T08:00:00-05:00"), True),
        (day("2024-01-12"), Fraction(531, 10_000), at("2024-01-16T08:00:00-05:00"), True),
        (day("2024-01-12"), Fraction(532, 10_000), at("2024-01-16T14:30:00-05:00"), False),
    ]


def test_a_point_and_nothing_are_no_value() -> None:
    """What the publisher withdrew is a fact without a value."""
    found = read("sofr", "period,value,known_at\n2024-01-02,.,2024-01-03T08:00:00-05:00\n")
    assert found == [(day("2024-01-02"), None, at("2024-01-03T08:00:00-05:00"), False)]


_K = "2024-01-03T08:00:00-05:00"
FAULTS = [
    ("sofr", "", "sofr: expected the header period,value or period,value,known_at, found nothing"),
    (
        "sofr",
        "date,value\n",
        "sofr: expected the header period,value or period,value,known_at, found date,value",
    ),
    (
        "sofr",
        "period,value\n2024-01-02,5\n",
        "sofr: the table does not say when each figure became known (known_at), and the series has no release rule: give one of the two",
    ),
    ("sofr", f"period,value,known_at\n2024-01-02,x,{_K}\n", "sofr, line 2: x is no number"),
    ("sofr", f"period,value,known_at\n2024-01-02,nan,{_K}\n", "sofr, line 2: nan is no number"),
    (
        "sofr",
        f"period,value,known_at\n2024-01-02,.,{_K}\n2024-01-03,nan,{_K}\n",
        "sofr, line 3: nan is no number",
    ),
    (
        "sofr",
        f"period,value,known_at\n2024-01-02,.,{_K}\n2024-01-03,inf,{_K}\n",
        "sofr, line 3: inf is no number",
    ),
    ("sofr", f"period,value,known_at\n2024-01-02,1_000,{_K}\n", "sofr, line 2: 1_000 is no number"),
    (
        "sofr",
        f"period,value,known_at\n\n2024-01-02,5,{_K}\n\n\n2024-01-03,x,{_K}\n",
        "sofr, line 6: x is no number",
    ),
    (
        "sofr",
        f'period,value,known_at\r\n\r\n"2024-01-02",5,{_K}\r\n\r\n2024-01-03,5\r\n',
        "sofr, line 5: expected 3 columns, found 2",
    ),
    (
        "sofr",
        f'period,value,known_at\n"2024-01-02",5,{_K}\n2024-01-03,"5\n",{_K}\n"x\n",5,{_K}\n',
        "sofr, line 5: x is no period: Invalid isoformat string: 'x'",
    ),
    (
        "sofr",
        f"period,value,known_at\n2024-01-02,.,{_K}\n2024-01-03,1_0,{_K}\n",
        "sofr, line 3: 1_0 is no number",
    ),
    (
        "sofr",
        f"period,value,known_at\n2024-13-02,5,{_K}\n",
        "sofr, line 2: 2024-13-02 is no period: month must be in 1..12",
    ),
    (
        "reserves",
        f"period,value,known_at\n2024-01-02,5,{_K}\n",
        "reserves, line 2: 2024-01-02 is no period: 2024-01-02 is a Tuesday, not a Wednesday",
    ),
    (
        "gdp",
        f"period,value,known_at\n2024-02-01,5,{_K}\n",
        "gdp, line 2: 2024-02-01 is no period: 2024-02-01 is not the first day of a quarter",
    ),
    (
        "sofr",
        "period,value,known_at\n2024-01-02,5,2024-01-03T08:00:00\n",
        "sofr, line 2: 2024-01-03T08:00:00 is no instant: known_at carries an offset, 2019-09-18T09:00:00-04:00",
    ),
    (
        "sofr",
        "period,value,known_at\n2024-01-02,5,\n",
        "sofr: the table does not say when each figure became known (known_at), and the series has no release rule: give one of the two",
    ),
    ("sofr", "period,value,known_at\n2024-01-02,5\n", "sofr, line 2: expected 3 columns, found 2"),
    (
        "sofr",
        f"period,value,known_at\n2024-01-02,5,{_K},9\n2024-01-03,5\n",
        "sofr, line 2: expected 3 columns, found 4",
    ),
]


@pytest.mark.parametrize(("series", "table", "message"), FAULTS, ids=[m for _, _, m in FAULTS])
def test_what_cannot_be_read_is_refused_by_line(series: str, table: str, message: str) -> None:
    """The fault names the series, the line, and what was expected."""
    with pytest.raises(TableFault) as fault:
        read(series, table)
    assert str(fault.value) == message


def test_known_at_in_any_offset_is_one_instant() -> None:
    """An offset is arithmetic, not meaning."""
    east = read("sofr", "period,value,known_at\n2024-01-02,5,2024-01-03T21:00:00+08:00\n")
    west = read("sofr", "period,value,known_at\n2024-01-02,5,2024-01-03T08:00:00-05:00\n")
    assert east == west
    assert micros(east[0][2]) == micros(at("2024-01-03T13:00:00+00:00"))
