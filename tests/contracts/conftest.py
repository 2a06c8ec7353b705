"""Fixtures: an empty database of each kind, and a store on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ebbwatch.ports import Store
from ebbwatch.store.in_memory import MemoryStore
from ebbwatch.store.open import open_store
from tests import postgres
from tests.contracts.stores import Database, fresh_database


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Give the address of a PostgreSQL server that lives as long as the tests."""
    with postgres.server() as address:
        yield address


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Give the address of an empty PostgreSQL database."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the address of a SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path / 'ebbwatch.db'}"


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give an empty database of each kind in turn."""
    if request.param == "memory":
        store = MemoryStore()
        database = Database("memory", lambda: store)
    else:
        url = request.getfixturevalue(f"{request.param}_url")
        database = Database(request.param, lambda: open_store(url))
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> Store:
    """Return a store on an empty database of each kind in turn."""
    return database.open()
