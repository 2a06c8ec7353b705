"""Trials: what other thresholds would have made of a rule's alerts, over all of history.

Only the ladder is another: what the rule reads stays what it was, so that it is read once for
however many ladders are tried.
"""

from __future__ import annotations

from dataclasses import replace

from ebbwatch.core.alerting.judging import Judge, Watched, watched
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.lookback.comparing import Compared, ComparedAlert, compared, stays
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.ruleset.rules import Rule


def trial(judge: Judge, name: str, edited: Rule, evaluation: Evaluation) -> Compared:
    """Return the alerts that other thresholds add, lose and shift.

    Args:
        judge: Of the rules in force.
        name: Of the alert.
        edited: The rule with its other ladder; what it reads is the same.
        evaluation: Over all of history; kept from trial to trial.

    Raises:
        KeyError: If there is no such alert, or it has no readings.
    """
    rule = judge.watched[name]
    other = watched(
        replace(rule.rule, thresholds=edited.thresholds, clear=edited.clear, ladder=edited.ladder)
    )
    assert other is not None
    return compared(name, _alerts(judge, rule, evaluation), _alerts(judge, other, evaluation))


def _alerts(judge: Judge, rule: Watched, evaluation: Evaluation) -> list[ComparedAlert]:
    judged = judge.judge(rule, AlertState(), evaluation)
    return stays(judge.transitions(judged)).get(rule.name, [])
