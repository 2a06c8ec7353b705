"""OFR: bare lists of pairs, in dollars and in percent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.ports import SourceChanged, SourceRefused, SourceSetup
from ebbwatch.sources.ofr import Ofr, parse
from ebbwatch.sources.replies import Reply
from tests.paths import recording
from tests.sources.wanting import figures, wanting
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
PATH = "/series/timeseries"
VOLUME = "REPO-TRI_TV_OO-F"


def answer(body: bytes) -> Reply:
    """Return a body as the client hands it over."""
    return Reply(provider="ofr", status=200, content=body)


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def source(provider: StandIn) -> AsyncIterator[Ofr]:
    own = Ofr(SourceSetup(clock=EagerClock(NOW), base_url=provider.url))
    yield own
    await own.aclose()


async def test_values_come_as_published(provider: StandIn, source: Ofr) -> None:
    """Null is no value; dollars stay dollars, to the digit."""
    provider.serve(PATH, b'[["2026-11-20", 1184525108741.05], ["2026-11-23", null]]')
    poll = await source.poll(wanting("ofr", VOLUME, unit="USD"), cursor=None)
    assert poll.published == (
        Published(
            series=VOLUME,
            period=period_of(date(2026, 11, 20)),
            value=Decimal("1184525108741.05"),
        ),
        Published(series=VOLUME, period=period_of(date(2026, 11, 23)), value=None),
    )
    assert provider.requests[0].query == {"mnemonic": VOLUME, "start_date": "2026-10-25"}


@pytest.mark.parametrize(
    ("every", "since", "start"),
    [
        ("business day", None, "2026-10-25"),
        ("month", None, "2025-10-20"),
        ("business day", datetime(2018, 1, 1, tzinfo=UTC), "2018-01-01"),
    ],
)
async def test_a_start_is_always_sent(
    provider: StandIn, source: Ofr, every: str, since: datetime | None, start: str
) -> None:
    """Without one the answer would be the whole history: there is no limit."""
    provider.serve(PATH, b"[]")
    wanted = wanting("ofr", "MMF-MMF_TOT-M", every=every, unit="USD")
    poll = await source.poll(wanted, cursor="kept", since=since)
    assert provider.requests[0].query["start_date"] == start
    assert (poll.published, poll.note, poll.cursor) == ((), "no rows", "kept")


async def test_each_mnemonic_is_asked_for(provider: StandIn, source: Ofr) -> None:
    """Answers do not say what they are of: the request does."""
    provider.serve(PATH, b'[["2026-11-23", 3.9]]')
    rates = ("REPO-DVP_AR_OO-P", "FNYR-SOFR-A")
    poll = await source.poll(wanting("ofr", *rates), cursor=None)
    assert [seen.query["mnemonic"] for seen in provider.requests] == list(rates)
    assert [p.series for p in poll.published] == list(rates)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "no"}', "expected a list of pairs, found another shape"),
        (b'[["2026-11-20"]]', "expected a pair of date and value, found another shape"),
        (b'[{"date": "2026-11-20"}]', "expected a pair of date and value"),
        (b"[[1792886400000, 3.9]]", "expected a date like 2026-09-28, found 1792886400000"),
        (b'[["2026-11-31", 3.9]]', "expected a date like 2026-09-28, found '2026-11-31'"),
        (b'[["2027-01-04", 3.9]]', "in the future"),
        (b'[["2026-11-20", "dear"]]', "expected a number, found 'dear'"),
        (b'[["2026-11-20", true]]', "expected a number, found True"),
        (b'[["2026-11-20", NaN]]', "expected JSON"),
        (b'[["2026-11-20", 1', "expected JSON"),
        (b"<html></html>", "expected JSON, found a page"),
    ],
)
def test_another_shape_is_a_change(body: bytes, message: str) -> None:
    """Nothing is skipped and nothing guessed."""
    (wanted,) = wanting("ofr", VOLUME, unit="USD")
    with pytest.raises(SourceChanged) as caught:
        parse(answer(body), wanted.series, VOLUME, today=NOW.date())
    assert message in str(caught.value)


async def test_forbidden_asks_for_a_person(provider: StandIn, source: Ofr) -> None:
    """One project was answered 403."""
    provider.refuse(PATH, 403)
    with pytest.raises(SourceRefused, match="ofr: refused with HTTP 403"):
        await source.poll(wanting("ofr", VOLUME, unit="USD"), cursor=None)


def test_the_recorded_answer_is_understood() -> None:
    """September 2019: tri-party volume in dollars."""
    (wanted,) = wanting("ofr", VOLUME, unit="USD")
    body = recording("ofr/series_timeseries_REPO-TRI_TV_OO-F_excerpt.json")
    found = figures(tuple(parse(answer(body), wanted.series, VOLUME, today=NOW.date())), VOLUME)
    assert len(found) == 10
    assert found["2019-09-17"] == Decimal(1292526545839)
    assert found["2019-09-11"] == Decimal("1175412028868.95")


@pytest.mark.parametrize(
    "argument",
    [VOLUME, "REPO-GCF_AR_G30-P", "FNYR-SOFR_99Pctl-A", "MMF-MMF_RP_wFR-M", "NYPD-PD_AFtD_TOT-A"],
)
def test_mnemonics_have_no_fault(argument: str) -> None:
    """The five families."""
    assert Ofr.fault(argument) is None


@pytest.mark.parametrize("argument", ["SOFR", "", "REPO-TRI TV", "A-B&label=x", {"a": "b"}])
def test_what_is_no_mnemonic_is_said(argument: Any) -> None:
    """The message gives an example."""
    assert "expected a mnemonic like REPO-TRI_TV_OO-F, found" in str(Ofr.fault(argument))
