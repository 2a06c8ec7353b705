"""The command line: arguments, exit codes, and the only print()."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys

from ebbwatch.cli.streams import finish, settle, unwritten

#: What goes wrong with a descriptor, and not with a file of a name.
_OF_OUTPUT = (errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EBADF, errno.EDQUOT)


def main() -> None:
    """Run the command that was typed."""
    settle()
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

    code: str | int | None = 0
    said = ""
    try:
        app()()
    except SystemExit as end:
        code = end.code
    except OSError as error:
        if error.filename is not None or error.errno not in _OF_OUTPUT:
            raise
        said = unwritten(error)
    if said := said or finish():
        print(f"ebbwatch: standard output cannot be written: {said}", file=sys.stderr)
        code = code or 1
    sys.exit(code)
