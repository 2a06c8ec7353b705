"""A person at a terminal: a command runs on one, and what it shows is waited for and answered."""

from __future__ import annotations

import asyncio
import difflib
import fcntl
import os
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

#: Longest time that anything here may take before its test fails.
PATIENCE_S = 30.0


class Terminal:
    """A command on a terminal of 80 columns.

    Attributes:
        process: It.
    """

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.process = process
        self._master = master
        self._read = b""
        self._seen = 0
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._take)

    def _take(self) -> None:
        try:
            part = os.read(self._master, 65536)
        except OSError:
            part = b""
        if not part:
            asyncio.get_running_loop().remove_reader(self._master)
        self._read += part
        self._news.set()

    @property
    def transcript(self) -> str:
        """Return all that stood on the screen so far."""
        return self._read.decode("utf-8").replace("\r\n", "\n")

    async def shows(self, words: str) -> None:
        """Return once something new is shown."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (found := self._read.find(words.encode(), self._seen)) < 0:
                    assert self.process.returncode is None, self.transcript
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"never showed {words!r}:\n{self.transcript}") from None
        self._seen = found + len(words)

    async def type(self, text: str) -> None:
        """Type a line, once nothing of what was typed before waits; a secret leaves no echo."""
        if self._last.endswith("not shown): "):
            for _ in range(2000):
                if not termios.tcgetattr(self._master)[3] & termios.ECHO:
                    break
                await asyncio.sleep(0.005)
        os.write(self._master, f"{text}\n".encode())

    @property
    def _last(self) -> str:
        return self.transcript.rpartition("\n")[2]

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._master, b"\x03")

    async def ended(self) -> int:
        """Return the exit code, once it ended and all that it showed was read."""
        async with asyncio.timeout(PATIENCE_S):
            code = await self.process.wait()
        await asyncio.sleep(0.05)
        return code


@asynccontextmanager
async def terminal(
    *typed: str, folder: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Terminal]:
    """Run a command on a terminal, in a folder, with nothing of our own surroundings."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ebbwatch", *typed,
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, start_new_session=True,
        env=surroundings(folder) | dict(environment or {}),
        # What is typed unseen is read from the terminal that belongs to the process.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)


async def without_terminal(
    *typed: str, folder: Path, environment: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run a command as a script does; return its exit code, what it printed and complained of."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ebbwatch", *typed,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, cwd=folder,
        env=surroundings(folder) | dict(environment or {}),
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def surroundings(folder: Path) -> dict[str, str]:
    """Return an environment that leads to nobody."""
    return {
        "HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1",
        "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(folder / ".mpl")),
        "EBBWATCH_DATABASE_URL": f"sqlite:///{folder}/state/ebbwatch.db",
    }  # fmt: skip


def same_everywhere(text: str, folder: Path) -> str:
    """Return a transcript without what differs from run to run."""
    return re.sub(r"[ \t]+\n", "\n", text.replace(str(folder.resolve()), "HERE"))


def golden(name: str, transcript: str) -> None:
    """Compare a transcript with its file, or write that anew where GOLDEN=write asks for it."""
    path = Path(__file__).parent / "golden" / "setup" / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(transcript)
    lines = [text.splitlines() for text in (path.read_text("utf-8"), transcript)]
    assert lines[0] == lines[1], "\n".join(difflib.unified_diff(*lines, lineterm=""))


def files_of(folder: Path) -> list[str]:
    """Return the names of the files that stand in a folder itself."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())
