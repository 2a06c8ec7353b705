"""Far sides that answer whatever they are told to, byte by byte: sources, platforms, the page.

Each reader takes a whole HTTP answer, head and body, or a whole request, and asks the adapter that
reads such answers in the daemon. An adapter may refuse it in our words; nothing else.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from aiohttp.test_utils import TestServer

from ebbwatch.core.facts.edge import admit
from ebbwatch.model.message import Target
from ebbwatch.net.client import client
from ebbwatch.notifiers.slack import SlackNotifier
from ebbwatch.notifiers.telegram import TelegramNotifier
from ebbwatch.notifiers.webhook import WebhookNotifier
from ebbwatch.ports import (
    DeliveryError,
    Notifier,
    NotifierSetup,
    Poll,
    Secret,
    Source,
    SourceError,
    SourceSetup,
    TextSource,
    Wanted,
)
from ebbwatch.runtime.heartbeat import Heartbeat, pinging
from ebbwatch.sources.bea import Bea
from ebbwatch.sources.coinbase import Coinbase
from ebbwatch.sources.csv import Csv
from ebbwatch.sources.fed_policy import FedPolicy
from ebbwatch.sources.fed_press import FedPress
from ebbwatch.sources.fiscaldata import FiscalData
from ebbwatch.sources.fred import Fred
from ebbwatch.sources.h41 import H41
from ebbwatch.sources.http_json import HttpJson
from ebbwatch.sources.kraken import Kraken
from ebbwatch.sources.nyfed import NewYorkFed
from ebbwatch.sources.ofr import Ofr
from tests.markup.samples import ENGLISH
from tests.notifiers.hurry import HurriedClock
from tests.sources import (
    test_bea,
    test_coinbase,
    test_fed_policy,
    test_fiscaldata,
    test_fred,
    test_h41,
    test_kraken,
    test_nyfed,
)
from tests.sources.wanting import wanting
from tests.standins.providers import EagerClock
from tests.web.serving import TOKEN, site, stage

NOW = datetime(2026, 11, 24, 21, 30, tzinfo=UTC)

#: What stands before the body of a good answer; where it ends, the connection does.
HEAD = (
    "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 21:30:00 GMT\r\nContent-Type: application/json\r\n"
    'ETag: "a1"\r\nLast-Modified: Tue, 24 Nov 2026 13:00:00 GMT\r\nConnection: close\r\n\r\n'
)
_ELSEWHERE = "HTTP/1.1 302 Found\r\nLocation: /elsewhere?x=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_LATER = "HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@asynccontextmanager
async def answering(answer_to: Callable[[str], bytes]) -> AsyncIterator[str]:
    """Serve on the loopback whatever bytes are said for a path, and return the address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(answer_to(head.split(b" ", 2)[1].decode()))
            await writer.drain()
            # Closed with something unread, the answer would be lost with it.
            writer.write_eof()
            while await reader.read(65536):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # a server that is torn down complains of what it breaks off
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@dataclass(frozen=True)
class Asked:
    """A source, what it is asked for, and the good answers around the one that is hostile.

    Attributes:
        build: Makes the source.
        wanted: Is asked for.
        answers: Bodies by the beginning of their paths; the first is the hostile one's.
        pack: Makes a body of the text of the hostile one.
        key: Of the source.
    """

    build: Callable[[SourceSetup], Source | TextSource]
    wanted: tuple[Wanted, ...]
    answers: Mapping[str, bytes]
    pack: Callable[[str], bytes] | None = None
    key: Secret | None = None


def _one(*arguments: Any, **more: Any) -> tuple[Wanted, ...]:
    return tuple(wanting("any", *arguments, **more))


