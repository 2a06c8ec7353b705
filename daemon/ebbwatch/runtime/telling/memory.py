"""What telling remembers: who was told what, what waits, and what somebody has yet to hear.

Everything stands in the store, as small texts read once and written together at the end of
each telling, inside the transaction that records what is told. A transaction that is rolled
back takes what was remembered with it.

The texts:

- ``told/PLACE/ALERT``: what a place was last told of an alert, newest telling last;
- ``owed/PLACE/ALERT``: that a place has yet to hear of an alert, why, and when to look again;
- ``waiting/GROUP``: a group of moves at the end of whose wait they are told;
- ``untold/RECEIVER/...``: why a receiver was not told of a move, where the move cannot say it;
- ``summary/owed``: since when the first summary waits for the first visits;
- ``digests``: when each digest was told last; ``places``: the places that were told anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from ebbwatch.core.telling.dedup import Entry
from ebbwatch.core.telling.grouping import Group, from_json, to_json
from ebbwatch.model.alert import Change, Transition
from ebbwatch.runtime.telling.news import stamp

#: Tellings kept for a place and alert: as many as may be on their way when one of them turns
#: out undeliverable and the log goes back.
LINES = 8

#: What identifies a transition, as the store has it.
MoveId = tuple[str, datetime, str, Change]


def move_id(move: Transition) -> MoveId:
    """Return what identifies a transition."""
    return (move.rule, move.at, move.period, move.change)


class Memos(Protocol):
    """What is needed of a store: small texts by key."""

    #: How many transactions were rolled back: what was read before the last of them may be wrong.
    undone: int

    def memos(self, prefix: str) -> dict[str, str]:
        """Return the texts whose keys begin with a prefix."""
        ...

    def get(self, key: str) -> str | None:
        """Return a small stored text."""
        ...

    def put_all(self, texts: Mapping[str, str | None]) -> None:
        """Write small texts, and delete those that are None."""
        ...


@dataclass(frozen=True, slots=True)
class Owed:
    """That a place has yet to hear of an alert.

    Attributes:
        why: What kept it from hearing: the named reason.
        again_at: UTC instant at which to look again; None for the next reading, or whenever
            something changes.
    """

    why: str
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """One telling.

    Attributes:
        key: Of its outbox rows, without place.
        entry: What the place knows after it; None for an alert that is over.
    """

    key: str
    entry: Entry | None


def _knowing(line: _Line, before: Entry | None) -> _Line:
    """Return a telling with the levels that a program still knows from one before it."""
    entry = line.entry
    if before is None or before.shown is None or entry is None or entry.shown is None:
        return line
    levels = tuple(dict.fromkeys((*before.shown.levels, *entry.shown.levels)))
    return replace(line, entry=replace(entry, shown=replace(entry.shown, levels=levels)))


class Shelf:
    """The texts under one prefix: read once, written when they are saved."""

    def __init__(self, store: Memos, prefix: str) -> None:
        """Take where they are kept."""
        self._store = store
        self._prefix = prefix
        self._held: dict[str, str] | None = None
        self._changed: dict[str, str | None] = {}
        self._undone = store.undone

    def texts(self) -> dict[str, str]:
        """Return all texts by key, without the prefix."""
        if self._held is None or self._undone != self._store.undone:
            self._undone = self._store.undone
            self._changed.clear()
            cut = len(self._prefix)
            self._held = {key[cut:]: text for key, text in self._store.memos(self._prefix).items()}
        return self._held

    def put(self, key: str, text: str | None) -> None:
        """Write a text, or delete it with None."""
        held = self.texts()
        if held.get(key) == text:
            return
        if text is None:
            del held[key]
        else:
            held[key] = text
        self._changed[key] = text

    def changes(self) -> dict[str, str | None]:
        """Return what is to be saved, by whole key, and take it for saved."""
        self.texts()
        found = {self._prefix + key: text for key, text in self._changed.items()}
        self._changed.clear()
        return found


class ToldLog:
    """Who was told what: for each place and alert, the last few tellings."""

    def __init__(self, shelf: Shelf) -> None:
        """Take where they are kept."""
        self._shelf = shelf
        # Alerts that fire as far as a program knows, by place and group; None until asked for.
        self._members: dict[tuple[str, str], set[str]] | None = None
        self._indexed: dict[str, str] | None = None

    def told(self, place: str, name: str) -> Entry | None:
        """Return what a place was last told of an alert, or None where nothing stands."""
        lines = self._lines(place, name)
        return lines[-1].entry if lines else None

    def put(self, place: str, name: str, text: str) -> None:
        """Take over the tellings of a place that has none, as a text like those kept here."""
        if f"{place}/{name}" not in self._shelf.texts():
            self._shelf.put(f"{place}/{name}", text)

    def note(self, place: str, name: str, key: str, entry: Entry | None) -> None:
        """Remember a telling; the same key again replaces it."""
        lines = [line for line in self._lines(place, name) if line.key != key]
        self._write(place, name, [*lines, _Line(key, entry)][-LINES:])

    def take_back(self, place: str, name: str, key: str) -> bool:
        """Forget a telling that did not arrive; return whether it stood there."""
        lines = self._lines(place, name)
        left = [line for line in lines if line.key != key]
        if len(left) == len(lines):
            return False
        at = next(number for number, line in enumerate(lines) if line.key == key)
        if at:
            left[at:] = [_knowing(line, lines[at - 1].entry) for line in left[at:]]
        self._write(place, name, left)
        return True

    def members(self, place: str, group: Mapping[str, str]) -> list[str]:
        """Return the alerts that a place was told of in a group and takes for firing, by name."""
        return sorted(self._index().get((place, _group_text(group)), ()))

    def reindex(self) -> None:
        """Look anew who is told of what: texts were taken away."""
        self._members = None

    def _index(self) -> dict[tuple[str, str], set[str]]:
        texts = self._shelf.texts()
        if self._members is None or self._indexed is not texts:
            self._members, self._indexed = {}, texts
            for place, name in _pairs(texts):
                self._enter(place, name, self.told(place, name))
        return self._members

    def _enter(self, place: str, name: str, entry: Entry | None, *, leave: bool = False) -> None:
        """Put an alert among the members of the group it was told in, or take it out."""
        if self._members is None or entry is None or entry.shown is None:
            return
        members = self._members.setdefault((place, _group_text(entry.shown.group)), set())
        (members.discard if leave else members.add)(name)

    def alerts_told(self, place: str) -> list[str]:
        """Return the alerts that a place was told anything of, in order of name."""
        return sorted(name for where, name in _pairs(self._shelf.texts()) if where == place)

    def _lines(self, place: str, name: str) -> list[_Line]:
        text = self._shelf.texts().get(f"{place}/{name}")
        rows = [] if text is None else json.loads(text)
        return [_Line(key, None if e is None else Entry.from_json(e)) for key, e in rows]

    def _write(self, place: str, name: str, lines: Sequence[_Line]) -> None:
        if self._members is not None:
            self._enter(place, name, self.told(place, name), leave=True)
            self._enter(place, name, lines[-1].entry if lines else None)
        rows = [(line.key, None if line.entry is None else line.entry.to_json()) for line in lines]
        self._shelf.put(f"{place}/{name}", json.dumps(rows) if rows else None)


class Memory:
    """What telling remembers.

    Attributes:
        log: Who was told what.
    """

    def __init__(self, store: Memos) -> None:
        """Take where it is kept."""
        self._store = store
        self._told = Shelf(store, "told/")
        self.log = ToldLog(self._told)
        self._owed = Shelf(store, "owed/")
        self._waiting = Shelf(store, "waiting/")
        self._summary = Shelf(store, "summary/")
        self._untold: dict[str, str | None] = {}
        # Parsed texts, by what they were parsed from.
        self._groups: dict[str, tuple[str, Group]] = {}

    def save(self) -> None:
        """Write what changed; called once at the end of each telling."""
        changes = dict(self._untold)
        self._untold.clear()
        for shelf in (self._told, self._owed, self._waiting, self._summary):
            changes |= shelf.changes()
        if changes:
            self._store.put_all(changes)

    # ---- what somebody has yet to hear -----------------------------------------------

    def owed(self) -> dict[tuple[str, str], Owed]:
        """Return what is owed, by place and alert."""
        found = {}
        for key, text in self._owed.texts().items():
            place, _, name = key.rpartition("/")
            why, again_at = json.loads(text)
            at = None if again_at is None else datetime.fromisoformat(again_at)
            found[place, name] = Owed(why, at)
        return found

    def owe(self, place: str, name: str, owed: Owed | None) -> None:
        """Remember, or with None forget, that a place has yet to hear of an alert."""
        text = None
        if owed is not None:
            at = None if owed.again_at is None else owed.again_at.isoformat()
            text = json.dumps([owed.why, at])
        self._owed.put(f"{place}/{name}", text)

    # ---- what waits ------------------------------------------------------------------

    def waiting(self) -> dict[str, Group]:
        """Return the groups that wait, by key."""
        found = {}
        for key, text in self._waiting.texts().items():
            parsed = self._groups.get(key)
            if parsed is None or parsed[0] != text:
                parsed = self._groups[key] = (text, from_json(text))
            found[key] = parsed[1]
        if len(self._groups) > len(found):
            self._groups = {key: self._groups[key] for key in found}
        return found

    def wait(self, key: str, group: Group | None) -> None:
        """Let a group wait, or with None no more."""
        text = None if group is None else to_json(group)
        if group is not None and text is not None:
            self._groups[key] = (text, group)
        self._waiting.put(key, text)

    def note_untold(self, receiver: str, move: MoveId, reason: str) -> None:
        """Remember why a receiver is not told of a move: others are, or it had waited."""
        self._untold[_untold_key(receiver, move)] = reason

    def untold(self, receiver: str, move: MoveId) -> str | None:
        """Return why a receiver was not told of a move of which others were, or that had waited."""
        return self._store.get(_untold_key(receiver, move))

    # ---- the first summary -----------------------------------------------------------

    def owes_summary(self) -> bool:
        """Return whether the first summary is still to be told."""
        return bool(self._summary.texts())

    def owe_summary(self, since: datetime | None) -> None:
        """Remember since when the first summary is to be told; None forgets it."""
        self._summary.put("owed", None if since is None else since.isoformat())

    # ---- the rest --------------------------------------------------------------------

    def forget(self, keep: Callable[[str], bool]) -> None:
        """Forget the places that are not to be kept: nobody can be told there any more."""
        for shelf in (self._told, self._owed):
            for key in [k for k in shelf.texts() if not keep(k.rpartition("/")[0])]:
                shelf.put(key, None)
        self.log.reindex()

    def release(self, keep: Callable[[str], bool]) -> None:
        """Owe nobody anything of the alerts that are not to be kept: they have no reading more."""
        for key in [k for k in self._owed.texts() if not keep(k.rpartition("/")[2])]:
            self._owed.put(key, None)

    def instants(self, key: str) -> dict[str, datetime]:
        """Return instants by name, as kept under a key."""
        rows = json.loads(self._store.get(key) or "{}")
        return {name: datetime.fromisoformat(at) for name, at in rows.items()}

    def keep_instants(self, key: str, instants: Mapping[str, datetime]) -> None:
        """Keep instants by name under a key."""
        text = json.dumps({name: at.isoformat() for name, at in instants.items()})
        self._store.put_all({key: text if instants else None})


def _pairs(keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield place and alert of each key."""
    for key in keys:
        place, _, name = key.rpartition("/")
        yield place, name


def _group_text(group: Mapping[str, str]) -> str:
    return json.dumps(sorted(group.items()))


def _untold_key(receiver: str, move: MoveId) -> str:
    rule, at, period, change = move
    return f"untold/{receiver}/{rule}/{change}/{period}/{stamp(at)}"
