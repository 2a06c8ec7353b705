"""Treasury's FiscalData: closing cash, debt to the penny, and the monthly deficit.

Source: api.fiscaldata.treasury.gov, as documented and recorded 2026-09-28: every value is a
text, "no value" is the text ``null``; ``links`` are fragments of a query, so pages are counted
by ``meta.total-pages``; a filter that fits nothing gives an empty list; a wrong parameter gives
400 and an unknown path a page of HTML with 404. A request that names no column of text makes
the API group and sum, so each names the date (and the account) with the figure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from ebbwatch.model import redaction
from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.model.source import Offer, SourceFacts
from ebbwatch.ports import SourceChanged, Wanted
from ebbwatch.sources import strict_numbers
from ebbwatch.sources.arguments import fault_of_choice
from ebbwatch.sources.provider import DatedProvider
from ebbwatch.sources.replies import Reply

#: Most rows of one page; more is refused with 400.
PAGE_ROWS = 10_000

#: A history of thirty years of daily rows has fewer pages than this.
MOST_PAGES = 20

#: Which column holds the closing balance, by the account's name on its row. The name changed
#: on 2021-10-01 and on 2022-04-18; since then the closing balance is in the column of the
#: opening one, and its own column says ``null``.
#: Source: operating_cash_balance, all names from 2005-10-03 on, as recorded 2026-09-28.
CLOSING_COLUMN = {
    "Federal Reserve Account": "close_today_bal",
    "Treasury General Account (TGA)": "close_today_bal",
    "Treasury General Account (TGA) Closing Balance": "open_today_bal",
}

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_FISCAL_YEAR = re.compile(r"FY (\d{4})")
_FIRST_MONTH_OF_FISCAL_YEAR = 10
_BAD_REQUEST = 400

Row = Mapping[str, Any]


def treasury_account_close(rows: Sequence[Row], today: date) -> dict[date, Decimal]:
    """Return the Treasury's closing balance by day, in millions of dollars.

    Raises:
        SourceChanged: If a day has rows but not one known account, or two.
    """
    labels: dict[date, list[str]] = {}
    closing: dict[date, Decimal] = {}
    for row in rows:
        day = strict_numbers.day(
            _text(row, "record_date"), of="fiscaldata record_date", today=today
        )
        label = _text(row, "account_type")
        labels.setdefault(day, []).append(label)
        if (column := CLOSING_COLUMN.get(label)) is None:
            continue
        of = f"fiscaldata closing balance of {day}"
        value = strict_numbers.number(_text(row, column), of=of)
        if value is None:
            raise SourceChanged(f"{of}: expected a figure in {column}, found none")
        if day in closing:
            raise SourceChanged(f"{of}: expected one row for the account, found two")
        closing[day] = value
    for day, found in labels.items():
        if day not in closing:
            raise SourceChanged(
                f"fiscaldata: of {day} expected the account under one of its known names, "
                f"found {redaction.said('; '.join(sorted(set(found))), 200)}"
            )
    return closing


def debt(rows: Sequence[Row], today: date) -> dict[date, Decimal]:
    """Return the total public debt outstanding by day, in dollars and cents."""
    outstanding: dict[date, Decimal] = {}
    for row in rows:
        day = strict_numbers.day(
            _text(row, "record_date"), of="fiscaldata record_date", today=today
        )
        of = f"fiscaldata debt of {day}"
        value = strict_numbers.number(_text(row, "tot_pub_debt_out_amt"), of=of)
        if value is None or day in outstanding:
            raise SourceChanged(f"{of}: expected one figure, found none or two")
        outstanding[day] = value
    return outstanding


def deficit(rows: Sequence[Row], today: date) -> dict[date, Decimal]:
    """Return the deficit by month (its first day), in dollars; a surplus is negative.

    That is the sign of the publisher's table (April 2026, a month of tax receipts, is
    negative). Each monthly report repeats every month of its fiscal year and of the year
    before, so the newest report that names a month gives its figure. A month's row says only
    "March": its year hangs on the row of the fiscal year that is its parent.

    Source: mts_table_1, as recorded for 2026-08-31.
    """
    years: dict[tuple[str, str], int] = {}
    for row in rows:
        if (named := _FISCAL_YEAR.fullmatch(_text(row, "classification_desc"))) is not None:
            years[_text(row, "record_date"), _text(row, "classification_id")] = int(named[1])
    newest: dict[date, tuple[date, Decimal]] = {}
    for row in rows:
        if _text(row, "record_type_cd") != "MTH":
            continue
        report = _text(row, "record_date")
        reported = strict_numbers.day(report, of="fiscaldata record_date", today=today)
        name, parent = _text(row, "classification_desc"), _text(row, "parent_id")
        of = f"fiscaldata deficit of {name}, report of {reported}"
        if name not in MONTHS or (year := years.get((report, parent))) is None:
            raise SourceChanged(f"{of}: expected a month below a row like FY 2026, found none")
        number = MONTHS.index(name) + 1
        month = date(year - (number >= _FIRST_MONTH_OF_FISCAL_YEAR), number, 1)
        value = strict_numbers.number(_text(row, "current_month_dfct_sur_amt"), of=of)
        if month > reported:
            continue  # the rest of the fiscal year, for which there is no figure yet
        if value is None:
            raise SourceChanged(f"{of}: expected a figure, found none")
        if month not in newest or newest[month][0] < reported:
            newest[month] = (reported, value)
        elif newest[month] != (reported, value) and newest[month][0] == reported:
            raise SourceChanged(f"{of}: expected one figure, found two")
    return {month: value for month, (_, value) in newest.items()}


@dataclass(frozen=True, slots=True)
class Table:
    """One thing that can be asked for.

    Attributes:
        path: Of the endpoint.
        fields: Columns to ask for.
        latest: How far back an ordinary visit reads.
        read: Turns rows into figures by date; the answer itself declares no unit.
    """

    path: str
    fields: tuple[str, ...]
    latest: timedelta
    read: Callable[[Sequence[Row], date], dict[date, Decimal]]


TABLES = {
    "treasury_account_close": Table(
        path="/v1/accounting/dts/operating_cash_balance",
        fields=("record_date", "account_type", "open_today_bal", "close_today_bal"),
        latest=timedelta(days=14),
        read=treasury_account_close,
    ),
    "debt": Table(
        path="/v2/accounting/od/debt_to_penny",
        fields=("record_date", "tot_pub_debt_out_amt"),
        latest=timedelta(days=14),
        read=debt,
    ),
    "deficit": Table(
        path="/v1/accounting/mts/mts_table_1",
        fields=(
            "record_date", "classification_desc", "classification_id", "parent_id",
            "record_type_cd", "sequence_level_nbr", "current_month_dfct_sur_amt",
        ),
        # The report of September comes out late in October, and later in a shutdown.
        latest=timedelta(days=120),
        read=deficit,
    ),
}  # fmt: skip


class FiscalData(DatedProvider):
    """What the Treasury publishes of its cash, its debt and its deficit."""

    name: ClassVar[str] = "fiscaldata"
    facts: ClassVar[SourceFacts] = SourceFacts(
        offers=(
            Offer(
                "treasury_account_close",
                "Treasury's account (TGA), closing balance",
                "USD millions",
                "business day",
            ),
            Offer("debt", "Federal debt to the penny", "USD", "business day"),
            Offer("deficit", "Federal deficit of the month", "USD", "month"),
        )
    )
    base_url: ClassVar[str] = "https://api.fiscaldata.treasury.gov/services/api/fiscal_service"
    pace_s: ClassVar[float] = 0.2

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument is none of `TABLES`, or None."""
        return fault_of_choice(argument, TABLES)

    def _reach(self, item: Wanted) -> timedelta:
        return TABLES[str(item.argument)].latest

    async def _figures(self, item: Wanted, first: date, today: date) -> list[Published]:
        table = TABLES[str(item.argument)]
        figures = table.read(await self._rows(table, first), today)
        return [
            Published(series=item.series.name, period=period_of(day), value=figures[day])
            for day in sorted(figures)
        ]

    async def _rows(self, table: Table, start: date) -> list[Row]:
        """Return every row since a date, page by page."""
        rows: list[Row] = []
        for page in range(1, MOST_PAGES + 1):
            answer = await self._client.get(
                table.path,
                params={
                    "fields": ",".join(table.fields),
                    "filter": f"record_date:gte:{start}",
                    "sort": "record_date",
                    "page[number]": str(page),
                    "page[size]": str(PAGE_ROWS),
                },
                expected=(_BAD_REQUEST,),
            )
            found, pages = envelope(answer, table)
            rows += found
            if page >= pages:
                return rows
        raise SourceChanged(f"fiscaldata: expected at most {MOST_PAGES} pages, found more")


