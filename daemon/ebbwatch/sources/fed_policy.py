"""The Board's policy rates: interest on reserve balances, and how long it is known to last.

The rate is published each business day at 16:30 New York for the next business day; it is
changed by announcement only, effective the day after an FOMC decision. So it is given for
each day up to the day before the next scheduled effective date, and no further.

Source: federalreserve.gov, the policy-rates release file and the FOMC calendar, as described
by public readers of them in 2026-09 and 2026-10; implementation notes of 2025-10-29,
2025-12-10 and 2026-09-16, as recorded 2026-10-02.
"""

from __future__ import annotations

import asyncio
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.model.source import Offer, Planned, SourceFacts
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import Poll, SourceChanged, SourceError, Wanted
from ebbwatch.sources import cursors
from ebbwatch.sources.arguments import fault_of_choice
from ebbwatch.sources.pages import plain_text
from ebbwatch.sources.provider import Provider
from ebbwatch.sources.replies import Reply, Validators
from ebbwatch.sources.sdmx import SdmxSeries, read_zip
from ebbwatch.sources.strict_numbers import number

_DAY = timedelta(days=1)

#: The release's own file, and the same from the service that is being retired.
_PATHS = (
    ("/releases/prates/data/FRB_PRATES_xml.zip", None),
    ("/datadownload/Output.aspx", {"rel": "PRATES", "filetype": "zip"}),
)
_CALENDAR = "/json/calendar.json"
_NOTE = "/newsevents/pressreleases/monetary{day:%Y%m%d}a1.htm"

#: Interest on reserve balances, and on excess reserves before it: no gap, no overlap.
_IORB = "RESBM_N.D"
_IOER = "RESBME_N.D"
_IORB_SINCE = date(2021, 7, 29)

#: What is news without `since`.
_RECENT = timedelta(days=14)
_MARGIN = timedelta(days=7)

#: The rate of the next business day is out already: over a long weekend, some days ahead.
_AHEAD = timedelta(days=7)

#: A decision is known to last until the next one can take effect, some seven weeks later.
_ANNOUNCED = timedelta(days=90)

#: What the file declares ("Percent"), by our name of it.
_UNIT = "percent per year"

#: The calendar goes back years; decisions older than this are of no use.
_PAST_DECISIONS = timedelta(days=60)

_SATURDAY = 5
_NOT_FOUND = 404

#: How the note says it, word for word, in all notes seen.
_NOTE_RATE = re.compile(
    r"interest rate paid on reserve balances (?:to|at) ([\d.]+) percent, "
    r"effective ([A-Z][a-z]+ \d{1,2}, \d{4})"
)


@dataclass(frozen=True, slots=True)
class _PolicyCursor:
    """What a poll hands to the next one.

    Attributes:
        rates: Validators of the rates file.
        calendar: Validators of the calendar.
        decisions: Days of scheduled decisions, as the calendar last gave them.
    """

    rates: Validators = field(default_factory=Validators)
    calendar: Validators = field(default_factory=Validators)
    decisions: tuple[date, ...] = ()

    @classmethod
    def load(cls, text: str | None) -> _PolicyCursor:
        saved = cursors.load(text)
        return cls(
            Validators.load(saved.get("rates")),
            Validators.load(saved.get("calendar")),
            tuple(date.fromisoformat(each) for each in saved.get("decisions", ())),
        )

    def dump(self) -> str:
        return cursors.dump(
            {
                "rates": self.rates.dump(),
                "calendar": self.calendar.dump(),
                "decisions": [str(each) for each in self.decisions],
            }
        )

    def deciding(self, today: date) -> date | None:
        """Return the decision that is taken today or takes effect today, if there is one."""
        return next((each for each in self.decisions if each in {today, today - _DAY}), None)


