"""Backups: made of either kind of database, restored into either, and refused with the way out."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import create_engine, text

from ebbwatch.model.message import Receipt
from ebbwatch.ports import AlertRecord, Held, Store, StoreError
from ebbwatch.store import schema
from ebbwatch.store.backup import back_up, restore
from ebbwatch.store.open import open_store
from tests.contracts.samples import (
    FULL_FACT,
    FULL_MESSAGE,
    FULL_TARGET,
    FULL_TRANSITION,
    T0,
    at,
    fact,
    moved,
    quiet_wish,
    row,
    text_item,
)
from tests.paths import ROOT

FIRST_SCHEMA = ROOT / "tests" / "golden" / "first-schema.sql"

SQLITE = "sqlite"
POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)

from_either = pytest.mark.parametrize("source", [SQLITE, POSTGRES])
into_either = pytest.mark.parametrize("target", [SQLITE, POSTGRES])


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], str]:
    """Return how to get the address of a database: a file, or the one PostgreSQL of the test."""

    def of(kind: str, name: str) -> str:
        if kind == SQLITE:
            return f"sqlite:///{tmp_path}/{name}/ebbwatch.db"
        return str(request.getfixturevalue("postgres_url"))

    return of


def filled(url: str) -> Store:
    """Return a store that holds one of everything."""
    store = open_store(url)
    with store.transaction(leading=False):
        store.record([fact(), FULL_FACT, fact(None, period=29_365_921)])
        store.hold([Held(observation=fact("9"), reason="too large")])
        store.record_texts([text_item()])
        store.save_alerts(
            [AlertRecord(name="funding-spread", definition="d", ladder="l", state="{}")]
        )
        store.append([FULL_TRANSITION, moved("reserves")])
        store.put("k", "v")
        store.silence(quiet_wish())
        store.enqueue([row("sent"), row("waits", message=FULL_MESSAGE, target=FULL_TARGET)])
    store.claim(ts=T0, owner="me", limit=1, room=lambda _: 1)
    store.begin(["sent"], ts=T0, owner="me")
    store.delivered({"sent": Receipt("17")}, ts=at(1), owner="me")
    return store


def everything(store: Store) -> list[object]:
    """Return what can be asked of a store."""
    return [
        list(store.observations()), store.held(), store.texts("fed_press"), store.alerts(),
        store.transitions(), store.get("k"), store.silences(), store.outbox(),
        store.receipt(place="terminal", episode="episode of sent"),
    ]  # fmt: skip


def copied(source: str, file: Path, target: str) -> None:
    back_up(source, file)
    restore(file, target)


@from_either
@into_either
def test_what_is_restored_is_what_was_backed_up(
    source: str, target: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """From each kind of database into each, to the last digit, while the source is open."""
    old = filled(address(source, "old"))
    file = tmp_path / "backup.db"
    counts = back_up(address(source, "old"), file)
    assert counts["observations"] == 2
    assert counts["outbox"] == 2
    before = everything(old)
    old.close()
    if source == target != SQLITE:
        _emptied(address(target, "new"))
    assert restore(file, address(target, "new")) == counts
    new = open_store(address(target, "new"))
    assert everything(new) == before
    new.close()


def _emptied(url: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


@into_either
def test_a_restored_database_goes_on(
    target: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """New rows are numbered after the old ones, and what waited is delivered."""
    filled(address(SQLITE, "old")).close()
    copied(address(SQLITE, "old"), tmp_path / "backup.db", address(target, "new"))
    new = open_store(address(target, "new"))
    assert new.lead("me")
    with new.transaction():
        new.append([moved("gold")])
        new.enqueue([row("later")])
    assert [one.rule for one in new.transitions(limit=1)] == ["gold"]
    claimed = new.claim(ts=at(2), owner="me", limit=9, room=lambda _: 9)
    assert [one.key for one in claimed] == ["waits", "later"]
    new.close()


@into_either
def test_a_message_that_was_on_its_way_is_sent_and_marked(
    target: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """Whoever held it is not there any more, and it may have arrived."""
    old = open_store(address(SQLITE, "old"))
    with old.transaction(leading=False):
        old.enqueue([row("k")])
    old.claim(ts=T0, owner="gone", limit=1, room=lambda _: 1)
    old.begin(["k"], ts=T0, owner="gone")
    copied(address(SQLITE, "old"), tmp_path / "backup.db", address(target, "new"))
    old.close()
    new = open_store(address(target, "new"))
    again = new.claim(ts=at(1), owner="me", limit=9, room=lambda _: 9)
    assert [(one.key, one.uncertain) for one in again] == [("k", True)]
    new.close()


@from_either
def test_a_backup_is_of_one_instant(
    source: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """A daemon writes figures and transitions together: a backup never has one without the other.

    Table after table is read while they are written, and the writer does not wait.
    """
    store = open_store(address(source, "old"))
    stop, written = Event(), 0

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            with store.transaction(leading=False):
                store.append([moved(f"r{written}")])
                store.record([fact(period=written)])
            written += 1

    writer = Thread(target=write)
    writer.start()
    try:
        counts = [back_up(address(source, "old"), tmp_path / f"{n}.db") for n in range(3)]
    finally:
        stop.set()
        writer.join()
    store.close()
    assert [one["observations"] - one["transitions"] for one in counts] == [0, 0, 0]
    assert written > 0


@into_either
def test_a_backup_of_the_first_version_is_upgraded(
    target: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """Making it changes nothing; what it holds becomes what this version holds."""
    old = tmp_path / "first.db"
    connection = sqlite3.connect(old)
    connection.executescript(FIRST_SCHEMA.read_text("utf-8"))
    kept = {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("observations", "alerts", "transitions", "memos", "silences", "outbox")
    }
    connection.close()
    file = tmp_path / "backup.db"
    counts = back_up(f"sqlite:///{old}", file)
    assert version(old) == version(file) == "0001"
    assert {table: counts[table] for table in kept} == kept
    restore(file, address(target, "new"))
    new = open_store(address(target, "new"))
    assert len(list(new.observations())) == kept["observations"]
    assert len(new.transitions()) == kept["transitions"]
    assert set(new.alerts()) == {"funding-spread", "repo-high"}
    assert len(new.outbox(limit=1000)) == kept["outbox"]
    new.close()


def version(file: Path) -> str:
    connection = sqlite3.connect(file)
    found: str = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    connection.close()
    return found


@into_either
def test_an_opened_but_empty_database_takes_a_backup(
    target: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """Somebody may have looked at it before; its own empty tables are no reason to refuse."""
    filled(address(SQLITE, "old")).close()
    open_store(address(target, "new")).close()
    copied(address(SQLITE, "old"), tmp_path / "backup.db", address(target, "new"))


@into_either
def test_nothing_is_overwritten(
    target: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """A database that holds something stays as it is, and the way out is named."""
    filled(address(SQLITE, "old")).close()
    back_up(address(SQLITE, "old"), tmp_path / "backup.db")
    full = open_store(address(target, "new"))
    with full.transaction(leading=False):
        full.silence(quiet_wish(id="s"))
    full.close()
    with pytest.raises(StoreError, match=r"holds something already, and nothing is overwritten: "
                       r"move it away, or set EBBWATCH_DATABASE_URL to an empty one"):  # fmt: skip
        restore(tmp_path / "backup.db", address(target, "new"))
    full = open_store(address(target, "new"))
    assert [one.id for one in full.silences()] == ["s"]
    assert list(full.observations()) == []
    full.close()


@pytest.mark.parametrize(
    ("target", "way_out"),
    [
        (SQLITE, "found another running .*stop that one"),
        pytest.param("postgres", "a daemon runs on .*stop every replica", marks=POSTGRES.marks),
    ],
)
def test_nothing_is_restored_under_a_daemon(
    target: str, way_out: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """It would go on with what it knows, and write it over what was restored."""
    filled(address(SQLITE, "old")).close()
    back_up(address(SQLITE, "old"), tmp_path / "backup.db")
    daemon = open_store(address(target, "new"))
    assert daemon.lead("me")
    with pytest.raises(StoreError, match=way_out):
        restore(tmp_path / "backup.db", address(target, "new"))
    daemon.close()
    restore(tmp_path / "backup.db", address(target, "new"))


@from_either
def test_a_newer_database_is_not_backed_up(
    source: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """This program does not know what there is to be kept."""
    url = address(source, "old")
    open_store(url).close()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match=r"newer Ebbwatch.*install that version"):
        back_up(url, tmp_path / "backup.db")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


@into_either
def test_a_newer_backup_is_not_restored(
    target: str, address: Callable[[str, str], str], tmp_path: Path
) -> None:
    """The way out is the version that made it."""
    filled(address(SQLITE, "old")).close()
    file = tmp_path / "backup.db"
    back_up(address(SQLITE, "old"), file)
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"backup\.db belongs to a newer Ebbwatch.*found 9999; "
                       "install that version"):  # fmt: skip
        restore(file, address(target, "new"))


def half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def spoiled(file: Path) -> None:
    data = bytearray(file.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 64] = b"\xff" * 64
    file.write_bytes(data)


def no_database(file: Path) -> None:
    file.write_text("not a database, by far " * 100)


def somebody_elses(file: Path) -> None:
    file.unlink()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE notes (note TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (half, r"backup\.db is (no backup: database disk image is malformed|damaged)"),
        (spoiled, r"backup\.db is (no backup: database disk image is malformed|damaged)"),
        (no_database, r"backup\.db is no backup: file is not a database"),
        (somebody_elses, r"backup\.db is no backup: expected a file that ebbwatch backup wrote"),
        (Path.unlink, r"backup\.db cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_no_whole_backup_is_refused(
    harm: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    """Nothing is made of it, and it is said what is wrong with it."""
    filled(f"sqlite:///{tmp_path}/old/ebbwatch.db").close()
    file = tmp_path / "backup.db"
    back_up(f"sqlite:///{tmp_path}/old/ebbwatch.db", file)
    harm(file)
    with pytest.raises(StoreError, match=said):
        restore(file, f"sqlite:///{tmp_path}/new/ebbwatch.db")
    assert not (tmp_path / "new").exists()


def test_a_backup_can_be_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Backups lie on media that are read-only; nothing is put beside one."""
    filled(f"sqlite:///{tmp_path}/old/ebbwatch.db").close()
    folder = tmp_path / "a 100% #1?"
    folder.mkdir()
    back_up(f"sqlite:///{tmp_path}/old/ebbwatch.db", folder / "backup.db")
    restore(folder / "backup.db", f"sqlite:///{tmp_path}/new/ebbwatch.db")
    assert [path.name for path in folder.iterdir()] == ["backup.db"]
    assert stat.S_IMODE((folder / "backup.db").stat().st_mode) == 0o600


