"""The store in a database: SQLite for one machine, PostgreSQL for several.

Every statement is written once. Where the engines differ, SQLAlchemy writes what each
understands: ``FOR UPDATE SKIP LOCKED`` is left out for SQLite, which has one writer at a
time anyway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from importlib import import_module
from threading import RLock
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ebbwatch.model.alert import Change, Transition
from ebbwatch.model.message import OutboxRow, Receipt, RowState
from ebbwatch.model.observation import Observation, TextItem
from ebbwatch.model.periods import Micros, Minutes, instant
from ebbwatch.ports import SILENT, AlertRecord, Contended, Held, Silence, Step, StoreError
from ebbwatch.store import schema
from ebbwatch.store.leader import Leadership
from ebbwatch.store.schema import UNSETTLED, stands

#: Observations read at a time: enough to make a round trip cheap, few enough to hold.
_PAGE_ROWS = 10_000

#: Names asked for in one statement: SQLite takes at least 999.
_NAMES_AT_ONCE = 500

#: Marks connections that will write, for the engine's "begin" event.
WRITES = "ebbwatch_writes"

_OUTBOX_NAMES = [field.name for field in fields(OutboxRow)]
_OUTBOX_COLUMNS = [schema.outbox.c[name] for name in _OUTBOX_NAMES]
_OBSERVATION_COLUMNS = [schema.observations.c[field.name] for field in fields(Observation)]
_HELD_COLUMNS = [schema.quarantine.c[field.name] for field in fields(Observation)]
_TAPE_KEY = [schema.observations.c[name] for name in ("known_at", "series", "period", "source")]

#: The database's clock, in microseconds since the epoch.
_SERVER_MICROS = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")

# Statements are built once: building one takes longer than SQLite takes to run it.

_CLAIMED = and_(stands(RowState.CLAIMED), schema.outbox.c.owner == bindparam("claimed_by"))

# The columns that it sets are those named among its parameters.
_SETTLE = update(schema.outbox).where(schema.outbox.c.key == bindparam("claimed_key"), _CLAIMED)

_DELIVERED = (
    update(schema.outbox)
    .where(schema.outbox.c.key.in_(bindparam("keys", expanding=True)), _CLAIMED)
    .values(
        state=RowState.DELIVERED, begun=False, owner=None, touched_at=bindparam("ts"),
        receipt=bindparam("its_receipt"),
    )
    .returning(schema.outbox.c.seq, schema.outbox.c.key)
)  # fmt: skip

_BEGIN = (
    update(schema.outbox)
    .where(
        schema.outbox.c.key.in_(bindparam("keys", expanding=True)), _CLAIMED,
        ~schema.outbox.c.begun,
    )
    .values(begun=True, attempts=schema.outbox.c.attempts + 1, touched_at=bindparam("ts"))
    .returning(schema.outbox.c.key)
)  # fmt: skip

_LEAVE = delete(schema.queue).where(
    schema.queue.c.seq
    == select(schema.outbox.c.seq)
    .where(schema.outbox.c.key == bindparam("settled_key"))
    .scalar_subquery()
)

_LEAVE_ALL = delete(schema.queue).where(
    schema.queue.c.seq.in_(bindparam("settled", expanding=True))
)


def _next_in_line() -> ColumnElement[bool]:
    """Return the condition that a row is the oldest unsettled one in each of its lines."""
    mine, older = schema.queue.alias("mine"), schema.queue.alias("older")
    waits_for_another = (
        select(older.c.seq)
        .join(
            mine,
            and_(
                older.c.place == mine.c.place,
                older.c.line == mine.c.line,
                older.c.seq < mine.c.seq,
            ),
        )
        .where(mine.c.seq == schema.outbox.c.seq)
        .correlate(schema.outbox)
        .exists()
    )
    return ~waits_for_another


_NEXT = (
    select(schema.outbox.c.seq, schema.outbox.c.place)
    .where(
        schema.outbox.c.state == literal_column("'waiting'"),
        schema.outbox.c.not_before <= bindparam("ts", type_=schema.Instant),
        schema.outbox.c.expires_at >= bindparam("ts", type_=schema.Instant),
        schema.outbox.c.place.not_in(bindparam("full", expanding=True)),
        _next_in_line(),
    )
    .order_by(schema.outbox.c.level.desc(), schema.outbox.c.not_before, schema.outbox.c.seq)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)

_CLAIM = (
    update(schema.outbox)
    .where(
        schema.outbox.c.seq.in_(bindparam("chosen", expanding=True)), stands(RowState.WAITING)
    )
    .values(
        state=RowState.CLAIMED, owner=bindparam("claims"), touched_at=bindparam("ts"),
    )
    .returning(schema.outbox.c.seq, *_OUTBOX_COLUMNS)
)  # fmt: skip

_NEXT_DUE = (
    select(schema.outbox.c.not_before)
    .where(stands(RowState.WAITING), _next_in_line())
    .order_by(schema.outbox.c.not_before)
    .limit(1)
)


class SqlStore:
    """Keeps everything in one database; see `ports.Store` for what each method promises.

    May be used from several threads: one at a time has the database.
    """

    def __init__(self, engine: Engine, leadership: Leadership) -> None:
        """Take an engine whose database is migrated, and the way to become its leader."""
        self._engine = engine
        self._leadership = leadership
        self._lock = RLock()
        self._open: Connection | None = None
        self.undone = 0
        # Only this engine's own: the other dialect is 3 MiB.
        dialect = import_module(f"sqlalchemy.dialects.{engine.dialect.name}")
        self._insert: Callable[[Table], Any] = dialect.insert

    def lead(self, owner: str) -> bool:
        """Return whether this store may evaluate: it is the only one, or the first of many.

        Ask again before leading on: a lead that is not renewed is lost.

        Raises:
            StoreError: If another process holds a SQLite database, or PostgreSQL does not
                answer.
            LeadLost: If this store led, and another one does since.
        """
        with self._lock, _refusals():
            return self._leadership.take(owner)

    def check(self) -> None:
        """Look whether the database is still the one that was opened, and in order."""
        with self._lock:
            self._leadership.check()

    def close(self) -> None:
        """Let go of the lead and the database."""
        with self._lock:
            self._leadership.drop()
            self._engine.dispose()

    # transactions

    @contextmanager
    def transaction(self, *, leading: bool = True) -> Iterator[None]:
        """Commit on leaving, or nothing at all when an exception passes."""
        with self._lock:
            if self._open is not None:
                raise StoreError("expected one transaction at a time, found another one open")
            with self._begun(leading=leading):
                yield

    @contextmanager
    def _begun(self, *, leading: bool = False) -> Iterator[Connection]:
        with _refusals(), self._engine.connect() as connection:
            connection.execution_options(**{WRITES: True})
            try:
                with connection.begin():
                    if leading:
                        self._leadership.guard(connection)
                    self._open = connection
                    try:
                        yield connection
                    finally:
                        self._open = None
            except BaseException:
                self.undone += 1
                raise

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Give the connection of the open transaction."""
        with self._lock, _refusals():
            if self._open is None:
                raise StoreError("expected an open transaction around this write, found none")
            yield self._open

    @contextmanager
    def _delivering(self) -> Iterator[Connection]:
        """Give the connection of the open transaction, or of one of its own."""
        with self._lock:
            if self._open is not None:
                with _refusals():
                    yield self._open
            else:
                with self._begun() as connection:
                    yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._lock, _refusals():
            if self._open is not None:
                yield self._open
            else:
                with self._engine.connect() as connection:
                    yield connection

    def _add(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert rows, leaving alone what is there already; return how many were new."""
        if not rows:
            return 0
        with self._writing() as connection:
            statement = self._insert(table).on_conflict_do_nothing()
            return connection.execute(statement, rows).rowcount

    # facts

    def record(self, observations: Sequence[Observation]) -> int:
        """Append observations; return how many were new."""
        return self._add(schema.observations, [_fact(one) for one in observations])

    def observations(self, series: str | None = None) -> Iterator[Observation]:
        """Return the facts held, ordered by known_at, series, period (then source)."""
        page = select(*_OBSERVATION_COLUMNS).order_by(*_TAPE_KEY).limit(_PAGE_ROWS)
        if series is not None:
            page = page.where(schema.observations.c.series == series)
        rows = self._rows(page)
        while rows:
            for row in rows:
                yield Observation(**row)
            if len(rows) < _PAGE_ROWS:
                return
            # The next page is found by key, so that whoever reads may write in between.
            last = tuple_(*(literal(rows[-1][column.name], column.type) for column in _TAPE_KEY))
            rows = self._rows(page.where(tuple_(*_TAPE_KEY) > last))

    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        with self._reading() as connection:
            result = connection.execute(query)
            names = tuple(result.keys())
            return [dict(zip(names, row, strict=True)) for row in result]

    def hold(self, held: Sequence[Held]) -> int:
        """Put observations into quarantine; return how many were new."""
        table = schema.quarantine
        with self._writing() as connection:
            query = select(table.c.series, table.c.period, table.c.value)
            known = {(series, period, value) for series, period, value in connection.execute(query)}
            fresh = []
            for one in held:
                key = (one.observation.series, one.observation.period, one.observation.value)
                if key not in known:
                    known.add(key)
                    fresh.append(_fact(one.observation) | {"reason": one.reason})
            return self._add(table, fresh)

    def held(self) -> list[Held]:
        """Return what is in quarantine, oldest first."""
        return [held for _, held in self._held()]

    def _held(self, *conditions: ColumnElement[bool]) -> list[tuple[int, Held]]:
        table = schema.quarantine
        query = select(table.c.seq, table.c.reason, *_HELD_COLUMNS).where(*conditions)
        return [
            (row.pop("seq"), Held(reason=row.pop("reason"), observation=Observation(**row)))
            for row in self._rows(query.order_by(table.c.seq))
        ]

    def release(self, series: str, period: Minutes) -> list[Held]:
        """Take observations out of quarantine and return them."""
        table = schema.quarantine
        with self._writing() as connection:
            found = self._held(table.c.series == series, table.c.period == period)
            connection.execute(delete(table).where(table.c.seq.in_([seq for seq, _ in found])))
            return [held for _, held in found]

    def record_texts(self, items: Sequence[TextItem]) -> int:
        """Append texts; return how many (source, key, body) were new."""
        rows = [
            {field.name: getattr(item, field.name) for field in fields(TextItem)}
            | {"body_sha256": hashlib.sha256(item.body.encode()).hexdigest()}
            for item in items
        ]
        return self._add(schema.texts, rows)

    def texts(self, source: str) -> list[TextItem]:
        """Return the texts held of a source, oldest first by known_at."""
        table = schema.texts
        columns = [table.c[field.name] for field in fields(TextItem)]
        query = select(*columns).where(table.c.source == source)
        return [
            TextItem(**row) for row in self._rows(query.order_by(table.c.known_at, table.c.seq))
        ]

    # decisions

    def alerts(self) -> dict[str, AlertRecord]:
        """Return every alert's stored state by name."""
        query = select(schema.alerts).order_by(schema.alerts.c.name)
        return {row["name"]: AlertRecord(**row) for row in self._rows(query)}

    def save_alerts(self, records: Sequence[AlertRecord]) -> None:
        """Write states where the stored version is still the one given."""
        table = schema.alerts
        rows = [
            {
                "name": record.name,
                "definition": record.definition,
                "ladder": record.ladder,
                "state": record.state,
                "version": record.version + 1,
            }
            for record in records
        ]
        written = self._add(table, [row for row in rows if row["version"] == 1])
        known = [
            row | {"its_name": record.name, "as_read": record.version}
            for row, record in zip(rows, records, strict=True)
            if record.version > 0
        ]
        if known:
            statement = update(table).where(
                table.c.name == bindparam("its_name"), table.c.version == bindparam("as_read")
            )
            with self._writing() as connection:
                written += connection.execute(statement, known).rowcount
        if written != len(rows):
            raise Contended(
                f"expected to save {len(rows)} alerts as they were read, found "
                f"{len(rows) - written} changed by another writer since; read them again"
            )

    def forget_alerts(self, names: Sequence[str]) -> None:
        """Delete the state of alerts whose rules are gone; their transitions stay."""
        if names:
            with self._writing() as connection:
                statement = delete(schema.alerts).where(schema.alerts.c.name == bindparam("gone"))
                connection.execute(statement, [{"gone": name} for name in names])

    def append(self, transitions: Sequence[Transition]) -> int:
        """Append transitions; equal (rule, at, period, change) are left alone."""
        rows = [
            {
                "at": transition.at,
                "rule": transition.rule,
                "period": transition.period,
                "change": transition.change,
                "body": transition,
            }
            for transition in transitions
        ]
        return self._add(schema.transitions, rows)

    def transitions(
        self, *, rule: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[Transition]:
        """Return transitions (since is included), newest first when limited, else oldest first."""
        table = schema.transitions
        query = select(table.c.body)
        if rule is not None:
            query = query.where(table.c.rule == rule)
        if since is not None:
            query = query.where(table.c.at >= since)
        if limit is None:
            query = query.order_by(table.c.at, table.c.seq)
        else:
            query = query.order_by(table.c.at.desc(), table.c.seq.desc()).limit(limit)
        return [row["body"] for row in self._rows(query)]

    def steps(self, rules: Sequence[str], *, limit: int) -> dict[str, list[Step]]:
        """Return the newest transitions of some alerts without what they say, oldest first."""
        table = schema.transitions
        found: dict[str, list[Step]] = {}
        for start in range(0, len(rules), _NAMES_AT_ONCE):
            newest = func.row_number().over(
                partition_by=table.c.rule, order_by=(table.c.at.desc(), table.c.seq.desc())
            )
            inner = (
                select(table.c.rule, table.c.at, table.c.seq, table.c.period, table.c.change,
                       newest.label("place"))
                .where(table.c.rule.in_(rules[start : start + _NAMES_AT_ONCE]))
                .subquery()
            )  # fmt: skip
            query = (
                select(inner.c.rule, inner.c.at, inner.c.period, inner.c.change)
                .where(inner.c.place <= limit)
                .order_by(inner.c.at, inner.c.seq)
            )
            for row in self._rows(query):
                step = Step(row["at"], row["period"], Change(row["change"]))
                found.setdefault(row["rule"], []).append(step)
        return found

    def get(self, key: str) -> str | None:
        """Return a small stored text."""
        with self._reading() as connection:
            query = select(schema.memos.c.value).where(schema.memos.c.key == key)
            return connection.execute(query).scalar()

    def put(self, key: str, value: str | None) -> None:
        """Write a small text, or delete it with None."""
        if value is None:
            with self._writing() as connection:
                connection.execute(delete(schema.memos).where(schema.memos.c.key == key))
        else:
            self._replace(schema.memos, [{"key": key, "value": value}])

    def memos(self, prefix: str) -> dict[str, str]:
        """Return the small texts whose keys begin with a prefix."""
        table = schema.memos
        # Keys are compared byte by byte, so that what follows the prefix lies before this.
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        query = select(table.c.key, table.c.value).where(table.c.key >= prefix, table.c.key < end)
        return {row["key"]: row["value"] for row in self._rows(query)}

    def put_all(self, texts: Mapping[str, str | None]) -> None:
        """Write small texts, and delete those that are None."""
        table = schema.memos
        gone = [{"gone": key} for key, text in texts.items() if text is None]
        kept = [{"key": key, "value": text} for key, text in texts.items() if text is not None]
        if gone:
            with self._writing() as connection:
                connection.execute(delete(table).where(table.c.key == bindparam("gone")), gone)
        if kept:
            self._replace(table, kept)

    def silences(self) -> list[Silence]:
        """Return every silence, ended ones included, oldest first."""
        table = schema.silences
        query = select(table).order_by(table.c.created_at, table.c.id)
        return [Silence(**row) for row in self._rows(query)]

    def silence(self, silence: Silence) -> None:
        """Add a silence, or replace the one with its id."""
        row = {field.name: getattr(silence, field.name) for field in fields(Silence)}
        self._replace(schema.silences, [row])

    def _replace(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows with the same columns, each in the place of the one with its key."""
        with self._writing() as connection:
            insert = self._insert(table)
            key = [column.name for column in table.primary_key]
            others = {name: insert.excluded[name] for name in rows[0] if name not in key}
            statement = insert.on_conflict_do_update(index_elements=key, set_=others)
            connection.execute(statement, [*rows])

    # telling

    def enqueue(self, rows: Sequence[OutboxRow]) -> int:
        """Append outbox rows; a key that exists already is left alone.

        1. Append those that are new, and put each into its lines.
        2. Fold what waits, and has nothing more to say beside them.
        """
        table, queue = schema.outbox, schema.queue
        if not rows:
            return 0
        with self._writing() as connection:
            last = connection.execute(select(func.max(table.c.seq))).scalar() or 0
            new = self._add(
                table,
                [
                    {field.name: getattr(row, field.name) for field in fields(OutboxRow)}
                    | {"returned": False}
                    for row in rows
                ],
            )
            if not new:
                return 0
            added = connection.execute(
                select(table.c.seq, table.c.place, table.c.lines).where(table.c.seq > last)
            ).all()
            lines = [
                {"place": place, "line": line, "seq": seq}
                for seq, place, names in added
                for line in dict.fromkeys(names)
            ]
            if lines:
                connection.execute(insert(queue), lines)
                self._fold(connection, last)
        return new

    def _fold(self, connection: Connection, last: int) -> None:
        """Fold what waited before a row was added, and that a newer row makes pointless."""
        old, new, waits, comes = (
            schema.outbox.alias("old"), schema.outbox.alias("new"),
            schema.queue.alias("waits"), schema.queue.alias("comes"),
        )  # fmt: skip
        query = (
            select(old.c.seq, new.c.key)
            .join(waits, waits.c.seq == old.c.seq)
            .join(
                comes,
                and_(comes.c.place == waits.c.place, comes.c.line == waits.c.line,
                     comes.c.seq > last),
            )
            .join(new, new.c.seq == comes.c.seq)
            .where(
                old.c.seq <= last, old.c.state == RowState.WAITING, old.c.foldable,
                ~old.c.uncertain, old.c.lines == new.c.lines, old.c.episode == new.c.episode,
            )
        )  # fmt: skip
        folded = {seq: f"folded into {key}" for seq, key in connection.execute(query)}
        for seq, why in folded.items():
            connection.execute(
                update(schema.outbox)
                .where(schema.outbox.c.seq == seq)
                .values(state=RowState.FOLDED, error=why)
            )
        self._leave(connection, list(folded))

    def _leave(self, connection: Connection, rows: Sequence[int]) -> None:
        """Take settled rows out of their lines, so that the next ones may go."""
        if rows:
            connection.execute(_LEAVE_ALL, {"settled": rows})

    def claim(
        self, *, ts: datetime, owner: str, limit: int, room: Callable[[str], int] | None = None
    ) -> list[OutboxRow]:
        """Take rows to deliver, the most severe first, then those that have waited longest.

        1. Let go of the claims of owners that are gone.
        2. Pick what is due and next in each of its lines, passing over rows that another
           claimer has under its hands, and places without room.
        3. Take it where it still waits.
        """
        with self._delivering() as connection:
            self._free(connection, ts, owner)
            chosen = self._chosen(connection, ts, limit, room)
            if not chosen:
                return []
            self.beat(owner, ts=ts)
            taken = connection.execute(_CLAIM, {"chosen": chosen, "claims": owner, "ts": ts}).all()
            order = {seq: number for number, seq in enumerate(chosen)}
            rows = sorted(taken, key=lambda row: order[row.seq])
            return [OutboxRow(**dict(zip(_OUTBOX_NAMES, row[1:], strict=True))) for row in rows]

    @staticmethod
    def _chosen(
        connection: Connection, ts: datetime, limit: int, room: Callable[[str], int] | None
    ) -> list[int]:
        """Return which rows are to be taken, in order."""
        left: dict[str, int] = {}
        chosen: list[int] = []
        full: list[str] = []
        while len(chosen) < limit:
            found = connection.execute(_NEXT, {"ts": ts, "full": full, "most": limit}).all()
            for seq, place in found:
                if place not in left:
                    left[place] = limit if room is None else room(place)
                if left[place] > 0 and len(chosen) < limit and seq not in chosen:
                    left[place] -= 1
                    chosen.append(seq)
            # Behind the rows of a place without room there may be others'.
            more = [place for place, most in left.items() if most <= 0 and place not in full]
            if len(found) < limit or not more:
                break
            full += more
        return chosen

    def _free(self, connection: Connection, ts: datetime, owner: str) -> None:
        """Let the rows wait again that somebody claimed who is gone."""
        table, instances = schema.outbox, schema.instances
        claimed = and_(stands(RowState.CLAIMED), table.c.owner != owner)
        owners = set(connection.execute(select(table.c.owner).where(claimed).distinct()).scalars())
        if not owners:
            return
        seen = select(instances.c.owner).where(
            instances.c.owner.in_(owners), instances.c.seen_at > self._moment(ts) - SILENT
        )
        gone = owners - set(connection.execute(seen).scalars())
        if gone:
            connection.execute(
                update(table)
                .where(claimed, table.c.owner.in_(gone))
                .values(
                    state=RowState.WAITING, owner=None, begun=False,
                    uncertain=or_(table.c.uncertain, table.c.begun),
                )
            )  # fmt: skip

    def begin(self, keys: Sequence[str], *, ts: datetime, owner: str) -> set[str]:
        """Write that tries begin, just before they are sent; return those that may be sent."""
        with self._delivering() as connection:
            begun = connection.execute(_BEGIN, {"keys": keys, "claimed_by": owner, "ts": ts})
            return set(begun.scalars())

    def beat(self, owner: str, *, ts: datetime) -> None:
        """Say that an owner lives."""
        with self._delivering() as connection:
            statement = self._insert(schema.instances)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["owner"], set_={"seen_at": statement.excluded.seen_at}
                ),
                [{"owner": owner, "seen_at": self._moment(ts)}],
            )

    def delivered(self, receipts: Mapping[str, Receipt], *, ts: datetime, owner: str) -> set[str]:
        """Settle rows as delivered, by key; return those whose claim still was the owner's."""
        same: dict[Receipt, list[str]] = {}
        for key, receipt in receipts.items():
            same.setdefault(receipt, []).append(key)
        settled: dict[int, str] = {}
        with self._delivering() as connection:
            for receipt, keys in same.items():
                values = {"keys": keys, "claimed_by": owner, "ts": ts, "its_receipt": receipt}
                settled |= {row.seq: row.key for row in connection.execute(_DELIVERED, values)}
            self._leave(connection, [*settled])
        return set(settled.values())

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
        values = _settled(RowState.WAITING, ts) | {"not_before": not_before, "error": error}
        # What one try may have delivered, no later refusal takes back.
        return self._settle(key, owner, values | ({"uncertain": True} if uncertain else {}))

    def park(self, key: str, *, ts: datetime, error: str, owner: str) -> bool:
        """Settle a row as undeliverable; False if the claim was no longer the owner's."""
        return self._settle(key, owner, _settled(RowState.PARKED, ts) | {"error": error})

    def _settle(self, key: str, owner: str, values: Mapping[str, Any]) -> bool:
        """Write values into a row where the claim still is the owner's."""
        with self._delivering() as connection:
            row = {"claimed_key": key, "claimed_by": owner, **values}
            settled = connection.execute(_SETTLE, row).rowcount == 1
            if settled and values["state"] is not RowState.WAITING:
                connection.execute(_LEAVE, {"settled_key": key})
            return settled

    def lost(self, *, ts: datetime) -> list[OutboxRow]:
        """Mark what has expired, and return what was parked or expired since the last time."""
        table = schema.outbox
        with self._delivering() as connection:
            stale = (
                select(table.c.seq)
                .where(stands(RowState.WAITING), table.c.expires_at < ts)
                .with_for_update(skip_locked=True)
            )
            expired = connection.execute(stale).scalars().all()
            connection.execute(
                update(table)
                .where(table.c.seq.in_(expired))
                .values(**_settled(RowState.EXPIRED, ts))
            )
            self._leave(connection, expired)
            lost = and_(stands(RowState.PARKED, RowState.EXPIRED), ~table.c.returned)
            query = select(table.c.seq, *_OUTBOX_COLUMNS).where(lost).order_by(table.c.seq)
            rows = connection.execute(query).all()
            connection.execute(
                update(table)
                .where(table.c.seq.in_([row.seq for row in rows]))
                .values(returned=True)
            )
            return [OutboxRow(**dict(zip(_OUTBOX_NAMES, row[1:], strict=True))) for row in rows]

    def requeue(self, keys: Sequence[str], *, ts: datetime) -> int:
        """Let parked rows wait again; return how many there were."""
        return len(
            self._move(
                keys, (RowState.PARKED,), state=RowState.WAITING, not_before=ts, touched_at=ts,
                returned=False,
            )
        )  # fmt: skip

    def drop(self, keys: Sequence[str], *, ts: datetime, reason: str) -> list[OutboxRow]:
        """Settle waiting and parked rows as dropped, for a reason; return them."""
        return self._move(
            keys, (RowState.WAITING, RowState.PARKED), **_settled(RowState.DROPPED, ts),
            error=reason,
        )  # fmt: skip

    def _move(
        self, keys: Sequence[str], states: Sequence[RowState], **values: Any
    ) -> list[OutboxRow]:
        """Write values into rows that stand in some state, and keep their lines true."""
        table, queue = schema.outbox, schema.queue
        with self._delivering() as connection:
            moved = connection.execute(
                update(table)
                .where(table.c.key.in_(keys), table.c.state.in_(states))
                .values(**values)
                .returning(table.c.seq, *_OUTBOX_COLUMNS)
            ).all()
            rows = [OutboxRow(**dict(zip(_OUTBOX_NAMES, row[1:], strict=True))) for row in moved]
            self._leave(connection, [row.seq for row in moved])
            if values["state"] is RowState.WAITING:
                lines = [
                    {"place": row.place, "line": line, "seq": seq}
                    for (seq, *_), row in zip(moved, rows, strict=True)
                    for line in dict.fromkeys(row.lines)
                ]
                if lines:
                    connection.execute(insert(queue), lines)
            return rows

    def places(self) -> set[str]:
        """Return the places that unsettled rows go to."""
        table = schema.outbox
        query = select(table.c.place).where(stands(*UNSETTLED)).distinct()
        with self._reading() as connection:
            return set(connection.execute(query).scalars())

    def delivered_at(self, place: str) -> datetime | None:
        """Return when a place last took a message, wall time; None where it never did."""
        table = schema.outbox
        query = select(func.max(table.c.touched_at)).where(
            table.c.place == place, table.c.state == RowState.DELIVERED
        )
        with self._reading() as connection:
            return connection.execute(query).scalar()

    def receipt(self, *, place: str, episode: str) -> Receipt | None:
        """Return the receipt of the newest delivered message of an episode at a place.

        Rows without an episode have no earlier message to edit or to answer to.
        """
        if not episode:
            return None
        table = schema.outbox
        query = (
            select(table.c.receipt)
            .where(
                table.c.place == place,
                table.c.episode == episode,
                table.c.state == RowState.DELIVERED,
            )
            .order_by(table.c.seq.desc())
            .limit(1)
        )
        with self._reading() as connection:
            found: Receipt | None = connection.execute(query).scalar()
            return found

    def outbox(self, *, states: Sequence[str] | None = None, limit: int = 100) -> list[OutboxRow]:
        """Return rows, newest first, for people and the self-watch."""
        table = schema.outbox
        query = select(*_OUTBOX_COLUMNS).order_by(table.c.seq.desc()).limit(limit)
        if states is not None:
            query = query.where(stands(*map(RowState, states)))
        return [OutboxRow(**row) for row in self._rows(query)]

    def next_due(self) -> datetime | None:
        """Return the earliest instant at which a row could be claimed, or None."""
        with self._reading() as connection:
            return connection.execute(_NEXT_DUE).scalar()

    def _moment(self, ts: datetime) -> datetime:
        """Return the wall time by which owners are taken for alive.

        Machines' clocks differ; where there may be several, it is the database's that counts.
        """
        if self._engine.dialect.name == "sqlite":
            return ts
        with self._reading() as connection:
            return instant(Micros(int(connection.execute(_SERVER_MICROS).scalar_one())))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the database says into a `StoreError`, without statements or values."""
    try:
        yield
    except DBAPIError as err:
        raise StoreError(f"the database refused: {reason(err)}") from err
    except SQLAlchemyError as err:
        raise StoreError(f"the database could not be used ({type(err).__name__})") from err


def reason(err: DBAPIError) -> str:
    """Return the first line of what the database said; the second may quote values."""
    lines = str(err.orig).strip().splitlines()
    return lines[0] if lines else type(err.orig).__name__


def _fact(observation: Observation) -> dict[str, Any]:
    return {
        "series": observation.series,
        "period": observation.period,
        "value": observation.value,
        "known_at": observation.known_at,
        "source": observation.source,
        "vintage": observation.vintage,
        "assumed": observation.assumed,
    }


def _settled(state: RowState, ts: datetime) -> dict[str, Any]:
    return {"state": state, "begun": False, "owner": None, "touched_at": ts}
