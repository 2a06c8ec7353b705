"""Sessions of the aiohttp library; they refuse redirects, which would carry secrets along."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NoReturn
from urllib.parse import urlsplit

import aiohttp

from ebbwatch.net.proxies import proxy_for, unusable

#: Errors after which nothing can have been sent.
NOT_REACHED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
)


class Redirected(aiohttp.ClientError):
    """The far side answered with another address; nothing was sent there."""


def session(*, connect_s: float, total_s: float) -> aiohttp.ClientSession:
    """Return a session, kept for as long as its owner lives; each request is given its `proxy`.

    Must be called in a running loop.

    Args:
        connect_s: Longest wait for a connection; giving up there leaves nothing sent.
        total_s: Longest wait for everything.
    """
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse)
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=total_s, connect=connect_s, sock_connect=connect_s),
        trace_configs=[tracing],
        cookie_jar=aiohttp.DummyCookieJar(),
        # Trusting the environment, aiohttp would read ~/.netrc, too.
        trust_env=False,
    )


def proxy(address: str) -> str | None:
    """Return what a request to an address is given as its proxy; None for none.

    Raises:
        ProxyUnusable: If the environment names one that aiohttp cannot speak to.
    """
    found = proxy_for(address)
    if found is None:
        return None
    try:
        parts = urlsplit(found)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise unusable(found)
    return found


async def _refuse(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    _params: aiohttp.TraceRequestRedirectParams,
) -> NoReturn:
    raise Redirected
