"""FRED: opt-in, its declared units, its vintages, and a key that shows nowhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import FREQUENCIES, period_of
from ebbwatch.model.series import Released, Series, SourceRef
from ebbwatch.model.units import UNITS
from ebbwatch.ports import (
    Secret,
    SourceChanged,
    SourceError,
    SourceRefused,
    SourceSetup,
    SourceUnavailable,
    Wanted,
)
from ebbwatch.sources import fred
from ebbwatch.sources.fred import Fred
from tests.paths import recording
from tests.sources.wanting import figures, wanting
from tests.standins.providers import EagerClock, Seen, StandIn

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
KEY = "abcdefghijklmnopqrstuvwxyz012345"
SERIES = "/series"
OBSERVATIONS = "/series/observations"
UPDATED = "2026-11-24 07:02:16-06"
GDP_RELEASE = Released(
    count=30, business=False, at=time(8, 30), zone="America/New_York", calendar="federal-reserve"
)


def declares(units: str, *, updated: str = UPDATED, start: str = "2026-11-24") -> dict[str, Any]:
    """Return one version of a series' description; the title is not for us."""
    return {
        "id": "X",
        "realtime_start": start,
        "realtime_end": "9999-12-31",
        "title": "Trillions of Euros",
        "units": units,
        "units_short": "wrong",
        "last_updated": updated,
    }


def described(*versions: dict[str, Any]) -> bytes:
    """Return the answer that holds descriptions."""
    return json.dumps({"seriess": list(versions)}).encode()


def observed(*rows: tuple[str, str] | tuple[str, str, str], count: int | None = None) -> bytes:
    """Return observations: date, value, and the vintage where it matters."""
    observations = [
        {
            "realtime_start": row[2] if len(row) > 2 else "2026-11-24",
            "realtime_end": "9999-12-31",
            "date": row[0],
            "value": row[1],
        }
        for row in rows
    ]
    body = {"units": "lin", "count": count or len(rows), "observations": observations}
    return json.dumps(body).encode()


def gdp(*, released: Released | None = GDP_RELEASE) -> Wanted:
    """Return GDP with vintages, as a catalogue may ask for it."""
    argument = {"id": "GDP", "vintages": True}
    series = Series(
        name="gdp",
        source=SourceRef("fred", argument),
        unit=UNITS["USD billions"],
        every=FREQUENCIES["quarter"],
        released=() if released is None else (released,),
    )
    return Wanted(series, argument)


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        stand_in.serve(SERIES, described(declares("Percent")))
        yield stand_in


@pytest_asyncio.fixture
async def source(provider: StandIn) -> AsyncIterator[Fred]:
    setup = SourceSetup(clock=EagerClock(NOW), base_url=provider.url, api_key=Secret(KEY))
    own = Fred(setup, tries=1)
    yield own
    await own.aclose()


async def test_the_newest_observations_come_with_their_unit(
    provider: StandIn, source: Fred
) -> None:
    """Newest first on the wire, oldest first for us; a point is no value."""
    provider.serve(OBSERVATIONS, observed(("2026-11-23", "3.910"), ("2026-11-20", ".")))
    poll = await source.poll(wanting("fred", "SOFR"), cursor=None)
    assert poll.published == (
        Published(
            series="SOFR", period=period_of(date(2026, 11, 20)), value=None, unit="percent per year"
        ),
        Published(
            series="SOFR",
            period=period_of(date(2026, 11, 23)),
            value=Decimal("3.910"),
            unit="percent per year",
        ),
    )
    assert [seen.path for seen in provider.requests] == [SERIES, OBSERVATIONS]
    assert provider.requests[1].query == {
        "series_id": "SOFR",
        "sort_order": "desc",
        "limit": "12",
        "api_key": KEY,
        "file_type": "json",
    }


async def test_what_did_not_move_is_not_read_again(provider: StandIn, source: Fred) -> None:
    """`last_updated` costs one small request and saves the other."""
    provider.serve(OBSERVATIONS, observed(("2026-11-23", "3.91")))
    first = await source.poll(wanting("fred", "SOFR"), cursor=None)
    second = await source.poll(wanting("fred", "SOFR"), cursor=first.cursor)
    assert (second.published, second.note, second.cursor) == ((), "not modified", first.cursor)
    assert provider.paths == [SERIES, OBSERVATIONS, SERIES]
    provider.serve(SERIES, described(declares("Percent", updated="2026-11-25 07:02:16-06")))
    third = await source.poll(wanting("fred", "SOFR"), cursor=second.cursor)
    assert len(third.published) == 1