def test_a_copy_of_the_file_with_its_log_is_a_backup_too(tmp_path: Path) -> None:
    """Of a machine that died there may be nothing else; what is in the log counts."""
    old = filled(f"sqlite:///{tmp_path}/old/ebbwatch.db")
    shutil.copytree(tmp_path / "old", tmp_path / "copy")
    before = everything(old)
    old.close()
    restore(tmp_path / "copy" / "ebbwatch.db", f"sqlite:///{tmp_path}/new/ebbwatch.db")
    new = open_store(f"sqlite:///{tmp_path}/new/ebbwatch.db")
    assert everything(new) == before
    new.close()


def test_there_is_nothing_to_back_up_before_the_first_start(tmp_path: Path) -> None:
    """A missing or an empty database makes no backup that somebody would rely on."""
    with pytest.raises(StoreError, match="is not there: nothing to back up"):
        back_up(f"sqlite:///{tmp_path}/ebbwatch.db", tmp_path / "backup.db")
    (tmp_path / "ebbwatch.db").touch()
    with pytest.raises(StoreError, match="holds nothing of Ebbwatch: nothing to back up"):
        back_up(f"sqlite:///{tmp_path}/ebbwatch.db", tmp_path / "backup.db")
    assert not (tmp_path / "backup.db").exists()


