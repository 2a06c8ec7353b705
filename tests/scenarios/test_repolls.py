"""The same print, asked for a hundred times more, is no news."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import Heard, PublishingSource, RecordingNotifier, Stage

RULES = """
receivers: {desk: [{telegram: {chat: -1001}}], ops: [{slack: {channel: C01}}]}
routes: [{to: [desk, ops]}]
rules:
  - name: funding-spread
    title: Repo trades above fed funds
    value: sofr - effr
    above: {warning: 20 bp}
"""


async def test_a_hundred_visits_and_ten_restarts_tell_a_print_once() -> None:
    """Every tenth visit is by a new process over the same store."""
    start = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
    clock, store = ManualClock(start), MemoryStore()
    heard: list[Heard] = []
    source = PublishingSource(clock)
    for day, rate in ((20, "3.70"), (23, "3.93")):
        for series, value in (("sofr", rate), ("effr", "3.68")):
            period = period_of(datetime(2026, 11, day, tzinfo=UTC).date())
            source.figures.append(
                (start, Published(series=series, period=period, value=Decimal(value)))
            )
    notifiers = {kind: RecordingNotifier(clock, heard.append) for kind in ("telegram", "slack")}
    for restart in range(10):
        stage = Stage(
            valid(RULES), store, clock, notifiers=notifiers, sources={"nyfed": source},
            owner=str(restart),
        )  # fmt: skip
        stage.service.begin()
        for _ in range(10):
            await stage.once()
            clock.advance(timedelta(seconds=2))
    assert source.visits >= 100
    assert sorted((h.receiver, h.headline) for h in heard) == [
        (receiver, headline)
        for receiver in ("desk", "ops")
        for headline in (
            "👁 Ebbwatch is watching · 0 of 1 rule fires",
            "🟠 WARNING · Repo trades above fed funds",
        )
    ]
