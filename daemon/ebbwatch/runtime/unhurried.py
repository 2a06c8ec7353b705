"""A stream whose reader may take its time: nobody who writes to it waits."""

from __future__ import annotations

import atexit
import os
import queue
import threading
from contextlib import suppress
from typing import TextIO

#: Texts that may wait to be read; of more, the newest are dropped and counted.
WAITING_LIMIT = 10_000
#: How long the end of the process waits for what is still to be written, in seconds.
LAST_WORDS_S = 1.0


class Unhurried:
    """Writes to a stream on a thread of its own.

    A pipe that nobody reads, as behind a pager, or a terminal that was paused, would stop the
    whole daemon at its next line; one that is full or closed would raise in it.
    """

    def __init__(self, stream: TextIO) -> None:
        """Take the stream, which belongs to nobody else from now on."""
        self._stream = stream
        self._waiting: queue.Queue[str] = queue.Queue(WAITING_LIMIT)
        self._dropped = 0
        self._idle = threading.Event()
        self._idle.set()
        threading.Thread(target=self._work, name="stderr", daemon=True).start()
        atexit.register(self._idle.wait, LAST_WORDS_S)

    def write(self, text: str) -> int:
        """Take a text; it is dropped where very many wait already."""
        self._idle.clear()
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self._dropped += 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: what was taken is written as soon as the reader takes it."""

    def isatty(self) -> bool:
        """Return whether a person looks on."""
        return self._stream.isatty()

    def _write(self, text: str) -> None:
        # Past the buffer, whose lock the end of the process would wait for.
        data = text.encode(self._stream.encoding or "utf-8", self._stream.errors or "replace")
        while data:
            data = data[os.write(self._stream.fileno(), data) :]

    def _work(self) -> None:
        while True:
            if self._waiting.empty():
                self._idle.set()
            text = self._waiting.get()
            self._idle.clear()
            dropped, self._dropped = self._dropped, 0
            if dropped:
                text = f"({dropped} lines were dropped: nobody read them)\n{text}"
            with suppress(OSError, ValueError):
                self._write(text)