async def test_a_backfill_reads_every_page_since(
    provider: StandIn, source: Fred, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the newest figures did not move."""
    monkeypatch.setattr(fred, "PAGE_ROWS", 2)
    days = ["2026-11-18", "2026-11-19", "2026-11-20"]

    def page(seen: Seen) -> bytes:
        offset = int(seen.query["offset"])
        return observed(*((day, "3.9") for day in days[offset : offset + 2]), count=3)

    provider.serve(OBSERVATIONS, page)
    cursor = json.dumps({"SOFR SOFR": {"updated": UPDATED}})
    since = datetime(2026, 11, 18, tzinfo=UTC)
    poll = await source.poll(wanting("fred", "SOFR"), cursor=cursor, since=since)
    assert list(figures(poll.published, "SOFR")) == days
    asked = [seen.query for seen in provider.requests[1:]]
    assert [query["offset"] for query in asked] == ["0", "2"]
    assert {query["observation_start"] for query in asked} == {"2026-11-18"}


async def test_requests_keep_the_limit_of_two_a_second(provider: StandIn) -> None:
    """Four requests take at least 1.8 seconds."""
    clock = EagerClock(NOW)
    setup = SourceSetup(clock=clock, base_url=provider.url, api_key=Secret(KEY))
    source = Fred(setup)
    provider.serve(OBSERVATIONS, observed(("2026-11-23", "3.91")))
    await source.poll(wanting("fred", "SOFR", "EFFR"), cursor=None)
    await source.aclose()
    assert clock.now() - NOW == timedelta(seconds=1.8)


async def test_rates_dated_ahead_are_kept(provider: StandIn, source: Fred) -> None:
    """IORB carries Tuesday's rate on Friday: reading caps it, not we."""
    provider.serve(OBSERVATIONS, observed(("2026-11-27", "3.90"), ("2026-11-24", "3.90")))
    poll = await source.poll(wanting("fred", "IORB", every="day"), cursor=None)
    assert list(figures(poll.published, "IORB")) == ["2026-11-24", "2026-11-27"]


@pytest.mark.parametrize(
    ("text", "catalogue", "expected"),
    [
        ("Percent", "percent per year", "percent per year"),
        ("Percent", "percent", "percent"),
        ("Percent", "basis points", "percent per year"),
        ("Percent of GDP", "percent", "percent"),
        ("Basis Points", "percent per year", "basis points"),
        ("Millions of Dollars", "USD billions", "USD millions"),
        ("Billions of Dollars", "USD millions", "USD billions"),
        ("Millions of U.S. Dollars", "USD millions", "USD millions"),
        ("Billions of US Dollars", "USD billions", "USD billions"),
        ("Billions of U.S. Dollars", "USD billions", "USD billions"),
        ("Billions of Chained 2017 Dollars", "USD billions", "USD billions"),
        ("Billions of 1987 Dollars", "USD billions", "USD billions"),
        ("Thousands of Dollars", "USD", "USD thousands"),
        ("Trillions of Dollars", "USD", "USD trillions"),
        ("Dollars", "USD", "USD"),
        ("U.S. Dollars", "USD per bitcoin", "USD per bitcoin"),
        ("U.S. Dollars per Troy Ounce", "USD per troy ounce", "USD per troy ounce"),
        ("Index 1982-1984=100", "index", "index"),
        ("Index", "number", "index"),
        ("Ratio", "number", "number"),
        ("Number", "number", "number"),
        # Shown to people, who then know what stopped the series.
        ("Millions of Domestic Currency", "USD millions", "Millions of Domestic Currency"),
        ("Zillions of Dollars", "USD millions", "Zillions of Dollars"),
    ],
)
def test_declared_units_are_known_by_our_names(text: str, catalogue: str, expected: str) -> None:
    """The catalogue says which kind of percent and of dollars; FRED says which scale."""
    (wanted,) = wanting("fred", "X", unit=catalogue)
    assert fred.unit_of(text, wanted.series) == expected


async def test_a_change_of_scale_comes_with_the_data(provider: StandIn, source: Fred) -> None:
    """As for WRESBAL late in 2025: the same series, a thousandfold number."""
    provider.serve(SERIES, described(declares("Millions of U.S. Dollars")))
    provider.serve(OBSERVATIONS, observed(("2026-11-18", "2991310")))
    wanted = wanting("fred", "WRESBAL", every="week ending Wednesday", unit="USD billions")
    poll = await source.poll(wanted, cursor=None)
    assert [(p.value, p.unit) for p in poll.published] == [(Decimal(2991310), "USD millions")]


def archive(rows: list[tuple[str, str, str, str]]) -> Callable[[Seen], bytes]:
    """Return ALFRED: rows of date, value and the days it was in force.

    As the real one it cuts what it gives to the window asked for.
    """

    def give(seen: Seen) -> bytes:
        start, end = seen.query["realtime_start"], seen.query["realtime_end"]
        inside = [
            (day, value, max(first, start))
            for day, value, first, last in rows
            if first <= end and last >= start and day >= seen.query.get("observation_start", "")
        ]
        return observed(*inside)

    return give


VERSIONS = [
    ("1991-07-01", "5672.8", "1991-12-04", "1996-01-18"),
    ("1991-07-01", ".", "1996-01-19", "9999-12-31"),
    ("2025-07-01", "31095.1", "2025-12-23", "2026-01-21"),
    ("2025-07-01", "31098.0", "2026-01-22", "9999-12-31"),
    ("2026-07-01", "32900.1", "2026-10-29", "9999-12-31"),
]


async def test_every_vintage_is_read_once_with_its_release_instant(
    provider: StandIn, source: Fred
) -> None:
    """Each version becomes known at the series' own time of day, in New York."""
    provider.serve(SERIES, described(declares("Billions of Dollars", start="1991-12-04")))
    provider.serve(OBSERVATIONS, archive(VERSIONS))
    poll = await source.poll([gdp()], cursor=None)
    assert [(p.vintage, str(p.value), p.known_at) for p in poll.published] == [
        (date(1991, 12, 4), "5672.8", datetime(1991, 12, 4, 13, 30, tzinfo=UTC)),
        (date(1996, 1, 19), "None", datetime(1996, 1, 19, 13, 30, tzinfo=UTC)),
        (date(2025, 12, 23), "31095.1", datetime(2025, 12, 23, 13, 30, tzinfo=UTC)),
        (date(2026, 1, 22), "31098.0", datetime(2026, 1, 22, 13, 30, tzinfo=UTC)),
        (date(2026, 10, 29), "32900.1", datetime(2026, 10, 29, 12, 30, tzinfo=UTC)),
    ]
    assert {(p.series, p.unit) for p in poll.published} == {("gdp", "USD billions")}
    windows = [
        (seen.query["realtime_start"], seen.query["realtime_end"])
        for seen in provider.requests
        if seen.path == OBSERVATIONS
    ]
    assert windows[:2] == [("1776-07-04", "1994-12-31"), ("1994-12-31", "1999-12-31")]
    assert windows[-1] == ("2024-12-31", "9999-12-31")
    assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]
    assert json.loads(str(poll.cursor)) == {"gdp GDP": {"seen": "2026-11-23", "updated": UPDATED}}


