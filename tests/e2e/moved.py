"""Runs a command of Ebbwatch in a process whose clocks stand elsewhere, and go on from there.

``python -m tests.e2e.moved 2026-11-24T09:00:00-05:00 run --rules DIR``. Nothing else differs:
the release clock, the scheduler and the log all see the same time. On SIGUSR1 the wall clock
jumps by the seconds in `JUMP_S`, as it does for a machine that slept.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime, timedelta

import time_machine

from ebbwatch.cli import main

if __name__ == "__main__":
    when = datetime.fromisoformat(sys.argv[1])
    sys.argv = ["ebbwatch", *sys.argv[2:]]
    with time_machine.travel(when, tick=True) as traveller:
        by = timedelta(seconds=float(os.environ.get("JUMP_S", "0")))
        signal.signal(signal.SIGUSR1, lambda *_: traveller.shift(by))
        main()
