"""Office of Financial Research: the short-term funding monitor's rates and volumes.

Source: STFM API, ``series/timeseries``, as documented and recorded 2026-11-22: a bare list of
``[date, value]``, oldest first, value a number or null; volumes in dollars, rates in percent;
data move at most once a day, in the afternoon of New York.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import Rank, period_of
from ebbwatch.model.series import Series
from ebbwatch.ports import Poll, SourceChanged, SourceSetup, Wanted
from ebbwatch.sources import numbers
from ebbwatch.sources.http import Answer, ProviderClient

BASE_URL = "https://data.financialresearch.gov/v1"

#: How far back an ordinary visit reads: past the revisions of daily series.
LATEST = timedelta(days=30)

#: The same for series by month and quarter, which come out weeks after their period.
LATEST_SLOW = timedelta(days=400)

_MNEMONIC = re.compile(r"[A-Za-z0-9]{2,8}(-[A-Za-z0-9_]{1,40}){1,4}")


class Ofr:
    """Repo, money-market and reference-rate series of the short-term funding monitor."""

    name: ClassVar[str] = "ofr"

    def __init__(self, setup: SourceSetup, *, tries: int = 3) -> None:
        """Open nothing yet; `tries` is how often a request is sent when it fails."""
        self._clock = setup.clock
        self._client = ProviderClient(setup, BASE_URL, name=self.name, pace_s=0.5, tries=tries)

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument is no mnemonic, or None."""
        if isinstance(argument, str) and _MNEMONIC.fullmatch(argument):
            return None
        found = argument if isinstance(argument, str) else "a map"
        return f"expected a mnemonic like REPO-TRI_TV_OO-F, found {found}"

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Read the newest values of each series; there is nothing to resume from."""
        today = self._clock.now().date()
        published: list[Published] = []
        for item in wanted:
            mnemonic = str(item.argument)
            back = LATEST_SLOW if item.series.every.rank >= Rank.MONTH else LATEST
            start = since.date() if since is not None else today - back
            # Without a start the answer is the whole history: there is no limit parameter.
            answer = await self._client.get(
                "/series/timeseries",
                params={"mnemonic": mnemonic, "start_date": start.isoformat()},
            )
            published += parse(answer, item.series, mnemonic, today=today)
        return Poll(published=tuple(published), cursor=cursor, note="" if published else "no rows")

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()


def parse(answer: Answer, series: Series, mnemonic: str, *, today: date) -> list[Published]:
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
        day = numbers.day(row[0], of=of, today=today)
        published.append(
            Published(
                series=series.name,
                period=period_of(day),
                value=numbers.number(row[1], of=f"{of} {day}"),
            )
        )
    return sorted(published, key=lambda value: value.period)
