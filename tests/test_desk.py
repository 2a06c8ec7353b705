"""The desk: each question has one answer, whoever asks it and wherever."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from ebbwatch import app
from ebbwatch.cli import common, daemon
from ebbwatch.core.alerting.judging import Judge, waits_for
from ebbwatch.core.answering.answers import Answer
from ebbwatch.core.answering.expected import Expected
from ebbwatch.core.answering.json_rows import answer_row, standing_row
from ebbwatch.core.answering.status import Standing
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.core.render.reading_words import found_text, reading_text
from ebbwatch.core.render.standings import MARKS, due_text, standings_table
from ebbwatch.core.render.value_answers import answer_line
from ebbwatch.core.render.why import why_sections
from ebbwatch.locale import translator
from ebbwatch.markup.columns import table
from ebbwatch.model.alert import Change, Level
from ebbwatch.model.message import Reason
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros, period_of
from ebbwatch.ports import Store
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime import silences
from ebbwatch.runtime.desk import Desk, NoSuchRule, kept_states, walked_states
from ebbwatch.runtime.pipeline import Event
from ebbwatch.store.in_memory import MemoryStore
from ebbwatch.store.open import open_store
from tests.cli import run
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import Stage

EN = translator("en")
#: Tuesday, 24 November 2026, 07:00 in New York: Monday's figures are out in an hour.
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

SERIES = """
  {name}:
    source: {{csv: {name}.csv}}
    unit: percent per year
    every: business day
    released: {{after: 1 business day, at: "08:00", zone: America/New_York, calendar: sifma}}
"""
NAMES = ("fresh", "behind", "old", "never", "high", "high_old")
RULES = (
    "series:"
    + "".join(SERIES.format(name=name) for name in NAMES)
    + """
rules:
  - {name: quiet, value: fresh, above: {watch: 4 %}}
  - {name: late, value: behind, above: {watch: 4 %}}
  - {name: stale, value: old, above: {watch: 4 %}}
  - {name: never-polled, value: never, above: {watch: 4 %}}
  - {name: firing, value: high, above: {watch: 4 %, critical: 9 %}}
  - {name: firing-stale, value: high_old, above: {warning: 4 %}}
  - {name: two-series, value: fresh - behind, above: {watch: 10 bp}}
  - {name: condition, when: high > 4 % and fresh < 4 %}
  - {name: condition-stale, when: high_old > 4 %}
  - {name: lamps, value: "count(high > 4 %, behind > 1 %, old > 1 %)", above: {watch: 1}}
  - {name: lamps-late, value: "count(behind > 1 %, behind > 9 %)", above: {watch: 1}}
  - {name: lamps-stale, value: "count(old > 1 %, high_old > 1 %)", above: {watch: 1}}
  - {name: said, text: fed_press, matches: runoff}
"""
)
#: The newest period held of each series, and its value in percent.
HELD = {
    "fresh": (date(2026, 11, 20), "3.60"),
    "behind": (date(2026, 11, 19), "3.50"),
    "old": (date(2026, 8, 20), "3.40"),
    "high": (date(2026, 11, 20), "5.00"),
    "high_old": (date(2026, 8, 20), "6.00"),
}


def figures(rules: Ruleset) -> Iterator[Observation]:
    """Yield ten business days of each series that was ever polled, the value constant."""
    calendar = rules.business["sifma"]
    for name, (last, value) in HELD.items():
        for back in range(10):
            day = calendar.add(last, -back) if back else last
            out = calendar.add(day, 1)
            yield Observation(
                series=name, period=period_of(day), value=Decimal(value) / 100, source="csv",
                known_at=datetime(out.year, out.month, out.day, 13, 0, tzinfo=UTC),
            )  # fmt: skip


def history(rules: Ruleset) -> History:
    """Return a history of those figures."""
    known = History(rules.series, rules.business, ReleaseClock(rules.business))
    known.observe(figures(rules))
    return known


def begun(rules: Ruleset, store: Store) -> Stage:
    """Return a daemon at its first start, told to one reader."""
    with store.transaction():
        store.record(list(figures(rules)))
    told = app.with_default_receivers(rules, common.settings(), "en")
    stage = Stage(told, store, ManualClock(NOW), notifiers={})
    assert stage.service.begin()
    return stage


@pytest.fixture(autouse=True)
def _no_logs() -> None:
    """Keep what a daemon logs out of the way."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a database of its own."""
    address = f"sqlite:///{tmp_path}/ebbwatch.db"
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", address)
    monkeypatch.setattr(common, "now", lambda: NOW)
    return address


