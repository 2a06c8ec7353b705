"""Commands."""

from __future__ import annotations

from ebbwatch.cli import common


def value() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def why() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def chart() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def backfill() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def import_() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def series_list() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)


def series_accept() -> None:
    """Do it."""
    common.stop("not here", common.WRONG_USE)
