"""Files of people: only regular ones are opened, without waiting, and read up to a limit.

A pipe or a device under a path that somebody wrote would hold up or fill whoever reads it, and
a sparse file of gigabytes is a few bytes on the disk.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_CHUNK_BYTES = 1 << 20

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a directory",
}


def read_file(path: Path, limit_bytes: int) -> bytes:
    """Return what a regular file holds; of a longer one, one byte more than the limit.

    Raises:
        OSError: If it cannot be read, or is no regular file; ``strerror`` says which in words.
    """
    _must_be_regular(path.stat().st_mode, path)
    # What stood there may have been replaced since: opening must not wait for a pipe's writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        _must_be_regular(os.fstat(descriptor).st_mode, path)
        parts: list[bytes] = []
        left = limit_bytes + 1
        while left > 0 and (part := file.read(min(left, _CHUNK_BYTES))):
            parts.append(part)
            left -= len(part)
    return b"".join(parts)


def _must_be_regular(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"{kind}, not a regular file", str(path))
