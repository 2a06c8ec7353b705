"""Candles: what Coinbase and Kraken have in common.

A price series holds the close of each completed UTC candle, written by the candle's start.
The first visit also reads daily candles for the years before the exchange's reach of short
ones; each stands for the last short candle of its UTC day, whose close it shares::

    daily closes, at 23:45 of their day          every quarter of an hour        unfinished
    |.............|.............|.............||||||||||||||||||||||||||||||||||  (left out)
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import (
    DAY_MINUTES,
    MINUTE,
    Every,
    Micros,
    Minutes,
    Rank,
    instant,
    micros,
)
from ebbwatch.model.source import SourceFacts
from ebbwatch.ports import Poll, SourceChanged, Wanted
from ebbwatch.sources import cursors
from ebbwatch.sources.endpoints import Endpoints
from ebbwatch.sources.provider import Provider
from ebbwatch.sources.strict_numbers import number, shown


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle, as far as we use it.

    Attributes:
        start: Minutes since the epoch, UTC.
        close: Last price in it, in the quote currency.
    """

    start: int
    close: Decimal


class Exchange(Provider, ABC):
    """An adapter of an exchange; they differ in how they are asked, and for what.

    Attributes:
        most: Candles of one answer: so many short ones go back one request.
        lengths: Lengths of candle that it offers, in minutes.
        begins: Before its first candle; daily candles are read from here.
        pair: What it calls a pair of currencies.
        examples: Such names, for people who write another.
    """

    facts: ClassVar[SourceFacts] = SourceFacts(whole=True)
    most: ClassVar[int]
    lengths: ClassVar[Collection[int]] = (1, 15, 60, DAY_MINUTES)
    begins: ClassVar[date]
    pair: ClassVar[re.Pattern[str]]
    examples: ClassVar[str]

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument is no name of a pair, or None."""
        if isinstance(argument, str) and cls.pair.fullmatch(argument):
            return None
        found = argument if isinstance(argument, str) else "a map"
        return f"expected {cls.examples}, found {found}"

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Read what is new of each pair, with years of daily closes where there is no cursor.

        1. Short candles since the last visit, as far as one request reaches.
        2. Daily candles for what lies before: on the first visit, for a backfill, and after an
           absence that was longer than that reach.
        3. What was history at its first sight is known since the end of its candle; what came
           since the last visit, or is the newest of all, is known now (`known_at` None).
        """
        now = self._clock.now()
        entries = cursors.load(cursor)
        published: list[Published] = []
        endpoints = Endpoints()
        for item in wanted:
            pair = str(item.argument)
            minutes = self._length_of(item.series.every, pair)
            key = f"{item.series.name} {pair} {minutes}"
            seen = entries.get(key) if isinstance(entries.get(key), int) else None
            question = partial(self._closes, item, minutes, seen=seen, since=since, now=now)
            found = await endpoints.ask([item.series.name], question)
            if found:
                published += found
                entries[key] = max(found[-1].period, seen or 0)
        return endpoints.poll(wanted, published, cursor=cursors.dump(entries))

    @abstractmethod
    async def _read(
        self, pair: str, *, minutes: int, start: datetime, end: datetime
    ) -> list[Candle]:
        """Return candles of a length that start in [start, end], in any order.

        The one that starts at the end may be unfinished, and may be left out.
        """

    async def _closes(
        self,
        item: Wanted,
        minutes: int,
        *,
        seen: int | None,
        since: datetime | None,
        now: datetime,
    ) -> list[Published]:
        """Return one series' closes, oldest first, one per period.

        In it, `running` is the start of the unfinished candle, and `fresh` the start from which
        candles are news.
        """
        pair = str(item.argument)
        resume = None if since is not None or seen is None else seen + minutes
        running = _minute(now) // minutes * minutes
        fresh = running - minutes if resume is None else resume
        start = _minute(self._history_from(item, since, now)) if resume is None else resume
        if minutes == DAY_MINUTES:
            daily = await self._read(pair, minutes=minutes, start=_at(start), end=_at(running))
            return _published(item, _completed(daily, minutes, running), minutes, fresh=fresh)

        window = running - minutes * (self.most - 1)
        short = await self._read(
            pair, minutes=minutes, start=_at(max(window, start)), end=_at(running)
        )
        published: list[Published] = []
        if start < window:
            first_day = start // DAY_MINUTES * DAY_MINUTES
            daily = await self._read(
                pair, minutes=DAY_MINUTES, start=_at(first_day), end=_at(window)
            )
            # A day whose last short candle lies in the window is told by that candle itself.
            lasts = [
                Candle(candle.start + DAY_MINUTES - minutes, candle.close)
                for candle in _completed(daily, DAY_MINUTES, window)
            ]
            published = _published(item, lasts, minutes, fresh=running)
        closes = _published(item, _completed(short, minutes, running), minutes, fresh=fresh)
        return published + closes

    def _length_of(self, every: Every, pair: str) -> int:
        """Return the length of candle, in minutes, that a series' frequency asks for.

        Raises:
            SourceChanged: If no candle of the exchange has that length.
        """
        if every.rank in (Rank.MINUTES, Rank.HOUR):
            minutes = every.minutes
        else:
            minutes = DAY_MINUTES if every.name == "day" else 0
        if minutes in self.lengths:
            return minutes
        raise SourceChanged(
            f"{self.name} {pair}: has no candles for `every: {every.name}`; "
            "use 15 min, hour or day in the catalogue"
        )

    def _history_from(self, item: Wanted, since: datetime | None, now: datetime) -> datetime:
        """Return the instant from which history is wanted."""
        if since is not None:
            return min(since, now)
        first = max(item.series.history_from or self.begins, self.begins)
        return min(datetime.combine(first, time(), UTC), now)


