"""What only databases do: being opened, migrated, led, and refusing."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

from ebbwatch.ports import LeadLost, Store, StoreError
from ebbwatch.store import schema
from ebbwatch.store.leader import LEASE, STILL
from ebbwatch.store.open import open_store
from tests.contracts.samples import T0, at, fact, row

MIGRATIONS = Path(schema.__file__).with_name("migrations")

EXPECTED = "expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"

any_database = pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """Return the address of an empty database of each kind in turn."""
    address: str = request.getfixturevalue(f"{request.param}_url")
    return address


def engine_for(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def execute(url: str, statement: str) -> None:
    engine = engine_for(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def file_of(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


# opening


@any_database
def test_migrations_and_tables_agree(url: str) -> None:
    """A migrated database holds exactly the tables that the statements are written for."""
    open_store(url).close()
    engine = engine_for(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_one_the_tables_name() -> None:
    """`HEAD` is compared without Alembic, so it must not fall behind."""
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [schema.HEAD]


@any_database
def test_what_was_stored_is_there_when_opened_again(url: str) -> None:
    """Closing and opening loses nothing and creates nothing anew."""
    store = open_store(url)
    with store.transaction():
        store.record([fact()])
        store.enqueue([row("k")])
    store.close()
    again = open_store(url)
    assert list(again.observations()) == [fact()]
    assert again.outbox() == [row("k")]
    again.close()


def test_an_up_to_date_database_is_opened_without_alembic(sqlite_url: str) -> None:
    """Alembic takes longer to import than everything else about opening."""
    open_store(sqlite_url).close()
    code = (
        "import sys; from ebbwatch.store.open import open_store; "
        f"open_store({sqlite_url!r}).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@any_database
def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    """A schema that this version does not know is left untouched."""
    open_store(url).close()
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError) as refused:
        open_store(url)
    message = str(refused.value)
    assert "belongs to a newer Ebbwatch: expected its schema to be at most" in message
    assert "found 9999; install that version, or go back to a backup made before it" in message
    assert "hush" not in message


@any_database
def test_a_migration_that_fails_leaves_nothing(url: str) -> None:
    """Migrations are all or nothing, in SQLite too."""
    execute(url, "CREATE TABLE outbox (stranger INTEGER)")
    with pytest.raises(StoreError, match=r"outbox.*already exists"):
        open_store(url)
    execute(url, "DROP TABLE outbox")
    open_store(url).close()


@any_database
def test_many_can_open_a_new_database_at_once(url: str) -> None:
    """Replicas that start together migrate once, and all of them open."""
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(open_store, [url] * 4))
    for store in stores:
        with store.transaction():
            store.put("k", "v")
        store.close()


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        (
            "",
            f"the database address cannot be read; {EXPECTED}",
        ),
        (
            "postgresql://ebb:hush@host:port/x",
            f"the database address cannot be read; {EXPECTED}",
        ),
        (
            "mysql://ebb:hush@host/x",
            f"{EXPECTED}, found a database of kind mysql",
        ),
        ("sqlite://", "expected the path of a file after sqlite:///, found none"),
        ("sqlite:///:memory:", "expected the path of a file after sqlite:///, found none"),
    ],
)
def test_an_address_that_cannot_be_used_is_explained(address: str, complaint: str) -> None:
    """The complaint says what was expected, and repeats no part that may be secret."""
    with pytest.raises(StoreError) as refused:
        open_store(address)
    assert str(refused.value) == complaint


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ebb:hush@127.0.0.1:1/x",
        "postgres://ebb:hush@127.0.0.1:1/x",
        "postgresql+psycopg://ebb:hush@127.0.0.1:1/x?options=hush",
    ],
)
def test_an_unreachable_server_is_named_without_the_password(address: str) -> None:
    """The complaint says which database, why and what to check."""
    with pytest.raises(StoreError) as refused:
        open_store(address)
    message = str(refused.value)
    assert message.startswith("the PostgreSQL database x at 127.0.0.1 cannot be used: ")
    assert "refused" in message
    assert message.endswith("its address in EBBWATCH_DATABASE_URL is right")
    assert "hush" not in message
    assert refused.value.__cause__ is None


@pytest.mark.postgres
def test_a_missing_database_is_named_without_the_password(postgres_server: str) -> None:
    """What the server itself says is passed on."""
    with pytest.raises(StoreError, match='database "nowhere" does not exist') as refused:
        open_store(f"{postgres_server}/nowhere")
    assert "hush" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of another kind is left as it is."""
    file = tmp_path / "notes.txt"
    file.write_text("not a database, by far " * 100)
    with pytest.raises(StoreError, match=r"notes\.txt cannot be used: file is not a database"):
        open_store(f"sqlite:///{file}")
    assert file.read_text().startswith("not a database")


