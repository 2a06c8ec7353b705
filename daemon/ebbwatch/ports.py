"""Ports: what the daemon asks of the world, and how the world can refuse.

The errors::

    EbbwatchError
    ├─ SourceError
    │  ├─ SourceUnavailable   try again later (after: timedelta | None)
    │  ├─ SourceRefused       key or quota; a person must act
    │  └─ SourceChanged       the answer no longer has the shape we know
    ├─ DeliveryError
    │  ├─ RetryLater          certainly not delivered; try again (after: timedelta | None)
    │  ├─ Undeliverable       certainly not delivered; a person must act
    │  └─ Uncertain           may have arrived; tried again marked as a possible repeat
    └─ StoreError             the database refused; `Contended` when another writer won,
                              `LeadLost` when another process leads, `StoreReplaced` when
                              its file is another

No message of these may hold a URL, a token or a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from ebbwatch.model.alert import Change, Transition
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import Message, OutboxRow, Receipt, Target
from ebbwatch.model.observation import Observation, Published, TextItem
from ebbwatch.model.periods import Minutes
from ebbwatch.model.redaction import said
from ebbwatch.model.series import Series
from ebbwatch.model.source import SourceFacts


class EbbwatchError(Exception):
    """Anything that Ebbwatch raises on purpose; its text holds no secret and is told as it is."""

    def __init__(self, *texts: object) -> None:
        """Take what happened."""
        super().__init__(*(said(text) if isinstance(text, str) else text for text in texts))


class SourceError(EbbwatchError):
    """A provider could not be read."""


class SourceUnavailable(SourceError):
    """The provider did not answer, or asked for patience.

    Attributes:
        after: How long it asked us to wait; None where it did not say.
        reached: Whether anything of it was heard at all: no connection may be our own fault.
    """

    def __init__(
        self, message: str, *, after: timedelta | None = None, reached: bool = True
    ) -> None:
        """Take what happened, the provider's own delay, and whether it was reached."""
        super().__init__(message)
        self.after = after
        self.reached = reached


class SourceRefused(SourceError):
    """The provider will not serve us: a key is missing, wrong or used up."""


class SourceChanged(SourceError):
    """The answer no longer has the shape we know; nothing of it was used.

    Attributes:
        passing: Whether it may be gone in a moment: a page of HTML where JSON was expected, a
            body that is cut. It is asked for again soon, and only then taken for a change.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        """Take what was expected and found, and whether it may pass."""
        super().__init__(message)
        self.passing = passing


class DeliveryError(EbbwatchError):
    """A message could not be handed over."""


class RetryLater(DeliveryError):
    """The message was certainly not delivered, and a later try may succeed.

    Attributes:
        after: The platform's own delay; None where it gave none.
    """

    def __init__(self, message: str, *, after: timedelta | None = None) -> None:
        """Take what happened, and the platform's own delay."""
        super().__init__(message)
        self.after = after


class Undeliverable(DeliveryError):
    """The message was certainly not delivered, and no later try will help."""


class Uncertain(DeliveryError):
    """The request left and no answer came: the message may have arrived."""


class StoreError(EbbwatchError):
    """The database refused."""


class Contended(StoreError):
    """Another writer changed the row since it was read; nothing was written."""


class StoreReplaced(StoreError):
    """The database's file is gone, or another one lies in its place; nothing was written."""


class LeadLost(StoreError):
    """Another process leads since; nothing was written, and what this one knows is old."""


class Clock(Protocol):
    """The only one who may say what time it is."""

    def now(self) -> datetime:
        """Return the current instant, UTC, aware."""
        ...

    async def wait_until(self, when: datetime) -> None:
        """Return once an instant has come; at once if it has passed."""
        ...