def candle(row: object, *, of: str, minutes: int, columns: Mapping[str, int], width: int) -> Candle:
    """Return one candle from a row, after checking that its columns are what we take them for.

    Args:
        row: A list of numbers or texts.
        of: For complaints: ``kraken XBTUSD``.
        minutes: Length asked for.
        columns: Where ``time`` (seconds), ``low``, ``high`` and ``close`` stand.
        width: How many columns there are.

    Raises:
        SourceChanged: If the row is no such candle.
    """
    if not isinstance(row, list) or len(row) != width:
        raise SourceChanged(f"{of}: expected a candle of {width} columns, found another shape")
    stamp: Any = row[columns["time"]]
    if not isinstance(stamp, int) or isinstance(stamp, bool) or stamp % (minutes * 60):
        raise SourceChanged(
            f"{of}: expected the start of a candle of {minutes} min, found {shown(stamp)}"
        )
    prices = {
        name: number(row[columns[name]], of=f"{of} {name}") for name in ("low", "high", "close")
    }
    low, high, close = prices["low"], prices["high"], prices["close"]
    if low is None or high is None or close is None or not 0 < low <= close <= high:
        raise SourceChanged(
            f"{of}: expected low <= close <= high, found {low}, {close}, {high}; columns moved?"
        )
    return Candle(stamp // 60, close)


def _completed(candles: Sequence[Candle], minutes: int, edge: int) -> list[Candle]:
    """Return the candles that are over at a minute, oldest first, one per start."""
    by_start = {candle.start: candle for candle in candles if candle.start + minutes <= edge}
    return [by_start[start] for start in sorted(by_start)]


def _published(
    item: Wanted, candles: Sequence[Candle], minutes: int, *, fresh: int
) -> list[Published]:
    """Return closes as published values, known since their end if they start before `fresh`."""
    return [
        Published(
            series=item.series.name,
            period=Minutes(candle.start),
            value=candle.close,
            known_at=None if candle.start >= fresh else _at(candle.start + minutes),
        )
        for candle in candles
    ]


def _minute(moment: datetime) -> int:
    return micros(moment) // MINUTE


def _at(minutes: int) -> datetime:
    return instant(Micros(minutes * MINUTE))
