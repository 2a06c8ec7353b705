"""What a program makes of what it is told: after every message it knows what fires, and how."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.answering.expected import SeriesStanding
from ebbwatch.core.doubts import Doubt, HeldBack
from ebbwatch.core.facts.release_clock import Freshness, FreshnessState
from ebbwatch.core.render import Trouble
from ebbwatch.model.alert import Level
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros, period_of
from ebbwatch.model.problem import Problem, Span
from ebbwatch.notifiers.webhook import WebhookNotifier
from ebbwatch.ports import Held, Notifier, NotifierSetup, Silence
from ebbwatch.runtime.ledger import HANDLED
from ebbwatch.runtime.pipeline import Event
from ebbwatch.runtime.selfwatch import SelfWatch
from ebbwatch.store.in_memory import MemoryStore
from tests.consumers import SEVERITIES, ByFingerprint, ByGroup, decoded
from tests.fakes import ManualClock
from tests.ruleset.loading import loaded, valid
from tests.scenarios.stage import RecordingNotifier, Stage
from tests.standins.serving import Fault
from tests.standins.webhook import WebhookStandIn

RULES = """
receivers: {{{receivers}{receiver}: [{{webhook: {{url: "{url}", {options}}}}}]}}
{digests}routes: [{{to: [{also}{receiver}], {route}}}]
rules:
  - name: funding-spread
    title: Repo trades above fed funds
    value: sofr - effr
    above: {{watch: {watch} bp, warning: 20 bp, critical: 50 bp}}
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


def figure(series: str, day: date, rate: int, at: datetime) -> Observation:
    """Return a rate of a day, in bp above 3.70 %."""
    return Observation(
        series=series, period=period_of(day), known_at=at, source="nyfed",
        value=(Decimal(370 + rate) / 10_000).normalize(),
    )  # fmt: skip


@dataclass
class Walk:
    """A daemon that tells one program, and what such programs make of it.

    Attributes:
        hook: Takes what is posted.
        options: Of the webhook target.
        route: Of the route to it.
        receiver: What it is called.
        receivers: The receiver desk, as it stands in the file; it hears of everything too.
        digests: As they stand in the file.
        watch: Threshold of the lowest level of the first rule, in bp.
    """

    hook: WebhookStandIn
    options: str = ""
    route: str = ""
    receiver: str = "oncall"
    receivers: str = ""
    digests: str = ""
    watch: int = 10
    clock: ManualClock = field(default_factory=lambda: ManualClock(BEGIN))
    store: MemoryStore = field(default_factory=MemoryStore)
    by_fingerprint: ByFingerprint = field(default_factory=ByFingerprint)
    by_group: ByGroup = field(default_factory=ByGroup)
    read: int = 0

    def __post_init__(self) -> None:
        self.notifier = WebhookNotifier(NotifierSetup(self.clock))
        self.notifiers: dict[str, Notifier] = {"webhook": self.notifier}
        self.restart()

    def rules(self):
        """Return the rules, told to whoever the receiver is now."""
        text = RULES.format(
            receivers=self.receivers, also="desk, " if self.receivers else "", receiver=self.receiver, url=self.hook.url,
            options=self.options, route=self.route, digests=self.digests, watch=self.watch,
        )  # fmt: skip
        return valid({"rules/a.yaml": text})

    def restart(self, *, look: bool = True) -> None:
        """Begin anew, with all that is remembered in the store, and look how things stand."""
        self.stage = Stage(self.rules(), self.store, self.clock, notifiers=self.notifiers)
        if look:
            self.stage.service.begin()

    async def rename(self, receiver: str) -> None:
        """Give the receiver another name, while the daemon runs."""
        self.receiver = receiver
        judge = Judge(self.rules(), self.stage.service.pipeline.judge.history)
        await self.stage.service.adopt(judge, [])

    async def step(
        self, day: date, figures: dict[str, int], *, severities: Collection[str] = SEVERITIES
    ) -> None:
        """Publish figures of a day, in bp above fed funds, and deliver what that tells."""
        at = datetime.combine(day + timedelta(days=1), BEGIN.timetz())
        self.clock.advance_to(at)
        rates = {"effr": 0, **figures}
        self.stage.service.recording.handle_now(
            Event(
                at=micros(at),
                observations=tuple(figure(name, day, rate, at) for name, rate in rates.items()),
            )
        )
        await self.deliver(severities)

    async def deliver(self, severities: Collection[str] = SEVERITIES) -> None:
        """Deliver what waits, and let both programs take it."""
        await self.stage.delivery.once()
        for taken in self.hook.taken[self.read :]:
            body = decoded(taken.body, severities=severities)
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


