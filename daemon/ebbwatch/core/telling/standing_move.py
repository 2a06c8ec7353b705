"""The move that an alert which has not moved is told by: to where it stands, with what is known."""

from __future__ import annotations

from dataclasses import replace

from ebbwatch.core.alerting.judging import Judge, Watched
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.alerting.lifecycle import Move
from ebbwatch.expr.evaluate import Evaluation, as_known
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.alert import Change, Level, Transition
from ebbwatch.model.periods import Micros


def move_to_here(
    judge: Judge,
    rule: Watched,
    state: AlertState,
    at: Micros,
    *,
    change: Change = Change.FIRED,
    before: Level = Level.NONE,
    anew: bool = True,
) -> Transition:
    """Return how an alert that fires came to stand where it stands, as one transition.

    Args:
        judge: Of the ruleset and the history.
        rule: Whose alert.
        state: Of the alert, which fires.
        at: The instant (µs).
        change: How it is said to have moved.
        before: The level that was told before; of no meaning where it is said to have fired.
        anew: Whether it is told with what is known now, and not as it was read last.
    """
    assert state.begun_at is not None
    move = Move(
        at, -1, change, before if change is not Change.FIRED else Level.NONE, state.level,
        timer=False, begun_at=state.begun_at, entered_at=state.entered_at, entry=state.entry,
        extreme=state.extreme,
    )  # fmt: skip
    if anew:
        state, evaluation = replace(state, read_at=at), as_known(judge.history, at)
    else:
        evaluation = Evaluation(judge.history, BEGINNING, at)
    judged = judge.present(rule, state, evaluation)
    return judge.transition(judged, move, state.previous, None)