@dataclass(frozen=True, slots=True)
class Poll:
    """What one visit to a source brought.

    Attributes:
        published: Everything read, oldest first; what is held already may be in it.
        texts: Texts read, for text sources.
        cursor: Where the next visit resumes (validators, last period); kept by the caller
            only after a successful commit, and handed back as it is.
        note: Why it is empty, if it is: ``not modified``, ``no rows``.
        faults: By name, the series of which no whole answer came, and why; nothing of them is
            published.
        unread: By name, complaints about rows that could not be read; the others are published.
        local: Whether it was read from this machine, over no network.
    """

    published: tuple[Published, ...] = ()
    texts: tuple[TextItem, ...] = ()
    cursor: str | None = None
    note: str = ""
    faults: Mapping[str, SourceError] = field(default_factory=dict)
    unread: Mapping[str, Sequence[str]] = field(default_factory=dict)
    local: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One series that a source is asked for.

    Attributes:
        series: Its catalogue entry.
        argument: What to ask this source for: the argument of its first choice or of its
            fallback, whichever names this source.
    """

    series: Series
    argument: str | Mapping[str, Any]


@runtime_checkable
class FigureSource(Protocol):
    """The adapter of a provider of figures.

    One instance serves all series of that provider. Built by its entry point (group
    ``ebbwatch.sources``), a class that takes a `SourceSetup`.

    Attributes:
        name: As its entry point is called.
        facts: What is known of it before it is asked.
    """

    name: ClassVar[str]
    facts: ClassVar[SourceFacts]

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument of the catalogue cannot be asked of this source, or None.

        A `ArgumentFault` is shown at the key that it is about, another text at the whole argument.
        """
        ...

    @classmethod
    def host(cls, argument: str | Mapping[str, Any]) -> str:
        """Return who is asked for an argument; empty for a provider that is one.

        What has the same host is asked for together, and fails and rests together.
        """
        ...

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Read what the provider has for these series.

        Args:
            wanted: The series asked for; answers name them by `Series.name`.
            cursor: As the last successful poll of that host returned it; None on the first.
            since: Read history from this instant on (backfill); None for the latest.

        Raises:
            SourceError: One of the three kinds; then nothing was read.
        """
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


@runtime_checkable
class TextSource(Protocol):
    """The adapter of a provider of texts; built and named as a `FigureSource` is.

    Attributes:
        name: As its entry point is called, and as rules name it.
        facts: What is known of it before it is asked.
    """

    name: ClassVar[str]
    facts: ClassVar[SourceFacts]

    async def read(self, host: str, *, cursor: str | None, since: datetime | None = None) -> Poll:
        """Read the texts of one host; what was read before may be among them.

        Args:
            host: One of the `facts`.
            cursor: As the last successful visit to that host returned it; None on the first.
            since: Read again what was published from this instant on; None for what is new.

        Raises:
            SourceError: One of the three kinds; then nothing was read.
        """
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


Source: TypeAlias = FigureSource | TextSource


@dataclass(frozen=True, slots=True)
class SourceSetup:
    """What a source is built from.

    Attributes:
        base_url: From settings (``EBBWATCH_SOURCES__<NAME>__BASE_URL``), without a trailing
            slash; None for the provider's own.
        api_key: Secret of that provider; None where there is none. Its repr is masked.
        clock: Who says what time it is.
        user_agent: To send.
        most_tries: How often a request is sent at most when it fails; None leaves that to the
            adapter.
        heard: Is told what time it is by the provider's clock, with each answer that says so.
    """

    clock: Clock
    base_url: str | None = None
    api_key: Secret | None = None
    user_agent: str = "ebbwatch"
    most_tries: int | None = None
    heard: Callable[[datetime], object] | None = None


class Secret:
    """A text that must not be seen; only the adapter that sends it unwraps it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hide a text."""
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        """Return a mask."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Return whether both hide the same text."""
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        """Return a hash, so that secrets can be collected in sets."""
        return hash(self._text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a kind of notifier can do beside sending a message.

    Attributes:
        show_charts: Put a chart below a message; without it none is drawn.
        edit: Replace an earlier message without sound.
        at_once: Messages that may be on their way to one place at a time. One, where the
            platform counts them or readers see them come: the most severe is next then.
        thread: Answer to an earlier message of the same episode.
        move: Option of a target that says where it is, where the platform may give it
            another value by itself, as Telegram does with the chat of a group that grows; the
            receipt then names it, and later messages go there. Empty where nothing moves.
    """

    show_charts: bool = False
    edit: bool = False
    at_once: int = 64
    thread: bool = False
    move: str = ""


class Notifier(Protocol):
    """An adapter that hands messages to one kind of receiver.

    Built by its entry point (group ``ebbwatch.notifiers``), a class that takes a
    `NotifierSetup`.

    Attributes:
        kind: As its entry point is called, and as rule files name it.
        can: What else it can do.
    """

    kind: ClassVar[str]
    can: ClassVar[Abilities]

    def place(self, target: Target) -> str:
        """Return what tells a target's place from every other, whatever the receiver is called.

        The same text for as long as messages arrive at the same people's place. It is stored
        and shown: where the address itself is a secret, a digest stands for it.
        """
        ...

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
        """Hand a message over; return once the far side has it.

        Args:
            message: To be marked up for the platform.
            target: Where to.
            key: The outbox row's key; shown nowhere, sent as idempotency key where there
                is such a thing.
            edit: Replace this earlier message instead, without sound; only where it `can`.
            thread: An earlier message of the same episode, to answer to; only where it `can`.
            possible_repeat: An earlier try may have arrived: the text says so.

        Raises:
            DeliveryError: One of the three kinds.
        """
        ...

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        """Add a chart (PNG) below a delivered message, where it `can`; may raise `DeliveryError`."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True)
class NotifierSetup:
    """What a notifier is built from.

    Attributes:
        clock: Who says what time it is.
        secrets: By name, as rule files refer to them.
        token: Of the platform's bot, where settings have one.
        api_base: Base URL of the platform, where settings change it.
        page: Address by which readers reach the status page; empty where settings say none.
        local_page: Address by which this machine reaches it, or itself.
    """

    clock: Clock
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    token: Secret | None = None
    api_base: str | None = None
    page: str = ""
    local_page: str = "http://localhost"

    def revealed(self, value: Any) -> str:
        """Return an option's text, a ``{"secret": NAME}`` replaced by what it names.

        To be called at the moment it is sent: what is never revealed cannot leak.

        Raises:
            Undeliverable: If settings hold no secret of that name.
        """
        if not isinstance(value, Mapping):
            return str(value)
        name = str(value.get("secret", ""))
        if name not in self.secrets:
            raise Undeliverable(
                f"the secret {name} is not set; give it as EBBWATCH_SECRET__{name} or in its file"
            )
        return self.secrets[name].reveal()


class Charts(Protocol):
    """Draws."""

    async def render(self, spec: ChartSpec) -> bytes:
        """Return a PNG of 800 by 450 points at twofold resolution."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """An alert's state as it is stored.

    Attributes:
        name: Of the alert.
        definition: Hash of what the alert evaluates (expression, not thresholds or text).
        ladder: Hash of thresholds, clear and holds.
        state: JSON text of the lifecycle state; opaque to the store.
        version: Counts saves; a save names the version it read (0 for a new alert).
    """

    name: str
    definition: str
    ladder: str
    state: str
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An observation in quarantine.

    Attributes:
        observation: As converted so far.
        reason: Why it is held back, for people.
    """

    observation: Observation
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A person's wish to hear nothing for a while.

    Attributes:
        id: Short identifier.
        matcher: Label names and values that must all be equal (``name``, ``level``...).
        until: When it ends, UTC.
        by: Who asked.
        comment: Why; may be empty.
        created_at: When.
    """

    id: str
    matcher: tuple[tuple[str, str], ...]
    until: datetime
    by: str
    created_at: datetime
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Ack:
    """That somebody has seen an alert, and needs no reminder until its episode is over.

    Attributes:
        rule: Name of the alert.
        episode: The one that was seen.
        by: Who.
        at: UTC instant.
    """

    rule: str
    episode: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """A recorded transition of an alert, without what it says.

    Attributes:
        at: Logical UTC instant.
        period: Of the reading, as its publisher writes it.
        change: How the alert moved.
    """

    at: datetime
    period: str
    change: Change


#: How long an owner of claims may be silent before it is taken for gone.
SILENT = timedelta(seconds=4)


class Store(Protocol):
    """Keeps facts, states and intents; one writer decides, any number deliver.

    Methods that write do so inside `transaction`, except `claim`, `settle` and the other
    delivery methods, which are transactions of their own. Reads see what was committed
    and, inside a transaction, what it wrote so far.
    """

    #: How many transactions were rolled back: what was read before the last of them, and is
    #: remembered outside the store, may be wrong.
    undone: int

    def transaction(self, *, leading: bool = True) -> AbstractContextManager[None]:
        """Commit on leaving, or nothing at all when an exception passes.

        Args:
            leading: Whether only the leader may write this: a store that led and was replaced
                writes nothing. One that never asked for the lead may write.

        Raises:
            StoreError: If the database refuses to commit.
            LeadLost: If another process leads since.
        """
        ...

    # facts
    def record(self, observations: Sequence[Observation]) -> int:
        """Append observations; return how many were new.

        Equal (series, period, known_at, source) are there already and left alone.
        """
        ...

    def observations(self, series: str | None = None) -> Iterator[Observation]:
        """Return the facts held, ordered by known_at, series, period."""
        ...

    def hold(self, held: Sequence[Held]) -> int:
        """Put observations into quarantine; return how many were new (series, period, value)."""
        ...

    def held(self) -> list[Held]:
        """Return what is in quarantine, oldest first."""
        ...

    def release(self, series: str, period: Minutes) -> list[Held]:
        """Take observations out of quarantine and return them."""
        ...

    def record_texts(self, items: Sequence[TextItem]) -> int:
        """Append texts; return how many (source, key, body) were new."""
        ...

    def texts(self, source: str) -> list[TextItem]:
        """Return the texts held of a source, oldest first by known_at."""
        ...

    # decisions
    def alerts(self) -> dict[str, AlertRecord]:
        """Return every alert's stored state by name."""
        ...

    def save_alerts(self, records: Sequence[AlertRecord]) -> None:
        """Write states where the stored version is still the one given.

        Raises:
            Contended: If another writer was faster; nothing of the transaction remains.
        """
        ...

    def forget_alerts(self, names: Sequence[str]) -> None:
        """Delete the state of alerts whose rules are gone; their transitions stay."""
        ...

    def append(self, transitions: Sequence[Transition]) -> int:
        """Append transitions; equal (rule, at, period, change) exist already and are left alone."""
        ...

    def transitions(
        self, *, rule: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[Transition]:
        """Return transitions, newest first when limited, else oldest first."""
        ...

    def steps(self, rules: Sequence[str], *, limit: int) -> Mapping[str, Sequence[Step]]:
        """Return each alert's newest `limit` transitions by name, oldest first."""
        ...

    def memos(self, prefix: str) -> dict[str, str]:
        """Return the small texts whose keys begin with a prefix, by whole key."""
        ...

    def put_all(self, texts: Mapping[str, str | None]) -> None:
        """Write small texts, and delete those that are None."""
        ...

    def get(self, key: str) -> str | None:
        """Return a small stored text (cursors, the last handled instant, waiting groups)."""
        ...

    def put(self, key: str, value: str | None) -> None:
        """Write a small text, or delete it with None."""
        ...

    def silences(self) -> list[Silence]:
        """Return every silence, ended ones included."""
        ...

    def silence(self, silence: Silence) -> None:
        """Add a silence, or replace the one with its id."""
        ...

    # telling
    def enqueue(self, rows: Sequence[OutboxRow]) -> int:
        """Append outbox rows; a key that exists already is left alone. Return how many are new.

        A row that waits, was never begun, and only said how an episode went on, is folded
        into a newer one of the same place, line and episode: it has nothing more to say.
        """
        ...

    def claim(
        self, *, ts: datetime, owner: str, limit: int, room: Callable[[str], int] | None = None
    ) -> list[OutboxRow]:
        """Take rows to deliver: waiting, due and not expired, the most severe first.

        Of one severity those come first that have waited longest, whatever their place.
        Of one line of a place only the oldest unsettled row is handed out, so that messages
        arrive in the order in which things happened. Whoever takes rows is known to live then
        (`beat`). Claims of owners that are gone are taken over; where such a claim was begun,
        the row comes back with `uncertain` set.

        Args:
            ts: Wall time.
            owner: Whose claims they become.
            limit: How many at most.
            room: How many of a place at most; None for as many as there are.
        """
        ...

    def begin(self, keys: Sequence[str], *, ts: datetime, owner: str) -> set[str]:
        """Write that tries begin, just before they are sent; return those that may be sent.

        A row whose claim is no longer the owner's must not be sent.
        """
        ...

    def beat(self, owner: str, *, ts: datetime) -> None:
        """Say that an owner lives: the claims of one that was silent for long are taken over."""
        ...

    def delivered(self, receipts: Mapping[str, Receipt], *, ts: datetime, owner: str) -> set[str]:
        """Settle rows as delivered, by key; return those whose claim still was the owner's."""
        ...

    def retry(
        self,
        key: str,
        *,
        ts: datetime,
        not_before: datetime,
        error: str,
        uncertain: bool,
        owner: str,
    ) -> bool:
        """Put a row back for later; False if the claim was no longer the owner's."""
        ...

    def park(self, key: str, *, ts: datetime, error: str, owner: str) -> bool:
        """Settle a row as undeliverable; False if the claim was no longer the owner's."""
        ...

    def lost(self, *, ts: datetime) -> list[OutboxRow]:
        """Mark what has expired, and return what was parked or expired since the last time.

        Each row is returned once, in the order of enqueueing: by whoever takes back what was
        told with it, in the same transaction.
        """
        ...

    def requeue(self, keys: Sequence[str], *, ts: datetime) -> int:
        """Let parked rows wait again; return how many there were."""
        ...

    def drop(self, keys: Sequence[str], *, ts: datetime, reason: str) -> list[OutboxRow]:
        """Settle waiting and parked rows as dropped, for a reason; return them."""
        ...

    def places(self) -> set[str]:
        """Return the places that unsettled rows go to."""
        ...

    def delivered_at(self, place: str) -> datetime | None:
        """Return when a place last took a message, wall time; None where it never did."""
        ...

    def receipt(self, *, place: str, episode: str) -> Receipt | None:
        """Return the receipt of the newest delivered message of an episode at a place."""
        ...

    def outbox(self, *, states: Sequence[str] | None = None, limit: int = 100) -> list[OutboxRow]:
        """Return rows, newest first, for people and the self-watch."""
        ...

    def next_due(self) -> datetime | None:
        """Return the earliest instant at which a row could be claimed, or None."""
        ...

    def lead(self, owner: str) -> bool:
        """Return whether this process may evaluate: alone, or as the first of many.

        Asked again and again: a lead that is not renewed for some seconds is lost.

        Args:
            owner: Distinguishes this process from others, and from its own earlier runs.

        Raises:
            StoreError: If another process has a database that only one may use.
            LeadLost: If this process led, and another one does since.
        """
        ...

    def check(self) -> None:
        """Look whether the database is still the one that was opened, and in order.

        Raises:
            StoreReplaced: If its file is gone, or another one lies in its place.
            StoreError: If it is damaged.
        """
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...
