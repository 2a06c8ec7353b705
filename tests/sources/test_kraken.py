"""Kraken: completed candles only, whatever the result is called and whatever 200 hides."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import micros
from ebbwatch.net.delays import LONGEST
from ebbwatch.ports import SourceChanged, SourceError, SourceRefused, SourceSetup, SourceUnavailable
from ebbwatch.sources.kraken import MOST, Kraken, parse
from ebbwatch.sources.replies import Reply
from tests.paths import recording
from tests.sources.wanting import wanting
from tests.standins.providers import EagerClock, Seen, StandIn

NOW = datetime(2026, 11, 24, 12, 7, tzinfo=UTC)
PATH = "/0/public/OHLC"
SECOND = int(NOW.timestamp())


def minute(text: str) -> int:
    """Return the period of an instant."""
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC)) // 60_000_000


def row(start: str, close: str) -> list[Any]:
    """Return a candle in Kraken's order, with traps in what must not be read."""
    high, low = str(Decimal(close) + 2), str(Decimal(close) - 2)
    return [minute(start) * 60, low, high, low, close, "666.6", "777.7", 888]


def said(rows: list[Any], *, key: str = "XXBTZUSD", last: str = "2026-11-24T11:45") -> bytes:
    """Return an answer with rows."""
    return json.dumps({"error": [], "result": {key: rows, "last": minute(last) * 60}}).encode()


def answer(body: bytes) -> Reply:
    """Return a body as the client hands it over."""
    return Reply(provider="kraken", status=200, content=body)


def exchange(since: str) -> Callable[[Seen], bytes]:
    """Return an exchange that trades since an instant and, like the real one, gives the newest
    720 rows whatever is asked for, the last of them unfinished.
    """

    def give(seen: Seen) -> bytes:
        length = int(seen.query["interval"]) * 60
        running = SECOND // length * length
        starts = [
            s
            for s in range(running - (MOST - 1) * length, running + 1, length)
            if s >= minute(since) * 60
        ]
        rows = [[s, "2", "99999", "1", str(1000 + s // 86400), "9", "9", 1] for s in starts]
        result = {"PAXGUSD": rows, "last": running - length}
        return json.dumps({"error": [], "result": result}).encode()

    return give


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def source(provider: StandIn) -> AsyncIterator[Kraken]:
    own = Kraken(SourceSetup(clock=EagerClock(NOW), base_url=provider.url))
    yield own
    await own.aclose()


async def test_only_completed_candles_are_read(provider: StandIn, source: Kraken) -> None:
    """The last row is the unfinished bar; the result's key is not what was asked."""
    provider.serve(PATH, said([row("2026-11-24T11:45", "88.10"), row("2026-11-24T12:00", "99")]))
    cursor = json.dumps({"XBTUSD XBTUSD 15": minute("2026-11-24T11:30")})
    poll = await source.poll(
        wanting("kraken", "XBTUSD", every="15 min", unit="USD per bitcoin"), cursor=cursor
    )
    assert poll.published == (
        Published(series="XBTUSD", period=minute("2026-11-24T11:45"), value=Decimal("88.10")),
    )
    assert provider.requests[0].query == {
        "pair": "XBTUSD",
        "interval": "15",
        "since": str(minute("2026-11-24T11:45") * 60 - 1),
    }


def test_the_bar_after_last_is_unfinished_even_for_a_fast_clock() -> None:
    """Our clock may run ahead of the exchange's; `last` does not."""
    body = said([row("2026-11-24T11:45", "88"), row("2026-11-24T12:00", "99")])
    candles = parse(answer(body), "XBTUSD", 15, now=NOW + timedelta(hours=1))
    assert [candle.start for candle in candles] == [minute("2026-11-24T11:45")]


async def test_the_first_visit_reads_two_years_of_days(provider: StandIn, source: Kraken) -> None:
    """720 daily candles are all there is; each stands at 23:45 of its day."""
    provider.serve(PATH, exchange("2020-01-01"))
    poll = await source.poll(
        wanting("kraken", "PAXGUSD", every="15 min", unit="USD per troy ounce"), cursor=None
    )
    assert [seen.query["interval"] for seen in provider.requests] == ["15", "1440"]
    periods = [p.period for p in poll.published]
    assert periods == sorted(set(periods))
    window = minute("2026-11-24T12:00") - 15 * (MOST - 1)
    assert [p for p in periods if p < window] == list(
        range(minute("2026-11-24T00:00") - 719 * 1440 + 1425, window, 1440)
    )
    assert [p for p in periods if p >= window] == list(
        range(window, minute("2026-11-24T11:45") + 1, 15)
    )
    oldest, newest = poll.published[0], poll.published[-1]
    assert oldest.value == 1000 + oldest.period // 1440
    assert oldest.known_at == datetime(2024, 12, 6, tzinfo=UTC)
    assert newest.known_at is None


async def test_several_pairs_are_asked_one_by_one(provider: StandIn, source: Kraken) -> None:
    """Each has its own entry in the cursor, and others' entries are kept."""
    provider.serve(PATH, exchange("2026-11-24T11:30"))
    cursor = '{"other":1}'
    poll = await source.poll(
        wanting("kraken", "PAXGUSD", "XAUTUSD", every="15 min", unit="USD per troy ounce"),
        cursor=cursor,
    )
    assert [(p.series, p.period) for p in poll.published] == [
        ("PAXGUSD", minute("2026-11-24T11:30")),
        ("PAXGUSD", minute("2026-11-24T11:45")),
        ("XAUTUSD", minute("2026-11-24T11:30")),
        ("XAUTUSD", minute("2026-11-24T11:45")),
    ]
    newest = minute("2026-11-24T11:45")
    assert json.loads(str(poll.cursor)) == {
        "PAXGUSD PAXGUSD 15": newest,
        "XAUTUSD XAUTUSD 15": newest,
        "other": 1,
    }


@pytest.mark.parametrize(
    ("error", "kind", "message", "after"),
    [
        ("EAPI:Rate limit exceeded", SourceUnavailable, "EAPI:Rate limit exceeded", None),
        (f"EService: Throttled: {SECOND + 90}", SourceUnavailable, "throttled", timedelta(0, 90)),
        (f"EService:Throttled:{SECOND - 90}", SourceUnavailable, "throttled", timedelta(0)),
        (f"EService: Throttled: {SECOND + 7200}", SourceUnavailable, "throttled", LONGEST),
        ("EService: Throttled: 99999999999", SourceUnavailable, "throttled", None),
        ("EService:Unavailable", SourceUnavailable, "EService:Unavailable", None),
        ("EService:Busy", SourceUnavailable, "EService:Busy", None),
        ("EGeneral:Too many requests", SourceUnavailable, "EGeneral:Too many requests", None),
        ("EQuery:Unknown asset pair", SourceChanged, "EQuery:Unknown asset pair", None),
        ("EGeneral:Invalid arguments", SourceRefused, "EGeneral:Invalid arguments", None),
        ("see https://x.example/?k=1", SourceRefused, "an error we do not know", None),
    ],
)
def test_errors_come_with_status_200(
    error: str, kind: type[SourceError], message: str, after: timedelta | None
) -> None:
    """What passes by itself is unavailable; the rest asks for a person."""
    with pytest.raises(SourceError) as caught:
        parse(answer(json.dumps({"error": [error]}).encode()), "XBTUSD", 15, now=NOW)
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert "kraken XBTUSD" in str(caught.value)
    assert "://" not in str(caught.value)
    assert getattr(caught.value, "after", None) == after


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "expected `error` and `result`, found another shape"),
        (b'{"result": {}}', "expected `error` and `result`, found another shape"),
        (b'{"error": []}', "expected `result` with `last`, found another shape"),
        (b'{"error": [], "result": {"last": 1}}', "expected the candles of one pair, found 0"),
        (
            b'{"error": [], "result": {"last": 1, "A": [], "B": []}}',
            "expected the candles of one pair, found 2",
        ),
        (said([[1763985600, "1"]]), "expected a candle of 8 columns"),
        (said([[1763985600, "1", "2", "1", "3", "1", "1", 1]]), "expected low <= close <= high"),
        (b"<!doctype html>", "expected JSON, found a page"),
        (b'{"error": [], "resu', "expected JSON, found one that is cut off"),
    ],
)
def test_another_shape_is_a_change(body: bytes, message: str) -> None:
    """Nothing is skipped and nothing guessed."""
    with pytest.raises(SourceChanged) as caught:
        parse(answer(body), "XBTUSD", 15, now=NOW)
    assert message in str(caught.value)


