"""What servers' certificates are checked with.

The first to load httpx, and so without its command line: adapters that use it import this.
"""

from __future__ import annotations

import ssl
from functools import cache

from ebbwatch.lean import without

with without("click", "pygments", "rich"):
    import httpx


@cache
def context() -> ssl.SSLContext:
    """Return the one context of this process: each costs 20 ms and 0.8 MiB to make."""
    return httpx.create_ssl_context()
