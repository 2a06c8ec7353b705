"""The heartbeat: tells an outside watchman that polling and delivery work.

Silence is the alarm: the watchman notices when the beats stop, whatever stopped them, this
process included. So a beat is sent only while every check says yes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import httpx
import structlog

from ebbwatch.ports import Clock, Secret

EVERY = timedelta(minutes=1)
TIMEOUT_S = 10.0

log = structlog.get_logger()


class Heartbeat:
    """Beats once a minute while everything works."""

    def __init__(
        self,
        ping: Callable[[], Awaitable[None]],
        *,
        clock: Clock,
        checks: Mapping[str, Callable[[], bool]],
    ) -> None:
        """Take how to beat, and what must be well, by name."""
        self._ping = ping
        self._clock = clock
        self._checks = checks
        self._silent = ""

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            began_at = self._clock.now()
            await self._beat()
            await self._clock.wait_until(began_at + EVERY)

    async def _beat(self) -> None:
        why = ", ".join(
            f"{name} does not work" for name, well in self._checks.items() if not well()
        )
        if not why:
            try:
                await self._ping()
            except (OSError, httpx.HTTPError, httpx.InvalidURL) as err:
                # The text of the error may hold the address, and the address is a secret.
                why = f"the watchman cannot be reached ({type(err).__name__})"
        if why != self._silent:
            self._silent = why
            if why:
                log.warning("heartbeat.stopped", reason=why)
            else:
                log.info("heartbeat.resumed")


def pinging(url: Secret, client: httpx.AsyncClient) -> Callable[[], Awaitable[None]]:
    """Return how to beat at an address: a GET whose answer does not matter."""

    async def ping() -> None:
        await client.get(url.reveal(), timeout=TIMEOUT_S)

    return ping
