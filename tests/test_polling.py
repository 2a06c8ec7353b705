"""Polling: when sources are asked, who stands in for whom, and what people are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

import httpx
import pytest

from ebbwatch.core.answering.expected import SeriesStanding
from ebbwatch.core.facts.asof import Figure
from ebbwatch.core.facts.release_clock import Freshness, FreshnessState, ReleaseClock
from ebbwatch.core.render import Health, Trouble
from ebbwatch.model.calendars import SIFMA, business_calendar
from ebbwatch.model.observation import Observation, Published, TextItem
from ebbwatch.model.periods import FREQUENCIES, micros
from ebbwatch.model.problem import Problem, Span
from ebbwatch.model.series import Released, Series, SourceRef
from ebbwatch.model.source import Gives, SourceFacts
from ebbwatch.model.units import UNITS
from ebbwatch.ports import (
    Held,
    Poll,
    Secret,
    Source,
    SourceChanged,
    SourceRefused,
    SourceUnavailable,
    StoreError,
    Wanted,
)
from ebbwatch.runtime.feeds import Arrived
from ebbwatch.runtime.heartbeat import Heartbeat, pinging
from ebbwatch.runtime.pipeline import Event
from ebbwatch.runtime.polling import Polling
from ebbwatch.runtime.selfwatch import SelfWatch
from ebbwatch.runtime.trigger import REST, ReleaseTrigger
from ebbwatch.runtime.visits import Visit
from tests.fakes import ManualClock

#: Tuesday 8 September 2026, the day after Labor Day, just before SOFR of Friday comes out.
EARLY = datetime(2026, 9, 8, 11, 50, tzinfo=UTC)
DUE = datetime(2026, 9, 8, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

BUSINESS = FREQUENCIES["business day"]
THURSDAY, FRIDAY, TUESDAY = (BUSINESS.parse(f"2026-09-0{day}") for day in (3, 4, 8))


def series(name: str, source: str = "nyfed", fallback: str | None = "fred") -> Series:
    """Return a rate that comes out at eight in New York."""
    return Series(
        name=name,
        source=SourceRef(source, name),
        fallback=None if fallback is None else SourceRef(fallback, name.upper()),
        unit=UNITS["percent per year"],
        every=BUSINESS,
        released=(Released(1, True, time(8), "America/New_York", SIFMA),),
        plausible=(Decimal("-0.01"), Decimal("0.2")),
    )


SOFR, TGCR = series("sofr"), series("tgcr", fallback=None)


def figure(name: str, period: int, percent: str, unit: str | None = None) -> Published:
    """Return a published rate."""
    return Published(series=name, period=period, value=Decimal(percent), unit=unit)


Answer = Poll | Exception


@dataclass
class Provider:
    """A source that answers as told, and remembers what it was asked."""

    answer: Callable[[tuple[str, ...]], Answer] = field(default=lambda _: Poll())
    asked: list[tuple[tuple[str, Any], ...]] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    since: list[datetime | None] = field(default_factory=list)
    name: ClassVar[str] = "provider"
    facts: ClassVar[SourceFacts] = SourceFacts()

    @classmethod
    def host(cls, argument: str | Mapping[str, Any]) -> str:
        """Return the host of an address."""
        return str(httpx.URL(argument["url"]).host) if isinstance(argument, Mapping) else ""

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        return None if argument else "asks for nothing"

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        self.asked.append(tuple((each.series.name, each.argument) for each in wanted))
        self.cursors.append(cursor)
        self.since.append(since)
        answer = self.answer(tuple(each.series.name for each in wanted))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        pass


@dataclass
class Press:
    """A source of texts that answers as told, host by host."""

    answer: Callable[[str], Answer] = field(default=lambda _: Poll())
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    name: ClassVar[str] = "press"
    facts: ClassVar[SourceFacts] = SourceFacts(gives=Gives.TEXTS)

    async def read(self, host: str, *, cursor: str | None, since: datetime | None = None) -> Poll:
        self.asked.append((host, cursor))
        answer = self.answer(host)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        pass


class Hung(Provider):
    """A source that never answers."""

    async def poll(self, *args: Any, **kwargs: Any) -> Poll:
        await asyncio.get_running_loop().create_future()
        raise AssertionError


class Book:
    """A small store of texts, and of the newest value of each period."""

    def __init__(self) -> None:
        self.small: dict[str, str] = {}
        self.items: list[TextItem] = []
        self.values: dict[tuple[str, int], tuple[Decimal | None, str]] = {}
        self.known: dict[tuple[str, int], int] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield

    def get(self, key: str) -> str | None:
        return self.small.get(key)

    def put(self, key: str, value: str | None) -> None:
        assert value is not None
        self.small[key] = value

    def texts(self, source: str) -> list[TextItem]:
        return [item for item in self.items if item.source == source]

    def value(self, name: str, period: int) -> tuple[Decimal | None, str] | None:
        return self.values.get((name, period))

    def newest(self, name: str) -> tuple[int, Decimal] | None:
        rows = [(p, v) for (n, p), (v, _) in self.values.items() if n == name and v is not None]
        return max(rows, default=None)

    def known_at(self, name: str, period: int) -> int | None:
        return self.known.get((name, period))


class Desk:
    """Polling with everything around it, and a pipeline that commits at once."""

    def __init__(
        self,
        *followed: Series,
        texts: Sequence[str] = (),
        start: datetime = EARLY,
        **sources: Provider | Press,
    ) -> None:
        self.clock = ManualClock(start)
        self.book = Book()
        self.sources = sources
        self.inbox: asyncio.Queue[Arrived] = asyncio.Queue()
        self.arrivals: list[Event] = []
        # What people are told, and everything as programs know it.
        self.told: list[Health] = []
        self.known: list[Health] = []
        self.keys: list[str] = []
        self.watch = self.another_watch()
        self.polling = Polling(
            clock=self.clock,
            sources=sources,
            release=ReleaseClock({SIFMA: business_calendar(SIFMA)}),
            history=self.book,
            kept=self.book,
            inbox=self.inbox,
            watch=self.watch,
            jitter=lambda: 0.0,
        )
        self.polling.follow(followed, texts)

    def another_watch(self) -> SelfWatch:
        def tell(health: Health, key: str) -> None:
            self.known.append(health)
            if not health.quietly:
                self.told.append(replace(health, trouble="", began=None, again=False))
                self.keys.append(key)

        return SelfWatch(self.book, tell)

    def commit(self, event: Event) -> None:
        self.arrivals.append(event)
        for o in event.observations:
            self.book.values[o.series, o.period] = (o.value, o.source)
            self.book.known[o.series, o.period] = micros(o.known_at)
        self.book.items += event.texts
        for key, text in event.cursors:
            self.book.put(key, text)

    async def visit(self, name: str) -> Visit:
        """Let one visit run to its end, committing what it brings."""
        visit = asyncio.create_task(self.polling.visit(name))
        while not visit.done():
            getter = asyncio.create_task(self.inbox.get())
            await asyncio.wait({visit, getter}, return_when=asyncio.FIRST_COMPLETED)
            if getter.done():
                arrived = getter.result()
                self.commit(arrived.event)
                arrived.committed.set_result(None)
            else:
                getter.cancel()
        return visit.result()

    def next(self, name: str) -> datetime:
        return self.polling.next_visit(name, self.clock.now())

    async def at(self, when: datetime, name: str) -> Visit:
        self.clock.advance_to(when)
        return await self.visit(name)

    @property
    def facts(self) -> list[tuple[str, int, Decimal | None, str]]:
        return [
            (o.series, o.period, o.value, o.source) for a in self.arrivals for o in a.observations
        ]


def answers(*figures: Published, cursor: str | None = None) -> Callable[[tuple[str, ...]], Answer]:
    """Return an answer that holds these figures, of the series asked for."""
    return lambda names: Poll(tuple(f for f in figures if f.series in names), cursor=cursor)


async def test_a_figure_is_handed_over_with_its_cursor() -> None:
    """What is news arrives in base units, known when it was seen, the cursor beside it."""
    desk = Desk(SOFR, nyfed=Provider(answers(figure("sofr", FRIDAY, "4.31"), cursor="c1")))
    assert await desk.visit("nyfed") == Visit("nyfed", ("sofr",), news=1)
    (arrived,) = desk.arrivals
    assert arrived == Event(
        at=micros(EARLY),
        observations=(
            Observation(
                series="sofr",
                period=FRIDAY,
                value=Decimal("0.0431"),
                known_at=EARLY,
                source="nyfed",
            ),
        ),
        met=("sofr",),
        cursors=(("cursor/nyfed", "c1"),),
    )
    assert desk.sources["nyfed"].asked == [(("sofr", "sofr"),)]


async def test_the_same_answer_again_brings_nothing() -> None:
    """A re-poll of the same datum puts nothing on the inbox, and resumes at the cursor."""
    desk = Desk(SOFR, nyfed=Provider(answers(figure("sofr", FRIDAY, "4.31"), cursor="c1")))
    await desk.visit("nyfed")
    assert await desk.at(EARLY + timedelta(hours=1), "nyfed") == Visit("nyfed", ("sofr",))
    assert len(desk.arrivals) == 1
    assert desk.sources["nyfed"].cursors == [None, "c1"]


async def test_visits_are_dense_around_the_expected_instant() -> None:
    """Before the figure is due, the next visit is seconds after; while it is awaited, soon again."""
    desk = Desk(SOFR, nyfed=Provider(answers(figure("sofr", THURSDAY, "4.30"))))
    assert desk.next("nyfed") == EARLY
    await desk.visit("nyfed")
    assert desk.next("nyfed") == DUE + 2 * SECOND
    await desk.at(DUE + 2 * SECOND, "nyfed")
    assert desk.next("nyfed") == DUE + 4 * SECOND
    desk.sources["nyfed"].answer = answers(figure("sofr", FRIDAY, "4.31"))
    await desk.at(DUE + 4 * SECOND, "nyfed")
    assert desk.next("nyfed") - desk.clock.now() > timedelta(minutes=30)


def by_clock(at: str) -> datetime:
    """Return an instant of Friday 4 September 2026 by New York's clock."""
    return datetime.fromisoformat(f"2026-09-04T{at}-04:00")


