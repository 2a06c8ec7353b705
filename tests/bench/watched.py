"""Runs a command of Ebbwatch, and writes the longest stretches in which its event loop stood still.

``python -m tests.bench.watched FILE INSTANT run``, with the clocks moved as `tests.e2e.moved`
moves them. A stretch is what the loop does between two looks at its sockets and timers. At the
end FILE holds the longest, longest first, a line each: its seconds, and how many of them the
processor worked for it. SIGUSR1 begins anew.
"""

from __future__ import annotations

import asyncio
import atexit
import heapq
import selectors
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

import time_machine

from ebbwatch.cli import main

#: Stretches that are written.
_LONGEST = 20
_now, _worked = time.perf_counter, time.thread_time


class Watching(selectors.DefaultSelector):
    """A selector that takes the time from each look to the next."""

    def __init__(self) -> None:
        super().__init__()
        self._looked_at: tuple[float, float] | None = None
        self.begin()

    def begin(self, *_: object) -> None:
        """Forget what was seen so far."""
        self.longest = [(0.0, 0.0)] * _LONGEST

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Look, and note for how long nobody did."""
        if self._looked_at is not None:
            now, worked = self._looked_at
            heapq.heappushpop(self.longest, (_now() - now, _worked() - worked))
        found = super().select(timeout)
        self._looked_at = _now(), _worked()
        return found


class _Policy(asyncio.DefaultEventLoopPolicy):
    def __init__(self, watching: Watching) -> None:
        super().__init__()
        self._watching = watching

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(self._watching)


def _write(watching: Watching, path: Path) -> None:
    longest = sorted(watching.longest, reverse=True)
    path.write_text("".join(f"{lasted:.4f} {worked:.4f}\n" for lasted, worked in longest))


if __name__ == "__main__":
    watching = Watching()
    signal.signal(signal.SIGUSR1, watching.begin)
    atexit.register(_write, watching, Path(sys.argv[1]))
    asyncio.set_event_loop_policy(_Policy(watching))
    when = datetime.fromisoformat(sys.argv[2])
    sys.argv = ["ebbwatch", *sys.argv[3:]]
    with time_machine.travel(when, tick=True):
        main()
