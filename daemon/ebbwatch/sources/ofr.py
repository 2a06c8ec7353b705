"""Office of Financial Research: the short-term funding monitor's rates and volumes.

Source: STFM API, ``series/timeseries``, as documented and recorded 2026-11-22: a bare list of
``[date, value]``, oldest first, value a number or null; volumes in dollars, rates in percent;
data move at most once a day, in the afternoon of New York.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import Rank, period_of
from ebbwatch.model.series import Series
from ebbwatch.model.source import Offer, SourceFacts
from ebbwatch.ports import SourceChanged, Wanted
from ebbwatch.sources import strict_numbers
from ebbwatch.sources.provider import DatedProvider
from ebbwatch.sources.replies import Reply

#: How far back an ordinary visit reads: past the revisions of daily series.
LATEST = timedelta(days=30)

#: The same for series by month and quarter, which come out weeks after their period.
LATEST_SLOW = timedelta(days=400)

_MNEMONIC = re.compile(r"[A-Za-z0-9]{2,8}(-[A-Za-z0-9_]{1,40}){1,4}")


class Ofr(DatedProvider):
    """Repo, money-market and reference-rate series of the short-term funding monitor."""

    name: ClassVar[str] = "ofr"
    facts: ClassVar[SourceFacts] = SourceFacts(
        offers=tuple(
            Offer(
                f"REPO-{market}_{kind}_OO-P",
                f"{words}, overnight and open, {what}",
                unit,
                "business day",
            )
            for market, words in (
                ("TRI", "Tri-party repo"),
                ("DVP", "Cleared bilateral (DVP) repo"),
                ("GCF", "GCF repo"),
            )
            for kind, what, unit in (
                ("AR", "average rate", "percent per year"),
                ("TV", "volume", "USD"),
            )
        ),
        asked="Any mnemonic of the short-term funding monitor: FNYR-SOFR-A, MMF-MMF_TOT-M.",
    )
    base_url: ClassVar[str] = "https://data.financialresearch.gov/v1"
    pace_s: ClassVar[float] = 0.5

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument is no mnemonic, or None."""
        if isinstance(argument, str) and _MNEMONIC.fullmatch(argument):
            return None
        found = argument if isinstance(argument, str) else "a map"
        return f"expected a mnemonic like REPO-TRI_TV_OO-F, found {found}"

    def _reach(self, item: Wanted) -> timedelta:
        return LATEST_SLOW if item.series.every.rank >= Rank.MONTH else LATEST

    async def _figures(self, item: Wanted, first: date, today: date) -> list[Published]:
        mnemonic = str(item.argument)
        # Without a start the answer is the whole history: there is no limit parameter.
        answer = await self._client.get(
            "/series/timeseries", params={"mnemonic": mnemonic, "start_date": first.isoformat()}
        )
        return parse(answer, item.series, mnemonic, today=today)


def parse(answer: Reply, series: Series, mnemonic: str, *, today: date) -> list[Published]:
    """Return one answer's values, oldest first.

    Raises:
        SourceChanged: If it is no list of pairs of a date and a number.
    """
    of = f"ofr {mnemonic}"
    rows = answer.json()
    if not isinstance(rows, list):
        raise SourceChanged(f"{of}: expected a list of pairs, found another shape")
    published = []
    for row in rows:
        if not isinstance(row, list) or len(row) != 2:
            raise SourceChanged(f"{of}: expected a pair of date and value, found another shape")
        day = strict_numbers.day(row[0], of=of, today=today)
        published.append(
            Published(
                series=series.name,
                period=period_of(day),
                value=strict_numbers.number(row[1], of=f"{of} {day}"),
            )
        )
    return sorted(published, key=lambda value: value.period)
