"""Replay of the bundled archive under the shipped rules: what happened, to the minute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest

from ebbwatch import app
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.model.alert import Transition
from ebbwatch.model.periods import day_of, instant, micros
from ebbwatch.runtime.lookback import replay as replaying
from ebbwatch.runtime.lookback.transcript import write_jsonl
from tests.paths import ROOT


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Return the shipped rules over the bundled archive."""
    loaded = app.load_rules(app.rule_files(ROOT / "rules"))
    assert loaded.ruleset is not None, loaded.problems
    return Judge(loaded.ruleset, app.history_from_archive(loaded.ruleset, None))


@pytest.fixture(scope="module")
def told(judge: Judge) -> list[Transition]:
    """Return everything told over the whole archive."""
    return list(replaying.transitions(judge, replaying.replay(judge), replaying.WantedSpan()))


def rows(told: list[Transition], rule: str, first: str, last: str) -> list[dict[str, Any]]:
    """Return a rule's lines between two New York days, both included."""
    lines = [json.loads(replaying.as_json(t)) for t in told if t.rule == rule]
    return [line for line in lines if first <= line["at"][:10] <= last]


def short(line: dict[str, Any]) -> tuple[str, str, str, float | None, str | None, str]:
    """Return what matters most of a line."""
    return (line["at"], line["change"], line["level"], line["value"], line["unit"], line["period"])


def test_september_2019_fires_critical_with_the_figures_of_that_morning(
    told: list[Transition],
) -> None:
    """On 18 September 2019, 09:00, SOFR for the 17th stood 295 bp over fed funds."""
    fired = [
        line
        for line in rows(told, "funding-spread", "2019-09-16", "2019-09-18")
        if line["level"] == "critical"
    ]
    assert [short(line) for line in fired] == [
        ("2019-09-18T09:00:00-04:00", fired[0]["change"], "critical", 295.0, "bp", "2019-09-17")
    ]
    assert fired[0]["change"] in ("fired", "escalated")
    assert fired[0]["threshold"] == 50.0
    assert [
        (i["series"], i["period"], i["value"], i["unit"], i["known_at"], i["assumed"], i["source"])
        for i in fired[0]["inputs"]
    ] == [
        ("sofr", "2019-09-17", 5.25, "%", "2019-09-18T08:00:00-04:00", True, "nyfed"),
        ("effr", "2019-09-17", 2.3, "%", "2019-09-18T09:00:00-04:00", True, "nyfed"),
    ]


def test_october_2025_reads_36_bp_on_the_third_of_november(judge: Judge) -> None:
    """SOFR for 31 October 2025 stood 36 bp over fed funds, known on 3 November, 09:00."""
    rule = judge.watched["funding-spread"]
    at = micros(instant(0)) + 0
    journal = replaying.replay(judge)
    judged = next(j for j in journal.judged if j.rule.name == rule.name)
    signals = judged.signals
    found = [
        (replaying.stamp(int(a)), rule.in_unit(float(v)))
        for a, p, v in zip(signals.at, signals.periods, signals.values, strict=True)  # type: ignore[arg-type]
        if day_of(int(p)) == date(2025, 10, 31)
    ]
    assert at == 0
    assert found == [("2025-11-03T09:00:00-05:00", 36.0)]


#: The days on which the target range rose, from September 2018 to July 2023.
RISES = ["2018-09-27", "2018-12-20", "2022-03-17", "2022-05-05", "2022-06-16", "2022-07-28",
         "2022-09-22", "2022-11-03", "2022-12-15", "2023-02-02", "2023-03-23", "2023-05-04",
         "2023-07-27"]  # fmt: skip


def test_no_rise_of_the_target_range_is_taken_for_a_spread(told: list[Transition]) -> None:
    """SOFR comes out an hour before fed funds; on thirteen rises that would have been an alarm."""
    false = [
        short(json.loads(replaying.as_json(t)))
        for t in told
        if t.rule == "funding-spread"
        and t.change in ("fired", "escalated")
        and t.period in RISES
        and t.at.astimezone(replaying.NEW_YORK).strftime("%H:%M") == "08:00"
    ]
    assert false == []
    assert not [
        t
        for t in told
        if t.rule in ("funding-spread", "repo-spike", "sofr-above-range")
        and t.change == "fired"
        and t.period in RISES
    ]


@pytest.mark.parametrize("day", ["2019-10-31", "2024-12-19", "2025-09-18", "2025-10-30"])
def test_no_cut_of_the_target_range_resolves_a_spread(told: list[Transition], day: str) -> None:
    """On the morning of a cut SOFR alone is new: nothing eases before fed funds came out."""
    wrong = [
        t
        for t in told
        if t.rule == "funding-spread"
        and t.change in ("resolved", "eased")
        and t.at.astimezone(replaying.NEW_YORK).date().isoformat() == day
        and t.at.astimezone(replaying.NEW_YORK).hour < 9
    ]
    assert wrong == []


def test_every_reading_uses_only_what_was_known(told: list[Transition]) -> None:
    """No transition has an input that became known after it."""

    def late() -> Iterator[tuple[str, str]]:
        for t in told:
            for given in t.inputs:
                if given.known_at > t.at:
                    yield t.rule, t.at.isoformat()

    assert list(late()) == []
    assert len(told) > 100


def test_gdp_is_read_in_the_vintage_that_was_out(judge: Judge) -> None:
    """On 24 September 2025 the second estimate of Q2 stood; on the 25th the annual revision."""
    from ebbwatch.expr.evaluate import Evaluation  # noqa: PLC0415

    node = next(
        n
        for w in judge.watched.values()
        for n in w.node.walk()
        if n.op == "series" and n.params == ("gdp",)
    )

    def known(day: str) -> tuple[str, float]:

        at = micros(datetime.fromisoformat(f"{day}T17:00:00-04:00"))
        reading = Evaluation(judge.history, upto=at).current(node)
        assert reading.numbers is not None
        return day_of(int(reading.periods[0])).isoformat(), float(reading.numbers.values[0])

    assert known("2025-09-24") == ("2025-04-01", 30353.902e9)
    assert known("2025-09-30") == ("2025-04-01", 30485.729e9)


def test_running_the_tape_again_gives_the_same_lines(judge: Judge, told: list[Transition]) -> None:
    """A replay adds nothing and changes nothing: ids come from logical time."""
    again = list(replaying.transitions(judge, replaying.replay(judge), replaying.WantedSpan()))
    assert [replaying.as_json(t) for t in again] == [replaying.as_json(t) for t in told]


def test_never_is_null_in_json(told: list[Transition]) -> None:
    """A trend that leads away is a value of its own: null, and said to be never."""
    for transition in told:
        line = replaying.as_json(transition)
        assert "Infinity" not in line
        assert "NaN" not in line


@pytest.mark.parametrize("processes", [1, 3])
def test_the_quick_writer_and_the_plain_one_write_the_same_lines(
    judge: Judge, told: list[Transition], processes: int
) -> None:
    """Lines made column by column equal those made from whole transitions, byte by byte."""
    quick: list[str] = []
    write_jsonl(
        judge.ruleset, judge.history, replaying.WantedSpan(), quick.append, processes=processes
    )
    lines = "".join(quick).splitlines()
    assert sorted(lines) == sorted(replaying.as_json(t) for t in told)
    instants = [json.loads(line)["at"] for line in lines]
    assert [datetime.fromisoformat(at) for at in instants] == sorted(
        datetime.fromisoformat(at) for at in instants
    )
