"""The self-watch: what is wrong with the watching itself, told once, and once more when it is well.

Each trouble has a key. The first report of a key is told; further ones are not, also not
after a restart, because the open troubles are kept in the store; when the key is well again,
that is told, with how long it took. Programs know a trouble by a name that stays the same from
its begin to its end, although its keys may be others by then. Telling and remembering are one transaction. Reports
therefore come outside of any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ebbwatch.core.answering.expected import SeriesStanding
from ebbwatch.core.doubts import HeldBack
from ebbwatch.core.facts.edge import STOPPING, Notice, NoticeKind
from ebbwatch.core.facts.release_clock import NEVER, FreshnessState
from ebbwatch.core.render import Health, Trouble
from ebbwatch.model.periods import instant
from ebbwatch.model.problem import Problem
from ebbwatch.model.series import Series
from ebbwatch.model.units import printed, printed_unit
from ebbwatch.ports import StoreError

#: Where the open troubles are kept: a map of key and the instant it was first told.
STORE_KEY = "selfwatch"
#: Where it is kept when each began, by the name that programs know it by.
BEGUN_KEY = "selfwatch-begun"

#: A message that could have left and is still here after this long means that delivery is stuck.
STUCK_AFTER = timedelta(minutes=15)

#: Hands a notice over to be told: inside the transaction in which it is remembered, under a
#: key that no other notice has.
Tell = Callable[[Health, str], None]

log = structlog.get_logger()


class SelfWatchStore(Protocol):
    """What the self-watch needs of a store."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit on leaving, or nothing at all."""
        ...

    def get(self, key: str) -> str | None:
        """Return a small stored text."""
        ...

    def put(self, key: str, value: str | None) -> None:
        """Write a small text."""
        ...


#: Key of the trouble that nothing can be reached.
_OFFLINE = "offline"

#: What is told of numbers that are used all the same.
_NOTICED = {
    NoticeKind.UNIT_CHANGED: Trouble.SCALE_CHANGED,
    NoticeKind.SCALE_CHANGED: Trouble.SCALE_CHANGED,
    NoticeKind.PERIOD_MOVED: Trouble.PERIOD_MOVED,
    NoticeKind.ROW_UNPLACED: Trouble.ROWS_UNREAD,
}

#: What is told of a series' figures, as it stands in keys.
_WORSE = {FreshnessState.LATE: "late", FreshnessState.STALE: "stale"}