# ---- one answer to each question -----------------------------------------------------------

#: What each rule says: value in JSON, state, the cells of its row (value, last, next figure).
SAID = {
    "quiet": (3.6, "inactive", "3.60 %", "", "24 Nov 08:00"),
    "late": (3.5, "inactive", "3.50 %", "", "late since 23 Nov"),
    "stale": (None, "inactive", "unknown", "3.40 %", "late since 24 Aug"),
    "never-polled": (None, "inactive", "unknown", "", "no figure yet"),
    "firing": (5.0, "firing", "5.00 %", "", "24 Nov 08:00"),
    "firing-stale": (None, "firing", "unknown", "6.00 %", "late since 24 Aug"),
    "two-series": (10.0, "inactive", "10 bp", "", "late since 23 Nov"),
    "condition": (None, "firing", "true", "", "24 Nov 08:00"),
    "condition-stale": (None, "firing", "unknown", "true", "late since 24 Aug"),
    "lamps": (2.0, "firing", "at least 2", "", "24 Nov 08:00, 2 late"),
    "lamps-late": (1.0, "inactive", "1", "", "late since 23 Nov"),
    "lamps-stale": (None, "firing", "unknown", "2", "late since 24 Aug"),
    "said": (None, "inactive", "", "", ""),
}
LATE = {"late", "stale", "firing-stale", "two-series", "condition-stale", "lamps-late",
        "lamps-stale"}  # fmt: skip
UNKNOWN = {"stale", "never-polled", "firing-stale", "condition-stale", "lamps-stale"}


@dataclass(frozen=True)
class Rooms:
    """What was said at one instant, room by room.

    Attributes:
        rules: Their directory.
        ruleset: The rules.
        table: Rows of the daemon's first table, by rule.
        rows: Of `status --format json`, by rule.
        summary: Lines of the daemon's first summary, by title.
    """

    rules: Path
    ruleset: Ruleset
    table: dict[str, str]
    rows: dict[str, dict[str, Any]]
    summary: dict[str, str]


