"""Replay equals live: figures that arrive one by one at a running daemon, and the tape of them.

A daemon lives through the last figures of the archive: the real service, feed, pipeline,
ledger, telling, delivery and self-watch, on a clock that jumps from one instant to the next,
over a real database. Then `replay` reads the same figures in one stride. Nothing may differ:
not a transition, not a message, not a byte.

Allowed differences, all of them:

- what a daemon says of itself (a source that is late) is no alert, and no tape holds it;
- the picture under a message is not drawn for a tape;
- where the bundled archive takes the place of what arrived, the origin of a figure: whether its
  instant is assumed, and who gave it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import structlog

from ebbwatch import app as root
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.facts.asof import Facts, History
from ebbwatch.locale import translator
from ebbwatch.model.alert import Change, Transition
from ebbwatch.model.message import OutboxRow, RowState
from ebbwatch.model.observation import Observation, Published
from ebbwatch.model.periods import instant, micros, period_of
from ebbwatch.model.text import LANGUAGES
from ebbwatch.ports import AlertRecord, Store, StoreError
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.desk import walked
from ebbwatch.runtime.feeds import Arrived, LiveFeed
from ebbwatch.runtime.ledger import HANDLED
from ebbwatch.runtime.lookback.replay import WantedSpan, as_json, replay, transitions
from ebbwatch.runtime.lookback.replay_messages import messages, to_one_reader
from ebbwatch.runtime.pipeline import Event
from ebbwatch.runtime.polling import Polling
from ebbwatch.store.codec import encode
from ebbwatch.store.in_memory import MemoryStore
from ebbwatch.store.open import open_store
from tests import postgres
from tests.contracts.stores import fresh_database
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import Heard, PublishingSource, RecordingNotifier, Stage

TRANSLATORS = {language: translator(language) for language in LANGUAGES}
#: The last instant that the bundled archive tells of, and beyond.
END = datetime(2026, 8, 22, tzinfo=UTC)
#: Seconds of waiting after which something hangs, also on a busy machine.
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _no_logs() -> None:
    """Keep what the ledger logs out of the way."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


#: The facility publishes its days in parts.
DRAW = b"rules: [{name: draw, value: standing_repo, above: {critical: $50bn}}]"

Arrivals = list[tuple[datetime, tuple[Observation, ...]]]


@cache
def pack() -> tuple[Ruleset, History]:
    """Return the default pack, told to one reader, and the bundled archive; read once."""
    files = {**root.rule_files(root.default_rules()), "draw.yaml": DRAW}
    loaded = root.load_rules(files).ruleset
    assert loaded is not None
    rules = to_one_reader(loaded, "en")
    return rules, root.history_from_archive(rules, None)


@dataclass(frozen=True)
class Life:
    """A stretch of the archive that a daemon lives through.

    Attributes:
        since: Day of the first figure that anybody knows.
        start: Instant from which figures arrive one by one.
        end: Instant after which nobody looks.
    """

    since: date
    start: datetime
    end: datetime

    def history(self, upto: datetime | None = None) -> History:
        """Return the archive's figures, those that came by an instant."""
        rules, whole = pack()
        some = root.empty_history(rules)
        begin = period_of(self.since)
        for name in whole.held:
            column = whole.column(name)
            assert column is not None
            index = np.flatnonzero(
                (column.periods >= begin) & (column.known <= micros(upto or self.end))
            )
            facts = Facts(
                column.periods[index], column.known[index], column.quanta[index],
                column.quantum, column.assumed[index], column.source[index], column.sources,
            )  # fmt: skip
            some.add(name, facts)
        return some


def arrivals(life: Life) -> Arrivals:
    """Return the archive's figures as a daemon sees them come: by the instant, first hand."""
    rules, history = pack()[0], life.history()
    found: dict[datetime, list[Observation]] = {}
    for name in history.held:
        for figure in history.observations(name):
            if figure.known_at > life.start:
                found.setdefault(figure.known_at, []).append(
                    Observation(
                        series=name, period=figure.period, value=decimal(figure.value),
                        known_at=figure.known_at, source=rules.series[name].source.name,
                    )
                )  # fmt: skip
    return [(at, tuple(found[at])) for at in sorted(found)]


def decimal(value: Fraction | None) -> Decimal | None:
    """Return a figure as it was published, nothing rounded."""
    if value is None:
        return None
    found = Decimal(value.numerator) / Decimal(value.denominator)
    assert Fraction(found) == value
    return found


