"""The commands `backup` and `restore`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ebbwatch.store.open import open_store
from tests.cli import run
from tests.contracts.samples import fact


@pytest.fixture(autouse=True)
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The settings' database, which holds a figure."""
    url = f"sqlite:///{tmp_path}/old.db"
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", url)
    store = open_store(url)
    with store.transaction(leading=False):
        store.record([fact()])
    store.close()
    return url


def test_it_is_said_what_a_backup_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was restored of it."""
    file = tmp_path / "backup.db"
    counts = "1 figure, 0 alerts, 0 transitions, 0 silences, 0 messages"
    assert run("backup", file).out.startswith(f"{file}: {counts}; 0.1 MiB")
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    assert run("restore", file).out == f"restored: {counts}\n"
    new = open_store(f"sqlite:///{tmp_path}/new.db")
    assert list(new.observations()) == [fact()]
    new.close()


def test_what_cannot_be_is_said_on_standard_error(tmp_path: Path) -> None:
    """With the way out, and an exit code."""
    refused = run("restore", tmp_path / "nothing.db")
    assert (refused.code, refused.out) == (1, "")
    assert (
        refused.err
        == f"ebbwatch: {tmp_path}/nothing.db cannot be read: No such file or directory\n"
    )


def test_a_backup_goes_through_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of a container, and into one: neither can see the other's files."""
    ebbwatch = Path(sys.executable).with_name("ebbwatch")
    made = subprocess.run([ebbwatch, "backup", "-"], capture_output=True, check=True)
    assert made.stdout.startswith(b"SQLite format 3\0")
    assert made.stderr.decode().startswith("-: 1 figure, ")
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    subprocess.run([ebbwatch, "restore", "-"], input=made.stdout, check=True)
    new = open_store(f"sqlite:///{tmp_path}/new.db")
    assert list(new.observations()) == [fact()]
    new.close()
