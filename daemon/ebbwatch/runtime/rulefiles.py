"""Rule files on disk: which they are, and their contents."""

from __future__ import annotations

from pathlib import Path

#: Rule files by these endings.
ENDINGS = (".yaml", ".yml")
#: Folder of the rules' tests, which are no rules.
TESTS = "tests"


def read_rules(directory: Path) -> dict[str, bytes]:
    """Return the rule files of a directory and below it: contents by path, in order.

    Names that begin with a dot and folders called ``tests`` are left out, links followed.

    Raises:
        OSError: If the directory, or a file in it, cannot be read.
    """
    if not directory.is_dir():
        raise NotADirectoryError(f"expected a directory with rule files at {directory}")
    return {str(path): path.read_bytes() for path in sorted(_rule_files(directory))}


def _rule_files(directory: Path, above: frozenset[Path] = frozenset()) -> list[Path]:
    """Return the rule files; a link to a folder `above` is a circle, and not followed."""
    above |= {directory.resolve()}
    files = []
    for path in directory.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.name != TESTS and path.resolve() not in above:
                files += _rule_files(path, above)
        elif path.suffix in ENDINGS:
            files.append(path)
    return files
