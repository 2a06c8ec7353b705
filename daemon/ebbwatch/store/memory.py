"""The store in memory: the reference that the others are measured by, and replay's own."""

# ruff: noqa: ARG002 - settlements are given the wall time, of which nothing here is kept

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from ebbwatch.model.alert import Change, Transition
from ebbwatch.model.message import OutboxRow, Receipt, RowState
from ebbwatch.model.observation import Observation, TextItem
from ebbwatch.ports import AlertRecord, Contended, Held, Silence, Step, StoreError

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
    """

    seq: int
    row: OutboxRow
    owner: str | None = None
    receipt: Receipt | None = None

    @property
    def due_at(self) -> datetime | None:
        """Return when it can next be claimed; None once settled."""
        match self.row.state:
            case RowState.WAITING:
                return self.row.not_before
            case RowState.CLAIMED:
                return self.row.lease_until
            case _:
                return None

    @property
    def lane(self) -> tuple[str, str]:
        """Return the place and episode within which rows keep their order."""
        return self.row.place, self.row.episode


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

    def lead(self) -> bool:
        """Return True: nobody else has this store."""
        return True

    def close(self) -> None:
        """Do nothing: what is held goes with the object."""

    # transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
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

    def release(self, series: str, period: int) -> list[Held]:
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
            before = len(self._outbox)
            for row in rows:
                if row.key not in self._outbox:
                    self._set(self._outbox, row.key, _Entry(self._next_seq(), row))
            return len(self._outbox) - before

    def claim(self, *, ts: datetime, lease: timedelta, owner: str, limit: int) -> list[OutboxRow]:
        """Take rows to deliver, those that have waited longest first."""
        with self._delivering():
            for entry in self._due(ts):
                if entry.row.expires_at < ts:
                    self._update(entry, RowState.EXPIRED, uncertain=_may_be_sent(entry.row))
            first = {entry.lane: entry.seq for entry in reversed(self._unsettled())}
            ready = [
                entry
                for entry in self._due(ts)
                if not entry.row.episode or first[entry.lane] == entry.seq
            ]
            taken = [
                self._update(
                    entry,
                    RowState.CLAIMED,
                    owner=owner,
                    attempts=entry.row.attempts + 1,
                    uncertain=_may_be_sent(entry.row),
                    lease_until=ts + lease,
                )
                for entry in ready[:limit]
            ]
            taken.sort(key=lambda entry: (entry.row.not_before, entry.seq))
            return [entry.row for entry in taken]

    def delivered(self, key: str, *, ts: datetime, receipt: Receipt, owner: str) -> bool:
        """Settle a row as delivered; False if the claim was no longer the owner's."""
        with self._delivering():
            entry = self._claimed(key, owner)
            if entry is not None:
                self._update(entry, RowState.DELIVERED, receipt=receipt)
            return entry is not None

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
                self._update(entry, RowState.PARKED, error=error)
            return entry is not None

    def receipt(self, *, place: str, episode: str) -> Receipt | None:
        """Return the receipt of the newest delivered message of an episode at a place.

        Rows without an episode have no earlier message to edit or to answer to.
        """
        with self._lock:
            found = [
                entry
                for entry in self._outbox.values()
                if entry.receipt is not None and entry.lane == (place, episode)
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
            first: dict[tuple[str, ...], _Entry] = {}
            for entry in self._unsettled():
                lane = entry.lane if entry.row.episode else (entry.row.key,)
                first.setdefault(lane, entry)
            return min((e.due_at for e in first.values() if e.due_at is not None), default=None)

    def _unsettled(self) -> list[_Entry]:
        """Return what may still be delivered, oldest first."""
        entries = [entry for entry in self._outbox.values() if entry.due_at is not None]
        return sorted(entries, key=lambda entry: entry.seq)

    def _due(self, ts: datetime) -> list[_Entry]:
        """Return what can be claimed or has expired at an instant, due first."""
        due = [
            (entry.due_at, entry.seq, entry)
            for entry in self._outbox.values()
            if entry.due_at is not None and entry.due_at <= ts
        ]
        return [entry for _, _, entry in sorted(due)]

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
        lease_until: datetime | None = None,
        **changes: Any,
    ) -> _Entry:
        row = replace(entry.row, state=state, lease_until=lease_until, **changes)
        updated = _Entry(entry.seq, row, owner, receipt)
        self._set(self._outbox, row.key, updated)
        return updated


def _may_be_sent(row: OutboxRow) -> bool:
    """Return whether an earlier try may have arrived, once its claim has lapsed."""
    return row.uncertain or row.state is RowState.CLAIMED


def _quarantine_key(held: Held) -> tuple[str, int, object]:
    return held.observation.series, held.observation.period, held.observation.value