async def test_each_part_of_a_day_is_looked_for_when_it_comes_out() -> None:
    """In the morning, and again until the afternoon is in, also where it adds nothing."""
    parts = tuple(
        Released(0, True, time.fromisoformat(at), "America/New_York", SIFMA, part=part)
        for at, part in (("08:30", "morning"), ("13:45", "afternoon"))
    )
    lent = replace(series("lent", fallback=None), released=parts)
    nyfed = Provider(answers(figure("lent", THURSDAY, "1.00")))
    desk = Desk(lent, nyfed=nyfed, start=by_clock("08:00"))
    desk.book.values["lent", THURSDAY] = (Decimal("0.01"), "nyfed")
    desk.book.known["lent", THURSDAY] = micros(by_clock("08:00") - timedelta(hours=18))
    await desk.visit("nyfed")
    assert desk.next("nyfed") == by_clock("08:30:02")
    morning = replace(figure("lent", FRIDAY, "2.00"), part="morning")
    nyfed.answer = answers(morning)
    assert (await desk.at(by_clock("08:30:02"), "nyfed")).news == 1
    # Held up to the morning: sparse until the afternoon, then dense until it is there.
    assert desk.next("nyfed") > by_clock("09:00")
    await desk.at(by_clock("13:20"), "nyfed")
    assert desk.next("nyfed") == by_clock("13:45:02")
    assert (await desk.at(by_clock("13:45:02"), "nyfed")).news == 0
    assert desk.next("nyfed") == by_clock("13:45:04")
    nyfed.answer = answers(replace(morning, part="afternoon"))
    assert (await desk.at(by_clock("13:45:04"), "nyfed")).news == 1
    assert (await desk.at(by_clock("13:45:06"), "nyfed")).news == 0
    assert desk.next("nyfed") > by_clock("14:00")
    assert [(period, value) for _, period, value, _ in desk.facts] == [
        (FRIDAY, Decimal("0.02"))
    ] * 2


