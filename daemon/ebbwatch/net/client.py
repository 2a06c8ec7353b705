"""Clients of the httpx library, each for one far side."""

from __future__ import annotations

import ssl
from functools import cache
from importlib.util import find_spec
from typing import Any

import httpx

from ebbwatch.net.proxies import proxy_for, unusable


def client(address: str, **options: Any) -> httpx.AsyncClient:
    """Return a client for one far side; redirects are not followed.

    Args:
        address: Of the far side: it decides which proxy is asked.
        options: Further ones that `httpx.AsyncClient` takes.

    Raises:
        ProxyUnusable: If the environment names a proxy that httpx cannot speak to.
    """
    return httpx.AsyncClient(**client_options(address), **options)


def client_options(address: str) -> dict[str, Any]:
    """Return what `client` is made with, for libraries that make their own; raises the same."""
    return {
        "verify": tls_context(),
        "proxy": _proxy(address),
        # Its own reading of the environment fails for a proxy that is named and not needed.
        "trust_env": False,
        "follow_redirects": False,
    }


def _proxy(address: str) -> httpx.Proxy | None:
    found = proxy_for(address)
    if found is None:
        return None
    if found.startswith("socks") and find_spec("socksio") is None:
        raise unusable(found)
    try:
        return httpx.Proxy(found)
    except (ValueError, httpx.InvalidURL):
        raise unusable(found) from None


@cache
def tls_context() -> ssl.SSLContext:
    """Return what servers' certificates are checked with: one for the process.

    Each costs 20 ms and 0.8 MiB to make. ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` are honoured.
    """
    return httpx.create_ssl_context()
