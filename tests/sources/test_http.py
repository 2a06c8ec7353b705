"""The one way to ask a provider: paced, bounded, conditional, silent about URLs."""

from __future__ import annotations

import gzip
import logging
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
import pytest_asyncio

from ebbwatch.net.delays import LONGEST
from ebbwatch.ports import (
    SourceChanged,
    SourceError,
    SourceRefused,
    SourceSetup,
    SourceUnavailable,
)
from ebbwatch.sources.http import ProviderClient
from ebbwatch.sources.replies import Validators
from ebbwatch.sources.strict_numbers import day, number
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def client(provider: StandIn) -> AsyncIterator[ProviderClient]:
    setup = SourceSetup(clock=EagerClock(NOW), base_url=provider.url, user_agent="ebbwatch/test")
    own = ProviderClient(setup, "https://provider.example/api", name="somebody", total_s=5)
    yield own
    await own.aclose()


async def test_an_answer_is_parsed_exactly(provider: StandIn, client: ProviderClient) -> None:
    """Fractions keep every digit and integers stay integers."""
    provider.serve("/rate", b'\xef\xbb\xbf{"rate": 4.30, "amount": 12345678901234567890}')
    answer = await client.get("/rate", params={"day": "2026-11-24"})
    assert answer.json() == {"rate": Decimal("4.30"), "amount": 12345678901234567890}
    assert str(answer.json()["rate"]) == "4.30"
    assert provider.requests[0].query == {"day": "2026-11-24"}
    assert provider.requests[0].headers["User-Agent"] == "ebbwatch/test"


@pytest.mark.parametrize(
    ("status", "after", "kind", "wait"),
    [
        (400, None, SourceChanged, None),
        (404, None, SourceChanged, None),
        (410, None, SourceChanged, None),
        (401, None, SourceRefused, None),
        (403, None, SourceRefused, None),
        (451, None, SourceRefused, None),
        (408, None, SourceUnavailable, None),
        (429, None, SourceUnavailable, None),
        (429, "120", SourceUnavailable, timedelta(minutes=2)),
        (429, "Tue, 24 Nov 2026 12:05:00 GMT", SourceUnavailable, timedelta(minutes=5)),
        (429, "Tue, 24 Nov 2026 11:00:00 GMT", SourceUnavailable, timedelta(0)),
        (429, "7200", SourceUnavailable, LONGEST),
        (429, "99999999999999999999", SourceUnavailable, None),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", SourceUnavailable, None),
        (429, "Fri, 31 Dec 9999 23:59:59 -1200", SourceUnavailable, None),
        (503, "7", SourceUnavailable, timedelta(seconds=7)),
        (503, "soon", SourceUnavailable, None),
        (500, None, SourceUnavailable, None),
        (502, None, SourceUnavailable, None),
        (504, None, SourceUnavailable, None),
    ],
)
async def test_every_status_has_its_kind_of_failure(
    provider: StandIn,
    client: ProviderClient,
    status: int,
    after: str | None,
    kind: type[SourceError],
    wait: timedelta | None,
) -> None:
    """What the caller does next follows from the type, and the provider's patience is kept."""
    provider.refuse("/x", status, after=after)
    with pytest.raises(SourceError) as caught:
        await client.get("/x", params={"api_key": "s3cret"})
    assert type(caught.value) is kind
    assert getattr(caught.value, "after", None) == wait
    assert str(status) in str(caught.value)
    assert "somebody" in str(caught.value)


async def test_a_stumble_is_tried_again_and_a_request_for_patience_is_not(
    provider: StandIn, client: ProviderClient
) -> None:
    """Two 500s are forgiven; a 429 that names a delay goes straight up."""
    provider.serve("/x", b'"fine"')
    provider.serve("/x", b"", status=500, times=2)
    assert (await client.get("/x")).json() == "fine"
    assert len(provider.requests) == 3
    provider.refuse("/y", 429, after="60")
    with pytest.raises(SourceUnavailable):
        await client.get("/y")
    assert provider.paths.count("/y") == 1


