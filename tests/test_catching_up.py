"""After months away: the hole is filled, walked day by day, and told as one message an alert."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio

from ebbwatch.core.facts.poll_plan import catch_up_from
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import FREQUENCIES, day_of, micros, period_of
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.units import UNITS
from ebbwatch.ports import SourceSetup
from ebbwatch.sources.nyfed import NewYorkFed
from ebbwatch.store.in_memory import MemoryStore
from tests.contracts.samples import row
from tests.ruleset.loading import valid
from tests.scenarios.stage import Heard, RecordingNotifier, Stage
from tests.standins.providers import EagerClock, Seen, StandIn

RULES = """
rules:
  - name: funding-spread
    title: Repo trades above fed funds
    value: sofr - effr
    above: {watch: 10 bp, critical: 50 bp}
  - name: sofr-level
    title: Repo is dear
    value: sofr
    above: {warning: 4 %}
  - name: effr-level
    title: Fed funds are dear
    value: effr
    above: {warning: 9 %}
receivers:
  desk: [{telegram: {chat: -1001}}]
routes:
  - {to: [desk]}
"""

#: The last morning before the machine was put away, and the one on which it is taken out.
AWAY = datetime(2026, 8, 21, 14, 5, tzinfo=UTC)
BACK = datetime(2026, 11, 24, 15, 5, tzinfo=UTC)

#: What happened meanwhile: a spike that passed, and one that lasts.
SPIKES = {date(2026, 9, 15): "4.50", date(2026, 9, 16): "4.10"} | {
    date(2026, 11, day): "3.85" for day in (16, 17, 18, 19, 20, 23)
}


def days(first: date, last: date) -> list[date]:
    """Return the days for which there is a rate."""
    calendar = valid({}).business["sifma"]
    found = [calendar.on_or_before(last)]
    while found[-1] > first:
        found.append(calendar.add(found[-1], -1))
    return found[::-1]


ALL = days(date(2026, 6, 1), date(2026, 11, 23))


def rate(kind: str, day: date) -> str:
    """Return what the New York Fed gave for a day."""
    return SPIKES.get(day, "3.70") if kind == "SOFR" else "3.68"


def body(kind: str, clock: EagerClock) -> Callable[[Seen], bytes]:
    """Return what answers requests for a rate, the last ten days or a range of dates."""

    def answer(seen: Seen) -> bytes:
        published = [day for day in ALL if day < clock.now().date()]
        if "startDate" in seen.query:
            first = date.fromisoformat(seen.query["startDate"])
            published = [day for day in published if day >= first]
        else:
            published = published[-10:]
        rows = [
            {"effectiveDate": str(day), "type": kind, "percentRate": float(rate(kind, day)),
             "revisionIndicator": ""}
            for day in reversed(published)
        ]  # fmt: skip
        return json.dumps({"refRates": rows}).encode()

    return answer


@dataclass
class Desk:
    """A store that outlives its daemons, and the New York Fed they ask."""

    provider: StandIn
    store: MemoryStore = field(default_factory=MemoryStore)
    heard: list[Heard] = field(default_factory=list)

    async def runs(self, at: datetime, *, visits: int = 1) -> Stage:
        """Start a daemon and let it visit its source."""
        clock = EagerClock(at)
        for kind in ("SOFR", "EFFR"):
            secured = "secured" if kind == "SOFR" else "unsecured"
            self.provider.serve(f"/rates/{secured}/{kind.lower()}/", body(kind, clock))
        source = NewYorkFed(SourceSetup(clock=clock, base_url=self.provider.url), tries=1)
        stage = Stage(
            valid(RULES), self.store, clock, sources={"nyfed": source},
            notifiers={"telegram": RecordingNotifier(clock, self.heard.append)},
        )  # fmt: skip
        stage.service.begin()
        for _ in range(visits):
            await stage.once()
        await source.aclose()
        return stage


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with StandIn() as provider:
        yield Desk(provider)


def hold(desk: Desk, first: date, last: date) -> None:
    """Put rates into the store as if they had been polled each morning."""
    with desk.store.transaction():
        desk.store.record([
            Observation(
                series=kind.lower(), period=period_of(day), value=Decimal(rate(kind, day)) / 100,
                known_at=datetime(day.year, day.month, day.day, 13, tzinfo=UTC) + timedelta(days=1),
                source="nyfed",
            )
            for day in days(first, last)
            for kind in ("SOFR", "EFFR")
        ])  # fmt: skip


async def test_three_months_are_one_message_an_alert(desk: Desk) -> None:
    """Every day missed is asked for, walked in order, and each alert that moved tells it once."""
    hold(desk, date(2026, 6, 1), date(2026, 8, 20))
    await desk.runs(AWAY)
    desk.heard.clear()
    desk.provider.requests.clear()

    await desk.runs(BACK)

    assert {seen.query.get("startDate", "")[:7] for seen in desk.provider.requests} == {"2026-08"}
    held = {
        (o.series, day_of(o.period)): (str(o.value * 100 if o.value else ""), o.known_at)
        for o in desk.store.observations()
    }
    assert [held["sofr", day][0][:4] for day in ALL] == [rate("SOFR", day) for day in ALL]
    (seen_at,) = {held["sofr", day][1] for day in ALL if day > AWAY.date()}
    assert BACK <= seen_at < BACK + timedelta(seconds=1)
    moves = [(t.rule, str(t.change), t.period) for t in desk.store.transitions()]
    assert moves == [
        ("funding-spread", "fired", "2026-09-15"),
        ("funding-spread", "eased", "2026-09-16"),
        ("funding-spread", "resolved", "2026-09-17"),
        ("funding-spread", "fired", "2026-11-16"),
        ("sofr-level", "fired", "2026-09-15"),
        ("sofr-level", "resolved", "2026-09-17"),
    ]
    assert [heard.headline for heard in desk.heard] == [
        "✅ RESOLVED · Repo is dear",
        "🟡 WATCH · Repo trades above fed funds",
    ]


async def test_a_plain_visit_follows_a_catch_up(desk: Desk) -> None:
    """Once what was missing is held, only the last days are asked for."""
    hold(desk, date(2026, 6, 1), date(2026, 8, 20))
    await desk.runs(BACK)
    desk.provider.requests.clear()
    await desk.runs(BACK + timedelta(hours=1))
    assert {seen.path.rpartition("/")[2] for seen in desk.provider.requests} == {"10.json"}


def named(every: str, history_from: date | None = None) -> Series:
    """Return a series of a frequency."""
    return Series(
        name="rate", source=SourceRef("nyfed", "rate"), unit=UNITS["percent per year"],
        every=FREQUENCIES[every], history_from=history_from,
    )  # fmt: skip


TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("series", "newest", "due", "start"),
    [
        (named("business day"), "2026-11-20", "2026-11-23", None),
        (named("business day"), "2026-11-16", "2026-11-23", None),
        (named("business day"), "2026-11-13", "2026-11-23", "2026-11-13"),
        (named("business day"), "2020-01-02", "2026-11-23", "2024-11-23"),
        (named("business day"), None, "2026-11-23", "2024-11-23"),
        (named("business day", history_from=date(2026, 1, 1)), None, "2026-11-23", "2026-01-01"),
        (named("business day"), "2026-11-13", None, "2026-11-13"),
        (named("business day"), "2026-12-08", None, None),
        (named("week ending Wednesday"), "2026-10-14", "2026-11-18", None),
        (named("week ending Wednesday"), "2026-10-07", "2026-11-18", "2026-10-07"),
        (named("month"), "2026-07-01", "2026-10-01", None),
        (named("month"), "2026-06-01", "2026-10-01", "2026-06-01"),
        (named("quarter"), "2025-10-01", "2026-07-01", None),
        (named("quarter"), "2025-07-01", "2026-07-01", "2025-07-01"),
        (named("15 min"), None, None, None),
    ],
)
def test_how_far_back_a_source_is_asked(
    series: Series, newest: str | None, due: str | None, start: str | None
) -> None:
    """From the newest period held where a plain visit would leave a hole; two years at most."""
    at = micros(datetime(2026, 11, 24, 15, tzinfo=UTC))

    def period(text: str | None) -> int | None:
        return None if text is None else period_of(date.fromisoformat(text))

    found = catch_up_from(series, newest=period(newest), due=period(due), at=at)
    assert found == period(start)


async def test_nothing_is_said_of_figures_while_their_source_cannot_be_reached(desk: Desk) -> None:
    """Months late, and no notice of it: that the source fails is told by itself, later."""
    hold(desk, date(2026, 6, 1), date(2026, 8, 20))
    desk.provider.refuse("/rates/", 503)
    clock = EagerClock(BACK)
    source = NewYorkFed(SourceSetup(clock=clock, base_url=desk.provider.url), tries=1)
    stage = Stage(
        valid(RULES), desk.store, clock, sources={"nyfed": source},
        notifiers={"telegram": RecordingNotifier(clock, desk.heard.append)},
    )  # fmt: skip
    stage.service.begin()
    outcomes = await stage.service.once(5.0)
    await source.aclose()
    assert [outcome.source for outcome in outcomes if outcome.fault] == ["nyfed"]
    assert stage.service.watch.troubles == {}
    assert [heard.headline for heard in desk.heard] == [
        "👁 Ebbwatch is watching · 0 of 3 rules fire"
    ]


async def test_messages_that_waited_for_us_are_not_stuck_until_we_had_time_to_send_them(
    desk: Desk,
) -> None:
    """What lay in the outbox while the daemon was down could not leave: that is no trouble."""
    with desk.store.transaction():
        desk.store.enqueue(
            [row("left behind", not_before=AWAY, expires_at=BACK + timedelta(days=1))]
        )
    stage = Stage(valid(RULES), desk.store, EagerClock(BACK), sources={}, notifiers={})
    service = stage.service
    service.begin()
    found = []
    for minutes in (1, 14, 16):
        service._look_at_outbox(BACK + timedelta(minutes=minutes))
        found.append("outbox" in service.watch.troubles)
    assert found == [False, False, True]
