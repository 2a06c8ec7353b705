"""Any JSON by JMESPath: expressions are checked at load, answers when they come."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import FREQUENCIES, period_of
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.units import UNITS
from ebbwatch.ports import (
    SourceChanged,
    SourceError,
    SourceRefused,
    SourceSetup,
    SourceUnavailable,
    Wanted,
)
from ebbwatch.sources.http_json import HttpJson, parse
from ebbwatch.sources.replies import LIMIT_BYTES, Reply
from tests.sources.wanting import figures
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ARGUMENT = {
    "url": "https://figures.example/board.json?token=s3cret&of=usd",
    "rows": "history[?kind == 'total']",
    "period": "date",
    "value": "circulating.usd",
}
BODY = {
    "history": [
        {"kind": "total", "date": "2026-11-23", "circulating": {"usd": "310.25"}},
        {"kind": "total", "date": "2026-11-20", "circulating": {"usd": None}},
        {"kind": "other", "date": "never", "circulating": "poison"},
    ]
}


def wanted(every: str = "day", **changes: Any) -> Wanted:
    """Return a series as a user may declare it; a change to None takes the key away."""
    argument = {key: value for key, value in {**ARGUMENT, **changes}.items() if value is not None}
    source = SourceRef("http_json", argument)
    series = Series(
        name="stablecoins", source=source, unit=UNITS["USD billions"], every=FREQUENCIES[every]
    )
    return Wanted(series, argument)


def read(item: Wanted, body: bytes | object) -> tuple[Published, ...]:
    """Return what an answer says."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert isinstance(item.argument, Mapping)
    answer = Reply(provider="http_json", status=200, content=content)
    return parse(answer, item.series, item.argument).figures


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def source(provider: StandIn) -> AsyncIterator[HttpJson]:
    own = HttpJson(SourceSetup(clock=EagerClock(NOW), base_url=provider.url), tries=1)
    yield own
    await own.aclose()


async def test_rows_are_selected_and_read(provider: StandIn, source: HttpJson) -> None:
    """Path, query and headers are sent; scheme and host are those of the settings."""
    provider.serve("/board.json", json.dumps(BODY))
    poll = await source.poll([wanted(headers={"X-Api-Version": "2"})], cursor=None)
    assert poll.published == (
        Published(series="stablecoins", period=period_of(date(2026, 11, 20)), value=None),
        Published(
            series="stablecoins", period=period_of(date(2026, 11, 23)), value=Decimal("310.25")
        ),
    )
    (seen,) = provider.requests
    assert (seen.path, seen.query) == ("/board.json", {"token": "s3cret", "of": "usd"})
    assert seen.headers["X-Api-Version"] == "2"


async def test_without_settings_the_address_itself_is_asked(provider: StandIn) -> None:
    """No base URL: the address of the catalogue."""
    provider.serve("/board.json", json.dumps(BODY))
    source = HttpJson(SourceSetup(clock=EagerClock(NOW)))
    poll = await source.poll([wanted(url=f"{provider.url}/board.json")], cursor=None)
    await source.aclose()
    assert len(poll.published) == 2


async def test_an_unchanged_answer_is_not_sent_again(provider: StandIn, source: HttpJson) -> None:
    """Only the same question is answered by "not modified"."""
    provider.serve("/board.json", json.dumps(BODY), etag=True)
    first = await source.poll([wanted()], cursor=None)
    second = await source.poll([wanted()], cursor=first.cursor)
    assert (second.published, second.note, second.cursor) == ((), "not modified", first.cursor)
    other = await source.poll([wanted(rows="history[:1]")], cursor=first.cursor)
    assert len(other.published) == 1
    again = await source.poll([wanted()], cursor=first.cursor, since=NOW)
    assert again.note == "no rows"


async def test_a_backfill_reads_since_its_instant(provider: StandIn, source: HttpJson) -> None:
    """A period that is not over by then belongs to it."""
    provider.serve("/board.json", json.dumps(BODY))
    since = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
    poll = await source.poll([wanted()], cursor=None, since=since)
    assert list(figures(poll.published, "stablecoins")) == ["2026-11-23"]


def test_numbers_keep_their_digits() -> None:
    """A number in JSON is never a float."""
    body = b'{"history": [{"kind": "total", "date": "2026-11-23", "circulating": {"usd": 4.300}}]}'
    assert [str(p.value) for p in read(wanted(), body)] == ["4.300"]


