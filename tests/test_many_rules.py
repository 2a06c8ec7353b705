"""Hundreds of rules over many tables: each processor takes some, and nobody can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebbwatch import spread
from tests.bench.generated import generate
from tests.cli import Ran, run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 120 rules over 50 tables of 900 days."""
    folder = tmp_path_factory.mktemp("many") / "place"
    generate(folder, 120, points=900)
    return folder


@pytest.fixture(params=[1, 2, 5], autouse=True)
def processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Pretend that this machine can do so many things at once."""
    found: int = request.param
    monkeypatch.setattr(spread, "processors", lambda: found)
    return found


def replayed(place: Path, *more: str) -> Ran:
    """Replay the folder's rules as programs read it."""
    return run("replay", "--rules", place / "rules", "--data", place / "data",
               "--format", "jsonl", *more)  # fmt: skip


@pytest.fixture(scope="module")
def plain(place: Path) -> str:
    """Return what one process writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spread, "processors", lambda: 1)
        return replayed(place).out


def test_the_lines_are_the_same_however_many_walk(place: Path, plain: str) -> None:
    """Whole lines, in order of time and then of rule, from one process as from five."""
    ran = replayed(place)
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    keys = [(line[8:33], line.split('"')[7]) for line in lines]
    assert keys == sorted(keys)
    assert len(lines) > 1000
    assert ran.out == plain


def test_one_rule_is_replayed_alone(place: Path, plain: str) -> None:
    """Only what was asked for is walked."""
    everything = plain.splitlines(keepends=True)
    alone = replayed(place, "--rule", "r0007")
    assert alone.out == "".join(line for line in everything if '"rule": "r0007"' in line)
    assert alone.out


def test_a_bad_table_is_named_wherever_it_is_read(place: Path) -> None:
    """The message is that of one process: file, line, and what was found."""
    table = place / "data" / "s03.csv"
    good = table.read_text()
    lines = good.splitlines()
    lines[7] = "1996-01-07,many"
    table.write_text("\n".join(lines))
    try:
        ran = replayed(place)
    finally:
        table.write_text(good)
    assert ran.code == 1
    assert "s03, line 8: many is no number" in ran.err
