"""One rule, one message, one figure that fails: the others are told, and it is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ebbwatch.app.histories import empty_history
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.answering.reading import Reader
from ebbwatch.core.doubts import fits
from ebbwatch.core.facts.figure_tables import TableFault, Tables
from ebbwatch.core.telling.context import Context
from ebbwatch.locale import translator
from ebbwatch.model.observation import Observation, Published
from ebbwatch.model.periods import period_of
from ebbwatch.runtime.telling import announcements
from ebbwatch.runtime.telling.audience import Audience
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import Heard, PublishingSource, RecordingNotifier, Stage

RULES = """
rules:
  - {name: one-high, title: One, value: sofr, above: {warning: 4 %}}
  - {name: two-high, title: Two, value: effr, above: {warning: 4 %}}
receivers: {desk: [{telegram: {chat: -1001}}]}
routes: [{to: [desk]}]
"""
MORNING = datetime(2026, 11, 18, 14, 5, tzinfo=UTC)
DAY = timedelta(days=1)


class World:
    """A daemon over a store, with a source that publishes SOFR and EFFR each morning."""

    def __init__(self, rules: str = RULES) -> None:
        self.clock = ManualClock(MORNING)
        self.store = MemoryStore()
        self.heard: list[Heard] = []
        self.source = PublishingSource(self.clock)
        self.ruleset = valid(rules)
        self.start()

    def start(self) -> None:
        """Start, or start again."""
        self.stage = Stage(
            self.ruleset, self.store, self.clock,
            notifiers={"telegram": RecordingNotifier(self.clock, self.heard.append)},
            sources={"nyfed": self.source},
        )  # fmt: skip
        self.stage.service.begin()

    async def morning(self, percent: str) -> list[str]:
        """Live through another morning with both rates at a value; return what is heard."""
        self.clock.advance_to(self.clock.now() + DAY)
        day = self.clock.now().date() - DAY
        self.source.figures += [
            (
                self.clock.now(),
                Published(series=name, period=period_of(day), value=Decimal(percent)),
            )
            for name in ("sofr", "effr")
        ]
        before = len(self.heard)
        await self.stage.once()
        return [one.headline for one in self.heard[before:]]

    def muted(self, rule: str) -> list[str | None]:
        """Return the named reasons of a rule's moves, newest first."""
        return [move.muted for move in self.store.transitions(rule=rule)]


def failing(original: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function that fails when anything of an alert is among what it is given."""

    def function(*args: Any, **kwargs: Any) -> Any:
        names = {getattr(arg, "name", arg) for arg in args if not isinstance(arg, list | dict)}
        if name in names:
            message = "nobody foresaw this"
            raise ArithmeticError(message)
        return original(*args, **kwargs)

    return function


async def test_an_alert_that_cannot_be_told_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one of its event is told, it is named, and told once telling works again."""
    world = World()
    await world.morning("3.90")
    monkeypatch.setattr(Audience, "labels", failing(Audience.labels, "one-high"))
    heard = await world.morning("4.50")
    assert heard == [
        "🟠 WARNING · Two",
        "⚠️ Data health · one-high cannot be evaluated",
    ]
    assert world.muted("one-high") == ["could not be told"]
    monkeypatch.undo()
    world.start()
    # What fires and was never told is told at the start, as to somebody new.
    assert sorted(await world.morning("3.90")) == [
        "✅ Data health · one-high can be evaluated again",
        "✅ RESOLVED · One",
        "✅ RESOLVED · Two",
        "🟠 WARNING · One",
    ]


async def test_an_event_that_cannot_be_told_at_all_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not tried for ever in the same way, and the next event is told."""
    world = World()
    await world.morning("3.90")
    monkeypatch.setattr("ebbwatch.runtime.telling.join", _raise)
    heard = await world.morning("4.50")
    assert [line for line in heard if "cannot be evaluated" in line] != []
    assert world.muted("two-high") == ["could not be told"]
    monkeypatch.undo()
    assert [line for line in await world.morning("3.90") if "evaluated again" in line] != []
    assert len(list(world.store.observations("sofr"))) == 3


def _raise(*_args: Any, **_kwargs: Any) -> None:
    message = "nobody foresaw this"
    raise ArithmeticError(message)


async def test_a_chart_that_cannot_be_drawn_holds_up_no_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message is whole, and the rule is named."""
    world = World()
    await world.morning("3.90")
    monkeypatch.setattr(Context, "chart", failing(Context.chart, "one-high"))
    heard = await world.morning("4.50")
    assert heard[:2] == ["🟠 WARNING · One", "🟠 WARNING · Two"]
    assert heard[2:] == ["⚠️ Data health · one-high cannot be evaluated"]


async def test_a_timer_that_cannot_be_found_stops_no_other_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hold whose end cannot be reckoned is named; the other rule goes on."""
    world = World(RULES.replace("{warning: 4 %}}", "{warning: 4 %}, for: 36 h}", 1))
    await world.morning("3.90")
    monkeypatch.setattr(Judge, "timer", _raise)
    assert await world.morning("4.50") == ["🟠 WARNING · Two"]
    heard = await world.morning("3.90")
    assert heard == ["✅ RESOLVED · Two", "⚠️ Data health · one-high cannot be evaluated"]


async def test_a_summary_without_words_names_what_fires(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first start is not kept from starting by a message."""
    monkeypatch.setattr(announcements, "summary_message", _raise)
    world = World()
    await world.stage.delivery.once()
    assert [one.headline for one in world.heard] == [
        "⚠️ Ebbwatch · a message could not be put into words"
    ]


async def test_a_rule_that_cannot_be_read_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """`status`, the page and the summary show the others, and that this one is broken."""
    world = World()
    await world.morning("4.50")
    original = Reader.read

    def read(self: Reader, node: Any, unit: Any) -> Any:
        if "sofr" in node.series:
            _raise()
        return original(self, node, unit)

    monkeypatch.setattr(Reader, "read", read)
    found = world.stage.service.desk.standings(world.clock.now())
    assert [(one.rule.name, one.state) for one in found] == [
        ("one-high", "broken"), ("two-high", "firing"),
    ]  # fmt: skip
    world.start()


@pytest.mark.parametrize(
    ("day", "value"), [("0001-01-02", "5"), ("2026-11-17", "1e28"), ("9999-12-31", "5")]
)
def test_a_figure_nothing_can_be_reckoned_with_is_left_out_at_the_start(
    day: str, value: str
) -> None:
    """An earlier version recorded it; this one starts all the same."""
    figure = Observation(
        series="sofr", period=period_of(datetime.fromisoformat(day).date()),
        value=Decimal(value), known_at=MORNING, source="csv",
    )  # fmt: skip
    assert not fits(figure)


@pytest.mark.parametrize("row", ["0001-01-02,5", "2026-11-17,1e28"])
def test_a_table_of_such_figures_is_refused_with_its_line(row: str) -> None:
    """What a person hands over is looked at too."""
    ruleset = valid(RULES)
    with pytest.raises(TableFault, match="sofr, line 3: "):
        Tables(empty_history(ruleset), "data").read(
            ruleset.series["sofr"], f"period,value\n2026-11-16,5\n{row}\n"
        )


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (1e28, "%", "1e+28 %"),
        (-1e20, "", "−1e+20"),
        (1e19, "USD", "$1e+19"),
        (3e13, "USD", "$30tn"),
    ],
)
def test_any_number_has_words(value: float, unit: str, words: str) -> None:
    """However large it is."""
    assert translator("en").number(value, unit) == words
