"""A stand-in for whatever takes Alertmanager's webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.standins.serving import StandIn


@dataclass(frozen=True)
class Taken:
    """One post.

    Attributes:
        body: Its JSON.
        key: Its ``Idempotency-Key``.
        headers: All of them.
    """

    body: Any
    key: str
    headers: dict[str, str]


class WebhookStandIn(StandIn):
    """Takes every post and remembers it.

    Attributes:
        taken: In order, repeats included.
        connections: Far ends that posts came from.
        elsewhere: Posts that came to the address redirects lead to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Taken] = []
        self.connections: set[object] = set()
        self.elsewhere = 0

    @property
    def url(self) -> str:
        """Return the address to post to; it holds a token, as such addresses do."""
        return f"{self.origin}/hook/SECRET-path-of-the-hook"

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/hook/{token}", self._take)
        app.router.add_route("*", "/elsewhere", self._elsewhere)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        async def work() -> web.StreamResponse:
            assert request.transport is not None
            self.connections.add(request.transport.get_extra_info("peername"))
            self.taken.append(
                Taken(
                    await request.json(),
                    request.headers.get("Idempotency-Key", ""),
                    dict(request.headers),
                )
            )
            return web.Response(text="ok")

        return await self.answered(request, "hook", work)

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        self.elsewhere += 1
        return web.Response(text="ok")