async def test_one_try_means_one_request(provider: StandIn) -> None:
    """`run --once` does not come back."""
    setup = SourceSetup(clock=EagerClock(NOW), base_url=provider.url)
    client = ProviderClient(setup, "https://provider.example", name="somebody", tries=1)
    provider.refuse("/x", 500)
    with pytest.raises(SourceUnavailable, match="somebody: answered HTTP 500"):
        await client.get("/x")
    await client.aclose()
    assert len(provider.requests) == 1


async def test_requests_keep_their_distance(provider: StandIn) -> None:
    """Three requests at half a second each start one second apart from first to last."""
    clock = EagerClock(NOW)
    setup = SourceSetup(clock=clock, base_url=provider.url)
    client = ProviderClient(setup, "https://provider.example", name="somebody", pace_s=0.5)
    provider.serve("/", b"1")
    for _ in range(3):
        await client.get("/x")
    await client.aclose()
    assert clock.now() - NOW == timedelta(seconds=1)


async def test_validators_make_the_next_request_conditional(
    provider: StandIn, client: ProviderClient
) -> None:
    """An ETag comes back as If-None-Match, and 304 is an answer."""
    provider.serve("/x", b"1", headers={"ETag": 'W/"a"', "Last-Modified": "yesterday"})
    first = await client.get("/x")
    assert first.validators == Validators('W/"a"', "yesterday")
    assert Validators.load(first.validators.dump()) == first.validators
    again = await client.get("/x", validators=first.validators)
    assert (again.not_modified, again.content) == (True, b"")
    assert provider.requests[1].headers["If-Modified-Since"] == "yesterday"


@pytest.mark.parametrize("saved", [None, 3, "x", {"etag": 3}, []])
def test_a_foreign_cursor_makes_no_validators(saved: object) -> None:
    """What is not ours asks unconditionally."""
    assert Validators.load(saved) == Validators()


async def test_a_redirect_on_the_host_is_followed_and_another_host_is_not(
    provider: StandIn, client: ProviderClient
) -> None:
    """No answer can send us, and what we carry, to somebody else."""
    provider.serve("/new", b"1")
    provider.redirect("/old", "/new")
    assert (await client.get("/old")).json() == 1
    provider.redirect("/away", "http://127.0.0.1:1/elsewhere")
    provider.redirect("/scheme", provider.url.replace("http", "https") + "/new")
    provider.redirect("/round", "/round")
    for path, message in [
        ("/away", "another host"),
        ("/scheme", "another host"),
        ("/round", "redirected more than 3 times"),
    ]:
        with pytest.raises(SourceChanged, match=message):
            await client.get(path)
    provider.redirect("/odd", "http://127.0.0.1:port/s3cret")
    with pytest.raises(SourceUnavailable, match=r"the connection failed \(RemoteProtocolError\)"):
        await client.get("/odd")


async def test_a_link_is_followed_on_the_providers_host_only(
    provider: StandIn, client: ProviderClient
) -> None:
    """A link in an answer is asked of the base URL in force."""
    provider.serve("/page", b"1")
    assert (await client.get("https://provider.example/api/page?a=1")).json() == 1
    assert provider.requests[0].query == {"a": "1"}
    with pytest.raises(SourceChanged, match="links to another host"):
        await client.get("https://evil.example/page")
    with pytest.raises(SourceChanged, match="links to something that is no address"):
        await client.get("https://provider.example:port/page")


@pytest.mark.parametrize("encoded", [False, True])
async def test_an_answer_may_be_at_the_limit_and_not_beyond(
    provider: StandIn, client: ProviderClient, encoded: bool
) -> None:
    """The limit counts what comes out, however small it travels."""
    headers = {"Content-Encoding": "gzip"} if encoded else {}
    for size in (1000, 1001):
        body = b"x" * size
        provider.serve(f"/{size}", gzip.compress(body) if encoded else body, headers=headers)
    answer = await client.get("/1000", limit_bytes=1000)
    assert len(answer.content) == 1000
    with pytest.raises(SourceChanged, match="exceeds 1000 bytes"):
        await client.get("/1001", limit_bytes=1000)