async def test_later_visits_read_new_vintages_only(provider: StandIn, source: Fred) -> None:
    """What was in force on the last whole day is cut to it, and known."""
    provider.serve(SERIES, described(declares("Billions of Dollars")))
    provider.serve(OBSERVATIONS, archive(VERSIONS))
    cursor = json.dumps({"gdp GDP": {"seen": "2026-01-21", "updated": "2026-01-21 07:31:00-06"}})
    poll = await source.poll([gdp()], cursor=cursor)
    assert [(p.vintage, str(p.value)) for p in poll.published] == [
        (date(2026, 1, 22), "31098.0"),
        (date(2026, 10, 29), "32900.1"),
    ]


async def test_reading_vintages_goes_on_where_it_was_interrupted(
    provider: StandIn, source: Fred
) -> None:
    """A 429 half-way keeps what was read, and the cursor knows how far it came."""
    provider.serve(SERIES, described(declares("Billions of Dollars")))
    whole = archive(VERSIONS)
    provider.serve(OBSERVATIONS, whole)
    provider.refuse(OBSERVATIONS, 429)
    provider.serve(OBSERVATIONS, whole, times=2)
    first = await source.poll([gdp()], cursor=None)
    assert [str(p.vintage) for p in first.published] == ["1991-12-04", "1996-01-19"]
    assert json.loads(str(first.cursor)) == {"gdp GDP": {"seen": "1999-12-31"}}
    provider.serve(OBSERVATIONS, whole)
    second = await source.poll([gdp()], cursor=first.cursor)
    assert [str(p.vintage) for p in second.published] == ["2025-12-23", "2026-01-22", "2026-10-29"]
    assert json.loads(str(second.cursor)) == {"gdp GDP": {"seen": "2026-11-23", "updated": UPDATED}}


