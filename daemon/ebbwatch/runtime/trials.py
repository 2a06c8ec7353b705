"""Trials of other thresholds: asked of one worker process, on demand, and let go when idle.

What a worker does takes processor time and memory, and neither is the daemon's: it is bounded
in both, killed where it takes too long, and ended when nobody asked for a while.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from ebbwatch.ports import Clock, EbbwatchError, Secret

#: How long a worker is kept after its last question.
IDLE = timedelta(minutes=10)
#: How long an answer may take, the start of the process included.
PATIENCE_S = 30.0
#: Questions that wait for their turn; more are refused.
MOST_WAITING = 4
#: Longest answer, in bytes.
_MOST_BYTES = 16 * 1024 * 1024

_COMMAND = (sys.executable, "-m", "ebbwatch.app.trial_worker")

log = structlog.get_logger()


class TrialFailed(EbbwatchError):
    """A trial came to nothing; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What is asked of a worker.

    Attributes:
        rule: Name of the alert.
        edits: Quantities by level, or by ``clear``.
        files: The rule files in force, by path.
        stamp: Changes whenever the figures do.
        at: The instant up to which history is looked at.
    """

    rule: str
    edits: Mapping[str, str]
    files: Mapping[str, bytes]
    stamp: str
    at: datetime


@dataclass(slots=True)
class Trials:
    """Asks the worker, one question after the other.

    Attributes:
        clock: Who says what time it is.
        database: Of the daemon's store, to be read; None for the archive alone.
        command: Of the process; tests hand over others.
        patience_s: How long an answer may take.
    """

    clock: Clock
    database: Secret | None = None
    command: tuple[str, ...] = _COMMAND
    patience_s: float = PATIENCE_S
    _process: asyncio.subprocess.Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: int = 0
    _idle: asyncio.Task[None] | None = None

    @property
    def warm(self) -> bool:
        """Return whether a worker runs."""
        return self._process is not None and self._process.returncode is None

    async def ask(self, tried: Tried) -> dict[str, Any]:
        """Return what a trial comes to.

        Raises:
            TrialFailed: If too many wait, it takes too long, or the worker fails.
        """
        if self._waiting >= MOST_WAITING:
            raise TrialFailed("too many trials at once")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._asked(tried)
        finally:
            self._waiting -= 1

    async def _asked(self, tried: Tried) -> dict[str, Any]:
        question = {
            "rule": tried.rule,
            "edits": dict(tried.edits),
            "files": {path: body.decode() for path, body in tried.files.items()},
            "stamp": tried.stamp,
            "at": tried.at.isoformat(),
            "database": "" if self.database is None else self.database.reveal(),
        }
        if self._idle is not None:
            self._idle.cancel()
        done = False
        try:
            async with asyncio.timeout(self.patience_s):
                process = await self._started()
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(json.dumps(question).encode() + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
            answer = json.loads(line) if line else {"failed": "the worker ended"}
            done = "failed" not in answer
        except TimeoutError:
            raise TrialFailed(f"it took longer than {self.patience_s:g} s") from None
        except (OSError, ValueError) as error:
            raise TrialFailed(f"the worker failed ({type(error).__name__})") from error
        finally:
            if done:
                self._idle = asyncio.create_task(self._let_go())
            else:
                await self.aclose()
        if not done:
            log.warning("trial.failed", rule=tried.rule, reason=answer["failed"])
            raise TrialFailed(str(answer["failed"]))
        return dict(answer)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_MOST_BYTES,
            )
        return self._process

    async def _let_go(self) -> None:
        await self.clock.wait_until(self.clock.now() + IDLE)
        self._idle = None
        await self.aclose()

    async def aclose(self) -> None:
        """End the worker; the next question starts another."""
        process, self._process = self._process, None
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.cancel()
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
