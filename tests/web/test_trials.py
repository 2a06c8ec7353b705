"""Trials: other thresholds over all of history, as a replay of the edited file would have it."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ebbwatch import app
from ebbwatch.app.trial_worker import Bench
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.lookback.comparing import compared, stays
from ebbwatch.core.lookback.trial import trial
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.model.periods import micros
from ebbwatch.ruleset.edit import set_clear, set_threshold
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.lookback.replay import WantedSpan, replay, transitions
from ebbwatch.runtime.trials import IDLE, MOST_WAITING, TrialFailed, Trials, Tried
from tests.fakes import ManualClock
from tests.paths import ROOT
from tests.web.serving import site, stage, visiting
from tests.web.test_site import HTML, words

AT = datetime(2026, 8, 31, tzinfo=UTC)
PACK = app.rule_files(ROOT / "rules")


def loaded(files: dict[str, bytes]) -> Ruleset:
    """Return a valid ruleset."""
    ruleset = app.load_rules(files, data_only=True).ruleset
    assert ruleset is not None
    return ruleset


def edited(rule: str, edits: dict[str, str]) -> dict[str, bytes]:
    """Return the default pack with a rule edited in its file."""
    path = next(each.span.file for each in loaded(PACK).rules if each.name == rule)
    text = PACK[path].decode()
    for key, quantity in edits.items():
        if key == "clear":
            text = set_clear(text, rule, quantity)
        else:
            text = set_threshold(text, rule, key, quantity)
    return {**PACK, path: text.encode()}


@pytest.mark.parametrize(
    ("rule", "edits"),
    [
        ("funding-spread", {"warning": "15 bp"}),
        ("funding-spread", {"warning": "25 bp", "clear": "10 bp"}),
        ("funding-spread", {"watch": "10 bp"}),
        ("funding-spread-ordinary-days", {"warning": "12 bp"}),
        ("reserves-level", {"warning": "$3tn"}),
        ("discount-window", {"watch": "$5bn"}),
    ],
)
def test_a_trial_says_what_replays_of_both_files_say(rule: str, edits: dict[str, str]) -> None:
    """Alert by alert: nothing is found by another way than history's."""
    old, new = loaded(PACK), loaded(edited(rule, edits))
    history = app.history_from_archive(old, None)
    sides = []
    for ruleset in (old, new):
        judge = Judge(ruleset, history).only((rule,))
        moves = transitions(judge, replay(judge, micros(AT)), WantedSpan())
        sides.append(stays(moves).get(rule, []))
    other = next(each for each in new.rules if each.name == rule)
    found = trial(Judge(old, history), rule, other, Evaluation(history, upto=micros(AT)))
    assert found == compared(rule, *sides)
    assert found.old
    if edits == {"watch": "10 bp"}:
        assert found.same


def question(rule: str = "funding-spread", **more: object) -> dict[str, object]:
    """Return what the daemon asks the worker."""
    return {
        "rule": rule, "edits": {"warning": "25 bp"}, "at": AT.isoformat(), "stamp": "1",
        "files": {path: body.decode() for path, body in PACK.items()}, "database": "", **more,
    }  # fmt: skip


def test_the_worker_says_what_is_wrong_with_an_edit() -> None:
    """In the words of `check`: unit, order, level."""
    bench = Bench()
    for edits, complaint in (
        ({"warning": "25 gold"}, "gold is no unit"),
        ({"warning": "$3"}, "cannot compare a rate and an amount of money"),
        ({"warning": "60 bp"}, "critical at 50 bp does not lie above warning at 60 bp"),
    ):
        (problem, *_) = bench.answer(question(edits=edits))["problems"]
        assert complaint in problem
    assert "problems" not in bench.answer(question())


def test_the_worker_takes_other_rules_and_figures_when_they_are_others() -> None:
    """What was kept from the last question is not used for rules that were edited since."""
    bench = Bench()
    before = bench.answer(question())["before"]
    raised = edited(
        "funding-spread", {"critical": "400 bp", "warning": "300 bp", "watch": "200 bp"}
    )
    files = {path: body.decode() for path, body in raised.items()}
    after = bench.answer(question(files=files, edits={"watch": "201 bp"}))["before"]
    assert sum(after.values()) < sum(before.values())
    judge = bench._judge
    bench.answer(question(files=files, edits={"watch": "202 bp"}))
    assert bench._judge is judge
    bench.answer(question(files=files, edits={"watch": "203 bp"}, stamp="2"))
    assert bench._judge is not judge


