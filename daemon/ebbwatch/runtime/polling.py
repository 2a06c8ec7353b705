"""Polling: visits sources when they publish, and hands what is news to the pipeline.

One job per source, run by APScheduler through a trigger of ours that asks the release clock.
A visit asks for the series that are due one, admits the answer at the edge, and puts it on
the inbox together with the source's cursor: whoever handles the inbox commits both, so that
nothing is lost between a poll and its record. Nothing is decided here.

A source is asked for more than its newest figures where what is held ends further back than
a plain visit reaches: after downtime, and on a first start, when the bundled history is months
old. Such an answer is one arrival like any other.

``csv`` and ``http_json`` are not one provider but many: their series are asked for host by
host, at the same time, and each host fails, rests and is told about by itself.

First choice and fallback: a series is asked of its fallback while its first choice fails,
from the instant its figure is due, and of the first choice again as soon as that answers.

Errors of the world end here. The first failure of a source is logged as a warning, further
ones at DEBUG, the recovery with its duration; people are told once per source or host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial, reduce
from typing import Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_SUBMITTED,
    JobEvent,
)
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from ebbwatch.core.edge import Admitted, History, Notice, admit
from ebbwatch.core.poll_plan import catch_up_from, next_poll, revision_visit
from ebbwatch.core.release_clock import ReleaseClock
from ebbwatch.core.render import Trouble
from ebbwatch.model.observation import Observation, TextItem
from ebbwatch.model.periods import instant, micros
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.ports import (
    Clock,
    Held,
    Poll,
    Source,
    SourceChanged,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    StoreError,
    Wanted,
)
from ebbwatch.runtime.trigger import ReleaseTrigger

#: A visit that takes longer has hung.
LONGEST_VISIT_S = 600.0

#: Series planned for within this of each other are asked for together.
_TOGETHER = timedelta(seconds=1)

#: Where there is nothing to plan, the plan is looked at again after this.
_IDLE = timedelta(hours=1)

#: How often a source of texts is asked. Most press releases come unannounced, but the FOMC's
#: statement is put up at 14:00 in New York: around then, more often.
#: Source: federalreserve.gov, statements of 2025 and 2026, as recorded 2026-09-25.
_TEXTS_EVERY = timedelta(minutes=1)
_STATEMENT_AT = time(14, 0, 2)
_STATEMENT_WITHIN = timedelta(minutes=5)
_STATEMENT_EVERY = timedelta(seconds=5)
_NEW_YORK = ZoneInfo("America/New_York")

#: After a failure, the first pause, which doubles, and the longest.
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=15)

#: A source that merely does not answer is told about after so many visits in vain.
_TELL_AFTER = 3

#: Sources that are as many providers as there are hosts (or files) named in the catalogue.
_MANY_HOSTS = frozenset({"csv", "http_json"})

#: Least distance of two arrivals.
_APART = timedelta(microseconds=1)

_MINUTE = 60_000_000

#: Stands among a source's series for its texts.
_TEXTS = ""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What a visit brought, to be committed as one event.

    Attributes:
        at: UTC instant at which it was seen; later than that of any earlier arrival.
        observations: News, in base units.
        texts: Texts that are news: of a new address, or with another body than any before.
        held: To be put into quarantine.
        cursors: Key and text to be put into the store in the same transaction.
        committed: To be resolved by whoever handles it: with None after the commit, or with
            the error that prevented it. The source is not asked again before.
    """

    at: datetime
    observations: tuple[Observation, ...] = ()
    texts: tuple[TextItem, ...] = ()
    held: tuple[Held, ...] = ()
    cursors: tuple[tuple[str, str], ...] = ()
    committed: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future(),
        compare=False,
        repr=False,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one visit went.

    Attributes:
        source: Visited.
        series: Asked for.
        news: Observations it brought.
        held: Observations that went into quarantine.
        fault: Why there is no answer, or no whole one; empty where all is well.
    """

    source: str
    series: tuple[str, ...]
    news: int = 0
    held: int = 0
    fault: str = ""

    def joined(self, other: Outcome) -> Outcome:
        """Return two visits to one source as one."""
        faults = dict.fromkeys(filter(None, (self.fault, other.fault)))
        return Outcome(
            self.source,
            tuple(dict.fromkeys((*self.series, *other.series))),
            self.news + other.news,
            self.held + other.held,
            "; ".join(faults),
        )


@dataclass(slots=True)
class _Once:
    """A visit of `poll_once`; without an outcome while it lasts."""

    source: str
    series: tuple[str, ...]
    outcome: Outcome | None = None


class Watch(Protocol):
    """Whoever tells people about the health of sources and series (`runtime.selfwatch`)."""

    def source_failed(
        self, source: str, kind: Trouble, reason: str, *, since: datetime, affected: Sequence[str]
    ) -> None:
        """Hear that a source fails."""
        ...

    def source_recovered(self, source: str, *, at: datetime) -> None:
        """Hear that it answers."""
        ...

    def noticed(self, notices: Sequence[Notice], *, at: datetime) -> None:
        """Hear what the edge noticed."""
        ...

    def in_shape(self, series: str, *, at: datetime) -> None:
        """Hear that a series' answer could be used."""
        ...

    def held_back(self, held: Held, series: Series, *, at: datetime) -> None:
        """Hear of a value in quarantine."""
        ...


