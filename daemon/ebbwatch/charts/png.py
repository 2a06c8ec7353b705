"""Charts as PNG, drawn in a process of their own.

matplotlib takes some 100 MiB and a second to load; a process that ends gives both back, and
one that hangs can be stopped.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from dataclasses import asdict

from ebbwatch.model.chart import ChartSpec
from ebbwatch.ports import EbbwatchError

_COMMAND = (sys.executable, "-m", "ebbwatch.charts.worker")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Characters of what the process said that an error repeats.
_SAID_CHARS = 300


class ChartFailed(EbbwatchError):
    """A picture could not be drawn; the message goes without it."""


class PngCharts:
    """The charts port: draws with matplotlib, elsewhere.

    Attributes:
        timeout_s: Longest a picture may take, its process' start included.
        at_once: Pictures drawn at the same time; more wait.
        command: Of the process; the tests hand over others.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 30.0,
        at_once: int = 1,
        command: tuple[str, ...] = _COMMAND,
    ) -> None:
        """Draw nothing yet."""
        self._timeout_s = timeout_s
        self._turn = asyncio.Semaphore(at_once)
        self._command = command

    async def render(self, spec: ChartSpec) -> bytes:
        """Return a PNG of 800 by 450 points at twofold resolution.

        Raises:
            ChartFailed: If it took too long, or the process ended without a picture.
        """
        asked = json.dumps(asdict(_finite(spec))).encode()
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(self._timeout_s):
                    picture, said = await process.communicate(asked)
            except TimeoutError:
                message = (
                    f"expected a chart within {self._timeout_s:g} s, found none; going on without"
                )
                raise ChartFailed(message) from None
            finally:
                # Reached on time-out and when the caller is cancelled, too.
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0 or not picture.startswith(_SIGNATURE):
            words = said.decode(errors="replace").strip()[-_SAID_CHARS:]
            message = f"expected a picture, found exit status {process.returncode}: {words}"
            raise ChartFailed(message)
        return picture


def _finite(spec: ChartSpec) -> ChartSpec:
    """Return a specification without values that are no place on an axis: never, unknown."""
    return ChartSpec(
        title=spec.title,
        unit=spec.unit,
        points=tuple(
            (period, value if value is not None and math.isfinite(value) else None)
            for period, value in spec.points
        ),
        thresholds=spec.thresholds,
        marks=spec.marks,
        shaded=spec.shaded,
        language=spec.language,
    )
