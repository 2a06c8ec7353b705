"""Opens a database: finds it, brings it up to date, and says plainly when it cannot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ebbwatch.ports import StoreError
from ebbwatch.store.leader import FileLock, Lease
from ebbwatch.store.schema import HEAD
from ebbwatch.store.sql import WRITES, SqlStore, reason
from ebbwatch.store.upgrading import lock_tables, upgrade, version_of

#: How long to wait for another writer of a SQLite file, or for PostgreSQL to answer.
_PATIENCE_S = 10

_EXPECTED = "expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"


def open_store(url: str) -> SqlStore:
    """Open a database, creating or migrating it where needed.

    Args:
        url: As SQLAlchemy writes it: ``sqlite:////var/lib/ebbwatch/ebbwatch.db`` or
            ``postgresql://user:password@host/database``.

    Raises:
        StoreError: If the address is not understood, the database cannot be reached, or it
            belongs to a newer version. The text holds no password.
    """
    database = database_at(url)
    database.make()
    with database.refusals():
        _migrate(database.engine, database.where)
    return SqlStore(database.engine, database.leadership())


@dataclass(frozen=True)
class DatabaseAddress:
    """A database that an address names, whether it is there or not.

    Attributes:
        engine: To connect with.
        where: What it is, for people; holds no password.
        file: Where it is one of SQLite.
    """

    engine: Engine
    where: str
    file: Path | None = None

    def make(self) -> None:
        """Make the file of a SQLite database, its owner's alone, where there is none.

        Raises:
            StoreError: If it cannot be written.
        """
        if self.file is None:
            return
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The files that SQLite puts beside it take over these permissions.
            os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as err:
            raise StoreError(
                f"{self.where} cannot be opened for writing: {err.strerror}; check "
                "that its directory exists and belongs to the user Ebbwatch runs as"
            ) from err

    def leadership(self) -> FileLock | Lease:
        """Return the way to be the only one who evaluates on it."""
        return Lease(self.engine) if self.file is None else FileLock(self.file, self.engine)

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn what the database says into a `StoreError`, and let go of it.

        Raises:
            StoreError: With what the database said, and never its address.
        """
        try:
            yield
        except DBAPIError as err:
            self.engine.dispose()
            said = _without_password(reason(err), self.engine.url)
            # The cause is left out: a driver's error may hold what it was asked to connect to.
            raise StoreError(
                f"{self.where} cannot be used: {said}; check that "
                "it is there and that its address in EBBWATCH_DATABASE_URL is right"
            ) from None
        except StoreError:
            self.engine.dispose()
            raise


def database_at(url: str) -> DatabaseAddress:
    """Return the database that an address names, without looking at it.

    Raises:
        StoreError: If the address is not understood.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(f"the database address cannot be read; {_EXPECTED}") from None
    match address.get_backend_name():
        case "sqlite":
            if address.database in (None, "", ":memory:"):
                raise StoreError("expected the path of a file after sqlite:///, found none")
            path = Path(str(address.database))
            return DatabaseAddress(_sqlite_engine(address), f"the database file {path}", path)
        case "postgresql" | "postgres":
            name, host = address.database or "", address.host or "localhost"
            engine = _postgresql_engine(address)
            return DatabaseAddress(engine, f"the PostgreSQL database {name} at {host}")
        case other:
            raise StoreError(f"{_EXPECTED}, found a database of kind {other}")


def _sqlite_engine(address: URL) -> Engine:
    engine = create_engine(
        address.set(drivername="sqlite+pysqlite"),
        hide_parameters=True,
        execution_options={"preserve_rowcount": True},
        connect_args={"check_same_thread": False, "timeout": _PATIENCE_S, "isolation_level": None},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Make every commit durable before it returns, and let readers read meanwhile."""
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Begin as a writer where that is meant.

    A transaction that reads first and then writes is refused, however long it would wait,
    when another writer came in between: so the lock is taken at the start.
    """
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql_engine(address: URL) -> Engine:
    return create_engine(
        address.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        execution_options={"preserve_rowcount": True},
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": _PATIENCE_S,
            # A server that vanished is noticed within about ten seconds.
            "keepalives_idle": 4,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 4000,
            # A pooler in transaction mode hands a session to others between two transactions.
            "prepare_threshold": None,
        },
    )


def _migrate(engine: Engine, where: str) -> None:
    """Bring a database up to date, or refuse it."""
    with engine.connect() as connection:
        if version_of(connection) == HEAD:
            return
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            lock_tables(connection)
            upgrade(connection, where)


def _without_password(said: str, address: URL) -> str:
    return said.replace(str(address.password), "***") if address.password else said