@pytest.mark.parametrize(
    ("every", "text", "expected"),
    [
        ("day", "2026-11-23", "2026-11-23"),
        ("day", "2026-11-23T23:59:59-05:00", "2026-11-23"),
        ("month", "2026-11", "2026-11-01"),
        ("quarter", "2026Q3", "2026-07-01"),
        ("quarter", "2026-Q3", "2026-07-01"),
        ("quarter", "2026-07", "2026-07-01"),
        ("year", "2026", "2026-01-01"),
        ("week ending Wednesday", "2026-11-18", "2026-11-18"),
        ("15 min", "2026-11-23T14:15:00+02:00", "2026-11-23T12:15:00Z"),
        ("hour", "2026-11-23T12:00+01:00", "2026-11-23T11:00:00Z"),
    ],
)
def test_periods_are_read_in_each_common_way(every: str, text: object, expected: str) -> None:
    """Dates, instants, months, quarters and years."""
    item = wanted(every, rows="@", period="p", value="v")
    (found,) = read(item, [{"p": text, "v": 1}])
    assert item.series.every.text(found.period) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T16:30:00-05:00", datetime(2026, 11, 23, 21, 30, tzinfo=UTC)),
        ("2026-11-23T21:30:00Z", datetime(2026, 11, 23, 21, 30, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_known_at_is_an_instant_or_nothing(text: object, expected: datetime | None) -> None:
    """Nothing means: when we saw it."""
    item = wanted(rows="@", period="p", value="v", known_at="k")
    (found,) = read(item, [{"p": "2026-11-23", "v": 1, "k": text}])
    assert found.known_at == expected


def test_versions_of_a_period_stand_in_the_order_they_became_known() -> None:
    """A row without an instant is the newest."""
    item = wanted(rows="@", period="p", value="v", known_at="k")
    rows = [
        {"p": "2026-11-23", "v": 3},
        {"p": "2026-11-23", "v": 2, "k": "2026-11-24T10:00:00Z"},
        {"p": "2026-11-23", "v": 1, "k": "2026-11-24T09:00:00Z"},
    ]
    assert [p.value for p in read(item, rows)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "body", "message"),
    [
        ({}, {"other": 1}, "expected `history[?kind == 'total']` to find a list, found nothing"),
        ({"rows": "history"}, {"history": {"a": 1}}, "to find a list, found a dict"),
        (
            {"rows": "@", "value": "v"},
            [{"date": "2026-11-23", "w": 1}, {"date": "2026-11-24", "w": 2}],
            "expected `v` to find values, found none",
        ),
        ({"rows": "@"}, ["x"], "row 1, period `date`: expected a period of `every: day` like"),
        (
            {"rows": "@", "value": "v"},
            [{"date": "23.11.2026", "v": "1"}],
            (
                "row 1, period `date`: expected a period of `every: day` like 2026-09-30, "
                "found '23.11.2026'"
            ),
        ),
        (
            {"rows": "@", "value": "v"},
            [{"date": "2026-11-23", "v": "1,5"}],
            "row 1, value `v`: expected a number, found '1,5'",
        ),
        ({"rows": "@", "value": "v"}, [{"date": "2026-11-23", "v": True}], "found True"),
        ({"rows": "@", "value": "v"}, [{"date": "2026-11-23", "v": [1]}], "found [1]"),
        (
            {"rows": "@", "value": "v", "known_at": "k"},
            [{"date": "2026-11-23", "v": 1, "k": "2026-11-24T10:00:00"}],
            "known_at `k`: expected an instant with its offset",
        ),
        (
            {"rows": "@", "value": "to_number(v)"},
            [{"date": "2026-11-23", "v": "1.5"}],
            "expected a number, found 1.5",
        ),
        (
            {"rows": "@", "value": "length(v)"},
            [{"date": "2026-11-23", "v": 1}],
            "`length(v)` does not fit what was answered (JMESPathTypeError)",
        ),
        ({}, b"<html>", "expected JSON, found a page"),
        ({}, b'{"history": [', "expected JSON"),
    ],
)
def test_another_shape_is_a_change(
    changes: Mapping[str, str], body: bytes | object, message: str
) -> None:
    """The message names the series, the row and the expression."""
    with pytest.raises(SourceChanged) as caught:
        read(wanted(**changes), body)
    assert message in str(caught.value)


def test_a_row_that_cannot_be_read_costs_that_row() -> None:
    """The others are used; which it is, and where it is wrong, is said."""
    item = wanted("day", rows="@", value="v")
    assert isinstance(item.argument, Mapping)
    body = [{"date": f"2026-11-2{day}", "v": day if day != 1 else "n. a."} for day in range(4)]
    answer = Reply(provider="http_json", status=200, content=json.dumps(body).encode())
    rows = parse(answer, item.series, item.argument)
    assert len(rows.figures) == 3
    assert rows.unread == (
        "http_json stablecoins, row 2, value `v`: expected a number, found 'n. a.'",
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, SourceRefused),
        (404, SourceChanged),
        (429, SourceUnavailable),
        (500, SourceUnavailable),
    ],
)
async def test_failures_name_the_series_and_no_address(
    provider: StandIn, source: HttpJson, status: int, kind: type[SourceError]
) -> None:
    """The address may hold a key."""
    provider.refuse("/board.json", status)
    with pytest.raises(SourceError) as caught:
        await source.poll([wanted()], cursor=None)
    assert type(caught.value) is kind
    assert "http_json stablecoins" in str(caught.value)
    assert "s3cret" not in repr(caught.value)
    assert "://" not in str(caught.value)


