"""Messages: what people are told, before any platform's markup, and its way to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ebbwatch.model.alert import Level
from ebbwatch.model.chart import ChartSpec


class Reason(StrEnum):
    """Why something is told."""

    FIRST = "first"
    ESCALATED = "escalated"
    EASED = "eased"
    RESOLVED = "resolved"
    REMINDER = "reminder"
    CORRECTION = "correction"
    SUMMARY = "summary"
    DIGEST = "digest"
    HEALTH = "data-health"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message.

    Attributes:
        label: In the message's language.
        action: ``ack``, ``snooze``, ``chart`` or ``why``.
        alert: Name of the alert it acts on.
    """

    label: str
    action: str
    alert: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """A group of alerts as it stood when a message was decided, for programs.

    Attributes:
        labels: That its alerts share and that identify it.
        at: UTC instant of the decision.
        why: Why it is told, as Alertmanager names reasons; empty where it is no alert's state.
        firing: The alerts of it that the place was told of earlier and that still fire, in the
            shape of `Message.alerts`.
        left_out: How many more of those there are.
    """

    labels: Mapping[str, str]
    at: datetime
    why: str = ""
    firing: tuple[Mapping[str, Any], ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """A notification in words, without markup; every field is plain text.

    Attributes:
        headline: One line: level and title.
        lines: What the message says, one fact a line, most important first.
        note: Why it matters: the rule's own words; may be empty.
        footer: Circumstances: turns, inputs, when the next figure comes.
        language: ``en`` or ``zh-Hant``.
        level: For colour and sound.
        reason: Why it is told.
        link: Address the rule gives; may be empty.
        buttons: What the reader can do.
        chart: What to draw below it; None for nothing.
        alerts: The same, for programs: one map per alert with keys ``rule``, ``status``
            (``firing`` or ``resolved``), ``labels``, ``annotations``, ``starts_at``,
            ``ends_at`` (ISO instants, the latter null while firing), ``fingerprint``,
            ``value``, ``unit``, ``threshold``, ``period``, ``link``, and for programs
            ``told_levels``, the levels that its episode was told at, and ``told_before``, the
            one it was told at last.
        group: Key of the group it tells about.
        state: Of that group, where programs are told; None where people are.
        late: A line that says of when it is, for a message that is sent late; may be empty.
    """

    headline: str
    lines: tuple[str, ...]
    language: str
    level: Level
    reason: Reason
    note: str = ""
    footer: tuple[str, ...] = ()
    link: str = ""
    buttons: tuple[Button, ...] = ()
    chart: ChartSpec | None = None
    alerts: tuple[Mapping[str, Any], ...] = ()
    group: str = ""
    late: str = ""
    state: GroupState | None = None


#: Kinds of targets that programs read: they are told how alerts stand, people what happened.
PROGRAMS = frozenset({"webhook"})


@dataclass(frozen=True, slots=True)
class Target:
    """One place that messages go to.

    Attributes:
        receiver: Name of the receiver it belongs to.
        kind: Of notifier: ``telegram``, ``slack``, ``webhook``, ``terminal``.
        options: As the rule file gives them (``chat``, ``topic``, ``channel``, ``url``,
            ``headers``, ``language``...); a secret stands as ``{"secret": NAME}``.
        number: Place among the receiver's targets, from 0.
    """

    receiver: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0

    @property
    def key(self) -> str:
        """Return what identifies the target in outbox keys: ``desk/0``."""
        return f"{self.receiver}/{self.number}"

    @property
    def language(self) -> str:
        """Return the language its messages are written in."""
        return str(self.options.get("language", "en"))

    @property
    def for_programs(self) -> bool:
        """Return whether a program reads what is sent there."""
        return self.kind in PROGRAMS

    @property
    def summaries(self) -> bool:
        """Return whether it is sent what is no state: summaries, digests, mere notices."""
        return not self.for_programs or self.options.get("summaries") is True


class RowState(StrEnum):
    """Where an outbox row stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    PARKED = "parked"
    EXPIRED = "expired"
    FOLDED = "folded"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A committed intent to tell one target one thing.

    Attributes:
        key: Unique for ever: episode, change, place and language, from logical time only.
        target: Where to.
        place: What identifies the place that the target leads to: kind and chat, channel or
            address.
        message: What.
        episode: Of the (first) alert it tells about; empty for other matters.
        lines: Names of what it tells about: alerts, or a trouble. Of one line a place gets its
            messages in the order of enqueueing, one after the other.
        level: Of what it tells: the most severe goes first.
        created_at: Logical instant of the decision.
        not_before: Instant before which it must not be sent.
        expires_at: Instant after which it is no news any more: dropped, and recorded.
        foldable: Whether it only says how an episode went on: a newer message of it makes this
            one pointless.
        quiet: True to edit the episode's earlier message without sound, where the platform
            can; where nothing was sent before, it is sent as a new one.
        state: Where it stands.
        attempts: Tries begun so far.
        begun: While claimed, whether the try was begun: then it may arrive whatever comes.
        uncertain: True when an earlier try may have arrived: the next copy says so.
        error: What the last failed try said, or why it was folded or dropped; no secrets.
    """

    key: str
    target: Target
    place: str
    message: Message
    episode: str
    created_at: datetime
    not_before: datetime
    expires_at: datetime
    lines: tuple[str, ...] = ()
    level: Level = Level.NONE
    foldable: bool = False
    quiet: bool = False
    state: RowState = RowState.WAITING
    attempts: int = 0
    begun: bool = False
    uncertain: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the far side said of a delivered message.

    Attributes:
        message_id: Its id there (Telegram message id, Slack ts); empty where there is none.
        place: The chat or channel it is in now; differs from the one asked for when a chat
            moved, and is then remembered.
    """

    message_id: str = ""
    place: str = ""
