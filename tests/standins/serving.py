"""What the stand-ins share: a server on the loopback, and faults by script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web


@dataclass
class Fault:
    """What goes wrong with one request.

    Attributes:
        how: ``status`` answers instead of working; ``raw`` writes bytes as they are instead;
            ``refuse`` drops the connection instead; ``drop`` and ``stall`` work first, then
            hang up or never answer.
        method: Of the platform that it is for; None for whichever comes next.
        status: For ``status``.
        body: For ``status``: JSON, or text where it is a string; for ``raw``: bytes.
        headers: For ``status``.
    """

    how: str = "status"
    method: str | None = None
    status: int = 500
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class StandIn:
    """A server on a free port of the loopback, for as long as the ``async with`` lasts."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._held: list[asyncio.Event] = []
        self.port = 0

    @property
    def origin(self) -> str:
        """Return where it listens, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def routes(self, app: web.Application) -> None:
        """Add what it answers to."""
        raise AssertionError("each stand-in has its own")

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=20 * 1024 * 1024)
        self.routes(app)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for event in self._held:
            event.set()
        await self._runner.cleanup()

    async def answered(
        self, request: web.Request, method: str, work: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Work and answer, or go wrong as the script says."""
        fault = next((f for f in self.faults if f.method in (None, method)), None)
        if fault is None:
            return await work()
        self.faults.remove(fault)
        if fault.how == "status":
            if isinstance(fault.body, str):
                return web.Response(
                    status=fault.status,
                    text=fault.body,
                    content_type="text/html",
                    headers=dict(fault.headers),
                )
            return web.json_response(fault.body, status=fault.status, headers=dict(fault.headers))
        connection = request.transport
        if fault.how == "raw" and connection is not None:
            connection.write(fault.body)
        elif fault.how != "refuse":
            await work()
        if fault.how == "stall":
            event = asyncio.Event()
            self._held.append(event)
            await event.wait()
        if connection is not None:
            connection.close()
        return web.Response()
