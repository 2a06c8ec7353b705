"""FiscalData: three names of one account, a misnamed column, and months without a year."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.ports import SourceChanged, SourceSetup, SourceUnavailable
from ebbwatch.sources import fiscaldata
from ebbwatch.sources.fiscaldata import TABLES, FiscalData
from ebbwatch.sources.replies import Reply
from tests.paths import recording
from tests.sources.wanting import figures, wanting
from tests.standins.providers import EagerClock, Seen, StandIn

NOW = datetime(2026, 11, 24, 21, 5, tzinfo=UTC)
TODAY = NOW.date()
CASH = "/v1/accounting/dts/operating_cash_balance"
DEBT = "/v2/accounting/od/debt_to_penny"
DEFICIT = "/v1/accounting/mts/mts_table_1"


def envelope(rows: Sequence[Mapping[str, Any]], *, pages: int = 1) -> bytes:
    """Return rows as the API wraps them."""
    links = {"self": "&page%5Bnumber%5D=1&page%5Bsize%5D=10000", "next": None}
    meta = {"count": len(rows), "total-count": len(rows) * pages, "total-pages": pages}
    return json.dumps({"data": rows, "meta": meta, "links": links}).encode()


def cash(day: str, account: str, opening: str, closing: str) -> dict[str, str]:
    """Return a row of the daily statement."""
    return {
        "record_date": day,
        "account_type": account,
        "open_today_bal": opening,
        "close_today_bal": closing,
    }


def statement(day: str, closing: str) -> list[dict[str, str]]:
    """Return a day of the statement as it is since 2022-04-18."""
    return [
        cash(day, "Treasury General Account (TGA) Opening Balance", "1", "null"),
        cash(day, "Total TGA Deposits (Table II)", "2", "null"),
        cash(day, "Total TGA Withdrawals (Table II) (-)", "3", "null"),
        cash(day, "Treasury General Account (TGA) Closing Balance", closing, "null"),
    ]


def year(name: str, number: str, report: str = "2026-10-31") -> dict[str, str]:
    """Return a fiscal year's row of the monthly statement."""
    return month(name, "null", "null", report, number=number, kind="SL", level="1")


def month(
    name: str,
    value: str,
    parent: str,
    report: str = "2026-10-31",
    *,
    number: str = "9",
    kind: str = "MTH",
    level: str = "2",
) -> dict[str, str]:
    """Return a month's row of the monthly statement."""
    return {
        "record_date": report,
        "classification_desc": name,
        "classification_id": number,
        "parent_id": parent,
        "record_type_cd": kind,
        "sequence_level_nbr": level,
        "current_month_dfct_sur_amt": value,
    }


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def source(provider: StandIn) -> AsyncIterator[FiscalData]:
    own = FiscalData(SourceSetup(clock=EagerClock(NOW), base_url=provider.url))
    yield own
    await own.aclose()


async def test_the_closing_balance_is_in_the_column_called_opening(
    provider: StandIn, source: FiscalData
) -> None:
    """The statement of 2026: four rows a day, millions of dollars."""
    provider.serve(CASH, envelope(statement("2026-11-20", "945290") + statement("2026-11-23", "9")))
    name = "treasury_account_close"
    poll = await source.poll(wanting("fiscaldata", name, unit="USD millions"), cursor=None)
    assert poll.published == (
        Published(series=name, period=period_of(date(2026, 11, 20)), value=Decimal(945290)),
        Published(series=name, period=period_of(date(2026, 11, 23)), value=Decimal(9)),
    )
    assert provider.requests[0].query == {
        "fields": "record_date,account_type,open_today_bal,close_today_bal",
        "filter": "record_date:gte:2026-11-10",
        "sort": "record_date",
        "page[number]": "1",
        "page[size]": "10000",
    }


def test_the_account_is_found_under_each_of_its_names() -> None:
    """Two changes of name; before the second the closing balance was in its own column."""
    rows = [
        cash("2021-09-30", "Federal Reserve Account", "173745", "215160"),
        cash("2021-09-30", "Short-Term Cash Investments (Table V)", "0", "0"),
        cash("2021-10-01", "Treasury General Account (TGA)", "215160", "132452"),
        *statement("2022-04-18", "841253"),
    ]
    assert fiscaldata.treasury_account_close(rows, TODAY) == {
        date(2021, 9, 30): Decimal(215160),
        date(2021, 10, 1): Decimal(132452),
        date(2022, 4, 18): Decimal(841253),
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [cash("2026-11-23", "Treasury Cash Account Closing Balance", "1", "2")],
            (
                "of 2026-11-23 expected the account under one of its known names, "
                "found Treasury Cash Account Closing Balance"
            ),
        ),
        (
            [*statement("2026-11-20", "7"), *statement("2026-11-23", "8")[:3]],
            "of 2026-11-23 expected the account under one of its known names",
        ),
        (
            [cash("2026-11-23", "Treasury General Account (TGA) Closing Balance", "null", "8")],
            "closing balance of 2026-11-23: expected a figure in open_today_bal, found none",
        ),
        (
            statement("2026-11-23", "7") + statement("2026-11-23", "7"),
            "expected one row for the account, found two",
        ),
        (statement("2026-11-23", "7bn"), "expected a number, found '7bn'"),
        (statement("2026-13-01", "7"), "expected a date like 2026-09-28, found '2026-13-01'"),
        (statement("2026-12-24", "7"), "in the future"),
        (
            [{**statement("2026-11-23", "7")[3], "open_today_bal": 7}],
            "expected a text in open_today_bal, found 7",
        ),
    ],
)
def test_an_unknown_statement_is_refused(rows: list[dict[str, str]], message: str) -> None:
    """A day that has rows has a closing balance, or the shape changed."""
    with pytest.raises(SourceChanged) as caught:
        fiscaldata.treasury_account_close(rows, TODAY)
    assert message in str(caught.value)


