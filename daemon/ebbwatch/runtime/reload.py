"""Reload: notices that rule files changed, and hands over their texts.

The directory is watched, not its files: editors replace files by renaming, and Kubernetes
swaps a link that all of them go through. What was noticed only makes us look: a change is
what differs in content, and stays as it is for a moment, because a file that is just being
written looks like one whose rules were all deleted.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import structlog

from ebbwatch.ports import Clock
from ebbwatch.runtime.rulefiles import read_rules

#: How long contents must stay as they are.
SETTLED_AFTER = timedelta(milliseconds=200)

#: Where changes are not reported, as on some network mounts, they are found by looking.
LOOK_EVERY = timedelta(seconds=30)

log = structlog.get_logger()


class RulesWatch:
    """Watches a directory of rules."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        held: Mapping[str, bytes],
        changed: Callable[[dict[str, bytes]], Awaitable[None]],
    ) -> None:
        """Take the directory, and the contents that are in force.

        Args:
            directory: With the user's rule files.
            clock: Who says what time it is.
            held: Contents in force, as `read_rules` gave them.
            changed: Is given new contents; what to make of them is its business.
        """
        self._directory = directory
        self._clock = clock
        self._held = dict(held)
        self._changed = changed
        self._look = asyncio.Event()
        self._asked = False

    def request(self) -> None:
        """Hand the contents over even where they did not change (SIGHUP, ``/reload``)."""
        self._asked = True
        self._look.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.request)
        watching = asyncio.create_task(self._watch())
        try:
            while True:
                await self._compare()
                await self._look.wait()
                self._look.clear()
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _watch(self) -> None:
        """Have a look taken whenever something moves in the directory."""
        from watchfiles import awatch  # noqa: PLC0415  # `check` reads rules without watching

        while True:
            # A directory that is not there now may come: a mount, a checkout being replaced.
            with suppress(FileNotFoundError):
                async for _ in awatch(
                    self._directory,
                    watch_filter=None,
                    debounce=400,
                    rust_timeout=round(LOOK_EVERY / timedelta(milliseconds=1)),
                    yield_on_timeout=True,
                ):
                    self._look.set()
            await self._clock.wait_until(self._clock.now() + LOOK_EVERY)
            self._look.set()

    async def _compare(self) -> None:
        """Hand the contents over if they changed and have settled, or if somebody asked."""
        found = self._read()
        while found is not None and found != self._held:
            await self._clock.wait_until(self._clock.now() + SETTLED_AFTER)
            again = self._read()
            if again == found:
                break
            found = again
        if found is None or (found == self._held and not self._asked):
            return
        self._asked = False
        self._held = found
        await self._changed(dict(found))

    def _read(self) -> dict[str, bytes] | None:
        """Return the contents; None, and the rules in force stay, where they cannot be read."""
        try:
            return read_rules(self._directory)
        except OSError as err:
            log.warning(
                "rules.unreadable", reason=err.strerror or str(err), directory=str(self._directory)
            )
            return None
