"""The Federal Reserve Bank of New York: reference rates, repo operations, the portfolio.

Source: markets.newyorkfed.org API, as recorded from 2024-06 to 2026-09. No key, no
validators, and answers whose fields are absent where a figure does not exist.

Subject to the New York Fed's Terms of Use for its data; it does not endorse this program.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.model.source import Offer, Planned, SourceFacts
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import Poll, SourceChanged, Wanted
from ebbwatch.sources.arguments import fault_of_choice
from ebbwatch.sources.endpoints import Endpoints
from ebbwatch.sources.provider import Provider
from ebbwatch.sources.strict_numbers import day, number

#: Figures become known some days after their period; a backfill begins that much earlier.
_MARGIN = timedelta(days=7)

#: The portfolio comes as its whole history each time; this much of it is news.
_RECENT_SOMA = timedelta(weeks=8)


@dataclass(frozen=True, slots=True)
class _Figure:
    """A day's figure of one argument.

    Attributes:
        day: It is of.
        value: As published.
        known_at: When the Desk put it up; None where that is not known, or is now.
        part: Of a day with several operations, the last one that is in it.
    """

    day: date
    value: Decimal | None
    known_at: datetime | None = None
    part: str = ""


#: Figures of one argument, in any order; of several versions of a day, the newest last.
Figures = Iterator[_Figure]

#: From here on the standing facility lends each morning, too, at 08:15 to 08:30.
#: Source: the Desk's operations, of which each day from here on has two, and its statement
#: of operating policy, read 2026-11-28.
_MORNINGS_SINCE = date(2025, 6, 26)

#: Reads the figures of an argument from the rows it is given with.
Reading = Callable[[str, Any], Figures]


@dataclass(frozen=True, slots=True)
class _Rate:
    """A field of the reference rates.

    Attributes:
        kind: ``secured`` or ``unsecured``, as the address wants it.
        rate: Short name in the address and, in capitals, in the row's ``type``.
        field: Of the row.
        optional: Whether a row may lack it: percentiles, volume and the upper end of the
            target range did not exist in all eras.
    """

    kind: str
    rate: str
    field: str
    optional: bool = True


def _secured(rate: str, field: str) -> _Rate:
    return _Rate("secured", rate, field, optional=field != "percentRate")


#: Rates in percent per year, volume in billions of dollars. SOFR's ``percentRate`` is the
#: volume-weighted median itself; ``percentPercentile25`` is not.
_RATES: dict[str, _Rate] = {
    "sofr": _secured("sofr", "percentRate"),
    "sofr_p1": _secured("sofr", "percentPercentile1"),
    "sofr_p25": _secured("sofr", "percentPercentile25"),
    "sofr_p75": _secured("sofr", "percentPercentile75"),
    "sofr_p99": _secured("sofr", "percentPercentile99"),
    "sofr_volume": _secured("sofr", "volumeInBillions"),
    "tgcr": _secured("tgcr", "percentRate"),
    "bgcr": _secured("bgcr", "percentRate"),
    "effr": _Rate("unsecured", "effr", "percentRate", optional=False),
    "obfr": _Rate("unsecured", "obfr", "percentRate", optional=False),
    # Given with each day's EFFR, so it is known with that row and not by announcement.
    "target_lower": _Rate("unsecured", "effr", "targetRateFrom"),
    # Absent before 2008-12-16, when the target was one number.
    "target_upper": _Rate("unsecured", "effr", "targetRateTo"),
}

#: The System Open Market Account, in dollars, each Wednesday.
_SOMA: dict[str, str] = {
    "soma_total": "total",
    "soma_bills": "bills",
    "soma_notes_bonds": "notesbonds",
    "soma_tips": "tips",
    "soma_mbs": "mbs",
    "soma_agencies": "agencies",
}


_PERCENT, _DAILY = "percent per year", "business day"

#: What there is, in words; each name must be one of those that can be asked for.
_OFFERS = (
    Offer("sofr", "Secured Overnight Financing Rate", _PERCENT, _DAILY),
    Offer("sofr_p1", "SOFR, 1st percentile", _PERCENT, _DAILY),
    Offer("sofr_p25", "SOFR, 25th percentile", _PERCENT, _DAILY),
    Offer("sofr_p75", "SOFR, 75th percentile", _PERCENT, _DAILY),
    Offer("sofr_p99", "SOFR, 99th percentile", _PERCENT, _DAILY),
    Offer("sofr_volume", "Volume behind SOFR", "USD billions", _DAILY),
    Offer("tgcr", "Tri-Party General Collateral Rate", _PERCENT, _DAILY),
    Offer("bgcr", "Broad General Collateral Rate", _PERCENT, _DAILY),
    Offer("effr", "Effective federal funds rate", _PERCENT, _DAILY),
    Offer("obfr", "Overnight Bank Funding Rate", _PERCENT, _DAILY),
    Offer("target_upper", "Target range, upper limit, as EFFR's row has it", _PERCENT, _DAILY),
    Offer("target_lower", "Target range, lower limit, as EFFR's row has it", _PERCENT, _DAILY),
    Offer("reverse_repo", "Overnight reverse repo (ON RRP) taken that day", "USD", _DAILY),
    Offer("reverse_repo_rate", "Rate of the overnight reverse repo", _PERCENT, _DAILY),
    Offer("standing_repo", "Standing repo facility (SRF), lent that day", "USD", _DAILY),
    Offer("standing_repo_rate", "Rate of the standing repo facility", _PERCENT, _DAILY),
    *(
        Offer(name, what, "USD", "week ending Wednesday")
        for name, what in (
            ("soma_total", "The Fed's portfolio (SOMA), all of it"),
            ("soma_bills", "SOMA: Treasury bills"),
            ("soma_notes_bonds", "SOMA: Treasury notes and bonds"),
            ("soma_tips", "SOMA: inflation-indexed Treasuries"),
            ("soma_mbs", "SOMA: agency mortgage-backed securities"),
            ("soma_agencies", "SOMA: agency debt"),
        )
    ),
)


class NewYorkFed(Provider):
    """Reads the New York Fed's markets API."""

    name: ClassVar[str] = "nyfed"
    facts: ClassVar[SourceFacts] = SourceFacts(
        # Rates may be revised the same day until 14:30.
        planned=(Planned(at=time(14, 35), zone=NEW_YORK.key),),
        offers=_OFFERS,
    )
    base_url: ClassVar[str] = "https://markets.newyorkfed.org/api"
    pace_s: ClassVar[float] = 0.2

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument cannot be asked of this source, or None."""
        return fault_of_choice(argument, [*_RATES, *_OPERATIONS, *_SOMA])

    async def poll(
        self,
        wanted: Sequence[Wanted],
        *,
        cursor: str | None,  # noqa: ARG002  (nothing to resume: answers carry no validators)
        since: datetime | None = None,
    ) -> Poll:
        """Read what the New York Fed has for these series, one request per kind of row.

        Without `since`, the last ten days of rates, two weeks of operations and eight weeks of the
        portfolio. See `ports.Source`.
        """
        today = self._clock.now().astimezone(NEW_YORK).date()
        first = None if since is None else since.astimezone(NEW_YORK).date() - _MARGIN
        names = {_argument(each) for each in wanted}
        figures: dict[str, list[_Figure]] = {}
        endpoints = Endpoints()

        def called(arguments: Iterable[str]) -> list[str]:
            return [each.series.name for each in wanted if _argument(each) in set(arguments)]

        for asked, ask, read in self._questions(names, first, today):
            rows = await endpoints.ask(called(asked), ask)
            for name in sorted(asked) if rows is not None else ():
                with endpoints.sparing(called([name])):
                    figures[name] = list(read(name, rows))
        if since is None:
            # What a visit finds became known now; of the past each operation has its stamp.
            for name in names & _OPERATIONS.keys() & figures.keys():
                newest = {one.day: replace(one, known_at=None) for one in figures[name]}
                figures[name] = list(newest.values())

        published = sorted(
            (
                Published(
                    series=each.series.name,
                    period=period_of(figure.day),
                    value=figure.value,
                    known_at=figure.known_at,
                    part=figure.part,
                )
                for each in wanted
                for figure in figures.get(_argument(each), ())
            ),
            key=lambda fact: (fact.period, fact.series),
        )
        return endpoints.poll(wanted, published, cursor=None)

    def _questions(
        self, names: AbstractSet[str], first: date | None, today: date
    ) -> Iterator[tuple[AbstractSet[str], Callable[[], Awaitable[Any]], Reading]]:
        """Yield what is to be asked for some arguments: which each is for, and how it is read."""
        rates = names & _RATES.keys()
        for kind, rate in sorted({(_RATES[name].kind, _RATES[name].rate) for name in rates}):
            asked = {name for name in rates if _RATES[name].rate == rate}
            yield asked, partial(self._rates, kind, rate, first, today), _rate_figures
        if asked := names & _OPERATIONS.keys():
            yield asked, partial(self._operations, first, today), _operation_figures
        if asked := names & _SOMA.keys():
            since = first or today - _RECENT_SOMA
            yield asked, partial(self._soma, since, today), _soma_figures

    async def _rates(
        self, kind: str, rate: str, first: date | None, today: date
    ) -> list[tuple[date, Mapping[str, Any]]]:
        """Return one rate's rows by date; one a day, unless the answer contradicts itself."""
        if first is None:
            answer = await self._client.get(f"/rates/{kind}/{rate}/last/10.json")
        else:
            answer = await self._client.get(
                f"/rates/{kind}/{rate}/search.json",
                params={"startDate": str(first), "endDate": str(today)},
            )
        by_day: dict[date, list[Mapping[str, Any]]] = {}
        for row in _rows(answer.json(), "refRates"):
            of = f"{self.name} {rate}"
            period = day(row.get("effectiveDate"), of=f"{of} effectiveDate", today=today)
            if row.get("type") != rate.upper():
                raise SourceChanged(f"{of}: expected rows of type {rate.upper()}, found another")
            # Where a day stands there twice, the row that is marked as revised counts; where
            # none is marked, both are handed on, and nobody here chooses.
            held = by_day.setdefault(period, [])
            revised = [one for one in (*held, row) if one.get("revisionIndicator")]
            by_day[period] = revised[-1:] or [*held, row]
        return [(period, row) for period, rows in sorted(by_day.items()) for row in rows]

    async def _operations(self, first: date | None, today: date) -> list[_Operation]:
        """Return the day's operations that have results.

        The server gives repo and reverse repo together whatever types are asked for, under
        ``repo.operations``; they are told apart here.
        """
        if first is None:
            answers = [await self._client.get("/rp/all/all/results/lastTwoWeeks.json")]
        else:
            # A year at a time keeps each answer to a few megabytes.
            answers = [
                await self._client.get(
                    "/rp/results/search.json",
                    params={
                        "startDate": str(max(first, date(year, 1, 1))),
                        "endDate": str(min(today, date(year, 12, 31))),
                    },
                )
                for year in range(first.year, today.year + 1)
            ]
        rows = (row for answer in answers for row in _rows(answer.json(), "repo", "operations"))
        held = [_operation(row, today) for row in rows if row.get("auctionStatus") == "Results"]
        # A small-value exercise is out hours before the day's reverse repo: on its
        # own day it must not be taken for it.
        return [each for each in held if not (each.reverse and each.day == today and each.early)]

    async def _soma(self, first: date, today: date) -> list[tuple[date, Mapping[str, Any]]]:
        """Return the portfolio's rows since a date, by date."""
        answer = await self._client.get("/soma/summary.json")
        rows = {
            day(row.get("asOfDate"), of="nyfed soma asOfDate", today=today): row
            for row in _rows(answer.json(), "soma", "summary")
        }
        return sorted((period, row) for period, row in rows.items() if period >= first)


