"""Commands of the daemon: run, status, poll."""

from __future__ import annotations

from ebbwatch.cli import common


def run() -> None:
    """Watch."""
    common.stop("not here", common.WRONG_USE)


def status() -> None:
    """Show the state of every rule."""
    common.stop("not here", common.WRONG_USE)


def poll() -> None:
    """Visit sources now."""
    common.stop("not here", common.WRONG_USE)
