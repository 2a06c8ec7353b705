"""The command `outbox`: what did not get through, told again or dropped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ebbwatch.model.alert import Level
from ebbwatch.model.message import Message, OutboxRow, Reason, RowState, Target
from ebbwatch.store.open import open_store
from tests.cli import run

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a database that is not there yet."""
    address = f"sqlite:///{tmp_path}/state/ebbwatch.db"
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", address)
    return address


def message(name: str, receiver: str = "desk") -> OutboxRow:
    """A message of an alert that waits."""
    target = Target(receiver=receiver, kind="telegram", options={"chat": "7"})
    told = Message(
        headline=f"🟠 WARNING · {name}", lines=(), language="en", level=Level.WARNING,
        reason=Reason.FIRST,
    )  # fmt: skip
    return OutboxRow(
        key=f"{name}/{receiver}", target=target, place=f"telegram:{receiver}", message=told,
        episode=f"{name}@1", created_at=AT, not_before=AT, expires_at=AT + timedelta(days=4000),
        lines=(name,), level=Level.WARNING,
    )  # fmt: skip


@pytest.fixture
def held(database: str) -> None:
    """One parked message of the desk, and one of somebody else that waits."""
    store = open_store(database)
    rows = [message("funding-spread"), message("reserves", "ops")]
    with store.transaction(leading=False):
        store.enqueue(rows)
    taken = store.claim(ts=AT, owner="me", limit=1, room=lambda _: 1)
    store.begin([taken[0].key], ts=AT, owner="me")
    store.park(taken[0].key, ts=AT, error="telegram knows no such chat", owner="me")
    store.close()


def test_nothing_is_said_plainly() -> None:
    """Before there is a database, too."""
    assert run("outbox").out == "every message got through\n"
    assert run("outbox", "--format", "json").out == "[]\n"
    assert run("outbox", "--retry").code == 0


@pytest.mark.usefixtures("held")
def test_what_did_not_get_through_is_listed_with_its_reason() -> None:
    """As a table that fits a terminal, and as JSON."""
    lines = run("outbox").out.splitlines()
    assert lines[0].split() == ["ID", "RECEIVER", "STATE", "SINCE", "WHAT", "WHY"]
    assert max(map(len, lines)) <= 80
    rows = json.loads(run("outbox", "--format", "json").out)
    assert [(row["receiver"], row["state"], row["error"]) for row in rows] == [
        ("desk", "parked", "telegram knows no such chat"),
        ("ops", "waiting", ""),
    ]
    for word in ("desk", "parked", "funding-spread", rows[0]["id"]):
        assert json.loads(run("outbox", word, "--format", "json").out) == rows[:1]


@pytest.mark.usefixtures("held")
def test_a_retry_notes_for_the_daemon_that_the_place_works(database: str) -> None:
    """The daemon then tells what is still news: it alone knows what that is."""
    said = run("outbox", "desk", "--retry").out
    assert said == "desk: what is still news is told as soon as the daemon runs\n"
    store = open_store(database)
    assert set(store.memos("works/")) == {"works/telegram:desk"}
    store.close()


@pytest.mark.usefixtures("held")
def test_a_dropped_message_keeps_who_dropped_it_and_why(database: str) -> None:
    """It is listed no more, and its line is free for the next one."""
    assert run("outbox", "desk", "ops", "--drop", "--comment", "old").out == "2 messages dropped\n"
    assert run("outbox").out == "every message got through\n"
    store = open_store(database)
    rows = store.outbox(states=(RowState.DROPPED,))
    assert all(row.error.startswith("dropped by ") for row in rows)
    assert all(row.error.endswith(": old") for row in rows)
    store.close()


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (("--drop",), 2, "say what to drop"),
        (("desk", "--drop", "--retry"), 2, "exclude each other"),
        (("nobody",), 1, "nothing that did not get through fits nobody"),
        (("--format", "xml"), 2, "expected --format text or json"),
    ],
)
def test_a_wrong_use_changes_nothing(typed: tuple[str, ...], code: int, said: str) -> None:
    """It says what was expected."""
    ran = run("outbox", *typed)
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert len(json.loads(run("outbox", "--format", "json").out)) == 2
