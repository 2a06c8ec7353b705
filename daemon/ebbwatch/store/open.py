"""Opens a database: finds it, brings it up to date, and says plainly when it cannot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ebbwatch.ports import StoreError
from ebbwatch.store.leader import FileLock, Lease
from ebbwatch.store.schema import HEAD
from ebbwatch.store.sql import WRITES, SqlStore, reason

_MIGRATIONS = Path(__file__).with_name("migrations")

#: How long to wait for another writer of a SQLite file, or for PostgreSQL to answer.
_PATIENCE_S = 10

#: Number of the advisory lock under which PostgreSQL is migrated: "ebbm" in ASCII.
_MIGRATION_LOCK = 0x6562626D

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
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(f"the database address cannot be read; {_EXPECTED}") from None
    match address.get_backend_name():
        case "sqlite":
            return _open_sqlite(address)
        case "postgresql" | "postgres":
            return _open_postgresql(address)
        case other:
            raise StoreError(f"{_EXPECTED}, found a database of kind {other}")


def _open_sqlite(address: URL) -> SqlStore:
    if address.database in (None, "", ":memory:"):
        raise StoreError("expected the path of a file after sqlite:///, found none")
    path = Path(str(address.database))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The files that SQLite puts beside it take over these permissions.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as err:
        raise StoreError(
            f"the database file {path} cannot be opened for writing: {err.strerror}; check "
            "that its directory exists and belongs to the user Ebbwatch runs as"
        ) from err
    engine = _sqlite_engine(address)
    _migrate(engine, f"the database file {path}")
    return SqlStore(engine, FileLock(path, engine))


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


def _open_postgresql(address: URL) -> SqlStore:
    engine = _postgresql_engine(address)
    where = f"the PostgreSQL database {address.database or ''} at {address.host or 'localhost'}"
    _migrate(engine, where)
    return SqlStore(engine, Lease(engine))


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
    """Bring a database up to date, or refuse it.

    Raises:
        StoreError: With what the database said, and never its address.
    """
    try:
        with engine.connect() as connection:
            if _version(connection) == HEAD:
                return
        with engine.connect() as connection:
            connection.execution_options(**{WRITES: True})
            with connection.begin():
                if engine.dialect.name == "postgresql":
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                _upgrade(connection, where)
    except DBAPIError as err:
        engine.dispose()
        # The cause is left out: a driver's error may hold what it was asked to connect to.
        raise StoreError(
            f"{where} cannot be used: {_without_password(reason(err), engine.url)}; check that "
            "it is there and that its address in EBBWATCH_DATABASE_URL is right"
        ) from None
    except StoreError:
        engine.dispose()
        raise


def _version(connection: Connection) -> str | None:
    """Return the migration a database stands at, or None where it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _upgrade(connection: Connection, where: str) -> None:
    # Imported here because it is slow, and not needed for a database that is up to date.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    # Alembic reads this through configparser, to which a percent sign is special.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    version = _version(connection)
    if version is not None and version not in known:
        raise StoreError(
            f"{where} belongs to a newer Ebbwatch: expected its schema to be at most {HEAD}, "
            f"found {version}; install that version, or go back to a backup made before it"
        )
    command.upgrade(config, "head")


def _without_password(said: str, address: URL) -> str:
    return said.replace(str(address.password), "***") if address.password else said