def providers(life: Life, clock: ManualClock) -> dict[str, PublishingSource]:
    """Return sources that publish the archive's figures when they came out, in their own units.

    Each keeps all it ever published, the newest version of a period.
    """
    found: dict[str, PublishingSource] = {}
    for at, observations in arrivals(life):
        for each in observations:
            value, unit = each.value, pack()[0].series[each.series].unit
            published = Published(
                series=each.series, period=each.period,
                value=None if value is None else value / unit.factor,
            )  # fmt: skip
            found.setdefault(each.source, PublishingSource(clock)).figures.append((at, published))
    return found


class Daemon:
    """A daemon over a database, on a clock that jumps to whatever comes next."""

    def __init__(self, store: Store, life: Life, start: datetime, *, sources: bool = False) -> None:
        """Put it together, over what was known before and what the store holds since."""
        self.clock = ManualClock(start)
        self.providers = providers(life, self.clock) if sources else {}
        self.heard: list[Heard] = []
        self.store = store
        self.stage = Stage(
            pack()[0], store, self.clock, history=life.history(life.start),
            notifiers={"terminal": RecordingNotifier(self.clock, self.heard.append)},
            sources=self.providers,
        )  # fmt: skip
        self.service = self.stage.service

    async def _turn(self, done: Callable[[], bool]) -> None:
        """Let every task go on until something is done."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if done():
                return
            assert not self.running.done(), self.running.exception()
            await asyncio.sleep(0)
        raise AssertionError("the daemon waits for something that does not come")

    def _delivered(self) -> bool:
        """Return whether nothing is being sent, or should be."""
        due = self.store.next_due()
        if due is None:
            return True
        waiting = self.store.outbox(states=("waiting", "claimed"))
        return due > self.clock.now() and all(row.state is RowState.WAITING for row in waiting)

    async def _tick(self, upto: int) -> None:
        """Let time pass, from one instant at which something is due to the next."""
        pipeline = self.service.pipeline
        while (due := pipeline.next_due()) is not None and due < upto:
            self.clock.advance_to(max(self.clock.now(), instant(due)))
            await self._turn(lambda due=due: pipeline.handled >= due)  # type: ignore[misc]
            await self._turn(self._delivered)

    async def _arrived(self, at: datetime, observations: tuple[Observation, ...]) -> None:
        """Put on the inbox what polling would."""
        arrived = Arrived(Event(at=micros(at), observations=observations))
        self.service.feed.inbox.put_nowait(arrived)
        self.clock.advance_to(at)
        await self._turn(arrived.committed.done)

    async def _polled(self, at: datetime) -> None:
        """Visit every source, as is done when they publish."""
        self.clock.advance_to(at)
        outcomes = await self.service.polling.poll_once(5.0)
        assert [each.fault for each in outcomes if each.fault] == []
        assert [each.source for each in outcomes if each.held] == []
        # Of some series no rule reads, and nobody asks. What two sources bring at one instant
        # comes a microsecond apart.
        if news := sum(each.news > 0 for each in outcomes):
            await self._turn(lambda: self.service.pipeline.handled >= micros(at) + news - 1)

    async def live(
        self, days: Sequence[tuple[datetime, tuple[Observation, ...]]], until: datetime
    ) -> None:
        """Run through what arrives, then stop as a service manager stops it."""
        self.service.begin()
        self.running = asyncio.create_task(self.service.run())
        for at, observations in days:
            await self._tick(micros(at))
            await (self._polled(at) if self.providers else self._arrived(at, observations))
            await self._turn(self._delivered)
        await self._tick(micros(until) + 1)
        self.stage.stop.set()
        await self.running


def live_until_start(store: Store, life: Life) -> None:
    """Fill a store as a daemon leaves it that watched from the first figure on."""
    judge = Judge(pack()[0], life.history(life.start))
    for _ in messages(judge, replay(judge), store, TRANSLATORS, lambda _at: False):
        pass
    # A tape does not walk an alert of which nothing can be told; whoever lives does.
    versions = {name: record.version for name, record in store.alerts().items()}
    states = walked(judge, judge.watched, micros(life.start))
    with store.transaction():
        store.save_alerts([
            AlertRecord(
                name=name, definition=rule.rule.definition, ladder=rule.rule.ladder,
                state=states.get(name, AlertState()).to_json(), version=versions.get(name, 0),
            )
            for name, rule in judge.watched.items()
        ])  # fmt: skip
        store.put(HANDLED, life.start.isoformat())


Told = tuple[object, ...]


def told(rows: Iterable[OutboxRow], life: Life) -> list[Told]:
    """Return every message as receivers get it, in order; the picture is left out."""
    return sorted(
        (row.created_at, row.key, row.episode, row.target.receiver, row.not_before,
         row.expires_at, row.quiet, encode(replace(row.message, chart=None)))
        for row in rows
        if row.created_at > life.start and not row.key.startswith("notice/")
    )  # fmt: skip


def moved(found: Iterable[Transition], life: Life) -> list[Transition]:
    """Return every transition in order of time, then rule, and why it was not told."""
    return sorted((t for t in found if t.at > life.start), key=lambda t: (t.at, t.rule))


def check(
    open_one: Callable[[], Store],
    life: Life,
    restarts: Sequence[int] = (),
    *,
    sources: bool = False,
) -> int:
    """Live through figures, and check that replay says the same; return how much was told.

    Args:
        open_one: Opens the database, which is empty at first.
        life: What to live through.
        restarts: Before which arrivals everything is closed and built anew.
        sources: Whether figures come by polling, not ready on the inbox.
    """
    store = open_one()
    assert store.lead("me")
    live_until_start(store, life)
    days, start = arrivals(life), life.start
    edges = [*sorted(restarts), len(days)]
    for first, last in itertools.pairwise([0, *edges]):
        until = life.end if last == len(days) else days[last][0] - timedelta(microseconds=1)
        daemon = Daemon(store, life, start, sources=sources)
        asyncio.run(daemon.live(days[first:last], until))
        store.close()
        store, start = open_one(), until
        assert store.lead("me")
    lived, heard = moved(store.transitions(), life), told(store.outbox(limit=1_000_000), life)
    history = life.history(life.start)
    history.observe(store.observations())
    store.close()

    judge, read = Judge(pack()[0], history), MemoryStore()
    journal = replay(judge)
    taped = told(messages(judge, journal, read, TRANSLATORS, lambda at: at > life.start), life)
    assert heard == taped
    assert lived == moved(read.transitions(), life)
    span = WantedSpan(start=micros(life.start) + 1, everything=True)
    assert [as_json(t) for t in lived] == [as_json(t) for t in transitions(judge, journal, span)]

    if sources:
        return len(heard)
    bundled = Judge(pack()[0], life.history())
    assert [unsourced(t) for t in lived] == [
        unsourced(t) for t in transitions(bundled, replay(bundled), span)
    ]
    return len(heard)


def unsourced(transition: Transition) -> str:
    """Return a transition's line without where its figures come from."""
    inputs = tuple(replace(row, assumed=False, source="") for row in transition.inputs)
    return as_json(replace(transition, inputs=inputs))


