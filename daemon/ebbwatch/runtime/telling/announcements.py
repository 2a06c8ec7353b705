"""Announcements: messages that are not about one move of an alert.

The summary of a first start, what an edit of the rules changed, notices of the self-watch,
digests, and the message that proves that a receiver can be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.render import (
    DigestContext,
    Firing,
    Health,
    Outstanding,
    Trouble,
    digest_message,
    health_for_programs,
    health_message,
    summary_message,
    test_message,
)
from ebbwatch.core.telling.dedup import remembered
from ebbwatch.core.telling.digest_clock import due_digest, next_digest
from ebbwatch.core.telling.hearing import Why
from ebbwatch.model.alert import QUIET, Level
from ebbwatch.model.calendars import SIFMA
from ebbwatch.model.message import Message, Target
from ebbwatch.model.periods import micros
from ebbwatch.ruleset.rules import Digest
from ebbwatch.runtime.telling.audience import places_of
from ebbwatch.runtime.telling.base import Floor
from ebbwatch.runtime.telling.looking_again import situation_of
from ebbwatch.runtime.telling.news import LASTS_FOR_PROGRAMS, stamp
from ebbwatch.runtime.telling.writing import Dressing

#: The first summary waits until the receiver has been set up.
LASTS_OF_SUMMARY = timedelta(days=7)
#: A digest is of its morning.
LASTS_OF_DIGEST = timedelta(hours=12)
LASTS_OF_NOTICE = timedelta(days=2)

_DIGESTS = "digests"
#: Notices that the first summary makes pointless: it names what was not reached, or is late.
_SUMMED_UP = (
    Trouble.SOURCE_FAILING, Trouble.SOURCE_RECOVERED, Trouble.OFFLINE, Trouble.ONLINE,
    Trouble.SERIES_LATE, Trouble.SERIES_STALE, Trouble.SERIES_CURRENT,
)  # fmt: skip


class Announcements:
    """Tells what is no move of an alert, by one ruleset."""

    def __init__(self, floor: Floor, current: Callable[[], bool]) -> None:
        """Take what telling stands on, and who knows whether the figures are current."""
        self._floor = floor
        self._current = current

    # ---- summary and notices ---------------------------------------------------------

    def owe_summary(self, at: datetime | None) -> None:
        """Note that the first summary is to be told once the sources were visited; None, that not."""
        if at is not None:
            self.begin_digests(at)
        self._floor.memory.owe_summary(at)
        self._floor.save()

    @property
    def owes_summary(self) -> bool:
        """Return whether the first summary is still to be told: until then, nothing else is."""
        return self._floor.memory.owes_summary()

    def summary(
        self, *, at: datetime, states: Mapping[str, AlertState], outstanding: Outstanding | None
    ) -> None:
        """Tell every place, at the first start, what fires now, and remember that it was.

        Args:
            at: Logical instant.
            states: Every alert's.
            outstanding: What the first visits did not bring; None where there were none.
        """
        floor = self._floor
        left = Outstanding() if outstanding is None else self._with_late(outstanding, at)
        floor.memory.owe_summary(None)
        self.begin_digests(at)
        firing = floor.context.firing(states, micros(at))
        base = f"summary/{stamp(at)}"
        floor.writer.write(
            [place.for_summaries for place in floor.audience.everywhere().values()], base,
            lambda t: summary_message(
                firing, rules=len(floor.ruleset.rules), t=t, outstanding=left
            ),
            at=at, lasts=LASTS_OF_SUMMARY, lines=tuple(one.name for one in firing),
            level=max((one.level for one in firing), default=Level.NONE),
        )  # fmt: skip
        self._remember(firing, base, at, states)
        floor.save()

    def _with_late(self, outstanding: Outstanding, at: datetime) -> Outstanding:
        """Return what is outstanding with the series that are late though their source answered."""
        read = dict.fromkeys(
            name for rule in self._floor.judge.watched.values() for name in rule.node.series
        )
        heard = [name for name in read if name not in outstanding.unheard]
        return replace(outstanding, late=self._floor.context.late(heard, micros(at)))

    def notice(self, health: Health, *, at: datetime, key: str | None = None) -> None:
        """Tell a notice of the self-watch to whoever hears of data health.

        Args:
            health: What is wrong, or well again.
            at: Instant at which it was found.
            key: Unlike that of any other notice; made from the notice and its instant
                where not given.
        """
        floor, audience = self._floor, self._floor.audience
        receivers = audience.hearing(health.name, Level.WARNING)
        if health.kind is Trouble.RECEIVER_BROKEN:
            # Whoever cannot be told is not told that; unless there is nobody else.
            receivers = [name for name in receivers if name != health.name] or [
                name for name in audience.receivers if name != health.name
            ]
        base = key or f"{health.kind}/{health.name}/{health.period}/{stamp(at)}"
        places = {place.key: place for name in receivers for place in audience.places(name)}
        people = [place.for_summaries for place in places.values()]
        programs = [place for place in places.values() if place.for_programs]
        if health.trouble:
            people = [place for place in places.values() if not place.for_programs]
        if health.kind in _SUMMED_UP and self.owes_summary:
            people = []
        told = (
            (people, None, LASTS_OF_NOTICE),
            (programs, _as_trouble(health, at), LASTS_FOR_PROGRAMS),
        )
        for some, dressing, lasts in told:
            if (dressing is None and health.quietly) or (dressing and not health.trouble):
                continue
            floor.writer.write(
                some, f"notice/{base}", lambda t: health_message(health, t=t), at=at, lasts=lasts,
                lines=(f"trouble/{health.name}",), level=Level.WARNING, dressing=dressing,
            )  # fmt: skip
        floor.save()

    def unrecorded(self, health: Health, *, at: datetime) -> list[tuple[Target, Message]]:
        """Return a notice for whoever hears of data health, to be sent without being recorded."""
        return [
            (target, self._unrecorded(health, target, at))
            for name in self._floor.audience.hearing(health.name, Level.WARNING)
            for place in self._floor.audience.places(name)
            for target in place.targets
        ]

    def _unrecorded(self, health: Health, target: Target, at: datetime) -> Message:
        message = health_message(health, t=self._floor.writer.languages.of(target))
        return health_for_programs(health, message, at=at) if target.for_programs else message

    def test(self, receiver: str) -> list[tuple[Target, Message]]:
        """Return the message that proves a receiver can be reached, for each of its targets."""
        languages = self._floor.writer.languages
        return [
            (target, test_message(receiver, t=languages.of(target)))
            for place in self._floor.audience.places(receiver)
            for target in place.targets
        ]

    def _remember(
        self, firing: Iterable[Firing], base: str, at: datetime, states: Mapping[str, AlertState]
    ) -> None:
        """Take alerts as told to whoever the routes would have told."""
        floor, audience = self._floor, self._floor.audience
        for one in firing:
            situation = situation_of(floor.judge.watched[one.name], states[one.name])
            labels = audience.labels(one.name, one.level)
            for place, _ in places_of(audience, audience.destinations(labels, ())):
                if place.for_programs:
                    continue  # they are told of each alert by itself
                floor.memory.log.note(place.key, one.name, base, remembered(situation, at=at))

    # ---- digests ---------------------------------------------------------------------

    def begin_digests(self, at: datetime) -> None:
        """Let digests that are new be due from now on, and forget those that are gone."""
        told = self._floor.memory.instants(_DIGESTS)
        begun = {_name_of(d): told.get(_name_of(d), at) for d in self._floor.ruleset.digests}
        if begun != told:
            self._floor.memory.keep_instants(_DIGESTS, begun)

    def next_digest(self) -> datetime | None:
        """Return when the next digest is due; None while it waits for the figures."""
        if not self._current():
            return None
        told = self._floor.memory.instants(_DIGESTS)
        business = self._floor.ruleset.business[SIFMA]
        due = [
            next_digest(digest, last, business)
            for digest in self._floor.ruleset.digests
            if (last := told.get(_name_of(digest))) is not None
        ]
        return min((at for at in due if at is not None), default=None)

    def digests(self, at: datetime, states: Mapping[str, AlertState]) -> None:
        """Tell the digests that are due; of several that were missed, the newest."""
        if not self._current():
            return
        floor = self._floor
        told = floor.memory.instants(_DIGESTS)
        for digest in floor.ruleset.digests:
            last = told[_name_of(digest)]
            due = due_digest(digest, last, at, floor.ruleset.business[SIFMA])
            if due is None:
                continue
            told[_name_of(digest)] = due
            with floor.sparing(f"digest {digest.at}"):
                content = self._digest(digest, last, due, at, states)
                places = {p.key: p for name in digest.to for p in floor.audience.places(name)}
                floor.writer.write(
                    [place.for_summaries for place in places.values()], f"digest/{stamp(due)}",
                    lambda t, content=content: digest_message(content, t=t),  # type: ignore[misc]
                    at=at, lasts=LASTS_OF_DIGEST,
                )  # fmt: skip
        floor.memory.keep_instants(_DIGESTS, told)

    def _digest(
        self,
        digest: Digest,
        last: datetime,
        due: datetime,
        at: datetime,
        states: Mapping[str, AlertState],
    ) -> DigestContext:
        floor = self._floor
        moves = [
            floor.context.short(move)
            for move in floor.store.transitions(since=last)
            if last < move.at <= at and move.change not in QUIET and move.muted != Why.HISTORY
        ]
        nodes = [rule.node for rule in floor.judge.watched.values()]
        nodes += [floor.ruleset.shown[name].node for name in digest.show]
        series = dict.fromkeys(name for node in nodes for name in node.series)
        return DigestContext(
            at=due,
            rules=len(floor.ruleset.rules),
            zone=digest.zone,
            firing=floor.context.firing(states, micros(at)),
            shown=floor.context.shown(digest.show, micros(last), micros(at)),
            moves=tuple(moves),
            late=floor.context.late(series, micros(at)),
        )


def _as_trouble(health: Health, at: datetime) -> Dressing:
    """Return what makes of a notice in words the one that a program is sent."""
    return lambda message, _t: health_for_programs(health, message, at=at)


def _name_of(digest: Digest) -> str:
    return f"{digest.at} {digest.zone} {digest.on} {','.join(digest.to)}"
