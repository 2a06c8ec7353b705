"""A disk that fills up while the daemon runs: said in the chat, outlived, and caught up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.fleet import command
from tests.e2e.daemon import World
from tests.e2e.test_telling_once import DAYS, NINE, RULES, quiet


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not command("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)):
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    assert command("umount", "--lazy", str(folder))


async def test_a_full_disk_is_told_and_what_waited_is_told_once_there_is_room(
    world: World, disk: Path
) -> None:
    """The alert of the time without room arrives once, and the database is whole."""
    world.rules(RULES)
    quiet(world)
    database = disk / "ebbwatch.db"
    async with world.running(at=NINE, EBBWATCH_DATABASE_URL=f"sqlite:///{database}") as daemon:
        await daemon.polled(news=17)
        await daemon.until(lambda: world.in_telegram, "the summary was told")
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        world.effr[DAYS[-1]] = "3.68"
        await daemon.until(lambda: len(world.in_telegram) == 2, "the full disk was told")
        assert "database" in world.in_telegram[1].text
        assert "full" in world.in_telegram[1].text
        ballast.unlink()
        await daemon.until(
            lambda: any(m.text.startswith("🟠 WARNING") for m in world.in_telegram),
            "the alert was told once there was room",
        )
        await daemon.until(lambda: len(world.in_slack) == len(world.in_telegram), "Slack, too")
        assert await daemon.stop() == 0
    alerts = [m.text for m in world.in_telegram if m.text.startswith("🟠 WARNING · Repo")]
    assert len(alerts) == 1
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