#: Month end, quarter end, a shutdown that delays GDP, the dearest repo since 2020.
AUTUMN = Life(
    date(2023, 1, 1), datetime(2025, 10, 20, tzinfo=UTC), datetime(2025, 11, 8, tzinfo=UTC)
)
#: The largest draws on the standing facility, each known in the morning.
YEAR_END = Life(
    date(2025, 1, 1), datetime(2025, 12, 26, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC)
)
#: From the archive's first figure on, the last two years.
TWO_YEARS = Life(date(1900, 1, 1), datetime(2024, 8, 20, tzinfo=UTC), END)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Give the address of a PostgreSQL server."""
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Give what opens a database of each kind in turn."""
    if request.param == "sqlite":
        yield lambda: open_store(f"sqlite:///{tmp_path / 'ebbwatch.db'}")
        return
    with fresh_database(request.getfixturevalue("server")) as url:
        yield lambda: open_store(url)


def test_what_a_daemon_lived_through_is_what_replay_says(database: Callable[[], Store]) -> None:
    """Three weeks of autumn 2025, every transition and every message, byte for byte."""
    assert check(database, AUTUMN) > 15


@pytest.mark.slow
def test_two_years_of_a_daemon_are_what_replay_says(database: Callable[[], Store]) -> None:
    """The archive's last two years, after all that went before."""
    assert check(database, TWO_YEARS) > 100


def test_restarts_in_the_middle_change_nothing(database: Callable[[], Store]) -> None:
    """Closed and built anew from the database before any arrival, one goes on as if nothing was."""
    chance = random.Random(7)
    assert check(database, AUTUMN, chance.sample(range(1, len(arrivals(AUTUMN))), 6)) > 15