def test_a_path_that_cannot_be_a_file_is_refused(tmp_path: Path) -> None:
    """The complaint names the file and what to check."""
    (tmp_path / "occupied").touch()
    with pytest.raises(StoreError, match=r"cannot be opened for writing: .*; check that its dir"):
        open_store(f"sqlite:///{tmp_path}/occupied/ebbwatch.db")


# SQLite


def test_a_new_file_is_the_owners_alone(tmp_path: Path) -> None:
    """The database, what SQLite puts beside it and a new directory are private."""
    file = tmp_path / "state" / "100% new" / "ebbwatch.db"
    mask = os.umask(0)
    try:
        store = open_store(f"sqlite:///{file}")
    finally:
        os.umask(mask)
    with store.transaction():
        store.put("k", "v")
    assert store.lead("me")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    store.close()
    assert modes.pop("ebbwatch.db.lock") == 0o600
    assert set(modes.values()) == {0o600}
    assert set(modes) <= {"ebbwatch.db", "ebbwatch.db-wal", "ebbwatch.db-shm"}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_commits_are_durable_and_readers_are_not_in_the_way(sqlite_url: str) -> None:
    """WAL with full synchronisation: a commit that returned survives a power cut."""
    store = open_store(sqlite_url)
    with store.transaction(), store._reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    store.close()
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
    assert pragmas == expected


def test_another_process_can_read_during_a_transaction(sqlite_url: str) -> None:
    """A reader sees what was committed, and does not wait."""
    writer, reader = open_store(sqlite_url), open_store(sqlite_url)
    with writer.transaction():
        writer.put("k", "v")
        assert reader.get("k") is None
    assert reader.get("k") == "v"
    writer.close()
    reader.close()


def test_a_refusal_of_the_database_is_a_store_error(sqlite_url: str) -> None:
    """The error says what the database said, without the statement or its values."""
    store = open_store(sqlite_url)
    execute(sqlite_url, "DROP TABLE memos")
    with pytest.raises(StoreError) as refused, store.transaction():
        store.put("k", "a value nobody should see")
    assert str(refused.value) == "the database refused: no such table: memos"
    assert "nobody should see" not in str(refused.value.__cause__)
    store.close()


def test_a_second_daemon_on_one_file_is_refused(sqlite_url: str) -> None:
    """The second is told who has it and what to do; when the first ends it may lead."""
    first, second = open_store(sqlite_url), open_store(sqlite_url)
    assert first.lead("me")
    assert first.lead("me")
    with pytest.raises(StoreError) as refused:
        second.lead("me")
    assert str(refused.value) == (
        "expected to be the only daemon on this SQLite database, found another running "
        f"(process {os.getpid()}); stop that one, give this one a database of its own, or use "
        "PostgreSQL for more than one"
    )
    with second.transaction():
        second.put("k", "whoever does not lead can still write")
    first.close()
    assert second.lead("me")
    second.close()


