"""What every source that asks over HTTP has to bear, whatever its provider's own ways are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.periods import FREQUENCIES
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.units import UNITS
from ebbwatch.ports import (
    Poll,
    Secret,
    Source,
    SourceChanged,
    SourceError,
    SourceRefused,
    SourceSetup,
    SourceUnavailable,
    Wanted,
)
from ebbwatch.sources.bea import Bea
from ebbwatch.sources.coinbase import Coinbase
from ebbwatch.sources.csv import Csv
from ebbwatch.sources.fiscaldata import FiscalData
from ebbwatch.sources.fred import Fred
from ebbwatch.sources.http_json import HttpJson
from ebbwatch.sources.kraken import Kraken
from ebbwatch.sources.ofr import Ofr
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 11, 24, 21, 30, tzinfo=UTC)
SECRET = "k3y-that-must-not-be-seen"


@dataclass(frozen=True)
class Case:
    """A source, and a question it understands."""

    build: Callable[[SourceSetup], Source]
    argument: str | Mapping[str, Any]
    every: str = "business day"
    key: Secret | None = None

    @property
    def wanted(self) -> Wanted:
        """Return the question."""
        source = SourceRef("any", self.argument)
        series = Series(
            name="asked", source=source, unit=UNITS["USD"], every=FREQUENCIES[self.every]
        )
        return Wanted(series, self.argument)


ADDRESS = f"https://figures.example/x?token={SECRET}"
CASES = {
    "fiscaldata": Case(FiscalData, "debt"),
    "bea": Case(Bea, "gdp", "quarter"),
    "bea with a key": Case(Bea, "gdp", "quarter", Secret(SECRET)),
    "ofr": Case(Ofr, "REPO-TRI_TV_OO-F"),
    "coinbase": Case(Coinbase, "BTC-USD", "15 min"),
    "kraken": Case(Kraken, "XBTUSD", "15 min"),
    "fred": Case(Fred, "SOFR", key=Secret(SECRET)),
    "http_json": Case(HttpJson, {"url": ADDRESS, "rows": "@", "period": "p", "value": "v"}),
    "csv": Case(Csv, {"url": ADDRESS}),
}


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest.fixture(params=CASES.values(), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    """Return each source in turn."""
    found: Case = request.param
    return found


async def visit(case: Case, provider: StandIn, *, cursor: str | None = None) -> Poll:
    """Poll a source once."""
    source = case.build(SourceSetup(clock=EagerClock(NOW), base_url=provider.url, api_key=case.key))
    try:
        return await source.poll([case.wanted], cursor=cursor)
    finally:
        await source.aclose()


def seen_in(error: BaseException) -> str:
    """Return everything a log could show of an error."""
    causes = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(repr(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return " ".join(causes)


@pytest.mark.parametrize(
    ("status", "after", "kind", "wait"),
    [
        (429, "120", SourceUnavailable, timedelta(seconds=120)),
        (429, None, SourceUnavailable, None),
        (500, None, SourceUnavailable, None),
        (503, "30", SourceUnavailable, timedelta(seconds=30)),
        (401, None, SourceRefused, None),
        (403, None, SourceRefused, None),
        (451, None, SourceRefused, None),
        (410, None, SourceChanged, None),
    ],
)
async def test_statuses_have_their_kinds(
    case: Case,
    provider: StandIn,
    status: int,
    after: str | None,
    kind: type[SourceError],
    wait: timedelta | None,
) -> None:
    """What the caller does next follows from the type; the provider's patience is kept."""
    provider.refuse("/", status, after=after)
    with pytest.raises(SourceError) as caught:
        await visit(case, provider)
    assert type(caught.value) is kind
    assert getattr(caught.value, "after", None) == wait
    assert str(status) in str(caught.value)
    assert SECRET not in seen_in(caught.value)
    assert "127.0.0.1" not in seen_in(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><html><body>maintenance</body></html>",
        b"<?xml version='1.0'?><oops/>",
        b"",
        b"Service is being updated.",
        b'{"unexpected": true}',
        b"[[",
        b"\xff\xfe\x00",
    ],
)
async def test_a_body_that_is_no_answer_is_a_change(
    case: Case, provider: StandIn, body: bytes
) -> None:
    """A page, nothing, prose, another object, half a list, other bytes."""
    provider.serve("/", body)
    with pytest.raises(SourceChanged) as caught:
        await visit(case, provider)
    assert SECRET not in seen_in(caught.value)
    assert "127.0.0.1" not in seen_in(caught.value)


async def test_an_answer_that_breaks_off_is_unavailable(case: Case, provider: StandIn) -> None:
    """Less came than was promised: nothing of it is used."""
    provider.serve("/", b'[["2026-11-23", 1', cut=True)
    with pytest.raises(SourceUnavailable) as caught:
        await visit(case, provider)
    assert SECRET not in seen_in(caught.value)


async def test_nobody_there_is_unavailable(case: Case) -> None:
    """The connection is refused."""
    async with StandIn() as gone:
        pass
    with pytest.raises(SourceUnavailable) as caught:
        await visit(case, gone)
    assert SECRET not in seen_in(caught.value)
    assert "127.0.0.1" not in seen_in(caught.value)


@pytest.mark.parametrize("cursor", ["", "{", "[1]", '"x"', '{"asked": 7}', '{"asked":{"file":3}}'])
async def test_a_cursor_that_is_not_ours_reads_anew(
    case: Case, provider: StandIn, cursor: str
) -> None:
    """A cursor saves requests; a broken one costs them and nothing more."""
    provider.refuse("/", 503)
    with pytest.raises(SourceUnavailable):
        await visit(case, provider, cursor=cursor)