class FedPolicy(Provider):
    """Reads the Board's policy rates."""

    name: ClassVar[str] = "fed_policy"
    facts: ClassVar[SourceFacts] = SourceFacts(
        # The implementation note comes with the FOMC's statement.
        planned=(Planned(at=time(14, 0, 2), zone=NEW_YORK.key),),
        ahead=_ANNOUNCED,
        offers=(Offer("iorb", "Interest on reserve balances", _UNIT, "day"),),
    )
    base_url: ClassVar[str] = "https://www.federalreserve.gov"
    pace_s: ClassVar[float] = 1.0

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument cannot be asked of this source, or None."""
        return fault_of_choice(argument, ["iorb"])

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Read the rate and carry it to the eve of the next scheduled change.

        1. Ask for the rates file, unless unchanged; around a decision in any case.
        2. Ask for the calendar. Without one the rate is given as far as the file goes.
        3. Around a decision, read the implementation note: it is out two hours earlier, and
           later must say the same as the file.
        """
        today = self._clock.now().astimezone(NEW_YORK).date()
        before = _PolicyCursor.load(cursor)
        always = since is not None or before.deciding(today) is not None
        answer = await self._rates(None if always else before.rates)
        if answer.not_modified:
            return Poll(cursor=cursor, note="not modified")
        first = today - _RECENT if since is None else since.astimezone(NEW_YORK).date() - _MARGIN
        rates = await asyncio.to_thread(_read, answer, first, today)
        calendar, decisions, note = await self._calendar(before, today)
        after = _PolicyCursor(answer.validators, calendar, decisions)
        announced = None
        if (decision := after.deciding(today)) is not None:
            announced = await self._announced(decision)
        carried = dict(_carried(rates, announced, [each + _DAY for each in decisions]))
        published = [
            Published(series=each.series.name, period=period_of(period), value=rate, unit=_UNIT)
            for each in wanted
            for period, rate in sorted((rates | carried).items())
            if period.weekday() < _SATURDAY or each.series.every.name != "business day"
        ]
        return Poll(
            tuple(sorted(published, key=lambda fact: (fact.period, fact.series))),
            cursor=after.dump(),
            note=note if published else "no rows",
        )

    async def _rates(self, validators: Validators | None) -> Reply:
        """Return the rates file, from wherever it is still to be had."""
        answer = await self._client.get(_PATHS[0][0], validators=validators, expected={_NOT_FOUND})
        if answer.status != _NOT_FOUND:
            return answer
        path, params = _PATHS[1]
        return await self._client.get(path, params=params, validators=validators)

    async def _calendar(
        self, before: _PolicyCursor, today: date
    ) -> tuple[Validators, tuple[date, ...], str]:
        """Return the scheduled decisions, oldest first, and a note where they are not known."""
        try:
            answer = await self._client.get(_CALENDAR, validators=before.calendar)
            if answer.not_modified:
                return before.calendar, before.decisions, ""
            decisions = tuple(sorted(set(_decisions(answer.json(), today))))
        except SourceError as error:
            # The rate itself is read: what the calendar adds is only how long it lasts.
            return before.calendar, before.decisions, f"without the FOMC calendar ({error})"
        return answer.validators, decisions, ""

    async def _announced(self, decision: date) -> tuple[date, Decimal] | None:
        """Return what the implementation note of a decision says; None while it is not out."""
        answer = await self._client.get(_NOTE.format(day=decision), expected={_NOT_FOUND})
        if answer.status == _NOT_FOUND:
            return None
        found = _NOTE_RATE.search(plain_text(answer.text()))
        if found is None:
            raise SourceChanged(
                "fed_policy: expected the implementation note to state the interest rate paid on "
                "reserve balances, found none"
            )
        try:
            effective = datetime.strptime(found[2], "%B %d, %Y").date()  # noqa: DTZ007
        except ValueError:
            raise SourceChanged(
                f"fed_policy: expected a date in the implementation note, found {found[2]}"
            ) from None
        rate = number(found[1].rstrip("."), of="fed_policy implementation note")
        return None if rate is None else (effective, rate)


