"""Backups: all that a database holds as one SQLite file, and such a file as a database again.

A backup has the tables of the version whose database it was made of: making one changes
nothing, and restoring one upgrades what it holds. Rows are read in one transaction, which
sees one instant whatever is written meanwhile, and are written in one, which is there as a
whole or not at all. Who leads, and who lives, is no part of it.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from ebbwatch.ports import StoreError
from ebbwatch.store import schema
from ebbwatch.store.leader import FileLock
from ebbwatch.store.open import DatabaseAddress, database_at
from ebbwatch.store.sql import WRITES, reason
from ebbwatch.store.upgrading import lock_tables, refuse_newer, upgrade, version_of

#: Tables of which a backup holds no rows: they are about processes that run.
_PASSING = ("instances", "leases")
_ROWS_AT_ONCE = 5_000


def back_up(url: str, file: Path) -> Mapping[str, int]:
    """Write what a database holds into a new file, while a daemon may go on writing to it.

    Returns:
        How many rows there are of each table.

    Raises:
        StoreError: If the file is there already or cannot be written, if the database cannot
            be read, is empty or newer than this program. No file is left then.
    """
    source = database_at(url)
    if source.file is not None and not source.file.exists():
        raise StoreError(f"{source.where} is not there: nothing to back up")
    with _new_file(file) as part, source.refusals():
        target = _file_engine(part)
        with _snapshot(source) as read:
            version = version_of(read)
            if version is None:
                raise StoreError(f"{source.where} holds nothing of Ebbwatch: nothing to back up")
            refuse_newer(version, source.where)
            with _refusing(f"{file} cannot be written"), _written(target) as write:
                upgrade(write, str(file), version)
                copied = _copy(read, write)
        target.dispose()
    source.engine.dispose()
    return copied


def restore(file: Path, url: str) -> Mapping[str, int]:
    """Write what a backup holds into an empty database of either kind, and bring it up to date.

    Returns:
        How many rows there are of each table.

    Raises:
        StoreError: If the file is no backup, is damaged or newer than this program; if a daemon
            runs on the database, or it holds something already. It is left as it was.
    """
    target = database_at(url)
    with opened_to_read(file) as read:
        version = _checked(read, file)
        target.make()
        with target.refusals(), _undisturbed(target), _written(target.engine) as write:
            lock_tables(write)
            _cleared(write, target.where)
            upgrade(write, target.where, version)
            copied = _copy(read, write)
            _count_on(write, copied)
            upgrade(write, target.where)
    target.engine.dispose()
    return copied


def _copy(source: Connection, target: Connection) -> dict[str, int]:
    """Copy every row of the tables that both sides have; return how many of each."""
    theirs, ours = _tables(source), _tables(target)
    copied = {}
    for name in sorted(theirs.keys() & ours.keys()):
        copied[name] = 0
        for rows in _rows(source, theirs[name]):
            target.execute(ours[name].insert(), rows)
            copied[name] += len(rows)
    return copied


def _tables(connection: Connection) -> dict[str, Table]:
    """Return the tables whose rows are kept, as they are in this database."""
    found = MetaData()
    found.reflect(connection, resolve_fks=False)
    passing = (*_PASSING, "alembic_version")
    return {name: table for name, table in found.tables.items() if name not in passing}


def _rows(connection: Connection, table: Table) -> Iterator[list[dict[str, object]]]:
    options = {"yield_per": _ROWS_AT_ONCE, "stream_results": True}
    with _refusing(f"the table {table.name} cannot be read"):
        found = connection.execute(table.select(), execution_options=options)
        for part in found.mappings().partitions():
            yield [dict(row) for row in part]


def _count_on(connection: Connection, copied: Mapping[str, int]) -> None:
    """Have PostgreSQL number further rows after those that brought their numbers along."""
    if connection.engine.dialect.name != "postgresql":
        return
    for name in copied:
        if "seq" in {column["name"] for column in inspect(connection).get_columns(name)}:
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'seq'), max(seq)) FROM {name}"  # noqa: S608  a table of ours
            )


# ---- a database ------------------------------------------------------------------------


@contextmanager
def _snapshot(source: DatabaseAddress) -> Iterator[Connection]:
    """Give a connection that sees a database as it is now, until it is let go."""
    if source.engine.dialect.name == "sqlite":
        with source.engine.connect() as connection, connection.begin():
            yield connection
        return
    with source.engine.connect() as connection:
        names = [name for name in inspect(connection).get_table_names() if name in _KNOWN]
    with source.engine.connect() as connection:
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        connection.execution_options(**options)
        with connection.begin():
            # Nobody may change the tables themselves meanwhile: that is seen at once.
            if names:
                connection.exec_driver_sql(f"LOCK TABLE {', '.join(names)} IN ACCESS SHARE MODE")
            yield connection


_KNOWN = {*schema.metadata.tables, "alembic_version"}


@contextmanager
def _written(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose transaction is committed as a whole."""
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            yield connection


