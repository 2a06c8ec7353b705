"""Which proxy the environment names for an address."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ebbwatch.ports import EbbwatchError


class ProxyUnusable(EbbwatchError):
    """The environment names a proxy that we cannot speak to."""


def proxy_for(address: str) -> str | None:
    """Return the address of the proxy to ask for an address, or None to ask directly.

    It may hold a user and password, so it must not be printed.
    """
    parts = urlsplit(address)
    if not parts.hostname or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def unusable(proxy: str) -> ProxyUnusable:
    """Return what to raise for a proxy that a library refuses; its address stays unsaid."""
    scheme = proxy.partition("://")[0]
    return ProxyUnusable(
        f"the environment names a proxy of the kind {scheme}, or a malformed one: "
        "set HTTPS_PROXY and HTTP_PROXY to an address that begins with http://"
    )
