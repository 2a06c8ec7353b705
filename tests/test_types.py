"""The type checker tells instants from periods: one passed for the other is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

#: A snippet's head; each line below is checked by itself.
HEAD = """
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.periods import Every, instant, micros, period_of
from ebbwatch.model.series import Series
from datetime import date, datetime

def check(
    history: History, clock: ReleaseClock, every: Every, series: Series, day: date, now: datetime
) -> None:
"""

#: What is right, and what is wrong.
RIGHT = (
    "history.figure_for('sofr', period_of(day), as_of=micros(now))",
    "clock.due_period(series, micros(now))",
    "clock.release_at(series, period_of(day))",
    "instant(clock.release_at(series, period_of(day)))",
    "every.text(every.end(period_of(day)))",
)
WRONG = (
    "history.figure_for('sofr', micros(now), as_of=micros(now))",
    "history.figure_for('sofr', period_of(day), as_of=period_of(day))",
    "clock.due_period(series, period_of(day))",
    "clock.release_at(series, micros(now))",
    "clock.next_at(series, micros(now), micros(now))",
    "instant(period_of(day))",
    "every.text(micros(now))",
    "every.end(micros(now) + 1)",
)


def test_an_instant_is_no_period(tmp_path: Path) -> None:
    """Each wrong line is complained about by mypy, and no right one."""
    lines = [*RIGHT, *WRONG]
    snippet = tmp_path / "snippet.py"
    snippet.write_text(HEAD + "".join(f"    {line}\n" for line in lines), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context",
         "--config-file", os.devnull, "--cache-dir", str(tmp_path / "cache"), str(snippet)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "MYPYPATH": str(ROOT / "daemon")},
    )  # fmt: skip
    first = HEAD.count("\n") + 1
    errors = [line for line in done.stdout.splitlines() if line.startswith("snippet.py:")]
    found = {lines[int(line.split(":")[1]) - first] for line in errors}
    assert found == set(WRONG), done.stdout + done.stderr
    assert all("[arg-type]" in line for line in errors), done.stdout
