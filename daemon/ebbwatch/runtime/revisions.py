"""Rule files as git holds them at a revision; nothing is checked out or written."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

from ebbwatch.runtime.rulefiles import ENDINGS, TESTS

#: How a revision is written where a directory would stand.
PREFIX = "git:"
#: How long git may take, in seconds.
_PATIENCE_S = 30


class NoSuchRevision(Exception):
    """Git could not give the files; the text says what it answered."""


def rules_at(revision: str, directory: Path) -> dict[str, bytes]:
    """Return the rule files that a directory held at a revision: contents by path.

    Args:
        revision: As git understands it: ``HEAD~1``, a branch, a tag.
        directory: In a repository; it is its place there that is looked at.

    Raises:
        NoSuchRevision: If git is missing, or knows no such revision or repository.
    """
    if revision.startswith("-") or not revision:
        raise NoSuchRevision(f"expected a revision after {PREFIX}, found {revision or 'nothing'}")
    if not directory.is_dir():
        raise NoSuchRevision(f"there is no directory {directory} to look for a repository in")
    try:
        done = subprocess.run(  # noqa: S603  no shell, and the revision is no option
            ["git", "archive", "--format=tar", revision],  # noqa: S607  the user's own git
            cwd=directory, capture_output=True, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoSuchRevision("git is not installed: give two directories") from None
    except subprocess.TimeoutExpired:
        raise NoSuchRevision(f"git gave no answer within {_PATIENCE_S} s") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise NoSuchRevision(f"git has no {revision} of {directory}: {said}")
    return dict(sorted(_files(done.stdout, f"{PREFIX}{revision}")))


def _files(tar: bytes, label: str) -> list[tuple[str, bytes]]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            hidden = any(part.startswith(".") or part == TESTS for part in path.parts)
            if not member.isfile() or hidden or path.suffix not in ENDINGS:
                continue
            content = archive.extractfile(member)
            assert content is not None
            found.append((f"{label}/{path}", content.read()))
    return found
