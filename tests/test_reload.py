"""Reload: every way in which rule files change is noticed, once, and whole."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ebbwatch.clocks import SystemClock
from ebbwatch.ruleset.yaml import Content, Unread
from ebbwatch.runtime import reload
from ebbwatch.runtime.reload import RulesWatch
from ebbwatch.runtime.rulefiles import read_rules


@asynccontextmanager
async def watched(
    directory: Path, asked: asyncio.Event | None = None
) -> AsyncIterator[asyncio.Queue[dict[str, Content]]]:
    """Watch a directory, and give what is handed over."""
    seen: asyncio.Queue[dict[str, Content]] = asyncio.Queue()
    watching = RulesWatch(
        directory, clock=SystemClock(), held=read_rules(directory), changed=seen.put, asked=asked
    )
    running = asyncio.create_task(watching.run())
    await asyncio.sleep(0.2)  # watchfiles has no way to say that it is watching
    try:
        yield seen
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def in_place(directory: Path) -> None:
    (directory / "a.yaml").write_text("rules: [new]")


def atomically(directory: Path) -> None:
    (directory / ".a.yaml.tmp").write_text("rules: [new]")
    (directory / ".a.yaml.tmp").rename(directory / "a.yaml")


def as_kubernetes(directory: Path) -> None:
    fresh = directory / "..2026_11_24"
    fresh.mkdir()
    (fresh / "a.yaml").write_text("rules: [new]")
    (directory / "..data_tmp").symlink_to(fresh.name)
    (directory / "..data_tmp").rename(directory / "..data")


@pytest.mark.parametrize("change", [in_place, atomically, as_kubernetes])
async def test_every_kind_of_change_is_noticed(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """Written in place, renamed over, or swapped behind a link: the new text arrives once."""
    if change is as_kubernetes:
        (tmp_path / "..old").mkdir()
        (tmp_path / "..old" / "a.yaml").write_text("rules: []")
        (tmp_path / "..data").symlink_to("..old")
        (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    else:
        (tmp_path / "a.yaml").write_text("rules: []")
    async with watched(tmp_path) as seen:
        change(tmp_path)
        texts = await asyncio.wait_for(seen.get(), 5)
        assert texts == {str(tmp_path / "a.yaml"): b"rules: [new]"}
        await asyncio.sleep(0.3)
        assert seen.empty()


async def test_a_file_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    """Half a file is never handed over: truncated, it would look like rules deleted."""
    (tmp_path / "a.yaml").write_text("rules: []")
    async with watched(tmp_path) as seen:
        with (tmp_path / "a.yaml").open("w") as file:
            for part in ("rules:", " [", "new", "]"):
                file.write(part)
                file.flush()
                await asyncio.sleep(0.05)
        assert await asyncio.wait_for(seen.get(), 5) == {str(tmp_path / "a.yaml"): b"rules: [new]"}
        assert seen.empty()


async def test_the_same_text_again_is_no_change(tmp_path: Path) -> None:
    """A file that is touched, or a file that holds no rules, changes nothing."""
    (tmp_path / "a.yaml").write_text("rules: []")
    async with watched(tmp_path) as seen:
        (tmp_path / "a.yaml").write_text("rules: []")
        (tmp_path / "notes.txt").write_text("not a rule")
        await asyncio.sleep(0.5)
        assert seen.empty()


async def test_who_asks_is_answered_even_without_a_change(tmp_path: Path) -> None:
    """Whoever wants the texts as they are is given them."""
    (tmp_path / "a.yaml").write_text("rules: []")
    asked = asyncio.Event()
    async with watched(tmp_path, asked) as seen:
        asked.set()
        assert await asyncio.wait_for(seen.get(), 5) == {str(tmp_path / "a.yaml"): b"rules: []"}


async def test_a_directory_that_goes_away_for_a_moment_changes_nothing(tmp_path: Path) -> None:
    """A checkout, or a mount that is replaced."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yaml").write_text("rules: []")
    async with watched(rules) as seen:
        rules.rename(tmp_path / "elsewhere")
        await asyncio.sleep(0.4)
        (tmp_path / "elsewhere").rename(rules)
        await asyncio.sleep(0.4)
        assert seen.empty()


async def test_a_directory_that_stays_away_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file that cannot be read is: whoever is told keeps the rules in force."""
    monkeypatch.setattr(reload, "GONE_AFTER", timedelta(milliseconds=300))
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yaml").write_text("rules: []")
    async with watched(rules) as seen:
        (rules / "a.yaml").unlink()
        assert await asyncio.wait_for(seen.get(), 5) == {
            str(rules): Unread("expected rule files (*.yaml, *.yml), found none")
        }


async def test_a_pipe_among_the_files_is_told(tmp_path: Path) -> None:
    """It holds nothing up."""
    (tmp_path / "a.yaml").write_text("rules: []")
    async with watched(tmp_path) as seen:
        os.mkfifo(tmp_path / "b.yaml")
        found = await asyncio.wait_for(seen.get(), 5)
        assert isinstance(found[str(tmp_path / "b.yaml")], Unread)


def test_which_files_are_rules(tmp_path: Path) -> None:
    """Both endings, folders below, links; no tests, no dots, nothing else; bytes as they are."""
    for name in ("b.yml", "a.yaml", "sub/c.yaml", "tests/t.yaml", "sub/tests/t.yaml", ".d.yaml",
                 ".git/e.yaml", "f.txt"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff" + name.encode())
    (tmp_path / "sub" / "circle").symlink_to(tmp_path)
    found = read_rules(tmp_path)
    assert {Path(name).relative_to(tmp_path).as_posix(): text for name, text in found.items()} == {
        "a.yaml": b"\xffa.yaml",
        "b.yml": b"\xffb.yml",
        "sub/c.yaml": b"\xffsub/c.yaml",
    }
    with pytest.raises(NotADirectoryError, match="expected a directory with rule files at"):
        read_rules(tmp_path / "nowhere")
