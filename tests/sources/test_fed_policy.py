"""Interest on reserves: given up to the eve of the next scheduled change, and no further."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.model.periods import day_of
from ebbwatch.ports import Poll, SourceChanged, SourceSetup
from ebbwatch.sources.fed_policy import FedPolicy
from tests.paths import recording
from tests.sources.test_h41 import line, packed
from tests.sources.wanting import figures, wanting
from tests.standins.providers import EagerClock, StandIn

RATES = "/releases/prates/data/FRB_PRATES_xml.zip"
OLD_RATES = "/datadownload/Output.aspx"
CALENDAR = "/json/calendar.json"
NOTES = "/newsevents/pressreleases/"

#: Monday to Wednesday before the decision of Wednesday 2026-12-09, 15:00 New York.
DECISION_DAY = datetime(2026, 12, 9, 20, 0, tzinfo=UTC)


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


class Polled:
    """A source whose clock the test sets."""

    def __init__(self, provider: StandIn) -> None:
        self.clock = EagerClock(datetime(2026, 10, 1, tzinfo=UTC))
        self.source = FedPolicy(SourceSetup(clock=self.clock, base_url=provider.url), tries=1)

    async def __call__(
        self,
        at: datetime,
        *,
        cursor: str | None = None,
        since: datetime | None = None,
        every: str = "business day",
    ) -> Poll:
        self.clock.advance_to(max(at, self.clock.now()))
        return await self.source.poll(
            wanting("fed_policy", "iorb", every=every), cursor=cursor, since=since
        )


@pytest_asyncio.fixture
async def poll(provider: StandIn) -> AsyncIterator[Polled]:
    own = Polled(provider)
    yield own
    await own.source.aclose()


def rates(
    *rows: tuple[str, str], name: str = "RESBM_N.D", extra: str = "", **attributes: str
) -> bytes:
    """Return the zipped file of policy rates."""
    declared = {"UNIT": "Percent", "UNIT_MULT": "1", "CURRENCY": "NA", "FREQ": "8", **attributes}
    text = line(name, list(rows), "Interest rate on reserve balances", **declared)
    return packed(extra + text, member="PRATES_data.xml")


def meetings(*days: tuple[str, str], title: str = "FOMC Meeting") -> bytes:
    """Return the calendar, with other events around the meetings."""
    events: list[dict[str, str]] = [
        {"title": "FOMC Minutes", "month": "2026-11", "days": "18", "type": "FOMC"},
        {"title": "Beige Book", "month": "2026-11", "days": "25", "type": "Beige"},
        *({"title": title, "month": m, "days": d, "type": "FOMC"} for m, d in days),
    ]
    return b"\xef\xbb\xbf" + json.dumps({"events": events}).encode()


def note(rate: str, effective: str) -> str:
    """Return an implementation note as they come."""
    return (
        "<div class='heading col-xs-12'><h3>Implementation Note</h3></div>"
        "<div class='col-xs-12 col-sm-8'><ul><li>The Board voted unanimously<strong> </strong>to "
        f"lower the interest rate paid on\n reserve balances to {rate} percent, effective "
        f"{effective}.</li></ul></div>"
    )


def days(poll: Poll) -> list[str]:
    """Return the dates that were given, without the year."""
    return [f"{day_of(each.period):%m-%d}" for each in poll.published]


async def test_the_rate_is_carried_to_the_eve_of_the_next_effective_date(
    provider: StandIn, poll: Polled
) -> None:
    """The decision of 9 December takes effect on the 10th, so the 9th is the last day known."""
    provider.serve(RATES, rates(("2026-12-01", "3.90"), ("2026-12-02", "3.90")))
    provider.serve(CALENDAR, meetings(("2026-10", "27-28"), ("2026-12", "8,9")))
    given = await poll(datetime(2026, 12, 1, 22, 0, tzinfo=UTC))
    assert days(given) == ["12-01", "12-02", "12-03", "12-04", "12-07", "12-08", "12-09"]
    assert {(each.value, each.unit, each.known_at) for each in given.published} == {
        (Decimal("3.90"), "percent per year", None)
    }
    assert given.note == ""
    whole = await poll(poll.clock.now(), every="day")
    assert days(whole)[4:6] == ["12-05", "12-06"]


async def test_beyond_the_last_scheduled_meeting_nothing_is_carried(
    provider: StandIn, poll: Polled
) -> None:
    """In late December the calendar may not yet hold next year."""
    provider.serve(RATES, rates(("2026-12-28", "3.90"), ("2026-12-29", "3.90")))
    provider.serve(CALENDAR, meetings(("2026-12", "8-9")))
    assert days(await poll(datetime(2026, 12, 28, 22, 0, tzinfo=UTC))) == ["12-28", "12-29"]


async def test_a_meeting_may_run_over_the_end_of_its_month(provider: StandIn, poll: Polled) -> None:
    """31 October and 1 November: the rate may change on the 2nd."""
    provider.serve(RATES, rates(("2026-10-29", "3.90")))
    provider.serve(CALENDAR, meetings(("2026-10", "31, 1")))
    given = await poll(datetime(2026, 10, 29, 22, 0, tzinfo=UTC), every="day")
    assert days(given) == ["10-29", "10-30", "10-31", "11-01"]


async def test_on_the_day_of_a_decision_the_note_is_first(provider: StandIn, poll: Polled) -> None:
    """At three the file still ends today; the note gives tomorrow, and on to the next meeting."""
    provider.serve(RATES, rates(("2026-12-08", "3.90"), ("2026-12-09", "3.90")), etag=True)
    provider.serve(CALENDAR, meetings(("2026-12", "8-9"), ("2026-12", "14,15")), etag=True)
    before = await poll(DECISION_DAY - timedelta(hours=2))
    assert days(before) == ["12-08", "12-09"]
    assert provider.paths[-1] == f"{NOTES}monetary20261209a1.htm"
    provider.serve(NOTES, note("3.65", "December 10, 2026"), content_type="text/html")
    given = await poll(DECISION_DAY, cursor=before.cursor)
    assert figures(given.published, "iorb") == {
        "2026-12-08": Decimal("3.90"),
        "2026-12-09": Decimal("3.90"),
        "2026-12-10": Decimal("3.65"),
        "2026-12-11": Decimal("3.65"),
        "2026-12-14": Decimal("3.65"),
        "2026-12-15": Decimal("3.65"),
    }


async def test_a_file_that_lags_is_filled_up_to_the_decision(
    provider: StandIn, poll: Polled
) -> None:
    """The old rate holds until the day before the new one."""
    provider.serve(RATES, rates(("2026-12-07", "3.90")))
    provider.serve(CALENDAR, meetings(("2026-12", "8-9")))
    provider.serve(NOTES, note("3.65", "December 10, 2026"), content_type="text/html")
    given = await poll(DECISION_DAY)
    assert list(figures(given.published, "iorb").items())[-2:] == [
        ("2026-12-09", Decimal("3.90")),
        ("2026-12-10", Decimal("3.65")),
    ]


async def test_the_file_must_agree_with_the_note(provider: StandIn, poll: Polled) -> None:
    """Next day both know the rate; if they differ, one of them was misread."""
    provider.serve(CALENDAR, meetings(("2026-12", "8-9")))
    provider.serve(NOTES, note("3.65", "December 10, 2026"), content_type="text/html")
    provider.serve(RATES, rates(("2026-12-09", "3.90"), ("2026-12-10", "3.65")))
    assert days(await poll(DECISION_DAY + timedelta(hours=3))) == ["12-09", "12-10"]
    provider.serve(RATES, rates(("2026-12-09", "3.90"), ("2026-12-10", "3.90")))
    with pytest.raises(
        SourceChanged, match=r"to be 3\.65 percent, as the implementation note says"
    ):
        await poll(DECISION_DAY + timedelta(hours=4))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<p>Nothing about rates.</p>", "expected the implementation note to state"),
        (note("3.65", "Decembre 10, 2026"), "expected a date in the implementation note"),
        (note("3.6.5", "December 10, 2026"), "expected a number"),
    ],
)
async def test_a_note_of_another_shape_is_a_changed_source(
    provider: StandIn, poll: Polled, body: str, message: str
) -> None:
    """A note that is out and not understood must not pass in silence."""
    provider.serve(RATES, rates(("2026-12-09", "3.90")))
    provider.serve(CALENDAR, meetings(("2026-12", "8-9")))
    provider.serve(NOTES, body, content_type="text/html")
    with pytest.raises(SourceChanged, match=message):
        await poll(DECISION_DAY)


async def test_an_unchanged_file_is_not_sent_again_outside_decisions(
    provider: StandIn, poll: Polled
) -> None:
    """And the calendar neither."""
    provider.serve(RATES, rates(("2026-11-30", "3.90")), etag=True)
    provider.serve(CALENDAR, meetings(("2026-12", "8-9")), etag=True)
    first = await poll(datetime(2026, 11, 30, 22, 0, tzinfo=UTC))
    again = await poll(datetime(2026, 12, 1, 22, 0, tzinfo=UTC), cursor=first.cursor)
    assert (again.published, again.note, again.cursor) == ((), "not modified", first.cursor)
    provider.serve(RATES, rates(("2026-12-01", "3.90")), etag=True)
    third = await poll(datetime(2026, 12, 1, 23, 0, tzinfo=UTC), cursor=again.cursor)
    assert days(third) == ["12-01", "12-02", "12-03", "12-04", "12-07", "12-08", "12-09"]
    assert "If-None-Match" in provider.requests[-1].headers


async def test_without_a_calendar_the_file_alone_counts(provider: StandIn, poll: Polled) -> None:
    """The rate itself was read; the note says what is missing."""
    provider.serve(RATES, rates(("2026-11-30", "3.90")))
    for calendar, message in [
        (b"", "expected JSON"),
        (b"{}", "expected a list of events"),
        (meetings(("2026-12", "8-9"), title="FOMC"), "expected FOMC meetings"),
        (meetings(("2026-12", "soon")), "expected a month like"),
        (meetings(("2026-12", "31, 32")), "expected a month like"),
        (meetings(("December", "8-9")), "expected a month like"),
    ]:
        provider.serve(CALENDAR, calendar)
        given = await poll(datetime(2026, 11, 30, 22, 0, tzinfo=UTC))
        assert days(given) == ["11-30"]
        assert given.note.startswith("without the FOMC calendar (fed_policy")
        assert message in given.note


async def test_history_reaches_back_over_the_change_of_name(
    provider: StandIn, poll: Polled
) -> None:
    """Interest on excess reserves until 2021-07-28, on reserve balances since."""
    declared = {"UNIT": "Percent", "UNIT_MULT": "1", "CURRENCY": "NA"}
    ioer = line("RESBME_N.D", [("2021-07-28", "0.15"), ("2021-07-29", "9")], "IOER", **declared)
    provider.serve(RATES, rates(("2021-07-28", "9"), ("2021-07-29", "0.15"), extra=ioer))
    provider.serve(CALENDAR, meetings(("2026-12", "8-9")))
    now = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
    given = await poll(now, since=datetime(2020, 1, 1, tzinfo=UTC))
    assert list(figures(given.published, "iorb").items())[:2] == [
        ("2021-07-28", Decimal("0.15")),
        ("2021-07-29", Decimal("0.15")),
    ]


async def test_the_retiring_service_is_asked_where_the_release_file_is_not(
    provider: StandIn, poll: Polled
) -> None:
    """Only one public reader names the release file."""
    provider.serve(OLD_RATES, rates(("2026-11-30", "3.90")))
    provider.serve(CALENDAR, meetings(("2026-10", "27-28")))
    assert days(await poll(datetime(2026, 11, 30, 22, 0, tzinfo=UTC))) == ["11-30"]
    assert provider.requests[1].query == {"rel": "PRATES", "filetype": "zip"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (rates(("2026-11-30", "3.90"), name="OTHER"), "expected a series RESBM_N.D"),
        (rates(("2026-11-30", "3.90"), UNIT="Currency"), "expected UNIT Percent times 1"),
        (rates(("2026-11-30", "3.90"), UNIT_MULT="100"), "expected UNIT Percent times 1"),
        (rates(("2026-12-30", "3.90")), "in the future"),
        (b"<html>", "expected a zip file"),
    ],
)
async def test_another_shape_is_a_changed_source(
    provider: StandIn, poll: Polled, body: bytes, message: str
) -> None:
    """The rate is never guessed."""
    provider.serve(RATES, body)
    provider.serve(CALENDAR, meetings(("2026-12", "8-9")))
    with pytest.raises(SourceChanged, match=message):
        await poll(datetime(2026, 11, 30, 22, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("argument", "fault"),
    [
        ("iorb", None),
        ("ioer", "expected one of iorb, found ioer; did you mean iorb?"),
        ("sofr", "expected one of iorb, found sofr"),
        ({"rate": "iorb"}, "expected one of iorb, found a map"),
    ],
)
def test_arguments_are_checked_at_load(argument: Any, fault: str | None) -> None:
    """There is one series."""
    assert FedPolicy.fault(argument) == fault


@pytest.mark.parametrize(
    ("page", "at", "effective", "rate"),
    [
        ("20251029", DECISION_DAY, "2025-10-30", "3.90"),
        ("20251210", DECISION_DAY, "2025-12-11", "3.65"),
        ("20260916", DECISION_DAY, "2026-09-17", "3.90"),
    ],
)
async def test_recorded_notes_are_read(
    provider: StandIn, poll: Polled, page: str, at: datetime, effective: str, rate: str
) -> None:
    """Each says the rate in the same words; the file below disagrees, so that they are heard."""
    text = recording(f"more/fed_board/page_monetary{page}a1_excerpt.htm")
    provider.serve(RATES, rates((effective, "9.99")))
    provider.serve(CALENDAR, meetings((f"{at:%Y-%m}", f"{at.day - 1}-{at.day}")))
    provider.serve(NOTES, text, content_type="text/html")
    with pytest.raises(SourceChanged, match=f"rate of {effective} to be {rate} percent"):
        await poll(at, since=datetime(2025, 1, 1, tzinfo=UTC))
