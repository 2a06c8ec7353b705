"""The attendant: looks after what was told, between the events.

What was parked or has expired is taken back, and told anew where that makes sense; a place that
works again hears what it was kept from; the end of a silence that a person ended early is
noticed. Whoever delivers may be another process: all that counts stands in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.model.message import OutboxRow, RowState
from ebbwatch.ports import Clock, Store
from ebbwatch.runtime.selfwatch import SelfWatch
from ebbwatch.runtime.telling import Telling
from ebbwatch.runtime.undelivered import WORKS

log = structlog.get_logger()


class Attendant:
    """Attends to the outbox, and to what people asked for beside us."""

    def __init__(
        self,
        store: Store,
        telling: Telling,
        watch: SelfWatch,
        clock: Clock,
        states: Callable[[], Mapping[str, AlertState]],
    ) -> None:
        """Take what it works with; `states` gives every alert's, by name."""
        self._store = store
        self._telling = telling
        self._watch = watch
        self._clock = clock
        self._states = states
        self._wishes: object = None

    def attend(self) -> bool:
        """Look at everything once; return whether anything may have been told.

        Raises:
            StoreError: If the database refuses; what was not done is done the next time.
        """
        lost = self._lost()
        works = self._works()
        wishes = self._changed_wishes()
        return lost or works or wishes

    def _lost(self) -> bool:
        """Take back what did not arrive; what has expired and is still news is told anew."""
        now = self._clock.now()
        with self._store.transaction():
            rows = self._store.lost(ts=now)
            for row in rows:
                self._telling.lost(row)
            for place in {row.place for row in rows if row.state is RowState.EXPIRED}:
                self._telling.works(place, at=now, states=self._states())
        for row in rows:
            self._say(row, now)
        return bool(rows)

    def _say(self, row: OutboxRow, now: datetime) -> None:
        log.warning("message.lost", key=row.key, receiver=row.target.receiver,
                    state=row.state.value, error=row.error)  # fmt: skip
        if row.state is RowState.PARKED:
            self._watch.receiver_broken(row.target.receiver, row.error, place=row.place, at=now)

    def _works(self) -> bool:
        """Tell places that work again what they were kept from hearing."""
        noted = {key.removeprefix(WORKS): key for key in self._store.memos(WORKS)}
        works = dict.fromkeys(noted)
        for place, broken_at in self._watch.broken_places().items():
            took_at = self._store.delivered_at(place)
            if took_at is not None and took_at > broken_at:
                works[place] = None
        now = self._clock.now()
        for place in works:
            with self._store.transaction():
                self._store.put_all({noted[place]: None} if place in noted else {})
                self._store.requeue(self._unspoken(place), ts=now)
                self._telling.works(place, at=now, states=self._states())
            self._watch.receiver_recovered(place, at=now)
        return bool(works)

    def _unspoken(self, place: str) -> list[str]:
        """Return the parked messages of a place that nothing else will tell again, and are news."""
        now = self._clock.now()
        parked = self._store.outbox(states=(RowState.PARKED,), limit=1000)
        return [
            row.key
            for row in parked
            if row.place == place
            and row.expires_at > now
            and not any(self._telling.can_tell_again(line) for line in row.lines)
        ]

    def _changed_wishes(self) -> bool:
        """Look again at what is owed, where somebody changed what is to be quiet."""
        now = self._clock.now()
        wishes = (
            frozenset(s.id for s in self._store.silences() if s.until > now),
            frozenset(self._store.memos("ack/")),
        )
        # Nobody knows what people changed before this process began: it looks once, too.
        before, self._wishes = self._wishes, wishes
        if before == wishes or not (names := self._telling.owed(lost=False)):
            return False
        with self._store.transaction():
            self._telling.look(names, at=now, states=self._states())
        return True
