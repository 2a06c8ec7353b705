"""The tables, the same in SQLite and PostgreSQL.

Instants are whole microseconds since the epoch, UTC: both engines keep and order such
integers exactly, no driver or session turns them into its own zone, and SQLite has no type
of its own for instants. Values are the text of a `Decimal`, which gives back every digit
and the exponent. What is only ever read whole is JSON text (`codec`).
"""

# ruff: noqa: ARG002 - SQLAlchemy names the dialect, and our types are the same in both

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Dialect,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    literal_column,
)

from ebbwatch.model.alert import Level, Transition
from ebbwatch.model.message import Message, Receipt, RowState, Target
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.store.codec import decode, encode

#: The newest migration, which these tables agree with. It stands here so that opening a
#: database that is up to date need not import Alembic.
HEAD = "0002"


class Instant(TypeDecorator[datetime]):
    """An aware instant, as microseconds since the epoch."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return what is stored."""
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return what was meant."""
        return None if value is None else instant(Micros(value))


class Exact(TypeDecorator[Decimal]):
    """A decimal number, digit by digit."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Return what is stored."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """Return what was meant."""
        return None if value is None else Decimal(value)


class EnumType(TypeDecorator[StrEnum]):
    """A member of an enumeration, by its value."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        """Take the enumeration."""
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """Return what is stored."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Return what was meant."""
        return None if value is None else self.kind(value)


class LevelType(TypeDecorator[Level]):
    """A level, in the order of severity."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Level | None, dialect: Dialect) -> int | None:
        """Return what is stored."""
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Level | None:
        """Return what was meant."""
        return None if value is None else Level(value)


class Coded(TypeDecorator[Any]):
    """A value of the model, as JSON text."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        """Take the type to read it back as."""
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return what is stored."""
        return None if value is None else encode(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return what was meant."""
        return None if value is None else decode(self.kind, value)


#: Text that is compared byte by byte, in PostgreSQL too, whatever the database's locale:
#: otherwise `sofr_1m` and `sofr1m` change places between the engines.
Name = Text().with_variant(Text(collation="C"), "postgresql")

#: SQLite numbers rows by itself only in a column of exactly this type.
Serial = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# Keyed in the order in which the tape is read, so that reading it is one walk.
observations = Table(
    "observations",
    metadata,
    Column("known_at", Instant, primary_key=True),
    Column("series", Name, primary_key=True),
    Column("period", BigInteger, primary_key=True),
    Column("source", Name, primary_key=True),
    Column("value", Exact),
    Column("vintage", Date),
    Column("assumed", Boolean, nullable=False),
    Index(None, "series", "known_at", "period", "source"),
    sqlite_with_rowid=False,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("series", Name, nullable=False),
    Column("period", BigInteger, nullable=False),
    Column("value", Exact),
    Column("known_at", Instant, nullable=False),
    Column("source", Name, nullable=False),
    Column("vintage", Date),
    Column("assumed", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
)

texts = Table(
    "texts",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("source", Name, nullable=False),
    Column("key", Name, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    # A whole article is too long for an index of PostgreSQL.
    Column("body_sha256", Name, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("known_at", Instant, nullable=False),
    UniqueConstraint("source", "key", "body_sha256"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("name", Name, primary_key=True),
    Column("definition", Text, nullable=False),
    Column("ladder", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)

transitions = Table(
    "transitions",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("rule", Name, nullable=False),
    Column("period", Name, nullable=False),
    Column("change", Name, nullable=False),
    Column("body", Coded(Transition), nullable=False),
    UniqueConstraint("rule", "at", "period", "change"),
    Index(None, "at", "seq"),
)

memos = Table(
    "memos",
    metadata,
    Column("key", Name, primary_key=True),
    Column("value", Text, nullable=False),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Name, primary_key=True),
    Column("matcher", Coded(tuple[tuple[str, str], ...]), nullable=False),
    Column("until", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("comment", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    # Order of enqueueing, which is the order of delivery within a line.
    Column("seq", Serial, primary_key=True),
    Column("key", Name, nullable=False, unique=True),
    Column("place", Name, nullable=False),
    Column("target", Coded(Target), nullable=False),
    Column("message", Coded(Message), nullable=False),
    Column("episode", Name, nullable=False),
    Column("lines", Coded(tuple[str, ...]), nullable=False),
    Column("level", LevelType, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("foldable", Boolean, nullable=False),
    Column("quiet", Boolean, nullable=False),
    Column("state", EnumType(RowState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("begun", Boolean, nullable=False),
    Column("uncertain", Boolean, nullable=False),
    Column("error", Text, nullable=False),
    Column("owner", Text),
    # Wall time of the last claim or settlement.
    Column("touched_at", Instant),
    Column("receipt", Coded(Receipt)),
    # Whether what a lost row told was taken back.
    Column("returned", Boolean, nullable=False),
    Index(None, "place", "episode", "seq"),
)


def stands(*states: RowState) -> ColumnElement[bool]:
    """Return the condition that a row of the outbox stands in one of some states.

    They are written out: an index that holds some rows only serves a question in which its own
    condition stands word for word.
    """
    written: list[ColumnElement[Any]] = [literal_column(f"'{state}'") for state in states]
    if len(written) != 1:
        return outbox.c.state.in_(written)
    condition = outbox.c.state == written[0]
    return condition & _OPEN if states[0] in UNSETTLED else condition


#: States of rows that are on their way.
UNSETTLED = (RowState.WAITING, RowState.CLAIMED)

# Settled rows are left out of these: nobody asks for them.
_OPEN = outbox.c.state.in_([literal_column("'waiting'"), literal_column("'claimed'")])
Index("ix_outbox_open", outbox.c.state, outbox.c.not_before, sqlite_where=_OPEN,
      postgresql_where=_OPEN)  # fmt: skip
_WAITS = outbox.c.state == literal_column("'waiting'")
Index(
    "ix_outbox_next", outbox.c.level.desc(), outbox.c.not_before, outbox.c.seq, outbox.c.place,
    sqlite_where=_WAITS, postgresql_where=_WAITS,
)  # fmt: skip
_LOST = outbox.c.state.in_(("parked", "expired")) & ~outbox.c.returned
Index("ix_outbox_lost", outbox.c.seq, sqlite_where=_LOST, postgresql_where=_LOST)

queue = Table(
    "queue",
    metadata,
    # One row for each line of an unsettled message: the lowest seq of a place and line is next.
    Column("place", Name, primary_key=True),
    Column("line", Name, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Index(None, "seq"),
    sqlite_with_rowid=False,
)

instances = Table(
    "instances",
    metadata,
    Column("owner", Name, primary_key=True),
    Column("seen_at", Instant, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Name, primary_key=True),
    Column("owner", Text, nullable=False),
    # Counts take-overs: every write of a leader checks that it still is the one it led with.
    Column("generation", BigInteger, nullable=False),
    Column("until", Instant, nullable=False),
)
