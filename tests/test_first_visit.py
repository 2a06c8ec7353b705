"""The first visit to a series is history: its past is recorded, and the present told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import Heard, PublishingSource, RecordingNotifier, Stage

RULES = """
series:
  one: {source: {csv: {path: one.csv}}, unit: percent per year, every: day}
rules:
  - name: one-high
    title: One
    value: one
    above: {watch: 5 %}
    clear: 2 %
receivers: {desk: [{telegram: {chat: -1001}}]}
routes: [{to: [desk]}]
"""
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
PAST = [
    (date(1999, 1, 4), "6.00"), (date(2003, 6, 2), "1.00"), (date(2008, 1, 2), "5.50"),
    (date(2009, 1, 2), "0.25"), (date(2026, 11, 25), "2.80"),
]  # fmt: skip


class World:
    """A daemon that meets a table of its user's."""

    def __init__(self, rules: str = RULES) -> None:
        self.clock = ManualClock(NOW)
        self.store = MemoryStore()
        self.heard: list[Heard] = []
        self.table = PublishingSource(self.clock)
        self.ruleset = valid(rules)
        self.start()

    def start(self) -> None:
        """Start, or start again."""
        self.stage = Stage(
            self.ruleset, self.store, self.clock,
            notifiers={"telegram": RecordingNotifier(self.clock, self.heard.append)},
            sources={"csv": self.table},
        )  # fmt: skip
        self.stage.service.begin()

    async def visit(self, *rows: tuple[date, str], known_at: datetime | None = None) -> list[str]:
        """Add rows to the table and visit it; return the headlines heard, the summary left out."""
        self.clock.advance_to(self.clock.now() + timedelta(hours=1))
        self.table.figures += [
            (
                self.clock.now(),
                Published(
                    series="one", period=period_of(day), value=Decimal(value), known_at=known_at
                ),
            )
            for day, value in rows
        ]
        before = len(self.heard)
        await self.stage.once()
        return [h.headline for h in self.heard[before:] if "is watching" not in h.headline]

    def moves(self) -> list[tuple[str, str, str | None]]:
        """Return the recorded moves, oldest first."""
        moves = sorted(self.store.transitions(), key=lambda t: (t.at, t.period))
        return [(t.change.value, t.period, t.muted) for t in moves]


async def test_nothing_of_the_past_is_told() -> None:
    """Twenty-seven years of crossings are recorded, muted as history; what is quiet is quiet."""
    world = World()
    assert await world.visit(*PAST, (date(2026, 11, 26), "2.90")) == []
    assert world.moves() == [
        ("fired", "1999-01-04", "history"), ("resolved", "2003-06-02", "history"),
        ("fired", "2008-01-02", "history"), ("resolved", "2009-01-02", "history"),
    ]  # fmt: skip
    assert await world.visit((date(2026, 11, 27), "5.10")) == ["🟡 WATCH · One"]


async def test_what_is_true_at_the_first_visit_is_told_once() -> None:
    """As of a new rule: once, and not again after a restart; its end is told."""
    world = World()
    assert await world.visit(*PAST, (date(2026, 11, 26), "5.20")) == ["🟡 WATCH · One"]
    assert world.moves()[-1] == ("fired", "2026-11-26", "history")
    world.start()
    assert await world.visit() == []
    assert await world.visit((date(2026, 11, 27), "2.90")) == ["✅ RESOLVED · One"]


async def test_a_table_that_says_when_its_past_was_known_is_history_too() -> None:
    """What was known before the first visit happened before it."""
    world = World()
    then = NOW - timedelta(days=300)
    assert await world.visit(*PAST, known_at=then) == []
    assert await world.visit((date(2026, 11, 27), "5.10")) == ["🟡 WATCH · One"]


async def test_an_alert_that_fires_already_hears_of_a_series_it_meets() -> None:
    """What another series made fire is moved by the new one, and that is news."""
    rules = RULES.replace(
        "value: one\n    above: {watch: 5 %}\n    clear: 2 %",
        """\
when: two > 4 %
    clear_when: one < 3 %
    level: watch""",
    ).replace(
        "rules:",
        """\
  two: {source: {csv: {path: two.csv}}, unit: percent per year, every: day}
rules:""",
    )
    world = World(rules)
    world.table.figures = [
        (NOW, Published(series="two", period=period_of(date(2026, 11, 26)), value=Decimal(5)))
    ]
    assert await world.visit() == ["🟡 WATCH · One"]
    world.table.figures.append(
        (NOW, Published(series="two", period=period_of(date(2026, 11, 27)), value=Decimal(3)))
    )
    heard = await world.visit((date(2026, 11, 27), "2.90"))
    assert heard == ["✅ RESOLVED · One"]