async def test_only_what_is_due_is_asked_for() -> None:
    """Two series of one source are asked for together, each no more often than it needs."""
    late = Series(
        name="effr",
        source=SourceRef("nyfed", "effr"),
        unit=UNITS["percent per year"],
        every=BUSINESS,
        released=(Released(1, True, time(9), "America/New_York", SIFMA),),
    )
    desk = Desk(SOFR, late, nyfed=Provider())
    await desk.visit("nyfed")
    await desk.at(DUE + 2 * SECOND, "nyfed")
    assert desk.sources["nyfed"].asked == [
        (("sofr", "sofr"), ("effr", "effr")),
        (("sofr", "sofr"),),
    ]


async def test_the_fallback_stands_in_from_the_instant_a_figure_is_due() -> None:
    """While nothing is due a failing first choice is no reason to ask another."""
    nyfed = Provider(answers(figure("sofr", THURSDAY, "4.30")))
    fred = Provider(answers(figure("sofr", THURSDAY, "4.33"), figure("sofr", FRIDAY, "4.35")))
    desk = Desk(SOFR, nyfed=nyfed, fred=fred)
    await desk.visit("nyfed")
    nyfed.answer = lambda _: SourceUnavailable("nyfed does not answer")
    assert desk.next("fred") == EARLY + timedelta(hours=1)

    await desk.at(DUE + 2 * SECOND, "nyfed")
    assert desk.next("fred") == DUE + 2 * SECOND
    assert await desk.visit("fred") == Visit("fred", ("sofr",), news=1)
    assert fred.asked == [(("sofr", "SOFR"),)]
    assert desk.next("fred") == desk.clock.now() + timedelta(hours=1)

    nyfed.answer = answers(figure("sofr", FRIDAY, "4.36"))
    await desk.at(desk.next("nyfed"), "nyfed")
    assert desk.facts == [
        ("sofr", THURSDAY, Decimal("0.0430"), "nyfed"),
        ("sofr", FRIDAY, Decimal("0.0435"), "fred"),
        ("sofr", FRIDAY, Decimal("0.0436"), "nyfed"),
    ]
    assert desk.polling.failing() == {}


async def test_a_first_choice_that_is_not_installed_counts_as_down() -> None:
    """Without an adapter for the first choice, the fallback is asked from the start."""
    desk = Desk(SOFR, fred=Provider(answers(figure("sofr", FRIDAY, "4.35"))))
    assert await desk.visit("fred") == Visit("fred", ("sofr",), news=1)


async def test_a_failing_source_is_told_once_and_once_more_when_it_is_back() -> None:
    """Two failures may be chance; the third is told, later ones are not; then the recovery."""
    nyfed = Provider(lambda _: SourceUnavailable("nyfed did not answer within 10 s"))
    desk = Desk(SOFR, TGCR, nyfed=nyfed)
    pauses = []
    for _ in range(6):
        before = desk.clock.now()
        await desk.at(desk.next("nyfed"), "nyfed")
        pauses.append((desk.clock.now() - before).total_seconds())
        assert len(desk.told) == (1 if len(pauses) > 2 else 0)
    assert pauses == [0, 5, 10, 20, 40, 80]
    nyfed.answer = lambda _: Poll()
    await desk.at(desk.next("nyfed"), "nyfed")
    assert desk.told == [
        Health(
            kind=Trouble.SOURCE_FAILING,
            name="nyfed",
            reason="nyfed did not answer within 10 s",
            since=EARLY,
            affected=("sofr", "tgcr"),
        ),
        Health(
            kind=Trouble.SOURCE_RECOVERED,
            name="nyfed",
            # Told at the third failure, 15 s after the first.
            lasted=timedelta(seconds=155 + 160),
        ),
    ]
    assert desk.polling.failing() == {}


async def test_the_providers_own_delay_is_honoured() -> None:
    """A provider that asks for five minutes is not asked again before."""
    nyfed = Provider(lambda _: SourceUnavailable("too many", after=timedelta(minutes=5)))
    desk = Desk(SOFR, nyfed=nyfed)
    await desk.visit("nyfed")
    assert desk.next("nyfed") == EARLY + timedelta(minutes=5)


async def test_a_host_that_asks_for_patience_is_asked_for_nothing_else() -> None:
    """Another of its series comes due meanwhile, and waits; once the host answers, nothing does."""
    nine = Released(1, True, time(9), "America/New_York", SIFMA)
    nyfed = Provider(answers(figure("sofr", THURSDAY, "4.30"), figure("effr", THURSDAY, "4.30")))
    desk = Desk(SOFR, replace(series("effr", fallback=None), released=(nine,)), nyfed=nyfed)
    await desk.visit("nyfed")
    nyfed.answer = lambda _: SourceUnavailable("too many", after=timedelta(minutes=90))
    await desk.at(desk.next("nyfed"), "nyfed")
    assert nyfed.asked[-1] == (("sofr", "sofr"),)
    assert desk.next("nyfed") == DUE + 2 * SECOND + timedelta(minutes=90)
    nyfed.answer = lambda _: Poll()
    await desk.at(desk.next("nyfed"), "nyfed")
    assert nyfed.asked[-1] == (("sofr", "sofr"), ("effr", "effr"))
    assert desk.next("nyfed") - desk.clock.now() < timedelta(minutes=15)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SourceRefused("nyfed wants a key"), Trouble.SOURCE_REFUSED),
        (SourceChanged("nyfed: expected refRates, found HTML"), Trouble.SOURCE_CHANGED),
    ],
)
async def test_what_only_a_person_can_mend_is_told_at_once(error: Exception, kind: Trouble) -> None:
    """A refusal or a new shape does not go away by waiting."""
    desk = Desk(SOFR, nyfed=Provider(lambda _: error))
    for _ in range(3):
        await desk.at(desk.next("nyfed"), "nyfed")
    assert [(h.kind, h.reason) for h in desk.told] == [(kind, str(error))]


