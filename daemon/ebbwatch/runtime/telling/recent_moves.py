"""Looking back at an alert's last moves: whether it flaps, and when its episode began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import numpy as np

from ebbwatch.core.telling.context import Context
from ebbwatch.core.telling.muting import FLAPS, is_flapping
from ebbwatch.model.alert import Change, Transition
from ebbwatch.model.periods import Every, begin_of, micros
from ebbwatch.ports import Step

#: Moves of an alert that are looked back on: enough for 20 periods of flapping.
LOOK_BACK = 100


class RecentTransitions(Protocol):
    """What is needed of a store."""

    def steps(self, rules: Sequence[str], *, limit: int) -> Mapping[str, Sequence[Step]]:
        """Return the newest recorded moves of some alerts, oldest first."""
        ...


class LookBack:
    """The last moves of some alerts, read together."""

    def __init__(
        self, store: RecentTransitions, context: Context, everies: Mapping[str, Every]
    ) -> None:
        """Take where moves are recorded, what knows readings, and how periods are written."""
        self._store = store
        self._context = context
        self._everies = everies
        self._read: dict[str, Sequence[Step]] = {}

    def read(self, names: Iterable[str]) -> None:
        """Read the moves of alerts that will be asked for."""
        missing = [name for name in dict.fromkeys(names) if name not in self._read]
        if missing:
            found = self._store.steps(missing, limit=LOOK_BACK)
            self._read |= {name: found.get(name, ()) for name in missing}

    def flapped_before(self, name: str, before: datetime, *, period: str, at: datetime) -> bool:
        """Return whether an alert was flapping, by the moves recorded before an instant.

        Args:
            name: Of the alert.
            before: UTC; exclusive.
            period: Of the reading it is judged at.
            at: UTC instant at which that reading is known.
        """
        self.read([name])
        earlier = [step for step in self._read[name] if step.at < before]
        return self._flaps(name, earlier, period, at)

    def flaps(self, name: str, moves: Sequence[Transition]) -> bool:
        """Return whether an alert flaps with the newest of some moves."""
        return self._flaps(name, self._with(name, moves), moves[-1].period, moves[-1].at)

    def _flaps(self, name: str, steps: Sequence[Step], period: str, at: datetime) -> bool:
        every = self._everies.get(name)
        over = sum(step.change is Change.RESOLVED for step in steps)
        if every is None or over < FLAPS or not period:
            return False
        periods = self._context.periods(name, micros(at))
        dated = [step for step in steps if step.period]
        begins = [begin_of(text) for text in (*(step.period for step in dated), period)]
        *numbers, now = np.searchsorted(periods, begins).tolist()
        counted = zip(numbers, (step.change for step in dated), strict=True)
        return is_flapping(list(counted), now=now)

    def entry_period(self, name: str, moves: Sequence[Transition]) -> str | None:
        """Return the period at whose reading the newest episode fired; None where unknown."""
        fired = [s.period for s in self._with(name, moves) if s.change is Change.FIRED]
        return fired[-1] if fired else None

    def _with(self, name: str, moves: Iterable[Transition]) -> list[Step]:
        """Return the recorded moves and some that are not recorded yet, oldest first."""
        self.read([name])
        own = [Step(move.at, move.period, move.change) for move in moves]
        return list(dict.fromkeys([*self._read[name], *own]))