class SelfWatch:
    """Collects reports and tells the news in them."""

    def __init__(self, store: SelfWatchStore, tell: Tell) -> None:
        """Remember what an earlier run told."""
        self._store = store
        self._tell = tell
        #: Names the alerts that have no new reading without some series; set by whoever knows
        #: the rules.
        self.frozen_by: Callable[[Collection[str]], Sequence[str]] = lambda _series: ()
        self._open: dict[str, str] = json.loads(store.get(STORE_KEY) or "{}")
        self._begun = _begun(self._open, json.loads(store.get(BEGUN_KEY) or "{}"))
        # Notices that are still to be told, and keys that are to be written with them.
        self._unwritten: list[tuple[Health | None, str]] = []

    @property
    def troubles(self) -> Mapping[str, datetime]:
        """Return the open troubles by key, and the instant each was first told."""
        return {key: datetime.fromisoformat(since) for key, since in self._open.items()}

    def source_failed(
        self, source: str, kind: Trouble, reason: str, *, since: datetime, affected: Sequence[str]
    ) -> None:
        """Report that a source fails; one notice per source, however many series wait for it."""
        if f"source/{source}" in self._open:
            return
        self._ill(
            f"source/{source}",
            Health(
                kind=kind,
                name=source,
                reason=reason,
                since=since,
                affected=tuple(affected),
                frozen=tuple(self.frozen_by(affected)),
            ),
            since,
        )

    def source_recovered(self, source: str, *, at: datetime) -> None:
        """Report that a source answers."""
        self._well((f"source/{source}",), Health(kind=Trouble.SOURCE_RECOVERED, name=source), at)

    def offline(
        self, count: int, *, since: datetime, affected: Sequence[str], at: datetime
    ) -> None:
        """Report that no source can be reached, which is more likely our own fault."""
        health = Health(
            kind=Trouble.OFFLINE, since=since, count=count, affected=tuple(affected),
            frozen=tuple(self.frozen_by(affected)),
        )  # fmt: skip
        self._ill(_OFFLINE, health, at)

    def online(self, *, at: datetime) -> None:
        """Report that a source was reached."""
        self._well((_OFFLINE,), Health(kind=Trouble.ONLINE), at)

    def noticed(self, notices: Sequence[Notice], *, at: datetime) -> None:
        """Report what the edge noticed of the numbers; each finding is told once for ever."""
        for notice in notices:
            kind = Trouble.SOURCE_CHANGED if notice.stops else _NOTICED[notice.kind]
            self._ill(
                f"edge/{notice.key}",
                Health(
                    kind=kind,
                    name=notice.series,
                    reason=_reason(notice),
                    since=at,
                    affected=(notice.series,) if notice.stops else (),
                    count=notice.count,
                ),
                at,
            )

    def in_shape(self, series: str, *, at: datetime) -> None:
        """Report that a series' answer could be used, whatever stopped it before."""
        stopped = tuple(key for key in self._open if _stops(key, series))
        self._well(stopped, Health(kind=Trouble.SERIES_CURRENT, name=series), at)

    def held_back(self, found: HeldBack, series: Series, *, at: datetime) -> None:
        """Report the figures of an answer that are in quarantine for one cause.

        Told once for as long as it lasts; once more where good figures came in between, or
        where older ones are held back that were not before.
        """
        trouble = f"held/{series.name}/{found.cause}/"
        before = next((key for key in self._open if key.startswith(trouble)), None)
        count, key = found.count, f"{trouble}{found.newest}/{found.count}"
        if before is not None:
            newest, told = map(int, before.removeprefix(trouble).split("/"))
            if found.since <= newest and (found.newest > newest or count <= told):
                if found.newest > newest:
                    self._follow(before, key)
                return
        observation, unit = found.example.observation, printed_unit(series.unit.dimension)
        value = observation.value
        health = Health(
            kind=Trouble.QUARANTINED,
            name=series.name,
            reason=found.example.reason,
            since=at,
            every=series.every,
            period=series.every.text(observation.period),
            value=None if value is None else printed(float(value), unit),
            unit=unit,
            count=count,
        )
        if before is None:
            self._ill(key, health, at)
            return
        others = {name: since for name, since in self._open.items() if name != before}
        self._open_also(others, key, health, at)

    def held_none(self, series: str, *, at: datetime) -> None:
        """Report that figures of a series came of which none is held back."""
        health = Health(kind=Trouble.VALUES_FIT, name=series, quietly=True)
        held = [key for key in self._open if key.startswith(f"held/{series}/")]
        for trouble in dict.fromkeys(map(trouble_of, held)):
            self._well(tuple(key for key in held if trouble_of(key) == trouble), health, at)

    def _follow(self, before: str, key: str) -> None:
        """Let a trouble go on under another key."""
        opened = {(key if name == before else name): at for name, at in self._open.items()}
        self._change(opened, None, "")

    def freshness(
        self,
        source: str,
        found: Sequence[SeriesStanding],
        *,
        at: datetime,
        unheard: Collection[str] = (),
    ) -> None:
        """Report how the series of a source stand; told once for all of them together.

        Told again only where a further series is late, or one is stale that was merely late;
        and once more when every one of them is current again.

        Args:
            source: Their first choice.
            found: How each stands that the source was heard of.
            at: The instant judged at.
            unheard: Those of which nothing is known, because the source does not answer:
                what was told of them stays as it is.
        """
        told = {key.split("/")[2]: key for key in self._open if _is_late(key, source)}
        overdue = sorted((one for one in found if one.state in _WORSE), key=_urgency)
        left = {name: key for name, key in told.items() if name in unheard}
        news = False
        for one in overdue:
            name, key = one.series.name, f"{_WORSE[one.state]}/{source}/{one.series.name}"
            before = told.get(name)
            if before is None or (before != key and one.state is FreshnessState.STALE):
                news = True
                left[name] = key
            else:
                left[name] = before
        if set(left.values()) == set(told.values()):
            return
        others = {key: since for key, since in self._open.items() if key not in told.values()}
        opened = others | {key: self._open.get(key, at.isoformat()) for key in left.values()}
        if news:
            health = self._overdue(source, overdue)
            self._change(opened, health, f"late/{source}/{at.isoformat()}", f"late/{source}")
            log.warning("trouble.found", key=f"late/{source}", series=list(health.affected),
                        at=at.isoformat())  # fmt: skip
        elif left:
            self._change(opened, None, "")
        else:
            current = Health(kind=Trouble.SERIES_CURRENT, name=source)
            self._well(tuple(told.values()), current, at)

    def _overdue(self, source: str, overdue: Sequence[SeriesStanding]) -> Health:
        """Return the notice of late figures, in detail for the one that was due first."""
        first, every = overdue[0], overdue[0].series.every
        due = first.found
        stale = any(one.state is FreshnessState.STALE for one in overdue)
        names = tuple(one.series.name for one in overdue)
        return Health(
            kind=Trouble.SERIES_STALE if stale else Trouble.SERIES_LATE,
            name=source,
            since=None if due.due_at is None else instant(due.due_at),
            affected=names,
            frozen=tuple(self.frozen_by(names)),
            every=every,
            held="" if first.newest is None else every.text(first.newest.period),
            period="" if due.due_period is None else every.text(due.due_period),
        )

    def outbox(self, *, oldest: datetime | None, count: int, at: datetime) -> None:
        """Report the outbox: since when its oldest row could have left, and how many wait."""
        if oldest is not None and at - oldest >= STUCK_AFTER:
            self._ill("outbox", Health(kind=Trouble.OUTBOX_STUCK, since=oldest, count=count), at)
        elif oldest is None:
            self._well(("outbox",), Health(kind=Trouble.OUTBOX_MOVES, quietly=True), at)

    def receiver_broken(self, receiver: str, reason: str, *, place: str, at: datetime) -> None:
        """Report that a place of a receiver refused a message for good."""
        self._ill(
            f"receiver/{receiver}/{place}",
            Health(kind=Trouble.RECEIVER_BROKEN, name=receiver, reason=reason, since=at),
            at,
        )

    def broken_places(self) -> dict[str, datetime]:
        """Return the places that are told not to work, and since when."""
        found = {}
        for key, since in self.troubles.items():
            kind, _, rest = key.partition("/")
            if kind == "receiver":
                found[rest.partition("/")[2]] = since
        return found

    def receiver_recovered(self, place: str, *, at: datetime) -> None:
        """Report that a place takes messages again."""
        keys = [
            key for key in self._open
            if key.startswith("receiver/") and key.split("/", 2)[2:] == [place]
        ]  # fmt: skip
        for key in keys:
            name = key.split("/", 2)[1]
            self._well((key,), Health(kind=Trouble.RECEIVER_RECOVERED, name=name), at)

    def reload_invalid(self, problems: Sequence[Problem], *, at: datetime) -> None:
        """Report rule files that are not valid; the same complaints are told once."""
        words = "\n".join(sorted({problem.render() for problem in problems}))
        key = f"reload/{hashlib.sha256(words.encode()).hexdigest()[:12]}"
        self._ill(key, Health(kind=Trouble.RELOAD_INVALID, since=at, problems=tuple(problems)), at)

    def reload_valid(self, *, at: datetime) -> None:
        """Report that the rule files are valid; whoever reloads tells people what changed."""
        wrong = tuple(key for key in self._open if key.startswith("reload/"))
        self._well(wrong, Health(kind=Trouble.RELOAD_VALID, quietly=True), at)

    def rule_broken(self, rule: str, reason: str, *, at: datetime) -> None:
        """Report a rule that cannot be evaluated."""
        self._ill(
            f"rule/{rule}",
            Health(kind=Trouble.RULE_BROKEN, name=rule, reason=reason, since=at),
            at,
        )

    def rule_recovered(self, rule: str, *, at: datetime) -> None:
        """Report a rule that can be evaluated."""
        self._well((f"rule/{rule}",), Health(kind=Trouble.RULE_RECOVERED, name=rule), at)

    def _ill(self, key: str, health: Health, at: datetime) -> None:
        """Tell a trouble, unless it was told."""
        if key not in self._open:
            self._open_also(self._open, key, health, at)

    def _open_also(self, others: Mapping[str, str], key: str, health: Health, at: datetime) -> None:
        """Tell a trouble that is open from now on, beside others."""
        opened = {**others, key: at.isoformat()}
        self._change(opened, health, f"{key}/{at.isoformat()}", trouble_of(key))
        log.warning("trouble.found", key=key, reason=health.reason, at=at.isoformat())

    def _well(self, keys: tuple[str, ...], health: Health, at: datetime) -> None:
        """Tell that troubles are over, if they were told; the first of them says for how long."""
        told = [datetime.fromisoformat(self._open[key]) for key in keys if key in self._open]
        if not told:
            return
        lasted = max(at - min(told), timedelta(0))
        left = {key: since for key, since in self._open.items() if key not in keys}
        well = replace(health, lasted=lasted)
        self._change(left, well, f"{keys[0]}/well/{at.isoformat()}", trouble_of(keys[0]))
        log.info("trouble.over", key=keys[0], lasted_s=lasted.total_seconds(), at=at.isoformat())

    def _change(
        self, left: dict[str, str], health: Health | None, key: str, trouble: str = ""
    ) -> None:
        """Let other troubles be open than before, and tell it.

        Args:
            left: Open from now on.
            health: What is told of it; None for nothing.
            key: Of the notice.
            trouble: Name by which programs know what it is about; empty for what has none.
        """
        before, self._open = self._begun, left
        self._begun = _begun(left, before)
        if health is not None and trouble:
            began = before.get(trouble) or self._begun[trouble]
            health = replace(
                health, trouble=trouble, began=datetime.fromisoformat(began),
                again=trouble in before,
            )  # fmt: skip
        self._unwritten.append((health, key))
        try:
            self.write()
        except StoreError as error:
            log.warning("notice.waits", key=key, reason=str(error))

    def write(self) -> None:
        """Write what the database did not take before, in one transaction.

        Raises:
            StoreError: If it does not take it now either; nothing is lost.
        """
        if not self._unwritten:
            return
        with self._store.transaction():
            self._store.put(STORE_KEY, json.dumps(self._open, sort_keys=True))
            self._store.put(BEGUN_KEY, json.dumps(self._begun, sort_keys=True))
            for health, key in self._unwritten:
                if health is not None:
                    self._tell(health, key)
        self._unwritten.clear()