Walking = TypeVar("Walking", bound=Walk)


@asynccontextmanager
async def walking(kind: type[Walking] = Walk, **options: Any) -> AsyncIterator[Walking]:
    """Give a daemon that has begun, and a program that it tells."""
    async with WebhookStandIn() as hook:
        walk = kind(hook, **options)
        try:
            await walk.deliver()
            yield walk
        finally:
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
    """

    chance: random.Random = field(default_factory=random.Random)
    routes: str = ROUTES[0]
    themes: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SERIES, "funding"))
    watched: tuple[str, ...] = SERIES

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
    labels, routes = chance.choice(LABELS), chance.choice(ROUTES)
    async with walking(Edited, chance=chance, options=labels, routes=routes) as walk:
        day = DAYS[0]
        for _ in range(20):
            await walk.step(day, {name: chance.choice(FIGURES) for name in SERIES})
            walk.assert_right()
            await walk.disturb()
            walk.assert_right()
            day += timedelta(days=3 if day.weekday() == 4 else 1)
        await walk.step(day, dict.fromkeys(SERIES, 2))
        assert walk.by_fingerprint.firing == walk.by_group.firing == {}


async def test_a_daemon_that_meets_alerts_that_fire_tells_a_program_of_each() -> None:
    """At the first start people are told in a summary; a program takes none."""
    async with walking(Edited, routes=ROUTES[1]) as walk:
        for name, rate in (("effr", 0), *zip(SERIES, (60, 25, 12, 25), strict=True)):
            with walk.store.transaction():
                walk.store.record([figure(name, DAYS[0], rate, BEGIN)])
                walk.store.put(HANDLED, None)
        walk.clock.advance(timedelta(days=1))
        walk.restart()
        await walk.deliver()
        walk.assert_right()
        assert len(walk.truth()) == 4
        (body,) = _bodies(walk)
        assert body["notification_reason"] == "first notification"


async def test_a_place_that_is_new_learns_what_fires_and_one_that_is_gone_is_left() -> None:
    """The address moves while four alerts fire; the new one is told of them as of a beginning."""
    async with WebhookStandIn() as other, walking(Edited, routes=ROUTES[1]) as walk:
        await walk.step(DAYS[0], dict.fromkeys(SERIES, 25))
        walk.assert_right()
        walk.hook, walk.read = other, 0
        walk.by_fingerprint, walk.by_group = ByFingerprint(), ByGroup()
        walk.restart()
        await walk.deliver()
        walk.assert_right()
        assert [body["notification_reason"] for body in _bodies(walk)] == ["first notification"]


@pytest.mark.parametrize("group", [ROUTES[0], ROUTES[1]], ids=["each by itself", "by theme"])
async def test_what_a_silence_kept_from_a_program_is_told_when_it_is_over(group: str) -> None:
    """Meanwhile it knows of that alert what it knew; of the others of its group all there is."""
    async with walking(Edited, routes=group) as walk:
        await walk.step(DAYS[0], {"sofr": 25, "tgcr": 25, "bgcr": 2, "obfr": 2})
        over = walk.clock.now() + timedelta(days=2, hours=12)
        quiet = Silence(
            id="a", matcher=(("name", "sofr-high"),), until=over, by="me", created_at=BEGIN
        )
        with walk.store.transaction():
            walk.store.silence(quiet)
        await walk.step(DAYS[1], {"sofr": 2, "tgcr": 2, "bgcr": 12, "obfr": 2})
        assert walk.by_fingerprint.levels() == {"sofr-high": "warning", "bgcr-high": "watch"}
        await walk.step(DAYS[2], {"sofr": 60, "tgcr": 2, "bgcr": 25, "obfr": 2})
        # It was over and fires again, at another level: to the program it never ended.
        assert walk.by_fingerprint.levels() == {"sofr-high": "warning", "bgcr-high": "warning"}
        assert walk.by_group.names() == {"sofr-high", "bgcr-high"}
        await walk.step(DAYS[3], {"sofr": 60, "tgcr": 2, "bgcr": 25, "obfr": 2})
        walk.assert_right()


async def test_a_program_is_not_spared_what_flaps() -> None:
    """People hear of it in the digest only; a program would keep what is no more."""
    async with walking() as walk:
        day = DAYS[0]
        for step in range(20):
            await walk.step(day, {"sofr": (2, 12)[step % 2], "tgcr": 2})
            walk.assert_right()
            day += timedelta(days=3 if day.weekday() == 4 else 1)
        assert len(_bodies(walk)) == 19


@pytest.mark.parametrize("labels", LABELS[1:])
@pytest.mark.parametrize("status", [500, 400])
async def test_what_did_not_get_through_is_made_good_when_it_works_again(
    status: int, labels: str
) -> None:
    """Refused or unanswered: once a body gets through, the program knows what fires."""
    async with walking(route=GROUPS["by theme"], options=labels) as walk:
        await walk.step(DAYS[0], {"sofr": 25, "tgcr": 12})
        walk.by_fingerprint.missed = True
        walk.hook.faults = [Fault(status=status) for _ in range(12)]
        for day, first, second in zip(DAYS[1:5], (60, 30, 2, 25), (12, 2, 25, 60), strict=True):
            await walk.step(day, {"sofr": first, "tgcr": second})
            walk.stage.service.attendant.attend()
        walk.hook.faults.clear()
        for _ in range(4):
            walk.clock.advance(timedelta(hours=1))
            await walk.deliver()
            walk.stage.service.attendant.attend()
        await walk.step(DAYS[5], {"sofr": 30, "tgcr": 60})
        await walk.step(DAYS[6], {"sofr": 60, "tgcr": 30})
        assert walk.truth() == {"funding-spread": "critical", "general-collateral": "warning"}
        walk.assert_right()


DIGEST = 'digests: [{at: "10:15", zone: America/New_York, on: business days, to: [oncall]}]\n'


@pytest.mark.parametrize("summaries", [True, False])
async def test_summaries_go_to_programs_that_ask_for_them_and_open_nothing(
    summaries: bool,
) -> None:
    """What is no alert's state is sent as something that has ended."""
    options = "summaries: true" if summaries else ""
    async with walking(options=options, digests=DIGEST) as walk:
        await walk.step(DAYS[0], {"sofr": 25, "tgcr": 2})
        at = walk.clock.now() + timedelta(days=1)
        walk.clock.advance_to(at)
        walk.stage.service.recording.handle_now(Event(at=micros(at)))
        await walk.deliver()
        walk.watch = 11
        await walk.rename("oncall")
        await walk.deliver()
        walk.assert_right()
        reasons = [
            body["groupLabels"]["reason"]
            for body in _bodies(walk)
            if "reason" in body["groupLabels"]
        ]
        assert reasons == (["summary", "digest", "digest", "data-health"] if summaries else [])


