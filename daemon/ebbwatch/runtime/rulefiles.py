"""Rule files on disk: which they are, and their contents."""

from __future__ import annotations

import errno
from pathlib import Path

from ebbwatch.files import read_file
from ebbwatch.ruleset.yaml import SIZE_LIMIT_BYTES, Content, Unread

#: Rule files by these endings.
ENDINGS = (".yaml", ".yml")
#: Folder of the rules' tests, which are no rules.
TESTS = "tests"

#: Bounds on a directory. Ten thousand rules are a few files, and nobody has a thousand.
FILES_LIMIT = 1_000
ENTRIES_LIMIT = 20_000
BYTES_LIMIT = 64_000_000


def read_rules(place: Path) -> dict[str, Content]:
    """Return the rule files of a directory and below it, or one file: contents by path, in order.

    Names that begin with a dot and folders called ``tests`` are left out, links followed. What
    cannot be read, or is no regular file, is there with the reason.

    Raises:
        OSError: If there is no such place, or it cannot be one of rules: no rule file is in it,
            or more than anybody has.
    """
    if place.is_dir():
        paths = _rule_files(place)
        if not paths:
            raise FileNotFoundError(
                errno.ENOENT, f"expected rule files (*{', *'.join(ENDINGS)}), found none", str(place)
            )  # fmt: skip
    elif place.exists():
        paths = [place]
    else:
        raise NotADirectoryError(f"expected a directory with rule files at {place}")
    return _contents(sorted(paths))


def read_or_why(place: Path) -> dict[str, Content]:
    """Return what `read_rules` does; of a place out of reach, the reason under its name."""
    try:
        return read_rules(place)
    except OSError as error:
        return {str(place): Unread(error.strerror or str(error))}


def read_tests(place: Path) -> dict[str, Content]:
    """Return the files of the rule tests beside a directory's rules: contents by path, in order.

    Raises:
        OSError: If there are more than anybody has.
    """
    folder = tests_of(place)
    return _contents(sorted(_rule_files(folder))) if folder.is_dir() else {}


def read_with_tests(place: Path) -> dict[str, Content]:
    """Return what `read_or_why` does, and the files of the rule tests beside it."""
    found = read_or_why(place)
    try:
        return {**found, **read_tests(place)}
    except OSError as error:
        return {**found, str(tests_of(place)): Unread(error.strerror or str(error))}


def tests_of(place: Path) -> Path:
    """Return the folder of a directory's rule tests, or of the directory that a file is in."""
    return (place if place.is_dir() else place.parent) / TESTS


def _contents(paths: list[Path]) -> dict[str, Content]:
    contents: dict[str, Content] = {}
    size = 0
    for path in paths:
        try:
            found = read_file(path, SIZE_LIMIT_BYTES)
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            contents[str(path)] = Unread(f"cannot read the file: {why}")
            continue
        contents[str(path)] = found
        size += len(found)
        if size > BYTES_LIMIT:
            raise OSError(
                errno.EFBIG, f"expected at most {BYTES_LIMIT:,} bytes of rule files", str(path)
            )
    return contents


def _rule_files(directory: Path) -> list[Path]:
    """Return the rule files; a link to a folder above is a circle, and not followed.

    Raises:
        OSError: If there are more than can be meant, or a folder cannot be read.
    """
    files: list[Path] = []
    seen = 0
    folders = [(directory, frozenset({directory.resolve()}))]
    while folders:
        folder, above = folders.pop()
        for path in folder.iterdir():
            seen += 1
            if seen > ENTRIES_LIMIT or len(files) > FILES_LIMIT:
                raise OSError(
                    errno.E2BIG,
                    f"expected a directory of rules, found more than {FILES_LIMIT:,} rule files "
                    f"or {ENTRIES_LIMIT:,} files of all kinds", str(directory),
                )  # fmt: skip
            if path.name.startswith("."):
                continue
            if path.is_dir():
                if path.name != TESTS and (real := path.resolve()) not in above:
                    folders.append((path, above | {real}))
            elif path.suffix in ENDINGS:
                files.append(path)
    return files
