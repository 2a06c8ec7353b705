"""Names that are stored and gone: an edit renames or removes what waits, is owed or was wished."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from ebbwatch.core.alerting.judging import Judge, episode_of
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.alert import Level, Transition
from ebbwatch.model.message import OutboxRow
from ebbwatch.model.periods import micros
from ebbwatch.ports import AlertRecord
from ebbwatch.runtime import pipeline
from ebbwatch.runtime.pipeline import Event
from ebbwatch.runtime.silences import (
    acknowledge,
    acknowledged_episodes,
    carry_acks,
    follow_renames,
    silence,
)
from ebbwatch.runtime.telling import Telling
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import ManualClock, place_of
from tests.scenarios.stage import Stage
from tests.test_telling import (
    ONE_TARGET,
    PLAIN,
    TRANSLATORS,
    Invented,
    begun,
    edit,
    ny,
    ruleset,
)

OTHER = "rules: [{name: other, value: sofr - effr, above: {watch: 900 bp}}]\n"
RENAMED = PLAIN.replace("name: spread", "name: gap")
WAITS = ONE_TARGET + "routes: [{to: [desk], group_wait: 2 d}]\n"


def adopt(story: Invented, *texts: str, at: datetime, **changed: object) -> list[Transition]:
    """Take other rules, withdraw the alerts whose rule is gone, and tell the edit."""
    story.judge = Judge(ruleset(*texts), story.history)
    gone = {name: story.states.pop(name) for name in [*story.states]
            if name not in story.judge.watched}  # fmt: skip
    moves = [
        pipeline.withdrawn(name, state, micros(at))
        for name, state in gone.items()
        if state.level is not Level.NONE
    ]
    for name in story.judge.watched:
        state = next(iter(gone.values()), AlertState())
        story.states.setdefault(name, state if "renamed" in changed else AlertState())
    story.telling.use(story.judge)
    renamed = changed.get("renamed", ())
    assert isinstance(renamed, tuple)
    with story.store.transaction():
        follow_renames(story.store, renamed, at=at)
    told = edit(story, at, moves, **changed)
    with story.store.transaction():
        carry_acks(story.store, {m.rule: m.episode for m in moves}, renamed, story.states)
    return told


def said(rows: list[OutboxRow]) -> list[str]:
    """Return the headlines of rows."""
    return [row.message.headline.partition(" · ")[0] for row in rows]


def test_what_waits_for_a_rule_that_is_gone_is_not_told() -> None:
    """The move has its named reason, and nobody hears that a dead rule fires."""
    story = begun(PLAIN, WAITS, spread=5)
    [fired] = story.reads(25)
    before = len(story.rows)
    adopt(story, OTHER, WAITS, at=story.day + timedelta(hours=1), removed=("spread",))
    story.tick(story.day + timedelta(days=2))
    assert said(story.rows[before:]) == ["🔄 New rules are in force"]
    assert story.telling.untold(fired) == {"desk": "withdrawn by an edit"}
    assert story.telling.next_due() is None


def test_what_waits_for_a_rule_that_is_renamed_is_told_once_under_the_new_name() -> None:
    """By the edit itself, not a second time at the end of the wait."""
    story = begun(PLAIN, WAITS, spread=5)
    story.reads(25)
    before = len(story.rows)
    adopt(story, RENAMED, WAITS, at=story.day + timedelta(hours=1), renamed=(("spread", "gap"),))
    story.tick(story.day + timedelta(days=3))
    names = [[alert["rule"] for alert in row.message.alerts] for row in story.rows[before:]]
    assert [name for row in names for name in row] == ["gap"]


def test_the_end_that_waits_for_a_receiver_under_its_old_name_is_told() -> None:
    """The place that heard the beginning hears the end, whatever the receiver is called."""
    story = begun(PLAIN, WAITS)
    [resolved] = story.reads(5)
    before = len(story.rows)
    adopt(story, PLAIN, WAITS.replace("desk", "traders"), at=story.day + timedelta(hours=1))
    story.tick(story.day + timedelta(days=2))
    assert [(row.target.receiver, str(row.message.reason)) for row in story.rows[before:]] == [
        ("traders", "resolved")
    ]
    assert story.telling.untold(resolved) == {}


def test_what_waits_and_no_route_leads_to_any_more_has_a_named_reason() -> None:
    """A receiver that is gone without another in its stead."""
    two = "receivers: {desk: [{slack: {channel: C01}}], ops: [{slack: {channel: C02}}]}\n"
    story = begun(PLAIN, two + "routes: [{to: [desk], group_wait: 2 d}]\n", spread=5)
    story.reads(25)
    ops = "receivers: {ops: [{slack: {channel: C02}}]}\nroutes: [{match: {name: x}, to: [ops]}]\n"
    before = len(story.rows)
    adopt(story, PLAIN, ops, at=story.day + timedelta(hours=1))
    story.tick(story.day + timedelta(days=3))
    assert story.rows[before:] == []
    assert [*story.store.memos("untold/desk/spread/").values()] == ["no receiver"]
    assert story.telling.next_due() is None


@pytest.mark.parametrize("spread", [5, 25], ids=["that began", "that ended"])
def test_nothing_is_owed_of_a_rule_that_is_gone(spread: int) -> None:
    """Otherwise the end of its silence would be due for ever."""
    story = begun(PLAIN, ONE_TARGET, spread=spread)
    story.silence(story.day, story.day + timedelta(days=3), name="spread")
    story.reads(30 - spread)
    assert story.telling.owed() == {"spread"}
    adopt(story, OTHER, ONE_TARGET, at=story.day + timedelta(hours=1), removed=("spread",))
    assert (story.telling.owed(), story.telling.next_due()) == (set(), None)


def test_what_is_owed_where_no_route_leads_any_more_is_not_due_for_ever() -> None:
    """It is looked at once, and then with the next reading."""
    two = "receivers: {desk: [{slack: {channel: C01}}], ops: [{slack: {channel: C02}}]}\n"
    story = begun(PLAIN, two + "routes: [{to: [desk]}]\n", spread=5)
    until = story.day + timedelta(days=3)
    story.silence(story.day, until, name="spread")
    story.reads(25)
    elsewhere = two + "routes: [{match: {name: spread}, to: [ops]}]\n"
    adopt(story, PLAIN, elsewhere, at=story.day + timedelta(hours=1))
    story.tick(until + timedelta(hours=1))
    assert [row.place for row in story.rows[2:]] == ["slack:C02"]
    due = story.telling.next_due()
    assert due is None or due > until


def test_a_silence_follows_its_rule_to_a_new_name() -> None:
    """What somebody silenced stays silent; what is still news is told at the end of it."""
    story = begun(PLAIN, ONE_TARGET, spread=5)
    until = story.day + timedelta(days=3)
    made = silence(story.store, (("name", "spread"),), at=story.day, until=until, by="ann")
    story.reads(25)
    before = len(story.rows)
    adopt(story, RENAMED, ONE_TARGET, at=story.day + timedelta(hours=1),
          renamed=(("spread", "gap"),))  # fmt: skip
    [held] = story.store.silences()
    assert (held.id, held.matcher) == (made.id, (("name", "gap"),))
    assert [row for row in story.rows[before:] if row.message.alerts] == []
    story.tick(until)
    assert [str(row.message.reason) for row in story.rows[before:] if row.message.alerts] == [
        "first"
    ]


def test_an_acknowledgement_follows_its_rule_to_a_new_name() -> None:
    """Whoever has seen it is not reminded because it is called otherwise now."""
    story = begun(PLAIN, ONE_TARGET)
    state = story.states["spread"]
    assert state.begun_at is not None
    record = AlertRecord(name="spread", definition="", ladder="", state=state.to_json(), version=0)
    with story.store.transaction():
        story.store.save_alerts([record])
    acknowledge(story.store, "spread", at=story.day, by="ann")
    adopt(story, RENAMED, ONE_TARGET, at=story.day + timedelta(hours=1),
          renamed=(("spread", "gap"),))  # fmt: skip
    assert episode_of("gap", state.begun_at) in acknowledged_episodes(story.store)


def test_a_rule_whose_figures_come_less_often_now_is_reminded_of_all_the_same() -> None:
    """What was told names a Friday, and its readings are Wednesdays now: nothing stumbles."""
    reminded = PLAIN.replace("    above:", "    repeat: 1 release\n    above:")
    assert reminded != PLAIN
    story = begun(reminded, ONE_TARGET)
    weekly = (
        "series: {load: {source: {csv: x.csv}, unit: percent per year,"
        " every: week ending Wednesday}}\n" + reminded.replace("sofr - effr", "load")
    )
    rules = ruleset(weekly, ONE_TARGET)
    history = History(rules.series, rules.business, ReleaseClock(rules.business))
    story.history, story.judge = history, Judge(rules, history)
    story.telling.use(story.judge)
    edit(story, ny(2020, 6, 1, 10), changed=("spread",))
    before = len(story.rows)
    for day in (3, 10):
        story.observe("load", f"2020-06-{day:02}", "0.30", ny(2020, 6, day + 1), source="csv")
        story.at(ny(2020, 6, day + 1))
    assert [str(row.message.reason) for row in story.rows[before:]][:1] == ["reminder"]


class Mute(Telling):
    """Telling with a fault in it: no edit can be told."""

    def edited(self, *_: object, **__: object) -> list[Transition]:
        """Fail."""
        raise ArithmeticError("nobody foresaw this")


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A daemon with one rule, and no words for edits."""
    rules = ruleset(PLAIN, ONE_TARGET)
    stage = Stage(rules, MemoryStore(), ManualClock(ny(2020, 6, 1, 12)), notifiers={})
    stage.service.begin()
    stage.service.ledger.telling = stage.service.telling = Mute(
        stage.service.pipeline.judge, stage.store, TRANSLATORS, place_of=place_of
    )
    with capture_logs():  # a traceback in colours takes its time
        yield stage