@dataclass(frozen=True, slots=True)
class _Operation:
    """One repo or reverse repo operation with results.

    Attributes:
        day: On which it was held.
        reverse: Whether the Fed took cash (reverse repo) or lent it (repo).
        closed: New York hour and minute at which bids closed.
        accepted: Dollars; None where the publisher gives no value.
        rate: Percent offered against Treasuries; None where the row has none.
        stamp: When the results were put up, UTC; None where they were rewritten later.
    """

    day: date
    reverse: bool
    closed: tuple[int, int]
    accepted: Decimal | None
    rate: Decimal | None
    stamp: datetime | None = None

    @property
    def early(self) -> bool:
        """Return whether it closed in the morning; the day's reverse repo closes at 13:15."""
        return self.closed < (12, 0)


def _operation(row: Mapping[str, Any], today: date) -> _Operation:
    of = "nyfed operations"
    kind = row.get("operationType")
    if kind not in {"Repo", "Reverse Repo"}:
        raise SourceChanged(f"{of}: expected operationType Repo or Reverse Repo, found another")
    closed = re.fullmatch(r"(\d{1,2}):(\d{2})(:\d{2})?", str(row.get("closeTime")), re.ASCII)
    if closed is None:
        raise SourceChanged(f"{of}: expected closeTime like 13:15, found another")
    if "totalAmtAccepted" not in row:
        raise SourceChanged(f"{of}: an operation with results lacks totalAmtAccepted")
    return _Operation(
        day=day(row.get("operationDate"), of=f"{of} operationDate", today=today),
        reverse=kind == "Reverse Repo",
        closed=(int(closed[1]), int(closed[2])),
        accepted=number(row["totalAmtAccepted"], of=f"{of} totalAmtAccepted"),
        rate=_offered(row.get("details")),
        stamp=_stamp(row),
    )


