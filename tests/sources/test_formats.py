"""Tables as others write them: dates, thousands, encodings, and several rows of a period."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import FREQUENCIES
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.source import ArgumentFault
from ebbwatch.model.units import UNITS
from ebbwatch.ports import SourceChanged
from ebbwatch.sources.csv import Csv, Layout
from ebbwatch.sources.csv import parse as parse_csv
from ebbwatch.sources.http_json import HttpJson
from ebbwatch.sources.http_json import parse as parse_json
from ebbwatch.sources.replies import Reply
from ebbwatch.sources.strict_numbers import number
from tests.sources.wanting import figures


def series(every: str) -> Series:
    """Return a series of the user's."""
    return Series("x", SourceRef("csv", "x"), UNITS["number"], FREQUENCIES[every])


def table(body: str | bytes, every: str = "day", **said: str) -> tuple[Published, ...]:
    """Return what a table with a header says; cells stand between semicolons."""
    argument = {"path": "x.csv", "delimiter": ";", **said}
    assert Csv.fault(argument) is None
    written = body if isinstance(body, bytes) else body.encode()
    return parse_csv(written, series(every), Layout.of(argument)).figures


def answer(body: object, every: str = "day", **said: Any) -> tuple[Published, ...]:
    """Return what a JSON answer says."""
    argument = {"url": "https://x.example", "value": "@", **said}
    assert HttpJson.fault(argument) is None
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = Reply(provider="x", status=200, content=content)
    return parse_json(reply, series(every), argument).figures


@pytest.mark.parametrize(
    ("every", "how", "written", "expected"),
    [
        ("day", "%m/%d/%Y", "08/21/2026", "2026-08-21"),
        ("day", "%m/%d/%Y", "8/1/2026", "2026-08-01"),
        ("day", "%d.%m.%y", "21.08.26", "2026-08-21"),
        ("day", "%b %d, %Y", "Aug 21, 2026", "2026-08-21"),
        ("day", "%Y%m%d", "20260821", "2026-08-21"),
        ("month", "%b-%Y", "Aug-2026", "2026-08-01"),
        ("year", "FY%Y", "FY2026", "2026-01-01"),
        ("hour", "%d/%m/%Y %H:%M", "21/08/2026 13:00", "2026-08-21T13:00:00Z"),
        ("15 min", "%d/%m/%Y %H:%M %z", "21/08/2026 13:15 -0400", "2026-08-21T17:15:00Z"),
        ("day", "roc", "115/11/27", "2026-11-27"),
        ("day", "roc", "1151127", "2026-11-27"),
        ("day", "roc", "115-1-2", "2026-01-02"),
        ("day", "roc", "115.01.02", "2026-01-02"),
        ("day", "roc", "99/12/31", "2010-12-31"),
        ("day", "roc", "991231", "2010-12-31"),
        ("day", "roc", "115年11月27日", "2026-11-27"),
        ("month", "roc", "115年11月", "2026-11-01"),
        ("month", "roc", "115/11", "2026-11-01"),
        ("month", "roc", "11511", "2026-11-01"),
        ("quarter", "roc", "115/10", "2026-10-01"),
        ("year", "roc", "115", "2026-01-01"),
        ("year", "roc", "115年", "2026-01-01"),
        ("day", "epoch", "1795392000", "2026-11-23"),
        ("day", "epoch", "0", "1970-01-01"),
        ("15 min", "epoch", "1795436100", "2026-11-23T12:15:00Z"),
        ("day", "epoch-ms", "1795392000000", "2026-11-23"),
    ],
)
def test_dates_are_read_as_declared(every: str, how: str, written: str, expected: str) -> None:
    """In a column of a table, and as a value or a key of JSON."""
    (found,) = table(f"period;value\n{written};1\n", every, date=how)
    assert FREQUENCIES[every].text(found.period) == expected
    said: dict[str, Any] = {"date": how, "value": "v"}
    (found,) = answer([{"p": written, "v": 1}], every, rows="@", period="p", **said)
    assert FREQUENCIES[every].text(found.period) == expected
    (found,) = answer({"r": {written: {"v": 1}}}, every, rows={"by": "key", "at": "r"}, **said)
    assert FREQUENCIES[every].text(found.period) == expected


