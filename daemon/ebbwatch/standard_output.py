"""Standard streams, written past their buffers.

A buffer keeps what a full disk refuses, repeats it with the next text, and complains at the end.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import TextIO

#: How long `offer` waits for whoever reads, in seconds.
READING_S = 0.5


def offer(text: str, out: TextIO | None = None) -> None:
    """Write a text that nobody need read: a stream that is full or stuck keeps no one from going on.

    Args:
        text: To be written, on a thread of its own; a moment is waited for it.
        out: Where to; standard output by default.
    """

    def write() -> None:
        with suppress(OSError, ValueError):
            write_through(text, out)

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    writing.join(READING_S)


def write_through(text: str, out: TextIO | None = None) -> None:
    """Write a text to a stream, all of it, and keep nothing of it where that fails.

    Args:
        text: To be written.
        out: Where to; standard output by default.

    Raises:
        OSError: If it cannot be written.
        ValueError: If the stream was closed.
    """
    out = sys.stdout if out is None else out
    out.flush()
    try:
        descriptor = out.fileno()
    except (OSError, ValueError, AttributeError):  # a stand-in, as in tests
        out.write(text)
        out.flush()
        return
    data = text.encode(out.encoding, out.errors or "replace")
    while data:
        data = data[os.write(descriptor, data) :]