async def test_vintages_with_nothing_read_yet_are_unavailable(
    provider: StandIn, source: Fred
) -> None:
    """An interruption before the first figure is just that."""
    provider.serve(SERIES, described(declares("Billions of Dollars")))
    provider.refuse(OBSERVATIONS, 429, after="30")
    with pytest.raises(SourceUnavailable) as caught:
        await source.poll([gdp()], cursor=None)
    assert caught.value.after == timedelta(seconds=30)


async def test_a_vintage_is_in_the_unit_declared_on_its_day(
    provider: StandIn, source: Fred
) -> None:
    """The unit of today says nothing of a vintage of last year."""
    old = declares("Billions of Dollars", start="1991-12-04", updated="2025-10-01 07:00:00-05")
    new = declares("Millions of Dollars", start="2026-01-22")
    provider.serve(SERIES, described(new, old))
    provider.serve(OBSERVATIONS, archive(VERSIONS[2:4]))
    poll = await source.poll([gdp()], cursor=None)
    assert [p.unit for p in poll.published] == ["USD billions", "USD millions"]
    assert provider.requests[0].query["realtime_start"] == "1776-07-04"
    assert json.loads(str(poll.cursor))["gdp GDP"]["updated"] == UPDATED


def test_without_a_release_rule_a_vintage_is_known_at_the_end_of_its_day() -> None:
    """In New York, where the day is over later than in UTC."""
    assert fred.known_at(gdp(released=None).series, date(2026, 10, 29)) == datetime(
        2026, 10, 30, 3, 59, 59, tzinfo=UTC
    )


async def test_without_a_key_fred_is_not_asked(provider: StandIn) -> None:
    """The message says why and how to opt in."""
    source = Fred(SourceSetup(clock=EagerClock(NOW), base_url=provider.url))
    with pytest.raises(SourceRefused) as caught:
        await source.poll(wanting("fred", "SOFR"), cursor=None)
    await source.aclose()
    assert "opt in" in str(caught.value)
    assert "set EBBWATCH_FRED__API_KEY" in str(caught.value)
    assert provider.requests == []


