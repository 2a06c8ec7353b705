"""Which changes are told together, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ebbwatch.core.telling.routing import Destination
from ebbwatch.model.alert import Cause, Change, Input, Level, Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Changes waiting to be told to one receiver in one message.

    Attributes:
        key: Its identity: the receiver and the labels that its alerts share.
        receiver: Whom it is for.
        due_at: UTC instant at which it is told.
        moves: Oldest first.
    """

    key: str
    receiver: str
    due_at: datetime
    moves: tuple[Transition, ...]


def group_key(labels: Mapping[str, str], destination: Destination) -> str:
    """Return the identity of the group an alert belongs to at a receiver.

    Args:
        labels: As `routing.labels_of` gives them. A label that an alert lacks counts as
            empty: such alerts are told together, apart from those that have it.
        destination: Whose route says what to group by; nothing: each alert by itself.
    """
    names = destination.route.group_by or ("name",)
    shared = ",".join(f"{name}={labels.get(name, '')}" for name in names)
    return f"{destination.receiver}/{shared}"


def shared_labels(labels: Mapping[str, str], group_by: Sequence[str]) -> dict[str, str]:
    """Return the labels by which a program knows the group that an alert is told in.

    The level is none of them, whatever the route says: it changes while the alert fires, and a
    program would be left with a group that nobody ends.

    Args:
        labels: As `routing.labels_of` gives them.
        group_by: Of the route; nothing: each alert by itself.
    """
    names = [name for name in group_by if name != "level"]
    if not names:
        return {"alertname": labels["name"]}
    return {name: labels.get(name, "") for name in names}


def joined(
    waiting: Mapping[str, Group],
    move: Transition,
    *,
    labels: Mapping[str, str],
    destination: Destination,
) -> Group:
    """Return the group that a change goes to, with the change in it.

    A group that waits already keeps its instant: the first change sets it, so that a
    steady stream of others cannot put it off for ever.
    """
    key = group_key(labels, destination)
    group = waiting.get(key)
    if group is not None:
        return replace(group, moves=(*group.moves, move))
    wait = timedelta(seconds=destination.route.group_wait_s)
    return Group(key=key, receiver=destination.receiver, due_at=move.at + wait, moves=(move,))


def next_due(waiting: Mapping[str, Group]) -> datetime | None:
    """Return the earliest instant at which a group is to be told, or None."""
    return min((group.due_at for group in waiting.values()), default=None)


def to_json(group: Group) -> str:
    """Return a waiting group as a text that `from_json` reads."""
    return json.dumps(
        {
            "key": group.key,
            "receiver": group.receiver,
            "due_at": group.due_at.isoformat(),
            "moves": [_move_to_map(move) for move in group.moves],
        }
    )


def from_json(text: str) -> Group:
    """Return the waiting group that `to_json` wrote."""
    row = json.loads(text)
    return Group(
        key=row["key"],
        receiver=row["receiver"],
        due_at=datetime.fromisoformat(row["due_at"]),
        moves=tuple(_move_from_map(move) for move in row["moves"]),
    )


def _move_to_map(move: Transition) -> dict[str, Any]:
    return {
        "at": move.at.isoformat(),
        "rule": move.rule,
        "change": move.change.value,
        "level": move.level.word,
        "before": move.before.word,
        "value": move.value,
        "unit": move.unit,
        "threshold": move.threshold,
        "period": move.period,
        "episode": move.episode,
        "cause": move.cause.value,
        "inputs": [
            {
                "series": row.series,
                "period": row.period,
                "value": row.value,
                "unit": row.unit,
                "known_at": row.known_at.isoformat(),
                "assumed": row.assumed,
                "source": row.source,
            }
            for row in move.inputs
        ],
        "previous": move.previous,
        "extreme": move.extreme,
        "entered_at": None if move.entered_at is None else move.entered_at.isoformat(),
        "entry": move.entry,
        "turns": list(move.turns),
        "muted": move.muted,
    }


def _move_from_map(row: Mapping[str, Any]) -> Transition:
    return Transition(
        **{
            **row,
            "at": datetime.fromisoformat(row["at"]),
            "change": Change(row["change"]),
            "level": Level[row["level"].upper()],
            "before": Level[row["before"].upper()],
            "cause": Cause(row["cause"]),
            "inputs": tuple(
                Input(**{**one, "known_at": datetime.fromisoformat(one["known_at"])})
                for one in row["inputs"]
            ),
            "entered_at": row["entered_at"] and datetime.fromisoformat(row["entered_at"]),
            "turns": tuple(row["turns"]),
        }
    )