@pytest.mark.parametrize(
    ("value", "how", "expected"),
    [(1795392000, "epoch", "2026-11-23"), (1795392000123, "epoch-ms", "2026-11-23")],
)
def test_epochs_may_be_numbers(value: int, how: str, expected: str) -> None:
    """As JSON has them; what became known is written the same way."""
    (found,) = answer(
        [{"p": value, "v": 1, "k": value}], rows="@", period="p", value="v", known_at="k", date=how
    )
    assert list(figures((found,), "x")) == [expected]
    assert found.known_at is not None
    assert found.known_at.date() == date(2026, 11, 23)


@pytest.mark.parametrize("number_", [1795392000, 1795392000000, "1795392000", 1151127])
def test_a_number_is_never_taken_for_a_date_unless_it_is_said(number_: object) -> None:
    """The complaint says how."""
    with pytest.raises(SourceChanged, match=r"say date: (epoch|epoch-ms|roc)$"):
        answer([{"p": number_, "v": 1}], rows="@", period="p", value="v")
    with pytest.raises(SourceChanged, match="expected an instant with its offset"):
        answer([{"p": "2026-11-23", "k": 1795392000, "v": 1}],
               rows="@", period="p", value="v", known_at="k")  # fmt: skip


@pytest.mark.parametrize(
    ("every", "how", "written"),
    [
        ("day", "%m/%d/%Y", "2026-08-21"),
        ("day", "%m/%d/%Y", "21/08/2026"),
        ("day", "%m/%d/%Y", "02/30/2026"),
        # What says less than the series needs is no date of it.
        ("day", "%m/%Y", "08/2026"),
        ("week ending Wednesday", "%Y", "2026"),
        ("15 min", "%m/%d/%Y", "08/21/2026"),
        ("day", "roc", "115/11"),
        ("day", "roc", "115"),
        ("month", "roc", "115"),
        ("hour", "roc", "115/11/27"),
        ("day", "roc", "2026/11/27"),
        ("day", "roc", "115/13/01"),
        ("day", "epoch", "2026-11-23"),
        ("day", "epoch", "1795392000000"),
        ("day", "epoch", "true"),
    ],
)
def test_what_is_written_otherwise_is_said(every: str, how: str, written: str) -> None:
    """With the place, what stands there, and how it was declared."""
    with pytest.raises(SourceChanged) as caught:
        table(f"period;value\n{written};1\n", every, date=how)
    assert str(caught.value) == (
        f"csv x, line 2, column period: expected a period of `every: {every}` "
        f"written as `date: {how}`, found '{written}'"
    )


@pytest.mark.parametrize(
    ("said", "written", "expected"),
    [
        ({"thousands": ","}, "74,600,000", "74600000"),
        ({"thousands": ","}, "-1,234.50", "-1234.50"),
        ({"thousands": ","}, "12", "12"),
        ({"decimal": ","}, "4,35", "4.35"),
        ({"decimal": ",", "thousands": "."}, "1.234.567,8", "1234567.8"),
        ({"decimal": ",", "thousands": " "}, "1\u202f234\u00a0567,8", "1234567.8"),
        ({"decimal": ",", "thousands": "\u00a0"}, "1 234,8", "1234.8"),
        ({"thousands": "'"}, "1'234.5", "1234.5"),
        ({"thousands": ","}, "NA", "None"),
    ],
)
def test_numbers_are_read_as_declared(said: dict[str, str], written: str, expected: str) -> None:
    """Exactly, and marks for no value stay what they are."""
    (found,) = table(f"period;value\n2026-11-23;{written}\n", **said)
    assert str(found.value) == expected


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ({}, "1,234"),
        ({"thousands": ","}, "12,34"),
        ({"thousands": ","}, "1234,567"),
        ({"thousands": ","}, "1,234,5"),
        ({"decimal": ","}, "1.5"),
        ({"decimal": ","}, "1.234,5"),
        ({"decimal": ",", "thousands": "."}, "1,234.5"),
        ({"thousands": " "}, "1,234"),
        ({"thousands": ","}, "1 234"),
    ],
)
def test_a_number_is_never_guessed(said: dict[str, str], written: str) -> None:
    """What fits no declared way is no number."""
    with pytest.raises(SourceChanged, match="column value: expected a number, found"):
        table(f"period;value\n2026-11-23;{written}\n", **said)


