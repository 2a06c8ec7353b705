"""Sudden death between any two steps of the daemon: nothing is lost, and a repeat says so.

A process lives through some mornings over a SQLite file, and dies, as by SIGKILL, before its
n-th statement that writes, its n-th commit, or before or after its n-th hand-over to a
receiver; between two of these nothing lasts. Then another one takes up where it left off. That
is done for every n. What the far side got is written to a file, as it happens.

Run as ``python -m tests.test_faults FOLDER``, it prints the walk as JSON: processes that are
forked should not have a test runner's threads.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine, event

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.ports import Source
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.store.open import open_store
from tests.fakes import ManualClock
from tests.paths import ROOT
from tests.ruleset.loading import valid
from tests.scenarios.stage import Heard, PublishingSource, RecordingNotifier, Stage

pytestmark = pytest.mark.slow

RULES = """
rules:
  - name: funding-spread
    title: Repo trades above fed funds
    value: sofr - effr
    above: {watch: 10 bp, critical: 50 bp}
receivers:
  desk: [{telegram: {chat: -1001}}]
  ops: [{slack: {channel: C01}}]
routes:
  - {to: [desk, ops]}
"""

#: A crossing, its easing and its end; each figure comes the morning after.
DAYS = [datetime(2026, 11, day, 14, 5, tzinfo=UTC) for day in (17, 18, 19)]
MORNINGS = [day + timedelta(days=1) for day in DAYS]
SOFR = ["4.30", "3.82", "3.70"]

#: After a death, the next process starts when the dead one's claims have lapsed.
LATER = timedelta(minutes=2)
DEAD = 9


def figures() -> list[tuple[datetime, Published]]:
    """Return SOFR and EFFR with the instants at which they come out."""
    return [
        (at, Published(series=series, period=period_of(day.date()), value=Decimal(value)))
        for day, at, rate in zip(DAYS, MORNINGS, SOFR, strict=True)
        for series, value in (("sofr", rate), ("effr", "3.68"))
    ]


@cache
def the_rules() -> Ruleset:
    """Return the rules, loaded once for all processes."""
    return valid(RULES)


def live(folder: Path, start: int, step: Callable[[], None]) -> None:
    """Run the daemon from one morning to the last.

    Args:
        folder: Holds the database, and a file of what the far side got.
        start: Number of the morning to start on; later than its instant if not the first try.
        step: Called before each thing that lasts; may not return.
    """
    progress = folder / "progress"
    again = (folder / "ebbwatch.db").exists()
    clock = ManualClock(MORNINGS[start] + (LATER if again else timedelta(0)))

    def heard(message: Heard) -> None:
        step()
        with (folder / "heard").open("a") as file:
            file.write(json.dumps({**asdict(message), "at": str(message.at)}) + "\n")
        step()

    def statement(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        if not text.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN")):
            step()

    def commit(_connection: Any) -> None:
        step()

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", commit)
    store = open_store(f"sqlite:///{folder / 'ebbwatch.db'}")
    store.lead("me")
    notifiers = {kind: RecordingNotifier(clock, heard) for kind in ("telegram", "slack")}
    source: Source = PublishingSource(clock, figures())
    stage = Stage(
        the_rules(), store, clock, notifiers=notifiers,
        sources={"nyfed": source}, owner=str(os.getpid()),
    )  # fmt: skip

    async def days() -> None:
        stage.service.begin()
        # So that of one receiver one message is in flight at a time.
        await stage.delivery.once()
        for number, morning in list(enumerate(MORNINGS))[start:]:
            clock.advance_to(max(clock.now(), morning))
            progress.write_text(str(number))
            await stage.once()

    asyncio.run(days())
    store.close()
    event.remove(Engine, "before_cursor_execute", statement)
    event.remove(Engine, "commit", commit)


def forked(work: Callable[[], None]) -> int:
    """Run something in a process of its own; return its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying(at: int) -> Callable[[], None]:
    """Return what ends the process when called the n-th time."""
    left = at

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(DEAD)

    return step


def account(folder: Path) -> dict[str, Any]:
    """Return what the far side got, and what the database says was decided."""
    heard = [json.loads(line) for line in (folder / "heard").read_text().splitlines()]
    store = open_store(f"sqlite:///{folder / 'ebbwatch.db'}")
    decided = [
        [t.rule, str(t.change), t.level.word, t.period, t.muted] for t in store.transitions()
    ]
    left = [row.key for row in store.outbox(states=("waiting", "claimed", "parked", "expired"))]
    store.close()
    said = [[h["receiver"], h["headline"], h["edit"], h["repeat"]] for h in heard]
    return {"heard": said, "decided": decided, "left": left}


def walk(folder: Path) -> list[dict[str, Any]]:
    """Return what came of a run without a death, and of one for each death, in order."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    calm = folder / "calm"
    calm.mkdir()
    live(calm, 0, count)
    found = [account(calm)]
    for n in range(1, steps + 1):
        here = folder / str(n)
        here.mkdir()
        assert forked(partial(live, here, 0, dying(n))) == DEAD, n
        progress = here / "progress"
        at = int(progress.read_text()) if progress.exists() else 0
        assert forked(partial(live, here, at, lambda: None)) == 0, n
        found.append(account(here))
        shutil.rmtree(here)
    return found


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return what came of every death, the run without one first."""
    folder = tmp_path_factory.mktemp("deaths")
    done = subprocess.run(
        [sys.executable, "-m", "tests.test_faults", str(folder)], cwd=ROOT, check=False,
        capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'daemon'}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(found) > 80
    return found


CALM = [
    "👁 Ebbwatch is watching · 0 of 1 rule fires",
    "🔴 CRITICAL · Repo trades above fed funds",
    "↘ EASED to watch · Repo trades above fed funds",
    "✅ RESOLVED · Repo trades above fed funds",
]


def test_a_run_without_a_death_tells_each_change_once(walked: list[dict[str, Any]]) -> None:
    """Two receivers, four messages each, nothing twice."""
    calm = walked[0]
    assert sorted(calm["heard"]) == sorted(
        [receiver, headline, "EASED" in headline, False]
        for receiver in ("desk", "ops")
        for headline in CALM
    )


def test_no_death_changes_what_is_decided(walked: list[dict[str, Any]]) -> None:
    """Every transition stands there once, and nothing is left in the outbox."""
    for n, found in enumerate(walked):
        assert (n, found["decided"], found["left"]) == (n, walked[0]["decided"], [])


def test_no_death_loses_a_message(walked: list[dict[str, Any]]) -> None:
    """Each receiver hears all of it, in order."""
    for n, found in enumerate(walked):
        for receiver in ("desk", "ops"):
            heard = dict.fromkeys(line[1] for line in found["heard"] if line[0] == receiver)
            assert (n, list(heard)) == (n, CALM)


def test_only_what_was_in_flight_is_repeated_and_says_so(walked: list[dict[str, Any]]) -> None:
    """A receiver hears at most one message twice, and its second copy is marked."""
    repeated = 0
    for n, found in enumerate(walked):
        for receiver in ("desk", "ops"):
            heard = [line for line in found["heard"] if line[0] == receiver]
            twice = [line for line, following in pairwise(heard) if line[1] == following[1]]
            marked = [line for line in heard if line[3]]
            assert len(heard) - len(twice) == len(CALM), n
            assert len(twice) <= 1, n
            assert {line[1] for line in twice} <= {line[1] for line in marked}, n
            repeated += len(twice)
    assert repeated > 0


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    json.dump(walk(Path(sys.argv[1])), sys.stdout)
