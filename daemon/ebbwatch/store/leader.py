"""Who evaluates: one process per database.

With SQLite there is one daemon, and a second is a mistake that is refused. With PostgreSQL
there are replicas, one of which leads by a lease in the database: a lock would be kept by a
process that was stopped, or cut off, for as long as its connection stands.
"""

from __future__ import annotations

import fcntl
import os
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ebbwatch.ports import LeadLost, StoreError, StoreReplaced

#: How long a lease lasts that is not renewed.
LEASE = timedelta(seconds=3)
#: How long the server lets a transaction of ours stand still: a process that was stopped in the
#: middle of one would keep its locks.
STILL = timedelta(milliseconds=2500)
#: How long a replica waits for the lease while another one writes.
_PATIENCE = timedelta(milliseconds=500)


class Leadership(Protocol):
    """A way to be the only one."""

    def take(self, owner: str) -> bool:
        """Return whether the lead is ours, taking it where it is free, and renewing it."""
        ...

    def guard(self, connection: Connection) -> None:
        """Hold the lead until the connection's transaction ends.

        Raises:
            LeadLost: If somebody else leads since.
        """
        ...

    def check(self) -> None:
        """Raise `StoreReplaced` where the database is another than the one that was opened."""
        ...

    def drop(self) -> None:
        """Let go of the lead; nothing where it is not ours."""
        ...


class FileLock:
    """Holds a lock on a file beside a SQLite database; the system drops it with the process."""

    def __init__(self, database: Path, engine: Engine) -> None:
        """Take the database's path, and the engine to connect with."""
        self._engine = engine
        self._database = database
        self._identity = _identity(database)
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def guard(self, connection: Connection) -> None:  # noqa: ARG002 - the file says it all
        """Make sure that what is written goes to the file that people see.

        Nobody else can lead while the lock is ours; but SQLite would go on writing to a file
        that was removed or replaced, and nobody would ever find it.
        """
        if _identity(self._database) != self._identity:
            self.check()

    def check(self) -> None:
        """Look at the file as others see it.

        Raises:
            StoreReplaced: If it is gone, or another one lies in its place.
            StoreError: If it is damaged: cut off, or written over.
        """
        if self._identity is not None and not _is_whole(self._database):
            raise StoreError(
                f"the database file {self._database} is damaged: stop, and restore a backup of it"
            )
        found = _identity(self._database)
        if found == self._identity:
            return
        if found is None:
            raise StoreReplaced(
                f"the database file {self._database} is gone: put it back, or a backup of it"
            )
        raise StoreReplaced(f"another database file lies at {self._database}")

    def take(self, owner: str) -> bool:  # noqa: ARG002 - the system knows whose the lock is
        """Return True.

        Raises:
            StoreError: If another process has the lock.
        """
        if self.hold():
            # Whoever had claims here is gone: nobody has to wait for that to show.
            with self._engine.begin() as connection:
                connection.execute(text("DELETE FROM instances"))
        return True

    def hold(self) -> bool:
        """Take the lock; return whether it was not ours yet.

        Raises:
            StoreError: If another process has it.
        """
        if self._file is None:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                other = os.read(file, 20).decode(errors="replace").strip()
                os.close(file)
                raise StoreError(
                    "expected to be the only daemon on this SQLite database, found another "
                    f"running (process {other or 'unknown'}); stop that one, give this one a "
                    "database of its own, or use PostgreSQL for more than one"
                ) from None
            os.truncate(file, 0)
            os.write(file, str(os.getpid()).encode())
            self._file = file
            return True
        return False

    def drop(self) -> None:
        """Let go of the lock; the file stays, for removing it would race with the next one."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from another at the same path; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_whole(file: Path) -> bool:
    """Return whether a file still begins as SQLite's do and has the pages that it says it has.

    Source: sqlite.org/fileformat2.html, sections 1.3 and 1.3.8, as known in November 2026.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(100)
            size = os.fstat(opened.fileno()).st_size
    except OSError:
        return True  # whether it is there is asked elsewhere
    if len(head) < 100:
        return size == 0  # a new one, of which all is in the log that SQLite writes ahead
    page = int.from_bytes(head[16:18]) or 1
    page = 65536 if page == 1 else page
    pages = int.from_bytes(head[28:32])
    return head.startswith(b"SQLite format 3\0") and size >= page * pages


class Lease:
    """Leads by a lease in PostgreSQL, renewed while we live, with a generation that grows.

    Every write of the leader holds the lease's row until it is committed: whoever takes the
    lead waits for it, and a leader that was replaced finds another generation and writes
    nothing. Only the server's clock counts. All that is set is set for one transaction, so
    that a pooler may stand between.
    """

    def __init__(self, engine: Engine) -> None:
        """Take the engine to connect with."""
        self._engine = engine
        self._owner = ""
        # The one we led with last; None where we never led, or gave it back.
        self._generation: int | None = None

    def take(self, owner: str) -> bool:
        """Return whether this process leads.

        Raises:
            LeadLost: If it led, and somebody else took over: all that it knows is old.
        """
        try:
            with self._engine.begin() as connection:
                connection.execute(_WAIT_A_LITTLE)
                if self._generation is not None:
                    renewed = connection.execute(
                        _RENEW,
                        {"owner": self._owner, "generation": self._generation, "lasts": _LASTS},
                    )
                    if renewed.rowcount == 1:
                        return True
                    self._generation = None
                    raise LeadLost("another replica leads now")
                self._owner = owner
                self._generation = connection.execute(
                    _TAKE, {"owner": owner, "lasts": _LASTS}
                ).scalar()
                return self._generation is not None
        except DBAPIError as err:
            if getattr(err.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                # Somebody writes under the lease. Our own writes keep it ours.
                return self._generation is not None
            raise

    def guard(self, connection: Connection) -> None:
        """Hold the lead until the connection's transaction ends."""
        connection.execute(_STAND_STILL)
        if self._generation is None:
            return
        held = connection.execute(_HOLD, {"generation": self._generation}).scalar()
        if held is None:
            self._generation = None
            raise LeadLost("another replica leads now")

    def check(self) -> None:
        """Do nothing: a server's database is the one it names."""

    def drop(self) -> None:
        """Give the lease back, so that another replica need not wait for its end."""
        if self._generation is not None:
            given = {"owner": self._owner, "generation": self._generation}
            self._generation = None
            with self._engine.begin() as connection:
                connection.execute(_GIVE_BACK, given)


_LOCK_NOT_AVAILABLE = "55P03"
_LASTS = LEASE // timedelta(microseconds=1)
_WAIT_A_LITTLE = text(f"SET LOCAL lock_timeout = {_PATIENCE // timedelta(milliseconds=1)}")
_STAND_STILL = text(
    f"SET LOCAL idle_in_transaction_session_timeout = {STILL // timedelta(milliseconds=1)}"
)
_TAKE = text("""
    UPDATE leases SET owner = :owner, generation = generation + 1,
        until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + :lasts
    WHERE name = 'lead' AND until < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    RETURNING generation
""")
_RENEW = text("""
    UPDATE leases
    SET until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + :lasts
    WHERE name = 'lead' AND owner = :owner AND generation = :generation
""")
_GIVE_BACK = text("""
    UPDATE leases SET until = 0
    WHERE name = 'lead' AND owner = :owner AND generation = :generation
""")
_HOLD = text("""
    SELECT generation FROM leases WHERE name = 'lead' AND generation = :generation FOR SHARE
""")
