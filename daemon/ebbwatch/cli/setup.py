"""Commands."""

from __future__ import annotations

from ebbwatch.cli import common


def init() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def settings() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)
