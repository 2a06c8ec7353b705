"""The press: prints figures at random, and answers as badly as it is told to."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from aiohttp import web

from tests.standins.serving import StandIn

#: Values on every rung of the rules' ladder.
RUNGS = (5, 12, 25, 40)
#: Figures that an answer reaches back for, of each series.
_REMEMBERED = 3

#: How it may answer instead of as it should.
BAD_ANSWERS = ("error", "patience", "page", "cut", "nan", "huge", "silence", "refused")


class Press(StandIn):
    """Prints at most one figure a minute for each series, as its clock goes.

    Attributes:
        printed: Every figure: series, minute since the epoch, value; oldest first.
        bad: How it answers; empty for as it should.
        asked: Requests that came in.
        closed: Whether it prints nothing more.
    """

    def __init__(
        self, names: list[str], chance: random.Random, now: Callable[[], datetime]
    ) -> None:
        super().__init__()
        self.printed: list[tuple[str, int, int]] = []
        self.bad = ""
        self.asked = 0
        self.closed = False
        self._names = names
        self._chance = chance
        self._now = now
        self._last: dict[str, tuple[int, int]] = {}

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/figures", self._figures)
        app.router.add_get("/json/{series}", self._rows)

    async def run(self) -> None:
        """Print until cancelled."""
        while True:
            if not self.closed:
                self.print_one()
            await asyncio.sleep(self._chance.uniform(0.02, 0.25))

    def print_one(self) -> None:
        """Print a figure of any series that has none for this minute."""
        minute = int(self._now().timestamp()) // 60
        open_yet = [name for name in self._names if self._last.get(name, (0, 0))[0] < minute]
        if open_yet:
            name = self._chance.choice(open_yet)
            before = self._last.get(name, (0, 0))[1]
            value = self._chance.choice([rung for rung in RUNGS if rung != before])
            self._last[name] = (minute, value)
            self.printed.append((name, minute, value))

    def storm(self) -> None:
        """Print a figure of every series that has none for this minute."""
        for _ in self._names:
            self.print_one()

    def last(self, series: str) -> int | None:
        """Return the newest figure of a series."""
        return self._last[series][1] if series in self._last else None

    def newest(self, series: str) -> int | None:
        """Return the minute of the newest figure of a series."""
        return self._last[series][0] if series in self._last else None

    async def _figures(self, request: web.Request) -> web.StreamResponse:
        held: dict[str, list[Any]] = {}
        for row in self.printed[-20 * len(self._names) :]:
            held.setdefault(row[0], []).append(row)
        rows = [row for some in held.values() for row in some[-_REMEMBERED:]]
        return await self._answer(request, json.dumps(rows))

    async def _rows(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["series"]
        rows = [
            {"at": datetime.fromtimestamp(minute * 60, self._now().tzinfo).isoformat(), "v": value}
            for series, minute, value in self.printed
            if series == name
        ]
        return await self._answer(request, json.dumps(rows[-_REMEMBERED:]))

    async def _answer(self, request: web.Request, body: str) -> web.StreamResponse:
        self.asked += 1
        match self.bad:
            case "error":
                return web.Response(status=503, text="busy")
            case "patience":
                after = self._chance.choice(("1", "x", "-5", "Fri, 31 Dec 9999 23:59:59 GMT"))
                return web.Response(status=429, headers={"Retry-After": after})
            case "page":
                return web.Response(text="<html>maintenance</html>", content_type="text/html")
            case "cut":
                answer = web.StreamResponse()
                answer.content_length = len(body) + 100
                await answer.prepare(request)
                with suppress(ConnectionError):
                    await answer.write(body[: len(body) // 2].encode())
                assert request.transport is not None
                request.transport.close()
                return answer
            case "nan":
                body = body.replace("5", "NaN", 1)
            case "huge":
                body = body.replace("5", "9" * 400, 1)
            case "silence":
                await asyncio.sleep(self._chance.uniform(3, 8))
            case "refused":
                assert request.transport is not None
                request.transport.close()
        return web.Response(text=body, content_type="application/json")