def _stamp(row: Mapping[str, Any]) -> datetime | None:
    """Return when an operation's results were put up, unless they were touched after its day."""
    try:
        stamp = datetime.fromisoformat(str(row.get("lastUpdated")))
    except ValueError:
        return None
    if stamp.tzinfo is not None or str(stamp.date()) != row.get("operationDate"):
        return None
    if stamp.strftime("%H:%M") < str(row.get("closeTime"))[:5].zfill(5):
        return None
    return stamp.replace(tzinfo=NEW_YORK).astimezone(UTC)


def _offered(details: object) -> Decimal | None:
    """Return the rate offered against Treasuries, or awarded, where older rows say no more."""
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and detail.get("securityType") == "Treasury":
            for field in ("percentOfferingRate", "percentAwardRate"):
                if field in detail:
                    return number(detail[field], of=f"nyfed operations {field}")
    return None


def _by_day(operations: Iterable[_Operation], *, reverse: bool) -> dict[date, list[_Operation]]:
    """Return the operations of one kind by day, those of a day by close."""
    days: dict[date, list[_Operation]] = {}
    for operation in sorted(operations, key=lambda each: (each.day, each.closed)):
        if operation.reverse is reverse:
            days.setdefault(operation.day, []).append(operation)
    return days


def _reverse_repo(operations: Sequence[_Operation]) -> Figures:
    """Give the amount of each day's last operation: small-value exercises close earlier."""
    for period, held in _by_day(operations, reverse=True).items():
        yield _Figure(period, held[-1].accepted)