# ---- the process ---------------------------------------------------------------------------


TRIED = Tried("funding-spread", {"warning": "25 bp"}, PACK, "1", AT)


def worker(tmp_path: Path, body: str) -> tuple[str, ...]:
    """Return the command of a worker of our own, which has `line` of each question."""
    script = tmp_path / "worker.py"
    script.write_text(f"import sys, time, os\nfor line in sys.stdin:\n    {body}\n", "utf-8")
    return (sys.executable, str(script))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("time.sleep(60)", "it took longer than 2 s"),
        ("os._exit(3)", "the worker ended"),
        ("print('nonsense', flush=True)", "the worker failed (JSONDecodeError)"),
        ('print(\'{"failed": "ZeroDivisionError"}\', flush=True)', "ZeroDivisionError"),
        ("print('x' * 20_000_000, flush=True)", "the worker failed (ValueError)"),
    ],
)
async def test_a_worker_that_fails_is_ended_and_another_started(
    tmp_path: Path, body: str, said: str
) -> None:
    """Nobody waits for ever, and the next question finds a worker that is well."""
    trials = Trials(ManualClock(), command=worker(tmp_path, body), patience_s=2.0)
    with pytest.raises(TrialFailed) as failed:
        await trials.ask(TRIED)
    assert (str(failed.value), trials.warm) == (said, False)
    trials.command = worker(tmp_path, "print('{\"added\": []}', flush=True)")
    trials.patience_s = 30.0
    assert await trials.ask(TRIED) == {"added": []}
    await trials.aclose()
    assert not trials.warm


async def test_a_worker_that_cannot_be_started_is_said() -> None:
    """As on a machine without room for another process."""
    with pytest.raises(TrialFailed, match="FileNotFoundError"):
        await Trials(ManualClock(), command=("/nowhere/python",)).ask(TRIED)


async def test_it_is_let_go_when_nobody_asked_for_ten_minutes(tmp_path: Path) -> None:
    """Each question begins the ten minutes anew."""
    clock = ManualClock()
    trials = Trials(clock, command=worker(tmp_path, "print('{}', flush=True)"))
    for _ in range(2):
        await trials.ask(TRIED)
        await asyncio.sleep(0)
        clock.advance(IDLE - timedelta(seconds=1))
        await asyncio.sleep(0)
        assert trials.warm
    clock.advance(timedelta(seconds=2))
    async with asyncio.timeout(10):
        while trials.warm:  # noqa: ASYNC110  # a process ends by itself
            await asyncio.sleep(0.01)


async def test_questions_take_turns_and_too_many_are_refused(tmp_path: Path) -> None:
    """One process, one question at a time; what waits is bounded."""
    body = "time.sleep(0.2); print('{}', flush=True)"
    trials = Trials(ManualClock(), command=worker(tmp_path, body))
    asked = [asyncio.create_task(trials.ask(TRIED)) for _ in range(MOST_WAITING + 3)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(found == {} for found in done) == MOST_WAITING
    assert sum(isinstance(found, TrialFailed) for found in done) == 3
    await trials.aclose()


# ---- the page ------------------------------------------------------------------------------


async def test_the_page_of_a_rule_tries_other_thresholds() -> None:
    """What is added, lost and shifted, year by year, in the chart, and as lines to copy."""
    async with visiting(site(stage())) as browser:
        plain = await (await browser.get("/rules/funding-spread", headers=HTML)).text()
        assert 'name="warning" value="" placeholder="20 bp"' in plain
        answer = await browser.get("/rules/funding-spread?watch=15+bp&clear=", headers=HTML)
        body = await answer.text()
        said = words(body)
        assert "lost:" in said
        assert "2019" in said
        assert "watch, tried" in body
        assert "- name: funding-spread" in said
        assert "above: {watch: 15 bp, warning: 20 bp, critical: 50 bp}" in said
        wrong = await browser.get("/rules/funding-spread?warning=%3Cb%3E", headers=HTML)
        assert "expected a quantity such as 20 bp" in words(await wrong.text())
        nothing = await browser.get("/rules/said?warning=1", headers=HTML)
        assert (nothing.status, "Try it" in await nothing.text()) == (200, False)