def test_a_comma_that_was_not_declared_is_hinted_at() -> None:
    """Whether it is thousands or tenths, only the reader knows."""
    with pytest.raises(SourceChanged, match='; say thousands: "," or decimal: ",", whichever'):
        table("period;value\n2026-11-23;1,234\n")


@given(
    value=st.decimals(allow_nan=False, allow_infinity=False, places=2, max_value=10**12,
                      min_value=-(10**12)),
    signs=st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", ""), (",", "")]),
)  # fmt: skip
def test_whatever_is_written_is_read_back(value: Decimal, signs: tuple[str, str]) -> None:
    """Any figure, in any declared way."""
    decimal, thousands = signs
    written = f"{value:,f}".replace(",", "T").replace(".", decimal).replace("T", thousands)
    assert number(written, of="x", decimal=decimal, thousands=thousands) == value


def test_text_is_read_in_its_encoding() -> None:
    """Headers in Big5, and JSON in UTF-16; a byte order mark is no part of a name."""
    body = "日期;利率\n115/11/27;1.5\n".encode("big5")
    (found,) = table(body, period="日期", value="利率", encoding="big5", date="roc")
    assert found.value == Decimal("1.5")
    (found,) = table("\ufeffperiod;value\n2026-11-23;1\n", encoding="UTF8")
    assert found.value == Decimal(1)
    (found,) = answer('{"2026-11-23": 1.50}'.encode("utf-16"),
                      rows={"by": "key", "at": "@"}, encoding="utf-16")  # fmt: skip
    assert str(found.value) == "1.50"


def test_other_bytes_than_declared_are_said() -> None:
    """And where nothing was declared, that it can be."""
    with pytest.raises(SourceChanged, match=r"csv x: expected big5 text, found other bytes$"):
        table(b"period;value\n\xff\xff;1\n", encoding="big5")
    with pytest.raises(SourceChanged, match="expected UTF-8 text, found other bytes; say which"):
        table("日期;value\n".encode("big5"))
    with pytest.raises(SourceChanged, match="x: expected utf-16 text, found other bytes"):
        answer(b'{"a": 1}!', rows={"by": "key", "at": "@"}, encoding="utf-16")


ROWS = "period;value\n2026-11-23;0.1\n2026-11-24;9\n2026-11-23;0.2\n2026-11-23;0.3\n"


@pytest.mark.parametrize(("how", "expected"), [("sum", "0.6"), ("first", "0.1"), ("last", "0.3")])
def test_several_rows_of_a_period_become_one(how: str, expected: str) -> None:
    """In the table's order, exactly."""
    found = figures(table(ROWS, reduce=how), "x")
    assert {day: str(value) for day, value in found.items()} == {
        "2026-11-23": expected,
        "2026-11-24": "9",
    }


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    """An issue that was announced and not auctioned has no amount yet."""
    body = "period;value\n2026-11-23;0.1\n2026-11-23;null\n"
    assert figures(table(body, reduce="sum"), "x") == {"2026-11-23": None}
    assert figures(table(body, reduce="first"), "x") == {"2026-11-23": Decimal("0.1")}


def test_what_became_known_later_is_another_version() -> None:
    """Only rows of one instant are parts of one figure."""
    body = (
        "period;value;known_at\n"
        "2026-11-23;1;2026-11-24T08:00Z\n2026-11-23;2;2026-11-24T08:00Z\n"
        "2026-11-23;1;2026-11-25T08:00Z\n2026-11-23;5;2026-11-25T08:00Z\n"
    )
    assert [(p.value, p.known_at) for p in table(body, reduce="sum")] == [
        (Decimal(3), datetime(2026, 11, 24, 8, tzinfo=UTC)),
        (Decimal(6), datetime(2026, 11, 25, 8, tzinfo=UTC)),
    ]


def test_without_a_word_no_row_of_a_period_is_chosen() -> None:
    """All are handed on, and the edge holds them back."""
    assert len(table(ROWS)) == len(ROWS.strip().splitlines()) - 1


