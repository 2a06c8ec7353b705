"""Libraries loaded without what they bring along for their own terminals.

Structlog loads rich for tracebacks in colour, httpx loads rich, click and pygments for a
command line. Nothing here uses either, and both do without what is not installed. Together
they would be 6 MiB of the idle daemon and 40 ms of every command.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Have imports of these packages fail for as long as it lasts, unless they are loaded.

    Args:
        names: Of packages. Not for several threads at a time.
    """
    hidden = [name for name in names if name not in sys.modules]
    # None is how Python says of a module that it cannot be imported; its stubs do not know.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
