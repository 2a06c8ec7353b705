"""The daemon where surroundings are not as everybody has them: it starts and watches."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.e2e.daemon import World
from tests.e2e.test_running import FIRED, NINE, RULES, before_the_print, stressed


@pytest.mark.parametrize(
    "streams",
    [">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full"],
)
async def test_it_watches_whatever_becomes_of_what_it_prints(world: World, streams: str) -> None:
    """Closed or full: it tells, ends well when asked to, and the database is whole."""
    world.rules(RULES)
    before_the_print(world)
    async with world.running(at=NINE, streams=streams) as daemon:
        await daemon.until(world.summed_up, "the first message")
        stressed(world)
        await daemon.until(lambda: len(world.in_telegram) == 2, "all was told")
        assert await daemon.stop() == 0
    assert world.in_telegram[1].text == FIRED
    with closing(sqlite3.connect(world.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def fill(pipe: int) -> None:
    """Write into a pipe until it takes nothing more."""
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x" * 4096)
    os.set_blocking(pipe, True)


@pytest.mark.parametrize("stream", ["1", "2"])
async def test_a_reader_that_does_not_read_holds_nobody_up(world: World, stream: str) -> None:
    """As a pager does, or a terminal that was paused: messages go out, and more than fill a pipe."""
    world.rules(RULES)
    before_the_print(world)
    pipe = world.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    try:
        fill(writer)
        async with world.running(at=NINE, streams=f"{stream}>{pipe}") as daemon:
            await daemon.until(world.summed_up, "the first message")
            stressed(world)
            await daemon.until(lambda: len(world.in_telegram) == 2, "the alert was told")
            assert await daemon.stop() == 0
    finally:
        os.close(reader)
        os.close(writer)


async def test_a_terminal_that_is_not_utf_8_is_written_to_in_plain_signs(world: World) -> None:
    """Messages are readable there, and nothing is parked."""
    world.rules(RULES + "receivers: {here: [terminal: {}]}\n")
    before_the_print(world)
    async with world.running(at=NINE, PYTHONIOENCODING="ascii") as daemon:
        await daemon.until(
            lambda: "From now on" in daemon.shown.read_text("ascii"), "the first message"
        )
        stressed(world)
        await daemon.until(lambda: "WARNING" in daemon.shown.read_text("ascii"), "it was told")
        assert await daemon.stop() == 0
    shown = daemon.shown.read_text("ascii")
    assert "? WARNING - Repo trades above fed funds\nSOFR - EFFR 25 bp" in shown


async def test_without_a_home_or_a_folder_for_temporary_files_it_watches(world: World) -> None:
    """As in a container with a uid of its own and a read-only root."""
    world.rules(RULES)
    before_the_print(world)
    async with world.running(at=NINE, HOME="", TMPDIR="/nonexistent") as daemon:
        await daemon.until(world.summed_up, "the first message")
        stressed(world)
        await daemon.until(lambda: len(world.in_telegram) == 2, "all was told")
        assert await daemon.stop() == 0
    assert world.in_telegram[1].text == FIRED


def command(folder: Path, *arguments: str, streams: str = "", **more: str) -> tuple[int, str, str]:
    """Run a command in a shell, and return its code and what it said."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {streams}', "sh",
         str(Path(sys.executable).with_name("ebbwatch")), *arguments],
        cwd=folder, env={"PATH": os.environ["PATH"], **more}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_command_whose_output_cannot_be_written_says_so(tmp_path: Path) -> None:
    """In one line, and with a code that is not success."""
    code, _, err = command(tmp_path, "schema", streams=">/dev/full")
    assert (code, err) == (
        1, "ebbwatch: standard output cannot be written: No space left on device\n",
    )  # fmt: skip


def test_what_cannot_be_said_on_standard_error_keeps_nothing_from_being_done(
    tmp_path: Path,
) -> None:
    """`replay` says there from when its figures are."""
    (tmp_path / "rules.yaml").write_text("rules: [{name: a, value: sofr, above: {watch: 9 %}}]\n")
    asked = ("replay", "--rules", ".", "--store", "none", "--from", "2026-01-01")
    heard = command(tmp_path, *asked)
    assert heard[0] == 0
    assert heard[2]
    assert command(tmp_path, *asked, streams="2>/dev/full") == (0, heard[1], "")


def test_without_a_home_a_command_says_what_to_set(tmp_path: Path) -> None:
    """One that needs a database; the others need no home."""
    (tmp_path / "rules.yaml").write_text("rules: [{name: a, value: sofr, above: {watch: 9 %}}]\n")
    code, out, err = command(tmp_path, "silence", "level=watch", "--for", "2d", HOME="")
    assert code == 1
    assert "no home directory where the database could be" in out + err
    assert command(tmp_path, "check", ".", HOME="")[0] == 0
