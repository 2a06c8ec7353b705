"""A server on loopback that stands in for every provider, faults included."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from aiohttp import web
from multidict import CIMultiDictProxy

from ebbwatch.ports import Clock
from tests.fakes import ManualClock


class EagerClock(ManualClock):
    """A clock for which waiting is arriving: it jumps to whatever instant is waited for."""

    async def wait_until(self, when: datetime) -> None:
        """Move to an instant at once."""
        if when > self.now():
            self.advance_to(when)


@dataclass(frozen=True)
class Seen:
    """One request that came in."""

    path: str
    query: Mapping[str, str]
    headers: CIMultiDictProxy[str]


@dataclass
class Reply:
    """What is answered on one path.

    Attributes:
        body: Bytes, or what makes them from the request.
        status: Of the answer.
        headers: Further headers; an ETag or Last-Modified among them is honoured with 304.
        content_type: Of the body.
        at: From when on it is published, by the stand-in's clock; None for always.
        times: How often it is given before what was served earlier counts again; None for ever.
        cut: Whether the connection closes before the promised length is sent.
        stuck: Whether the answer never comes.
    """

    body: bytes | Callable[[Seen], bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    at: datetime | None = None
    times: int | None = None
    cut: bool = False
    stuck: bool = False


class StandIn:
    """A server that answers as it was told, and remembers what it was asked.

    Usage::

        async with StandIn() as provider:
            provider.serve("/api/rates", b"{}")
            ...
            assert provider.paths == ["/api/rates"]

    A path stands for all that begin with it; the longest one wins, then the last served.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        """Take the clock by which bodies are published; needed only for ``at=``."""
        self.requests: list[Seen] = []
        self.url = ""
        self._clock = clock
        self._replies: list[tuple[str, Reply]] = []
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def paths(self) -> list[str]:
        """Return the paths asked for, in order."""
        return [seen.path for seen in self.requests]

    def serve(
        self,
        path: str,
        body: bytes | str | Callable[[Seen], bytes] = b"",
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        etag: bool = False,
        at: datetime | None = None,
        times: int | None = None,
        cut: bool = False,
        stuck: bool = False,
    ) -> None:
        """Answer requests below a path; see `Reply`. With `etag`, the body's own hash is one."""
        content = body.encode() if isinstance(body, str) else body
        own = dict(headers or {})
        if etag and isinstance(content, bytes):
            own["ETag"] = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        self._replies.append(
            (path, Reply(content, status, own, content_type, at, times, cut, stuck))
        )

    def redirect(self, path: str, to: str) -> None:
        """Send whoever asks for a path elsewhere."""
        self.serve(path, status=302, headers={"Location": to})

    def refuse(self, path: str, status: int, *, after: str | None = None) -> None:
        """Answer a path with an error, and a Retry-After where one is given."""
        headers = {} if after is None else {"Retry-After": after}
        self.serve(path, b"no", status=status, headers=headers, content_type="text/plain")

    def forget(self) -> None:
        """Serve nothing and remember nothing."""
        self.requests.clear()
        self._replies.clear()

    def _reply_to(self, path: str) -> Reply | None:
        due = [
            (len(prefix), number, reply)
            for number, (prefix, reply) in enumerate(self._replies)
            if path.startswith(prefix)
            and reply.times != 0
            and (reply.at is None or (self._clock is not None and reply.at <= self._clock.now()))
        ]
        return max(due, key=lambda row: row[:2])[2] if due else None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.path, dict(request.query), request.headers)
        self.requests.append(seen)
        reply = self._reply_to(request.path)
        if reply is None:
            return web.Response(status=404, text="nothing is served here")
        if reply.times is not None:
            reply.times -= 1
        if reply.stuck:
            await self._closing.wait()
        for asked, given in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
            if reply.headers.get(given) and request.headers.get(asked) == reply.headers[given]:
                return web.Response(status=304, headers=reply.headers)
        body = reply.body if isinstance(reply.body, bytes) else reply.body(seen)
        headers = {"Content-Type": reply.content_type, **reply.headers}
        if not reply.cut:
            return web.Response(status=reply.status, body=body, headers=headers)
        response = web.StreamResponse(status=reply.status, headers=headers)
        response.content_length = len(body) + 100
        await response.prepare(request)
        await response.write(body)
        if request.transport is not None:
            request.transport.close()
        return response
