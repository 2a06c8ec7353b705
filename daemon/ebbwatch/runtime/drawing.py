"""Drawing charts: each once, for all the places that show it."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict

from ebbwatch.model.chart import ChartSpec
from ebbwatch.ports import Charts

#: Charts that are kept for the other receivers of their message, who are told moments later.
KEPT = 4


class Drawings:
    """Draws charts, and keeps the newest."""

    def __init__(self, charts: Charts) -> None:
        """Take who draws."""
        self._charts = charts
        self._tasks: OrderedDict[ChartSpec, asyncio.Task[bytes]] = OrderedDict()
        self._waiting: Counter[ChartSpec] = Counter()

    async def png(self, spec: ChartSpec) -> bytes:
        """Return a chart as a PNG; whoever wants the same meanwhile waits for the same drawing.

        A drawing that fails fails for all who wait for it, and the next one tries anew. One
        that nobody waits for any more is given up.
        """
        task = self._tasks.get(spec)
        if task is None:
            task = self._tasks[spec] = asyncio.create_task(self._charts.render(spec))
            # Who gave it up does not ask how it ended.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._tasks.move_to_end(spec)
        self._waiting[spec] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting[spec] -= 1
            self._let_go(spec, task)

    def _let_go(self, spec: ChartSpec, task: asyncio.Task[bytes]) -> None:
        """Give up what nobody waits for, and forget what failed and what is old."""
        if self._waiting[spec] <= 0:
            del self._waiting[spec]
            task.cancel()
        failed = task.done() and (task.cancelled() or task.exception() is not None)
        if self._tasks.get(spec) is task and (failed or task.cancelling()):
            del self._tasks[spec]
        old = [each for each in self._tasks if each not in self._waiting]
        for each in old[: max(0, len(old) - KEPT)]:
            del self._tasks[each]