def trouble_of(key: str) -> str:
    """Return the name by which programs know the trouble of a key; empty where it is never over.

    Several keys may be one trouble: the series of a source that are late, what is wrong with the
    rule files, the complaints about the shape of a series' answer, the figures held back for one
    cause.
    """
    kind, *rest = key.split("/")
    match kind:
        case "late" | "stale":
            return f"late/{rest[0]}"
        case "reload":
            return "reload"
        case "held":
            return f"held/{rest[0]}/{rest[1]}"
        case "edge":
            return f"shape/{rest[1]}" if NoticeKind(rest[0]) in STOPPING else ""
        case _:
            return key


def _begun(opened: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Return when each open trouble began: as known before, else when its first key was told."""
    found: dict[str, str] = {}
    for key, since in opened.items():
        trouble = trouble_of(key)
        if trouble:
            found[trouble] = min(before.get(trouble, since), found.get(trouble, since), since)
    return found


def _reason(notice: Notice) -> str:
    """Return what the edge noticed, in words; a complaint says itself what was expected."""
    if "expected" in notice.found:
        return notice.found
    return f"{notice.source} gives {notice.found}; expected {notice.expected}"


def _is_late(key: str, source: str) -> bool:
    """Return whether a trouble is that of late figures of a source."""
    return key.startswith(tuple(f"{word}/{source}/" for word in _WORSE.values()))


def _urgency(standing: SeriesStanding) -> tuple[int, str]:
    """Order series by when their figure was due."""
    due_at = standing.found.due_at
    return (NEVER if due_at is None else due_at, standing.series.name)


def _stops(key: str, series: str) -> bool:
    """Return whether a trouble is one of the edge's that stopped a series."""
    parts = key.split("/")
    return parts[0] == "edge" and parts[2] == series and NoticeKind(parts[1]) in STOPPING
