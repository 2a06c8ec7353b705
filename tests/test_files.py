"""Files of people: what is none is told at once, and what is too long is not read whole."""

from __future__ import annotations

import os
import socket
import tracemalloc
from pathlib import Path

import pytest

from ebbwatch.files import read_file
from ebbwatch.ruleset.yaml import SIZE_LIMIT_BYTES, Unread
from ebbwatch.runtime import rulefiles
from ebbwatch.runtime.rulefiles import read_rules, read_tests

RULES = b"rules:\n  - {name: a, value: sofr, above: {watch: 4 %}}\n"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    """Leave a socket behind, as a program that was killed does."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def circle(path: Path) -> None:
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere.yaml")


ODD = [
    (pipe, "a pipe, not a regular file"),
    (listening, "a socket, not a regular file"),
    (device, "a device, not a regular file"),
    (circle, "too many levels of symbolic links"),
    (dangling, "no such file or directory"),
]


@pytest.mark.parametrize(("make", "why"), [pytest.param(*row, id=row[1]) for row in ODD])
def test_what_is_no_regular_file_is_told_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, why: str
) -> None:
    """Nobody waits for a pipe's writer, and the good files are read."""
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    assert callable(make)
    make(Path("b.yaml"))
    Path("a.yaml").write_bytes(RULES)
    assert read_rules(Path()) == {
        "a.yaml": RULES,
        "b.yaml": Unread(f"cannot read the file: {why}"),
    }


def test_a_sparse_file_of_gigabytes_is_read_to_the_limit(tmp_path: Path) -> None:
    """And one byte more, by which it is known to be too long."""
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(3_000_000_000)
    tracemalloc.start()
    try:
        (content,) = read_rules(tmp_path).values()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(content, bytes)
    assert len(content) == SIZE_LIMIT_BYTES + 1
    assert peak < 4 * SIZE_LIMIT_BYTES


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening."""
    path = tmp_path / "a.yaml"
    path.write_bytes(RULES)
    before = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _self, **_options: before)
    with pytest.raises(OSError, match="a pipe, not a regular file"):
        read_file(path, 100)


def test_a_directory_without_rules_says_so(tmp_path: Path) -> None:
    """An empty one, and one with other files; not "0 rules: fine"."""
    (tmp_path / "notes.txt").write_text("not a rule")
    with pytest.raises(
        FileNotFoundError, match=r"expected rule files \(\*.yaml, \*.yml\), found none"
    ):
        read_rules(tmp_path)


def test_one_file_is_read_like_a_directory_of_one(tmp_path: Path) -> None:
    """Whatever it is called, with the tests beside it."""
    (tmp_path / "mine.txt").write_bytes(RULES)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "t.yaml").write_bytes(b"tests: []")
    assert read_rules(tmp_path / "mine.txt") == {str(tmp_path / "mine.txt"): RULES}
    assert read_tests(tmp_path / "mine.txt") == {str(tmp_path / "tests" / "t.yaml"): b"tests: []"}


@pytest.mark.parametrize("name", ["FILES_LIMIT", "ENTRIES_LIMIT", "BYTES_LIMIT"])
def test_a_directory_that_cannot_be_one_of_rules_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The root of a disk, given by mistake, is not walked to its end."""
    for number in range(4):
        (tmp_path / f"{number}.yaml").write_bytes(RULES)
    monkeypatch.setattr(rulefiles, name, 2)
    with pytest.raises(OSError, match=r"expected a directory of rules|expected at most 2 bytes"):
        read_rules(tmp_path)