def _read(answer: Reply, first: date, today: date) -> dict[date, Decimal | None]:
    """Return the rate by day: IORB, and IOER before there was one."""
    picked, _ = read_zip(
        io.BytesIO(answer.content),
        provider=FedPolicy.name,
        first=first,
        pick=lambda series: series.name in {_IORB, _IOER},
    )
    by_name = {series.name: series for series in picked}
    if _IORB not in by_name:
        raise SourceChanged(f"fed_policy: expected a series {_IORB} in the file, found none")
    rates: dict[date, Decimal | None] = {}
    for name in (_IOER, _IORB):
        if name in by_name:
            _check_unit(by_name[name])
            figures = by_name[name].figures(provider=FedPolicy.name, today=today, ahead=_AHEAD)
            rates |= {
                period: rate
                for period, rate in figures.items()
                if (period >= _IORB_SINCE) is (name == _IORB)
            }
    return rates


def _check_unit(series: SdmxSeries) -> None:
    declared = series.attributes
    scale = number(declared.get("UNIT_MULT"), of=f"fed_policy {series.name} UNIT_MULT")
    if (declared.get("UNIT"), scale) != ("Percent", Decimal(1)):
        raise SourceChanged(
            f"fed_policy {series.name}: expected UNIT Percent times 1, found another"
        )


def _carried(
    rates: Mapping[date, Decimal | None],
    announced: tuple[date, Decimal] | None,
    changes: Sequence[date],
) -> Iterator[tuple[date, Decimal]]:
    """Give the last rate for each day after it, up to the eve of the next possible change.

    Args:
        rates: As published, by day.
        announced: Effective date and rate of the implementation note, around a decision.
        changes: Scheduled effective dates, oldest first.

    Raises:
        SourceChanged: If note and file both know the effective date and differ.
    """
    known = {period: rate for period, rate in rates.items() if rate is not None}
    if not known:
        return
    last = max(known)
    rate = known[last]
    if announced is not None:
        effective, told = announced
        if known.get(effective, told) != told:
            raise SourceChanged(
                f"fed_policy: expected the rate of {effective} to be {told} percent, as the "
                f"implementation note says, found {known[effective]}"
            )
        if effective > last:
            yield from ((each, rate) for each in _until(last, effective, changes))
            yield effective, told
            last, rate = effective, told
    # Beyond the last meeting that is scheduled nobody knows when the rate may change.
    if (change := next((each for each in changes if each > last), None)) is not None:
        yield from ((each, rate) for each in _until(last, change, changes))


def _until(last: date, end: date, changes: Sequence[date]) -> Iterator[date]:
    """Give the days between two, up to the eve of the first change in between."""
    first_change = min((each for each in changes if last < each <= end), default=end)
    yield from (last + ahead * _DAY for ahead in range(1, (first_change - last).days))


def _decisions(body: Any, today: date) -> Iterator[date]:
    """Give the last day of each FOMC meeting in the Board's calendar.

    ``days`` comes as ``18``, ``15,16`` or ``27-28``, within the month in which it begins.
    """
    events = body.get("events") if isinstance(body, dict) else None
    if not isinstance(events, list) or not events:
        raise SourceChanged("fed_policy calendar: expected a list of events, found none")
    meetings = 0
    for event in events:
        if not isinstance(event, dict) or event.get("type") != "FOMC":
            continue
        title = html.unescape(str(event.get("title", ""))).casefold()
        if "meeting" in title and "minutes" not in title:
            meetings += 1
            if (decision := _last_day(event)) >= today - _PAST_DECISIONS:
                yield decision
    if meetings == 0:
        raise SourceChanged("fed_policy calendar: expected FOMC meetings, found none")


def _last_day(event: Mapping[str, Any]) -> date:
    """Return the last day of a meeting; it may run over the end of its month."""
    days = [int(each) for each in re.findall(r"\d{1,2}", str(event.get("days")), re.ASCII)]
    try:
        begins = date.fromisoformat(f"{event.get('month')}-01")
        if days[-1] < days[0]:
            begins = (begins + timedelta(days=32)).replace(day=1)
        return begins.replace(day=days[-1])
    except (IndexError, ValueError):
        raise SourceChanged(
            "fed_policy calendar: expected a month like 2026-11 and days like 27-28 of an FOMC "
            "meeting, found others"
        ) from None
