"""The lifecycle hour by hour, as the design words it: no arrays, no clamps, no shortcuts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """One reading.

    Attributes:
        hour: When it is read.
        period: Of the reading.
        value: None where unknown.
        held: Whether a turn holds it.
        partial: Whether its period was known in part: it may breach, and nothing else.
    """

    hour: int
    period: int
    value: int | None
    held: bool = False
    partial: bool = False


@dataclass(frozen=True)
class NaiveRung:
    """One level: 1 to 3, its threshold, its exit, and what must hold for it."""

    level: int
    threshold: int
    exit: int
    releases: int = 1
    hours: int = 0


@dataclass
class NaiveAlert:
    """One alert, stepped reading by reading and hour by hour.

    Attributes:
        rungs: Lowest first.
        rising: Whether greater is worse.
        level: Where it rests.
        moves: (hour, change, level before, level after, period).
    """

    rungs: Sequence[NaiveRung]
    rising: bool = True
    level: int = 0
    moves: list[tuple[int, str, int, int, int]] = field(default_factory=list)
    verdicts: list[dict[int, bool]] = field(default_factory=list)
    waited: list[int | None] = field(default_factory=list)
    newest: Step | None = None
    pending: bool = False

    def run(self, steps: Sequence[Step], *, frozen: Collection[int], until: int) -> None:
        """Live through some hours; in frozen ones timers stop."""
        self.verdicts = [{} for _ in self.rungs]
        self.waited = [None] * len(self.rungs)
        for hour in range(min((s.hour for s in steps), default=until), until + 1):
            for step in steps:
                if step.hour == hour:
                    self.read(step)
            self.tick(hour)
            if hour not in frozen:
                self.waited = [None if w is None else w + 1 for w in self.waited]

    def beyond(self, value: int, bound: int) -> bool:
        """Return whether a value lies past a bound; equality does not."""
        return value > bound if self.rising else value < bound

    def read(self, step: Step) -> None:
        """Take one reading."""
        self.newest = step
        entered = 0
        for row, rung in enumerate(self.rungs):
            # A value withdrawn leaves no verdict behind.
            past = {p: v for p, v in self.verdicts[row].items() if p <= step.period}
            self.verdicts[row] = past
            if step.value is None:
                continue
            breach = self.beyond(step.value, rung.threshold)
            if step.partial and not breach:
                continue
            if not breach:
                self.waited[row] = None
            if step.held:
                continue
            past[step.period] = breach
            if breach and self.waited[row] is None:
                self.waited[row] = 0
            if breach and self.is_over(row):
                entered = rung.level
        rests = self.level
        leaves = step.value is not None and not step.partial
        if leaves and self.level and not self.stays(self.level, step.value):
            below = [r.level for r in self.rungs if r.level < self.level]
            rests = max((n for n in below if self.stays(n, step.value)), default=0)
        self.move(step.hour, max(rests, entered))

    def stays(self, level: int, value: int) -> bool:
        """Return whether the exit of a level is not met."""
        rung = next(r for r in self.rungs if r.level == level)
        return self.beyond(value, rung.exit)

    def is_over(self, row: int) -> bool:
        """Return whether what must hold for a rung has held for long enough."""
        rung = self.rungs[row]
        if rung.hours:
            waited = self.waited[row]
            return waited is not None and waited >= rung.hours
        return self.running(row) >= rung.releases

    def running(self, row: int) -> int:
        """Return how many periods in a row breach a rung, up to the newest."""
        count = 0
        for _, verdict in sorted(self.verdicts[row].items(), reverse=True):
            if not verdict:
                break
            count += 1
        return count

    def tick(self, hour: int) -> None:
        """Enter what has been held for long enough, if the verdict stands."""
        step = self.newest
        if step is None or step.value is None or step.held:
            return
        met = [
            rung.level
            for row, rung in enumerate(self.rungs)
            if rung.hours and self.beyond(step.value, rung.threshold) and self.is_over(row)
        ]
        self.move(hour, max([self.level, *met]))

    def move(self, hour: int, level: int) -> None:
        """Rest at a level, and note the change if it is one."""
        waiting = any(
            self.waited[row] is not None if rung.hours else rung.releases > 1 and self.running(row)
            for row, rung in enumerate(self.rungs)
        )
        before, self.level = self.level, level
        pending, self.pending = self.pending, level == 0 and waiting
        assert self.newest is not None
        if level == before:
            if before == 0 and pending != self.pending:
                change = "armed" if self.pending else "disarmed"
                self.moves.append((hour, change, 0, 0, self.newest.period))
            return
        if before == 0:
            change = "fired"
        elif level == 0:
            change = "resolved"
        else:
            change = "escalated" if level > before else "eased"
        self.moves.append((hour, change, before, level, self.newest.period))