_RATES = test_fed_policy.rates(("2026-11-23", "3.90"), ("2026-11-24", "3.90"))
_MEETINGS = test_fed_policy.meetings(("2026-10", "27-28"), ("2026-12", "8,9"))
_H41 = test_h41.HEAD + test_h41.line("RESH4R_XAW_N.WW", test_h41.WEEKS) + test_h41.TAIL
_PRESS = (
    "<?xml version='1.0'?><rss><channel><item><title>FOMC statement</title>"
    "<link>https://www.federalreserve.gov/newsevents/pressreleases/monetary20261110a.htm</link>"
    "<pubDate>Tue, 10 Nov 2026 18:00:00 GMT</pubDate></item></channel></rss>"
)
_PAGE = (
    "<html><div class='heading'><h3>Statement</h3></div><div class='col-xs-12 col-sm-8'><p>The "
    "Committee <a href='/newsevents/pressreleases/monetary20261110a1.htm'>note</a></div></html>"
)
_OPERATIONS = test_nyfed.operations(
    test_nyfed.operation("2026-11-23", "Repo", "08:30", 1000000),
    test_nyfed.operation("2026-11-23", "Reverse Repo", "13:15", 2000000),
)
_SOFR = test_nyfed.rates({**test_nyfed.SOFR_ROW, "effectiveDate": "2026-11-23"})
_GDP = _one("gdp", every="quarter", unit="USD billions")
_KEY = Secret("k3y-that-must-not-be-seen")
_UPDATES = test_fred.described(test_fred.declares("Percent"))
_OBSERVED = test_fred.observed(("2026-11-23", "3.910"), ("2026-11-20", "."))
_VINTAGES = (test_fred.gdp(),)
_GDP_DESCRIBED = test_fred.described(test_fred.declares("Billions of Dollars"))
_GDP_OBSERVED = test_fred.observed(("2026-07-01", "32486.066", "2026-11-24"))
_DECLARED = {
    "url": "https://figures.example/x", "rows": "rows", "period": "d", "value": "v", "known_at": "k",
}  # fmt: skip
_ROWS = (
    b'{"rows": [{"d": "2026-11-20", "v": 4.33, "k": "2026-11-23T08:00:00-05:00"},'
    b'{"d": "2026-11-23", "v": "4.35", "k": null}]}'
)
_CSV = b"period,value,known_at\n2026-11-20,4.33,2026-11-23T08:00:00-05:00\n2026-11-23,4.35,\n"
_CANDLES = [test_coinbase.row("2026-11-24T11:45", "88"), test_coinbase.row("2026-11-24T11:30", "8")]
_OHLC = [test_kraken.row("2026-11-24T11:45", "88"), test_kraken.row("2026-11-24T12:00", "99")]

SOURCES = {
    "http_json": Asked(HttpJson, _one(_DECLARED), {"/": _ROWS}),
    "csv": Asked(Csv, _one({"url": "https://figures.example/x.csv"}), {"/": _CSV}),
    "ofr": Asked(Ofr, _one("REPO-TRI_TV_OO-F", unit="USD"),
                 {"/": b'[["2026-11-20", 1184525108741.05], ["2026-11-23", null]]'}),
    "coinbase": Asked(Coinbase, _one("BTC-USD", every="15 min", unit="USD"),
                      {"/": json.dumps(_CANDLES).encode()}),
    "kraken": Asked(Kraken, _one("XBTUSD", every="15 min", unit="USD"),
                    {"/": test_kraken.said(_OHLC)}),
    "fiscaldata cash": Asked(
        FiscalData, _one("treasury_account_close", unit="USD millions"),
        {"/": test_fiscaldata.envelope(test_fiscaldata.statement("2026-11-23", "900000"))},
    ),
    "fiscaldata deficit": Asked(
        FiscalData, _one("deficit", every="month", unit="USD"),
        {"/": test_fiscaldata.envelope([
            test_fiscaldata.year("FY 2027", "1"), test_fiscaldata.month("October", "-5", "1"),
        ])},
    ),
    "nyfed rates": Asked(NewYorkFed, _one("sofr", "sofr_p1"), {"/": _SOFR.encode()}),
    "nyfed operations": Asked(
        NewYorkFed, _one("reverse_repo", unit="USD"), {"/": _OPERATIONS.encode()}
    ),
    "fred descriptions": Asked(
        Fred, _one("SOFR"), {"/series": _UPDATES, "/series/observations": _OBSERVED}, key=_KEY
    ),
    "fred observations": Asked(
        Fred, _one("SOFR"), {"/series/observations": _OBSERVED, "/series": _UPDATES}, key=_KEY
    ),
    "fred vintages": Asked(
        Fred, _VINTAGES, {"/series/observations": _GDP_OBSERVED, "/series": _GDP_DESCRIBED},
        key=_KEY,
    ),
    "bea file": Asked(Bea, _GDP, {"/": test_bea.FILE}),
    "bea": Asked(Bea, _GDP, {"/": test_bea.api(test_bea.quarter("2026Q2", "32,486,066"))}, key=_KEY),
    "h41": Asked(
        H41, _one("RESH4R_XAW_N.WW", every="week ending Wednesday", unit="USD millions"),
        {"/": test_h41.packed(xml=_H41)},
    ),
    "h41 within": Asked(
        H41, _one("RESH4R_XAW_N.WW", every="week ending Wednesday", unit="USD millions"),
        {"/": _H41.encode()}, pack=lambda text: test_h41.packed(xml=_bytes(text)),
    ),
    "h41 packed": Asked(
        H41, _one("RESH4R_XAW_N.WW", every="week ending Wednesday", unit="USD millions"),
        {"/": test_h41.packed(xml=_H41)}, pack=lambda text: text.encode("latin-1", "replace"),
    ),
    "fed_policy calendar": Asked(
        FedPolicy, _one("iorb"), {test_fed_policy.CALENDAR: _MEETINGS, "/releases": _RATES}
    ),
    "fed_press feed": Asked(FedPress, (), {"/feeds": _PRESS.encode(), "/": _PAGE.encode()}),
    "fed_press page": Asked(FedPress, (), {"/newsevents": _PAGE.encode(), "/": _PRESS.encode()}),
}  # fmt: skip


