"""The archive's last year, lived event by event, decides what replay decides in one stride."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ebbwatch.archive import files
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.alert import Transition
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.feeds import TapeFeed, drive
from ebbwatch.runtime.lookback.replay import Journal
from ebbwatch.runtime.pipeline import Event, Pipeline
from tests.ruleset.loading import PACK, valid
from tests.scenarios.tapes import archived

YEAR = timedelta(days=365)
LAST = datetime.max.replace(tzinfo=UTC)


def judge_of(ruleset: Ruleset, facts: list[Observation]) -> Judge:
    """Return the rules over some facts."""
    history = History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))
    history.observe(facts)
    return Judge(ruleset, history)


def decided(judge: Judge, journal: Journal, since: datetime) -> list[Transition]:
    """Return every transition after an instant, by time, then rule."""
    assert not journal.failures
    found = [move for judged in journal.judged for move in judge.transitions(judged)]
    return sorted((t for t in found if t.at > since), key=lambda t: (t.at, t.rule))


async def test_a_year_of_the_default_pack_is_the_same_live_and_replayed() -> None:
    """The newest year of the bundled figures, all rules of the default pack."""
    ruleset = valid(PACK)
    facts = archived(ruleset, sorted(files().keys() & ruleset.series.keys()), LAST)
    facts.sort(key=lambda o: (o.known_at, o.series, o.period))
    newest = facts[-1].known_at
    since = newest - YEAR

    whole, batch = judge_of(ruleset, facts), Journal()
    Pipeline(whole, batch).handle(Event(at=micros(newest)))

    before = [o for o in facts if o.known_at <= since]
    arrivals: dict[int, list[Observation]] = {}
    for fact in facts[len(before) :]:
        arrivals.setdefault(micros(fact.known_at), []).append(fact)
    live, one_by_one = judge_of(ruleset, before), Journal()
    pipeline = Pipeline(live, one_by_one)
    pipeline.handle(Event(at=micros(since)))
    events = [Event(at=at, observations=tuple(found)) for at, found in arrivals.items()]
    await drive(TapeFeed(events, micros(newest)), pipeline)

    expected = decided(whole, batch, since)
    assert len(expected) > 20
    assert decided(live, one_by_one, since) == expected
