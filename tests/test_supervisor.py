"""The supervisor's socket: what is told there, and what silence means."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ebbwatch.runtime.supervisor import Supervisor
from ebbwatch.settings.environment import supervision

WATCHDOG = timedelta(milliseconds=150)


@pytest.fixture(params=["file", "abstract"])
def listening(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[str, socket.socket]]:
    """A socket as systemd listens on, and its address as it is told to services."""
    address = str(tmp_path / "notify") if request.param == "file" else f"@ebbwatch-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1))
        listener.setblocking(False)
        yield address, listener


def heard(listener: socket.socket) -> list[str]:
    """Return what was told since the last time."""
    found = []
    while True:
        try:
            found.append(listener.recv(4096).decode())
        except BlockingIOError:
            return found


async def test_it_is_told_that_we_are_ready_live_and_end(
    listening: tuple[str, socket.socket],
) -> None:
    """Each in the words of sd_notify; standing by is being ready, too."""
    address, listener = listening
    supervisor = Supervisor(address, WATCHDOG)
    supervisor.ready("standing by")
    assert heard(listener) == ["READY=1\nSTATUS=standing by", "WATCHDOG=1"]
    await asyncio.sleep(WATCHDOG.total_seconds())
    supervisor.ready("watching")
    told = heard(listener)
    assert told[-1] == "READY=1\nSTATUS=watching"
    assert set(told[:-1]) == {"WATCHDOG=1"}
    supervisor.stopping()
    assert heard(listener) == ["STOPPING=1"]


async def test_a_loop_that_is_held_up_is_silent(listening: tuple[str, socket.socket]) -> None:
    """That is what the watchdog is for."""
    address, listener = listening
    Supervisor(address, WATCHDOG).ready("watching")
    heard(listener)
    time.sleep(3 * WATCHDOG.total_seconds())  # noqa: ASYNC251  the loop is to stand still
    assert heard(listener) == []
    await asyncio.sleep(0.05)
    assert set(heard(listener)) == {"WATCHDOG=1"}


async def test_without_a_watchdog_only_the_start_is_told(
    listening: tuple[str, socket.socket],
) -> None:
    """Nobody waits for more."""
    address, listener = listening
    Supervisor(address).ready("watching")
    await asyncio.sleep(0.05)
    assert heard(listener) == ["READY=1\nSTATUS=watching"]


async def test_nobody_who_listens_is_no_trouble(tmp_path: Path) -> None:
    """Without systemd, or when its socket went away."""
    for address in ("", str(tmp_path / "gone"), "@gone"):
        supervisor = Supervisor(address, WATCHDOG)
        supervisor.ready("watching")
        supervisor.stopping()


@pytest.mark.parametrize(
    ("usec", "pid", "silence"),
    [
        ("60000000", "", timedelta(minutes=1)),
        ("60000000", "ours", timedelta(minutes=1)),
        ("60000000", "1", None),
        ("", "", None),
        ("0", "", None),
        ("soon", "", None),
    ],
)
def test_the_watchdog_is_ours_where_it_names_us(
    usec: str, pid: str, silence: timedelta | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process was told that started us does not count; nor does nonsense."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "ours" else pid)
    assert supervision() == ("/run/notify", silence)
