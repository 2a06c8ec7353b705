"""Polling: the schedule by which sources are visited, dense when they publish.

One job per source, run by APScheduler through a trigger of ours that asks the plan
(`core.facts.poll_plan`) for each thing the source is asked for. Who is asked for what is said by
`following`, what a visit does by `visits`, who is left alone for a while by `failures`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_SUBMITTED,
    JobEvent,
)
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from ebbwatch.core.facts.edge import HeldFigures
from ebbwatch.core.facts.poll_plan import next_poll, next_texts, planned_visit
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.periods import instant, micros
from ebbwatch.model.series import Series
from ebbwatch.ports import Clock, Source
from ebbwatch.runtime.feeds import Arrived
from ebbwatch.runtime.following import Following, Question
from ebbwatch.runtime.source_failures import Failures
from ebbwatch.runtime.trigger import ReleaseTrigger
from ebbwatch.runtime.visits import Kept, Visit, Visits, Watch

#: Series planned for within this of each other are asked for together.
_TOGETHER = timedelta(seconds=1)

#: Where there is nothing to plan, the plan is looked at again after this.
_IDLE = timedelta(hours=1)


@dataclass(slots=True)
class _Once:
    """A visit of `poll_once`; without an outcome while it lasts."""

    source: str
    series: tuple[str, ...]
    outcome: Visit | None = None


class Polling:
    """Visits all sources, each in its own time."""

    def __init__(
        self,
        *,
        clock: Clock,
        sources: Mapping[str, Source],
        release: ReleaseClock,
        history: HeldFigures,
        kept: Kept,
        inbox: asyncio.Queue[Arrived],
        watch: Watch,
        jitter: Callable[[], float],
    ) -> None:
        """Take the parts; `follow` says what to poll.

        Args:
            clock: Who says what time it is.
            sources: Adapters by name; a source that is not among them counts as down. More may
                be added before `follow` is called again.
            release: The release clock of the catalogue.
            history: What is held.
            kept: The store.
            inbox: Where arrivals go.
            watch: Who tells people.
            jitter: Gives a number from [0, 1).
        """
        self._clock = clock
        self._sources = sources
        self._failures = Failures()
        self._following = Following(sources, self._failures, history, release)
        self._visits = Visits(
            clock=clock, following=self._following, failures=self._failures, history=history,
            kept=kept, inbox=inbox, watch=watch,
        )  # fmt: skip
        self._draw = jitter
        self._jitter: dict[str, float] = {}
        self._running: set[str] = set()
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
        self._following.take(series, texts, release)
        at = self._clock.now()
        for ended in self._failures.keep(lambda name: self._following.asked(name, at)):
            self._visits.recovered(ended)
        for name in self._sources:
            self._jitter.setdefault(name, self._draw())
        self._plan(*self._sources)

    def replan(self) -> None:
        """Plan every visit anew: the clock is another."""
        self._plan(*self._sources)

    async def run(self) -> None:
        """Poll until cancelled.

        Raises:
            Exception: Whatever a bug of ours raised in a job; APScheduler would swallow it.
        """
        self._crashed = asyncio.get_running_loop().create_future()
        self._scheduler.start()
        self._plan(*self._sources)
        try:
            await self._crashed
        finally:
            self._scheduler.shutdown(wait=False)
            await asyncio.gather(*self._jobs, return_exceptions=True)

    async def poll_once(self, timeout_s: float) -> list[Visit]:
        """Visit every source once, all at the same time, whatever is due; then return.

        Arrivals lie on the inbox and need not be committed meanwhile. A first choice that
        fails is followed by its fallbacks within the same time.

        Returns:
            One outcome per source, in order of name; whoever was asked on behalf of another
            counts as well.
        """
        at = self._clock.now()
        asked = {n: found for n in self._sources if (found := self._following.asked(n, at))}
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
        outcomes: dict[str, Visit] = {}
        for visit in visits:
            outcome = visit.outcome or Visit(visit.source, visit.series, fault=silent)
            before = outcomes.get(visit.source)
            outcomes[visit.source] = outcome if before is None else before.joined(outcome)
        if tasks:
            # Whoever does not let itself be cancelled is not waited for.
            await asyncio.wait(tasks, timeout=_TOGETHER.total_seconds())
        return [outcomes[name] for name in sorted(outcomes)]

    def failing(self) -> dict[str, datetime]:
        """Return the sources, or hosts of them, that fail, and since when."""
        return {failure.whom: failure.since for failure in self._failures}

    def silent(self) -> list[str]:
        """Return the sources that fail, or that were not asked for everything yet."""
        at = self._clock.now()
        return sorted(
            name
            for name in self._sources
            if any(
                self._visits.last(question) is None or self._failures.of(question) is not None
                for question in self._following.asked(name, at)
            )
        )

    def offline(self) -> bool:
        """Return whether nothing at all can be reached."""
        return bool(self._failures.unreached())

    def report(self) -> None:
        """Report who fails now, however short a time, to whoever tells people."""
        self._visits.report()

    def hears(self, series: Series) -> bool:
        """Return whether what comes of a series is up to its publisher.

        Not so before its first visit in this run, nor while its source fails. A series that
        nobody can be asked for is heard: that nothing comes of it is all there is to know.
        """
        question = self._following.served_by(series)
        return question is None or (
            self._visits.last(question) is not None and self._failures.of(question) is None
        )

    def working(self, at: datetime, *, within: timedelta = timedelta(hours=2)) -> bool:
        """Return whether polling works: some source answered lately, and not all fail."""
        answered_at = self._failures.answered_at
        return (
            answered_at is not None
            and at - answered_at <= within
            and len({failure.source for failure in self._failures}) < len(self._sources)
        )

    def awaited(self, since: datetime) -> bool:
        """Return whether anything that was due at an instant was not asked for since."""
        at = self._clock.now()
        return any(
            ((last := self._visits.last(question)) is None or last < since)
            and self._planned(question, since) <= since
            for name in self._sources
            for question in self._following.asked(name, at)
        )

    # when

    def next_visit(self, name: str, at: datetime) -> datetime:
        """Return when a source is to be visited next, never before `at`."""
        planned = [self._planned(each, at) for each in self._following.asked(name, at)]
        return max(at, min(planned, default=at + _IDLE))

    def _planned(self, question: Question, at: datetime) -> datetime:
        """Return when something is to be asked for; may have passed."""
        rest = self._failures.rest(question)
        if rest is not None and self._failures.of(question) is not None:
            return rest
        visited = self._visits.last(question)
        last = None if visited is None else micros(visited)
        facts = self._sources[question.source].facts
        planned_at = None if last is None else planned_visit(facts.planned, last)
        jitter = self._jitter[question.source]
        if question.wanted is None:
            planned = next_texts(
                last_poll_at=last, at=micros(at), jitter=jitter, planned_at=planned_at
            )
        else:
            series = question.wanted.series
            due_at, held, next_due_at = self._following.due(series, micros(at))
            planned = next_poll(
                due_at=due_at,
                held=held,
                next_due_at=next_due_at,
                last_poll_at=last,
                at=micros(at),
                every=series.every,
                jitter=jitter,
                planned_at=planned_at,
            )
        return instant(planned) if rest is None else max(instant(planned), rest)

    def _plan(self, *names: str) -> None:
        """Have APScheduler ask anew when to visit; who is being visited plans when it is over."""
        if not self._scheduler.running:
            return
        for name in set(names) - self._running:
            trigger = ReleaseTrigger(partial(self.next_visit, name))
            try:
                self._scheduler.reschedule_job(name, trigger=trigger)
            except JobLookupError:
                self._scheduler.add_job(self._job, trigger, args=[name], id=name)

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
        try:
            self._plan(name, *self._following.stood_in_by(name))
        except Exception as err:  # noqa: BLE001  # APScheduler would swallow it
            self._crash(err)

    def _crash(self, err: Exception) -> None:
        if self._crashed is not None and not self._crashed.done():
            self._crashed.set_exception(err)

    async def visit(self, name: str) -> Visit:
        """Visit a source for the series whose time has come, until all of it is committed."""
        at = self._clock.now()
        due = [
            question
            for question in self._following.asked(name, at)
            if self._planned(question, at) <= at + _TOGETHER
        ]
        return await self._visit(name, due, commit=True)

    async def _visit(self, name: str, questions: Iterable[Question], *, commit: bool) -> Visit:
        visit = await self._visits.make(name, questions, commit=commit)
        self._jitter[name] = self._draw()
        return visit

    async def _visit_with_fallbacks(
        self, name: str, questions: Collection[Question], visits: list[_Once]
    ) -> None:
        """Visit a source once, then whoever stands in for it."""
        await self._visit_once(name, questions, visits)
        at = self._clock.now()
        stand_ins: dict[str, list[Question]] = {}
        for series in self._following.series:
            ref = self._following.stand_in(series, at)
            if series.source.name == name and ref is not None:
                stand_ins.setdefault(ref.name, []).append(self._following.question(ref, series))
        for other, found in stand_ins.items():
            await self._visit_once(other, found, visits)

    async def _visit_once(
        self, name: str, questions: Collection[Question], visits: list[_Once]
    ) -> None:
        visit = _Once(name, tuple(each.series for each in questions if each.wanted))
        visits.append(visit)
        visit.outcome = await self._visit(name, questions, commit=False)
