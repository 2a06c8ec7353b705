"""The account: what the store says was told, against what the receivers took in."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.model.alert import Change, Level, Transition
from ebbwatch.model.message import OutboxRow, RowState
from ebbwatch.runtime.telling.news import stamp
from ebbwatch.store.open import open_store
from tests.chaos.places import Arrival
from tests.chaos.press import Press
from tests.chaos.world import SERIES, World

#: Changes that somebody hears of.
_TOLD = (Change.FIRED, Change.ESCALATED, Change.EASED, Change.RESOLVED)
#: What receivers hear of each move at once; the others hear of several together.
_AT_ONCE = ("desk", "pager")
#: What a receiver is called now and then, and its place all the time.
_RENAMED = {"traders": "desk"}
#: The least value on each rung of the rules' ladder.
_LADDER = ((30, Level.CRITICAL), (20, Level.WARNING), (10, Level.WATCH))


@dataclass(frozen=True)
class Restart:
    """How soon a daemon that was killed with much to tell had told it.

    Attributes:
        waiting: Messages.
        first_s: From its start to the first of them.
        last_s: From its start to the last.
    """

    waiting: int
    first_s: float
    last_s: float


@dataclass
class Account:
    """What a run came to.

    Attributes:
        seed: Of the run.
        kills: Daemons that were killed.
        transitions: Recorded ones of which somebody should hear.
        messages: Rows of the outbox.
        lost: What should have arrived and did not, in words.
        unmarked: Messages that arrived again and did not say so.
        marked: Messages that arrived again and said so.
        allowed: How many of these there may be.
        out_of_order: Arrivals after something newer of the same rule, in words.
        wrong: Rules that do not stand where their newest figure puts them.
        longest_silence_s: Longest time from a decision to its arrival, troubles included.
        ended: Exit codes of daemons that ended by themselves.
        troubles: How often each was made.
        restart: How soon a restarted daemon told what waited; None for several daemons.
    """

    seed: int
    kills: int = 0
    transitions: int = 0
    messages: int = 0
    lost: list[str] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)
    marked: int = 0
    allowed: int = 0
    out_of_order: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    longest_silence_s: float = 0.0
    ended: list[int] = field(default_factory=list)
    calm: bool = True
    troubles: Mapping[str, int] = field(default_factory=dict)
    restart: Restart | None = None

    @property
    def kept(self) -> bool:
        """Return whether the promise was kept."""
        broken = self.lost or self.unmarked or self.out_of_order or self.wrong or not self.calm
        return not broken and self.marked <= self.allowed

    def lines(self) -> list[str]:
        """Return it in words."""
        made = ", ".join(f"{name} {count}" for name, count in sorted(self.troubles.items()))
        found = [
            f"troubles: {made}",
            f"kills: {self.kills}; ends by itself: {len(self.ended)}",
            f"transitions: {self.transitions}; messages: {self.messages}",
            f"lost: {len(self.lost)}",
            f"unmarked repeats: {len(self.unmarked)}",
            f"marked repeats: {self.marked} (open when something cut them off: {self.allowed})",
            f"out of order: {len(self.out_of_order)}",
            f"rules that stand wrong: {len(self.wrong)}",
            f"longest silence: {self.longest_silence_s:.1f} s",
            f"calm in the end: {'yes' if self.calm else 'no'}",
            f"seed: {self.seed}",
        ]
        if self.restart is not None:
            told = self.restart
            found.append(
                f"after a kill with {told.waiting} messages waiting: the first {told.first_s:.1f} s "
                f"after the start, the last after {told.last_s:.1f} s"
            )
        for name in ("lost", "unmarked", "out_of_order", "wrong"):
            found += [f"  {name}: {what}" for what in getattr(self, name)[:10]]
        return found


def account(world: World, *, calm: bool) -> Account:
    """Compare what was recorded with what arrived; the daemons must have ended."""
    store = open_store(world.fleet.server_url)
    try:
        rows = store.outbox(states=tuple(RowState), limit=10_000_000)
        moves = [m for m in store.transitions(limit=10_000_000) if m.change in _TOLD]
        alerts = store.alerts()
        reasons = store.memos("untold/")
    finally:
        store.close()
    heard = [m for m in moves if m.muted is None]
    found = Account(
        world.seed, kills=world.kills, transitions=len(heard), messages=len(rows),
        allowed=world.allowed_repeats + sum(h.broken for h in world.places.hooks.values()),
        ended=[code for replica in world.fleet.replicas for code in replica.ended],
        calm=calm, troubles=world.troubles,
    )  # fmt: skip
    rows.sort(key=lambda row: (row.created_at, row.key))
    by_place: dict[str, list[OutboxRow]] = defaultdict(list)
    for row in rows:
        by_place[_receiver(row)].append(row)
    for name, hook in world.places.hooks.items():
        _check_place(name, by_place[name], hook.arrivals, found)
    created = {row.key: world.fleet.ran_s(row.created_at) for row in rows}
    waits = [
        arrival.at_s - created[arrival.key]
        for hook in world.places.hooks.values()
        for arrival in hook.arrivals
        if arrival.key in created and not arrival.marked
    ]
    found.longest_silence_s = max(waits, default=0.0)
    for name in _AT_ONCE:
        found.lost += _untold(name, heard, by_place[name], reasons)
    found.wrong = _standing_wrong(
        world.press, {n: AlertState.from_json(a.state) for n, a in alerts.items()}
    )
    return found


def _receiver(row: OutboxRow) -> str:
    """Return a row's receiver, by the name that this run knows it by."""
    return _RENAMED.get(row.target.receiver, row.target.receiver)