async def test_an_answer_of_another_shape_stops_only_what_it_answers() -> None:
    """Of two series asked for together, the healthy one goes on; the sick one is tried apart."""

    def answer(names: tuple[str, ...]) -> Answer:
        if "sofr" in names:
            return SourceChanged("sofr has no percentRate")
        return Poll((figure("tgcr", FRIDAY, "4.30"),))

    nyfed = Provider(answer)
    desk = Desk(SOFR, TGCR, nyfed=nyfed)
    assert await desk.visit("nyfed") == Visit(
        "nyfed", ("sofr", "tgcr"), news=1, fault="sofr has no percentRate"
    )
    assert [tuple(name for name, _ in asked) for asked in nyfed.asked] == [
        ("sofr", "tgcr"),
        ("sofr",),
        ("tgcr",),
    ]
    assert [(h.kind, h.affected) for h in desk.told] == [(Trouble.SOURCE_CHANGED, ("sofr",))]
    nyfed.answer = answers(figure("sofr", FRIDAY, "4.31"), figure("tgcr", FRIDAY, "4.30"))
    await desk.at(EARLY + timedelta(minutes=15), "nyfed")
    assert [h.kind for h in desk.told] == [Trouble.SOURCE_CHANGED, Trouble.SOURCE_RECOVERED]
    assert nyfed.asked[-1] == (("sofr", "sofr"),)


async def test_a_poisoned_answer_does_not_stop_the_daemon(caplog: pytest.LogCaptureFixture) -> None:
    """An error nobody foresaw makes the poll a failed one, and says whose it was."""
    nyfed = Provider(lambda _: KeyError("percentRate"))
    desk = Desk(SOFR, nyfed=nyfed)
    outcome = await desk.visit("nyfed")
    assert outcome.fault == "could not be read (KeyError); the log says where"
    assert [h.reason for h in desk.told] == ["its answer could not be read"]


async def test_an_unknown_unit_stops_the_series_and_is_told_once() -> None:
    """Nothing in a unit we do not know reaches a rule; the right unit is told too."""
    nyfed = Provider(answers(figure("sofr", FRIDAY, "4.31", unit="furlongs")))
    desk = Desk(SOFR, nyfed=nyfed)
    for _ in range(2):
        await desk.at(desk.next("nyfed"), "nyfed")
    assert desk.facts == []
    nyfed.answer = answers(figure("sofr", FRIDAY, "4.31"))
    await desk.at(desk.next("nyfed"), "nyfed")
    assert [(h.kind, h.name, h.reason) for h in desk.told] == [
        (
            Trouble.SOURCE_CHANGED,
            "sofr",
            "nyfed gives furlongs; expected percent per year",
        ),
        (Trouble.SERIES_CURRENT, "sofr", ""),
    ]


async def test_an_implausible_value_goes_into_quarantine_and_is_told_once() -> None:
    """The value waits for a person; the next one does not."""
    nyfed = Provider(answers(figure("sofr", THURSDAY, "431"), figure("sofr", FRIDAY, "4.31")))
    desk = Desk(SOFR, nyfed=nyfed)
    for _ in range(2):
        await desk.at(desk.next("nyfed"), "nyfed")
    assert desk.facts == [("sofr", FRIDAY, Decimal("0.0431"), "nyfed")]
    (held,) = desk.arrivals[0].held
    assert isinstance(held, Held)
    (health,) = desk.told
    assert (health.kind, health.name, health.period, health.value, health.unit) == (
        Trouble.QUARANTINED,
        "sofr",
        "2026-09-03",
        431.0,
        "%",
    )


async def test_what_is_held_back_for_one_cause_is_one_notice() -> None:
    """However many there are and however long it lasts; good figures in between end it."""
    days = [BUSINESS.parse(f"2026-08-{day:02}") for day in range(3, 29)]
    nyfed = Provider(answers(*(figure("sofr", day, "-500") for day in days)))
    desk = Desk(SOFR, nyfed=nyfed)
    await desk.visit("nyfed")
    assert [(h.kind, h.period, h.count) for h in desk.told] == [
        (Trouble.QUARANTINED, "2026-08-03", 26)
    ]
    nyfed.answer = answers(*(figure("sofr", day, "-500") for day in (*days[5:], THURSDAY)))
    await desk.at(desk.next("nyfed"), "nyfed")
    assert len(desk.told) == 1
    desk.watch = desk.another_watch()
    good = [figure("sofr", THURSDAY, "4.31"), figure("sofr", FRIDAY, "-500")]
    nyfed.answer = answers(figure("sofr", days[-1], "-500"), *good)
    await desk.at(desk.next("nyfed"), "nyfed")
    assert [(h.period, h.count) for h in desk.told[1:]] == [("2026-09-04", 2)]


async def test_a_part_that_fails_is_told_and_the_rest_is_used() -> None:
    """Only what failed rests and is asked again; the host does not count as down."""
    error = SourceUnavailable("nyfed: answered HTTP 500")
    part = Poll((figure("tgcr", FRIDAY, "4.31"),), faults={"sofr": error})
    nyfed = Provider(lambda names: part if "tgcr" in names else error)
    desk = Desk(replace(SOFR, fallback=None), TGCR, nyfed=nyfed)
    outcome = await desk.visit("nyfed")
    assert (outcome.news, outcome.fault) == (1, "nyfed: answered HTTP 500")
    for _ in range(2):
        await desk.at(desk.next("nyfed"), "nyfed")
    assert [sorted(name for name, _ in asked) for asked in nyfed.asked] == [
        ["sofr", "tgcr"], ["sofr"], ["sofr"],
    ]  # fmt: skip
    assert [(h.kind, h.affected) for h in desk.told] == [(Trouble.SOURCE_FAILING, ("sofr",))]
    nyfed.answer = answers(figure("sofr", FRIDAY, "4.31"))
    await desk.at(desk.next("nyfed"), "nyfed")
    assert [h.kind for h in desk.told[1:]] == [Trouble.SOURCE_RECOVERED]


async def test_rows_that_cannot_be_read_are_one_notice() -> None:
    """A row that moves down as its table grows is the same row."""

    def table(line: int, *figures: Published) -> Answer:
        complaint = f"csv desk, line {line}: expected 2 cells, found 3"
        return Poll(figures, unread={"sofr": (complaint,)})

    nyfed = Provider(lambda _: table(7, figure("sofr", THURSDAY, "4.30")))
    desk = Desk(SOFR, nyfed=nyfed)
    await desk.visit("nyfed")
    nyfed.answer = lambda _: table(8, figure("sofr", FRIDAY, "4.31"))
    await desk.at(desk.next("nyfed"), "nyfed")
    assert [name for name, *_ in desk.facts] == ["sofr", "sofr"]
    assert [(h.kind, h.count, h.reason) for h in desk.told] == [
        (Trouble.ROWS_UNREAD, 1, "csv desk, line 7: expected 2 cells, found 3")
    ]


