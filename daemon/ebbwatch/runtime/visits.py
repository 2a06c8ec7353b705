"""Visits to sources: ask, admit the answer, and hand what is news to the pipeline.

An answer is admitted at the edge and put on the inbox together with the source's cursor:
whoever handles the inbox commits both, so that nothing is lost between a poll and its record.
Nothing is decided here.

Hosts of a source are asked at the same time, and each fails and is told about by itself. An
answer that changed its shape spoils only what it is an answer to: the series are then asked
for one by one.

Errors of the world end here. The first failure of a host is logged as a warning, further ones
at DEBUG, the recovery with its duration; people are told once per host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Protocol

import structlog

from ebbwatch.core.doubts import HeldBack
from ebbwatch.core.facts.edge import Admitted, HeldFigures, Notice, unread_rows
from ebbwatch.core.facts.period_parts import admit_by_parts
from ebbwatch.core.render import Trouble
from ebbwatch.model.observation import TextItem
from ebbwatch.model.periods import MINUTE, Micros, instant, micros
from ebbwatch.model.series import Series
from ebbwatch.model.text import clean
from ebbwatch.ports import (
    Clock,
    Poll,
    SourceChanged,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    StoreError,
    TextSource,
    Wanted,
)
from ebbwatch.runtime.feeds import Arrived
from ebbwatch.runtime.following import Following, Question
from ebbwatch.runtime.holes import Holes
from ebbwatch.runtime.ledger import HANDLED
from ebbwatch.runtime.pipeline import Event
from ebbwatch.runtime.source_failures import Failures, HostFailure

#: A visit that takes longer has hung.
LONGEST_S = 600.0

#: A host that merely does not answer is told about after so many visits in vain.
_TELL_AFTER = 3

#: How long a host that cannot be reached is kept to ourselves, where nobody else was asked.
_PATIENCE = timedelta(minutes=10)

#: A source of texts that is read for the first time has news as old as this.
_NEWS_OF_FIRST_READING = timedelta(days=1)

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

#: Least distance of two arrivals.
_APART = timedelta(microseconds=1)


log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Visit:
    """How one visit to a source went.

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

    def joined(self, other: Visit) -> Visit:
        """Return two visits to one source as one."""
        faults = dict.fromkeys(filter(None, (self.fault, other.fault)))
        return Visit(
            self.source,
            tuple(dict.fromkeys((*self.series, *other.series))),
            self.news + other.news,
            self.held + other.held,
            "; ".join(faults),
        )


class Watch(Protocol):
    """Tells people about the health of sources and series (`runtime.selfwatch`)."""

    def source_failed(
        self, source: str, kind: Trouble, reason: str, *, since: datetime, affected: Sequence[str]
    ) -> None:
        """Hear that a host of a source fails."""
        ...

    def source_recovered(self, source: str, *, at: datetime) -> None:
        """Hear that it answers."""
        ...

    def offline(
        self, count: int, *, since: datetime, affected: Sequence[str], at: datetime
    ) -> None:
        """Hear that no host can be reached at all."""
        ...

    def online(self, *, at: datetime) -> None:
        """Hear that one was reached."""
        ...

    def noticed(self, notices: Sequence[Notice], *, at: datetime) -> None:
        """Hear what the edge noticed."""
        ...

    def in_shape(self, series: str, *, at: datetime) -> None:
        """Hear that a series' answer could be used."""
        ...

    def held_back(self, found: HeldBack, series: Series, *, at: datetime) -> None:
        """Hear of figures in quarantine."""
        ...

    def held_none(self, series: str, *, at: datetime) -> None:
        """Hear that figures of a series came, and none is in quarantine."""
        ...


class Kept(Protocol):
    """What is read of the store; writing it is the pipeline's."""

    def get(self, key: str) -> str | None:
        """Return a small stored text."""
        ...

    def texts(self, source: str) -> list[TextItem]:
        """Return the texts held of a source."""
        ...