async def test_severities_are_called_as_the_receiver_wants() -> None:
    """Those that are not named keep their usual names."""
    options = "labels: per level, severities: {watch: low, critical: page}"
    async with walking(options=options) as walk:
        for day, first in zip(DAYS[:4], WALK[:4], strict=True):
            await walk.step(day, {"sofr": first, "tgcr": 2}, severities=("low", "warning", "page"))
        fires = [
            a["labels"]["severity"]
            for b in _bodies(walk)
            for a in b["alerts"]
            if a["status"] == "firing"
        ]
        assert fires == ["low", "warning", "page"]


def test_an_alert_without_a_severity_cannot_be_asked_for() -> None:
    """Those that receive it refuse it."""
    text = RULES.format(
        receivers="", also="", receiver="a", route="", digests="", watch=10, url="https://a.example",
        options="severities: {watch: none}",
    )  # fmt: skip
    (problem,) = loaded({"rules/a.yaml": text}).problems
    assert problem.message == "expected what a severity is called, found 'none'"


# ---- troubles --------------------------------------------------------------------------------

Report = Callable[[SelfWatch, datetime], None]
BAD = Problem(Span("a.yaml", 1, 1), "error", "unknown-series", "no such series: sofrr")
WORSE = Problem(Span("a.yaml", 2, 1), "error", "unknown-series", "no such series: efrr")


def _late(state: FreshnessState, *names: str) -> Report:
    def report(watch: SelfWatch, at: datetime) -> None:
        series = valid(
            {"rules/a.yaml": "rules: [{name: a, value: sofr - effr, above: {watch: 1 bp}}]"}
        ).series
        freshness = Freshness(state, period_of(DAYS[0]), micros(at), None, None)
        watch.freshness("nyfed", [SeriesStanding(series[n], freshness, None) for n in names], at=at)

    return report


