"""Coinbase Exchange: closes of UTC candles of a product such as BTC-USD.

Source: Exchange API, ``/products/{id}/candles``, as documented and recorded 2026-07-31: rows
are ``[time, low, high, open, close, volume]`` with low and high *before* open, newest first,
the first one unfinished; at most 300 a request, 10 requests a second.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

from ebbwatch.model.source import Offer, SourceFacts
from ebbwatch.ports import SourceChanged
from ebbwatch.sources.candles import Candle, Exchange, candle
from ebbwatch.sources.replies import Reply

#: Most candles in one answer.
#: Source: Exchange API documentation of candles, as recorded 2026-11-22.
MOST = 300

_COLUMNS = {"time": 0, "low": 1, "high": 2, "close": 4}
_NOT_FOUND = 404


class Coinbase(Exchange):
    """Prices of what is traded on Coinbase Exchange."""

    name: ClassVar[str] = "coinbase"
    facts: ClassVar[SourceFacts] = SourceFacts(
        whole=True,
        offers=(
            Offer("BTC-USD", "Bitcoin", "USD per bitcoin", "15 min"),
            Offer("PAXG-USD", "PAX Gold token", "USD per troy ounce", "15 min"),
        ),
        asked="Any other product, by its name; every: 1 min, 15 min, hour or day.",
    )
    base_url: ClassVar[str] = "https://api.exchange.coinbase.com"
    pace_s: ClassVar[float] = 0.15
    most: ClassVar[int] = MOST
    begins: ClassVar[date] = date(2015, 7, 20)  # its first candle of BTC-USD
    pair: ClassVar[re.Pattern[str]] = re.compile(r"[A-Z0-9]{2,10}-[A-Z]{3,5}")
    examples: ClassVar[str] = "a product like BTC-USD or PAXG-USD"

    async def _read(
        self, pair: str, *, minutes: int, start: datetime, end: datetime
    ) -> list[Candle]:
        """Page backwards from the end, until the start or an empty page: nothing traded yet."""
        step = timedelta(minutes=minutes)
        found: list[Candle] = []
        while end > start:
            # Both ends count, so one candle fewer lies between them than comes back.
            first = max(start, end - step * (MOST - 1))
            answer = await self._client.get(
                f"/products/{pair}/candles",
                params={
                    "granularity": str(minutes * 60),
                    "start": _text(first),
                    "end": _text(end),
                },
                expected=(_NOT_FOUND,),
            )
            if answer.status == _NOT_FOUND:
                # Of this product only: the others are well, and are asked for one by one then.
                raise SourceChanged(f"{self.name} {pair}: expected candles, found no such product")
            span = first.timestamp(), end.timestamp()
            page = [
                each
                for each in parse(answer, pair, minutes)
                if span[0] <= each.start * 60 <= span[1]
            ]
            if not page:
                break
            found += page
            end = first
        return found


def parse(answer: Reply, pair: str, minutes: int) -> list[Candle]:
    """Return the candles of one answer, in its order.

    Raises:
        SourceChanged: If it is no list of candles of that length.
    """
    of = f"coinbase {pair}"
    body = answer.json()
    if not isinstance(body, list):
        raise SourceChanged(f"{of}: expected a list of candles, found another shape")
    return [candle(row, of=of, minutes=minutes, columns=_COLUMNS, width=6) for row in body]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
