"""A tick: one event with a new figure of each of 50 series, and 10,000 rules over them.

Values stay where they are, so that hardly any rule moves. Measured in process, from the event
to the instant at which the next one is due; medians.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.locale import translator
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import DAY_MINUTES, micros, period_of
from ebbwatch.model.text import LANGUAGES
from ebbwatch.runtime.ledger import Ledger
from ebbwatch.runtime.pipeline import Event, Handled, Outcome, Pipeline, Recorder
from ebbwatch.runtime.telling import Telling
from ebbwatch.store.open import open_store
from tests.bench.peers import show
from tests.fakes import place_of
from tests.ruleset.loading import valid

RULES, SERIES, HISTORY_DAYS, ROUNDS = 10_000, 50, 750, 41
_FIRST = datetime(2023, 1, 2, 18, tzinfo=UTC)
_SHAPES = (
    "{a} / {b}", "{a} - {b}", "({a} + {b}) / {c}", "abs({a} - {b}) / {c}", "{a} * 2 - {b} + {c}",
)  # fmt: skip


def rules_text(rules: int) -> str:
    """Return a rule file: pairs and triples of series, ladders, counts of releases."""
    rng = random.Random(20261124)
    names = [f"s{number:02d}" for number in range(SERIES)]
    lines = ["series:"]
    lines += [
        f"  {name}: {{source: {{csv: {name}.csv}}, unit: number, every: day, released: "
        f"{{after: 0 days, at: '18:00', zone: UTC, calendar: federal-reserve}}}}"
        for name in names
    ]
    lines.append("rules:")
    for number in range(rules):
        a, b, c = rng.sample(names, 3)
        value = rng.choice(_SHAPES).format(a=a, b=b, c=c)
        ladder = rng.choice(
            ["above: {watch: 90000, warning: 95000}", "below: {warning: -90000}",
             "above: {warning: 90000}, for: 3 releases", "above: {warning: -90000}, clear: 5"]
        )  # fmt: skip
        lines.append(f"  - {{name: r-{number:05d}, value: {value}, {ladder}}}")
    return "\n".join(lines) + "\n"


@dataclass
class Nobody:
    """A recorder that keeps nothing."""

    judged: list[int] = field(default_factory=list)

    def take(self, _outcome: Outcome) -> bool:
        """Let it go."""
        return True

    def record(self, handled: Handled, _states: Mapping[str, AlertState]) -> bool:
        """Count what was judged."""
        self.judged.append(len(handled.states))
        return False

    def next_due(self) -> int | None:
        """Return None: nothing is told."""
        return None


def events() -> Iterator[Event]:
    """Yield one event a day: a figure of every series, near where it was."""
    rng = random.Random(7)
    for day in range(HISTORY_DAYS + 10 * ROUNDS):
        at = _FIRST + timedelta(days=day)
        yield Event(
            at=micros(at),
            observations=tuple(
                Observation(
                    series=f"s{number:02d}", period=period_of(_FIRST.date()) + day * DAY_MINUTES,
                    value=Decimal(5_000_000 + 370_000 * number + rng.randint(-99, 99)).scaleb(-5),
                    known_at=at, source="csv",
                )
                for number in range(SERIES)
            ),
        )  # fmt: skip


def ticks(pipeline: Pipeline, feed: Iterator[Event]) -> list[float]:
    """Return how long each of some events takes, in ms, the first few left out."""
    found = []
    for event in (next(feed) for _ in range(ROUNDS + 3)):
        began = time.perf_counter()
        pipeline.handle(event)
        pipeline.next_due()
        found.append((time.perf_counter() - began) * 1000)
    return found[3:]


def main() -> None:
    """Measure ticks: the pipeline alone, and with everything written to a database."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    ruleset = valid({"rules.yaml": rules_text(RULES)})
    with tempfile.TemporaryDirectory() as name:
        store = open_store(f"sqlite:///{name}/tick.sqlite")
        for recorded in (False, True):
            feed = events()
            history = History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))
            judge = Judge(ruleset, history)
            recorder: Recorder = Nobody()
            if recorded:
                translators = {language: translator(language) for language in LANGUAGES}
                recorder = Ledger(
                    store, Telling(judge, store, translators, place_of=place_of), judge
                )
            pipeline = Pipeline(judge, recorder)
            past = [o for _ in range(HISTORY_DAYS) for o in next(feed).observations]
            start = micros(past[-1].known_at)
            pipeline.handle(Event(at=start, observations=tuple(past)), history=True)
            gc.collect()
            gc.freeze()
            found = ticks(pipeline, feed)
            words = f"{statistics.median(found):.1f} ms, slowest {max(found):.1f} ms"
            if recorded:
                print(f"    the same, written to SQLite: {words}")
                store.close()
            else:
                assert isinstance(recorder, Nobody)
                judged = max(recorder.judged[4:])
                show(f"tick touching {RULES:,} rules", f"{words}, at most {judged} judged singly")
                found = untouched(pipeline)
                print(f"    a tick that touches none: {statistics.median(found):.2f} ms")


def untouched(pipeline: Pipeline) -> list[float]:
    """Return how long a tick takes at which nothing changes, in ms."""
    found = []
    for second in range(ROUNDS):
        began = time.perf_counter()
        pipeline.handle(Event(at=pipeline.handled + 1_000_000 * (1 + second % 2)))
        pipeline.next_due()
        found.append((time.perf_counter() - began) * 1000)
    return found


if __name__ == "__main__":
    main()