async def test_a_download_lies_in_a_file_that_the_caller_closes(
    provider: StandIn, client: ProviderClient
) -> None:
    """Big answers do not lie in memory, and their limit holds as well."""
    provider.serve("/big", b"x" * 300_000, content_type="application/zip", etag=True)
    answer = await client.download("/big", limit_bytes=300_000)
    assert answer.file is not None
    with answer.file as file:
        assert len(file.read()) == 300_000
    with pytest.raises(SourceChanged, match="exceeds 100 bytes"):
        await client.download("/big", limit_bytes=100)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<!DOCTYPE html><html></html>", "expected JSON, found a page"),
        (b"", "expected JSON, found an empty answer"),
        (b'{"a": [1, 2', "expected JSON, found one that is cut off"),
        (b'{"a": "NaN", "b": NaN}', "expected JSON, found a bare NaN at byte 19"),
        (b'{"a": 1,, "b": 2}', "expected JSON, found none at byte 9 "),
        (b"[" * 100_000, "expected JSON"),
        (b"9" * 5000, "expected JSON"),
        (b'{"a": "\xff"}', "expected JSON"),
    ],
)
async def test_what_is_no_json_says_what_it_is(
    provider: StandIn, client: ProviderClient, body: bytes, message: str
) -> None:
    """An error page, an empty or a cut body is a changed source."""
    provider.serve("/x", body)
    answer = await client.get("/x")
    with pytest.raises(SourceChanged, match=message):
        answer.json()


async def test_a_body_that_breaks_off_or_never_comes_is_unavailable(provider: StandIn) -> None:
    """Neither is taken for an answer."""
    setup = SourceSetup(clock=EagerClock(NOW), base_url=provider.url)
    client = ProviderClient(
        setup, "https://provider.example", name="somebody", tries=1, total_s=0.2
    )
    provider.serve("/cut", b'{"a": 1', cut=True)
    provider.serve("/stuck", stuck=True)
    packed = gzip.compress(b"x" * 10_000)
    provider.serve("/half", packed[:-12], headers={"Content-Encoding": "gzip"})
    provider.serve("/fake", b"no gzip", headers={"Content-Encoding": "gzip"})
    provider.serve("/odd", b"", headers={"Content-Encoding": "br"})
    for path, kind, message in [
        ("/cut", SourceUnavailable, "connection failed"),
        ("/stuck", SourceUnavailable, "no whole answer within 0.2 s"),
        ("/half", SourceUnavailable, "broke off"),
        ("/fake", SourceChanged, "expected gzip"),
        ("/odd", SourceChanged, "found another encoding"),
    ]:
        with pytest.raises(kind, match=message):
            await client.get(path)
    await client.aclose()


async def test_a_stalled_connection_is_noticed_before_the_whole_time_is_over(
    provider: StandIn, client: ProviderClient
) -> None:
    """Of a big file, only silence is too long, not the file."""
    client._client.timeout = httpx.Timeout(0.05)
    provider.serve("/stuck", stuck=True)
    with pytest.raises(SourceUnavailable, match="somebody: no answer in time"):
        await client.get("/stuck")


async def test_text_is_utf_8(provider: StandIn, client: ProviderClient) -> None:
    """With or without a byte-order mark; anything else is a changed source."""
    provider.serve("/x", b"\xef\xbb\xbfz\xc3\xa4h", content_type="text/html")
    assert (await client.get("/x")).text() == "zäh"
    provider.serve("/y", b"z\xe4h", content_type="text/html")
    with pytest.raises(SourceChanged, match="expected UTF-8 text"):
        (await client.get("/y")).text()


