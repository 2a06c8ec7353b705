"""The file ``.env``: settings put into it, the rest of it left as it was."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dotenv.parser import parse_stream

#: What needs no quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_:./@+=,-]*")


def put(path: Path, values: Mapping[str, str | None]) -> None:
    """Write settings to a file, its owner's alone, whole or not at all.

    A link is followed, so that what it points to is the file that changes.

    Args:
        path: Of the file; made where there is none.
        values: By name; None takes a setting out.

    Raises:
        OSError: If it cannot be read or written; then it is as it was.
        UnicodeDecodeError: If it is no text.
    """
    file = path.resolve()
    text = file.read_bytes().decode("utf-8") if file.exists() else ""
    # Only its owner may read what this makes.
    handle, name = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as part:
            part.write(with_values(text, values).encode("utf-8"))
            part.flush()
            os.fsync(part.fileno())
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def check(path: Path) -> None:
    """Return if a file can be replaced by `put`, as far as can be told without doing it.

    Raises:
        OSError: If it cannot.
        UnicodeDecodeError: If it is no text.
    """
    file = path.resolve()
    if file.exists():
        file.read_bytes().decode("utf-8")
    handle, name = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    os.close(handle)
    Path(name).unlink()


def with_values(text: str, values: Mapping[str, str | None]) -> str:
    """Return a file's text with settings replaced where they stand, and new ones at its end."""
    left = dict(values)
    parts: list[str] = []
    for binding in parse_stream(io.StringIO(text, newline="")):
        name = (binding.key or "").upper()
        if name not in values:
            parts.append(binding.original.string)
        elif (value := left.pop(name, None)) is not None:
            blank = re.match(r"\s*", binding.original.string)
            parts.append(f"{blank[0] if blank else ''}{_line(name, value)}")
    written = "".join(parts)
    if written and not written.endswith(("\n", "\r")):
        written += "\n"
    return written + "".join(_line(name, v) for name, v in left.items() if v is not None)


def _line(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return f"{name}={value}\n"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'\n"
