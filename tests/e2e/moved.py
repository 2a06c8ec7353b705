"""Runs a command of Ebbwatch in a process whose clocks stand elsewhere, and go on from there.

``python -m tests.e2e.moved 2026-11-24T09:00:00-05:00 run --rules DIR``. Nothing else differs:
the release clock, the scheduler and the log all see the same time.
"""

from __future__ import annotations

import sys
from datetime import datetime

import time_machine

from ebbwatch.cli import main

if __name__ == "__main__":
    when = datetime.fromisoformat(sys.argv[1])
    sys.argv = ["ebbwatch", *sys.argv[2:]]
    with time_machine.travel(when, tick=True):
        main()