class _Nothing:
    """What is held at a first visit."""

    def value(self, series: str, period: int) -> None:
        """Return that no period is held."""

    def newest(self, series: str) -> None:
        """Return that there is none."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def seeds_of(asked: Asked) -> tuple[str, ...]:
    """Return good answers to begin with."""
    body = next(iter(asked.answers.values()))
    if asked.pack is not None:
        return (body.decode() if body.isascii() else body.decode("latin-1"),)
    # Of packed bytes the head is what is changed.
    text = body.decode("utf-8", "replace")
    return (HEAD + text, HEAD + text, _ELSEWHERE, _LATER)


def read_source(asked: Asked, text: str) -> None:
    """Visit a source twice that answers this, and admit what it gives."""
    (hostile, good), *others = asked.answers.items()
    if asked.pack is not None:
        answer = HEAD.encode() + asked.pack(text)
    elif not good.isascii() and text.startswith(HEAD):
        answer = HEAD.encode() + good
    else:
        answer = _bytes(text)
    rest = {prefix: HEAD.encode() + body for prefix, body in others}

    def answer_to(path: str) -> bytes:
        fitting = [p for p in (hostile, *rest) if path.startswith(p)]
        best = max(fitting, key=len, default=hostile)
        return answer if best == hostile else rest[best]

    asyncio.run(_visit(asked, answer_to))


async def _visit(asked: Asked, answer_to: Callable[[str], bytes]) -> None:
    async with answering(answer_to) as address:
        setup = SourceSetup(clock=EagerClock(NOW), base_url=address, api_key=asked.key)
        source = asked.build(setup)
        try:
            cursor = None
            for _ in range(2):
                poll = await _asked(source, asked.wanted, cursor)
                cursor = poll.cursor
                json.dumps(cursor).encode()
                for each in asked.wanted:
                    found = [p for p in poll.published if p.series == each.series.name]
                    admit(each.series, found, _Nothing(), at=NOW, source="x", first_choice=True)
        except SourceError:
            return
        finally:
            await source.aclose()


async def _asked(
    source: Source | TextSource, wanted: tuple[Wanted, ...], cursor: str | None
) -> Poll:
    if isinstance(source, TextSource):
        return await source.read("", cursor=cursor)
    return await source.poll(wanted, cursor=cursor)


_OK = HEAD.replace('ETag: "a1"\r\n', "Retry-After: 30\r\n")
_TELEGRAM = json.dumps({
    "ok": True, "result": {"message_id": 5, "date": 1, "chat": {"id": 42, "type": "private"}},
})  # fmt: skip
_FLOOD = json.dumps({
    "ok": False, "error_code": 429, "description": "Too Many Requests",
    "parameters": {"retry_after": 30},
})  # fmt: skip
_MOVED = json.dumps({
    "ok": False, "error_code": 400, "description": "Bad Request: group chat was upgraded",
    "parameters": {"migrate_to_chat_id": -100123},
})  # fmt: skip
_SLACK = json.dumps({"ok": True, "channel": "C0DESK00001", "ts": "1503435956.000247"})
_REFUSED = json.dumps({"ok": False, "error": "channel_not_found"})


def _failing(status: int, body: str) -> str:
    return _OK.replace("200 OK", f"{status} No") + body


def _telegram(address: str) -> tuple[Notifier, Target]:
    setup = NotifierSetup(HurriedClock(), token=Secret("987654:TOKEN"), api_base=address)
    return TelegramNotifier(setup), Target("desk", "telegram", {"chat": 42})


def _slack(address: str) -> tuple[Notifier, Target]:
    setup = NotifierSetup(HurriedClock(), {"WORD": Secret("xoxb-1")}, api_base=f"{address}/api/")
    target = {"channel": "C0DESK00001", "token": {"secret": "WORD"}}
    return SlackNotifier(setup), Target("desk", "slack", target)


def _webhook(address: str) -> tuple[Notifier, Target]:
    setup = NotifierSetup(HurriedClock(), {"URL": Secret(f"{address}/hook")})
    return WebhookNotifier(setup), Target("desk", "webhook", {"url": {"secret": "URL"}})


PLATFORMS: Mapping[str, tuple[Callable[[str], tuple[Notifier, Target]], tuple[str, ...]]] = {
    "telegram": (
        _telegram, (_OK + _TELEGRAM, _failing(429, _FLOOD), _failing(400, _MOVED), _ELSEWHERE)
    ),
    "slack": (
        _slack,
        (_OK + _SLACK, _OK + _REFUSED, _failing(429, _REFUSED), _failing(500, "x"), _ELSEWHERE),
    ),
    "webhook": (_webhook, (_OK, _failing(503, ""), _ELSEWHERE, _LATER)),
}  # fmt: skip


def read_platform(build: Callable[[str], tuple[Notifier, Target]], text: str) -> None:
    """Send a message to a platform that answers this."""
    asyncio.run(_send(build, text))


async def _send(build: Callable[[str], tuple[Notifier, Target]], text: str) -> None:
    async with answering(lambda _: _bytes(text)) as address:
        notifier, target = build(address)
        try:
            receipt = await notifier.send(ENGLISH, target, key="spread/fired/desk/0")
            repr(receipt).encode()
        except DeliveryError as error:
            str(error).encode()
        finally:
            await notifier.aclose()


def read_heartbeat(text: str) -> None:
    """Beat at a watchman who answers this."""
    asyncio.run(_beat(text))


async def _beat(text: str) -> None:
    async with answering(lambda _: _bytes(text)) as address, client(address) as connections:
        ping: Callable[[], Awaitable[None]] = pinging(Secret(address), connections)
        await Heartbeat(ping, clock=EagerClock(NOW), checks={})._beat()


REQUESTS = tuple(
    f"{question} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nCookie: "
    "ebbwatch_session=1795000000.abc; ebbwatch_language=en\r\nAccept: text/html\r\nAccept-Language: "
    "zh-TW,zh;q=0.9,en;q=0.8\r\nX-Forwarded-Proto: https\r\nOrigin: http://127.0.0.1\r\n"
    'If-None-Match: "x"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
    for question in (
        "GET /", "GET /rules/funding-spread?lang=en", "GET /transitions?limit=5", "GET /series",
        "GET /rules/funding-spread?threshold.watch=10+bp", "GET /api/v1/status",
        "GET /static/page.css", "POST /sign-in", "GET /feed.atom",
    )
)  # fmt: skip


@cache
def _page() -> tuple[str, int]:
    """Serve a page in a thread of its own, for as long as this process lives."""
    loop = asyncio.new_event_loop()
    server = TestServer(site(stage(), token=TOKEN).app(), loop=loop)
    threading.Thread(target=loop.run_forever, daemon=True).start()
    asyncio.run_coroutine_threadsafe(server.start_server(), loop).result(30)
    return "127.0.0.1", int(server.port or 0)


def read_request(text: str) -> None:
    """Ask the page this; whatever it is, it is answered, and not as a fault of ours."""
    with socket.create_connection(_page(), timeout=20) as connection:
        try:
            connection.sendall(_bytes(text))
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(200)
        except (BrokenPipeError, ConnectionResetError):
            return
    assert not answer.startswith(b"HTTP/1.1 500"), answer


#: Who reads what, with texts to begin with.
READERS: Mapping[str, tuple[tuple[str, ...], Callable[[str], None]]] = {
    **{f"source {name}": (seeds_of(asked), partial(read_source, asked))
       for name, asked in SOURCES.items()},
    **{f"platform {name}": (seeds, partial(read_platform, build))
       for name, (build, seeds) in PLATFORMS.items()},
    "heartbeat": ((HEAD, _ELSEWHERE, _LATER), read_heartbeat),
    "page": (REQUESTS, read_request),
}  # fmt: skip
