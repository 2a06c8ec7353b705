"""Looks at a database from outside: what it is, and who works on it; changes nothing at all."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from ebbwatch.ports import SILENT, StoreError
from ebbwatch.store.backup import opened_to_read
from ebbwatch.store.open import DatabaseAddress, database_at
from ebbwatch.store.schema import HEAD
from ebbwatch.store.sql import reason
from ebbwatch.store.upgrading import refuse_newer, version_of

#: Locks as Linux lists them: ``1: FLOCK ADVISORY WRITE 4711 08:01:131 0 EOF``.
#: Source: man 5 proc_locks, as known in November 2026.
_LOCKS = Path("/proc/locks")


#: Longest that a server may take for an answer: somebody else may hold its tables.
_PATIENCE_MS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLook:
    """What was found.

    Attributes:
        where: The database, for people; holds no password.
        file: Of SQLite; None for a server's.
        version: Of its tables; None where there are none yet.
        newest: What this program would bring them to.
        size_bytes: What it takes on disk.
        writable: Whether a daemon could write to it, as far as can be seen.
        leader: Who works on it, for people; empty for nobody.
        others: How many more processes lately did.
    """

    where: str
    file: Path | None = None
    version: str | None = None
    newest: str = HEAD
    size_bytes: int = 0
    writable: bool = True
    leader: str = ""
    others: int = 0


def look_at(url: str) -> DatabaseLook:
    """Return what a database is; one that is not there yet has no version.

    Raises:
        StoreError: If it cannot be read, or belongs to a newer program.
    """
    database = database_at(url)
    if database.file is None:
        return _server(database)
    return _file(database.where, database.file)


def _file(where: str, file: Path) -> DatabaseLook:
    holder = holder_of(file.with_name(f"{file.name}.lock"))
    leader = "" if holder is None else f"process {holder}"
    if not file.exists():
        return DatabaseLook(where=where, file=file, writable=_may_write(file), leader=leader)
    try:
        with opened_to_read(file) as connection:
            version = version_of(connection)
    except DBAPIError as err:
        raise StoreError(f"{where} cannot be read: {reason(err)}") from None
    if version is not None:
        refuse_newer(version, where)
    return DatabaseLook(
        where=where, file=file, version=version, writable=_may_write(file), leader=leader,
        size_bytes=sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*")
                       if part.name in (file.name, f"{file.name}-wal")),
    )  # fmt: skip


def _server(database: DatabaseAddress) -> DatabaseLook:
    with database.refusals(), database.engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.execute(text(f"SET LOCAL statement_timeout = {_PATIENCE_MS}"))
        version = version_of(connection)
        leader, others = _replicas(connection)
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar()
        standby = connection.execute(text("SELECT pg_is_in_recovery()")).scalar()
        if version is not None:
            refuse_newer(version, database.where)
    database.engine.dispose()
    return DatabaseLook(
        where=database.where, version=version, size_bytes=int(size or 0), writable=not standby,
        leader=leader, others=others,
    )  # fmt: skip


def _replicas(connection: Connection) -> tuple[str, int]:
    """Return who leads on a server, and how many others were seen lately."""
    tables = set(inspect(connection).get_table_names())
    if not {"leases", "instances"} <= tables:
        return "", 0
    now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    led = text(f"SELECT owner FROM leases WHERE name = 'lead' AND until > {now}")  # noqa: S608
    owner = str(connection.execute(led).scalar() or "")
    seen = text(f"SELECT owner FROM instances WHERE seen_at > {now} - :silent")  # noqa: S608
    silent = int(SILENT.total_seconds() * 1_000_000)
    owners = {str(row[0]) for row in connection.execute(seen, {"silent": silent})}
    # A machine, a process and a mark of its run: the last says nothing to people.
    return owner.rpartition("/")[0] or owner, len(owners - {owner})


def holder_of(lock: Path) -> int | None:
    """Return the process that holds a lock on a file; None for nobody.

    The lock is not tried: for that moment a daemon that starts would find it taken.
    """
    try:
        found = lock.stat()
        written = lock.read_text("ascii", errors="replace").strip()
    except OSError:
        return None
    own = int(written) if written.isdecimal() and len(written) < 10 else None
    try:
        rows = [line.split() for line in _LOCKS.read_text("ascii").splitlines()]
    except OSError:
        return own if own is not None and _lives(own) else None
    for row in rows:
        if len(row) < 6 or row[1] != "FLOCK" or not row[4].isdecimal():
            continue
        major, minor, inode = row[5].split(":")
        device = os.makedev(int(major, 16), int(minor, 16))
        # Some file systems give a file another device than its locks.
        same = device == found.st_dev or int(row[4]) == own
        if int(inode) == found.st_ino and same:
            return int(row[4])
    return None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _may_write(file: Path) -> bool:
    """Return whether a file, and others beside it, can be written; or be made, with its folders."""
    if file.exists() and not os.access(file, os.W_OK):
        return False
    folder = file.parent
    with suppress(OSError):
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
