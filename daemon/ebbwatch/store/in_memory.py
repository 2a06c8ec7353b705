"""The store in memory: the reference that the others are measured by, and replay's own."""

# ruff: noqa: ARG002 - nobody else has this store, so that nobody has to be told apart

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from threading import RLock
from typing import Any

from ebbwatch.model.alert import Change, Transition
from ebbwatch.model.message import OutboxRow, Receipt, RowState
from ebbwatch.model.observation import Observation, TextItem
from ebbwatch.model.periods import Minutes
from ebbwatch.ports import SILENT, AlertRecord, Contended, Held, Silence, Step, StoreError

#: Stands for "there was nothing", where None could have been there.
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class _Entry:
    """An outbox row with what only the store knows of it.

    Attributes:
        seq: Its place in the order of enqueueing.
        row: As handed out.
        owner: Who claimed it; None while nobody has.
        receipt: Of its delivery; None before.
        touched_at: Wall time of its last claim or settlement; None before.
        returned: Whether what it told was taken back, where it was lost.
    """

    seq: int
    row: OutboxRow
    owner: str | None = None
    receipt: Receipt | None = None
    touched_at: datetime | None = None
    returned: bool = False


class MemoryStore:
    """Keeps everything in dicts; see `ports.Store` for what each method promises.

    May be used from several threads: one at a time has it.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._lock = RLock()
        # What a rollback puts back, newest last; None outside a transaction.
        self._undo: list[tuple[dict[Any, Any], Any, Any]] | None = None
        self._seq = 0
        self.undone = 0
        self._observations: dict[tuple[datetime, str, int, str], Observation] = {}
        self._held: dict[int, Held] = {}
        self._texts: dict[tuple[str, str, str], tuple[int, TextItem]] = {}
        self._alerts: dict[str, AlertRecord] = {}
        self._transitions: dict[tuple[str, datetime, str, Change], tuple[int, Transition]] = {}
        self._memos: dict[str, str] = {}
        self._silences: dict[str, Silence] = {}
        self._outbox: dict[str, _Entry] = {}
        self._seen: dict[str, datetime] = {}

    def lead(self, owner: str) -> bool:
        """Return True: nobody else has this store."""
        return True

    def check(self) -> None:
        """Do nothing: memory is always there."""

    def close(self) -> None:
        """Do nothing: what is held goes with the object."""

    # transactions

    @contextmanager
    def transaction(self, *, leading: bool = True) -> Iterator[None]:
        """Keep on leaving, or undo everything when an exception passes."""
        with self._lock:
            if self._undo is not None:
                raise StoreError("expected one transaction at a time, found another one open")
            undo: list[tuple[dict[Any, Any], Any, Any]] = []
            self._undo = undo
            try:
                yield
            except BaseException:
                self.undone += 1
                for table, key, before in reversed(undo):
                    if before is _NOTHING:
                        del table[key]
                    else:
                        table[key] = before
                raise
            finally:
                self._undo = None

    @contextmanager
    def _delivering(self) -> Iterator[None]:
        """Join the open transaction, or be one."""
        with self._lock:
            if self._undo is not None:
                yield
            else:
                with self.transaction():
                    yield

    def _set(self, table: dict[Any, Any], key: object, value: object) -> None:
        self._remember(table, key)
        table[key] = value

    def _delete(self, table: dict[Any, Any], key: object) -> None:
        if key in table:
            self._remember(table, key)
            del table[key]

    def _remember(self, table: dict[Any, Any], key: object) -> None:
        if self._undo is None:
            raise StoreError("expected an open transaction around this write, found none")
        self._undo.append((table, key, table.get(key, _NOTHING)))

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    # facts

    def record(self, observations: Sequence[Observation]) -> int:
        """Append observations; return how many were new."""
        with self._lock:
            before = len(self._observations)
            for one in observations:
                key = (one.known_at, one.series, one.period, one.source)
                if key not in self._observations:
                    self._set(self._observations, key, one)
            return len(self._observations) - before

    def observations(self, series: str | None = None) -> Iterator[Observation]:
        """Return the facts held, ordered by known_at, series, period (then source)."""
        with self._lock:
            held = sorted(self._observations.items(), key=lambda item: item[0])
        return (one for _, one in held if series is None or one.series == series)

    def hold(self, held: Sequence[Held]) -> int:
        """Put observations into quarantine; return how many were new."""
        with self._lock:
            known = {_quarantine_key(one) for one in self._held.values()}
            new = 0
            for one in held:
                if (key := _quarantine_key(one)) not in known:
                    known.add(key)
                    self._set(self._held, self._next_seq(), one)
                    new += 1
            return new

    def held(self) -> list[Held]:
        """Return what is in quarantine, oldest first."""
        with self._lock:
            return [self._held[seq] for seq in sorted(self._held)]

    def release(self, series: str, period: Minutes) -> list[Held]:
        """Take observations out of quarantine and return them."""
        with self._lock:
            found = {
                seq: self._held[seq]
                for seq in sorted(self._held)
                if self._held[seq].observation.series == series
                and self._held[seq].observation.period == period
            }
            for seq in found:
                self._delete(self._held, seq)
            return list(found.values())

    def record_texts(self, items: Sequence[TextItem]) -> int:
        """Append texts; return how many (source, key, body) were new."""
        with self._lock:
            before = len(self._texts)
            for item in items:
                key = (item.source, item.key, item.body)
                if key not in self._texts:
                    self._set(self._texts, key, (self._next_seq(), item))
            return len(self._texts) - before

    def texts(self, source: str) -> list[TextItem]:
        """Return the texts held of a source, oldest first by known_at."""
        with self._lock:
            found = [(item.known_at, seq, item) for seq, item in self._texts.values()]
        return [
            item for _, _, item in sorted(found, key=lambda it: it[:2]) if item.source == source
        ]

    # decisions

    def alerts(self) -> dict[str, AlertRecord]:
        """Return every alert's stored state by name."""
        with self._lock:
            return {name: self._alerts[name] for name in sorted(self._alerts)}

    def save_alerts(self, records: Sequence[AlertRecord]) -> None:
        """Write states where the stored version is still the one given."""
        with self._lock:
            contended = 0
            for record in records:
                stored = self._alerts.get(record.name)
                if record.version == (0 if stored is None else stored.version):
                    saved = replace(record, version=record.version + 1)
                    self._set(self._alerts, record.name, saved)
                else:
                    contended += 1
            if contended:
                raise Contended(
                    f"expected to save {len(records)} alerts as they were read, found "
                    f"{contended} changed by another writer since; read them again"
                )

    def forget_alerts(self, names: Sequence[str]) -> None:
        """Delete the state of alerts whose rules are gone; their transitions stay."""
        with self._lock:
            for name in names:
                self._delete(self._alerts, name)

    def append(self, transitions: Sequence[Transition]) -> int:
        """Append transitions; equal (rule, at, period, change) are left alone."""
        with self._lock:
            before = len(self._transitions)
            for one in transitions:
                key = (one.rule, one.at, one.period, one.change)
                if key not in self._transitions:
                    self._set(self._transitions, key, (self._next_seq(), one))
            return len(self._transitions) - before

    def transitions(
        self, *, rule: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[Transition]:
        """Return transitions (since is included), newest first when limited, else oldest first."""
        with self._lock:
            found = [
                (one.at, seq, one)
                for seq, one in self._transitions.values()
                if (rule is None or one.rule == rule) and (since is None or one.at >= since)
            ]
        found.sort(key=lambda it: it[:2], reverse=limit is not None)
        return [one for _, _, one in found[:limit]]

    def steps(self, rules: Sequence[str], *, limit: int) -> dict[str, list[Step]]:
        """Return the newest transitions of some alerts without what they say, oldest first."""
        wanted = set(rules)
        found: dict[str, list[Step]] = {}
        with self._lock:
            moves = [(one.at, seq, one) for seq, one in self._transitions.values()]
        for _, _, one in sorted((m for m in moves if m[2].rule in wanted), key=lambda m: m[:2]):
            found.setdefault(one.rule, []).append(Step(one.at, one.period, one.change))
        return {rule: steps[-limit:] for rule, steps in found.items()}

    def get(self, key: str) -> str | None:
        """Return a small stored text."""
        with self._lock:
            return self._memos.get(key)

    def put(self, key: str, value: str | None) -> None:
        """Write a small text, or delete it with None."""
        with self._lock:
            if value is None:
                self._delete(self._memos, key)
            else:
                self._set(self._memos, key, value)

    def memos(self, prefix: str) -> dict[str, str]:
        """Return the small texts whose keys begin with a prefix."""
        with self._lock:
            return {key: text for key, text in self._memos.items() if key.startswith(prefix)}

    def put_all(self, texts: Mapping[str, str | None]) -> None:
        """Write small texts, and delete those that are None."""
        for key, text in texts.items():
            self.put(key, text)

    def silences(self) -> list[Silence]:
        """Return every silence, ended ones included, oldest first."""
        with self._lock:
            return sorted(self._silences.values(), key=lambda one: (one.created_at, one.id))

    def silence(self, silence: Silence) -> None:
        """Add a silence, or replace the one with its id."""
        with self._lock:
            self._set(self._silences, silence.id, silence)

    # telling

    def enqueue(self, rows: Sequence[OutboxRow]) -> int:
        """Append outbox rows; a key that exists already is left alone."""
        with self._lock:
            new = []
            waiting = self._in_state(RowState.WAITING)
            for row in rows:
                if row.key not in self._outbox:
                    self._set(self._outbox, row.key, _Entry(self._next_seq(), row))
                    new.append(row)
            for entry in waiting:
                for row in new:
                    if _is_pointless(entry.row, row):
                        self._update(entry, RowState.FOLDED, error=f"folded into {row.key}")
            return len(new)

    def claim(
        self, *, ts: datetime, owner: str, limit: int, room: Callable[[str], int] | None = None
    ) -> list[OutboxRow]:
        """Take rows to deliver, the most severe first, then those that have waited longest."""
        with self._delivering():
            for entry in self._in_state(RowState.CLAIMED):
                assert entry.owner is not None
                seen_at = self._seen.get(entry.owner)
                if entry.owner != owner and (seen_at is None or seen_at <= ts - SILENT):
                    sent = entry.row.uncertain or entry.row.begun
                    self._update(entry, RowState.WAITING, uncertain=sent)
            ready = [
                entry
                for entry in self._next_in_line()
                if entry.row.not_before <= ts <= entry.row.expires_at
            ]
            ready.sort(key=lambda entry: (-entry.row.level, entry.row.not_before, entry.seq))
            taken = ready[:limit] if room is None else _with_room(ready, limit, room)
            if taken:
                self._set(self._seen, owner, ts)
            return [self._update(e, RowState.CLAIMED, owner=owner, ts=ts).row for e in taken]

    def begin(self, keys: Sequence[str], *, ts: datetime, owner: str) -> set[str]:
        """Write that tries begin, just before they are sent; return those that may be sent."""
        with self._delivering():
            begun = set()
            for key in keys:
                entry = self._claimed(key, owner)
                if entry is not None and not entry.row.begun:
                    attempts = entry.row.attempts + 1
                    self._update(
                        entry, RowState.CLAIMED, owner=owner, ts=ts, attempts=attempts, begun=True
                    )
                    begun.add(key)
            return begun

    def beat(self, owner: str, *, ts: datetime) -> None:
        """Say that an owner lives."""
        with self._delivering():
            self._set(self._seen, owner, ts)

    def delivered(self, receipts: Mapping[str, Receipt], *, ts: datetime, owner: str) -> set[str]:
        """Settle rows as delivered, by key; return those whose claim still was the owner's."""
        with self._delivering():
            settled = set()
            for key, receipt in receipts.items():
                entry = self._claimed(key, owner)
                if entry is not None:
                    self._update(entry, RowState.DELIVERED, ts=ts, receipt=receipt)
                    settled.add(key)
            return settled

    def retry(
        self,
        key: str,
        *,
        ts: datetime,
        not_before: datetime,
        error: str,
        uncertain: bool,
        owner: str,
    ) -> bool:
        """Put a row back for later; False if the claim was no longer the owner's."""
        with self._delivering():
            entry = self._claimed(key, owner)
            if entry is not None:
                self._update(
                    entry,
                    RowState.WAITING,
                    ts=ts,
                    not_before=not_before,
                    error=error,
                    # What one try may have delivered, no later refusal takes back.
                    uncertain=entry.row.uncertain or uncertain,
                )
            return entry is not None

    def park(self, key: str, *, ts: datetime, error: str, owner: str) -> bool:
        """Settle a row as undeliverable; False if the claim was no longer the owner's."""
        with self._delivering():
            entry = self._claimed(key, owner)
            if entry is not None:
                self._update(entry, RowState.PARKED, ts=ts, error=error)
            return entry is not None

    def lost(self, *, ts: datetime) -> list[OutboxRow]:
        """Mark what has expired, and return what was parked or expired since the last time."""
        with self._delivering():
            for entry in self._in_state(RowState.WAITING):
                if entry.row.expires_at < ts:
                    self._update(entry, RowState.EXPIRED, ts=ts)
            found = self._in_state(RowState.PARKED, RowState.EXPIRED)
            lost = [entry for entry in found if not entry.returned]
            for entry in lost:
                self._set(self._outbox, entry.row.key, replace(entry, returned=True))
            return [entry.row for entry in lost]

    def requeue(self, keys: Sequence[str], *, ts: datetime) -> int:
        """Let parked rows wait again; return how many there were."""
        with self._delivering():
            found = [e for e in self._in_state(RowState.PARKED) if e.row.key in keys]
            for entry in found:
                self._update(entry, RowState.WAITING, ts=ts, not_before=ts)
            return len(found)

    def drop(self, keys: Sequence[str], *, ts: datetime, reason: str) -> list[OutboxRow]:
        """Settle waiting and parked rows as dropped, for a reason; return them."""
        with self._delivering():
            found = self._in_state(RowState.WAITING, RowState.PARKED)
            return [
                self._update(entry, RowState.DROPPED, ts=ts, error=reason).row
                for entry in found
                if entry.row.key in keys
            ]

    def places(self) -> set[str]:
        """Return the places that unsettled rows go to."""
        with self._lock:
            return {e.row.place for e in self._in_state(RowState.WAITING, RowState.CLAIMED)}

    def delivered_at(self, place: str) -> datetime | None:
        """Return when a place last took a message, wall time; None where it never did."""
        with self._lock:
            found = [e for e in self._in_state(RowState.DELIVERED) if e.row.place == place]
        return max((e.touched_at for e in found if e.touched_at is not None), default=None)

    def receipt(self, *, place: str, episode: str) -> Receipt | None:
        """Return the receipt of the newest delivered message of an episode at a place.

        Rows without an episode have no earlier message to edit or to answer to.
        """
        with self._lock:
            found = [
                entry
                for entry in self._outbox.values()
                if entry.receipt is not None
                and (entry.row.place, entry.row.episode) == (place, episode)
            ]
        return max(found, key=lambda entry: entry.seq).receipt if found and episode else None

    def outbox(self, *, states: Sequence[str] | None = None, limit: int = 100) -> list[OutboxRow]:
        """Return rows, newest first, for people and the self-watch."""
        with self._lock:
            entries = sorted(self._outbox.values(), key=lambda entry: entry.seq, reverse=True)
        rows = [entry.row for entry in entries if states is None or entry.row.state in states]
        return rows[:limit]

    def next_due(self) -> datetime | None:
        """Return the earliest instant at which a row could be claimed, or None."""
        with self._lock:
            return min((entry.row.not_before for entry in self._next_in_line()), default=None)

    def _in_state(self, *states: RowState) -> list[_Entry]:
        """Return the rows in some states, in the order of enqueueing."""
        found = [entry for entry in self._outbox.values() if entry.row.state in states]
        return sorted(found, key=lambda entry: entry.seq)

    def _next_in_line(self) -> list[_Entry]:
        """Return the waiting rows that are the oldest unsettled ones in each of their lines."""
        first: dict[tuple[str, str], int] = {}
        unsettled = self._in_state(RowState.WAITING, RowState.CLAIMED)
        for entry in unsettled:
            for line in entry.row.lines:
                first.setdefault((entry.row.place, line), entry.seq)
        return [
            entry
            for entry in unsettled
            if entry.row.state is RowState.WAITING
            and all(first[entry.row.place, line] == entry.seq for line in entry.row.lines)
        ]

    def _claimed(self, key: str, owner: str) -> _Entry | None:
        entry = self._outbox.get(key)
        ours = entry is not None and entry.row.state is RowState.CLAIMED and entry.owner == owner
        return entry if ours else None

    def _update(
        self,
        entry: _Entry,
        state: RowState,
        *,
        owner: str | None = None,
        receipt: Receipt | None = None,
        ts: datetime | None = None,
        begun: bool = False,
        **changes: Any,
    ) -> _Entry:
        row = replace(entry.row, state=state, begun=begun, **changes)
        updated = _Entry(entry.seq, row, owner, receipt, ts or entry.touched_at)
        self._set(self._outbox, row.key, updated)
        return updated


def _with_room(ready: Sequence[_Entry], limit: int, room: Callable[[str], int]) -> list[_Entry]:
    """Return the first rows, of each place no more than there is room for."""
    left: dict[str, int] = {}
    taken: list[_Entry] = []
    for entry in ready:
        most = left.setdefault(entry.row.place, room(entry.row.place))
        if most > 0 and len(taken) < limit:
            left[entry.row.place] = most - 1
            taken.append(entry)
    return taken


def _is_pointless(old: OutboxRow, new: OutboxRow) -> bool:
    """Return whether a waiting row has nothing more to say beside a newer one."""
    return (
        old.foldable
        and not old.uncertain
        and bool(old.lines)
        and (old.place, old.lines, old.episode) == (new.place, new.lines, new.episode)
    )


def _quarantine_key(held: Held) -> tuple[str, int, object]:
    return held.observation.series, held.observation.period, held.observation.value
