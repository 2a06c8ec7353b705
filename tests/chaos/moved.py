"""Runs Ebbwatch in a process whose clock is off, and is set again whenever it is told to.

``python -m tests.chaos.moved FILE run``: FILE holds the seconds that the clock is ahead of the
machine's; on SIGUSR1 they are read again, as when somebody sets the clock of a computer.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import time_machine

from ebbwatch.cli import main

_RAN_S, _BEGAN_S = time.monotonic(), time.time()


def _ahead(file: Path) -> float:
    """Return the instant, in seconds since the epoch, that the clock shall show now."""
    return _BEGAN_S + (time.monotonic() - _RAN_S) + float(file.read_text("utf-8"))


if __name__ == "__main__":
    ahead = Path(sys.argv[1])
    sys.argv = ["ebbwatch", *sys.argv[2:]]
    with time_machine.travel(_ahead(ahead), tick=True) as traveller:
        signal.signal(signal.SIGUSR1, lambda *_: traveller.move_to(_ahead(ahead), tick=True))
        main()
