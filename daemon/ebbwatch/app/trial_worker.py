"""The worker of trials: tries other thresholds, in a process that the daemon starts and ends.

Run as ``python -m ebbwatch.app.trial_worker``: a question as JSON a line on stdin, an answer a
line on stdout, until stdin ends. What a trial needs is kept from one to the next: the rules, the
figures, and what each expression read.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ebbwatch.app.histories import history_from_archive
from ebbwatch.app.loading import load_rules
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.lookback.comparing import ComparedAlert, per_year
from ebbwatch.core.lookback.trial import trial
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.model.periods import micros
from ebbwatch.ruleset.edit import EditRefused, set_clear, set_threshold

if TYPE_CHECKING:
    from ebbwatch.ports import Store
    from ebbwatch.ruleset.rules import Rule

#: Bytes of memory that the process may take.
MOST_BYTES = 1 << 30
#: Seconds of processor time that the process may take before its next question, at most.
MOST_CPU_S = 30


class Bench:
    """Holds what trials need, as long as it is right."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._files: dict[str, bytes] = {}
        self._database = ""
        self._store: Store | None = None
        self._stamp = ""
        self._judge: Judge | None = None
        self._evaluation: Evaluation | None = None

    def answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a trial comes to, or what is wrong with it."""
        self._prepare(asked)
        assert self._judge is not None
        assert self._evaluation is not None
        name = asked["rule"]
        rule = next(rule for rule in self._judge.ruleset.rules if rule.name == name)
        text = self._files[rule.span.file].decode()
        try:
            edited_text = _edited(text, name, asked["edits"])
        except EditRefused as refused:
            return {"problems": [str(refused)]}
        found = load_rules({**self._files, rule.span.file: edited_text.encode()})
        if found.ruleset is None:
            return {"problems": [problem.message for problem in found.problems]}
        edited = next(rule for rule in found.ruleset.rules if rule.name == name)
        whole = trial(self._judge, name, edited, self._evaluation)
        return {
            "ladder": _ladder(self._judge, name, edited),
            "added": [_row(one) for one in whole.added],
            "lost": [_row(one) for one in whole.lost],
            "shifted": [{"old": _row(one.old), "new": _row(one.new)} for one in whole.shifted],
            "before": per_year(whole.old or ()),
            "after": per_year(whole.new or ()),
            "text": edited_text,
            "line": edited.span.line,
            "column": edited.span.column,
        }

    def _prepare(self, asked: Mapping[str, Any]) -> None:
        """Take the rules and figures that are in force now, where they are others."""
        files = {path: text.encode() for path, text in asked["files"].items()}
        if self._judge is not None and files == self._files and asked["stamp"] == self._stamp:
            return
        ruleset = load_rules(files).ruleset
        if ruleset is None:
            raise ValueError("the rules in force cannot be read")
        if self._store is None or asked["database"] != self._database:
            self._database = asked["database"]
            self._store = _opened(self._database)
        judge = Judge(ruleset, history_from_archive(ruleset, self._store))
        self._judge, self._files, self._stamp = judge, files, asked["stamp"]
        self._evaluation = Evaluation(
            judge.history, upto=micros(datetime.fromisoformat(asked["at"]))
        )


def _opened(database: str) -> Store | None:
    """Return the daemon's store, to be read; None where it keeps nothing that lasts."""
    if not database:
        return None
    from ebbwatch.store.open import open_store

    return open_store(database)


def _edited(text: str, name: str, edits: Mapping[str, str]) -> str:
    for key, quantity in edits.items():
        if key == "clear":
            text = set_clear(text, name, quantity)
        else:
            text = set_threshold(text, name, key, quantity)
    return text


def _ladder(judge: Judge, name: str, edited: Rule) -> list[list[Any]]:
    """Return (level, threshold) of the edited rule, in the rule's unit."""
    rule = judge.watched[name]
    return [[level.word, rule.in_unit(threshold.value)] for level, threshold in edited.thresholds]


def _row(one: ComparedAlert) -> dict[str, Any]:
    return {
        "begun_at": one.begun_at.isoformat(),
        "ended_at": None if one.ended_at is None else one.ended_at.isoformat(),
        "level": one.level.word,
        "top": one.top.word,
        "value": one.value,
        "unit": one.unit,
        "period": one.period,
    }


def main() -> None:
    """Answer questions until there are no more."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    bench = Bench()
    for line in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(used.ru_utime + used.ru_stime)
        # The hard limit stays: nobody but root could raise it again for the next question.
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (spent + MOST_CPU_S, hard))
        try:
            answer = bench.answer(json.loads(line))
        except MemoryError:
            answer = {"failed": "it took more memory than a trial may"}
        except Exception as error:  # noqa: BLE001  # one trial that fails ends no other
            # Its text may hold a path or a figure, and nobody needs it: the kind says enough.
            answer = {"failed": type(error).__name__}
        sys.stdout.write(json.dumps(answer, allow_nan=False) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
