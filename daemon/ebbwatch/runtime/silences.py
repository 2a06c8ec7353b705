"""Silences and acknowledgements: made, ended and listed, for the terminal and for chats."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ebbwatch.core.alerting.judging import episode_of
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.model.alert import Level
from ebbwatch.model.text import clean
from ebbwatch.ports import Ack, AlertRecord, Silence, Store

#: Where the acknowledgement of an episode is kept.
_ACK = "ack/"


class NothingToAck(Exception):
    """An alert does not fire: there is nothing to acknowledge."""


def matcher_of(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return what words ask for: ``level=warning``, or the name of an alert by itself."""
    found = {}
    for word in words:
        label, equals, value = word.partition("=")
        if not equals:
            label, value = "name", word
        found[label.strip()] = value.strip()
    return tuple(sorted(found.items()))


def silence(
    store: Store,
    matcher: tuple[tuple[str, str], ...],
    *,
    at: datetime,
    until: datetime,
    by: str,
    comment: str = "",
) -> Silence:
    """Keep alerts quiet until an instant, and return the silence."""
    text = f"{matcher}/{at.isoformat()}/{by}"
    made = Silence(
        id=hashlib.sha256(text.encode()).hexdigest()[:8], matcher=matcher, until=until, by=clean(by),
        created_at=at, comment=" ".join(clean(comment).split()),
    )  # fmt: skip
    with store.transaction():
        store.silence(made)
    return made


def end_silence(store: Store, id_: str, *, at: datetime) -> Silence | None:
    """End a silence now, and return it; None where there is no such one in force."""
    found = next((s for s in in_force(store, at) if s.id == id_), None)
    if found is None:
        return None
    ended = replace(found, until=at)
    with store.transaction():
        store.silence(ended)
    return ended


def in_force(store: Store, at: datetime) -> list[Silence]:
    """Return the silences that have not ended, soonest to end first."""
    return sorted((s for s in store.silences() if s.until > at), key=lambda s: (s.until, s.id))


def acknowledge(store: Store, rule: str, *, at: datetime, by: str) -> Ack:
    """Note that somebody has seen an alert that fires: it is not told again until it is over.

    Raises:
        NothingToAck: If it does not fire.
    """
    episode = _episodes(store.alerts()).get(rule)
    if episode is None:
        raise NothingToAck(f"{rule} does not fire: there is nothing to acknowledge")
    with store.transaction():
        store.put(f"{_ACK}{episode}", json.dumps({"by": by, "at": at.isoformat()}))
    return Ack(rule, episode, by, at)


def acknowledged_episodes(store: Store) -> frozenset[str]:
    """Return the episodes that somebody has seen."""
    return frozenset(key.removeprefix(_ACK) for key in store.memos(_ACK))


def acks(store: Store) -> Iterator[Ack]:
    """Yield the acknowledgements of alerts that still fire, by name of the alert."""
    for rule, episode in sorted(_episodes(store.alerts()).items()):
        if (text := store.get(f"{_ACK}{episode}")) is not None:
            kept = json.loads(text)
            yield Ack(rule, episode, kept["by"], datetime.fromisoformat(kept["at"]))


def follow_renames(store: Store, renamed: Sequence[tuple[str, str]], *, at: datetime) -> None:
    """Let silences of rules that have another name now go on; called in a transaction.

    Args:
        store: That keeps them.
        renamed: Old and new names.
        at: UTC instant of the edit.
    """
    names = dict(renamed)
    for one in in_force(store, at) if names else ():
        matcher = tuple(
            (label, names.get(value, value) if label == "name" else value)
            for label, value in one.matcher
        )
        if matcher != one.matcher:
            store.silence(replace(one, matcher=matcher))


def carry_acks(
    store: Store, episodes: Mapping[str, str], renamed: Sequence[tuple[str, str]],
    states: Mapping[str, AlertState],
) -> None:  # fmt: skip
    """Let alerts stay acknowledged whose rules have another name now; called in a transaction.

    Args:
        store: That keeps them.
        episodes: That the edit ended, by old name.
        renamed: Old and new names.
        states: Every alert's, after the edit.
    """
    for old, new in renamed:
        state = states.get(new)
        if state is None or state.begun_at is None or old not in episodes:
            continue
        if (text := store.get(f"{_ACK}{episodes[old]}")) is not None:
            store.put(f"{_ACK}{episode_of(new, state.begun_at)}", text)


def _episodes(records: Mapping[str, AlertRecord]) -> dict[str, str]:
    """Return the episodes of the alerts that fire, by name."""
    found = {}
    for name, record in records.items():
        state = AlertState.from_json(record.state)
        if state.level is not Level.NONE and state.begun_at is not None:
            found[name] = episode_of(name, state.begun_at)
    return found
