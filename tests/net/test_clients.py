"""What every HTTP client of ours takes from the surroundings: proxies, and never a netrc."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from ebbwatch.model.message import Target
from ebbwatch.net.client import client
from ebbwatch.net.proxies import ProxyUnusable, proxy_for
from ebbwatch.notifiers.slack import SlackNotifier
from ebbwatch.notifiers.telegram import TelegramNotifier
from ebbwatch.notifiers.webhook import WebhookNotifier
from ebbwatch.ports import DeliveryError, Notifier, NotifierSetup, Secret, SourceError, SourceSetup
from ebbwatch.runtime.heartbeat import pinging
from ebbwatch.sources.http import ProviderClient
from tests.markup.samples import ENGLISH
from tests.notifiers.hurry import HurriedClock
from tests.standins.providers import EagerClock

PASSWORD = "PLANTED-password"
NETRC = f"default login anonymous password {PASSWORD}\n"
BASIC = "Basic " + base64.b64encode(f"anonymous:{PASSWORD}".encode()).decode()
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True)
class Request:
    """The head of a request, as it came in."""

    line: str
    headers: dict[str, str]


@dataclass
class Listener:
    """A server that answers 503 to everything, and keeps the heads of requests."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            self.requests.append(
                Request(head[0], {name.lower(): value for name, value in headers.items()})
            )
            writer.write(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            # What still comes is read, so that closing does not cut off our answer.
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    while await reader.read(65536):
                        pass
        writer.close()


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[Listener]:
    found = Listener()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    await server.wait_closed()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def _sent(notifier: Notifier, target: Target) -> None:
    try:
        await notifier.send(ENGLISH, target, key="k")
    finally:
        await notifier.aclose()


async def _telegram(origin: str) -> None:
    setup = NotifierSetup(HurriedClock(), token=Secret("1:a"), api_base=origin)
    await _sent(TelegramNotifier(setup), Target("desk", "telegram", {"chat": 1}))


async def _slack(origin: str) -> None:
    setup = NotifierSetup(HurriedClock(), token=Secret("xoxb-1"), api_base=f"{origin}/api")
    await _sent(SlackNotifier(setup), Target("desk", "slack", {"channel": "C1"}))


async def _webhook(origin: str) -> None:
    target = Target("desk", "webhook", {"url": f"{origin}/hook"})
    await _sent(WebhookNotifier(NotifierSetup(HurriedClock())), target)


async def _source(origin: str) -> None:
    provider = ProviderClient(SourceSetup(clock=EagerClock()), origin, name="x", tries=1)
    try:
        await provider.get("/figures")
    finally:
        await provider.aclose()


async def _heartbeat(origin: str) -> None:
    async with client(origin) as watchman:
        await pinging(Secret(f"{origin}/beat"), watchman)()


SPEAKERS = {
    "telegram": _telegram,
    "slack": _slack,
    "webhook": _webhook,
    "source": _source,
    "heartbeat": _heartbeat,
}
#: What each means to send as its own authorization.
OWN = {"slack": "Bearer xoxb-1"}


@pytest.fixture(params=SPEAKERS)
def who(request: pytest.FixtureRequest) -> str:
    """Return each who asks somebody over HTTP."""
    return str(request.param)


async def speak(who: str, origin: str) -> str:
    """Have somebody ask; return what they made of the answer."""
    try:
        await SPEAKERS[who](origin)
    except (ProxyUnusable, DeliveryError, SourceError, httpx.HTTPError) as err:
        return str(err)
    return ""


async def test_a_netrc_is_not_read(
    who: str,
    listener: Listener,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What stands there for any host reaches nobody, and replaces no token of ours."""
    (tmp_path / ".netrc").write_text(NETRC)
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    await speak(who, listener.origin)
    (request,) = listener.requests
    assert request.headers.get("authorization") == OWN.get(who)
    assert BASIC not in str(request)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_asked(
    who: str,
    variable: str,
    listener: Listener,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With its user and password, which stand in its address and never come from a netrc."""
    (tmp_path / ".netrc").write_text(NETRC)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, f"http://me:secret@127.0.0.1:{listener.port}")
    await speak(who, "http://far.example")
    (request,) = listener.requests
    verb, address, _ = request.line.split(" ")
    assert (verb in ("GET", "POST"), address.startswith("http://far.example/")) == (True, True)
    sent = base64.b64encode(b"me:secret").decode()
    assert request.headers["proxy-authorization"] == f"Basic {sent}"
    assert request.headers.get("authorization") == OWN.get(who)


async def test_a_proxy_carries_what_is_encrypted(
    who: str,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is asked for a tunnel, and sees neither path nor token."""
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{listener.port}")
    await speak(who, "https://far.example")
    (request,) = listener.requests
    assert request.line == "CONNECT far.example:443 HTTP/1.1"
    assert "authorization" not in request.headers


async def test_what_no_proxy_names_is_asked_directly(
    who: str,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a SOCKS proxy that nobody needs is no obstacle."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "elsewhere.example,127.0.0.1")
    await speak(who, listener.origin)
    assert len(listener.requests) == 1


@pytest.mark.parametrize(
    "proxy", ["socks5://me:PLANTED@127.0.0.1:1", "ftp://me:PLANTED@x", "http://PLANTED:port"]
)
async def test_a_proxy_that_cannot_be_spoken_to_is_said_without_its_address(
    who: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the client is made, or when something is sent: a person must act."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    said = await speak(who, "http://far.example")
    assert said.startswith("the environment names a proxy of the kind ")
    assert "PLANTED" not in said


@pytest.mark.parametrize(
    ("environment", "address", "proxy"),
    [
        ({}, "http://a.example", None),
        ({"HTTP_PROXY": "p:1"}, "http://a.example/x", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https://a.example", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://a.example", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "https://a.example", "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://a.example", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": ".example"}, "https://a.example:8443", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "a.example:8443"}, "https://a.example:8443", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "a.example:1"}, "https://a.example", "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "a.example"}, "https://me:pw@a.example", None),
        ({"HTTP_PROXY": ""}, "http://a.example", None),
    ],
)
def test_which_proxy(
    environment: dict[str, str], address: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address's own scheme first, then the one for all; exceptions before either."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(address) == proxy