def test_what_is_polled_is_what_replay_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same by polling: visits when sources publish, the edge, the inbox, the cursors."""

    async def never(_polling: Polling) -> None:
        await asyncio.Event().wait()

    # APScheduler goes by the wall clock: here the visits are made one by one.
    monkeypatch.setattr(Polling, "run", never)
    url = f"sqlite:///{tmp_path / 'ebbwatch.db'}"
    assert check(lambda: open_store(url), AUTUMN, sources=True) > 15


@pytest.mark.parametrize("sources", [False, True], ids=["arrives", "polled"])
def test_the_draw_of_the_last_day_of_2025_is_lived_through_in_the_morning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, sources: bool
) -> None:
    """It fires at 08:31 New York, and is over with a day that is whole; with restarts between."""

    async def never(_polling: Polling) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Polling, "run", never)
    url = f"sqlite:///{tmp_path / 'ebbwatch.db'}"
    restarts = [n for n, (at, _) in enumerate(arrivals(YEAR_END)) if at.hour in (13, 18)]
    check(lambda: open_store(url), YEAR_END, restarts, sources=sources)
    store = open_store(url)
    found = [(t.at, t.change) for t in store.transitions() if t.rule == "draw"]
    store.close()
    assert found[-2:] == [
        (datetime(2025, 12, 31, 13, 31, 20, tzinfo=UTC), Change.FIRED),
        (datetime(2026, 1, 2, 18, 45, tzinfo=UTC), Change.RESOLVED),
    ]


# ---- what no stretch of the archive shows ---------------------------------------------------

DEAR = "rules: [{name: dear, value: iorb, above: {warning: 5 %}}]"


def rate(day: date, known_at: datetime) -> Observation:
    """Return a rate paid on reserves of 6 %, announced for a day."""
    return Observation(
        series="iorb", period=period_of(day), value=Decimal("0.06"), known_at=known_at,
        source="fed_policy",
    )  # fmt: skip


def stage_at(store: Store, at: datetime) -> Stage:
    """Return a daemon with one rule that has begun."""
    stage = Stage(valid(DEAR), store, ManualClock(at), notifiers={})
    stage.service.begin()
    return stage


def test_what_took_effect_while_nobody_ran_is_walked_when_somebody_does() -> None:
    """A rate announced for the next day crosses at its midnight, whoever is there."""
    store, noon = MemoryStore(), datetime(2026, 3, 4, 17, tzinfo=UTC)
    stage = stage_at(store, noon)
    announced = rate(date(2026, 3, 5), noon)
    stage.service.pipeline.handle(Event(at=micros(noon) + 1, observations=(announced,)))
    assert store.transitions() == []
    stage_at(store, noon + timedelta(days=1))
    assert [(t.at, t.change) for t in store.transitions()] == [
        (datetime(2026, 3, 5, 5, tzinfo=UTC), Change.FIRED)
    ]


class FullStore(MemoryStore):
    """A store that has no room for a transition."""

    def append(self, transitions: Sequence[Transition]) -> int:
        """Refuse what there is."""
        if transitions:
            raise StoreError("there is no room")
        return 0


def test_a_fact_whose_consequence_cannot_be_recorded_is_not_recorded_either() -> None:
    """All of an event lasts, or nothing: the source is asked again."""
    store, noon = FullStore(), datetime(2026, 3, 4, 17, tzinfo=UTC)
    stage = stage_at(store, noon)
    event = Event(at=micros(noon) + 1, observations=(rate(date(2026, 3, 4), noon),))
    with pytest.raises(StoreError):
        stage.service.pipeline.handle(event)
    assert list(store.observations()) == []
    assert store.get(HANDLED) == noon.isoformat()


async def test_what_arrives_at_an_instant_comes_before_the_tick_of_it() -> None:
    """Both are due: figures first, then time, once, with what they changed."""
    noon = datetime(2026, 3, 4, 17, tzinfo=UTC)
    inbox: asyncio.Queue[Arrived] = asyncio.Queue()
    feed = LiveFeed(ManualClock(noon), inbox, asyncio.Event())
    figure = rate(date(2026, 3, 4), noon)
    inbox.put_nowait(Arrived(Event(at=micros(noon), observations=(figure,))))
    assert await feed.next(due=micros(noon)) == Event(at=micros(noon), observations=(figure,))
    assert await feed.next(due=micros(noon)) == Event(at=micros(noon))
