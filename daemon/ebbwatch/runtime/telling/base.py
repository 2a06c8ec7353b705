"""What every part of telling works with: one ruleset's audience, words and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.telling.context import Context
from ebbwatch.model.alert import Level
from ebbwatch.ports import EbbwatchError, Silence, Store
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.silences import acknowledged_episodes
from ebbwatch.runtime.telling.audience import Audience
from ebbwatch.runtime.telling.memory import Memory
from ebbwatch.runtime.telling.recent_moves import LookBack
from ebbwatch.runtime.telling.writing import Writer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Now:
    """An instant at which things are told.

    Attributes:
        at: Logical UTC instant.
        states: Every alert's, by name.
        silences: In force.
        acknowledged: Episodes that somebody has seen.
        firing: Labels of every alert that fires, by name; empty where nothing inhibits.
        back: The alerts' last moves.
    """

    at: datetime
    states: Mapping[str, AlertState]
    silences: tuple[Silence, ...]
    acknowledged: frozenset[str]
    firing: Mapping[str, Mapping[str, str]]
    back: LookBack


@dataclass(frozen=True, slots=True)
class Floor:
    """What every part of telling works with, for one ruleset.

    Attributes:
        judge: The rules over the history.
        store: Where silences, acknowledgements, moves and texts are kept.
        audience: Who can be told.
        memory: What was told, waits and is owed.
        context: Gathers what is said.
        writer: Writes the rows.
    """

    judge: Judge
    store: Store
    audience: Audience
    memory: Memory
    context: Context
    writer: Writer

    @property
    def ruleset(self) -> Ruleset:
        """Return the rules in force."""
        return self.judge.ruleset

    def now(self, at: datetime, states: Mapping[str, AlertState]) -> Now:
        """Return an instant with all that may keep alerts quiet at it."""
        firing: dict[str, Mapping[str, str]] = {}
        if self.ruleset.inhibit:
            firing = {
                name: self.audience.labels(name, state.level)
                for name, state in states.items()
                if state.level is not Level.NONE
            }
        everies = {name: rule.every for name, rule in self.judge.watched.items()}
        return Now(
            at, states, tuple(s for s in self.store.silences() if s.until > at),
            acknowledged_episodes(self.store), firing,
            LookBack(self.store, self.context, everies),
        )  # fmt: skip

    @contextmanager
    def sparing(self, *names: str) -> Iterator[None]:
        """Go on behind the block where telling some alerts fails in it; they are named.

        Raises:
            EbbwatchError: If the store refuses.
        """
        try:
            yield
        except EbbwatchError:
            raise
        except Exception as error:
            self.writer.broken |= dict.fromkeys(names, error)
            log.exception("telling.set_aside", rules=list(names))

    def save(self) -> None:
        """Write what was told and remembered; called once at the end of each telling."""
        self.memory.save()
        self.writer.save()
        self.context.forget()