async def test_a_page_in_place_of_data_is_asked_for_again_soon() -> None:
    """It is told as a change of shape only when it came three times."""
    page = SourceChanged("nyfed: expected JSON, found a page (HTML or XML)", passing=True)
    nyfed = Provider(lambda _: page)
    desk = Desk(replace(SOFR, fallback=None), TGCR, nyfed=nyfed)
    start = desk.clock.now()
    await desk.visit("nyfed")
    nyfed.answer = answers(figure("sofr", FRIDAY, "4.31"))
    await desk.at(desk.next("nyfed"), "nyfed")
    assert (desk.told, desk.clock.now() - start <= timedelta(minutes=1)) == ([], True)
    assert [name for name, *_ in desk.facts] == ["sofr"]
    nyfed.answer = lambda _: page
    for _ in range(3):
        await desk.at(desk.next("nyfed"), "nyfed")
    assert [h.kind for h in desk.told] == [Trouble.SOURCE_CHANGED]


async def test_a_machine_that_is_offline_is_one_notice_and_one_at_its_end() -> None:
    """However many sources cannot be reached; a file of its own says nothing of the network."""
    error = SourceUnavailable("the connection failed (ConnectError)", reached=False)
    near = series("near", source="csv", fallback=None)
    names = ("nyfed", "ofr", "h41")
    sources = {name: Provider(lambda _: error) for name in names}
    followed = [series(f"of_{name}", source=name, fallback=None) for name in names]
    table = Provider(lambda _: Poll(local=True))
    desk = Desk(*followed, near, csv=table, **sources)
    for _ in range(6):
        for name in (*names, "csv"):
            await desk.at(max(desk.next(name), desk.clock.now()), name)
    (notice,) = desk.told
    assert (notice.kind, notice.count) == (Trouble.OFFLINE, 3)
    assert notice.affected == ("of_h41", "of_nyfed", "of_ofr")
    for source in sources.values():
        source.answer = lambda _: Poll()
    for name in names:
        await desk.at(max(desk.next(name), desk.clock.now()), name)
    assert [h.kind for h in desk.told[1:]] == [Trouble.ONLINE]


async def test_one_host_that_cannot_be_reached_is_named_while_others_answer() -> None:
    """The machine is not offline then."""
    error = SourceUnavailable("the connection failed (ConnectError)", reached=False)
    other = series("of_ofr", source="ofr", fallback=None)
    desk = Desk(TGCR, other, nyfed=Provider(lambda _: error), ofr=Provider())
    for _ in range(3):
        await desk.at(desk.next("nyfed"), "nyfed")
        await desk.visit("ofr")
    assert [(h.kind, h.name) for h in desk.told] == [(Trouble.SOURCE_FAILING, "nyfed")]


async def test_texts_are_polled_by_the_minute() -> None:
    """A source of texts is asked for no series; a text arrives once, and again when it changed."""
    item = TextItem(
        source="fed_press",
        key="https://example.org/1",
        title="Federal Reserve issues FOMC statement",
        body="conclude the reduction",
        published_at=EARLY,
        known_at=EARLY,
    )
    press = Press(lambda _: Poll(texts=(item,)))
    desk = Desk(texts=["fed_press"], fed_press=press)
    await desk.visit("fed_press")
    assert [a.texts for a in desk.arrivals] == [(item,)]
    assert press.asked == [("", None)]
    assert desk.next("fed_press") == EARLY + timedelta(minutes=1)
    corrected = replace(item, body="conclude the reduction on 1 December")
    press.answer = lambda _: Poll(texts=(item, corrected))
    await desk.at(desk.next("fed_press"), "fed_press")
    assert [a.texts for a in desk.arrivals] == [(item,), (corrected,)]


class TwoBanks(Press):
    """A source of texts that asks two hosts."""

    facts: ClassVar[SourceFacts] = SourceFacts(gives=Gives.TEXTS, hosts=("ecb", "boj"))


async def test_hosts_of_texts_fail_by_themselves() -> None:
    """Each has its cursor, its rest and its notice; what it is called is no matter to rules."""

    def answer(host: str) -> Answer:
        if host == "boj":
            return SourceUnavailable("boj does not answer")
        return Poll(texts=(item,), cursor="c1")

    item = TextItem(source="press", key="https://ecb.example/1", title="Statement", body="rates",
                    published_at=EARLY, known_at=EARLY)  # fmt: skip
    banks = TwoBanks(answer)
    desk = Desk(texts=["central_banks"], central_banks=banks)
    assert await desk.visit("central_banks") == Visit(
        "central_banks", (), fault="boj does not answer"
    )
    assert [each.source for a in desk.arrivals for each in a.texts] == ["central_banks"]
    assert desk.book.small == {"cursor/central_banks ecb": "c1"}
    assert desk.polling.failing() == {"central_banks boj": EARLY}
    for _ in range(2):
        await desk.at(desk.next("central_banks"), "central_banks")
    assert [h.name for h in desk.told] == ["central_banks boj"]
    assert banks.asked == [("ecb", None), ("boj", None), ("boj", None), ("boj", None)]
    await desk.at(EARLY + timedelta(minutes=1), "central_banks")
    assert banks.asked[4:] == [("ecb", "c1"), ("boj", None)]


async def test_a_commit_that_fails_is_polled_again() -> None:
    """Until the pipeline has recorded it, the cursor stays where it was."""
    nyfed = Provider(answers(figure("sofr", FRIDAY, "4.31"), cursor="c1"))
    desk = Desk(SOFR, nyfed=nyfed)
    visit = asyncio.create_task(desk.polling.visit("nyfed"))
    (await desk.inbox.get()).committed.set_exception(StoreError("disk full"))
    assert (await visit).fault == "not recorded: disk full"
    await desk.at(desk.next("nyfed"), "nyfed")
    assert nyfed.cursors == [None, None]
    assert desk.facts == [("sofr", FRIDAY, Decimal("0.0431"), "nyfed")]


