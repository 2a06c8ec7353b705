"""Kraken: closes of UTC candles of a pair such as XBTUSD, PAXGUSD or XAUTUSD.

Source: REST API, ``OHLC``, as documented and recorded 2025-11-10: errors come with HTTP 200;
the result's key is not what was asked (``XXBTZUSD`` for ``XBTUSD``); rows are ``[time, open,
high, low, close, vwap, volume, count]`` with prices as text; the last row is the unfinished
bar and ``last`` the time of the row before it; at most 720 rows whatever ``since`` says.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import ClassVar

from ebbwatch.model.source import Offer, SourceFacts
from ebbwatch.net.delays import seconds
from ebbwatch.ports import SourceChanged, SourceRefused, SourceUnavailable
from ebbwatch.sources.candles import Candle, Exchange, candle
from ebbwatch.sources.replies import Reply

#: Most candles in one answer.
#: Source: REST API documentation of OHLC, as recorded 2026-11-22.
MOST = 720

_COLUMNS = {"time": 0, "high": 2, "low": 3, "close": 4}
_THROTTLED = re.compile(r"EService: ?Throttled: ?(\d{9,11})")
_ERROR = re.compile(r"E[A-Za-z]+: ?[A-Za-z /]{1,40}")

#: Errors that pass by themselves; any other asks for a person.
#: Source: REST API documentation of rate limits, as recorded 2026-11-22.
_PASSING = ("EAPI:Rate limit exceeded", "EService:", "EGeneral:Too many requests")


class Kraken(Exchange):
    """Prices of what is traded on Kraken: bitcoin, and tokens that are each worth an ounce of gold."""

    name: ClassVar[str] = "kraken"
    facts: ClassVar[SourceFacts] = SourceFacts(
        whole=True,
        offers=(
            Offer("XBTUSD", "Bitcoin", "USD per bitcoin", "15 min"),
            Offer("PAXGUSD", "PAX Gold token", "USD per troy ounce", "15 min"),
            Offer("XAUTUSD", "Tether Gold token", "USD per troy ounce", "15 min"),
        ),
        asked="Any other pair, by its name; every: 1 min, 15 min, hour or day.",
    )
    base_url: ClassVar[str] = "https://api.kraken.com"
    # About one request a second for each address; documented, as recorded 2026-11-22.
    pace_s: ClassVar[float] = 1.0
    most: ClassVar[int] = MOST
    begins: ClassVar[date] = date(2013, 9, 10)  # its first day; only 720 candles come back anyway
    pair: ClassVar[re.Pattern[str]] = re.compile(r"[A-Z0-9]{5,12}")
    examples: ClassVar[str] = "a pair like XBTUSD, PAXGUSD, XAUTUSD"

    async def _read(
        self, pair: str, *, minutes: int, start: datetime, end: datetime
    ) -> list[Candle]:
        """Ask once: more than 720 candles cannot be had."""
        first, beyond = start.timestamp(), end.timestamp()
        answer = await self._client.get(
            "/0/public/OHLC",
            params={"pair": pair, "interval": str(minutes), "since": str(int(first) - 1)},
        )
        found = parse(answer, pair, minutes, now=self._clock.now())
        return [each for each in found if first <= each.start * 60 < beyond]


def parse(answer: Reply, pair: str, minutes: int, *, now: datetime) -> list[Candle]:
    """Return the finished candles of one answer, in its order.

    Raises:
        SourceUnavailable: If the answer is that we ask too often.
        SourceRefused: If it is another error, which asks for a person.
        SourceChanged: If there is no such pair, or it is no such answer.
    """
    of = f"kraken {pair}"
    body = answer.json()
    if not isinstance(body, dict) or not isinstance(body.get("error"), list):
        raise SourceChanged(f"{of}: expected `error` and `result`, found another shape")
    if body["error"]:
        _raise(str(body["error"][0]), of, now)
    result = body.get("result")
    if not isinstance(result, dict) or not isinstance(last := result.get("last"), int):
        raise SourceChanged(f"{of}: expected `result` with `last`, found another shape")
    lists = [rows for key, rows in result.items() if key != "last"]
    if len(lists) != 1 or not isinstance(lists[0], list):
        raise SourceChanged(f"{of}: expected the candles of one pair, found {len(lists)}")
    found = [candle(row, of=of, minutes=minutes, columns=_COLUMNS, width=8) for row in lists[0]]
    # A second guard beside the clock, should ours be fast: rows after `last` are unfinished.
    return [each for each in found if each.start * 60 <= last]


def _raise(error: str, of: str, now: datetime) -> None:
    """Raise what an entry of `error` means for the caller."""
    if (throttled := _THROTTLED.match(error)) is not None:
        wait = seconds(int(throttled[1]) - int(now.timestamp()))
        raise SourceUnavailable(f"{of}: throttled", after=wait)
    shown = known[0].strip() if (known := _ERROR.match(error)) else "an error we do not know"
    if error.startswith(_PASSING):
        raise SourceUnavailable(f"{of}: answered {shown}")
    if error.startswith("EQuery:"):
        # Of this pair only: the others are well, and are asked for one by one then.
        raise SourceChanged(f"{of}: expected candles, found {shown}")
    raise SourceRefused(f"{of}: answered {shown}")
