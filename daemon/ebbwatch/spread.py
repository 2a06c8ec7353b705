"""Run work in forked processes and collect the results.

Replays and tables are spread over the processors with it. A part of the work is done in a copy
of this process, made by fork: it sees everything that is loaded and pays for none of it. Its
result comes back through memory that both hold.
"""

from __future__ import annotations

import ctypes
import io
import os
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, Generic, TypeVar

#: Source: prctl(2), ``PR_SET_PDEATHSIG``.
_DIE_WITH_PARENT = 1

Part = TypeVar("Part")
Result = TypeVar("Result")


def processors() -> int:
    """Return how many processes can work at once: 1 where a copy of this one is not safe.

    A thread's locks would stay locked in a copy for ever, and only Linux tells how many
    processors a process may use.
    """
    return len(os.sched_getaffinity(0)) if _can_copy() else 1


def _can_copy() -> bool:
    return threading.active_count() == 1 and hasattr(os, "sched_getaffinity")


def shares(
    items: Sequence[Part], *, worth: int, most: int | None = None, here: float = 1.0
) -> list[Sequence[Part]]:
    """Return items in runs, in order, one for each process that is worth starting.

    Args:
        items: To be shared out.
        worth: How many are worth a process of their own.
        most: How many processes; None for as many as can work at once and are worth it.
        here: How much more the last run holds than each other, where theirs cost more.
    """
    if most is None:
        most = max(1, min(processors(), len(items) // worth))
    share = len(items) / (most - 1 + here)
    bounds = [*(round(share * part) for part in range(most)), len(items)]
    return [items[a:b] for a, b in pairwise(bounds)]


def spread(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Return what work makes of each part, all done at once; the last one here.

    A part whose process dies, or whose result cannot be handed over, is done again here: so
    an error of the work itself is raised here, too.
    """
    helpers = [_Helper.start(work, part) for part in parts[:-1]]
    try:
        found = [work(part) for part in parts[-1:]]
        return [*(helper.result() for helper in helpers), *found]
    finally:
        for helper in helpers:
            helper.end()


@dataclass(slots=True)
class _Helper(Generic[Part, Result]):
    """A process that does one part.

    Attributes:
        work: What it does.
        part: With what.
        process: Its id; 0 once it has ended, or where there never was one.
        file: Takes its result: memory that both hold, gone with the last of them.
    """

    work: Callable[[Part], Result]
    part: Part
    process: int
    file: IO[bytes]

    @staticmethod
    def start(work: Callable[[Part], Result], part: Part) -> _Helper[Part, Result]:
        """Start the process; where the system has none to give, the part is left to `result`."""
        file: IO[bytes] = io.BytesIO()
        process = 0
        try:
            file = os.fdopen(os.memfd_create("ebbwatch-part"), "w+b")
            process = os.fork()
        except OSError:
            return _Helper(work, part, 0, file)
        if process:
            return _Helper(work, part, process, file)
        # From here on this is the copy: it must not return, nor write what this one buffered.
        code = 1
        with suppress(BaseException):
            # Killed, the one that waits could not end it, and a database would stay locked.
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
            pickle.dump(work(part), file, pickle.HIGHEST_PROTOCOL)
            file.flush()
            code = 0
        os._exit(code)

    def result(self) -> Result:
        """Return what the process made of its part."""
        if not self.process:
            return self.work(self.part)
        _, status = os.waitpid(self.process, 0)
        self.process = 0
        if status != 0:
            return self.work(self.part)
        self.file.seek(0)
        return pickle.load(self.file)  # type: ignore[no-any-return]  # noqa: S301  our own copy wrote it

    def end(self) -> None:
        """End the process, if it still works."""
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        self.file.close()