async def test_run_once_asks_everybody_once_and_waits_for_nobody() -> None:
    """All at once, one try each, fallbacks included, and a source that hangs is said to."""
    desk = Desk(
        SOFR,
        series("rate", source="down", fallback="fred"),
        series("slow", source="hung", fallback=None),
        nyfed=Provider(answers(figure("sofr", FRIDAY, "4.31"))),
        down=Provider(lambda _: SourceUnavailable("down does not answer")),
        fred=Provider(answers(figure("rate", FRIDAY, "4.35"))),
        hung=Hung(),
        unused=Provider(),
    )
    desk.clock.advance_to(DUE + SECOND)
    outcomes = await desk.polling.poll_once(0.05)
    assert outcomes == [
        Visit("down", ("rate",), fault="down does not answer"),
        Visit("fred", ("rate",), news=1),
        Visit("hung", ("slow",), fault="no answer within 0.05 s"),
        Visit("nyfed", ("sofr",), news=1),
    ]
    arrived = [desk.inbox.get_nowait() for _ in range(desk.inbox.qsize())]
    assert {o.series for a in arrived for o in a.event.observations} == {"sofr", "rate"}
    assert [len(p.asked) for p in desk.sources.values()] == [1, 1, 1, 0, 0]


async def test_a_source_asked_twice_is_one_outcome() -> None:
    """A fallback of two sources that fail is reported once, and hides neither of them."""
    down = SourceUnavailable("no answer")
    desk = Desk(
        series("a", source="one", fallback="spare"),
        series("b", source="two", fallback="spare"),
        one=Provider(lambda _: down),
        spare=Provider(lambda names: down if "b" in names else Poll((figure("a", FRIDAY, "4.3"),))),
        two=Provider(lambda _: down),
    )
    desk.clock.advance_to(DUE + SECOND)
    assert await desk.polling.poll_once(1.0) == [
        Visit("one", ("a",), fault="no answer"),
        Visit("spare", ("a", "b"), news=1, fault="no answer"),
        Visit("two", ("b",), fault="no answer"),
    ]


async def test_the_fallback_that_hangs_does_not_hide_the_failure() -> None:
    """What the first choice said is reported, and that the other said nothing."""
    desk = Desk(
        series("a", source="one", fallback="spare"),
        one=Provider(lambda _: SourceUnavailable("one is down")),
        spare=Hung(),
    )
    desk.clock.advance_to(DUE + SECOND)
    assert await desk.polling.poll_once(0.05) == [
        Visit("one", ("a",), fault="one is down"),
        Visit("spare", ("a",), fault="no answer within 0.05 s"),
    ]


def hosted(name: str, host: str) -> Series:
    """Return a series that a host of the user's own gives."""
    ref = SourceRef("http_json", {"url": f"https://{host}/{name}?key=secret", "rows": "@"})
    return replace(series(name, fallback=None), source=ref)


async def test_hosts_of_one_source_fail_by_themselves() -> None:
    """One host that is down is asked less often, and is told about; the others go on as ever."""

    def answer(names: tuple[str, ...]) -> Answer:
        if "a" in names:
            return SourceUnavailable("http_json a: the connection failed")
        return Poll(tuple(figure(name, FRIDAY, "4.3") for name in names), cursor="c")

    http = Provider(answer)
    desk = Desk(hosted("a", "down.example"), hosted("b", "up.example"), hosted("c", "up.example"),
                http_json=http)  # fmt: skip
    assert await desk.visit("http_json") == Visit(
        "http_json", ("a", "b", "c"), news=2, fault="http_json a: the connection failed"
    )
    assert [[name for name, _ in asked] for asked in http.asked] == [["a"], ["b", "c"]]
    assert desk.polling.failing() == {"http_json down.example": EARLY}
    assert desk.book.small == {"cursor/http_json up.example": "c"}
    for _ in range(2):
        await desk.at(desk.next("http_json"), "http_json")
    assert [(h.name, h.affected) for h in desk.told] == [("http_json down.example", ("a",))]
    assert [[name for name, _ in asked] for asked in http.asked[2:]] == [["a"], ["a"]]


async def test_a_source_that_another_stands_in_for_leaves_nothing_waiting() -> None:
    """The notice of a failing source names only what nobody serves."""
    first = Provider(lambda _: SourceRefused("no"))
    desk = Desk(SOFR, TGCR, nyfed=first, fred=Provider(answers(figure("sofr", FRIDAY, "4.3"))))
    await desk.visit("nyfed")
    assert [h.affected for h in desk.told] == [("tgcr",)]


async def test_a_hole_is_asked_for_until_the_source_has_nothing_newer() -> None:
    """From the newest period held; in vain once is enough, until something comes again."""
    march, june = (BUSINESS.parse(day) for day in ("2026-03-02", "2026-06-01"))
    nyfed = Provider(answers(figure("sofr", march, "4.2")))
    desk = Desk(SOFR, nyfed=nyfed)
    desk.book.values["sofr", march] = (Decimal("0.042"), "nyfed")
    since: list[str | None] = []

    async def visit(*figures: Published) -> None:
        nyfed.answer = answers(*figures)
        await desk.at(desk.clock.now() + timedelta(hours=2), "nyfed")
        asked = nyfed.since[-1]
        since.append(None if asked is None else str(asked.date()))

    await visit()
    await visit()
    await visit(figure("sofr", june, "4.3"))
    await visit()
    await visit()
    await visit(figure("sofr", FRIDAY, "4.3"))
    await visit()
    await visit()
    assert since == ["2026-03-02", None, None, "2026-03-02", None, None, "2026-03-02", None]


async def test_a_failed_catch_up_is_tried_again() -> None:
    """Only an answer counts."""
    nyfed = Provider(lambda _: SourceUnavailable("no"))
    desk = Desk(SOFR, nyfed=nyfed)
    for _ in range(2):
        await desk.at(desk.next("nyfed"), "nyfed")
    assert [str(since.date()) for since in nyfed.since if since] == ["2024-09-07"] * 2


async def test_who_is_being_visited_is_not_planned_again(caplog: pytest.LogCaptureFixture) -> None:
    """A first choice that fails while its fallback is being visited starts no second visit."""
    going = asyncio.Event()

    class Slow(Provider):
        async def poll(self, *args: Any, **kwargs: Any) -> Poll:
            going.set()
            await asyncio.get_running_loop().create_future()
            raise AssertionError

    desk = Desk(
        SOFR, series("rate", source="fred", fallback=None),
        fred=Slow(), nyfed=Provider(lambda _: SourceUnavailable("no")),
        start=datetime.now(UTC),
    )  # fmt: skip
    running = asyncio.create_task(desk.polling.run())
    await asyncio.wait_for(going.wait(), 5)
    for _ in range(20):
        desk.polling.follow(desk.polling._following.series, ())
        await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "skipped" not in caplog.text


