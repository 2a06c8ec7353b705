"""Who evaluates: one process per database.

With SQLite there is one daemon, and a second is a mistake that is refused. With PostgreSQL
there are replicas, one of which leads until its connection ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from ebbwatch.ports import StoreError

#: Number of our advisory lock in a PostgreSQL database: "ebb" in ASCII.
_LOCK_NUMBER = 0x656262


class Leadership(Protocol):
    """A way to be the only one."""

    def take(self) -> bool:
        """Return whether the lead is ours, taking it where it is free."""
        ...

    def drop(self) -> None:
        """Let go of the lead; nothing where it is not ours."""
        ...


class FileLock:
    """Holds a lock on a file beside a SQLite database; the system drops it with the process."""

    def __init__(self, database: Path) -> None:
        """Take the database's path."""
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def take(self) -> bool:
        """Return True.

        Raises:
            StoreError: If another process has the lock.
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

    def drop(self) -> None:
        """Let go of the lock; the file stays, for removing it would race with the next one."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class AdvisoryLock:
    """Holds an advisory lock of PostgreSQL for as long as one connection lives."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine to connect with."""
        self._engine = engine
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Return whether this process leads."""
        if self._connection is not None:
            try:
                self._connection.exec_driver_sql("SELECT 1")
            except DBAPIError:
                self.drop()
            else:
                return True
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # The server gives up on a machine that vanished within ten seconds or so; by
        # default it would keep its lock for two hours.
        for setting in ("idle = 4", "interval = 2", "count = 3"):
            connection.exec_driver_sql(f"SET tcp_keepalives_{setting}")
        if connection.execute(select(func.pg_try_advisory_lock(_LOCK_NUMBER))).scalar_one():
            self._connection = connection
            return True
        connection.close()
        return False

    def drop(self) -> None:
        """End the connection's session, and the lead with it."""
        if self._connection is not None:
            # Closing alone would keep the session, with its lock, for the next user.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