async def test_debt_keeps_its_cents(provider: StandIn, source: FiscalData) -> None:
    """Dollars and cents, as text."""
    provider.serve(
        DEBT,
        envelope([{"record_date": "2026-11-23", "tot_pub_debt_out_amt": "40114445691166.84"}]),
    )
    poll = await source.poll(wanting("fiscaldata", "debt", unit="USD"), cursor="kept")
    assert figures(poll.published, "debt") == {"2026-11-23": Decimal("40114445691166.84")}
    assert poll.cursor == "kept"
    assert provider.requests[0].query["fields"] == "record_date,tot_pub_debt_out_amt"


@pytest.mark.parametrize("amounts", [["null"], ["1.00", "1.00"]])
def test_debt_has_one_figure_a_day(amounts: list[str]) -> None:
    """None and two are not what we know."""
    rows = [{"record_date": "2026-11-23", "tot_pub_debt_out_amt": amount} for amount in amounts]
    with pytest.raises(SourceChanged, match="debt of 2026-11-23: expected one figure"):
        fiscaldata.debt(rows, TODAY)


def test_months_find_their_year_and_the_newest_report_wins() -> None:
    """A deficit is positive and a surplus negative; October opens the fiscal year."""
    rows = [
        month("July", "432307874621.48", "a", "2026-07-31"),
        year("FY 2026", "a", "2026-07-31"),
        month("April", "-215024135197.77", "20"),
        month("July", "432285727964.60", "20"),
        month("October", "284332743998.37", "20"),
        month("Year-to-Date", "999", "20", kind="SL"),
        year("FY 2026", "20"),
        month("October", "310000000000.01", "21"),
        month("November", "null", "21"),
        year("FY 2027", "21"),
    ]
    expected = {
        date(2025, 10, 1): Decimal("284332743998.37"),
        date(2026, 4, 1): Decimal("-215024135197.77"),
        date(2026, 7, 1): Decimal("432285727964.60"),
        date(2026, 10, 1): Decimal("310000000000.01"),
    }
    assert fiscaldata.deficit(rows, TODAY) == expected
    assert fiscaldata.deficit(rows[::-1], TODAY) == expected, "rows come in no order"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([month("July", "1", "20")], "deficit of July, report of 2026-10-31: expected a month"),
        ([month("Juli", "1", "20"), year("FY 2026", "20")], "expected a month below a row like"),
        ([month("July", "1", "20"), year("2026", "20")], "expected a month below a row like"),
        # The row of another report does not lend its year.
        ([month("July", "1", "20"), year("FY 2026", "20", "2026-09-30")], "expected a month below"),
        ([month("July", "null", "20"), year("FY 2026", "20")], "expected a figure, found none"),
        (
            [month("July", "1", "20"), month("July", "2", "20"), year("FY 2026", "20")],
            "expected one figure, found two",
        ),
    ],
)
def test_an_unknown_monthly_statement_is_refused(rows: list[dict[str, str]], message: str) -> None:
    """Nothing is skipped and no year is guessed."""
    with pytest.raises(SourceChanged) as caught:
        fiscaldata.deficit(rows, TODAY)
    assert message in str(caught.value)


async def test_every_page_is_read(provider: StandIn, source: FiscalData) -> None:
    """Links are fragments of a query: pages are counted instead."""

    def page(seen: Seen) -> bytes:
        day = f"2026-11-{19 + int(seen.query['page[number]'])}"
        return envelope([{"record_date": day, "tot_pub_debt_out_amt": "5"}], pages=3)

    provider.serve(DEBT, page)
    poll = await source.poll(wanting("fiscaldata", "debt", unit="USD"), cursor=None)
    assert list(figures(poll.published, "debt")) == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert [seen.query["page[number]"] for seen in provider.requests] == ["1", "2", "3"]


async def test_pages_without_end_are_refused(provider: StandIn, source: FiscalData) -> None:
    """A wrong count must not keep us asking."""
    provider.serve(DEBT, envelope([], pages=10**9))
    with pytest.raises(SourceChanged, match="expected at most 20 pages"):
        await source.poll(wanting("fiscaldata", "debt", unit="USD"), cursor=None)


