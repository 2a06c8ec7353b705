"""The command line: arguments, exit codes, and the only print()."""

from __future__ import annotations


def main() -> None:
    """Run the command that was typed."""
    from ebbwatch.cli.commands import app

    app()()
