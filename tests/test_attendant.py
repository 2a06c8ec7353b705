"""The attendant: what did not arrive is taken back, and told once the place works."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ebbwatch.core.render import Health
from ebbwatch.model.message import OutboxRow, Receipt, RowState
from ebbwatch.runtime import undelivered
from ebbwatch.runtime.attendant import Attendant
from ebbwatch.runtime.selfwatch import SelfWatch
from ebbwatch.runtime.silences import end_silence
from tests.fakes import ManualClock
from tests.test_telling import ONE_TARGET, PLAIN, Invented, begun

PLACE = "slack:C01"


class Office:
    """A story of one alert that fired, its message on the way, and who attends to it."""

    def __init__(self) -> None:
        self.story: Invented = begun(PLAIN, ONE_TARGET, spread=5)
        self.settled(RowState.DELIVERED)
        self.story.reads(25)
        self.clock = ManualClock(self.story.day + timedelta(minutes=1))
        self.notices: list[Health] = []
        self.watch = SelfWatch(self.story.store, lambda health, _key: self._tell(health))
        self.attendant = self.restarted()

    def _tell(self, health: Health) -> None:
        self.notices.append(health)

    def restarted(self) -> Attendant:
        """Return an attendant as a new process makes it."""
        story = self.story
        return Attendant(story.store, story.telling, self.watch, self.clock, lambda: story.states)

    def settled(self, state: RowState) -> OutboxRow:
        """Claim the one message that waits, and let it end in a state."""
        store, at = self.story.store, self.story.day
        [row] = store.claim(ts=at, owner="me", limit=10, room=lambda _: 10)
        store.begin([row.key], ts=at, owner="me")
        if state is RowState.DELIVERED:
            store.delivered({row.key: Receipt()}, ts=at, owner="me")
        else:
            store.park(row.key, ts=at, error="there is no such chat", owner="me")
        return row

    @property
    def waiting(self) -> list[str]:
        """Return why each message that waits is told."""
        rows = self.story.store.outbox(states=(RowState.WAITING,))
        return [str(row.message.reason) for row in rows]


def test_nothing_lost_is_nothing_to_do() -> None:
    """Looking again and again tells nobody anything."""
    office = Office()
    assert not office.attendant.attend()
    assert not office.attendant.attend()
    assert office.waiting == ["first"]


def test_a_parked_message_is_named_once_and_told_when_the_place_works() -> None:
    """A test message that arrived is enough: nobody waits for the next figure."""
    office = Office()
    office.settled(RowState.PARKED)
    assert office.attendant.attend()
    assert not office.attendant.attend()
    assert office.waiting == []
    undelivered.works(office.story.store, [PLACE], at=office.clock.now())
    assert office.restarted().attend()
    assert office.waiting == ["first"]
    assert office.story.store.memos(undelivered.WORKS) == {}


def test_a_message_that_expired_is_told_anew_while_it_is_news() -> None:
    """After days without a network, what still fires is not forgotten."""
    office = Office()
    office.clock.advance(timedelta(days=10))
    assert office.attendant.attend()
    assert office.waiting == ["first"]
    [row] = office.story.store.outbox(states=(RowState.EXPIRED,))
    assert row.lines == ("spread",)


def test_an_alert_that_ended_meanwhile_is_not_told_to_who_never_heard_of_it() -> None:
    """An end alone would be a riddle."""
    office = Office()
    office.settled(RowState.PARKED)
    office.attendant.attend()
    office.story.reads(5)
    undelivered.works(office.story.store, [PLACE], at=office.clock.now())
    office.attendant.attend()
    assert office.waiting == []


@pytest.mark.parametrize("restart", [False, True])
def test_a_silence_that_somebody_ends_is_noticed(*, restart: bool) -> None:
    """What it kept back is told then, and not at its planned end; a restart forgets nothing."""
    office = Office()
    office.settled(RowState.DELIVERED)
    story = office.story
    story.silence(story.day, story.day + timedelta(days=30), name="spread")
    office.attendant.attend()
    story.reads(60)
    office.clock.advance_to(story.day + timedelta(minutes=1))
    assert office.waiting == []
    office.attendant.attend()
    assert end_silence(story.store, "s1", at=office.clock.now()) is not None
    attendant = office.restarted() if restart else office.attendant
    attendant.attend()
    assert office.waiting == ["escalated"]
