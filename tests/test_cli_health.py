"""The command `healthcheck`, against a stand-in for the daemon's address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from tests.cli import run


class Ready(BaseHTTPRequestHandler):
    """Answers /readyz."""

    answer: ClassVar[tuple[int, str]] = (200, "leading\n")

    def do_GET(self) -> None:
        status, text = self.answer if self.path == "/readyz" else (404, "")
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a stand-in, which the settings name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ready)
    Thread(target=server.serve_forever, daemon=True).start()
    number: int = server.server_address[1]
    monkeypatch.setenv("EBBWATCH_WEB__BIND", f"127.0.0.1:{number}")
    yield number
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("port")
def test_a_daemon_that_is_ready_is_healthy() -> None:
    """Its own word is shown."""
    ran = run("healthcheck")
    assert (ran.code, ran.out) == (0, "leading\n")


def test_a_daemon_that_listens_everywhere_is_asked_here(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can be reached at 0.0.0.0."""
    monkeypatch.setenv("EBBWATCH_WEB__BIND", f"0.0.0.0:{port}")
    monkeypatch.setenv("EBBWATCH_WEB__TOKEN", "t" * 40)
    assert run("healthcheck").code == 0


@pytest.mark.usefixtures("port")
def test_a_daemon_that_is_not_ready_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why."""
    monkeypatch.setattr(Ready, "answer", (503, "database\n"))
    ran = run("healthcheck")
    assert (ran.code, ran.err) == (1, "ebbwatch: not ready: database (503)\n")


def test_nobody_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was asked is named."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        monkeypatch.setenv("EBBWATCH_WEB__BIND", f"127.0.0.1:{port}")
        ran = run("healthcheck")
    assert ran.code == 1
    assert ran.err.startswith(f"ebbwatch: nobody answers at 127.0.0.1:{port}: ")


def test_a_port_that_is_not_known_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way out is named."""
    monkeypatch.setenv("EBBWATCH_WEB__BIND", "127.0.0.1:0")
    ran = run("healthcheck")
    assert ran.code == 2
    assert "name one" in ran.err
