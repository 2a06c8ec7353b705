"""The daemon without a process: the parts that `app` puts together, around a clock one moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.edge import Present
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.locale import translator
from ebbwatch.model.message import Message, Receipt, Target
from ebbwatch.model.observation import Published, TextItem
from ebbwatch.model.periods import instant
from ebbwatch.model.source import Gives, SourceFacts
from ebbwatch.model.text import LANGUAGES
from ebbwatch.ports import Abilities, Notifier, Poll, Source, SourceError, Store, Wanted
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.delivery import Delivery, Settled
from ebbwatch.runtime.feeds import LiveFeed
from ebbwatch.runtime.ledger import Ledger
from ebbwatch.runtime.pipeline import Event, Pipeline
from ebbwatch.runtime.polling import Polling
from ebbwatch.runtime.selfwatch import SelfWatch
from ebbwatch.runtime.service import Service
from ebbwatch.runtime.telling import Telling
from tests.fakes import ManualClock, place_of


@dataclass(frozen=True)
class Heard:
    """A message as a receiver got it.

    Attributes:
        at: Wall time of the clock.
        receiver: Whose.
        headline: First line.
        lines: The others that matter, footer last.
        edit: Whether it replaced an earlier one.
        repeat: Whether it was marked as a possible repeat.
    """

    at: datetime
    receiver: str
    headline: str
    lines: tuple[str, ...]
    edit: bool
    repeat: bool


class RecordingNotifier:
    """Takes every message and remembers it, or passes it on to who is given."""

    kind: ClassVar[str] = "recording"
    can: ClassVar[Abilities] = Abilities(edit=True, thread=True)

    def __init__(
        self, clock: ManualClock, heard: Callable[[Heard], None], fault: BaseException | None = None
    ) -> None:
        self._clock, self._heard, self._count = clock, heard, 0
        self.fault = fault

    def place(self, target: Target) -> str:
        """Return the receiver: each is a place of its own."""
        return target.key

    async def send(
        self,
        message: Message,
        target: Target,
        *,
        key: str,
        edit: Receipt | None = None,
        thread: Receipt | None = None,
        possible_repeat: bool = False,
    ) -> Receipt:
        """Remember a message, or go wrong as was asked for."""
        if self.fault is not None:
            raise self.fault
        lines = (*message.lines, *filter(None, [message.note]), *message.footer)
        self._heard(
            Heard(
                self._clock.now(), target.receiver, message.headline, lines, edit is not None,
                possible_repeat,
            )
        )  # fmt: skip
        self._count += 1
        return Receipt(message_id=str(self._count) if edit is None else edit.message_id)

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        """Do nothing: nobody draws here."""

    async def aclose(self) -> None:
        """Do nothing."""


@dataclass
class PublishingSource:
    """A provider that publishes figures at given instants, and every period for ever.

    Attributes:
        clock: By which it publishes.
        figures: Figures with the instant from which each is out.
        down: Raised instead of answering; None to answer.
        visits: How often it was asked.
    """

    name: ClassVar[str] = "nyfed"
    # The archive has administered rates from their announcement up to the next one.
    facts: ClassVar[SourceFacts] = SourceFacts(ahead=timedelta(days=70))

    clock: ManualClock
    figures: list[tuple[datetime, Published]] = field(default_factory=list)
    down: SourceError | None = None
    visits: int = 0

    @classmethod
    def host(cls, argument: str | Mapping[str, Any]) -> str:  # noqa: ARG003
        """Return nothing: there is one."""
        return ""

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:  # noqa: ARG003
        """Take every argument."""
        return None

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Return everything that is out by now, the newest version of each period."""
        self.visits += 1
        if self.down is not None:
            raise self.down
        names = {each.series.name for each in wanted}
        out = sorted(
            ((at, p) for at, p in self.figures if at <= self.clock.now() and p.series in names),
            key=lambda one: one[0],
        )
        newest = {(p.series, p.period): p for _, p in out}
        return Poll(tuple(sorted(newest.values(), key=lambda p: p.period)))

    async def aclose(self) -> None:
        """Do nothing."""


class Stage:
    """One run of a daemon over a store that may have seen others.

    Attributes:
        clock: Moved by the test.
        service: The daemon.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        store: Store,
        clock: ManualClock,
        *,
        notifiers: Mapping[str, Notifier],
        sources: Mapping[str, Source] | None = None,
        history: History | None = None,
        owner: str = "stage",
    ) -> None:
        self.clock, self.store = clock, store
        if history is None:
            history = History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))
        history.observe(store.observations())
        judge = Judge(ruleset, history)
        telling = Telling(
            judge, store, {name: translator(name) for name in LANGUAGES}, place_of=place_of
        )
        ledger = Ledger(store, telling, judge)
        pipeline = Pipeline(judge, ledger, store.texts)
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        watch = SelfWatch(
            store, lambda health, key: telling.announcements.notice(health, at=clock.now(), key=key)
        )
        polling = Polling(
            clock=clock, sources=sources or {}, release=history.clock, history=Present(history),
            kept=store, inbox=inbox, watch=watch, jitter=lambda: 0.0,
        )  # fmt: skip
        self.delivery = Delivery(store, notifiers, clock, owner=owner, on_event=self._settled)
        self.stop = asyncio.Event()
        self.service = Service(
            clock=clock, store=store, owner=owner, pipeline=pipeline, ledger=ledger,
            telling=telling,
            feed=LiveFeed(clock, inbox, self.stop), delivery=self.delivery, polling=polling,
            watch=watch, stop=self.stop,
        )  # fmt: skip
        names = {name for rule in judge.watched.values() for name in rule.series}
        texts = {rule.text_source for rule in ruleset.rules if rule.text_source}
        polling.follow([ruleset.series[name] for name in sorted(names)], texts)

    def _settled(self, event: Settled) -> None:
        self.service.settled(event)

    async def once(self) -> None:
        """Visit every source, handle what came, deliver what is due, as `run --once` does."""
        await self.service.once(5.0)


@dataclass
class PublishingPress:
    """A publisher of texts, all of which it gives in every answer.

    Attributes:
        clock: By which it publishes.
        items: Texts, each out from its instant on.
    """

    name: ClassVar[str] = "fed_press"
    facts: ClassVar[SourceFacts] = SourceFacts(gives=Gives.TEXTS)

    clock: ManualClock
    items: list[TextItem] = field(default_factory=list)

    def publish(self, title: str, body: str, at: datetime) -> None:
        """Have a text out from an instant on."""
        self.items.append(
            TextItem(
                source=self.name, key=f"{at.isoformat()} {title}", title=title, body=body,
                published_at=at, known_at=at,
            )
        )  # fmt: skip

    async def read(
        self,
        host: str,
        *,
        cursor: str | None,
        since: datetime | None = None,
    ) -> Poll:
        """Return every text that is out."""
        return Poll(texts=tuple(i for i in self.items if i.published_at <= self.clock.now()))

    async def aclose(self) -> None:
        """Do nothing."""


@dataclass
class DeliveringFeed:
    """Delivers what is due before each event, and moves the clock to it.

    Attributes:
        stage: Whose clock and outbox.
        inner: Gives the events.
    """

    stage: Stage
    inner: Any

    async def next(self, *, due: int | None) -> Event | None:
        """Return the inner feed's next event, everything before it delivered."""
        await self.stage.delivery.once()
        event: Event | None = await self.inner.next(due=due)
        if event is not None:
            self.stage.clock.advance_to(max(self.stage.clock.now(), instant(event.at)))
        return event