def envelope(answer: Reply, table: Table) -> tuple[list[Row], int]:
    """Return one page's rows and how many pages there are.

    Raises:
        SourceChanged: If it is an error, or rows lack a column that was asked for.
    """
    body = answer.json()
    if isinstance(body, dict) and answer.status == _BAD_REQUEST:
        said = redaction.said(str(body.get("message", "nothing")), 160)
        raise SourceChanged(f"fiscaldata: our request was refused, saying: {_plain(said)}")
    data, meta = (body.get("data"), body.get("meta")) if isinstance(body, dict) else (None, None)
    if not isinstance(data, list) or not isinstance(meta, dict):
        raise SourceChanged("fiscaldata: expected `data` and `meta`, found another shape")
    for row in data:
        if not isinstance(row, dict) or (missing := [f for f in table.fields if f not in row]):
            lacking = "a row" if not isinstance(row, dict) else ", ".join(missing)
            raise SourceChanged(f"fiscaldata: expected {lacking} in every row, found none")
    pages = meta.get("total-pages")
    if not isinstance(pages, int) or isinstance(pages, bool):
        raise SourceChanged("fiscaldata: expected total-pages to be a number, found none")
    return data, pages


def _text(row: Row, column: str) -> str:
    value = row[column]
    if not isinstance(value, str):
        raise SourceChanged(
            f"fiscaldata: expected a text in {column}, found {strict_numbers.shown(value)}"
        )
    return value


def _plain(text: str) -> str:
    """Return a provider's sentence without anything that looks like an address."""
    return " ".join(word for word in text.split() if "://" not in word)
