"""Metrics: what a Prometheus reads of the daemon, documented in docs/metrics.md.

What stands is looked up when somebody asks; what happens is counted as it does. Base units,
instants and not ages, and every combination of labels that is known is there from the start.
"""

from __future__ import annotations

import platform
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from ebbwatch.core.answering.status import Standing
from ebbwatch.core.facts.release_clock import FreshnessState
from ebbwatch.model.alert import LEVELS, Change, Level
from ebbwatch.model.periods import MINUTE, Micros, instant
from ebbwatch.ports import Clock, StoreError
from ebbwatch.runtime.delivery import Ending, Settled
from ebbwatch.runtime.desk import Desk
from ebbwatch.runtime.pipeline import Handled

#: How rules are counted: a rule counts as the first of these that fits.
_RULE_STATES = ("firing", "broken", "frozen", "unknown", "pending", "quiet")
_TROUBLES = ("held", "late", "outbox", "receiver", "reload", "rule", "source", "stale")
_SERIES_STATES = tuple(state.value for state in FreshnessState)
#: Bounds of buckets, in seconds: from the network's to those of a weekend.
_SOON = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)
#: Bounds of buckets of delays within the process, in seconds.
_LAGS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Measured(Protocol):
    """What is measured: the front that the page shows, too."""

    @property
    def desk(self) -> Desk | None:
        """Return the desk of the daemon that leads here; None while none does."""
        ...


@dataclass(slots=True)
class Metrics:
    """Counts what happens and says how things stand.

    Attributes:
        front: Whose.
        clock: Who says what time it is.
        version: Of the program.
    """

    front: Measured
    clock: Clock
    version: str
    _registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _deliveries: Counter = field(init=False)
    _repeats: Counter = field(init=False)
    _known_to_sent: Histogram = field(init=False)
    _transitions: Counter = field(init=False)
    _lag: Histogram = field(init=False)

    def __post_init__(self) -> None:
        """Register everything there is."""
        registry = self._registry
        ProcessCollector(registry=registry)
        registry.register(_Standing(self))
        self._deliveries = Counter(
            "ebbwatch_deliveries", "Tries to hand a message over, by how they ended.",
            ("receiver", "kind", "outcome"), registry=registry,
        )  # fmt: skip
        self._repeats = Counter(
            "ebbwatch_possible_repeats", "Messages sent again that may have arrived before.",
            registry=registry,
        )  # fmt: skip
        self._known_to_sent = Histogram(
            "ebbwatch_known_to_sent_seconds",
            "From the instant of a decision to the message's arrival, by receiver.",
            ("receiver",), buckets=_SOON, registry=registry,
        )  # fmt: skip

        self._transitions = Counter(
            "ebbwatch_transitions", "Changes of alerts, those of the past of new rules left out.",
            ("change",), registry=registry,
        )  # fmt: skip
        for change in Change:
            self._transitions.labels(change.value)
        self._lag = Histogram(
            "ebbwatch_loop_lag_seconds",
            "How much later than planned the event loop came to what it had planned.",
            buckets=_LAGS, registry=registry,
        )  # fmt: skip

    def text(self) -> bytes:
        """Return everything, as Prometheus reads it."""
        return generate_latest(self._registry)

    def expect(self, receivers: Mapping[str, set[str]]) -> None:
        """Begin at zero for receivers and the kinds of their targets."""
        for receiver, kinds in receivers.items():
            self._known_to_sent.labels(receiver)
            for kind in kinds:
                for ending in Ending:
                    self._deliveries.labels(receiver, kind, ending.value)

    def settled(self, event: Settled) -> None:
        """Count a try to deliver."""
        target = event.row.target
        self._deliveries.labels(target.receiver, target.kind, event.ending.value).inc()
        if event.ending is Ending.UNCERTAIN:
            self._repeats.inc()
        if event.ending is Ending.DELIVERED:
            # A message that had to wait was not late before it was to be sent.
            begun = max(event.row.created_at, event.row.not_before)
            self._known_to_sent.labels(target.receiver).observe(
                max(0.0, (event.ts - begun).total_seconds())
            )

    def handled(self, handled: Handled) -> None:
        """Count what an event came to."""
        if not handled.history:
            for portion in handled.portions:
                for move in portion.moves or ():
                    self._transitions.labels(move.change.value).inc()

    def lagged(self, lag_s: float) -> None:
        """Count how late the event loop was, in seconds."""
        self._lag.observe(max(0.0, lag_s))


