"""Reload: notices that rule files changed, and hands over their contents.

The directory is watched, not its files: editors replace files by renaming, and Kubernetes
swaps a link that all of them go through. What was noticed only makes us look: a change is
what differs in content, and stays as it is for a moment, because a file that is just being
written looks like one whose rules were all deleted.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from ebbwatch.ports import Clock
from ebbwatch.ruleset.yaml import Content, Unread
from ebbwatch.runtime.rulefiles import read_or_why

#: How long contents must stay as they are.
SETTLED_AFTER = timedelta(milliseconds=200)
#: How long a directory must be out of reach before that is said: checkouts replace them.
GONE_AFTER = timedelta(seconds=5)

#: Where changes are not reported, as on some network mounts, they are found by looking.
LOOK_EVERY = timedelta(seconds=30)
#: At first too: nobody says when watching has begun, and what was saved before it goes unreported.
LOOK_AT_FIRST = (timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4))


class RulesWatch:
    """Watches a directory of rules, or a single file."""

    def __init__(
        self,
        place: Path,
        *,
        clock: Clock,
        held: Mapping[str, Content],
        changed: Callable[[dict[str, Content]], Awaitable[None]],
        asked: asyncio.Event | None = None,
        read: Callable[[Path], dict[str, Content]] = read_or_why,
        look_every: timedelta = LOOK_EVERY,
    ) -> None:
        """Take the place, and the contents that are in force.

        Args:
            place: Directory with the user's rule files, or one of them.
            clock: Who says what time it is.
            held: Contents in force, or told to be wrong, as `read_or_why` gave them.
            changed: Is given new contents; what to make of them is its business.
            asked: Set by whoever wants the contents handed over even where they did not change
                (SIGHUP, ``/reload``); cleared here.
            read: Returns the contents that count; whoever tests rules reads their tests, too.
            look_every: How often to look where changes are not reported.
        """
        self._place = place
        self._clock = clock
        self._held = dict(held)
        self._changed = changed
        self._asked = asked or asyncio.Event()
        self._read = read
        self._look_every = look_every
        self._look = asyncio.Event()

    def request(self) -> None:
        """Hand the contents over even where they did not change."""
        self._asked.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        looking = [self._watch(), self._look_at_first(), self._hear()]
        tasks = [asyncio.create_task(each) for each in looking]
        try:
            while True:
                self._look.clear()
                await self._compare()
                await self._look.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear(self) -> None:
        while True:
            await self._asked.wait()
            self._look.set()
            # Taken up by `_compare`, after which the next one counts again.
            while self._asked.is_set():
                await self._clock.wait_until(self._clock.now() + SETTLED_AFTER)

    async def _look_at_first(self) -> None:
        for pause in LOOK_AT_FIRST:
            await self._clock.wait_until(self._clock.now() + pause)
            self._look.set()

    async def _watch(self) -> None:
        """Have a look taken whenever something moves in the directory."""
        from watchfiles import awatch  # noqa: PLC0415  `check` reads rules without watching

        while True:
            replaced = False
            # A directory that is not there now may come: a mount, a checkout being replaced.
            with suppress(OSError):
                folder = self._place if self._place.is_dir() else self._place.parent
                watched = folder.stat()
                async for _ in awatch(
                    folder,
                    watch_filter=None,
                    debounce=400,
                    rust_timeout=round(self._look_every / timedelta(milliseconds=1)),
                    yield_on_timeout=True,
                    recursive=folder == self._place,
                ):
                    self._look.set()
                    now = folder.stat()
                    if replaced := not os.path.samestat(now, watched):
                        break
            if not replaced:
                await self._clock.wait_until(self._clock.now() + self._look_every)
                self._look.set()

    async def _compare(self) -> None:
        """Hand the contents over if they changed and have settled, or if somebody asked."""
        found = self._read(self._place)
        while found != self._held:
            gone = isinstance(found.get(str(self._place)), Unread)
            await self._clock.wait_until(
                self._clock.now() + (GONE_AFTER if gone else SETTLED_AFTER)
            )
            again = self._read(self._place)
            if again == found:
                break
            found = again
        if found == self._held and not self._asked.is_set():
            return
        self._asked.clear()
        self._held = found
        await self._changed(dict(found))
