"""Commands."""

from __future__ import annotations

from ebbwatch.cli import common


def check() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def test() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def diff() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def schema() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)