async def test_an_edit_that_cannot_be_told_is_in_force_all_the_same(stage: Stage) -> None:
    """It is recorded without words, and nothing ends."""
    judge = Judge(ruleset(RENAMED, ONE_TARGET), stage.service.pipeline.judge.history)
    await stage.service.adopt(judge, ["renamed: gap"])
    assert stage.service.pipeline.judge is stage.service.ledger.judge is judge
    assert [*stage.store.alerts()] == ["gap"]
    assert stage.service.ledger.edit is None


async def test_an_edit_that_cannot_be_recorded_changes_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules before it go on, in every room; whoever asked for it hears why."""
    before = stage.service.pipeline.judge

    def fails(*_: object) -> None:
        raise ArithmeticError("nobody foresaw this either")

    with monkeypatch.context() as broken:
        broken.setattr(stage.store, "forget_alerts", fails)
        with pytest.raises(ArithmeticError, match="either"):
            await stage.service.adopt(
                Judge(ruleset(RENAMED, ONE_TARGET), before.history), ["renamed: gap"]
            )
    service = stage.service
    assert service.pipeline.judge is service.ledger.judge is before
    assert [*stage.store.alerts()] == ["spread"]
    await service.recording.handle(Event(at=micros(ny(2020, 6, 1, 13))))
    assert [*stage.store.alerts()] == ["spread"]


def test_a_start_whose_edit_cannot_be_told_is_a_start_all_the_same(stage: Stage) -> None:
    """It would end every start."""
    again = Stage(ruleset(RENAMED, ONE_TARGET), stage.store, stage.clock, notifiers={})
    again.service.ledger.telling = Mute(
        again.service.pipeline.judge, stage.store, TRANSLATORS, place_of=place_of
    )
    assert again.service.begin() is False
    assert "spread" not in stage.store.alerts()