def test_an_object_keyed_by_dates_is_a_table() -> None:
    """Values may be numbers, or objects that hold them."""
    rates = {"rates": {"2026-11-23": {"EUR": 0.86}, "2026-11-20": {"EUR": 0.87}}}
    found = answer(rates, rows={"by": "key", "at": "rates"}, value="EUR")
    assert [str(p.value) for p in found] == ["0.87", "0.86"]
    assert figures(answer({"2026-11-23": "1.5"}, rows={"by": "key", "at": "@"}), "x") == {
        "2026-11-23": Decimal("1.5")
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([1], "expected `@` to find an object with periods as keys, found a list"),
        ({"n/a": 1}, "keys of `@`: expected a period of `every: day` like 2026-09-30, found 'n/a'"),
        ({"2026-11-23": "x"}, "key '2026-11-23', value `@`: expected a number, found 'x'"),
        ({"2026-11-23": None}, "expected `@` to find values, found none"),
    ],
)
def test_an_object_of_another_shape_is_said(body: object, message: str) -> None:
    """With the key that it is about."""
    with pytest.raises(SourceChanged) as caught:
        answer(body, rows={"by": "key", "at": "@"})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("said", "message", "keys"),
    [
        ({"date": "mm/dd/yyyy"}, 'expected a format such as "%m/%d/%Y", or roc, epoch', ("date",)),
        ({"date": "%m/%d/%Q"}, 'expected a format such as "%m/%d/%Y", or roc, epoch', ("date",)),
        ({"date": "%Y week %U"}, "expected a format such as", ("date",)),
        ({"date": "%m/%d"}, "expected a date format with a year (%Y), found '%m/%d'", ("date",)),
        ({"decimal": ";"}, "expected . or , for decimal, found ';'", ("decimal",)),
        ({"thousands": "x"}, "expected one of , . ' _ or a blank for thousands", ("thousands",)),
        ({"decimal": ","} | {"thousands": ","}, "expected different signs", ("thousands",)),
        ({"thousands": "."}, "expected different signs", ("thousands",)),
        ({"encoding": "klingon"}, "there is no encoding 'klingon'", ("encoding",)),
        ({"encoding": "rot13"}, "there is no encoding 'rot13'", ("encoding",)),
        ({"reduce": "mean"}, "expected sum, first or last for reduce, found 'mean'", ("reduce",)),
        ({"date": ""}, "expected a text for date, found ''", ("date",)),
        ({"reduce": ["sum"]}, "expected a text for reduce, found ['sum']", ("reduce",)),
    ],
)
def test_a_wrong_word_is_found_at_its_key(
    said: dict[str, Any], message: str, keys: tuple[str, ...]
) -> None:
    """In tables and in JSON alike."""
    for fault in (
        Csv.fault({"path": "x.csv", **said}),
        HttpJson.fault(
            {"url": "https://x.example", "rows": "@", "period": "p", "value": "v", **said}
        ),
    ):
        assert isinstance(fault, ArgumentFault)
        assert message in fault
        assert fault.keys == keys


@pytest.mark.parametrize(
    ("said", "message", "keys"),
    [
        (
            {"rows": {"by": "date", "at": "x"}},
            "rows: expected by: key, found 'date'",
            ("rows", "by"),
        ),
        ({"rows": {"by": "key"}}, "rows: missing key at: expected by, at", ("rows",)),
        ({"rows": {"by": "key", "of": "x"}}, "rows: unknown key of", ("rows", "of")),
        ({"rows": {"by": "key", "at": "x["}}, "rows.at: `x[` is no JMESPath", ("rows", "at")),
        (
            {"rows": ["x"], "period": "p"},
            "expected a text or {by: key, at: PATH} for rows",
            ("rows",),
        ),
        (
            {"rows": {"by": "key", "at": "x"}, "period": "p"},
            "rows by key have their periods as keys; leave period out",
            ("period",),
        ),
    ],
)
def test_wrong_rows_are_found_at_their_key(
    said: dict[str, Any], message: str, keys: tuple[str, ...]
) -> None:
    """Expressions are pointed into."""
    fault = HttpJson.fault({"url": "https://x.example", "value": "v", **said})
    assert isinstance(fault, ArgumentFault)
    assert message in fault
    assert fault.keys == keys
