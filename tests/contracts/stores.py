"""Databases of every kind that a store can live in, for the contract tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import psycopg

from ebbwatch.ports import Store


@dataclass
class Database:
    """One empty database, which several store objects can share.

    Attributes:
        kind: ``memory``, ``sqlite`` or ``postgres``.
        opened: Makes one more store object on it.
    """

    kind: str
    opened: Callable[[], Store]
    _stores: list[Store] = field(default_factory=list)

    def open(self) -> Store:
        """Return one more store object on the same database."""
        self._stores.append(self.opened())
        return self._stores[-1]

    def close(self) -> None:
        """Close what was opened."""
        for store in self._stores:
            store.close()


_numbers = count(1)


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Give the address of an empty database on a PostgreSQL server."""
    name = f"ebbwatch_{next(_numbers)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        # A locale that orders letters as people do, unlike Python and SQLite.
        admin.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 "
            "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'"
        )
        yield f"{server}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
