"""BEA: one series out of a very big file, or a keyed API that reports errors as success."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.ports import (
    Secret,
    SourceChanged,
    SourceError,
    SourceRefused,
    SourceSetup,
    SourceUnavailable,
)
from ebbwatch.sources.bea import FLAT_FILE, Bea, read_api, read_flat_file
from ebbwatch.sources.replies import Reply
from tests.paths import recording
from tests.sources.wanting import figures, wanting
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 8, 26, 12, 30, 9, tzinfo=UTC)
TODAY = NOW.date()
KEY = "0F1E2D3C-SECRET"
API = "/api/data"

FILE = b"""%SeriesCode,Period,Value
A001RC,1947Q1,"244,142"
A191RC,1947Q1,"243,164"
A191RC,1968Q4,"968,030"
A191RC,1969Q2,"1,009,020"
A191RC,1969Q3,987
A191RC,2024Q1,(NA)
A191RC,2024Q2,---
A191RC,2024Q3,(D)
A191RC,2024Q4,"29,825,182"
A191RC,2025Q1,"30,042,113"
A191RC,2025Q2,"30,485,729"
A191RC,2025Q3,"31,098,027"
A191RC,2025Q4,"31,422,526"
A191RC,2026Q1,"31,865,721"
A191RC,2026Q2,"32,486,066"
A191RL,2026Q2,"1.5"
A191RX,1947Q1,"2,182,681"
"""

GDP = wanting("bea", "gdp", every="quarter", unit="USD billions")


def api(*rows: dict[str, Any], **results: Any) -> bytes:
    """Return an answer of the API, which repeats the key."""
    request = {"RequestParam": [{"ParameterName": "USERID", "ParameterValue": KEY}]}
    body = {"BEAAPI": {"Request": request, "Results": {"Data": list(rows), **results}}}
    return json.dumps(body).encode()


def quarter(period: str, value: str, **fields: Any) -> dict[str, Any]:
    """Return one row of table 1.1.5."""
    return {
        "TableName": "T10105",
        "SeriesCode": "A191RC",
        "LineNumber": "1",
        "TimePeriod": period,
        "UNIT_MULT": "6",
        "DataValue": value,
        **fields,
    }


def flat(body: bytes) -> dict[date, tuple[Decimal | None, str]]:
    """Return what a flat file says."""
    return read_flat_file(io.BytesIO(body), TODAY)


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def keyless(provider: StandIn) -> AsyncIterator[Bea]:
    own = Bea(SourceSetup(clock=EagerClock(NOW), base_url=provider.url))
    yield own
    await own.aclose()


@pytest_asyncio.fixture
async def keyed(provider: StandIn) -> AsyncIterator[Bea]:
    setup = SourceSetup(clock=EagerClock(NOW), base_url=provider.url, api_key=Secret(KEY))
    own = Bea(setup)
    yield own
    await own.aclose()


async def test_a_visit_brings_the_last_two_years(provider: StandIn, keyless: Bea) -> None:
    """Eight quarters, so that revisions are seen; millions at an annual rate, as declared."""
    provider.serve(FLAT_FILE, FILE)
    poll = await keyless.poll(GDP, cursor=None)
    assert figures(poll.published, "gdp") == {
        "2024-07-01": None,
        "2024-10-01": Decimal("29825.182"),
        "2025-01-01": Decimal("30042.113"),
        "2025-04-01": Decimal("30485.729"),
        "2025-07-01": Decimal("31098.027"),
        "2025-10-01": Decimal("31422.526"),
        "2026-01-01": Decimal("31865.721"),
        "2026-04-01": Decimal("32486.066"),
    }
    assert poll.published[-1] == Published(
        series="gdp",
        period=period_of(date(2026, 4, 1)),
        value=Decimal("32486.066"),
    )


async def test_a_backfill_brings_all_since(provider: StandIn, keyless: Bea) -> None:
    """History is asked for unconditionally, whatever the cursor says."""
    provider.serve(FLAT_FILE, FILE, etag=True)
    first = await keyless.poll(GDP, cursor=None)
    poll = await keyless.poll(GDP, cursor=first.cursor, since=datetime(1969, 1, 1, tzinfo=UTC))
    found = figures(poll.published, "gdp")
    assert list(found)[:3] == ["1969-04-01", "1969-07-01", "2024-01-01"]
    assert found["1969-04-01"] == Decimal("1009.020")
    assert found["1969-07-01"] == Decimal("0.987")
    assert found["2024-01-01"] is None


async def test_an_unchanged_file_is_not_sent_again(provider: StandIn, keyless: Bea) -> None:
    """The validators of the last answer make the next request conditional."""
    provider.serve(FLAT_FILE, FILE, headers={"Last-Modified": "Wed, 26 Aug 2026 12:30:03 GMT"})
    first = await keyless.poll(GDP, cursor=None)
    second = await keyless.poll(GDP, cursor=first.cursor)
    assert (second.published, second.note, second.cursor) == ((), "not modified", first.cursor)
    asked = provider.requests[1].headers["If-Modified-Since"]
    assert asked == "Wed, 26 Aug 2026 12:30:03 GMT"


async def test_a_series_not_asked_for_before_is_not_told_not_modified(
    provider: StandIn, keyless: Bea
) -> None:
    """The cursor belongs to the series it was made for."""
    provider.serve(FLAT_FILE, FILE, etag=True)
    first = await keyless.poll(GDP, cursor=None)
    twice = [*GDP, *wanting("bea", "gdp", every="quarter", unit="USD millions")]
    object.__setattr__(twice[1].series, "name", "gross_product")
    poll = await keyless.poll(twice, cursor=first.cursor)
    assert {p.series for p in poll.published} == {"gdp", "gross_product"}


async def test_a_file_that_breaks_off_is_not_believed(provider: StandIn, keyless: Bea) -> None:
    """What came until then is not half a release."""
    provider.serve(FLAT_FILE, FILE, cut=True)
    with pytest.raises(SourceUnavailable, match="bea: the connection failed"):
        await keyless.poll(GDP, cursor=None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "expected the header %SeriesCode,Period,Value"),
        (b"<html>\n<body>maintenance</body>", "expected the header %SeriesCode,Period,Value"),
        (b"%SeriesCode,Value,Period\n", "expected the header %SeriesCode,Period,Value"),
        (b"%SeriesCode,Period,Value\nA191RX,2026Q2,1\n", "expected the series A191RC, found no"),
        (b"%SeriesCode,Period,Value\nA191RC,2026,1\n", "expected a quarter like 2026Q2"),
        (b"%SeriesCode,Period,Value\nA191RC,2026Q5,1\n", "expected a quarter like 2026Q2"),
        (b"%SeriesCode,Period,Value\nA191RC,2026Q4,1\n", "in the future"),
        (b"%SeriesCode,Period,Value\nA191RC,2026Q2\n", "expected a quarter like 2026Q2"),
        (b'%SeriesCode,Period,Value\nA191RC,2026Q2,"32,48', "expected a quarter like 2026Q2"),
        (b'%SeriesCode,Period,Value\nA191RC,2026Q2,"32,48"\n', "expected a number, found '32,48'"),
        (b"%SeriesCode,Period,Value\nA191RC,2026Q2,(X)\n", "expected a number, found '(X)'"),
        (
            b"%SeriesCode,Period,Value\nA191RC,2026Q2,1\nA191RC,2026Q2,1\n",
            "expected one figure for 2026Q2, found two",
        ),
        (b"%SeriesCode,Period,Value\n" + b"x" * 5000, "expected short lines, found a long one"),
    ],
)
def test_another_file_is_refused(body: bytes, message: str) -> None:
    """Nothing is skipped and nothing guessed."""
    with pytest.raises(SourceChanged) as caught:
        flat(body)
    assert message in str(caught.value)


def test_a_byte_order_mark_and_other_line_ends_do_not_matter() -> None:
    """The file is ASCII today."""
    marked = b"\xef\xbb\xbf" + FILE.replace(b"\n", b"\r\n")
    assert flat(marked) == flat(FILE)


def test_a_file_of_its_real_size_is_read_in_little_memory() -> None:
    """35 MB pass by a line at a time."""
    filler = b'B000RC,2026Q1,"1,234,567"\n' * 20_000
    file = io.BytesIO(FILE + filler)
    tracemalloc.start()
    found = read_flat_file(file, TODAY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found[date(2026, 4, 1)] == (Decimal(32486066), "USD millions")
    assert peak < 200_000


async def test_a_key_asks_the_api_and_gives_the_catalogues_unit(
    provider: StandIn, keyed: Bea
) -> None:
    """Other lines of the table are passed over; the cursor is left alone."""
    rows = [
        quarter("2026Q1", "31,865,721"),
        quarter("2026Q2", "32,486,066"),
        quarter("2026Q2", "(NA)", SeriesCode="DPCERC", LineNumber="2"),
    ]
    provider.serve(API, api(*rows))
    poll = await keyed.poll(GDP, cursor="kept")
    assert figures(poll.published, "gdp") == {
        "2026-01-01": Decimal("31865.721"),
        "2026-04-01": Decimal("32486.066"),
    }
    assert {p.unit for p in poll.published} == {None}
    assert poll.cursor == "kept"
    assert provider.requests[0].query == {
        "UserID": KEY,
        "method": "GetData",
        "DataSetName": "NIPA",
        "TableName": "T10105",
        "Frequency": "Q",
        "Year": "2023,2024,2025,2026",
        "ResultFormat": "JSON",
    }


@pytest.mark.parametrize(
    ("power", "unit"), [("0", "USD"), ("3", "USD thousands"), ("9", "USD billions")]
)
def test_the_api_declares_its_scale(power: str, unit: str) -> None:
    """A change of scale is for the reader of units to convert."""
    body = api(quarter("2026Q2", "32,486.066", UNIT_MULT=power))
    found = read_api(Reply(provider="bea", status=200, content=body), TODAY)
    assert found == {date(2026, 4, 1): (Decimal("32486.066"), unit)}


def test_results_may_be_a_list() -> None:
    """Both shapes were reported."""
    body = json.dumps({"BEAAPI": {"Results": [{"Data": [quarter("2026Q2", "1")]}]}}).encode()
    found = read_api(Reply(provider="bea", status=200, content=body), TODAY)
    assert found == {date(2026, 4, 1): (Decimal(1), "USD millions")}


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (
            b'{"BEAAPI":{"Results":{"Error":{"APIErrorDescription":"Invalid table"}}}}',
            SourceRefused,
            "the API answered an error; check EBBWATCH_BEA__API_KEY",
        ),
        (
            b'{"BEAAPI":{"Error":{"APIErrorDescription":"0F1E2D3C-SECRET is not registered"}}}',
            SourceRefused,
            "the API answered an error",
        ),
        (
            b'{"BEAAPI":{"Results":[{"Error":{}}]}}',
            SourceRefused,
            "the API answered an error",
        ),
        (b"", SourceChanged, "expected JSON, found an empty answer"),
        (b"[]", SourceChanged, "expected BEAAPI.Results.Data"),
        (b'{"BEAAPI":{"Results":{}}}', SourceChanged, "expected BEAAPI.Results.Data"),
        (api(quarter("2026Q2", "1", SeriesCode="X")), SourceChanged, "found no row of it"),
        (api(quarter("2026Q2", "1", UNIT_MULT="7")), SourceChanged, "in a unit we know"),
        (api(quarter("2026Q2", "n.a.")), SourceChanged, "expected a number, found 'n.a.'"),
    ],
)
async def test_errors_come_with_status_200_and_never_show_the_key(
    provider: StandIn, keyed: Bea, body: bytes, kind: type[SourceError], message: str
) -> None:
    """Nothing of an answer that repeats the key is quoted."""
    provider.serve(API, body)
    with pytest.raises(SourceError) as caught:
        await keyed.poll(GDP, cursor=None)
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert KEY not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_the_recorded_file_is_understood() -> None:
    """Second quarter of 2026: 32,486,066 million dollars."""
    found = flat(recording("more/bea/NipaDataQ_2026-08-26_excerpt.txt"))
    assert found[date(2026, 4, 1)] == (Decimal(32486066), "USD millions")
    assert found[date(1969, 4, 1)] == (Decimal(1009020), "USD millions")


def test_the_reported_api_answer_is_understood() -> None:
    """Its figure is in billions though its multiplier says millions: scale checks see to that."""
    body = recording("more/bea/reported_api_T10105_Q.json")
    found = read_api(Reply(provider="bea", status=200, content=body), TODAY)
    assert found == {date(2024, 7, 1): (Decimal("29349.9"), "USD millions")}
    error = recording("more/bea/reported_api_error_in_200.json")
    with pytest.raises(SourceRefused):
        read_api(Reply(provider="bea", status=200, content=error), TODAY)


def test_only_gdp_can_be_asked_for() -> None:
    """The message says so."""
    assert Bea.fault("gdp") is None
    assert Bea.fault("gpd") == "expected one of gdp, found gpd; did you mean gdp?"
    assert Bea.fault({"gdp": "x"}) == "expected one of gdp, found a map"


async def test_nothing_wanted_is_nothing_asked(provider: StandIn, keyless: Bea) -> None:
    """35 MB are not fetched for nobody."""
    assert (await keyless.poll([], cursor="kept")).cursor == "kept"
    assert provider.requests == []