class _Standing(Collector):
    """How things stand when somebody asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterator[Metric]:
        """Return nothing: names are found when they are collected."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield what stands, of the daemon that leads here."""
        metrics = self._metrics
        yield InfoMetricFamily(
            "ebbwatch_build", "What runs.",
            {"version": metrics.version, "python": platform.python_version()},
        )  # fmt: skip
        desk, at = metrics.front.desk, metrics.clock.now()
        yield GaugeMetricFamily(
            "ebbwatch_leader", "1 where this process polls and decides, else 0.",
            value=0 if desk is None else 1,
        )  # fmt: skip
        if desk is None:
            return
        yield from _rules(desk.standings(at))
        yield from _series(desk, at)
        yield from _troubles(desk)
        try:
            yield from _outbox(desk, at)
        except StoreError:
            # What cannot be read is left out; readiness says that the database is away.
            return


def _rules(rows: tuple[Standing, ...]) -> Iterator[Metric]:
    levels = GaugeMetricFamily(
        "ebbwatch_rule_level", "Level that a rule fires at: 0 none, 1 watch, 2 warning, 3 critical.",
        labels=("rule",),
    )  # fmt: skip
    for row in rows:
        levels.add_metric((row.rule.name,), int(row.level))
    yield levels
    firing = GaugeMetricFamily("ebbwatch_alerts_firing", "Alerts that fire.", labels=("level",))
    counted = Tally(row.level for row in rows)
    for word, level in LEVELS.items():
        firing.add_metric((word,), counted[level])
    yield firing
    states = GaugeMetricFamily(
        "ebbwatch_rules", "Rules, each by the first that fits.", labels=("state",)
    )
    stands = Tally(_state(row) for row in rows)
    for state in _RULE_STATES:
        states.add_metric((state,), stands[state])
    yield states


def _state(row: Standing) -> str:
    if row.level is not Level.NONE:
        return "firing"
    if row.state == "broken":
        return "broken"
    if row.frozen:
        return "frozen"
    if row.reading is not None and not row.reading.known:
        return "unknown"
    return "pending" if row.state == "pending" else "quiet"


def _series(desk: Desk, at: datetime) -> Iterator[Metric]:
    period, known, due, states = (
        GaugeMetricFamily(f"ebbwatch_series_{name}", text, labels=labels)
        for name, text, labels in (
            ("last_period_timestamp_seconds", "Begin of the newest period held.", ("series",)),
            ("last_known_timestamp_seconds", "When the newest figure became known.", ("series",)),
            ("due_timestamp_seconds", "When the next figure is, or was, due.", ("series",)),
            ("state", "1 for how fresh a series is, 0 for the others.", ("series", "state")),
        )
    )
    quarantined = GaugeMetricFamily(
        "ebbwatch_figures_quarantined", "Figures held back as implausible.", labels=("series",)
    )
    rows = desk.watched_series(at)
    try:
        held = Tally(
            each.observation.series for each in desk.held_back({r.series.name for r in rows})
        )
    except StoreError:
        held = Tally()
    for row in rows:
        name = (row.series.name,)
        if row.newest is not None:
            period.add_metric(name, instant(Micros(row.newest.period * MINUTE)).timestamp())
            known.add_metric(name, row.newest.known_at.timestamp())
        if row.due_at is not None:
            due.add_metric(name, row.due_at.timestamp())
        for state in _SERIES_STATES:
            states.add_metric((*name, state), int(state == row.state.value))
        quarantined.add_metric(name, held[row.series.name])
    yield from (period, known, due, states, quarantined)


def _troubles(desk: Desk) -> Iterator[Metric]:
    """Yield how many troubles of each kind are open: the part of a key before its slash."""
    troubles = GaugeMetricFamily(
        "ebbwatch_troubles", "What is wrong with the watching itself, as was told.",
        labels=("kind",),
    )  # fmt: skip
    counted = Tally(key.partition("/")[0] for key in desk.troubles())
    for kind in sorted({*_TROUBLES, *counted}):
        troubles.add_metric((kind,), counted[kind])
    yield troubles


def _outbox(desk: Desk, at: datetime) -> Iterator[Metric]:
    waiting = desk.waiting().messages
    yield GaugeMetricFamily(
        "ebbwatch_outbox_waiting_messages", "Messages that wait to be sent.", value=len(waiting)
    )
    oldest = GaugeMetricFamily(
        "ebbwatch_outbox_oldest_waiting_timestamp_seconds",
        "Since when the message might be sent that has waited longest; absent where none waits.",
    )
    # What is held for quiet hours does not wait for us.
    due = [max(row.created_at, row.not_before) for row in waiting if row.not_before <= at]
    if due:
        oldest.add_metric((), min(due).timestamp())
    yield oldest
