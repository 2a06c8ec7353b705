"""Answers as JSON rows: the keys that programs read, once for each kind of answer.

The formats are fixed: docs/commands.md lists them.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

from ebbwatch.core.answering.answers import Answer
from ebbwatch.core.answering.expected import Release, SeriesStanding
from ebbwatch.core.answering.reading import Reading
from ebbwatch.core.answering.status import Standing
from ebbwatch.core.answering.supposing import Supposed
from ebbwatch.core.answering.what_if import WhatIf
from ebbwatch.model.alert import Input, Level, Transition
from ebbwatch.model.message import OutboxRow
from ebbwatch.model.series import Series
from ebbwatch.model.units import printed, printed_unit
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import Held


def standing_row(standing: Standing) -> dict[str, Any]:
    """Return how a rule stands; `value` is null of a condition, and where it is unknown."""
    reading = standing.reading
    return {
        "rule": standing.rule.name,
        "state": standing.state,
        "level": standing.level.word if standing.level else None,
        "value": None if reading is None else _number(reading),
        "unit": None if reading is None else reading.unit,
        "period": (reading.period or None) if reading is not None else None,
        "since": None if standing.since is None else standing.since.isoformat(),
        "frozen": standing.frozen,
        "next_due": None if standing.next_due is None else standing.next_due.isoformat(),
        **({} if reading is None else _marks(reading)),
    }


def answer_row(answer: Answer) -> dict[str, Any]:
    """Return what an expression comes to; `value` is the verdict of a condition."""
    reading = answer.reading
    row: dict[str, Any] = {
        "value": reading.truth if reading.unit is None else _number(reading),
        "unit": reading.unit or "",
        "period": reading.period or None,
        "as_of": answer.at.astimezone(NEW_YORK).isoformat(timespec="seconds"),
        "inputs": [input_row(given.input) for given in answer.given],
        **_marks(reading),
    }
    if reading.reason:
        row["reason"] = reading.reason
    return row


def what_if_row(told: WhatIf) -> dict[str, Any]:
    """Return what supposed figures would do."""
    return {
        "as_of": _local(told.at),
        "until": _local(told.until),
        "supposed": [_supposed_row(one) for one in told.supposed],
        "changes": [transition_row(move) for move in told.changes],
        "others": [
            {
                **standing_row(row.standing),
                "nearest": None if row.nearest is None else {
                    "level": None if row.nearest.level is Level.NONE else row.nearest.level.word,
                    "threshold": row.nearest.threshold,
                    "distance": row.nearest.distance,
                },
                "waits_for": [
                    {"series": name, "period": period} for name, period in row.waits_for
                ],
            }
            for row in told.others
        ],
    }  # fmt: skip


def _supposed_row(one: Supposed) -> dict[str, Any]:
    unit = printed_unit(one.series.unit.dimension)
    return {
        "series": one.series.name,
        "period": one.series.every.text(one.period),
        "value": printed(Fraction(one.value), unit),
        "unit": unit,
        "known_at": _local(one.known_at),
        "due": None if one.due_at is None else _local(one.due_at),
    }


def transition_row(transition: Transition) -> dict[str, Any]:
    """Return a change of an alert."""
    never = transition.value == float("inf")
    return {
        "at": _local(transition.at),
        "rule": transition.rule,
        "change": transition.change.value,
        "level": transition.level.word,
        "value": None if never else transition.value,
        **({"never": True} if never else {}),
        "unit": transition.unit,
        "threshold": transition.threshold,
        "period": transition.period,
        "episode": transition.episode,
        "cause": transition.cause.value,
        "inputs": [input_row(given) for given in transition.inputs],
    }


def series_row(row: SeriesStanding) -> dict[str, Any]:
    """Return how a series stands; `value` is null of one that was withdrawn or never came."""
    newest, series = row.newest, row.series
    unit = printed_unit(series.unit.dimension)
    value = None if newest is None or newest.value is None else printed(newest.value, unit)
    return {
        "series": series.name,
        "state": row.state.value,
        "every": series.every.name,
        "source": series.source.name,
        "period": None if newest is None else series.every.text(newest.period),
        "value": None if value is None else float(f"{value:.12g}"),
        "unit": unit,
        "known_at": None if newest is None else newest.known_at.isoformat(),
        "assumed": None if newest is None else newest.assumed,
        "given_by": None if newest is None else newest.source,
        "due": None if row.due_at is None else row.due_at.isoformat(),
    }


def held_row(held: Held, series: Series) -> dict[str, Any]:
    """Return a figure in quarantine."""
    observation = held.observation
    return {
        "series": series.name,
        "period": series.every.text(observation.period),
        "reason": held.reason,
        "known_at": observation.known_at.isoformat(),
        "source": observation.source,
    }


def release_row(release: Release) -> dict[str, Any]:
    """Return a figure that is to come."""
    return {
        "at": release.at.isoformat(),
        "series": release.series.name,
        "period": release.series.every.text(release.period),
        "source": release.series.source.name,
    }


def outbox_row(row: OutboxRow, *, id_: str) -> dict[str, Any]:
    """Return a message of the outbox, by what people call it."""
    return {
        "id": id_,
        "receiver": row.target.receiver,
        "kind": row.target.kind,
        "state": row.state.value,
        "rules": list(row.lines),
        "headline": row.message.headline,
        "created_at": row.created_at.isoformat(),
        "not_before": row.not_before.isoformat(),
        "expires_at": row.expires_at.isoformat(),
        "attempts": row.attempts,
        "possible_repeat": row.uncertain,
        "error": row.error,
    }


def input_row(given: Input) -> dict[str, Any]:
    """Return a figure that a reading was made of."""
    return {
        "series": given.series,
        "period": given.period,
        "value": given.value,
        "unit": given.unit,
        "known_at": _local(given.known_at),
        "assumed": given.assumed,
        "source": given.source,
    }


def _number(reading: Reading) -> float | None:
    """Return a known number; never is null, and marked."""
    found = reading.found
    return None if found is None or found.never else found.value


def _marks(reading: Reading) -> dict[str, bool]:
    found = reading.found
    never = found is not None and found.never
    return ({"never": True} if never else {}) | ({"at_least": True} if reading.at_least else {})


def _local(at: datetime) -> str:
    return at.astimezone(NEW_YORK).isoformat()
