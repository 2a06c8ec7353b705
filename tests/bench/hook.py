"""A webhook receiver on loopback that costs its sender nothing: a process of its own.

``python -m tests.bench.hook PORT_FILE``. It answers every post with 200. ``GET /`` tells what
came: how many posts, the name of each alert with how often it came, and when the first and the
last of them came, in seconds of a clock that all processes share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Hook:
    """What came so far.

    Attributes:
        bodies: Of the posts, unread: reading them is left until somebody asks.
        first: When the first came; None before.
        last: When the last came.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.first: float | None = None
        self.last: float | None = None

    def take(self, body: bytes) -> None:
        """Take a post."""
        self.bodies.append(body)
        self.last = time.monotonic()
        if b'"r-' in body and self.first is None:
            self.first = self.last

    def told(self) -> bytes:
        """Return what came, as an HTTP answer."""
        names: dict[str, int] = {}
        for body in self.bodies:
            for alert in json.loads(body)["alerts"]:
                name = alert["labels"]["alertname"]
                names[name] = names.get(name, 0) + 1
        found = {"posts": len(self.bodies), "names": names, "first": self.first, "last": self.last}
        text = json.dumps(found).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)

    def counted(self) -> bytes:
        """Return how many posts came, as an HTTP answer."""
        text = b"%d" % len(self.bodies)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


class _Connection(asyncio.Protocol):
    """One connection, on which requests follow each other."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end]
            size = _length(head)
            if len(self._held) < end + 4 + size:
                return
            body, self._held = self._held[end + 4 : end + 4 + size], self._held[end + 4 + size :]
            if head.startswith(b"POST"):
                self._hook.take(body)
                self._transport.write(_OK)
            elif head.startswith(b"GET /count"):
                self._transport.write(self._hook.counted())
            else:
                self._transport.write(self._hook.told())


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])


async def _serve(port_file: Path) -> None:
    hook = Hook()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(hook), "127.0.0.1", 0)
    fresh = port_file.with_suffix(".new")
    fresh.write_text(str(server.sockets[0].getsockname()[1]))
    fresh.replace(port_file)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
