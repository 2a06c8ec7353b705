"""Coinbase: completed candles only, and years of daily ones on the first visit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import FREQUENCIES, instant, micros
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.units import UNITS
from ebbwatch.ports import SourceChanged, SourceSetup, Wanted
from ebbwatch.sources.coinbase import MOST, Coinbase, parse
from ebbwatch.sources.replies import Reply
from tests.paths import recording
from tests.standins.providers import EagerClock, Seen, StandIn

NOW = datetime(2026, 11, 24, 12, 7, tzinfo=UTC)
PATH = "/products/BTC-USD/candles"


def minute(text: str) -> int:
    """Return the period of an instant."""
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC)) // 60_000_000


def row(start: str, close: str) -> list[Any]:
    """Return a candle in the exchange's order, with traps in what must not be read."""
    price = Decimal(close)
    second = minute(start) * 60
    return [second, float(price - 1), float(price + 1), float(price - 1), float(price), 666.25]


def exchange(first: date) -> Callable[[Seen], bytes]:
    """Return an exchange that trades since a day; a close is its start in days, plus 1000.

    Like the real one it answers newest first, both ends counted, the unfinished candle too.
    """

    def answer(seen: Seen) -> bytes:
        length = int(seen.query["granularity"])
        start, end = (
            int(datetime.fromisoformat(seen.query[key]).timestamp()) for key in ("start", "end")
        )
        assert (end - start) / length <= MOST - 1, "more than 300 candles are refused"
        begin = micros(datetime(first.year, first.month, first.day, tzinfo=UTC)) // 1_000_000
        low = max(-(-start // length) * length, begin)
        starts = range(low, min(end, int(NOW.timestamp())) + 1, length)
        return json.dumps(
            [[s, 1, 99999, 2, 1000 + s / 86400, 5.5] for s in reversed(starts)]
        ).encode()

    return answer


def wanted(every: str = "15 min", **fields: Any) -> Wanted:
    """Return bitcoin as the catalogue has it."""
    source = SourceRef("coinbase", "BTC-USD")
    unit = UNITS["USD per bitcoin"]
    series = Series(name="bitcoin", source=source, unit=unit, every=FREQUENCIES[every], **fields)
    return Wanted(series, "BTC-USD")


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def source(provider: StandIn) -> AsyncIterator[Coinbase]:
    own = Coinbase(SourceSetup(clock=EagerClock(NOW), base_url=provider.url))
    yield own
    await own.aclose()


async def test_only_completed_candles_are_read(provider: StandIn, source: Coinbase) -> None:
    """At 12:07 the newest close is that of 11:45, written by its start, known now."""
    provider.serve(
        PATH, json.dumps([row("2026-11-24T12:00", "99"), row("2026-11-24T11:45", "88.1")])
    )
    cursor = json.dumps({"bitcoin BTC-USD 15": minute("2026-11-24T11:30")})
    poll = await source.poll([wanted()], cursor=cursor)
    assert poll.published == (
        Published(series="bitcoin", period=minute("2026-11-24T11:45"), value=Decimal("88.1")),
    )
    assert json.loads(str(poll.cursor)) == {"bitcoin BTC-USD 15": minute("2026-11-24T11:45")}
    assert provider.requests[0].query == {
        "granularity": "900",
        "start": "2026-11-24T11:45:00Z",
        "end": "2026-11-24T12:00:00Z",
    }


async def test_a_candle_counts_from_the_second_it_is_over(provider: StandIn) -> None:
    """At 12:15:00 sharp the candle of 12:00 is complete."""
    provider.serve(PATH, json.dumps([row("2026-11-24T12:15", "99"), row("2026-11-24T12:00", "77")]))
    clock = EagerClock(datetime(2026, 11, 24, 12, 15, tzinfo=UTC))
    source = Coinbase(SourceSetup(clock=clock, base_url=provider.url))
    cursor = json.dumps({"bitcoin BTC-USD 15": minute("2026-11-24T11:45")})
    poll = await source.poll([wanted()], cursor=cursor)
    await source.aclose()
    assert [(p.period, p.value) for p in poll.published] == [
        (minute("2026-11-24T12:00"), Decimal(77))
    ]


async def test_the_first_visit_reads_daily_candles_for_the_years_before(
    provider: StandIn, source: Coinbase
) -> None:
    """Each stands at 23:45 of its day, known when the day was over; short ones follow on."""
    provider.serve(PATH, exchange(date(2024, 1, 1)))
    poll = await source.poll([wanted()], cursor=None)
    found = {p.period: p for p in poll.published}
    assert list(found) == sorted(found)
    assert len(found) == len(poll.published), "one figure for a period"
    first = minute("2024-01-01T23:45")
    assert poll.published[0] == Published(
        series="bitcoin",
        period=first,
        value=Decimal(1000 + minute("2024-01-01T00:00") // 1440),
        known_at=datetime(2024, 1, 2, tzinfo=UTC),
    )
    newest = poll.published[-1]
    assert newest.period == minute("2026-11-24T11:45")
    assert newest.known_at is None
    before = poll.published[-2]
    assert (before.period, before.known_at) == (
        minute("2026-11-24T11:30"),
        datetime(2026, 11, 24, 11, 45, tzinfo=UTC),
    )
    window = minute("2026-11-24T12:00") - 15 * (MOST - 1)
    assert [p for p in found if p < window] == list(range(first, window, 1440))
    assert [p for p in found if p >= window] == list(range(window, newest.period + 1, 15))
    daily = [seen for seen in provider.requests if seen.query["granularity"] == "86400"]
    # 1058 days at 299 a page, and the empty page that says nothing was traded before.
    assert len(daily) == 5


async def test_history_from_bounds_what_the_first_visit_asks(
    provider: StandIn, source: Coinbase
) -> None:
    """A series that wants no earlier price is not asked for one."""
    provider.serve(PATH, exchange(date(2015, 7, 20)))
    poll = await source.poll([wanted(history_from=date(2026, 10, 1))], cursor=None)
    assert poll.published[0].period == minute("2026-10-01T23:45")
    assert len(provider.requests) == 2


async def test_a_backfill_reads_since_its_instant(provider: StandIn, source: Coinbase) -> None:
    """`since` counts, whatever the cursor says."""
    provider.serve(PATH, exchange(date(2015, 7, 20)))
    cursor = json.dumps({"bitcoin BTC-USD 15": minute("2026-11-24T11:45")})
    since = datetime(2026, 11, 1, tzinfo=UTC)
    poll = await source.poll([wanted()], cursor=cursor, since=since)
    assert poll.published[0].period == minute("2026-11-01T23:45")
    assert poll.published[-1].period == minute("2026-11-24T11:45")
    assert json.loads(str(poll.cursor)) == json.loads(cursor)


async def test_a_long_absence_is_bridged_by_daily_candles(
    provider: StandIn, source: Coinbase
) -> None:
    """What the short candles do not reach is told by days; what they reach is news."""
    provider.serve(PATH, exchange(date(2015, 7, 20)))
    cursor = json.dumps({"bitcoin BTC-USD 15": minute("2026-11-10T03:00")})
    poll = await source.poll([wanted()], cursor=cursor)
    window = minute("2026-11-24T12:00") - 15 * (MOST - 1)
    assert [p.period for p in poll.published if p.known_at] == list(
        range(minute("2026-11-10T23:45"), window, 1440)
    )
    assert {p.known_at for p in poll.published if p.period >= window} == {None}


async def test_nothing_new_says_so_and_keeps_the_cursor(
    provider: StandIn, source: Coinbase
) -> None:
    """A quarter of an hour without a trade has no candle."""
    provider.serve(PATH, b"[]")
    cursor = '{"bitcoin BTC-USD 15":29700000}'
    poll = await source.poll([wanted(history_from=date(2026, 11, 24))], cursor=cursor)
    assert (poll.published, poll.note, poll.cursor) == ((), "no rows", cursor)


async def test_a_daily_series_has_dates(provider: StandIn, source: Coinbase) -> None:
    """`every: day` takes the day's candle at the day, never the unfinished one."""
    provider.serve(PATH, exchange(date(2026, 11, 20)))
    poll = await source.poll([wanted("day")], cursor=None)
    assert [(p.period, p.known_at) for p in poll.published] == [
        (minute("2026-11-20T00:00"), datetime(2026, 11, 21, tzinfo=UTC)),
        (minute("2026-11-21T00:00"), datetime(2026, 11, 22, tzinfo=UTC)),
        (minute("2026-11-22T00:00"), datetime(2026, 11, 23, tzinfo=UTC)),
        (minute("2026-11-23T00:00"), None),
    ]


async def test_a_frequency_without_candles_is_said(provider: StandIn, source: Coinbase) -> None:
    """The catalogue is what has to change."""
    with pytest.raises(SourceChanged, match="no candles for `every: week ending Friday`"):
        await source.poll([wanted("week ending Friday")], cursor=None)


async def test_an_unknown_product_is_named(provider: StandIn, source: Coinbase) -> None:
    """404 means the product, for the path is right."""
    provider.serve(PATH, b'{"message":"NotFound"}', status=404)
    with pytest.raises(SourceChanged, match="coinbase BTC-USD: expected candles, found no such"):
        await source.poll([wanted()], cursor=None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "hello"}', "expected a list of candles, found another shape"),
        (b"[[1763985600, 1, 2, 1, 1]]", "expected a candle of 6 columns, found another shape"),
        (b'[["soon", 1, 2, 1, 1, 5]]', "expected the start of a candle of 15 min, found 'soon'"),
        (b"[[1763985601, 1, 2, 1, 1, 5]]", "expected the start of a candle of 15 min"),
        (b"[[1763985600, 1, 2, 1, 9, 5]]", "expected low <= close <= high, found 1, 9, 2"),
        (b"[[1763985600, 1, 2, 1, null, 5]]", "expected low <= close <= high"),
        (b'[[1763985600, 1, 2, 1, "dear", 5]]', "expected a number, found 'dear'"),
        (b"<html>", "expected JSON, found a page"),
        (b"[[1763985600, 1,", "expected JSON, found one that is cut off"),
    ],
)
def test_another_shape_is_a_change(body: bytes, said: str) -> None:
    """Nothing is skipped and nothing guessed: swapped columns are seen by their prices."""
    with pytest.raises(SourceChanged, match="coinbase") as caught:
        parse(Reply(provider="coinbase", status=200, content=body), "BTC-USD", 15)
    assert said in str(caught.value)


def test_prices_keep_every_digit() -> None:
    """A price is never a float."""
    answer = Reply(
        provider="coinbase", status=200, content=b"[[1763985600, 0.1, 99999.07, 1, 64721.30, 5]]"
    )
    (candle,) = parse(answer, "BTC-USD", 15)
    assert str(candle.close) == "64721.30"


def test_recorded_candles_are_understood() -> None:
    """Forty days of BTC-USD, newest first, the first unfinished."""
    body = recording("more/coinbase/products_BTC-USD_candles_1d_2026-07-31.json")
    candles = parse(Reply(provider="coinbase", status=200, content=body), "BTC-USD", 1440)
    assert len(candles) == 40
    assert (instant(candles[1].start * 60_000_000), str(candles[1].close)) == (
        datetime(2026, 7, 30, tzinfo=UTC),
        "64721.9",
    )
    assert candles[0].start - candles[1].start == timedelta(days=1) // timedelta(minutes=1)


@pytest.mark.parametrize("argument", ["BTC-USD", "PAXG-USD", "ETH-EUR"])
def test_products_have_no_fault(argument: str) -> None:
    """Any product may be asked for."""
    assert Coinbase.fault(argument) is None


@pytest.mark.parametrize("argument", ["btc-usd", "BTCUSD", "BTC-USD/../../x", {"pair": "BTC-USD"}])
def test_what_is_no_product_is_said(argument: Any) -> None:
    """The message gives an example."""
    assert "expected a product like BTC-USD or PAXG-USD, found" in str(Coinbase.fault(argument))
