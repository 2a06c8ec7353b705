"""HTTP sessions that refuse to be sent elsewhere: a redirect would carry secrets along."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NoReturn

import aiohttp

#: Errors after which nothing can have been sent.
NOT_REACHED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
)


class Redirected(aiohttp.ClientError):
    """The far side answered with another address; nothing was sent there."""


def session(*, connect_s: float, total_s: float) -> aiohttp.ClientSession:
    """Return a session for one far side, kept for as long as its notifier lives.

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
        trust_env=True,
    )


async def _refuse(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    _params: aiohttp.TraceRequestRedirectParams,
) -> NoReturn:
    raise Redirected