async def test_an_answer_too_big_is_not_taken(provider: StandIn, source: HttpJson) -> None:
    """Nobody's mistake fills our memory."""
    provider.serve("/board.json", b" " * (LIMIT_BYTES + 1))
    with pytest.raises(SourceChanged, match="http_json stablecoins: the answer exceeds"):
        await source.poll([wanted()], cursor=None)


async def test_a_redirect_to_another_host_is_not_followed(
    provider: StandIn, source: HttpJson
) -> None:
    """The headers of the catalogue are for the host it names."""
    provider.redirect("/board.json", "http://127.0.0.2:1/board.json")
    with pytest.raises(SourceChanged, match="redirected to another host"):
        await source.poll([wanted()], cursor=None)


def test_a_whole_argument_has_no_fault() -> None:
    """With and without what may be left out."""
    assert HttpJson.fault(ARGUMENT) is None
    assert HttpJson.fault({**ARGUMENT, "known_at": "seen", "headers": {"Accept": "*/*"}}) is None
    # It does not like null, which is all there is at load.
    assert HttpJson.fault({**ARGUMENT, "rows": "sort_by(history, &date)"}) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": None}, "missing key url: expected url, rows, period, value"),
        ({"url": None, "value": None}, "missing key url, value: expected url, rows"),
        ({"valeu": "x"}, "unknown key valeu: expected url, rows, period, value, known_at, headers"),
        ({"valeu": "x"}, "; did you mean value?"),
        ({"value": 5}, "expected a text for value, found 5"),
        ({"value": ""}, "expected a text for value, found ''"),
        ({"value": "data["}, "value: `data[` is no JMESPath expression: it breaks off at its end"),
        (
            {"rows": "sort_by(rows)"},
            "no JMESPath expression: Expected 2 arguments for function sort_by(), received 1",
        ),
        (
            {"rows": "max()"},
            "no JMESPath expression: Expected 1 argument for function max(), received 0",
        ),
        ({"rows": "not_null()"}, "no JMESPath expression: Expected at least 1 argument"),
        ({"rows": "(" * 400}, "is no JMESPath expression"),
        (
            {"rows": "a." * 300 + "b"},
            "rows: the expression has 601 characters; at most 500 are read",
        ),
        ({"rows": "[?a > ]"}, "rows: `[?a > ]` is no JMESPath expression, at character 7"),
        ({"period": "a ^ b"}, "period: `a ^ b` is no JMESPath expression, at character 3"),
        ({"known_at": "foo(@)"}, "is no JMESPath expression: unknown function: foo()"),
        ({"url": "figures.example/x"}, "expected an address that begins with https:// or http://"),
        ({"url": "ftp://figures.example"}, "expected an address that begins with https://"),
        ({"url": "https:///x"}, "names a host"),
        ({"url": "https://[::1/x"}, "found a malformed one"),
        ({"headers": "x"}, "expected a map of names and texts for headers"),
        ({"headers": {"a b": "x"}}, "expected the name of a header, found 'a b'"),
        ({"headers": {"X": "a\r\nHost: b"}}, "expected a plain text for the header X"),
        ({"headers": {"X": 1}}, "expected a plain text for the header X"),
    ],
)
def test_faults_are_named_with_their_place(changes: Mapping[str, Any], message: str) -> None:
    """Keys are listed, expressions pointed into, addresses never repeated."""
    argument = wanted(**changes).argument
    assert message in str(HttpJson.fault(argument))


def test_a_text_is_no_argument() -> None:
    """One address alone does not say where its figures are."""
    assert HttpJson.fault("https://figures.example") == (
        "expected a map with url, rows, period, value, found a text"
    )