#: What goes wrong with the watching, in one way or in several, and what ends it.
TROUBLES: dict[str, tuple[list[Report], Report]] = {
    "source/nyfed": (
        [lambda w, at: w.source_failed("nyfed", Trouble.SOURCE_FAILING, "503", since=at, affected=("sofr",))],
        lambda w, at: w.source_recovered("nyfed", at=at),
    ),
    "offline": (
        [lambda w, at: w.offline(3, since=at, affected=("sofr",), at=at)],
        lambda w, at: w.online(at=at),
    ),
    "late/nyfed": (
        [_late(FreshnessState.LATE, "sofr"), _late(FreshnessState.STALE, "sofr", "effr"),
         _late(FreshnessState.STALE, "effr")],
        _late(FreshnessState.FRESH, "sofr", "effr"),
    ),
    "outbox": (
        [lambda w, at: w.outbox(oldest=at - timedelta(hours=1), count=3, at=at)],
        lambda w, at: w.outbox(oldest=None, count=0, at=at),
    ),
    "receiver/desk/slack:C01": (
        [lambda w, at: w.receiver_broken("desk", "gone", place="slack:C01", at=at)],
        lambda w, at: w.receiver_recovered("slack:C01", at=at),
    ),
    "reload": (
        [lambda w, at: w.reload_invalid([BAD], at=at), lambda w, at: w.reload_invalid([WORSE], at=at)],
        lambda w, at: w.reload_valid(at=at),
    ),
    "rule/funding-spread": (
        [lambda w, at: w.rule_broken("funding-spread", "division by zero", at=at)],
        lambda w, at: w.rule_recovered("funding-spread", at=at),
    ),
}  # fmt: skip


@pytest.mark.parametrize("labels", LABELS[1:])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_trouble_begins_and_ends_under_one_name(trouble: str, labels: str) -> None:
    """Its fingerprint, key and begin are the same in every body, also after a restart."""
    begins, ends = TROUBLES[trouble]
    async with walking(options=labels) as walk:
        for report in (*begins, ends):
            walk.clock.advance(timedelta(minutes=7))
            report(walk.stage.service.watch, walk.clock.now())
            await walk.deliver()
            firing = report is not ends
            assert list(walk.by_fingerprint.levels()) == ["EbbwatchDataHealth"] * firing
            assert (
                list(walk.by_group.firing)
                == [f'{{}}:{{alertname="EbbwatchDataHealth", trouble="{trouble}"}}'] * firing
            )
            walk.restart(look=False)
        bodies = _bodies(walk)
    alerts = [alert for body in bodies for alert in body["alerts"]]
    assert [alert["status"] for alert in alerts][-2:] == ["firing", "resolved"]
    assert {(a["fingerprint"], a["startsAt"]) for a in alerts} == {
        (alerts[0]["fingerprint"], (BEGIN + timedelta(minutes=7)).isoformat())
    }
    assert alerts[-1]["endsAt"] == walk.clock.now().isoformat()
    assert bodies[0]["notification_reason"] == "first notification"
    assert bodies[-1]["notification_reason"] == "all alerts resolved"


async def test_figures_that_are_held_back_are_a_trouble_until_good_ones_come() -> None:
    """People are told once; a program hears when it is over."""
    series = valid({"rules/a.yaml": "rules: [{name: a, value: sofr, above: {watch: 1 %}}]"}).series[
        "sofr"
    ]
    figure = Observation(
        series="sofr", period=period_of(DAYS[0]), value=Decimal(37), known_at=BEGIN, source="nyfed"
    )
    found = HeldBack(
        "sofr",
        Doubt.IMPLAUSIBLE,
        Held(observation=figure, reason="not plausible"),
        1,
        figure.period,
        figure.period,
    )
    async with walking() as walk:
        walk.stage.service.watch.held_back(found, series, at=BEGIN)
        walk.restart()
        await walk.deliver()
        assert [*walk.by_group.firing] == [
            '{}:{alertname="EbbwatchDataHealth", trouble="held/sofr/implausible"}'
        ]
        walk.stage.service.watch.held_none("effr", at=BEGIN)
        assert walk.by_group.firing
        walk.stage.service.watch.held_none("sofr", at=BEGIN)
        await walk.deliver()
        assert walk.by_group.firing == walk.by_fingerprint.firing == {}


async def test_what_people_are_told_by_other_words_only_programs_are_told_is_over() -> None:
    """The rules are right again: people hear what the reload changed."""
    async with walking(receiver="oncall") as walk:
        heard = []
        walk.receivers = "desk: [{slack: {channel: C01}}], "
        walk.notifiers["slack"] = RecordingNotifier(walk.clock, heard.append)
        walk.restart()
        await walk.deliver()
        heard.clear()
        for report in (*TROUBLES["reload"][0][:1], TROUBLES["reload"][1]):
            report(walk.stage.service.watch, walk.clock.now())
            await walk.deliver()
    assert [message.headline for message in heard] == [
        "⚠️ Data health · the new rules have problems"
    ]
    assert [body["status"] for body in _bodies(walk)] == ["firing", "resolved"]