async def test_a_backfill_reads_since_its_day(provider: StandIn, source: FiscalData) -> None:
    """A monthly report repeats earlier months, which were not asked for."""
    rows = [
        month("April", "1", "20"),
        month("May", "2", "20"),
        year("FY 2026", "20"),
    ]
    provider.serve(DEFICIT, envelope(rows))
    since = datetime(2026, 5, 1, tzinfo=UTC)
    wanted = wanting("fiscaldata", "deficit", every="month", unit="USD")
    poll = await source.poll(wanted, cursor=None, since=since)
    assert figures(poll.published, "deficit") == {"2026-05-01": Decimal(2)}
    assert provider.requests[0].query["filter"] == "record_date:gte:2026-05-01"


async def test_an_empty_answer_is_a_holiday(provider: StandIn, source: FiscalData) -> None:
    """200 without rows is what a filter gives that fits nothing."""
    provider.serve(CASH, envelope([]))
    poll = await source.poll(wanting("fiscaldata", "treasury_account_close"), cursor=None)
    assert (poll.published, poll.note) == ((), "no rows")


@pytest.mark.parametrize(
    ("serve", "kind", "message"),
    [
        (
            lambda p: p.serve(
                DEBT,
                b'{"error": "Invalid Query Param", "message": "Invalid query parameter: '
                b'Page #9 is out of range. See https://x.example/?k for more."}',
                status=400,
            ),
            SourceChanged,
            "our request was refused, saying: Invalid query parameter: Page #9 is out of range.",
        ),
        (
            lambda p: p.serve(DEBT, b"<html>", status=404, content_type="text/html"),
            SourceChanged,
            "expected HTTP 200, found 404",
        ),
        (lambda p: p.serve(DEBT, b"<html>"), SourceChanged, "expected JSON, found a page"),
        (lambda p: p.serve(DEBT, b'{"data": []}'), SourceChanged, "expected `data` and `meta`"),
        (lambda p: p.serve(DEBT, b"[]"), SourceChanged, "expected `data` and `meta`"),
        (
            lambda p: p.serve(DEBT, b'{"data": [], "meta": {}}'),
            SourceChanged,
            "expected total-pages to be a number",
        ),
        (
            lambda p: p.serve(DEBT, envelope([{"record_date": "2026-11-23"}])),
            SourceChanged,
            "expected tot_pub_debt_out_amt in every row, found none",
        ),
        (lambda p: p.refuse(DEBT, 429, after="9"), SourceUnavailable, "answered HTTP 429"),
        (lambda p: p.refuse(DEBT, 502), SourceUnavailable, "answered HTTP 502"),
    ],
)
async def test_what_is_no_answer_is_told_apart(
    provider: StandIn,
    source: FiscalData,
    serve: Callable[[StandIn], None],
    kind: type[Exception],
    message: str,
) -> None:
    """400 explains itself, 404 is a page, and no address is passed on."""
    serve(provider)
    with pytest.raises(kind) as caught:
        await source.poll(wanting("fiscaldata", "debt", unit="USD"), cursor=None)
    assert message in str(caught.value)
    assert "://" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "name", "expected"),
    [
        (
            "treasury_account_close",
            "fiscaldata/operating_cash_balance_label_changes_2026-09-28.json",
            {
                "2005-10-03": "5448",
                "2021-09-30": "215160",
                "2021-10-01": "132452",
                "2022-04-15": "578473",
                "2022-04-18": "841253",
                "2026-09-25": "945290",
            },
        ),
        (
            "debt",
            "fiscaldata/debt_to_penny_2026-09-28.json",
            {"2026-09-25": "40097178119750.91"},
        ),
        (
            "deficit",
            "more/fiscaldata/mts_table_1_2026-08_trimmed.json",
            {
                "2026-08-01": "166796952277.38",
                "2026-07-01": "432285727964.60",
                "2026-04-01": "-215024135197.77",
                "2025-10-01": "284332743998.37",
                "2025-09-01": "-197937721277.68",
                "2024-10-01": "257450036967.21",
            },
        ),
    ],
)
def test_recorded_answers_are_understood(table: str, name: str, expected: dict[str, str]) -> None:
    """Figures of the publisher's own answers."""
    answer = Reply(provider="fiscaldata", status=200, content=recording(name))
    rows, _ = fiscaldata.envelope(answer, TABLES[table])
    found = TABLES[table].read(rows, TODAY)
    assert {day: str(found[date.fromisoformat(day)]) for day in expected} == expected


def test_names_have_no_fault_and_others_are_led_there() -> None:
    """The message lists what there is and guesses what was meant."""
    assert [FiscalData.fault(name) for name in TABLES] == [None] * 3
    assert FiscalData.fault("debts") == (
        "expected one of debt, deficit, treasury_account_close, found debts; did you mean debt?"
    )
    assert FiscalData.fault({"table": "debt"}) == (
        "expected one of debt, deficit, treasury_account_close, found a map"
    )
