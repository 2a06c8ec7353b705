"""Receivers that keep a log of what came, and misbehave when they are told to."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.standins.serving import StandIn

#: How a receiver may treat a post instead of taking it.
BAD_WAYS = ("error", "patience", "far patience", "slow", "drop", "stall", "refuse")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One post that was taken in.

    Attributes:
        at_s: When, on the clock that only runs.
        key: Its ``Idempotency-Key``.
        marked: Whether it says that it may be a repeat, in header and body alike.
        rules: Names of the rules that it tells of.
        answered: Whether the sender was given the answer that it was taken.
    """

    at_s: float
    key: str
    marked: bool
    rules: tuple[str, ...]
    answered: bool


class Hook(StandIn):
    """Takes webhooks.

    Attributes:
        arrivals: All that were taken in, in order.
        bad: How it treats posts now; empty for as it should.
        broken: Answers that were not given although the post was taken.
        closed: Whether it takes nothing at all.
    """

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.arrivals: list[Arrival] = []
        self.bad = ""
        self.broken = 0
        self.closed = False
        self._chance = chance

    @property
    def url(self) -> str:
        """Return the address to post to."""
        return f"{self.origin}/hook"

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/hook", self._take)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self.closed:
            return web.Response(status=503)
        match self.bad if self._chance.random() < 0.7 else "":
            case "error":
                return web.Response(status=500)
            case "patience":
                return web.Response(status=429, headers={"Retry-After": "1"})
            case "far patience":
                after = self._chance.choice(("Fri, 31 Dec 9999 23:59:59 GMT", "1" + "0" * 15, "?"))
                return web.Response(status=503, headers={"Retry-After": after})
            case "refuse":
                _hang_up(request)
                return web.Response()
            case "drop":
                self._note(request, body, answered=False)
                _hang_up(request)
                return web.Response()
            case "stall":
                self._note(request, body, answered=False)
                await asyncio.sleep(60)
                return web.Response()
            case "slow":
                await asyncio.sleep(self._chance.uniform(0.1, 1.5))
        self._note(request, body, answered=True)
        return web.Response(text="ok")

    def _note(self, request: web.Request, body: Any, *, answered: bool) -> None:
        in_body = all(a["annotations"].get("possible_repeat") == "true" for a in body["alerts"])
        in_header = request.headers.get("Possible-Repeat") == "true"
        assert in_body == in_header, "header and body disagree about a repeat"
        self.broken += not answered
        self.arrivals.append(
            Arrival(
                at_s=time.monotonic(),
                key=unquote(request.headers["Idempotency-Key"]),
                marked=in_body,
                rules=tuple(alert["labels"]["alertname"] for alert in body["alerts"]),
                answered=answered,
            )
        )


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


@dataclass
class Places:
    """All receivers.

    Attributes:
        hooks: By name of the receiver.
    """

    hooks: dict[str, Hook] = field(default_factory=dict)

    def behave(self) -> None:
        """Have all of them take what comes."""
        for hook in self.hooks.values():
            hook.bad, hook.closed = "", False