class Kept(Protocol):
    """What is read of the store; writing it is the pipeline's."""

    def get(self, key: str) -> str | None:
        """Return a small stored text."""
        ...

    def texts(self, source: str) -> list[TextItem]:
        """Return the texts held of a source."""
        ...


@dataclass(slots=True)
class _Failure:
    """A source, or one host of it, that fails.

    Attributes:
        source: Its name.
        since: First failure.
        last_at: Newest failure.
        count: Failures so far.
        series: Those asked for in vain.
    """

    source: str
    since: datetime
    last_at: datetime
    count: int = 0
    series: set[str] = field(default_factory=set)


class Polling:
    """Visits all sources, each in its own time."""

    def __init__(
        self,
        *,
        clock: Clock,
        sources: Mapping[str, Source],
        release: ReleaseClock,
        history: History,
        kept: Kept,
        inbox: asyncio.Queue[Arrived],
        watch: Watch,
        jitter: Callable[[], float],
    ) -> None:
        """Take the parts; `follow` says what to poll.

        Args:
            clock: Who says what time it is.
            sources: Adapters by name; a source that is not among them counts as down.
            release: The release clock of the catalogue.
            history: What is held.
            kept: The store.
            inbox: Where arrivals go.
            watch: Who tells people.
            jitter: Gives a number from [0, 1).
        """
        self._clock = clock
        self._sources = sources
        self._release = release
        self._history = history
        self._kept = kept
        self._inbox = inbox
        self._watch = watch
        self._draw = jitter
        self._jitter = {name: jitter() for name in sources}
        self._series: tuple[Series, ...] = ()
        self._texts: frozenset[str] = frozenset()
        self._visited: dict[tuple[str, str], datetime] = {}
        self._not_before: dict[tuple[str, str], datetime] = {}
        self._failures: dict[str, _Failure] = {}
        self._changed: set[tuple[str, str]] = set()
        self._served: dict[str, str] = {}
        #: From which period a source was asked in vain for anything newer, and the newest
        #: period held then; None for none.
        self._silent: dict[tuple[str, str], tuple[int, int | None]] = {}
        self._running: set[str] = set()
        self._answered_at: datetime | None = None
        self._arrived_at = datetime.min.replace(tzinfo=UTC)
        self._admitting = asyncio.Lock()
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            # However late a visit is, it is better than none; and never two at once.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(self._begun, EVENT_JOB_SUBMITTED)
        self._scheduler.add_listener(self._over, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self._crashed: asyncio.Future[None] | None = None
        self._jobs: set[asyncio.Task[Any]] = set()

    def follow(
        self,
        series: Iterable[Series],
        texts: Collection[str],
        *,
        release: ReleaseClock | None = None,
    ) -> None:
        """Poll for these series and texts from now on; called again after a reload."""
        self._series = tuple(series)
        self._texts = frozenset(texts)
        self._release = release or self._release
        for whom, failure in list(self._failures.items()):
            failure.series &= self._asked(failure.source, self._clock.now()).keys()
            self._relent(whom, failure)
        for name in self._sources:
            self._plan(name)

    async def run(self) -> None:
        """Poll until cancelled.

        Raises:
            Exception: Whatever a bug of ours raised in a job; APScheduler would swallow it.
        """
        self._crashed = asyncio.get_running_loop().create_future()
        self._scheduler.start()
        for name in self._sources:
            trigger = ReleaseTrigger(partial(self.next_visit, name))
            self._scheduler.add_job(self._job, trigger, args=[name], id=name)
        try:
            await self._crashed
        finally:
            self._scheduler.shutdown(wait=False)
            await asyncio.gather(*self._jobs, return_exceptions=True)

    async def poll_once(self, timeout_s: float) -> list[Outcome]:
        """Visit every source once, all at the same time, whatever is due; then return.

        Arrivals lie on the inbox and need not be committed meanwhile. A first choice that
        fails is followed by its fallbacks within the same time.

        Returns:
            One outcome per source, in order of name; whoever was asked on behalf of another
            counts as well.
        """
        at = self._clock.now()
        asked = {name: found for name in self._sources if (found := self._asked(name, at))}
        visits: list[_Once] = []
        tasks = [
            asyncio.create_task(self._visit_with_fallbacks(name, found, visits))
            for name, found in asked.items()
        ]
        if tasks:
            done, late = await asyncio.wait(tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            for task in done:
                task.result()
        silent = f"no answer within {timeout_s:g} s"
        outcomes: dict[str, Outcome] = {}
        for visit in visits:
            outcome = visit.outcome or Outcome(visit.source, visit.series, fault=silent)
            before = outcomes.get(visit.source)
            outcomes[visit.source] = outcome if before is None else before.joined(outcome)
        if tasks:
            # Whoever does not let itself be cancelled is not waited for.
            await asyncio.wait(tasks, timeout=_TOGETHER.total_seconds())
        return [outcomes[name] for name in sorted(outcomes)]

    def failing(self) -> dict[str, datetime]:
        """Return the sources, or hosts of them, that fail, and since when."""
        return {whom: failure.since for whom, failure in self._failures.items()}

    def hears(self, series: Series) -> bool:
        """Return whether what comes of a series is up to its publisher.

        Not so before its first visit in this run, nor while its source fails. A series that
        nobody can be asked for is heard: that nothing comes of it is all there is to know.
        """
        refs = [series.source, series.fallback]
        ref = next((ref for ref in refs if ref and ref.name in self._sources), None)
        return ref is None or (
            (ref.name, series.name) in self._visited and not self._fails(ref, series)
        )

    def _fails(self, ref: SourceRef, series: Series) -> bool:
        """Return whether a source was asked in vain for a series."""
        failure = self._failures.get(_whom(ref.name, ref.argument))
        return failure is not None and series.name in failure.series

    def working(self, at: datetime, *, within: timedelta = timedelta(hours=2)) -> bool:
        """Return whether polling works: some source answered lately, and not all fail."""
        return (
            self._answered_at is not None
            and at - self._answered_at <= within
            and len({failure.source for failure in self._failures.values()}) < len(self._sources)
        )

    # when

    def next_visit(self, name: str, at: datetime) -> datetime:
        """Return when a source is to be visited next, never before `at`."""
        planned = [
            self._planned(name, key, each, at) for key, each in self._asked(name, at).items()
        ]
        return max(at, min(planned, default=at + _IDLE))

    def _asked(self, name: str, at: datetime) -> dict[str, Wanted | None]:
        """Return what a source is to be asked for, by series; None for its texts.

        The series that it is the fallback of are among them while it has to stand in.
        """
        asked: dict[str, Wanted | None] = {_TEXTS: None} if name in self._texts else {}
        for series in self._series:
            if series.source.name == name:
                asked[series.name] = Wanted(series, series.source.argument)
            elif (ref := self._stand_in(series, at)) is not None and ref.name == name:
                asked[series.name] = Wanted(series, ref.argument)
        return asked

    def _stand_in(self, series: Series, at: datetime) -> SourceRef | None:
        """Return the fallback of a series if it is needed, else None."""
        first, fallback = series.source.name, series.fallback
        if fallback is None or fallback.name not in self._sources:
            return None
        if first not in self._sources:
            return fallback
        failure = self._failures.get(_whom(first, series.source.argument))
        if failure is None or series.name not in failure.series:
            return None
        due_at, held, _ = self._due(series, micros(at))
        if held:
            return None
        resting = self._not_before.get((first, series.name), at) > at
        failed_since_due = due_at is None or micros(failure.last_at) >= due_at
        return fallback if failed_since_due or resting else None

    def _due(self, series: Series, at: int) -> tuple[int | None, bool, int | None]:
        """Return when the newest figure was due, whether it is held, and when the next is due."""
        due = self._release.due_period(series, at)
        if due is None:
            return None, False, None
        newest = self._history.newest(series.name)
        following = self._release.next_period(series, due)
        return (
            self._release.expected_at(series, due),
            newest is not None and newest[0] >= due,
            self._release.expected_at(series, following),
        )

    def _planned(self, name: str, key: str, wanted: Wanted | None, at: datetime) -> datetime:
        """Return when a source is to be asked for a series; may have passed."""
        not_before = self._not_before.get((name, key))
        failure = self._failures.get(_whom(name, wanted.argument if wanted else ""))
        if not_before is not None and failure is not None and key in failure.series:
            return not_before
        visited = self._visited.get((name, key))
        if wanted is None:
            planned = at if visited is None else _next_texts(visited, self._jitter[name])
        else:
            due_at, held, next_due_at = self._due(wanted.series, micros(at))
            last = None if visited is None else micros(visited)
            planned = instant(
                next_poll(
                    due_at=due_at,
                    held=held,
                    next_due_at=next_due_at,
                    last_poll_at=last,
                    at=micros(at),
                    every=wanted.series.every,
                    jitter=self._jitter[name],
                    revision_at=None if last is None else revision_visit(wanted.series, last),
                )
            )
        return planned if not_before is None else max(planned, not_before)

    def _plan(self, *names: str) -> None:
        """Have APScheduler ask again when to visit; who is being visited plans when it is over."""
        if not self._scheduler.running:
            return
        for name in set(names) - self._running:
            trigger = ReleaseTrigger(partial(self.next_visit, name))
            try:
                self._scheduler.reschedule_job(name, trigger=trigger)
            except JobLookupError:
                continue

    # visits

    async def _job(self, name: str) -> None:
        """Visit a source for what is due; a bug ends the daemon."""
        task = asyncio.current_task()
        assert task is not None
        self._jobs.add(task)
        try:
            await self.visit(name)
        except asyncio.CancelledError:
            # The end of polling; APScheduler would log it as a job's error.
            return
        except Exception as err:  # noqa: BLE001  # handed on to `run`, which raises it
            self._crash(err)
        finally:
            self._jobs.discard(task)

    def _begun(self, event: JobEvent) -> None:
        """Hear that APScheduler started a job."""
        self._running.add(event.job_id)

    def _over(self, event: JobEvent) -> None:
        """Hear that a job has ended, and plan anew: its own next visit, and its stand-ins'."""
        name = event.job_id
        self._running.discard(name)
        fallbacks = {
            series.fallback.name
            for series in self._series
            if series.fallback is not None and series.source.name == name
        }
        try:
            self._plan(name, *(fallbacks & self._sources.keys()))
        except Exception as err:  # noqa: BLE001  # APScheduler would swallow it
            self._crash(err)

    def _crash(self, err: Exception) -> None:
        if self._crashed is not None and not self._crashed.done():
            self._crashed.set_exception(err)

    async def visit(self, name: str) -> Outcome:
        """Visit a source for the series whose time has come, until all of it is committed."""
        at = self._clock.now()
        asked = self._asked(name, at)
        due = {
            key: wanted
            for key, wanted in asked.items()
            if self._planned(name, key, wanted, at) <= at + _TOGETHER
        }
        return await self._visit(name, due, commit=True)

    async def _visit_with_fallbacks(
        self, name: str, asked: Mapping[str, Wanted | None], visits: list[_Once]
    ) -> None:
        await self._visit_once(name, asked, visits)
        at = self._clock.now()
        stand_ins: dict[str, dict[str, Wanted | None]] = {}
        for series in self._series:
            if series.source.name == name and (ref := self._stand_in(series, at)) is not None:
                stand_ins.setdefault(ref.name, {})[series.name] = Wanted(series, ref.argument)
        for other, found in stand_ins.items():
            await self._visit_once(other, found, visits)

    async def _visit_once(
        self, name: str, asked: Mapping[str, Wanted | None], visits: list[_Once]
    ) -> None:
        visit = _Once(name, tuple(key for key in asked if key != _TEXTS))
        visits.append(visit)
        visit.outcome = await self._visit(name, asked, commit=False)

    async def _visit(
        self, name: str, asked: Mapping[str, Wanted | None], *, commit: bool
    ) -> Outcome:
        """Ask a source for some series, all its hosts at the same time."""
        hosts: dict[str, dict[str, Wanted | None]] = {}
        for key, wanted in asked.items():
            hosts.setdefault(_whom(name, wanted.argument if wanted else ""), {})[key] = wanted
        found = await asyncio.gather(
            *(self._visit_host(name, whom, part, commit=commit) for whom, part in hosts.items())
        )
        self._jitter[name] = self._draw()
        return reduce(Outcome.joined, found, Outcome(name, ()))

    async def _visit_host(
        self, name: str, whom: str, asked: Mapping[str, Wanted | None], *, commit: bool
    ) -> Outcome:
        """Ask one provider for some series.

        An answer that changed its shape spoils only what it is an answer to: the series are
        then asked for one by one, and those that are sick stay apart until they are well.
        """
        groups = [[key for key in asked if (name, key) not in self._changed]]
        groups += [[key] for key in asked if (name, key) in self._changed]
        news = held = 0
        faults: list[str] = []
        for group in filter(None, groups):
            began_at = self._clock.now()
            wanted = [each for key in group if (each := asked[key]) is not None]
            starts = self._starts(name, wanted, began_at)
            try:
                poll = await self._ask(name, whom, wanted, min(starts.values(), default=None))
                admitted = await self._admit(name, whom, wanted, poll, commit=commit)
            except SourceChanged as err:
                if len(group) > 1:
                    groups += [[key] for key in group]
                    continue
                self._failed(name, whom, group, err, Trouble.SOURCE_CHANGED)
                faults.append(str(err))
            except SourceError as err:
                refused = isinstance(err, SourceRefused)
                kind = Trouble.SOURCE_REFUSED if refused else Trouble.SOURCE_FAILING
                self._failed(name, whom, group, err, kind)
                faults.append(str(err))
            except StoreError as err:
                log.warning("observation.unrecorded", source=name, reason=str(err))
                faults.append(f"not recorded: {err}")
            except Exception as err:
                # A poisoned answer must not stop the other sources.
                if whom not in self._failures:
                    log.exception("source.broke", source=whom, series=group)
                self._failed(name, whom, group, err, Trouble.SOURCE_CHANGED)
                faults.append(f"could not be read ({type(err).__name__}); the log says where")
            else:
                self._answered(name, whom, group)
                self._caught_up(name, starts, began_at)
                news += len(admitted.observations)
                held += len(admitted.held)
                lasted = self._clock.now() - began_at
                (log.info if admitted.observations else log.debug)(
                    "source.polled",
                    source=whom,
                    series=[key for key in group if key],
                    since=instant(min(starts.values()) * _MINUTE).isoformat() if starts else None,
                    news=len(admitted.observations),
                    held=len(admitted.held),
                    note=poll.note,
                    duration_ms=round(lasted / timedelta(milliseconds=1)),
                )
            for key in group:
                self._visited[name, key] = began_at
        series = tuple(key for key in asked if key != _TEXTS)
        return Outcome(name, series, news, held, "; ".join(dict.fromkeys(faults)))

    def _starts(self, name: str, wanted: Iterable[Wanted], at: datetime) -> dict[str, int]:
        """Return the period from which each series has a hole to be filled, where it has one."""
        starts: dict[str, int] = {}
        for series in (each.series for each in wanted):
            held = self._history.newest(series.name)
            newest = None if held is None else held[0]
            silent = self._silent.get((name, series.name))
            if silent is None:
                start = self._hole(name, series, newest, at)
            else:
                # In vain once is enough; until something comes, for then more may have come
                # than a plain visit saw.
                start = None if newest == silent[1] else silent[0]
            if start is not None:
                starts[series.name] = start
        return starts

    def _hole(self, name: str, series: Series, newest: int | None, at: datetime) -> int | None:
        due = self._release.due_period(series, micros(at))
        return catch_up_from(series, name, newest=newest, due=due, at=micros(at))

    def _caught_up(self, name: str, starts: Mapping[str, int], at: datetime) -> None:
        """Remember what had nothing newer though it was asked."""
        for series in self._series:
            if (start := starts.get(series.name)) is None:
                continue
            held = self._history.newest(series.name)
            newest = None if held is None else held[0]
            if self._hole(name, series, newest, at) is None:
                self._silent.pop((name, series.name), None)
            else:
                self._silent[name, series.name] = (start, newest)

    async def _ask(self, name: str, whom: str, wanted: Sequence[Wanted], start: int | None) -> Poll:
        try:
            async with asyncio.timeout(LONGEST_VISIT_S):
                return await self._sources[name].poll(
                    wanted,
                    cursor=self._kept.get(_key(whom)),
                    since=None if start is None else instant(start * _MINUTE),
                )
        except TimeoutError:
            message = f"{whom} was not done within {LONGEST_VISIT_S:g} s"
            raise SourceUnavailable(message) from None

    async def _admit(
        self, name: str, whom: str, wanted: Sequence[Wanted], poll: Poll, *, commit: bool
    ) -> Admitted:
        """Hand what is news to the pipeline; return once it is committed, if that is wanted.

        One answer at a time, because the next is compared with what this one adds.
        """
        async with self._admitting:
            # Instants order events: two answers never share one, even if the clock stands still.
            at = max(self._clock.now(), self._arrived_at + _APART)
            self._arrived_at = at
            parts = [
                admit(
                    each.series,
                    [p for p in poll.published if p.series == each.series.name],
                    self._history,
                    at=at,
                    source=name,
                    first_choice=each.series.source.name == name,
                )
                for each in wanted
            ]
            whole = Admitted(
                tuple(o for part in parts for o in part.observations),
                tuple(h for part in parts for h in part.held),
                tuple(n for part in parts for n in part.notices),
            )
            cursor = None if poll.cursor == self._kept.get(_key(whom)) else poll.cursor
            texts = self._new_texts(name, poll.texts)
            if whole.observations or whole.held or texts or cursor is not None:
                arrived = Arrived(
                    at=at,
                    observations=whole.observations,
                    texts=texts,
                    held=whole.held,
                    cursors=() if cursor is None else ((_key(whom), cursor),),
                )
                self._inbox.put_nowait(arrived)
                if commit:
                    await arrived.committed
            self._report(name, [(w.series, p) for w, p in zip(wanted, parts, strict=True)], at)
            return whole

    def _new_texts(self, name: str, texts: Sequence[TextItem]) -> tuple[TextItem, ...]:
        if not texts:
            return ()
        held = {(item.key, item.body) for item in self._kept.texts(name)}
        return tuple(item for item in texts if (item.key, item.body) not in held)

    def _report(self, name: str, parts: Iterable[tuple[Series, Admitted]], at: datetime) -> None:
        """Tell the self-watch what the edge found, and the log who serves a series now."""
        for series, part in parts:
            self._watch.noticed(part.notices, at=at)
            for held in part.held:
                self._watch.held_back(held, series, at=at)
            if not any(notice.stops for notice in part.notices):
                self._watch.in_shape(series.name, at=at)
            if part.observations:
                before = self._served.get(series.name, series.source.name)
                self._served[series.name] = name
                if before != name:
                    log.info("series.served", series=series.name, source=name, before=before)

    # how it went

    def _failed(
        self, name: str, whom: str, keys: Sequence[str], err: Exception, kind: Trouble
    ) -> None:
        at = self._clock.now()
        failure = self._failures.setdefault(whom, _Failure(name, since=at, last_at=at))
        failure.count += 1
        failure.last_at = at
        failure.series |= set(keys)
        asked_for_patience = err.after if isinstance(err, SourceUnavailable) else None
        pause = min(_FIRST_PAUSE * 2 ** min(failure.count - 1, 10), _LONGEST_PAUSE)
        if kind is Trouble.SOURCE_CHANGED:
            self._changed |= {(name, key) for key in keys}
            pause, resting = _LONGEST_PAUSE, set(keys)
        else:
            # The source as a whole asks for a rest, not only what was asked for this time.
            resting = set(keys) | {
                key
                for key, each in self._asked(name, at).items()
                if _whom(name, each.argument if each else "") == whom
            }
        for key in resting:
            self._not_before[name, key] = at + max(pause, asked_for_patience or pause)
        reason = str(err) if isinstance(err, SourceError) else "its answer could not be read"
        (log.warning if failure.count == 1 else log.debug)(
            "source.failed",
            source=whom,
            kind=str(kind),
            reason=reason,
            count=failure.count,
            since=failure.since.isoformat(),
        )
        if kind is not Trouble.SOURCE_FAILING or failure.count >= _TELL_AFTER:
            affected = self._waiting(name, failure)
            self._watch.source_failed(whom, kind, reason, since=failure.since, affected=affected)

    def _waiting(self, name: str, failure: _Failure) -> list[str]:
        """Return the series that nobody serves while a source fails, in order of name."""
        return sorted(
            series.name
            for series in self._series
            if series.name in failure.series
            and all(
                self._fails(ref, series)
                for ref in (series.source, series.fallback)
                if ref is not None and ref.name != name and ref.name in self._sources
            )
        )

    def _answered(self, name: str, whom: str, keys: Sequence[str]) -> None:
        at = self._clock.now()
        self._answered_at = at
        self._changed -= {(name, key) for key in keys}
        for key in keys:
            self._not_before.pop((name, key), None)
        failure = self._failures.get(whom)
        if failure is None:
            return
        failure.series -= set(keys)
        self._relent(whom, failure)

    def _relent(self, whom: str, failure: _Failure) -> None:
        """Take a source for well again when nothing is left that was asked for in vain."""
        if failure.series:
            return
        del self._failures[whom]
        at = self._clock.now()
        lasted = at - failure.since
        log.info("source.recovered", source=whom, lasted_s=lasted.total_seconds())
        self._watch.source_recovered(whom, at=at)


def _next_texts(visited: datetime, jitter: float) -> datetime:
    """Return when to look for texts after a visit."""
    statement = datetime.combine(visited.astimezone(_NEW_YORK), _STATEMENT_AT, _NEW_YORK)
    if statement <= visited < statement + _STATEMENT_WITHIN:
        return visited + _STATEMENT_EVERY
    regular = visited + _TEXTS_EVERY * (1 + jitter / 4)
    return statement.astimezone(UTC) if visited < statement < regular else regular


def _whom(name: str, argument: str | Mapping[str, Any]) -> str:
    """Return who is asked: a source, or one host or file of a source that is many."""
    if name not in _MANY_HOSTS or not isinstance(argument, Mapping):
        return name
    url = argument.get("url")
    place = argument.get("path") if url is None else urlsplit(str(url)).hostname
    return f"{name} {place}"


def _key(whom: str) -> str:
    """Return where the cursor of a source, or of one host of it, is kept in the store."""
    return f"cursor/{whom}"
