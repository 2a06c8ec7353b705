"""The command line: arguments, exit codes, and the only print()."""

from __future__ import annotations

import gc
import os
import signal
import sys


def main() -> None:
    """Run the command that was typed."""
    # A command's life is short, and looking it through for garbage is a tenth of it.
    gc.disable()
    # Started by one who ignores it, we would not be told how our own processes ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.argv[1:2] == ["run"]:
        # It asks the daemon to read its rules, which it is about to do.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Nothing here multiplies matrices, so numpy need not start threads for it.
    os.putenv("OPENBLAS_NUM_THREADS", "1")
    from ebbwatch.cli.commands import app

    app()()
