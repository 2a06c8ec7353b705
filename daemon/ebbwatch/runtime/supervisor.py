"""The supervisor: systemd is told when we are ready, that we live, and when we end.

It listens on a socket of datagrams, and takes lines of ``NAME=value``; where there is no such
socket nothing is told. Source: sd_notify(3), as known in November 2026.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(slots=True)
class Supervisor:
    """Who started us and wants to hear of it.

    Attributes:
        address: Of its socket; an abstract one begins with ``@``; empty for nobody.
        watchdog: How long we may be silent before it ends us; None where that does not matter.
    """

    address: str = ""
    watchdog: timedelta | None = None
    _next: asyncio.TimerHandle | None = field(default=None, init=False)

    def ready(self, status: str) -> None:
        """Tell that we watch, or stand by to, and from now on that we live.

        That is told by the event loop's own timer: while the loop is held up nothing is, and
        no step of the system's clock can silence it.
        """
        self._tell("READY=1", f"STATUS={status}")
        if self._next is None:
            self._lives()

    def stopping(self) -> None:
        """Tell that we end because we were asked to."""
        self._tell("STOPPING=1")

    def _lives(self) -> None:
        if self.watchdog is None:
            return
        self._tell("WATCHDOG=1")
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(self.watchdog.total_seconds() / 3, self._lives)

    def _tell(self, *lines: str) -> None:
        if not self.address:
            return
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        # Whoever does not listen any more cannot be told so; that is no reason to end.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto("\n".join(lines).encode(), address)