def test_a_daemon_that_was_killed_leaves_no_lock(sqlite_url: str) -> None:
    """The system drops the lock with the process, however it ended."""
    code = (
        "import os, signal; from ebbwatch.store.open import open_store; "
        f"store = open_store({sqlite_url!r}); store.lead('me'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    store = open_store(sqlite_url)
    assert store.lead("me")
    store.close()


def test_facts_are_stored_as_people_would_read_them(sqlite_url: str) -> None:
    """Values are exact text and instants whole microseconds, for whoever looks with SQL."""
    store = open_store(sqlite_url)
    with store.transaction():
        store.record([fact("0.0525")])
    store.close()
    connection = sqlite3.connect(file_of(sqlite_url))
    found = connection.execute("SELECT series, value, known_at FROM observations").fetchall()
    connection.close()
    assert found == [("sofr", "0.0525", round(T0.timestamp()) * 1_000_000 + T0.microsecond)]


# PostgreSQL


def cut_connections(url: str) -> None:
    """End every other session of a database, as a restart of the server would."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def write_and_cut(store: Store, url: str) -> None:
    store.put("k", "v")
    cut_connections(url)


@pytest.mark.postgres
def test_one_replica_leads_until_it_ends(postgres_url: str) -> None:
    """The others are told no, and one of them takes over at once when the leader ends."""
    first, second = open_store(postgres_url), open_store(postgres_url)
    assert first.lead("a")
    assert not second.lead("b")
    assert first.lead("a")
    first.close()
    assert second.lead("b")
    second.close()


@pytest.mark.postgres
def test_a_leader_that_is_silent_is_replaced_and_writes_nothing_any_more(postgres_url: str) -> None:
    """Stopped or cut off, it keeps its connection, but neither the lead nor the right to write."""
    first, second = open_store(postgres_url), open_store(postgres_url)
    assert first.lead("a")
    time.sleep(LEASE.total_seconds())
    assert second.lead("b")
    with pytest.raises(LeadLost), first.transaction():
        first.put("k", "of the old one")
    with second.transaction():
        second.put("k", "of the new one")
    assert first.get("k") == "of the new one"
    assert not first.lead("a")
    first.close()
    second.close()


@pytest.mark.postgres
def test_a_leader_that_was_replaced_learns_it_when_it_renews(postgres_url: str) -> None:
    """What it knows is old: it stands by, and reads everything again before it leads."""
    first, second = open_store(postgres_url), open_store(postgres_url)
    assert first.lead("a")
    time.sleep(LEASE.total_seconds())
    assert second.lead("b")
    with pytest.raises(LeadLost):
        first.lead("a")
    assert not first.lead("a")
    second.close()
    assert first.lead("a")
    first.close()


@pytest.mark.postgres
def test_a_lost_connection_is_no_lost_lead(postgres_url: str) -> None:
    """A leader that comes back before its lease is over goes on."""
    first, second = open_store(postgres_url), open_store(postgres_url)
    assert first.lead("a")
    cut_connections(postgres_url)
    assert not second.lead("b")
    assert first.lead("a")
    with first.transaction():
        first.put("k", "v")
    first.close()
    second.close()


@pytest.mark.postgres
def test_nobody_takes_the_lead_in_the_middle_of_a_write(postgres_url: str) -> None:
    """Whoever wants it waits for the commit, or asks again."""
    first, second = open_store(postgres_url), open_store(postgres_url)
    assert first.lead("a")
    with first.transaction():
        first.put("k", "v")
        execute(postgres_url, "SET lock_timeout = 0")
        first._open.exec_driver_sql("SELECT pg_sleep(3.2)")  # type: ignore[union-attr]
        assert not second.lead("b")
    assert second.get("k") == "v"
    first.close()
    second.close()


def write_and_stand_still(first: Store, second: Store) -> None:
    first.put("k", "v")
    time.sleep(max(STILL, LEASE).total_seconds() + 0.3)
    assert second.lead("b")
    first.put("k", "more")


@pytest.mark.postgres
def test_a_write_that_stands_still_is_undone_by_the_server(postgres_url: str) -> None:
    """A process stopped in the middle of one would keep its locks, and the lead with them."""
    first, second = open_store(postgres_url), open_store(postgres_url)
    assert first.lead("a")
    with pytest.raises(StoreError), first.transaction():
        write_and_stand_still(first, second)
    assert second.get("k") is None
    first.close()
    second.close()


@pytest.mark.postgres
def test_owners_live_by_the_servers_clock(postgres_url: str) -> None:
    """Machines' clocks may be hours apart: claims are not taken from one that lives."""
    first, second = open_store(postgres_url), open_store(postgres_url)
    with first.transaction():
        first.enqueue([row("k")])
    assert [one.key for one in first.claim(ts=T0, owner="a", limit=1)] == ["k"]
    assert second.claim(ts=at(600), owner="b", limit=1) == []
    first.close()
    second.close()


@pytest.mark.postgres
def test_a_store_outlives_its_connections(postgres_url: str) -> None:
    """After the server dropped every connection the store connects again."""
    store = open_store(postgres_url)
    with store.transaction():
        store.put("k", "v")
    cut_connections(postgres_url)
    assert store.get("k") == "v"
    with store.transaction():
        store.put("k", "w")
    assert store.get("k") == "w"
    store.close()


@pytest.mark.postgres
def test_a_connection_lost_in_a_transaction_is_a_store_error(postgres_url: str) -> None:
    """Nothing of the transaction remains, and the next one works."""
    store = open_store(postgres_url)
    with pytest.raises(StoreError, match="the database refused"), store.transaction():
        write_and_cut(store, postgres_url)
    assert store.get("k") is None
    store.close()


@pytest.mark.postgres
def test_deliverers_do_not_wait_for_each_other(postgres_url: str) -> None:
    """A row that is being claimed elsewhere is passed over, not waited for."""
    store = open_store(f"{postgres_url}?options=-c%20lock_timeout%3D1s")
    with store.transaction():
        store.enqueue([row("1"), row("2"), row("stale", expires_at=T0)])
    later = T0 + timedelta(minutes=1)
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM outbox WHERE key IN ('1', 'stale') FOR UPDATE")
        claimed = store.claim(ts=later, owner="a", limit=9)
        assert [one.key for one in claimed] == ["2"]
    store.close()