def test_the_documented_answer_is_understood() -> None:
    """Prices keep their digits; the key is XXBTZUSD."""
    body = recording("more/kraken/from_docs_OHLC_XBTUSD.json")
    candles = parse(answer(body), "XBTUSD", 1, now=NOW)
    assert [(c.start * 60, str(c.close)) for c in candles] == [
        (1688671200, "30305.7"),
        (1688671260, "30300.0"),
        (1688671320, "30291.4"),
        (1688671380, "30295.0"),
    ]


def test_the_recorded_answer_is_understood() -> None:
    """Six rows, the last of them unfinished."""
    body = recording("more/kraken/OHLC_XBTUSDT_1m_2025-11-10_trimmed.json")
    candles = parse(answer(body), "XBTUSDT", 1, now=NOW)
    assert len(candles) == 5
    assert (candles[-1].start * 60, str(candles[-1].close)) == (1762820160, "105899.4")


def test_recorded_errors_are_understood() -> None:
    """The two that were seen."""
    with pytest.raises(SourceUnavailable, match="Rate limit exceeded"):
        parse(answer(recording("kraken/from_docs_error_rate_limit.json")), "XBTUSD", 15, now=NOW)
    body = recording("more/kraken/reported_error_unknown_asset_pair.json")
    with pytest.raises(SourceChanged, match="kraken XYZ: expected candles, found EQuery:Unknown"):
        parse(answer(body), "XYZ", 15, now=NOW)


@pytest.mark.parametrize("argument", ["XBTUSD", "PAXGUSD", "XAUTUSD"])
def test_pairs_have_no_fault(argument: str) -> None:
    """Any pair may be asked for."""
    assert Kraken.fault(argument) is None


@pytest.mark.parametrize("argument", ["xbt", "BTC-USD", "XBTUSD&pair=", {"pair": "XBTUSD"}])
def test_what_is_no_pair_is_said(argument: Any) -> None:
    """The message gives examples."""
    assert "expected a pair like XBTUSD, PAXGUSD, XAUTUSD, found" in str(Kraken.fault(argument))