@pytest.fixture
def rooms(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Rooms:
    """A daemon that started for the first time, and the commands beside it."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "r.yaml").write_text(RULES)
    ruleset = app.load_rules(app.rule_files(folder), data_only=True).ruleset
    assert ruleset is not None
    store = open_store(database)
    stage = begun(ruleset, store)
    daemon._show(stage.service.desk.standings(NOW), translator("en"))
    shown = capsys.readouterr().out
    [summary] = [r.message for r in store.outbox() if r.message.reason is Reason.SUMMARY]
    store.close()
    assert run("status", "--rules", folder).out == shown
    assert max(map(len, shown.splitlines())) <= 80
    rows = run("status", "--rules", folder, "--format", "json").json
    lines = [line for line in shown.splitlines() if line[:1] in MARKS.values()]
    told = [line.split(" ", 1)[1] for line in summary.lines]
    return Rooms(
        folder,
        ruleset,
        {line.split()[1]: line for line in lines},
        {row["rule"]: row for row in rows},
        {re.split("[:,] ", line, maxsplit=1)[0]: line for line in told},
    )


@pytest.mark.parametrize("name", SAID)
def test_every_room_says_the_same(rooms: Rooms, name: str) -> None:
    """A daemon's first table and summary, and `status`, `why` and `value` beside it."""
    value, state, cell, last, due = SAID[name]
    late, unknown, condition = name in LATE, name in UNKNOWN, name.startswith("condition")

    row, line = rooms.rows[name], f"{rooms.table[name]} "
    assert (row["value"], row["state"], row["frozen"]) == (value, state, late)
    assert (row["next_due"] is None) == (late or name in ("never-polled", "said"))
    assert [text in line for text in (f" {cell} ", f" {last} ", f" {due} ")] == [True] * 3

    why = " ".join(run("why", name, "--rules", rooms.rules).out.split())
    assert ("Its reading is unknown: " in why) == unknown
    assert ("Its figures are late since " in why) == late
    assert f"It was {last} for " in why or not last
    assert f": {cell} for " in why or unknown or condition or not cell

    rule = next(rule for rule in rooms.ruleset.rules if rule.name == name)
    if (asked := rule.value or rule.when) is not None:
        found = run("value", asked.text, "--rules", rooms.rules, "--format", "json").json
        said = run("value", asked.text, "--rules", rooms.rules).out
        truth = None if unknown else True
        assert found["value"] == (truth if condition else value)
        assert (found["period"], found.get("at_least")) == (row["period"], row.get("at_least"))
        assert said.startswith("unknown: " if unknown else f"{cell}  for ")
        assert f"(last {last} for " in said or not last

    assert (name in rooms.summary) == (state == "firing")
    if state == "firing":
        told = rooms.summary[name]
        assert f"unknown, last {last} (" in told if unknown else condition or f"{cell} (" in told
        assert told.endswith("frozen: its figures are late") == late


#: Instants at which the bundled archive has something of everything: what fires, what is quiet;
#: GDP late under reserves; figures late, and stale; and gold, which was never polled.
ARCHIVE = ["2025-11-04T15:00", "2025-11-12T15:00", "2026-08-24T15:30", "2026-11-30T15:00"]


@pytest.fixture(scope="module")
def pack() -> tuple[Ruleset, History]:
    """The default pack over the bundled archive, read once."""
    loaded = app.load_rules(app.rule_files(app.default_rules()), data_only=True).ruleset
    assert loaded is not None
    return loaded, app.history_from_archive(loaded, None)


@pytest.mark.parametrize("at", ARCHIVE)
def test_the_default_pack_reads_the_same_everywhere(pack: tuple[Ruleset, History], at: str) -> None:
    """For every rule: the daemon's own desk, one beside it, the explanation and the answer."""
    rules, known = pack
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    rules = app.with_default_receivers(rules, common.settings(), "en")
    stage = Stage(rules, MemoryStore(), ManualClock(moment), notifiers={}, history=known)
    stage.service.begin()
    inside = stage.service.desk
    judge = Judge(rules, known)
    outside = Desk(lambda: judge, walked_states(lambda: judge))
    rows = inside.standings(moment)
    assert rows == outside.standings(moment)
    for row in rows:
        told = inside.explanation(row.rule.name, moment, EN)
        assert told.standing == row
        asked = row.rule.value or row.rule.when
        if asked is None:
            continue
        assert row.reading is not None
        answer = outside.answer(" ".join(asked.text.split()), moment)
        assert isinstance(answer, Answer)
        # A rule prints in the unit of its thresholds; what was found is the same.
        if answer.reading.unit == row.reading.unit:
            assert answer.reading == row.reading
        assert (answer.reading.known, answer.reading.period) == (
            row.reading.known, row.reading.period,
        )  # fmt: skip
        said = " ".join(line for part in why_sections(EN, told) for line in part.lines)
        assert ("Its reading is unknown" in said) == (not row.reading.known), row.rule.name
    [summary] = [r.message for r in stage.store.outbox() if r.message.reason is Reason.SUMMARY]
    for row in rows:
        if row.level is Level.NONE or row.reading is None or row.reading.newest is None:
            continue
        newest = found_text(EN, row.reading.newest, row.reading.unit, row.near)
        lines = [one for one in summary.lines if f" {row.rule.title.in_language('en')}" in one]
        if not lines and summary.lines[-1].startswith("and "):  # a list is cut short
            continue
        [line] = lines
        assert (newest in line) == (row.reading.unit is not None or not row.reading.known), line
        assert ("unknown" in line) == (not row.reading.known), line
        assert ("frozen" in line) == row.frozen, line


def test_a_store_that_is_months_old_says_so_in_each_row(pack: tuple[Ruleset, History]) -> None:
    """Every rule with figures is unknown, says how old they are, and since when they are late."""
    rules, known = pack
    judge = Judge(rules, known)
    moment = datetime(2027, 1, 15, 15, 0, tzinfo=UTC)
    rows = Desk(lambda: judge, walked_states(lambda: judge)).standings(moment)
    for row in rows:
        if row.reading is None or not row.reading.period:
            continue
        assert not row.reading.known, row.rule.name
        assert row.age is not None
        assert row.age > timedelta(days=30), row.rule.name
        assert row.frozen, row.rule.name
        assert due_text(EN, row).startswith("late since "), row.rule.name
        assert row.next_due is None, row.rule.name
    shown = table(standings_table(EN, rows), 80)
    assert max(map(len, shown.splitlines())) <= 80
    assert "●  reserves-level" in shown


# ---- the same within the daemon and beside it ----------------------------------------------


def test_states_are_those_the_daemon_left(database: str) -> None:
    """What it keeps counts; a rule that it never saw, or that was edited since, is walked."""
    rules = valid(RULES)
    store = open_store(database)
    begun(rules, store)
    # What only the daemon can know: its own records, not the tape, say since when it fires.
    [record] = [one for name, one in store.alerts().items() if name == "firing"]
    state = re.sub(r'"entered_at":-?\d+', f'"entered_at":{micros(NOW) - 1}', record.state)
    assert state != record.state
    with store.transaction():
        store.save_alerts([replace(record, state=state)])

    def since(text: str) -> dict[str, datetime | None]:
        edited = valid(text)
        judge = Judge(edited, history(edited))
        rows = Desk(lambda: judge, kept_states(lambda: judge, store), store).standings(NOW)
        return {row.rule.name: row.since for row in rows if row.level is not Level.NONE}

    kept = NOW - timedelta(microseconds=1)
    assert since(RULES)["firing"] == kept
    assert since(RULES)["firing-stale"] != kept
    edited = since(RULES.replace("critical: 9 %", "critical: 8 %"))
    assert edited["firing"] is not None
    assert edited["firing"] < kept
    renamed = since(RULES.replace("name: firing,", "name: renamed,"))
    assert "firing" not in renamed
    assert renamed["renamed"] == edited["firing"]
    store.close()


async def test_the_desk_of_a_daemon_follows_a_reload() -> None:
    """Whoever was given it once asks the rules in force, by their new names."""
    rules = valid(RULES)
    stage = begun(rules, MemoryStore())
    desk = stage.service.desk
    assert desk.standing("quiet", NOW).level is Level.NONE
    edited = valid(
        RULES.replace("name: quiet,", "name: calm,").replace("fresh, above", "high, above")
    )
    await stage.service.adopt(Judge(edited, history(edited)), [])
    assert desk.standing("calm", NOW).level is Level.WATCH
    with pytest.raises(NoSuchRule, match="there is no rule quiet; "):
        desk.standing("quiet", NOW)
    with pytest.raises(NoSuchRule):
        desk.explanation("quiet", NOW, EN)


def test_an_answer_is_as_known_then() -> None:
    """A figure that came later is not in it, and the store may hold the future."""
    rules = valid(RULES)
    judge = Judge(rules, history(rules))
    desk = Desk(lambda: judge, walked_states(lambda: judge))
    before = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    row = desk.standing("quiet", before)
    assert (row.reading and row.reading.period, row.next_due) == (
        "2026-11-18", datetime(2026, 11, 20, 13, 0, tzinfo=UTC),
    )  # fmt: skip


def test_what_is_wrong_with_an_expression_is_its_answer() -> None:
    """Nothing is raised for what somebody typed; a question about nothing has an answer, too."""
    rules = valid(RULES)
    judge = Judge(rules, history(rules))
    desk = Desk(lambda: judge, walked_states(lambda: judge))
    wrong = desk.answer("fresh - freshh", NOW)
    assert isinstance(wrong, tuple)
    assert [problem.code for problem in wrong] == ["unknown-name"]
    assert isinstance(desk.chart("freshh", NOW, EN), tuple)
    assert desk.chart("fresh > 1 %", NOW, EN) is None
    right = desk.answer("fresh", NOW)
    assert isinstance(right, Answer)
    assert (answer_row(right)["value"], answer_line(EN, right)) == (3.6, "3.60 %  for 2026-11-20")


def test_a_rule_is_drawn_by_its_name_with_its_rises_marked(database: str) -> None:
    """Beside a store by what it recorded; without one, by what a replay finds: the same."""
    rules = valid(RULES)
    judge = Judge(rules, history(rules))
    store = open_store(database)
    begun(rules, store)
    alone = Desk(lambda: judge, walked_states(lambda: judge))
    kept = Desk(lambda: judge, walked_states(lambda: judge), store)
    spec = alone.chart("firing", NOW, EN)
    assert spec == kept.chart("firing", NOW, EN)
    assert spec is not None
    assert not isinstance(spec, tuple)
    assert (spec.unit, [label for label, _ in spec.thresholds]) == ("%", ["watch", "critical"])
    assert spec.marks == (("2026-11-06", "watch"),)
    later = alone.chart("firing", NOW, EN, first=date(2026, 11, 18))
    assert later is not None
    assert not isinstance(later, tuple)
    assert ([period for period, _ in later.points], later.marks) == (
        ["2026-11-18", "2026-11-19", "2026-11-20"], (),
    )  # fmt: skip
    assert alone.chart("firing", NOW, EN, first=date(2026, 11, 23)) is None
    assert (alone.chart("condition", NOW, EN), alone.chart("said", NOW, EN)) == (None, None)
    store.close()


def test_silences_acknowledgements_and_what_waits_are_asked_here() -> None:
    """Without a store there are none; a group that waits is listed with when it is due."""
    rules = valid(RULES.replace("rules:", "routes: [{to: [desk], group_wait: 30 s}]\n"
                                "receivers: {desk: [{telegram: {chat: 1}}]}\nrules:", 1))  # fmt: skip
    store = MemoryStore()
    stage = begun(rules, store)
    desk = stage.service.desk
    judge = Judge(rules, history(rules))
    empty = Desk(lambda: judge, walked_states(lambda: judge))
    assert (empty.silences(NOW), empty.acks(), empty.waiting().messages) == ((), (), ())
    made = silences.silence(
        store, silences.matcher_of(["firing"]), at=NOW, until=NOW + timedelta(days=1), by="me"
    )
    assert desk.silences(NOW) == (made,)
    assert desk.silences(NOW + timedelta(days=1)) == ()
    ack = silences.acknowledge(store, "firing", at=NOW, by="me")
    assert desk.acks() == (ack,)
    assert {row.message.reason for row in desk.waiting().messages} == {
        Reason.SUMMARY, Reason.HEALTH,
    }  # fmt: skip
    assert desk.waiting().groups == ()
    quiet = period_of(date(2026, 11, 23))
    out = NOW + timedelta(hours=1)
    stage.clock.advance_to(out)
    news = Observation(
        series="fresh", period=quiet, value=Decimal("0.05"), known_at=out, source="csv"
    )
    stage.service.pipeline.handle(Event(at=micros(out), observations=(news,)))
    [group] = desk.waiting().groups
    assert [(move.rule, move.change) for move in group.moves] == [("quiet", Change.FIRED)]
    assert group.due_at == out + timedelta(seconds=30)


def test_a_question_about_neither_rules_nor_figures_loads_none() -> None:
    """To list silences, nobody has to read the rule files."""

    def judge() -> Judge:
        raise AssertionError("it was asked for")

    desk = Desk(judge, walked_states(judge), MemoryStore())
    assert (desk.silences(NOW), desk.acks(), desk.waiting().messages) == ((), (), ())


# ---- standings -----------------------------------------------------------------------------


def _standings(text: str, at: datetime) -> dict[str, Standing]:
    rules = valid(text)
    judge = Judge(rules, history(rules))
    rows = Desk(lambda: judge, walked_states(lambda: judge)).standings(at)
    return {row.rule.name: row for row in rows}


def test_a_figure_that_is_due_and_not_late_yet_says_so() -> None:
    """In the grace after its instant nothing is promised, and nothing is late."""
    row = _standings(RULES, NOW + timedelta(hours=1, minutes=30))["quiet"]
    assert (row.next_due, row.frozen, row.late) == (None, False, ())
    assert row.overdue_since == NOW + timedelta(hours=1)
    assert due_text(EN, row) == "due since 24 Nov"


def test_a_count_is_frozen_only_while_all_of_it_is() -> None:
    """One condition that still moves keeps it going; what is late of the others is told."""
    rows = _standings(RULES, NOW)
    assert (rows["lamps"].frozen, rows["lamps-late"].frozen) == (False, True)
    assert [late.series for late in rows["lamps"].late] == ["behind", "old"]
    watched = Judge(valid(RULES), history(valid(RULES))).watched
    assert waits_for(watched["lamps"].node, {"high", "behind", "old"})
    assert not waits_for(watched["lamps"].node, {"high", "behind"})
    assert waits_for(watched["two-series"].node, {"behind"})


def test_timers_stop_while_the_table_says_late() -> None:
    """Hour by hour through a week: what freezes a hold is what the desk says."""
    rules = valid(RULES)
    judge = Judge(rules, history(rules))
    hours = np.array([micros(NOW) + n * 3_600_000_000 for n in range(-72, 96)])
    for rule in judge.watched.values():
        said = [Expected(judge.history, int(at)).frozen(rule.node) for at in hours]
        assert said == judge.frozen(rule).cover(hours).tolist(), rule.name
        if rule.name in ("quiet", "firing", "lamps"):
            assert set(said) == {False, True}, rule.name


def test_never_is_a_value_and_said_as_json_can() -> None:
    """A trend that leads away is null, and marked; it is not unknown."""
    text = (
        RULES + "  - {name: runway, value: 'until_below(fresh, 1 %, 5 d)', below: {watch: 9 d}}\n"
    )
    row = _standings(text, NOW)["runway"]
    assert row.reading is not None
    assert (row.reading.known, row.near) == (True, None)
    assert {k: standing_row(row)[k] for k in ("value", "never", "unit")} == {
        "value": None, "never": True, "unit": "d",
    }  # fmt: skip
    assert reading_text(EN, row.reading) == "not on this trend"


def test_status_has_the_keys_that_programs_know() -> None:
    """The format is fixed; what is unknown is null."""
    row = standing_row(_standings(RULES, NOW)["firing-stale"])
    assert row == {
        "rule": "firing-stale", "state": "firing", "level": "warning", "value": None, "unit": "%",
        "period": "2026-08-20", "since": row["since"], "frozen": True, "next_due": None,
    }  # fmt: skip
    assert standing_row(_standings(RULES, NOW)["said"]) == {
        "rule": "said", "state": "inactive", "level": None, "value": None, "unit": None,
        "period": None, "since": None, "frozen": False, "next_due": None,
    }  # fmt: skip


LONG = "a-rule-with-a-name-that-nobody-can-remember-and-no-terminal-can-show-in-a-line"


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_nothing_wraps_whatever_the_rules_are_called(width: int) -> None:
    """Names are cut in their middle; two that begin alike can still be told apart."""
    rows = list(_standings(RULES, NOW).values())
    names = [f"{LONG}-{number:02}" for number in range(len(rows))]
    rows = [
        replace(row, rule=replace(row.rule, name=name))
        for row, name in zip(rows, names, strict=True)
    ]
    shown = table(standings_table(EN, rows), width).splitlines()
    assert max(map(len, shown)) <= width
    assert len({line.split()[1] for line in shown[1:]}) == len(rows)
    assert all("late since 23 Nov" in line for line in shown if line.rstrip().endswith("-01"))
