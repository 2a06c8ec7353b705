"""The heap: what was freed is given back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Hand memory that is no longer used back to the system, where the C library can.

    Glibc keeps what a first start needed for a moment; elsewhere nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # another C library, such as musl
        return
    trim(ctypes.c_size_t(0))