async def test_nothing_is_heard_of_a_series_before_its_visit_and_while_its_source_fails() -> None:
    """What is late is the publisher's doing only where he was reached."""
    nyfed = Provider(lambda _: SourceUnavailable("no"))
    desk = Desk(SOFR, nyfed=nyfed)
    heard = [desk.polling.hears(SOFR)]
    await desk.visit("nyfed")
    heard.append(desk.polling.hears(SOFR))
    nyfed.answer = lambda _: Poll()
    await desk.at(desk.next("nyfed"), "nyfed")
    heard += [desk.polling.hears(SOFR), desk.polling.hears(series("x", "gone", None))]
    assert heard == [False, False, True, True]


async def test_apscheduler_runs_the_visits() -> None:
    """Started, every source is visited at once; cancelled, polling ends."""
    nyfed = Provider(answers(figure("sofr", FRIDAY, "4.31")))
    desk = Desk(SOFR, nyfed=nyfed, start=datetime.now(UTC))
    running = asyncio.create_task(desk.polling.run())
    arrived = await asyncio.wait_for(desk.inbox.get(), 5)
    arrived.committed.set_result(None)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [o.series for o in arrived.event.observations] == ["sofr"]
    assert desk.polling.working(desk.clock.now())
    assert not desk.polling.working(desk.clock.now() + timedelta(hours=3))


async def test_a_bug_of_ours_ends_polling() -> None:
    """An invariant that broke is not swallowed by the scheduler."""
    desk = Desk(SOFR, nyfed=Provider(), start=datetime.now(UTC))

    async def broken(*args: Any, **kwargs: Any) -> Visit:
        raise ZeroDivisionError

    desk.polling._visit = broken  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(desk.polling.run(), 5)


def test_the_trigger_rests_until_the_visit_has_planned_the_next() -> None:
    """Asked when a job has just begun, it cannot know; asked anew, it asks the plan."""
    trigger = ReleaseTrigger(lambda now: now + SECOND)
    assert trigger.get_next_fire_time(None, EARLY) == EARLY + SECOND
    assert trigger.get_next_fire_time(EARLY, EARLY) == EARLY + REST
    assert str(trigger) == "release clock"


def test_a_reload_forgets_what_is_no_longer_followed() -> None:
    """A source that failed only for a series that is gone is well again."""

    async def story() -> None:
        desk = Desk(SOFR, nyfed=Provider(lambda _: SourceRefused("no")))
        await desk.visit("nyfed")
        assert desk.polling.failing() == {"nyfed": EARLY}
        desk.polling.follow([], [])
        assert desk.polling.failing() == {}
        assert [h.kind for h in desk.told] == [Trouble.SOURCE_REFUSED, Trouble.SOURCE_RECOVERED]

    asyncio.run(story())


# the self-watch by itself


def stand(state: FreshnessState) -> Freshness:
    """Return how SOFR of Friday stands."""
    return Freshness(state, FRIDAY, micros(DUE), TUESDAY, micros(DUE + timedelta(days=1)))


def held(period: int) -> Figure:
    """Return a figure of SOFR for a period."""
    return Figure(period, None, DUE, assumed=False, source="nyfed")


FRESH, LATE, STALE = FreshnessState.FRESH, FreshnessState.LATE, FreshnessState.STALE


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        pytest.param(
            [
                (FRESH, FRESH),
                (FreshnessState.DUE, FRESH),
                (LATE, LATE),
                (LATE, LATE),
                (FRESH, FRESH),
            ],
            [("series late", 2, "sofr tgcr"), ("series current", 4, "")],
            id="two series that are late together are one notice, and one when both came",
        ),
        pytest.param(
            [(LATE, FRESH), (STALE, FRESH), (STALE, FRESH), (FRESH, FRESH), (FRESH, FRESH)],
            [("series late", 0, "sofr"), ("series stale", 1, "sofr"), ("series current", 3, "")],
            id="a second release missed is told too",
        ),
        pytest.param(
            [(LATE, LATE), (FRESH, LATE), (FRESH, FRESH), (LATE, FRESH)],
            [
                ("series late", 0, "sofr tgcr"),
                ("series current", 2, ""),
                ("series late", 3, "sofr"),
            ],
            id="current is told only when all are, and what is late again is told again",
        ),
        pytest.param(
            [(LATE, FRESH), (LATE, LATE), (LATE, LATE)],
            [("series late", 0, "sofr"), ("series late", 1, "sofr tgcr")],
            id="a further series is news",
        ),
        pytest.param(
            [(STALE, LATE), (None, LATE), (None, FRESH), (STALE, FRESH), (FRESH, FRESH)],
            [("series stale", 0, "sofr tgcr"), ("series current", 4, "")],
            id="what is not heard of changes nothing",
        ),
    ],
)
async def test_late_figures_are_told_once_per_source(
    hours: list[tuple[FreshnessState | None, FreshnessState | None]],
    told: list[tuple[str, int, str]],
) -> None:
    """Hour by hour, how SOFR and TGCR stand, and what people are told; also by one that restarts."""
    desk = Desk()
    found: list[tuple[str, int, str]] = []
    for hour, states in enumerate(hours):
        watch = desk.another_watch()
        heard = [
            SeriesStanding(each, stand(state), held(THURSDAY))
            for each, state in zip((SOFR, TGCR), states, strict=True)
            if state is not None
        ]
        unheard = {"sofr", "tgcr"} - {one.series.name for one in heard}
        watch.freshness("nyfed", heard, at=DUE + timedelta(hours=hour), unheard=unheard)
        found += [(str(h.kind), hour, " ".join(h.affected)) for h in desk.told]
        desk.told.clear()
    assert found == told
    assert len(set(desk.keys)) == len(told)