async def test_nobody_listening_is_unavailable_and_no_address_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the error, nor its cause, nor a log line of ours holds a URL or a key."""
    setup = SourceSetup(clock=EagerClock(NOW), base_url="http://127.0.0.1:9/s3cret")
    client = ProviderClient(setup, "https://provider.example", name="somebody", tries=1)
    with (
        caplog.at_level(logging.DEBUG, logger="ebbwatch"),
        pytest.raises(SourceUnavailable) as caught,
    ):
        await client.get("/x", params={"api_key": "s3cret"})
    await client.aclose()
    assert str(caught.value) == "somebody: the connection failed (ConnectError)"
    assert caught.value.__cause__ is None
    assert [record for record in caplog.records if record.name.startswith("ebbwatch")] == []


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (Decimal("4.00"), Decimal("4.00")),
        (0, Decimal(0)),
        (Decimal("0E-50"), Decimal(0)),
        (12, Decimal(12)),
        ("7977583538387.20", Decimal("7977583538387.20")),
        ("-.5", Decimal("-0.5")),
        ("1e+06", Decimal("1e6")),
        (None, None),
        *((mark, None) for mark in ("NA", "null", "", ".", "*", "ND", "NC", " NA ")),
    ],
)
def test_numbers_are_read_exactly_and_missing_is_none(
    written: object, value: Decimal | None
) -> None:
    """Every way in which a provider writes a figure or its absence."""
    assert number(written, of="x") == value


@pytest.mark.parametrize(
    "written", [True, 4.3, "4,3", "1,234", "n/a?", "0x10", "Infinity", "1e999", [], {}, "٣"]
)
def test_anything_else_is_a_changed_source_that_names_the_field(written: object) -> None:
    """Nothing is guessed, and the complaint says where."""
    with pytest.raises(SourceChanged, match="somebody sofr: expected a"):
        number(written, of="somebody sofr")


def test_thousands_are_read_only_where_the_provider_writes_them() -> None:
    """A comma is a decimal mark to half the world."""
    assert number("32,486,066", of="x", thousands=",") == Decimal(32486066)
    with pytest.raises(SourceChanged):
        number("32,48", of="x", thousands=",")


def test_dates_must_exist_and_have_come() -> None:
    """An impossible date or one in the future is a misread column."""
    today = date(2026, 11, 24)
    assert day("2026-11-24T00:00:00", of="x", today=today) == today
    assert day("2026-11-30", of="x", today=today, ahead=timedelta(days=6)) == date(2026, 11, 30)
    for written, message in [
        ("2026-02-30", "expected a date like"),
        ("11/24/2026", "expected a date like"),
        (20261124, "expected a date like"),
        ("20261124", "expected a date like"),
        ("2026-W48-2", "expected a date like"),
        ("2026-11-25", "in the future"),
        ("0026-11-25", "expected a date since 1900"),
        ("https://provider.example/s3cret", "found an address"),
    ]:
        with pytest.raises(SourceChanged, match=message):
            day(written, of="x", today=today)


@pytest.mark.parametrize(
    ("asked", "target", "followed"),
    [
        ("http://example.org/a", "https://example.org/a", True),
        ("http://example.org:80/a", "https://example.org:443/a", True),
        ("https://example.org/a", "http://example.org/a", False),
        ("http://example.org:8000/a", "https://example.org/a", False),
        ("http://example.org/a", "https://example.com/a", False),
        ("http://example.org/a", "http://u:secret@example.org/a", False),
    ],
)
def test_a_redirect_is_followed_to_the_same_host_or_a_safer_scheme(
    asked: str, target: str, followed: bool
) -> None:
    """From http to https, as many sites do; never back, elsewhere, or with a password."""
    setup = SourceSetup(clock=EagerClock(NOW))
    client = ProviderClient(setup, "http://example.org", name="somebody")
    response = httpx.Response(301, headers={"Location": target})
    if followed:
        assert client._elsewhere(httpx.URL(asked), response) == httpx.URL(target)
        return
    with pytest.raises(SourceChanged, match="which is not followed") as caught:
        client._elsewhere(httpx.URL(asked), response)
    assert "secret" not in str(caught.value)