def test_a_backup_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half of one would be mistaken for one."""
    filled(f"sqlite:///{tmp_path}/old/ebbwatch.db").close()
    url = f"sqlite:///{tmp_path}/old/ebbwatch.db"
    with pytest.raises(StoreError, match=r"nowhere/backup\.db cannot be written: No such file"):
        back_up(url, tmp_path / "nowhere" / "backup.db")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ebbwatch.store.backup.os.fsync", full)
    with pytest.raises(StoreError, match=r"backup\.db cannot be written: No space left"):
        back_up(url, tmp_path / "backup.db")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_backup_overwrites_no_file(tmp_path: Path) -> None:
    """Yesterday's may be the only good one."""
    filled(f"sqlite:///{tmp_path}/old/ebbwatch.db").close()
    (tmp_path / "backup.db").write_text("yesterday's")
    with pytest.raises(StoreError, match="is there already, and nothing is overwritten"):
        back_up(f"sqlite:///{tmp_path}/old/ebbwatch.db", tmp_path / "backup.db")
    assert (tmp_path / "backup.db").read_text() == "yesterday's"


@pytest.mark.postgres
def test_what_others_keep_in_the_same_database_is_left_alone(
    postgres_url: str, tmp_path: Path
) -> None:
    """Their tables are in no backup, and no reason to refuse one."""
    engine = create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs AS SELECT 1 AS one"))
    filled(f"sqlite:///{tmp_path}/old/ebbwatch.db").close()
    copied(f"sqlite:///{tmp_path}/old/ebbwatch.db", tmp_path / "1.db", postgres_url)
    assert "theirs" not in back_up(postgres_url, tmp_path / "2.db")
    with engine.begin() as connection:
        assert connection.execute(text("SELECT one FROM theirs")).scalar() == 1
    engine.dispose()


def test_a_backup_holds_every_table_but_those_of_running_processes(tmp_path: Path) -> None:
    """A table that is added later is in backups without anybody's doing."""
    open_store(f"sqlite:///{tmp_path}/ebbwatch.db").close()
    counts = back_up(f"sqlite:///{tmp_path}/ebbwatch.db", tmp_path / "backup.db")
    assert set(counts) == set(schema.metadata.tables) - {"instances", "leases"}