async def test_a_late_notice_says_what_is_missing_and_what_is_frozen() -> None:
    """The period held, the one that was due and when, and the alerts without a new reading."""
    desk = Desk()
    desk.watch.frozen_by = lambda names: [f"rule of {name}" for name in names]
    desk.watch.freshness(
        "nyfed", [SeriesStanding(SOFR, stand(LATE), held(THURSDAY))], at=DUE + 7200 * SECOND
    )
    desk.watch.freshness(
        "nyfed", [SeriesStanding(SOFR, stand(FRESH), held(FRIDAY))], at=DUE + 9000 * SECOND
    )
    assert desk.told == [
        Health(
            kind=Trouble.SERIES_LATE,
            name="nyfed",
            since=DUE,
            affected=("sofr",),
            frozen=("rule of sofr",),
            every=BUSINESS,
            held="2026-09-03",
            period="2026-09-04",
        ),
        Health(kind=Trouble.SERIES_CURRENT, name="nyfed", lasted=timedelta(minutes=30)),
    ]


async def test_a_restart_tells_nothing_again() -> None:
    """What was told is remembered in the store."""
    desk = Desk()
    desk.watch.rule_broken("a", "division by zero", at=EARLY)
    again = desk.another_watch()
    again.rule_broken("a", "division by zero", at=EARLY + SECOND)
    assert again.troubles == {"rule/a": EARLY}
    again.rule_recovered("a", at=EARLY + 60 * SECOND)
    again.rule_recovered("a", at=EARLY + 61 * SECOND)
    assert [(h.kind, h.lasted) for h in desk.told] == [
        (Trouble.RULE_BROKEN, None),
        (Trouble.RULE_RECOVERED, timedelta(minutes=1)),
    ]
    assert json.loads(desk.book.small["selfwatch"]) == {}


async def test_what_could_not_be_recorded_is_told_later() -> None:
    """A database in trouble ends nobody who reports something, and costs no notice."""
    desk = Desk()
    full = [True]
    told = []

    def tell(health: Health, key: str) -> None:
        if full[0]:
            raise StoreError("disk full")
        told.append(health.kind)

    watch = SelfWatch(desk.book, tell)
    watch.receiver_broken("desk", "chat not found", place="slack:C01", at=EARLY)
    watch.rule_broken("a", "division by zero", at=EARLY)
    assert watch.broken_places() == {"slack:C01": EARLY}
    with pytest.raises(StoreError):
        watch.write()
    full[0] = False
    watch.write()
    watch.write()
    assert told == [Trouble.RECEIVER_BROKEN, Trouble.RULE_BROKEN]
    assert "receiver/desk/slack:C01" in desk.book.small["selfwatch"]


async def test_the_outbox_is_stuck_after_a_quarter_of_an_hour() -> None:
    """One notice while the oldest row waits; none when it has left, and a new one the next time."""
    desk = Desk()
    for minutes, oldest in ((5, EARLY), (15, EARLY), (16, EARLY), (17, None), (40, EARLY)):
        desk.watch.outbox(oldest=oldest, count=3, at=EARLY + timedelta(minutes=minutes))
    stuck = Health(kind=Trouble.OUTBOX_STUCK, since=EARLY, count=3)
    assert desk.told == [stuck, stuck]


async def test_receivers_and_reloads_are_told_by_what_is_wrong_with_them() -> None:
    """The same complaints once; other complaints again; after a valid reload, the same again."""
    desk = Desk()
    one = Problem(Span("a.yaml", 1, 1), "error", "unknown-series", "no such series: sofrr")
    two = Problem(Span("a.yaml", 2, 1), "error", "unknown-series", "no such series: efrr")
    for problems in ([one], [one], [one, two], [one]):
        desk.watch.reload_invalid(problems, at=EARLY)
    desk.watch.reload_valid(at=EARLY)
    desk.watch.reload_invalid([one], at=EARLY + SECOND)
    assert [h.problems for h in desk.told] == [(one,), (one, two), (one,)]
    desk.told.clear()
    for _ in range(2):
        desk.watch.receiver_broken("desk", "chat not found", place="slack:C01", at=EARLY)
    desk.watch.receiver_recovered("slack:C01", at=EARLY + SECOND)
    assert [h.kind for h in desk.told] == [Trouble.RECEIVER_BROKEN, Trouble.RECEIVER_RECOVERED]


# the heartbeat


async def test_the_heartbeat_beats_only_while_everything_works() -> None:
    """One minute apart; a check that fails is a beat that is missed."""
    clock = ManualClock(EARLY)
    well = {"polling": True, "delivery": True}
    beats: list[datetime] = []

    async def ping() -> None:
        beats.append(clock.now())
        if len(beats) == 1:
            raise OSError("unreachable")

    heart = Heartbeat(
        ping, clock=clock, checks={name: partial(well.__getitem__, name) for name in well}
    )
    running = asyncio.create_task(heart.run())
    for minute in range(5):
        well["delivery"] = minute != 2
        clock.advance_to(EARLY + timedelta(minutes=minute))
        for _ in range(5):
            await asyncio.sleep(0)
    running.cancel()
    assert [(beat - EARLY) // timedelta(minutes=1) for beat in beats] == [0, 1, 3, 4]


async def test_a_beat_is_a_request_whose_address_stays_secret() -> None:
    """The watchman is asked; that he cannot be reached is said without his address."""
    seen: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        raise httpx.ConnectError("no route to uuid")

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        heart = Heartbeat(
            pinging(Secret("https://beat.example/uuid"), client),
            clock=ManualClock(EARLY),
            checks={},
        )
        await heart._beat()
    assert seen == ["https://beat.example/uuid"]
    assert heart._silent == "the watchman cannot be reached (ConnectError)"


async def test_arrivals_never_share_an_instant() -> None:
    """Though the clock stands still, the second answer comes after the first."""
    desk = Desk(
        SOFR,
        series("rate", source="fred", fallback=None),
        nyfed=Provider(answers(figure("sofr", FRIDAY, "4.31"))),
        fred=Provider(answers(figure("rate", FRIDAY, "4.35"))),
    )
    await desk.visit("nyfed")
    await desk.visit("fred")
    assert [a.at for a in desk.arrivals] == [micros(EARLY), micros(EARLY) + 1]


def sources_are_sources(provider: Provider, press: Press) -> list[Source]:
    """Have mypy check that the fakes are sources."""
    return [provider, press]
