"""Addresses that people name in the catalogue, each asked through a client of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ebbwatch.ports import SourceSetup
from ebbwatch.sources.replies import Reply, Validators

if TYPE_CHECKING:
    from ebbwatch.sources.http import ProviderClient


class Addresses:
    """Clients by series and host, opened when first asked for."""

    def __init__(self, setup: SourceSetup, source: str, *, tries: int) -> None:
        """Open nothing yet.

        Args:
            setup: Its base URL replaces scheme and host of every address: for a proxy.
            source: Name of the source, for errors.
            tries: How often a request is sent when it fails.
        """
        self._setup = setup
        self._source = source
        self._tries = tries
        self._clients: dict[tuple[str, str], ProviderClient] = {}

    async def get(
        self,
        series: str,
        address: str,
        *,
        validators: Validators,
        limit_bytes: int,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask an address for a series; takes and raises what `ProviderClient.get` does."""
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        client = self._clients.get((series, origin))
        if client is None:
            # Loading rules looks at addresses, and needs no HTTP library for that.
            from ebbwatch.sources.http import ProviderClient  # noqa: PLC0415

            name = f"{self._source} {series}"
            client = ProviderClient(self._setup, origin, name=name, tries=self._tries)
            self._clients[series, origin] = client
        return await client.get(
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            validators=validators,
            headers=headers,
            limit_bytes=limit_bytes,
        )

    async def aclose(self) -> None:
        """Close connections."""
        for client in self._clients.values():
            await client.aclose()


def fault_of_url(text: str) -> str | None:
    """Return why a text is no address that can be asked, or None; never repeats the address."""
    import httpx  # noqa: PLC0415  what it cannot ask is no address, and others need it not

    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        return "expected an address like https://example.org/data, found a malformed one"
    if url.scheme in ("http", "https") and url.host:
        return None
    return "expected an address that begins with https:// or http:// and names a host"