def _check_place(
    name: str, rows: Sequence[OutboxRow], arrivals: Sequence[Arrival], found: Account
) -> None:
    """Compare the rows of one receiver with its arrivals."""
    known = {row.key: number for number, row in enumerate(rows)}
    times = Counter(arrival.key for arrival in arrivals)
    newest_of_line = {line: row for row in rows for line in row.lines}
    for row in rows:
        came = times[row.key]
        if row.state is RowState.DELIVERED and not came:
            found.lost.append(f"{name}: {row.key} is said to be delivered")
        elif row.state in (RowState.FOLDED, RowState.DROPPED):
            if not row.error:
                found.lost.append(f"{name}: {row.key} is {row.state} for no reason")
            followers = [newest_of_line[line] for line in row.lines]
            if all(f.key == row.key for f in followers) and row.state is RowState.FOLDED:
                found.lost.append(f"{name}: {row.key} was folded into nothing")
        elif row.state is not RowState.DELIVERED:
            found.lost.append(f"{name}: {row.key} is {row.state}: {row.error}")
    seen: set[str] = set()
    last: dict[str, int] = {}
    for arrival in arrivals:
        if arrival.key not in known:
            found.lost.append(f"{name}: {arrival.key} arrived and is not recorded")
            continue
        if arrival.key in seen:
            found.marked += arrival.marked
            if not arrival.marked:
                found.unmarked.append(f"{name}: {arrival.key}")
        seen.add(arrival.key)
        for rule in arrival.rules:
            if known[arrival.key] < last.get(rule, -1):
                newer = rows[last[rule]].key
                found.out_of_order.append(f"{name}: {arrival.key} came after {newer}")
            last[rule] = max(known[arrival.key], last.get(rule, -1))


def _untold(
    receiver: str,
    moves: Iterable[Transition],
    rows: Iterable[OutboxRow],
    reasons: Mapping[str, str],
) -> list[str]:
    """Return the moves of which a receiver was told by no message, and not for a named reason."""
    names = [receiver, *(now for now, once in _RENAMED.items() if once == receiver)]
    told: dict[str, set[object]] = defaultdict(set)
    for row in rows:
        for line in row.lines:
            told[line].add(row.created_at)
    return [
        f"{receiver}: {move.rule} {move.change} at {move.at.isoformat()}"
        for move in moves
        if move.at not in told[move.rule]
        and not any(
            f"untold/{name}/{move.rule}/{move.change}/{move.period}/{stamp(move.at)}" in reasons
            for name in names
        )
    ]


def _standing_wrong(press: Press, states: Mapping[str, AlertState]) -> list[str]:
    """Return the rules that do not stand where the newest figure of their series puts them."""
    found = []
    for series in SERIES:
        value, state = press.last(series), states.get(f"r-{series}")
        if value is None:
            continue
        level = next((level for least, level in _LADDER if value >= least), Level.NONE)
        if state is None or state.level is not level:
            stands = "nowhere" if state is None else state.level.word
            found.append(f"r-{series} stands at {stands}; {value} puts it at {level.word}")
    return found
