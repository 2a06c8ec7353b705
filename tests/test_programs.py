"""What a program makes of what it is told: after every message it knows what fires, and how."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.model.alert import Level
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros, period_of
from ebbwatch.notifiers.webhook import WebhookNotifier
from ebbwatch.ports import NotifierSetup
from ebbwatch.runtime.pipeline import Event
from ebbwatch.store.in_memory import MemoryStore
from tests.consumers import ByFingerprint, ByGroup, decoded
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import Stage
from tests.standins.webhook import WebhookStandIn

RULES = """
receivers: {{{receiver}: [{{webhook: {{url: "{url}", {options}}}}}]}}
routes: [{{to: [{receiver}], {route}}}]
rules:
  - name: funding-spread
    title: Repo trades above fed funds
    value: sofr - effr
    above: {{watch: 10 bp, warning: 20 bp, critical: 50 bp}}
    labels: {{theme: funding}}
  - name: general-collateral
    title: General collateral trades above fed funds
    value: tgcr - effr
    above: {{watch: 10 bp, warning: 20 bp, critical: 50 bp}}
    labels: {{theme: funding}}
"""
BEGIN = datetime(2026, 11, 16, 14, 5, tzinfo=UTC)
#: The walk of the first rule, and of a second that moves at other times.
WALK = (2, 12, 25, 60, 30, 14, 2, 2)
BESIDE = (2, 30, 30, 2, 30, 60, 30, 2)
#: A working day each, from Monday to Wednesday of the next week.
DAYS = [date(2026, 11, day) for day in (16, 17, 18, 19, 20, 23, 24, 25)]


@dataclass
class Walk:
    """A daemon that tells one program, and what such programs make of it.

    Attributes:
        hook: Takes what is posted.
        options: Of the webhook target.
        route: Of the route to it.
    """

    hook: WebhookStandIn
    options: str = ""
    route: str = ""
    receiver: str = "oncall"
    clock: ManualClock = field(default_factory=lambda: ManualClock(BEGIN))
    store: MemoryStore = field(default_factory=MemoryStore)
    by_fingerprint: ByFingerprint = field(default_factory=ByFingerprint)
    by_group: ByGroup = field(default_factory=ByGroup)
    read: int = 0

    def __post_init__(self) -> None:
        self.notifier = WebhookNotifier(NotifierSetup(self.clock))
        self.restart()

    def rules(self):
        """Return the rules, told to whoever the receiver is now."""
        text = RULES.format(
            receiver=self.receiver, url=self.hook.url, options=self.options, route=self.route
        )
        return valid({"rules/a.yaml": text})

    def restart(self) -> None:
        """Begin anew, with all that is remembered in the store."""
        self.stage = Stage(
            self.rules(), self.store, self.clock, notifiers={"webhook": self.notifier}
        )
        self.stage.service.begin()

    async def rename(self, receiver: str) -> None:
        """Give the receiver another name, while the daemon runs."""
        self.receiver = receiver
        judge = Judge(self.rules(), self.stage.service.pipeline.judge.history)
        await self.stage.service.adopt(judge, [])

    async def step(self, day: date, figures: dict[str, int]) -> None:
        """Publish figures of a day, in bp above fed funds, and deliver what that tells."""
        at = datetime.combine(day + timedelta(days=1), BEGIN.timetz())
        self.clock.advance_to(at)
        rates = {"effr": 0, **figures}
        self.stage.service.recording.handle_now(
            Event(
                at=micros(at),
                observations=tuple(
                    Observation(
                        series=name, period=period_of(day), known_at=at, source="nyfed",
                        value=(Decimal(370 + rate) / 10_000).normalize(),
                    )
                    for name, rate in rates.items()
                ),
            )
        )  # fmt: skip
        await self.deliver()

    async def deliver(self) -> None:
        """Deliver what waits, and let both programs take it."""
        await self.stage.delivery.once()
        for taken in self.hook.taken[self.read :]:
            body = decoded(taken.body)
            self.by_fingerprint.take(body)
            self.by_group.take(body)
        self.read = len(self.hook.taken)

    def truth(self) -> dict[str, str]:
        """Return the level of every alert that fires, by name."""
        states = self.stage.service.pipeline.states
        return {
            name: states[name].level.word
            for name in self.stage.service.pipeline.judge.watched
            if states[name].level is not Level.NONE
        }

    def assert_right(self) -> None:
        """Both programs know what fires, and one of them at which level."""
        assert self.by_fingerprint.levels() == self.truth()
        assert self.by_group.names() == self.truth().keys()


@asynccontextmanager
async def walking(**options: str) -> AsyncIterator[Walk]:
    """Give a daemon that has begun, and a program that it tells."""
    async with WebhookStandIn() as hook:
        walk = Walk(hook, **options)
        await walk.deliver()
        yield walk
        await walk.notifier.aclose()


LABELS = ["", "labels: constant", "labels: per level"]
GROUPS = {"each by itself": "", "by theme": "group_by: [theme]"}


async def _undisturbed(walk: Walk, _step: int) -> None:
    """Do nothing."""


async def _restarting(walk: Walk, _step: int) -> None:
    walk.restart()
    await walk.deliver()


async def _renaming(walk: Walk, step: int) -> None:
    await walk.rename(f"desk-{step}")
    await walk.deliver()


async def _renaming_while_away(walk: Walk, step: int) -> None:
    walk.receiver = f"desk-{step}"
    walk.restart()
    await walk.deliver()


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(
    "between", [_undisturbed, _restarting, _renaming, _renaming_while_away],
    ids=["undisturbed", "restarting", "renaming", "renaming while away"],
)  # fmt: skip
async def test_after_every_step_of_the_walk_both_programs_know_what_fires(
    labels: str, group: str, between
) -> None:
    """By fingerprint and by group, whatever happens between the steps."""
    async with walking(options=labels, route=GROUPS[group]) as walk:
        levels = []
        for step, (day, first, second) in enumerate(zip(DAYS, WALK, BESIDE, strict=True)):
            await walk.step(day, {"sofr": first, "tgcr": second})
            walk.assert_right()
            await between(walk, step)
            walk.assert_right()
            levels.append(walk.truth().get("funding-spread", ""))
        assert levels == ["", "watch", "warning", "critical", "warning", "watch", "", ""]
        assert walk.by_fingerprint.firing == walk.by_group.firing == {}


def _bodies(walk: Walk) -> Sequence[dict]:
    return [taken.body for taken in walk.hook.taken]


async def test_labels_stay_the_same_while_an_alert_fires() -> None:
    """Level and severity are read among the annotations."""
    async with walking() as walk:
        for day, first in zip(DAYS, WALK, strict=True):
            await walk.step(day, {"sofr": first, "tgcr": 0})
        alerts = [alert for body in _bodies(walk) for alert in body["alerts"]]
    assert [alert["labels"] for alert in alerts] == [
        {"theme": "funding", "name": "funding-spread", "alertname": "funding-spread"}
    ] * 6
    assert len({(alert["fingerprint"], alert["startsAt"]) for alert in alerts}) == 1
    assert [(a["annotations"]["level"], a["annotations"]["severity"]) for a in alerts] == [
        ("watch", "info"), ("warning", "warning"), ("critical", "critical"),
        ("warning", "warning"), ("watch", "info"), ("watch", "info"),
    ]  # fmt: skip
    assert [body["groupLabels"] for body in _bodies(walk)] == [{"alertname": "funding-spread"}] * 6
    assert {body["groupKey"] for body in _bodies(walk)} == {'{}:{alertname="funding-spread"}'}
    assert [body["notification_reason"] for body in _bodies(walk)] == [
        "first notification", *["repeat interval elapsed"] * 4, "all alerts resolved",
    ]  # fmt: skip


# ---- whatever happens ------------------------------------------------------------------------

SERIES = ("sofr", "tgcr", "bgcr", "obfr")
FIGURES = (2, 12, 25, 60)
ROUTES = (
    "routes: [{to: [RECEIVER]}]",
    "routes: [{to: [RECEIVER], group_by: [theme]}]",
    "routes: [{to: [RECEIVER], group_by: [theme, level]}]",
    "routes: [{to: [RECEIVER], group_by: [team]}]",
    "routes: [{match: {level: critical}, to: [RECEIVER]}, {to: [RECEIVER], group_by: [theme]}]",
)


@dataclass
class Edited(Walk):
    """A walk whose rules are edited as it goes.

    Attributes:
        chance: Decides what is edited, and how.
        routes: Of the rules.
        themes: Of each rule.
        watched: Series that there are rules of.
        watch: Threshold of the lowest level, in bp.
    """

    chance: random.Random = field(default_factory=random.Random)
    routes: str = ROUTES[0]
    themes: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SERIES, "funding"))
    watched: tuple[str, ...] = SERIES
    watch: int = 10

    def rules(self):
        """Return the rules as they are now."""
        lines = [
            f'receivers: {{{self.receiver}: [{{webhook: {{url: "{self.hook.url}", {self.options}}}}}]}}',
            self.routes.replace("RECEIVER", self.receiver), "rules:",
        ]  # fmt: skip
        lines += [
            f"  - {{name: {name}-high, value: {name} - effr, labels: {{theme: {self.themes[name]}}}, "
            f"above: {{watch: {self.watch} bp, warning: 20 bp, critical: 50 bp}}}}"
            for name in self.watched
        ]
        return valid({"rules/a.yaml": "\n".join(lines)})

    async def disturb(self) -> None:
        """Edit something, or nothing, and start anew, or not."""
        match self.chance.randrange(8):
            case 0:
                self.receiver = f"desk-{self.chance.randrange(1000)}"
            case 1:
                self.routes = self.chance.choice(ROUTES)
            case 2:
                self.themes[self.chance.choice(SERIES)] = self.chance.choice(("funding", "repo"))
            case 3:
                self.watched = tuple(self.chance.sample(SERIES, self.chance.randint(1, 4)))
            case 4:
                self.watch = self.chance.choice((10, 5, 15))
        if self.chance.randrange(2):
            self.restart()
        else:
            judge = Judge(self.rules(), self.stage.service.pipeline.judge.history)
            await self.stage.service.adopt(judge, [])
        await self.deliver()


@pytest.mark.parametrize("seed", range(24))
async def test_whatever_is_edited_and_restarted_both_programs_know_what_fires(seed: int) -> None:
    """Receivers, routes, labels, rules and thresholds, while alerts fire."""
    chance = random.Random(seed)
    async with WebhookStandIn() as hook:
        walk = Edited(hook, chance=chance, options=chance.choice(LABELS))
        walk.routes = chance.choice(ROUTES)
        day = DAYS[0]
        for _ in range(20):
            await walk.step(day, {name: chance.choice(FIGURES) for name in SERIES})
            walk.assert_right()
            await walk.disturb()
            walk.assert_right()
            day += timedelta(days=3 if day.weekday() == 4 else 1)
        await walk.step(day, dict.fromkeys(SERIES, 2))
        assert walk.by_fingerprint.firing == walk.by_group.firing == {}
        await walk.notifier.aclose()
