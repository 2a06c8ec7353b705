"""The daemon on a terminal: what fires, messages, one line of where it stands, and a goodbye."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.daemon import PATIENCE_S, World
from tests.e2e.test_running import RULES


class Terminal:
    """A daemon on a pseudo-terminal of 80 columns."""

    def __init__(self, world: World, *arguments: str) -> None:
        """Start it, without chats: messages go to the terminal."""
        environment = {
            name: value
            for name, value in world.environment.items()
            if not name.startswith(("EBBWATCH_TELEGRAM", "EBBWATCH_SLACK", "EBBWATCH_LOG"))
        }
        self.shown = b""
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(
                environment, PATH=os.defpath, HOME=str(world.folder), TERM="xterm", COLUMNS="80"
            )
            command = str(Path(sys.executable).with_name("ebbwatch"))
            os.execv(command, [command, "run", *arguments])

    async def until(self, text: str) -> str:
        """Return what was shown once a text stands in it."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            while text.encode() not in self.shown:
                self.shown += await loop.run_in_executor(None, os.read, self.descriptor, 65536)
        return self.shown.decode()

    async def end(self) -> tuple[str, int]:
        """Press Ctrl-C; return all that was shown, and the exit code."""
        os.write(self.descriptor, b"\x03")
        shown = await self.until("goes on from here.")
        _, status = await asyncio.get_running_loop().run_in_executor(None, os.waitpid, self.pid, 0)
        return shown, os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("arguments", [(), ("--verbose",)])
async def test_a_terminal_shows_messages_and_no_log(
    world: World, arguments: tuple[str, ...]
) -> None:
    """The table, one line, the messages; every log line with --verbose; Ctrl-C ends it well."""
    world.rules(RULES)
    terminal = Terminal(world, *arguments)
    try:
        await terminal.until("Watching. Ctrl-C ends it.")
        await terminal.until("From now on each change is told once")
        shown, code = await terminal.end()
    except BaseException:
        os.kill(terminal.pid, signal.SIGKILL)
        raise
    assert code == 0
    assert ("delivery.settled" in shown) == ("web.listening" in shown) == bool(arguments)
    assert "1 rule, " in shown
    assert shown.rstrip().endswith("Stopped. The next start goes on from here.")
