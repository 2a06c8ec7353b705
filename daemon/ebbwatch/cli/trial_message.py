"""A test message to one place, sent as the daemon would send it, with a chart where one is wanted."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ebbwatch.model.message import Receipt, Target
    from ebbwatch.ports import Clock, Notifier

#: How long a test message may take, in seconds.
PATIENCE_S = 30

#: Readings on the chart.
_READINGS = 90


async def send(notifier: Notifier, target: Target, clock: Clock, chart: bytes = b"") -> Receipt:
    """Return where a test message arrived.

    Raises:
        DeliveryError: If it, or its chart, was not taken.
    """
    import asyncio

    from ebbwatch.core.render import test_for_programs, test_message
    from ebbwatch.locale import translator
    from ebbwatch.ports import Uncertain

    message, at = test_message(target.receiver, t=translator(target.language)), clock.now()
    # Programs are told of an alert that begins and is over.
    first, *others = test_for_programs(message, at=at) if target.for_programs else (message,)
    key = f"test/{target.key}/{at.isoformat()}"
    try:
        async with asyncio.timeout(PATIENCE_S):
            receipt = await notifier.send(first, target, key=key)
            for number, part in enumerate(others, 1):
                await notifier.send(part, target, key=f"{key}/{number}")
            if chart:
                await notifier.attach(chart, message, target, to=receipt)
            return receipt
    except TimeoutError:
        raise Uncertain(f"no answer within {PATIENCE_S} s") from None


async def sample_chart() -> bytes:
    """Return a chart of real figures: the last of SOFR that are bundled.

    Raises:
        EbbwatchError: If it cannot be drawn here.
    """
    from ebbwatch import archive
    from ebbwatch.charts.png import PngCharts
    from ebbwatch.model.chart import ChartSpec

    rows = list(csv.DictReader(archive.files()["sofr"].read_text("utf-8").splitlines()))
    points = tuple((row["period"], float(row["value"])) for row in rows[-_READINGS:])
    return await PngCharts().render(ChartSpec("SOFR", "%", points))
