"""Commands about backups: backup, restore."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ebbwatch.cli import common
from ebbwatch.cli.printing import plural

#: What stands for standard output or input.
_STREAM = "-"

#: What is counted for people, by the table it stands in.
_COUNTED = {
    "observations": "figure",
    "alerts": "alert",
    "transitions": "transition",
    "silences": "silence",
    "outbox": "message",
}


def backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A new file; - for standard output.")],
) -> None:
    """Write all that the database holds into a file; a daemon may go on meanwhile."""
    from ebbwatch.store.backup import back_up

    if file == _STREAM and sys.stdout.isatty():
        common.stop("a backup is no text: send it into a file, or name one", common.WRONG_USE)
    with common.faults_end_it(), _written(file) as target:
        copied = back_up(common.settings().database_url.reveal(), target)
        size = target.stat().st_size
    print(f"{file}: {_counts(copied)}; {size / 1024**2:.1f} MiB",
          file=sys.stderr if file == _STREAM else sys.stdout)  # fmt: skip


def restore(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="That backup wrote; - for standard input.")
    ],
) -> None:
    """Write a backup into an empty database; a later version's tables are made of it."""
    from ebbwatch.store.backup import restore as restored

    with common.faults_end_it(), _read(file) as source:
        copied = restored(source, common.settings().database_url.reveal())
    print(f"restored: {_counts(copied)}")


@contextmanager
def _written(file: str) -> Iterator[Path]:
    """Give the file to write; what stands for standard output is sent there when it is whole."""
    if file != _STREAM:
        yield Path(file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backup"
        yield path
        with path.open("rb") as whole:
            shutil.copyfileobj(whole, sys.stdout.buffer)


@contextmanager
def _read(file: str) -> Iterator[Path]:
    """Give the file to read; what comes from standard input is put into one."""
    if file != _STREAM:
        yield Path(file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backup"
        with path.open("wb") as whole:
            shutil.copyfileobj(sys.stdin.buffer, whole)
        yield path


def _counts(copied: Mapping[str, int]) -> str:
    return ", ".join(plural(copied.get(table, 0), noun) for table, noun in _COUNTED.items())
