"""Programs: what they are told that people are not, which is how a group of alerts stands.

People read what happened. A program keeps what it was told last, by alert or by group, and must
be right after every message. So each message to one holds, besides what changed, all alerts of
the group that still fire; and what a program knows an alert by, which is its group, its labels
and its begin, stays the same until it is told that the alert is over, whatever becomes of the
rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ebbwatch.core.render import Translator, alert_for_programs
from ebbwatch.core.telling.dedup import Entry, Shown
from ebbwatch.core.telling.grouping import shared_labels
from ebbwatch.model.alert import Cause, Change, Level, Transition
from ebbwatch.model.message import GroupState, Message
from ebbwatch.runtime.telling.base import Floor, Now
from ebbwatch.runtime.telling.heard import Heard
from ebbwatch.runtime.telling.writing import Dressing

#: Alerts in a message that only fire on; of more, the message says how many it leaves out.
FIRING_ON = 1_000


def by_group(floor: Floor, found: Sequence[Heard]) -> list[list[Heard]]:
    """Return what a program hears, apart by the groups it knows the alerts in."""
    apart: dict[tuple[tuple[str, str], ...], list[Heard]] = {}
    for one in found:
        apart.setdefault(tuple(sorted(_group(floor, one).items())), []).append(one)
    return list(apart.values())


def shown(floor: Floor, one: Heard) -> Shown:
    """Return as what a program is shown an alert that it is told of: as it was shown before."""
    level, known = one.situation.level, _shown_before(floor, one)
    new = () if level is Level.NONE else (level,)
    if known is not None:
        return replace(known, levels=(*known.levels, *(n for n in new if n not in known.levels)))
    labels = floor.audience.labels(one.name, level)
    last = one.moves[-1]
    return Shown(
        group=_group(floor, one),
        labels={name: text for name, text in labels.items() if name not in ("name", "level")},
        starts_at=last.entered_at or last.at,
        levels=new,
    )


def _group(floor: Floor, one: Heard) -> Mapping[str, str]:
    """Return the labels of the group that a program knows an alert in."""
    known = _shown_before(floor, one)
    if known is not None:
        return known.group
    return shared_labels(floor.audience.labels(one.name, one.situation.level), one.group_by)


def _shown_before(floor: Floor, one: Heard) -> Shown | None:
    """Return as what a program knows an alert; None where it takes it for over, or none.

    An end that it was not told, because the message was lost, is none to it. Of texts each is
    by itself, and has no end.
    """
    last = floor.memory.log.told(one.place.key, one.name)
    return None if last is None or one.situation.cause is Cause.TEXT else last.shown


def dressing(floor: Floor, now: Now, told: Sequence[Heard]) -> Dressing:
    """Return what makes of a message the one to a program, by what it knew before.

    Args:
        floor: Of telling; what the message tells is not remembered yet.
        now: The instant.
        told: What one place is told of alerts of one group, at least one.
    """
    place = told[0].place.key
    by_name = {one.name: shown(floor, one) for one in told}
    before = {one.name: _told_before(floor, one) for one in told}
    group = by_name[told[0].name].group
    known = floor.memory.log.members(place, group)
    on: list[tuple[str, Entry]] = []
    for name in known:
        entry = floor.memory.log.told(place, name)
        state = now.states.get(name)
        fires = state is not None and state.level is not Level.NONE
        if fires and name not in by_name and entry is not None:
            on.append((name, entry))
    rising = {one.name for one in told if one.situation.level is not Level.NONE}
    why = reason_of(set(known), rising | {name for name, _ in on})

    def dress(message: Message, t: Translator) -> Message:
        return replace(
            message,
            alerts=tuple(
                _as_shown(alert, by_name[alert["rule"]]) | {"told_before": before[alert["rule"]]}
                for alert in message.alerts
            ),
            state=GroupState(
                labels=group, at=now.at, why=why,
                firing=tuple(_fires_on(floor, name, entry, t) for name, entry in on[:FIRING_ON]),
                left_out=max(len(on) - FIRING_ON, 0),
            ),
        )  # fmt: skip

    return dress


def reason_of(before: set[str], after: set[str]) -> str:
    """Return why a group is told, in Alertmanager's words.

    Source: the reasons of Alertmanager 0.34's ``notification_reason``.

    Args:
        before: Alerts of the group that fired as far as the program knew.
        after: Those that fire.
    """
    if not after:
        return "all alerts resolved"
    if not before:
        return "first notification"
    if after - before:
        return "new alerts added"
    return "some alerts resolved" if before - after else "repeat interval elapsed"


def _told_before(floor: Floor, one: Heard) -> str | None:
    """Return the level that a program was told of an alert last; None where it was not."""
    last = floor.memory.log.told(one.place.key, one.name)
    return None if last is None else last.level.word


def _as_shown(alert: Mapping[str, Any], known: Shown) -> dict[str, Any]:
    """Return an alert of a message with what the program knows it by."""
    own = {name: alert["labels"][name] for name in ("name", "level")}
    return {
        **alert,
        "labels": {**known.labels, **own},
        "starts_at": known.starts_at.isoformat(),
        "told_levels": [level.word for level in known.levels],
    }


def _fires_on(floor: Floor, name: str, entry: Entry, t: Translator) -> dict[str, Any]:
    """Return an alert that fires on, with the figure that was told last."""
    assert entry.shown is not None
    watched = floor.judge.watched.get(name)
    move = Transition(
        at=entry.at, rule=name, change=Change.FIRED, level=entry.level, before=Level.NONE,
        value=entry.value, unit=None if watched is None else watched.unit, threshold=None,
        period=entry.period, episode=entry.episode, cause=Cause.NEW_PERIOD,
        entered_at=entry.shown.starts_at,
    )  # fmt: skip
    return _as_shown(alert_for_programs(t, floor.context.short(move)), entry.shown)