class Visits:
    """Makes visits, any number at a time."""

    def __init__(
        self,
        *,
        clock: Clock,
        following: Following,
        failures: Failures,
        history: HeldFigures,
        kept: Kept,
        inbox: asyncio.Queue[Arrived],
        watch: Watch,
    ) -> None:
        """Take the parts.

        Args:
            clock: Who says what time it is.
            following: What is watched, and who can be asked.
            failures: Where is noted how each visit went.
            history: What is held.
            kept: The store.
            inbox: Where arrivals go.
            watch: Who tells people.
        """
        self._clock = clock
        self._following = following
        self._failures = failures
        self._history = history
        self._kept = kept
        self._inbox = inbox
        self._watch = watch
        self._holes = Holes(following, history)
        self._at: dict[tuple[str, str], datetime] = {}
        self._served: dict[str, str] = {}
        self._arrived_at = _BEGINNING
        self._admitting = asyncio.Lock()

    def last(self, question: Question) -> datetime | None:
        """Return when something was last asked for in this run; None for not yet."""
        return self._at.get(question.key)

    async def make(self, name: str, questions: Iterable[Question], *, commit: bool) -> Visit:
        """Ask a source some questions, all its hosts at the same time.

        With `commit`, return only once what it brought is recorded.
        """
        hosts: dict[str, list[Question]] = {}
        for question in questions:
            hosts.setdefault(question.whom, []).append(question)
        found = await asyncio.gather(*(self._host(part, commit=commit) for part in hosts.values()))
        return reduce(Visit.joined, found, Visit(name, ()))

    async def _host(self, questions: Sequence[Question], *, commit: bool) -> Visit:
        """Ask one host: for what is well together, for what is sick one by one."""
        groups = [[each for each in questions if not self._failures.is_sick(each)]]
        groups += [[each] for each in questions if self._failures.is_sick(each)]
        visit = Visit(questions[0].source, tuple(each.series for each in questions if each.wanted))
        visit_at = self._clock.now()
        for group in filter(None, groups):
            began_at = self._clock.now()
            try:
                found = await self._group(group, began_at, visit_at, commit=commit)
            except SourceChanged as err:
                if len(group) > 1 and not err.passing:
                    groups += [[each] for each in group]
                    continue
                found = self._in_vain(group, err, visit_at)
            except SourceError as err:
                found = self._in_vain(group, err, visit_at)
            except StoreError as err:
                log.warning("observation.unrecorded", source=visit.source, reason=str(err))
                found = Visit(visit.source, (), fault=f"not recorded: {err}")
            except Exception as err:
                # A poisoned answer must not stop the other sources.
                if self._failures.of(group[0]) is None:
                    log.exception(
                        "source.broke", source=group[0].whom, series=[q.series for q in group]
                    )
                found = self._in_vain(group, err, visit_at)
            for question in group:
                self._at[question.key] = began_at
            visit = visit.joined(found)
        return visit

    async def _group(
        self, group: Sequence[Question], began_at: datetime, visit_at: datetime, *, commit: bool
    ) -> Visit:
        """Ask a host for some things together; return what came of it."""
        name, whom = group[0].source, group[0].whom
        wanted = [each.wanted for each in group if each.wanted is not None]
        starts = self._holes.begin(name, [each.series for each in wanted], began_at)
        start = min(starts.values(), default=None)
        since = None if start is None else instant(Micros(start * MINUTE))
        poll = await self._ask(group[0], wanted, since)
        wanted = [each for each in wanted if each.series.name not in poll.faults]
        admitted = await self._admit(name, whom, wanted, poll, commit=commit)
        failed = self._apart(group, poll)
        good = [each for each in group if each.series not in poll.faults]
        if good:
            self._answered(good, local=poll.local)
        in_shape = {series: start for series, start in starts.items() if series not in poll.faults}
        self._holes.asked(name, in_shape, began_at)
        lasted = self._clock.now() - began_at
        (log.info if admitted.observations else log.debug)(
            "source.polled",
            source=whom,
            series=[each.series.name for each in wanted],
            since=None if since is None else since.isoformat(),
            news=len(admitted.observations),
            held=len(admitted.held),
            note=poll.note,
            duration_ms=round(lasted / timedelta(milliseconds=1)),
        )
        visit = Visit(name, (), len(admitted.observations), len(admitted.held))
        return reduce(
            Visit.joined,
            (self._in_vain(part, err, visit_at, whole=not good) for err, part in failed),
            visit,
        )

    @staticmethod
    def _apart(
        group: Sequence[Question], poll: Poll
    ) -> list[tuple[SourceError, Sequence[Question]]]:
        """Return the questions that a visit brought no answer to, by the error."""
        failed: dict[int, tuple[SourceError, list[Question]]] = {}
        for question in group:
            if (error := poll.faults.get(question.series)) is not None:
                failed.setdefault(id(error), (error, []))[1].append(question)
        return list(failed.values())

    async def _ask(self, first: Question, wanted: Sequence[Wanted], since: datetime | None) -> Poll:
        """Ask a host for its texts, or for some series.

        Raises:
            SourceError: As the adapter says; `SourceUnavailable` when it took too long.
        """
        source, cursor = self._following.sources[first.source], self._kept.get(_key(first.whom))
        try:
            async with asyncio.timeout(LONGEST_S):
                if isinstance(source, TextSource):
                    return await source.read(first.host, cursor=cursor)
                return await source.poll(wanted, cursor=cursor, since=since)
        except TimeoutError:
            message = f"{first.whom} was not done within {LONGEST_S:g} s"
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
            if (handled_at := self._handled_at()) > at:
                at = handled_at + _APART
            self._arrived_at = at
            parts = [
                admit_by_parts(
                    each.series,
                    [p for p in poll.published if p.series == each.series.name],
                    self._history,
                    self._following.release,
                    at=at,
                    source=name,
                    first_choice=each.series.source.name == name,
                    ahead=self._following.sources[name].facts.ahead,
                )
                for each in wanted
            ]
            parts = [
                replace(part, notices=(*part.notices, unread_rows(each.series, name, unread)))
                if (unread := poll.unread.get(each.series.name))
                else part
                for each, part in zip(wanted, parts, strict=True)
            ]
            whole = Admitted(
                tuple(o for part in parts for o in part.observations),
                tuple(h for part in parts for h in part.held),
                tuple(n for part in parts for n in part.notices),
                tuple(h for part in parts for h in part.held_back),
            )
            brought = dict.fromkeys(o.series for o in whole.observations)
            met = tuple(name for name in brought if self._history.newest(name) is None)
            cursor = None if poll.cursor == self._kept.get(_key(whom)) else poll.cursor
            texts, past = self._new_texts(name, whom, poll.texts, at)
            if whole.observations or whole.held or texts or past or cursor is not None:
                arrived = Arrived(
                    Event(
                        at=micros(at),
                        observations=whole.observations,
                        texts=texts,
                        past_texts=past,
                        held=whole.held,
                        met=met,
                        cursors=() if cursor is None else ((_key(whom), cursor),),
                    )
                )
                self._inbox.put_nowait(arrived)
                if commit:
                    await arrived.committed
            self._report(name, [(w.series, p) for w, p in zip(wanted, parts, strict=True)], at)
            return whole

    def _handled_at(self) -> datetime:
        """Return the newest instant that was decided on: later than now, where the clock went back."""
        handled = self._kept.get(HANDLED)
        return _BEGINNING if handled is None else datetime.fromisoformat(handled)

    def _new_texts(
        self, name: str, whom: str, texts: Sequence[TextItem], at: datetime
    ) -> tuple[tuple[TextItem, ...], tuple[TextItem, ...]]:
        """Return the texts of new addresses and those with another body: news, and the past.

        Where nothing was ever read of a source, what it published long before is the past.
        """
        if not texts:
            return (), ()
        texts = [replace(t, title=clean(t.title), body=clean(t.body)) for t in texts]
        held = {(item.key, clean(item.body)) for item in self._kept.texts(name)}
        # Rules name a source by its entry point, whatever the adapter calls itself.
        found = [replace(item, source=name) for item in texts if (item.key, item.body) not in held]
        if held or self._kept.get(_key(whom)) is not None:
            return tuple(found), ()
        first = at - _NEWS_OF_FIRST_READING
        return (
            tuple(item for item in found if item.published_at >= first),
            tuple(item for item in found if item.published_at < first),
        )

    def _report(self, name: str, parts: Iterable[tuple[Series, Admitted]], at: datetime) -> None:
        """Tell the self-watch what the edge found, and the log who serves a series now."""
        for series, part in parts:
            self._watch.noticed(part.notices, at=at)
            for held_back in part.held_back:
                self._watch.held_back(held_back, series, at=at)
            if part.observations and not part.held_back:
                self._watch.held_none(series.name, at=at)
            if not any(notice.stops for notice in part.notices):
                self._watch.in_shape(series.name, at=at)
            if part.observations:
                before = self._served.get(series.name, series.source.name)
                self._served[series.name] = name
                if before != name:
                    log.info("series.served", series=series.name, source=name, before=before)

    # how it went

    def _in_vain(
        self,
        group: Sequence[Question],
        err: Exception,
        visit_at: datetime,
        *,
        whole: bool = True,
    ) -> Visit:
        """Note that a host was asked in vain, and tell people where that is due.

        Args:
            group: What it was asked for.
            err: Why in vain.
            visit_at: When the visit to the host began.
            whole: Whether it answered nothing else meanwhile.
        """
        at = self._clock.now()
        known = self._failures.of(group[0])
        again = 0 if known is None else known.count
        kind = _trouble(err, again=again + 1)
        sick = kind is Trouble.SOURCE_CHANGED
        failure = self._failures.failed(
            group, err, sick=sick, whole=whole, began_at=visit_at, at=at
        )
        expected = isinstance(err, SourceError)
        reason = str(err) if expected else "its answer could not be read"
        # A failure that lasts is told, and warned of then (`selfwatch`).
        (log.info if failure.count == 1 else log.debug)(
            "source.failed",
            source=failure.whom,
            kind=str(kind),
            reason=reason,
            count=failure.count,
            since=failure.since.isoformat(),
        )
        if failure.reached:
            self._watch.online(at=at)
        if kind is not Trouble.SOURCE_FAILING or failure.count >= _TELL_AFTER:
            self._tell(failure, kind, reason, at)
        unread = f"could not be read ({type(err).__name__}); the log says where"
        return Visit(failure.source, (), fault=str(err) if expected else unread)

    def _tell(self, failure: HostFailure, kind: Trouble, reason: str, at: datetime) -> None:
        """Tell that a host fails; where nothing can be reached, that, once for all of them."""
        if failure.reached:
            affected = self._following.unserved(failure)
            self._watch.source_failed(
                failure.whom, kind, reason, since=failure.since, affected=affected
            )
            return
        if unreached := self._failures.unreached():
            self._tell_offline(unreached, at)
            return
        heard_at = self._failures.reached_at
        heard = heard_at is not None and heard_at >= failure.since
        # Whether it is the host or our own network, another host will show.
        if heard or at - failure.since >= _PATIENCE or self._following.hosts(at) == {failure.whom}:
            affected = self._following.unserved(failure)
            self._watch.source_failed(
                failure.whom, kind, reason, since=failure.since, affected=affected
            )

    def _tell_offline(self, unreached: Sequence[HostFailure], at: datetime) -> None:
        affected = sorted({name for each in unreached for name in self._following.unserved(each)})
        since = min(each.since for each in unreached)
        self._watch.offline(len(unreached), since=since, affected=affected, at=at)

    def report(self) -> None:
        """Tell who fails now, however short a time: whoever sums up names them."""
        unreached = self._failures.unreached()
        if unreached:
            self._tell_offline(unreached, self._clock.now())
        for failure in self._failures:
            if failure not in unreached:
                self._watch.source_failed(
                    failure.whom, Trouble.SOURCE_FAILING, "", since=failure.since,
                    affected=self._following.unserved(failure),
                )  # fmt: skip

    def _answered(self, group: Sequence[Question], *, local: bool) -> None:
        at = self._clock.now()
        ended = self._failures.answered(group, at=at, local=local)
        if not local:
            self._watch.online(at=at)
        if ended is not None:
            self.recovered(ended)

    def recovered(self, failure: HostFailure) -> None:
        """Tell that a host fails no more."""
        at = self._clock.now()
        lasted = max(at - failure.since, timedelta(0))
        log.info("source.recovered", source=failure.whom, lasted_s=lasted.total_seconds())
        self._watch.source_recovered(failure.whom, at=at)


def _trouble(err: Exception, *, again: int) -> Trouble:
    """Return what people are told of an error that came so often in a row."""
    match err:
        case SourceChanged(passing=True) if again < _TELL_AFTER:
            return Trouble.SOURCE_FAILING
        case SourceRefused():
            return Trouble.SOURCE_REFUSED
        case SourceUnavailable():
            return Trouble.SOURCE_FAILING
        case _:
            return Trouble.SOURCE_CHANGED


def _key(whom: str) -> str:
    """Return where the cursor of a source, or of one host of it, is kept in the store."""
    return f"cursor/{whom}"