def _repo(operations: Sequence[_Operation]) -> Figures:
    """Give each day's amounts together, so far: the afternoon adds to the morning.

    Of a day that is published in parts, its sum after each operation whose instant is known.
    An afternoon without its morning is no whole day: no day has been without one so far.
    Test trades of a few million dollars are in it; rules must not take them for use.
    """
    for period, held in _by_day(operations, reverse=False).items():
        in_parts = period >= _MORNINGS_SINCE
        for count in range(1 if in_parts else len(held), len(held) + 1):
            amounts = [each.accepted for each in held[:count]]
            known = [amount for amount in amounts if amount is not None]
            last = held[count - 1]
            if count < len(held) and (last.stamp is None or not last.early):
                continue
            yield _Figure(
                period,
                sum(known, Decimal(0)) if len(known) == count else None,
                last.stamp,
                ("afternoon" if held[0].early and not last.early else "morning")
                if in_parts
                else "",
            )


def _rate_of(*, reverse: bool) -> Callable[[Sequence[_Operation]], Figures]:
    def figures(operations: Sequence[_Operation]) -> Figures:
        """Give each day's last stated rate."""
        for period, held in _by_day(operations, reverse=reverse).items():
            stated = [each.rate for each in held if each.rate is not None]
            if stated:
                yield _Figure(period, stated[-1])

    return figures


#: Amounts in dollars, rates in percent per year.
_OPERATIONS: dict[str, Callable[[Sequence[_Operation]], Figures]] = {
    "reverse_repo": _reverse_repo,
    "reverse_repo_rate": _rate_of(reverse=True),
    "standing_repo": _repo,
    "standing_repo_rate": _rate_of(reverse=False),
}


def _operation_figures(name: str, operations: Sequence[_Operation]) -> Figures:
    """Give what an argument means of the days' operations."""
    return _OPERATIONS[name](operations)


def _rate_figures(name: str, rows: Sequence[tuple[date, Mapping[str, Any]]]) -> Figures:
    """Give one field of the rows that have it.

    Raises:
        SourceChanged: If a rate itself is missing, or all rows of an answer lack the field
            in an era that has it: then it was renamed.
    """
    what = _RATES[name]
    of = f"nyfed {what.rate} {what.field}"
    present = [(period, row[what.field]) for period, row in rows if what.field in row]
    renamed = not present and any(period >= _SINCE_ALWAYS for period, _ in rows)
    if renamed or (not what.optional and len(present) < len(rows)):
        raise SourceChanged(f"{of}: expected in each row, found rows without it")
    for period, value in present:
        yield _Figure(period, number(value, of=of))


#: From here on every row has percentiles, volume and, for EFFR, both ends of the range.
#: Source: recorded answers of 2024 and 2026; EFFR has percentiles since 2016-03-01, SOFR
#: from its first day in 2018-04.
_SINCE_ALWAYS = date(2018, 4, 2)


def _soma_figures(name: str, rows: Sequence[tuple[date, Mapping[str, Any]]]) -> Figures:
    field = _SOMA[name]
    for period, row in rows:
        if field not in row:
            raise SourceChanged(f"nyfed soma: expected {field} in each row, found a row without it")
        yield _Figure(period, number(row[field], of=f"nyfed soma {field}"))


def _rows(body: Any, *path: str) -> list[Mapping[str, Any]]:
    """Return the list of rows at a path of keys."""
    found = body
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise SourceChanged(f"nyfed: expected a list of rows at {'.'.join(path)}, found none")
    return found


def _argument(wanted: Wanted) -> str:
    """Return the argument as the text it was checked to be at load."""
    assert isinstance(wanted.argument, str)
    return wanted.argument