@pytest.mark.parametrize(
    ("body", "status", "kind", "message"),
    [
        (
            (
                b'{"error_code":400,"error_message":"Bad Request.  The value for variable api_key '
                b'is not registered.  Read https://x.example/ for more information."}'
            ),
            400,
            SourceRefused,
            "fred: the key is not accepted; check EBBWATCH_FRED__API_KEY",
        ),
        (
            b'<error code="400" message="Bad Request.  Variable api_key has not been set."/>',
            400,
            SourceRefused,
            "fred: the key is not accepted",
        ),
        (
            b'{"error_code":400,"error_message":"Bad Request.  The series does not exist."}',
            400,
            SourceChanged,
            "fred SOFR: there is no such series, or no longer",
        ),
        (
            b'{"error_code":429,"error_message":"Too Many Requests.  Exceeded Rate Limit"}',
            429,
            SourceUnavailable,
            "fred: answered HTTP 429",
        ),
        (
            b'{"error_code":429,"error_message":"Too Many Requests.  Exceeded Rate Limit"}',
            200,
            SourceUnavailable,
            "fred: asked for patience",
        ),
        (
            b'{"error_code":423,"error_message":"Locked"}',
            423,
            SourceUnavailable,
            "fred: asked for patience",
        ),
        (
            b'{"error_code":400,"error_message":"Bad Request.  Variable limit is odd."}',
            400,
            SourceChanged,
            "fred SOFR: refused the request with HTTP 400",
        ),
        (b'{"code":400,"message":"?"}', 404, SourceChanged, "refused the request with HTTP 404"),
        (b"<html>", 200, SourceChanged, "expected JSON, found a page"),
        (b"<html>", 404, SourceChanged, "expected JSON, found a page"),
        (b"PK\x03\x04zip", 200, SourceChanged, "expected JSON"),
        (b"5", 200, SourceChanged, "expected `seriess`, found another shape"),
        (b"[]", 200, SourceChanged, "expected `seriess`, found another shape"),
        (b'{"seriess": []}', 200, SourceChanged, "expected `seriess`, found another shape"),
        (b'{"seriess": [{"units": "Percent"}]}', 200, SourceChanged, "expected realtime_start"),
        (b'{"seriess": ["x"]}', 200, SourceChanged, "expected realtime_start"),
        (b"", 503, SourceUnavailable, "fred: answered HTTP 503"),
        (b"", 401, SourceRefused, "fred: refused with HTTP 401"),
    ],
)
async def test_errors_have_their_kinds_and_never_the_key(
    provider: StandIn,
    source: Fred,
    body: bytes,
    status: int,
    kind: type[SourceError],
    message: str,
) -> None:
    """JSON, XML and pages; the key travels in the query and is repeated nowhere."""
    provider.serve(SERIES, body, status=status)
    with pytest.raises(SourceError) as caught:
        await source.poll(wanting("fred", "SOFR"), cursor=None)
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert KEY not in repr(caught.value)
    assert "://" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "expected `observations` and `count`"),
        (b'{"count": 1, "observations": [{"date": "2026-11-23"}]}', "expected date, value and"),
        (observed(("2026-11-31", "3.9")), "expected a date like 2026-09-28, found '2026-11-31'"),
        (observed(("2027-11-23", "3.9")), "in the future"),
        (observed(("2026-11-23", "n/a")), "fred SOFR 2026-11-23: expected a number, found 'n/a'"),
        (observed(("2026-11-23", "3.9", "soon")), "expected realtime_start to be a date"),
    ],
)
async def test_another_shape_is_a_change(
    provider: StandIn, source: Fred, body: bytes, message: str
) -> None:
    """Nothing is skipped and nothing guessed."""
    provider.serve(OBSERVATIONS, body)
    with pytest.raises(SourceChanged) as caught:
        await source.poll(wanting("fred", "SOFR"), cursor=None)
    assert message in str(caught.value)


def test_recorded_answers_are_understood() -> None:
    """Values, declarations and every revision of GDP's first quarters."""
    (sofr,) = wanting("fred", "SOFR75")
    body = json.loads(recording("fred/series_SOFR75_2024-06-27.json"))
    declared = fred.read_declared(body, sofr.series, "SOFR75")
    assert declared.units == ((date(2024, 6, 27), "percent per year"),)
    assert declared.updated == "2024-06-26 07:01:07-05"
    today = date(2025, 1, 20)
    body = json.loads(recording("fred/series_observations_SOFR_2024-06-27.json"))
    rows, count = fred.read_rows(body, "SOFR", today)
    assert count == 4
    assert (str(rows[0].day), str(rows[0].value)) == ("2024-06-03", "5.35")
    body = json.loads(recording("fred/series_observations_GDP_all_realtime_2025-01-20.json"))
    rows, _ = fred.read_rows(body, "GDP", today)
    assert [(str(row.vintage), str(row.value)) for row in rows[:2]] == [
        ("1992-12-22", "199.7"),
        ("1996-01-19", "None"),
    ]


@pytest.mark.parametrize(
    "argument", ["SOFR", "DGS10", {"id": "GDP", "vintages": True}, {"id": "GDP"}]
)
def test_ids_have_no_fault(argument: str | Mapping[str, Any]) -> None:
    """A text, or a map that asks for vintages."""
    assert Fred.fault(argument) is None


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("sofr", "expected a FRED series id like SOFR, found sofr"),
        ("SOFR&x=1", "expected a FRED series id like SOFR, found SOFR&x=1"),
        ({"vintages": True}, "missing key id: expected id"),
        ({"id": "GDP", "vintage": 1}, "unknown key vintage: expected id, vintages; did you mean "),
        ({"id": "GDP", "vintages": "yes"}, "expected true or false for vintages, found 'yes'"),
        ({"id": 5}, "expected a text for id, found 5"),
    ],
)
def test_what_is_no_id_is_said(argument: str | Mapping[str, Any], message: str) -> None:
    """Keys are named, with a guess at what was meant."""
    assert message in str(Fred.fault(argument))