@contextmanager
def _undisturbed(target: DatabaseAddress) -> Iterator[None]:
    """Make sure that no daemon runs on a database, and that none starts where that can be."""
    lead = target.leadership()
    if isinstance(lead, FileLock):
        lead.hold()
        try:
            yield
        finally:
            lead.drop()
        return
    with target.engine.connect() as connection:
        leads = inspect(connection).has_table("leases") and connection.execute(_LEADS).scalar()
    if leads:
        raise StoreError(f"a daemon runs on {target.where}: stop every replica, then restore")
    yield


_LEADS = text(
    "SELECT count(*) FROM leases WHERE until > (extract(epoch FROM clock_timestamp()) * 1000000)"
)


def _cleared(connection: Connection, where: str) -> None:
    """Take the empty tables out of a database, whatever version they are of.

    Raises:
        StoreError: If one is not empty, or they are newer than this program.
    """
    version = version_of(connection)
    if version is None:
        return
    refuse_newer(version, where)
    names = [name for name in inspect(connection).get_table_names() if name in _KNOWN]
    for name in names:
        if (
            name not in (*_PASSING, "alembic_version")
            and connection.exec_driver_sql(
                f"SELECT 1 FROM {name} LIMIT 1"  # noqa: S608  a table of ours
            ).first()
        ):
            raise StoreError(
                f"{where} holds something already, and nothing is overwritten: move it away, or "
                "set EBBWATCH_DATABASE_URL to an empty one"
            )
    for name in names:
        connection.exec_driver_sql(f"DROP TABLE {name}")


# ---- a file ----------------------------------------------------------------------------


@contextmanager
def _new_file(file: Path) -> Iterator[Path]:
    """Give a file to be written beside the one meant, which it becomes when it is whole.

    Raises:
        StoreError: If the one meant is there already, or its directory cannot be written.
    """
    if file.exists():
        raise StoreError(f"{file} is there already, and nothing is overwritten: name another file")
    try:
        number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as err:
        raise StoreError(f"{file} cannot be written: {err.strerror}") from err
    part = Path(name)
    try:
        yield part
        os.fsync(number)
        part.rename(file)
    except OSError as err:
        raise StoreError(f"{file} cannot be written: {err.strerror}") from err
    finally:
        os.close(number)
        part.unlink(missing_ok=True)


def _file_engine(part: Path) -> Engine:
    """Return an engine for a file that is nobody's yet: it is whole or thrown away."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(part, isolation_level=None)
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    return create_engine("sqlite+pysqlite://", creator=connect, hide_parameters=True)


@contextmanager
def opened_to_read(file: Path) -> Iterator[Connection]:
    """Give a connection that reads a database's file, and writes nothing beside it either.

    Raises:
        StoreError: If there is no such file, or it is no database.
    """
    try:
        file.open("rb").close()
    except OSError as err:
        raise StoreError(f"{file} cannot be read: {err.strerror}") from err
    # A copy of a database with its log is read with it; else nothing of SQLite's is needed.
    alone = "" if file.with_name(f"{file.name}-wal").exists() else "&immutable=1"
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: sqlite3.connect(f"file:{quote(str(file))}?mode=ro{alone}", uri=True),
        hide_parameters=True,
    )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _checked(connection: Connection, file: Path) -> str:
    """Return the version of a backup that is whole.

    Raises:
        StoreError: If it is not, is none of ours, or is newer than this program.
    """
    try:
        version = version_of(connection)
        if version is not None:
            refuse_newer(version, str(file))
        whole = connection.exec_driver_sql("PRAGMA quick_check").scalar() == "ok"
    except DBAPIError as err:
        raise StoreError(f"{file} is no backup: {reason(err)}") from None
    if version is None:
        raise StoreError(f"{file} is no backup: expected a file that ebbwatch backup wrote")
    if not whole:
        raise StoreError(f"{file} is damaged: restore another backup")
    return version


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as err:
        raise StoreError(f"{what}: {reason(err)}") from None
