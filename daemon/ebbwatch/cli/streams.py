"""The standard streams as they are found: closed, full, or unable to write what we say."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import traceback
from types import TracebackType

from ebbwatch.model.redaction import redacted

#: What stands for signs of ours where a stream cannot write them; for all others, ``?``.
_PLAIN_SIGNS = {
    "−": "-", "–": "-", "—": "-", "·": "-", "…": "...", "→": "->", "≥": ">=", "≤": "<=", "×": "x",
    "●": "*", "○": "o", "✓": "ok", "✗": "x", "•": "*", "\N{NO-BREAK SPACE}": " ", "“": '"', "”": '"',
    "‘": "'", "’": "'", "│": "|", "─": "-", "\N{VARIATION SELECTOR-16}": "",
}  # fmt: skip


class _Remarks(io.TextIOWrapper):
    """Standard error: what cannot be written there keeps nothing from being done."""

    def write(self, text: str) -> int:
        """Write a text, if that is possible."""
        with contextlib.suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits, if that is possible."""
        with contextlib.suppress(OSError):
            super().flush()


def settle() -> None:
    """Make the standard streams usable, whatever this process was started with.

    A descriptor that is closed would be given to the next file that is opened: a message would
    be written into the database.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  as long as we live
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    codecs.register_error("ebbwatch", _plainly)
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="ebbwatch")  # type: ignore[union-attr]
    if isinstance(sys.stderr, io.TextIOWrapper):
        encoding = sys.stderr.encoding
        sys.stderr = _Remarks(sys.stderr.detach(), encoding, "ebbwatch", line_buffering=True)
    sys.excepthook = _crashed


def unwritten(error: OSError) -> str:
    """Return why standard output could not be written; empty where nobody read it any more."""
    return "" if isinstance(error, BrokenPipeError) else error.strerror or str(error)


def finish() -> str:
    """Write what is still to be written, and return why standard output took it not, or nothing."""
    found = ""
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            if stream is sys.stdout and isinstance(error, OSError):
                found = unwritten(error)
            # Python would try once more, and complain.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return found


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN_SIGNS.get(sign, "?") for sign in signs), error.end


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what ended the command; Python would show it with the secrets in it."""
    text = "".join(traceback.format_exception(kind, error, trace))
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(
            f"{redacted(text)}\nebbwatch: this is a fault of Ebbwatch, please report it\n"
        )
