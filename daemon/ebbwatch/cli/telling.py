"""Commands."""

from __future__ import annotations

from ebbwatch.cli import common


def silence() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def ack() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def notify_test() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)
