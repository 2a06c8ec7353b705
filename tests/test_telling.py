"""Telling, as stories: real figures, real rules, and what stands in the outbox after each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from ebbwatch.app import load_rules, rule_files
from ebbwatch.app.providers import followed
from ebbwatch.archive import files
from ebbwatch.cli.setup import _RECEIVERS
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.facts.asof import Facts, History
from ebbwatch.core.facts.figure_tables import Tables
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.core.render import Health, ToldChange, Trouble
from ebbwatch.core.telling.context import Context
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.view import BEGINNING
from ebbwatch.locale import translator
from ebbwatch.model.alert import Cause, Change, Level, Transition
from ebbwatch.model.message import OutboxRow, Receipt, RowState, Target
from ebbwatch.model.observation import Observation, TextItem
from ebbwatch.model.periods import micros
from ebbwatch.model.text import LANGUAGES
from ebbwatch.ports import Silence, StoreError
from ebbwatch.ruleset.difference import difference
from ebbwatch.runtime import pipeline
from ebbwatch.runtime.telling import Edit, Telling
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import place_of
from tests.paths import ROOT
from tests.ruleset.loading import valid

NEW_YORK = ZoneInfo("America/New_York")
TRANSLATORS = {language: translator(language) for language in LANGUAGES}

SPREAD = """
define: {funding_spread: sofr - effr}
rules:
  - name: funding-spread
    title: {en: Repo trades above fed funds, zh-Hant: SOFR 高於有效聯邦資金利率}
    value: funding_spread
    above: {watch: 10 bp, warning: 20 bp, critical: 50 bp}
    clear: 5 bp
    for: {watch: 2 releases}
    turns: {year-end: annotate, quarter-end: annotate, month-end: annotate, tax-date: annotate}
    repeat: 7 d
    labels: {theme: funding}
    note: {en: Reserves are tight., zh-Hant: 準備金吃緊。}
"""
DESK = """
receivers:
  desk:
    - telegram: {chat: -1001, language: zh-Hant}
    - slack: {channel: C01, language: en}
"""
ONE_TARGET = "receivers: {desk: [{slack: {channel: C01}}]}\n"
SERIES = ("sofr", "effr", "target_upper", "sofr_p99")


def ny(year: int, month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    """Return an instant on New York's clocks."""
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def ruleset(*texts: str):
    """Return the rules of some files."""
    return valid({f"rules/{i}.yaml": text for i, text in enumerate(texts)})


@cache
def archived() -> Mapping[str, Facts]:
    """Return the figures of the archive, read once."""
    rules = ruleset(SPREAD)
    tables = Tables(History(rules.series, rules.business, ReleaseClock(rules.business)), "archive")
    return {n: tables.facts(rules.series[n], files()[n].read_text("utf-8")) for n in SERIES}


class Story:
    """A store, rules and figures that go through time together, as the pipeline takes them."""

    def __init__(self, *texts: str, archive: bool = True, start: datetime | None = None) -> None:
        """Know the archive, and what happened before a start, told by nobody."""
        self.store = MemoryStore()
        self.states: dict[str, AlertState] = {}
        self.after = BEGINNING
        rules = ruleset(*texts)
        self.history = History(rules.series, rules.business, ReleaseClock(rules.business))
        if archive:
            for name, facts in archived().items():
                self.history.add(name, facts)
        self.judge = Judge(rules, self.history)
        self.telling = self.restarted()
        if start is not None:
            self.at(start, history=True)

    def restarted(self) -> Telling:
        """Return telling as a new process makes it: what it remembers stands in the store."""
        return Telling(self.judge, self.store, TRANSLATORS, place_of=place_of)

    def at(self, at: datetime, *, history: bool = False) -> list[Transition]:
        """Take everything known up to an instant as one event, and return its transitions."""
        evaluation = Evaluation(self.history, self.after, micros(at))
        moves, read = [], []
        for name, rule in self.judge.watched.items():
            before = self.states.get(name, AlertState())
            judged = self.judge.judge(rule, before, evaluation)
            moves += self.judge.transitions(judged)
            self.states[name] = judged.state
            if judged.state.read_at > before.read_at:
                read.append(name)
        self.after = micros(at)
        told = self.tell(moves, at=at, history=history)
        if not history:
            with self.store.transaction():
                self.telling.look(read, at=at, states=self.states)
        return told

    def days(self, first: datetime, last: datetime) -> list[Transition]:
        """Take the days from one to another, an event at each day's hour."""
        found = []
        while first <= last:
            found += self.at(first)
            local = first.astimezone(NEW_YORK) + timedelta(days=1)
            first = local.astimezone(UTC)
        return found

    def tell(
        self, moves: list[Transition], *, at: datetime, history: bool = False
    ) -> list[Transition]:
        """Tell moves and record them, in one transaction."""
        with self.store.transaction():
            told = self.telling.tell(moves, at=at, states=self.states, history=history)
            self.store.append(told)
        return told

    def tick(self, at: datetime) -> None:
        """Let time pass."""
        with self.store.transaction():
            self.telling.tick(at=at, states=self.states)

    def observe(self, series: str, period: str, value: str, at: datetime, source: str = "nyfed"):
        """Take one more figure."""
        every = self.history.catalogue[series].every
        factor = self.history.catalogue[series].unit.factor
        self.history.observe(
            [
                Observation(
                    series=series, period=every.parse(period), value=Decimal(value) * factor,
                    known_at=at, source=source,
                )
            ]
        )  # fmt: skip

    def silence(self, at: datetime, until: datetime, **matcher: str) -> None:
        """Let somebody silence alerts."""
        silence = Silence(
            id="s1", matcher=tuple(matcher.items()), until=until, by="ann", created_at=at
        )
        with self.store.transaction():
            self.store.silence(silence)

    @property
    def rows(self) -> list[OutboxRow]:
        """Return the outbox, oldest first."""
        return self.store.outbox(limit=1000)[::-1]

    @property
    def keys(self) -> list[str]:
        """Return the keys of the outbox, oldest first."""
        return [row.key for row in self.rows]


def changes(moves: list[Transition]) -> list[tuple[str, str, str | None]]:
    """Return what happened and why it was not told."""
    return [(move.change.value, move.level.word, move.muted) for move in moves]


FIRED_2019 = "funding-spread@2019-09-17T13:00:00Z"
SEPTEMBER_18 = f"{FIRED_2019}/first/2019-09-17/2019-09-18T13:00:00Z"


def september(*texts: str) -> Story:
    """Return the story up to the eve of 17 September 2019."""
    return Story(*texts, start=ny(2019, 9, 16))


def test_september_2019_is_told_once_to_each_target_in_its_language() -> None:
    """At 09:00 on 18 September 2019 each target gets one row: 295 bp, critical."""
    story = september(SPREAD, DESK)
    assert changes(story.at(ny(2019, 9, 17))) == [("armed", "none", "armed")]
    assert story.keys == []
    assert changes(story.at(ny(2019, 9, 18))) == [("fired", "critical", None)]
    assert story.keys == [f"{SEPTEMBER_18}/telegram:-1001/zh-Hant", f"{SEPTEMBER_18}/slack:C01/en"]
    zh, en = (row.message for row in story.rows)
    assert (zh.headline, en.headline) == (
        "🔴 嚴重 · SOFR 高於有效聯邦資金利率",
        "🔴 CRITICAL · Repo trades above fed funds",
    )
    assert en.lines == (
        "SOFR − EFFR 295 bp for Tue 17 Sep 2019, up 277 bp on the day; threshold 50 bp",
        "Highest on record, since 2 Apr 2018",
    )
    assert en.footer == (
        "Tax date (16 Sep). SOFR 5.25 %, EFFR 2.30 %. Next figure Thu 19 Sep, 09:00 New York",
    )


def test_a_row_of_a_critical_alert_is_worth_three_days_and_makes_a_sound() -> None:
    """A row carries its episode, its instants and how it is to be delivered."""
    story = september(SPREAD, ONE_TARGET)
    story.days(ny(2019, 9, 17), ny(2019, 9, 18))
    row = story.rows[0]
    assert row == OutboxRow(
        key=f"{SEPTEMBER_18}/slack:C01/en",
        target=Target("desk", "slack", {"channel": "C01"}),
        place="slack:C01",
        message=row.message,
        episode=FIRED_2019,
        lines=("funding-spread",),
        level=Level.CRITICAL,
        created_at=ny(2019, 9, 18),
        not_before=ny(2019, 9, 18),
        expires_at=ny(2019, 9, 21),
        quiet=False,
    )


def test_no_chart_is_drawn_up_for_a_place_that_shows_none() -> None:
    """Two years of points would be written, read and thrown away with every message."""
    receivers = (
        "receivers: {desk: [{slack: {channel: C01}}, {webhook: {url: https://a.example}}]}\n"
    )
    story = september(SPREAD, receivers)
    story.telling = Telling(
        story.judge, story.store, TRANSLATORS, place_of=place_of,
        shows=lambda kind: kind == "slack",
    )  # fmt: skip
    story.days(ny(2019, 9, 17), ny(2019, 9, 18))
    drawn = {row.target.kind: row.message.chart is not None for row in story.rows}
    assert drawn == {"slack": True, "webhook": False}
    one, other = (replace(row.message, chart=None, alerts=(), state=None) for row in story.rows)
    assert one == other


def test_the_chart_shows_what_was_known_with_ladder_moves_and_turns() -> None:
    """The picture ends with the reading told, and names levels in the reader's language."""
    story = september(SPREAD, DESK)
    story.days(ny(2019, 9, 17), ny(2019, 9, 18))
    zh, en = (row.message.chart for row in story.rows)
    assert zh is not None
    assert en is not None
    assert (en.title, en.unit, en.points[-1]) == (
        "Repo trades above fed funds", "bp", ("2019-09-17", 295.0),
    )  # fmt: skip
    assert en.thresholds == (("watch", 10.0), ("warning", 20.0), ("critical", 50.0))
    assert zh.thresholds == (("注意", 10.0), ("警告", 20.0), ("嚴重", 50.0))
    assert en.marks[-2:] == (("2019-07-03", "watch"), ("2019-09-17", "critical"))
    assert en.shaded[-1] == ("2019-06-28", "2019-07-02", "Quarter end")


def test_the_same_event_again_adds_nothing() -> None:
    """Running an event again finds the keys there, and says that it is no news."""
    story = september(SPREAD, DESK)
    story.at(ny(2019, 9, 17))
    moves = story.at(ny(2019, 9, 18))
    again = story.tell([replace(move, muted=None) for move in moves], at=ny(2019, 9, 18))
    assert changes(again) == [("fired", "critical", "not news")]
    assert story.keys == [f"{SEPTEMBER_18}/telegram:-1001/zh-Hant", f"{SEPTEMBER_18}/slack:C01/en"]


def test_the_same_tape_gives_the_same_keys() -> None:
    """Keys come from logical time only."""
    stories = [september(SPREAD, DESK) for _ in range(2)]
    for story in stories:
        story.days(ny(2019, 9, 17), ny(2019, 9, 20))
    assert stories[0].keys == stories[1].keys
    assert [key.split("/")[1] for key in stories[0].keys[::2]] == ["first", "eased", "resolved"]


def test_a_new_title_tells_nobody_anything() -> None:
    """After an edit of titles and notes nothing is told, whatever time passes."""
    story = september(SPREAD, DESK)
    story.days(ny(2019, 9, 17), ny(2019, 9, 18))
    edited = ruleset(SPREAD.replace("Repo trades", "Cash trades"), DESK)
    story.judge = Judge(edited, story.history)
    story.telling.use(story.judge)
    story.tick(ny(2019, 9, 18, 10))
    with story.store.transaction():
        story.telling.look(["funding-spread"], at=ny(2019, 9, 18, 10), states=story.states)
    assert story.keys == [f"{SEPTEMBER_18}/telegram:-1001/zh-Hant", f"{SEPTEMBER_18}/slack:C01/en"]


def test_a_story_is_told_from_entry_to_exit() -> None:
    """Easing edits quietly, and resolving tells entry, extreme, exit and how long."""
    story = september(SPREAD, ONE_TARGET)
    story.days(ny(2019, 9, 17), ny(2019, 9, 20))
    eased, resolved = story.rows[1:]
    assert (eased.quiet, resolved.quiet) == (True, False)
    assert resolved.message.lines == (
        "SOFR − EFFR 5 bp for Thu 19 Sep 2019, down 25 bp on the day; warning ends at 15 bp or less",
        "Entered at 295 bp (17 Sep 2019), highest 295 bp (17 Sep 2019), left at 5 bp (19 Sep 2019)",
        "Lasted 2 days: Wed 18 Sep 2019, 09:00 to Fri 20 Sep 2019, 09:00 New York",
    )
    assert resolved.message.chart is None


ABOVE_RANGE = """
rules:
  - name: sofr-above-range
    value: sofr - target_upper
    above: {critical: 25 bp}
    labels: {theme: funding}
"""


def test_two_rules_of_a_group_are_told_in_one_message_after_the_wait() -> None:
    """A group waits for others, then makes one row for all of them."""
    route = DESK + "routes: [{to: [desk], group_by: [theme], group_wait: 30 s}]\n"
    story = september(SPREAD, ABOVE_RANGE, route)
    story.at(ny(2019, 9, 17))
    moves = story.at(ny(2019, 9, 18))
    assert changes(moves) == [("fired", "critical", None), ("fired", "critical", None)]
    assert story.keys == []
    at = ny(2019, 9, 18, 9) + timedelta(seconds=30)
    assert story.telling.next_due() == at
    story.tick(at - timedelta(seconds=1))
    assert story.keys == []
    # A restart in between loses nothing: the group stands in the store.
    story.telling = story.restarted()
    story.tick(at)
    stem = "desk/theme=funding/2019-09-18T13:00:30Z/"
    assert [key.startswith(stem) for key in story.keys] == [True, True]
    assert [alert["rule"] for alert in story.rows[1].message.alerts] == [
        "funding-spread", "sofr-above-range",
    ]  # fmt: skip
    assert story.rows[1].message.headline == "🔴 CRITICAL · 2 alerts"
    assert story.telling.next_due() is None


# ---- stories of invented figures: effr rests at 2.00 %, sofr lies so many bp above it ----

PLAIN = """
rules:
  - name: spread
    value: sofr - effr
    above: {watch: 10 bp, warning: 20 bp, critical: 50 bp}
    labels: {theme: funding}
"""


class Invented(Story):
    """A story of one spread, a reading each business day at 09:00 New York."""

    def __init__(self, *texts: str) -> None:
        """Start with nothing known on Monday 1 June 2020."""
        super().__init__(*texts, archive=False)
        self.day = ny(2020, 6, 1)

    def reads(self, *spreads: int) -> list[Transition]:
        """Take one reading a day, in bp, and return what the days did."""
        found = []
        for spread in spreads:
            period = self.day.date().isoformat()
            self.day = self.following
            self.observe("effr", period, "2.00", self.day)
            self.observe("sofr", period, str(Decimal(200 + spread) / 100), self.day)
            found += self.at(self.day)
        return found

    @property
    def following(self) -> datetime:
        """Return the instant of the next reading."""
        sifma = self.judge.ruleset.business["sifma"]
        day = sifma.add(self.day.astimezone(NEW_YORK).date(), 1)
        return ny(day.year, day.month, day.day)

    @property
    def reasons(self) -> list[str]:
        """Return why each row was written, and the level it tells, oldest first."""
        return [f"{row.message.reason} {row.message.level.word}" for row in self.rows]


TAIPEI_NIGHT = """
receivers: {desk: [{slack: {channel: C01}}]}
routes:
  - to: [desk]
    quiet: {from: "20:00", to: "07:00", zone: Asia/Taipei, below: critical}
"""
SEVEN = datetime(2020, 6, 2, 23, tzinfo=UTC)


def test_quiet_hours_hold_back_and_do_not_drop() -> None:
    """A watch of the night is told when the night is over: 07:00 in Taipei."""
    story = Invented(PLAIN, TAIPEI_NIGHT)
    assert changes(story.reads(15)) == [("fired", "watch", None)]
    assert story.keys == []
    assert story.telling.next_due() == SEVEN
    story.tick(SEVEN)
    assert story.keys == [
        "spread@2020-06-02T13:00:00Z/first/2020-06-01/2020-06-02T13:00:00Z/slack:C01/en"
    ]
    assert story.rows[0].created_at == SEVEN


def test_what_began_and_ended_in_the_night_is_told_as_one_message() -> None:
    """A stay that is over by the morning is news all the same, once."""
    story = Invented(PLAIN, TAIPEI_NIGHT)
    story.reads(15)
    story.observe("sofr", "2020-06-01", "2.05", ny(2020, 6, 2, 9, 30))
    assert changes(story.at(ny(2020, 6, 2, 9, 30))) == [("resolved", "watch", None)]
    story.tick(SEVEN)
    assert story.reasons == ["first none"]


def test_a_critical_level_wakes_what_the_night_holds_back() -> None:
    """An escalation in the quiet hours is told at once, with what waited before it."""
    story = Invented(PLAIN, TAIPEI_NIGHT)
    story.reads(15)
    story.observe("sofr", "2020-06-01", "2.60", ny(2020, 6, 2, 9, 30))
    assert changes(story.at(ny(2020, 6, 2, 9, 30))) == [("escalated", "critical", None)]
    assert story.reasons == ["first critical"]
    assert story.telling.next_due() is None


def test_a_silence_names_itself_and_what_it_kept_back_is_told_after_it() -> None:
    """While a silence lasts nothing is told; the first reading after it is news."""
    story = Invented(PLAIN, ONE_TARGET)
    story.silence(story.day, ny(2020, 6, 3), name="spread")
    assert changes(story.reads(15)) == [("fired", "watch", "silence by s1")]
    assert story.keys == []
    assert changes(story.reads(16)) == []
    assert story.keys == [
        "spread@2020-06-02T13:00:00Z/first/2020-06-02/2020-06-03T13:00:00Z/slack:C01/en"
    ]
    story.reads(17)
    assert story.reasons == ["first watch"]


def test_an_escalation_is_told_though_the_level_before_was_silenced() -> None:
    """Who acknowledged a warning is woken by what is worse."""
    story = Invented(PLAIN, ONE_TARGET)
    story.reads(25)
    story.silence(story.day, story.day + timedelta(days=30), name="spread", level="warning")
    assert changes(story.reads(60)) == [("escalated", "critical", None)]
    assert story.reasons == ["first warning", "escalated critical"]


def test_one_alert_keeps_another_quiet() -> None:
    """An inhibited alert names the one that inhibits it."""
    loud = """
rules: [{name: loud, value: sofr, above: {critical: 2.1 %}}]
inhibit: [{while: {name: loud}, mute: {name: spread}}]
"""
    story = Invented(PLAIN, loud, ONE_TARGET)
    assert changes(story.reads(15)) == [
        ("fired", "watch", "inhibited by loud"),
        ("fired", "critical", None),
    ]
    assert [row.key.partition("@")[0] for row in story.rows] == ["loud"]


def test_a_route_without_resolutions_hears_of_the_next_fire() -> None:
    """Resolutions are not sent but remembered, so that an alert that comes back is news."""
    story = Invented(PLAIN, ONE_TARGET + "routes: [{to: [desk], resolved: false}]\n")
    assert changes(story.reads(15, 5, 15)) == [
        ("fired", "watch", None),
        ("resolved", "watch", "resolutions not wanted"),
        ("fired", "watch", None),
    ]
    assert story.reasons == ["first watch", "first watch"]


def test_what_no_route_wants_says_so() -> None:
    """An alert below every route makes no row and names that."""
    story = Invented(PLAIN, ONE_TARGET + "routes: [{match: {level: critical}, to: [desk]}]\n")
    assert changes(story.reads(15)) == [("fired", "watch", "no receiver")]


def test_without_receivers_nothing_is_told() -> None:
    """A replay that tells nobody names that for each transition."""
    story = Invented(PLAIN)
    assert changes(story.reads(15, 5)) == [
        ("fired", "watch", "no receiver"), ("resolved", "watch", "no receiver"),
    ]  # fmt: skip
    assert story.telling.next_due() is None


def test_whoever_was_woken_hears_how_it_goes_on() -> None:
    """A receiver of critical alerts alone is told that one of them eased and ended."""
    routes = """
receivers: {desk: [{slack: {channel: C01}}], oncall: [{slack: {channel: C02}}]}
routes: [{match: {level: critical}, to: [oncall]}, {to: [desk]}]
"""
    story = Invented(PLAIN, routes)
    story.reads(60, 25, 5)
    assert [(row.target.receiver, row.message.reason) for row in story.rows] == [
        ("oncall", "first"),
        ("desk", "first"),
        ("oncall", "eased"),
        ("desk", "resolved"),
        ("oncall", "resolved"),
    ]


def test_several_moves_of_one_alert_in_one_event_are_one_message() -> None:
    """After downtime the periods of an event are stepped one by one, and told together."""
    story = Invented(PLAIN, ONE_TARGET)
    at = ny(2020, 6, 4)
    for period, sofr in (("2020-06-01", "2.15"), ("2020-06-02", "2.60"), ("2020-06-03", "2.30")):
        story.observe("effr", period, "2.00", at)
        story.observe("sofr", period, sofr, at)
    assert changes(story.at(at)) == [
        ("fired", "watch", None), ("escalated", "critical", None), ("eased", "warning", None),
    ]  # fmt: skip
    assert story.reasons == ["first warning"]
    assert story.rows[0].message.lines[-4:] == (
        "Since the last message:",
        "🟡 Mon 1 Jun 2020: fired at watch, 15 bp",
        "🔴 Tue 2 Jun 2020: rose to critical, 60 bp",
        "↘ Wed 3 Jun 2020: eased to warning, 30 bp",
    )


def test_a_reminder_comes_with_the_first_reading_after_its_time() -> None:
    """Every seven days, and only with a figure that is new."""
    story = Invented(PLAIN.replace("labels", "repeat: 7 d\n    labels"), ONE_TARGET)
    story.reads(15, 15, 15, 15)
    story.tick(story.day + timedelta(days=30))
    assert story.reasons == ["first watch"]
    story.reads(15, 16, 16)
    assert story.reasons == ["first watch", "reminder watch"]
    assert story.keys[1] == (
        "spread@2020-06-02T13:00:00Z/reminder/2020-06-08/2020-06-09T13:00:00Z/slack:C01/en"
    )
    assert story.rows[1].message.lines[0] == (
        "SOFR − EFFR 16 bp for Mon 8 Jun 2020, up 1 bp on the day; threshold 10 bp"
    )


def test_what_somebody_has_acknowledged_needs_no_reminder() -> None:
    """The next level, and the next episode, are told as ever."""
    story = Invented(PLAIN.replace("labels", "repeat: 7 d\n    labels"), ONE_TARGET)
    story.reads(15)
    episode = story.rows[0].episode
    with story.store.transaction():
        story.store.put(f"ack/{episode}", "{}")
    story.reads(15, 15, 15, 15, 15, 15)
    assert story.reasons == ["first watch"]
    story.reads(60)
    assert story.reasons == ["first watch", "escalated critical"]


def test_a_reminder_that_counts_releases_counts_those_it_has_seen() -> None:
    """`repeat: 2 releases` reminds with every second reading."""
    story = Invented(PLAIN.replace("labels", "repeat: 2 releases\n    labels"), ONE_TARGET)
    story.reads(15, 15, 15, 15, 15)
    assert [row.created_at.day for row in story.rows] == [2, 4, 8]


def test_a_reminder_of_the_night_waits_for_the_morning() -> None:
    """Quiet hours put a reminder off; time alone then tells it."""
    story = Invented(PLAIN.replace("labels", "repeat: 1 d\n    labels"), TAIPEI_NIGHT)
    story.reads(15)
    story.tick(SEVEN)
    story.reads(15, 15)
    morning = SEVEN + timedelta(days=2)
    assert story.reasons == ["first watch"]
    assert story.telling.next_due() == morning
    story.tick(morning)
    assert story.reasons == ["first watch", "reminder watch"]
    assert story.telling.next_due() is None


def test_a_revised_figure_that_was_told_is_corrected() -> None:
    """A reading told and then revised is told again, with what was said before."""
    story = Invented(PLAIN, ONE_TARGET)
    story.reads(25)
    later = story.day + timedelta(hours=6)
    story.observe("sofr", "2020-06-01", "2.23", later)
    assert story.at(later) == []
    assert story.reasons == ["first warning", "correction warning"]
    assert story.rows[1].message.lines[-2:] == (
        "Cause: SOFR for 1 Jun 2020 was revised from 2.25 % to 2.23 %",
        "Correction: you were told 25 bp",
    )


def test_a_revision_that_ends_an_alert_is_a_correction() -> None:
    """What was told was never so: it is taken back, not resolved."""
    story = Invented(PLAIN, ONE_TARGET + "routes: [{to: [desk], resolved: false}]\n")
    story.reads(25)
    later = story.day + timedelta(hours=6)
    story.observe("sofr", "2020-06-01", "2.05", later)
    assert changes(story.at(later)) == [("resolved", "warning", None)]
    assert story.reasons == ["first warning", "correction none"]


def test_an_alert_that_flaps_is_told_at_higher_levels_only() -> None:
    """The third stay in a short time is told with a warning that it flaps; then watch is mute."""
    story = Invented(PLAIN, ONE_TARGET)
    moves = story.reads(15, 5, 15, 5, 15, 5, 15, 5, 25)
    assert changes(moves) == [
        *[("fired", "watch", None), ("resolved", "watch", None)] * 3,
        ("fired", "watch", "flapping"),
        ("resolved", "watch", "not news"),
        ("fired", "warning", None),
    ]
    flaps = "Flapping: its watch level is told in the digest only until it has rested"
    assert [flaps in row.message.footer for row in story.rows] == [*[False] * 5, True, True]


def test_a_flapping_alert_that_falls_untold_and_rises_again_is_news() -> None:
    """Nobody hears of the fall to watch, and everybody of the second warning."""
    story = Invented(PLAIN, ONE_TARGET)
    moves = story.reads(15, 5, 15, 5, 15, 5, 25, 15, 25)
    assert changes(moves)[-3:] == [
        ("fired", "warning", None),
        ("eased", "watch", "flapping"),
        ("escalated", "warning", None),
    ]
    assert story.reasons[-2:] == ["first warning", "escalated warning"]


def test_the_past_is_told_by_a_summary_and_what_follows_by_itself() -> None:
    """A first start tells what fires in one message; only what is worse is news after it."""
    story = Invented(PLAIN, DESK)
    period = "2020-05-29"
    story.observe("effr", period, "2.00", story.day)
    story.observe("sofr", period, "2.25", story.day)
    assert changes(story.at(story.day, history=True)) == [("fired", "warning", "history")]
    assert story.keys == []
    with story.store.transaction():
        story.telling.summary(at=story.day, states=story.states)
    base = "summary/2020-06-01T13:00:00Z"
    assert story.keys == [f"{base}/telegram:-1001/zh-Hant", f"{base}/slack:C01/en"]
    assert story.rows[1].message.lines == (
        "🟠 spread: SOFR − EFFR 25 bp (Fri 29 May 2020), since Mon 1 Jun 2020",
    )
    assert story.reads(26) == []
    assert changes(story.reads(60, 5)) == [
        ("escalated", "critical", None), ("resolved", "critical", None),
    ]  # fmt: skip
    assert story.reasons[2::2] == ["escalated critical", "resolved none"]


def edit(story: Story, at: datetime, moves: list[Transition] | None = None, **changed: object):
    """Tell an edit of the rules, and return what became of the alerts it moved."""
    with story.store.transaction():
        told = story.telling.edited(
            Edit(at=at, **changed),
            moves or [],
            at=at,
            states=story.states,  # type: ignore[arg-type]
        )
        story.store.append(told)
    return told


def test_an_edit_tells_what_changed_and_remembers_what_it_says_fires() -> None:
    """What the message about new rules says fires is not told again with the next figure."""
    story = Invented(PLAIN, ONE_TARGET)
    with story.store.transaction():
        story.telling.summary(at=story.day, states=story.states)
    story.observe("effr", "2020-05-29", "2.00", story.day)
    story.observe("sofr", "2020-05-29", "2.25", story.day)
    story.at(story.day, history=True)
    edit(story, story.day, added=("spread",))
    assert story.keys[1:] == ["reload/2020-06-01T13:00:00Z/slack:C01/en"]
    assert story.rows[1].message.lines == (
        "Added: spread",
        "Firing now:",
        "🟠 spread: SOFR − EFFR 25 bp (Fri 29 May 2020), since Mon 1 Jun 2020",
    )
    story.reads(26, 5)
    assert story.reasons[1:] == ["data-health warning", "resolved none"]


DIGEST = 'digests: [{at: "08:45", zone: America/New_York, on: business days, to: [desk]}]\n'


def test_a_digest_comes_on_business_days_and_says_what_changed() -> None:
    """From the first event on a digest is due each business morning, once."""
    story = Invented(PLAIN, ONE_TARGET, DIGEST)
    assert story.telling.next_due() is None
    story.tick(ny(2020, 6, 2, 8, 45))
    story.reads(15)
    due = ny(2020, 6, 3, 8, 45)
    assert story.telling.next_due() == due
    story.tick(due)
    story.tick(due + timedelta(minutes=1))
    assert story.keys[1:] == ["digest/2020-06-03T12:45:00Z/slack:C01/en"]
    assert story.rows[1].message.lines == (
        "1 of 1 rule fires",
        "🟡 spread: SOFR − EFFR 15 bp (Mon 1 Jun 2020), since Tue 2 Jun 2020",
        "Since the last digest:",
        "🟡 spread: fired at watch, 15 bp (Mon 1 Jun 2020)",
    )
    assert story.telling.next_due() == ny(2020, 6, 4, 8, 45)


def test_digests_that_were_missed_are_told_as_one() -> None:
    """After a long sleep only the newest digest is told."""
    story = Invented(PLAIN, ONE_TARGET, DIGEST)
    story.tick(ny(2020, 6, 2))
    story.tick(ny(2020, 6, 8, 12))
    assert story.keys == ["digest/2020-06-08T12:45:00Z/slack:C01/en"]


SHOWING = """
define:
  wide: {is: sofr - effr > 20 bp, title: SOFR more than 20 bp over EFFR}
  mean: {is: "avg(sofr - effr, 2 releases)", title: {en: "SOFR − EFFR, two days", zh-Hant: "SOFR − EFFR（2 日）"}}
digests: [{at: "08:45", zone: America/New_York, to: [desk], show: [mean, spread, tgcr, wide]}]
"""


def test_a_digest_shows_what_it_is_asked_to_with_the_change_since_the_last_one() -> None:
    """Defines, values of rules and series, each with its period; what is unknown says so."""
    story = Invented(PLAIN, DESK, SHOWING)
    story.tick(ny(2020, 6, 2, 8, 45))
    story.reads(4)
    story.tick(ny(2020, 6, 3, 8, 45))
    shown = [row.message for row in story.rows if row.message.reason == "digest"]
    title = "Where things stand, and the change since the last digest:"
    assert shown[-1].lines[1:6] == (
        title,
        "• SOFR − EFFR, two days: unknown: the history is too short for its window",
        "• SOFR − EFFR: 4 bp (Mon 1 Jun 2020), unknown before",
        "• TGCR: unknown: there is no figure of TGCR yet",
        "• SOFR more than 20 bp over EFFR: false (Mon 1 Jun 2020), unknown before",
    )
    story.reads(25)
    story.tick(ny(2020, 6, 4, 8, 45))
    shown = [row.message for row in story.rows if row.message.reason == "digest"]
    lines = shown[-1].lines
    start = lines.index(title) + 1
    assert lines[start : start + 4] == (
        "• SOFR − EFFR, two days: 14.5 bp (Tue 2 Jun 2020), unknown before",
        "• SOFR − EFFR: 25 bp (Tue 2 Jun 2020), up 21 bp",
        "• TGCR: unknown: there is no figure of TGCR yet",
        "• SOFR more than 20 bp over EFFR: true (Tue 2 Jun 2020), false before",
    )
    assert (
        shown[-2].lines[start + 1]
        == "• SOFR − EFFR：25 個基點（2020年6月2日 週二），增加 21 個基點"
    )
    story.tick(ny(2020, 6, 5, 8, 45))
    lines = story.rows[-1].message.lines
    assert "• SOFR − EFFR: 25 bp (Tue 2 Jun 2020), unchanged" in lines


def test_a_digest_that_shows_something_else_goes_on_where_it_was() -> None:
    """Its names are no part of what it is: an edit of them makes no digest be told anew."""
    before, after = (
        valid({"r.yaml": PLAIN + ONE_TARGET + DIGEST.replace("to: [desk]", f"to: [desk]{show}")})
        for show in ("", ", show: [spread]")
    )
    assert after.shown.keys() == {"spread"}
    assert difference(before, after) == ("digests changed",)
    assert followed(after) == followed(before)
    wider = PLAIN + ONE_TARGET + DIGEST.replace("to: [desk]", "to: [desk], show: [tgcr]")
    assert {series.name for series in followed(valid({"r.yaml": wider}))} == {
        "sofr", "effr", "tgcr",
    }  # fmt: skip


def test_the_example_of_receivers_shows_what_the_pack_has() -> None:
    """What `init` writes as comments loads beside the default rules, its digest with them."""
    lines = _RECEIVERS.splitlines()[6:]
    example = "\n".join(line.removeprefix("# ").removeprefix("#") for line in lines)
    files = {**rule_files(ROOT / "rules"), "receivers.yaml": example.encode()}
    found = load_rules(files, data_only=True)
    assert found.problems == ()
    assert found.ruleset is not None
    assert found.ruleset.shown.keys() == {
        "reserves-level", "ten_percent_of_gdp", "reserves_ratio", "reverse_repo_buffer",
        "foreign_reverse_repo", "net_liquidity",
    }  # fmt: skip


HEALTH = Health(kind=Trouble.SOURCE_FAILING, name="nyfed", reason="no answer", since=ny(2020, 6, 1))
BOTH = """
receivers: {desk: [{slack: {channel: C01}}], ops: [{slack: {channel: C02}}]}
"""
NOTICES = [
    ("the ops route hears of data health", "routes: [{match: {theme: data-health}, to: [ops]}]",
     HEALTH, ["slack:C02/en"]),
    ("where no route leads, everybody hears", "routes: [{match: {theme: gold}, to: [ops]}]",
     HEALTH, ["slack:C01/en", "slack:C02/en"]),
    ("without routes everybody hears", "", HEALTH, ["slack:C01/en", "slack:C02/en"]),
    ("a broken receiver is told of by the others", "routes: [{to: [ops]}]",
     Health(kind=Trouble.RECEIVER_BROKEN, name="ops", since=ny(2020, 6, 1)), ["slack:C01/en"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("routes", "health", "targets"), [row[1:] for row in NOTICES], ids=[row[0] for row in NOTICES]
)
def test_notices_go_where_they_are_wanted(routes: str, health: Health, targets: list[str]) -> None:
    """A notice is routed by its labels; once a notice and instant."""
    story = Invented(PLAIN, BOTH + routes)
    for _ in range(2):
        with story.store.transaction():
            story.telling.announcements.notice(health, at=ny(2020, 6, 1))
    stem = f"notice/{health.kind}/{health.name}//2020-06-01T13:00:00Z"
    assert story.keys == [f"{stem}/{target}" for target in targets]


def test_a_notice_may_bring_its_own_key() -> None:
    """The self-watch names its troubles itself."""
    story = Invented(PLAIN, ONE_TARGET)
    with story.store.transaction():
        story.telling.announcements.notice(HEALTH, at=ny(2020, 6, 1), key="source/nyfed/1")
    assert story.keys == ["notice/source/nyfed/1/slack:C01/en"]


def settle(story: Story, state: RowState, index: int = -1) -> OutboxRow:
    """Let a row come to its end."""
    row = story.rows[index]
    claimed = story.store.claim(ts=row.not_before, owner="t", limit=1000)
    for one in claimed:
        if one.key != row.key:
            continue
        if state is RowState.PARKED:
            story.store.park(one.key, ts=row.not_before, error="gone", owner="t")
        else:
            story.store.delivered({one.key: Receipt("1")}, ts=row.not_before, owner="t")
    return next(one for one in story.rows if one.key == row.key)


def test_what_could_not_be_delivered_is_news_again() -> None:
    """The log goes back to what was told before; the next reading tells it."""
    story = Invented(PLAIN, ONE_TARGET)
    story.reads(15)
    settle(story, RowState.DELIVERED)
    story.reads(25)
    row = settle(story, RowState.PARKED)
    with story.store.transaction():
        story.telling.lost(row)
    story.reads(26, 27)
    assert story.reasons == ["first watch", "escalated warning", "escalated warning"]
    assert story.keys[2] == (
        "spread@2020-06-02T13:00:00Z/escalated/2020-06-03/2020-06-04T13:00:00Z/slack:C01/en"
    )


def test_a_first_message_that_was_lost_is_told_with_the_next_reading() -> None:
    """Who never heard of an alert hears of it as of a new one."""
    story = Invented(PLAIN, ONE_TARGET)
    story.reads(25)
    row = settle(story, RowState.PARKED)
    with story.store.transaction():
        story.telling.lost(row)
    story.reads(26)
    assert story.reasons == ["first warning", "first warning"]


def test_a_resolution_that_was_lost_is_told_with_the_next_reading() -> None:
    """Nobody is left believing that an alert still fires."""
    story = Invented(PLAIN, ONE_TARGET)
    story.reads(25, 5)
    settle(story, RowState.DELIVERED, 0)
    row = settle(story, RowState.PARKED)
    with story.store.transaction():
        story.telling.lost(row)
    story.reads(4)
    assert story.reasons == ["first warning", "resolved none"]


def test_a_notice_that_was_lost_takes_no_alert_back() -> None:
    """Only what told of an alert is in its log; a summary that was lost told of all."""
    story = Invented(PLAIN, ONE_TARGET)
    story.reads(25)
    with story.store.transaction():
        story.telling.announcements.notice(HEALTH, at=story.day)
        story.telling.lost(story.rows[-1])
    assert story.telling.owed() == set()
    with story.store.transaction():
        story.telling.summary(at=story.day, states=story.states)
        story.telling.lost(story.rows[-1])
    assert story.telling.owed() == {"spread"}


def test_only_the_place_that_did_not_hear_is_told_again() -> None:
    """One dead channel of a receiver does not make the living one repeat itself."""
    story = Invented(PLAIN, DESK)
    story.reads(25)
    row = settle(story, RowState.PARKED)
    with story.store.transaction():
        story.telling.lost(row)
    story.reads(26)
    assert [(one.place, str(one.message.reason)) for one in story.rows] == [
        ("telegram:-1001", "first"), ("slack:C01", "first"), ("slack:C01", "first"),
    ]  # fmt: skip


def tick_and_lose(story: Story) -> None:
    """Let time pass in a transaction that the database refuses."""
    with story.store.transaction():
        story.telling.tick(at=story.day + timedelta(seconds=30), states=story.states)
        raise StoreError("disk full")


def test_a_transaction_that_fails_leaves_nothing_behind() -> None:
    """What was told and not committed is told again, wholly."""
    story = Invented(PLAIN, ONE_TARGET + "routes: [{to: [desk], group_wait: 30 s}]\n")
    story.reads(5)
    moves = story.reads(15)
    waiting = story.telling.next_due()
    with pytest.raises(StoreError):
        tick_and_lose(story)
    assert story.telling.next_due() == waiting
    assert story.keys == []
    story.tick(story.day + timedelta(seconds=30))
    assert [key.split("/")[1] for key in story.keys] == ["first"]
    assert changes(moves) == [("fired", "watch", None)]


def test_what_waited_and_was_silenced_meanwhile_says_why_it_was_not_told() -> None:
    """The reason of a group that is dropped after its wait is recorded by receiver."""
    story = Invented(PLAIN, ONE_TARGET + "routes: [{to: [desk], group_wait: 30 s}]\n")
    [move] = story.reads(15)
    story.silence(story.day, story.day + timedelta(days=1), name="spread")
    assert story.telling.untold(move) == {}
    story.tick(story.day + timedelta(seconds=30))
    assert story.telling.untold(move) == {"desk": "silence by s1"}
    assert story.keys == []


def test_a_receiver_that_hears_nothing_of_a_move_that_others_hear_has_its_reason() -> None:
    """Down and up again within one event is no news here; a group that waits has yet to see."""
    routes = """
receivers: {desk: [{slack: {channel: C01}}], slow: [{slack: {channel: C02}}]}
routes: [{to: [desk], continue: true}, {to: [slow], group_wait: 30 s}]
"""
    story = Invented(PLAIN, routes)
    story.reads(60)
    at = ny(2020, 6, 4)
    for period, sofr in (("2020-06-02", "2.25"), ("2020-06-03", "2.60")):
        story.observe("effr", period, "2.00", at)
        story.observe("sofr", period, sofr, at)
    moves = story.at(at)
    assert [move.muted for move in moves] == [None, None]
    assert [set(story.telling.untold(move)) for move in moves] == [{"desk"}, {"desk"}]


def test_easing_in_a_grouped_route_does_not_overwrite_what_was_told_of_others() -> None:
    """An edit would replace a message that may tell of other alerts too."""
    story = Invented(PLAIN, ONE_TARGET + "routes: [{to: [desk], group_by: [theme]}]\n")
    story.reads(60, 25)
    assert [row.quiet for row in story.rows] == [False, False]


def test_a_test_message_goes_to_each_target_in_its_language() -> None:
    """`notify test` builds one message for each target and writes nothing."""
    story = Invented(PLAIN, DESK)
    found = story.telling.announcements.test("desk")
    assert [(target.key, message.headline) for target, message in found] == [
        ("desk/0", "🔔 測試 · desk"), ("desk/1", "🔔 Test · desk"),
    ]  # fmt: skip
    assert story.telling.announcements.test("nobody") == []
    assert story.keys == []


# ---- what messages are told with -----------------------------------------------------------


def test_a_condition_is_told_with_its_comparisons() -> None:
    """On 17 September 2019 the message shows each part of the rule and what it came to."""
    spike = """
define: {over: sofr - target_upper}
rules:
  - name: repo-spike
    when: over > 25 bp and (change(sofr, 1 release) > 25 bp or 5 % < sofr)
    level: critical
"""
    story = september(spike, ONE_TARGET)
    story.at(ny(2019, 9, 18))
    assert story.rows[0].message.lines == (
        "The condition holds, Tue 17 Sep 2019",
        "✓ SOFR − Federal funds target range, upper limit 300 bp > 25 bp",
        "✓ Change over 1 day of SOFR 282 bp > 25 bp",
        "✓ SOFR 5.25 % > 5 %",
    )


def test_a_fallback_and_a_late_figure_are_named() -> None:
    """The message says who stood in, and which carried figure is late."""
    ratio = """
rules:
  - {name: ratio, value: reserves / gdp, below: {warning: 10 %}}
"""
    story = Story(ratio, ONE_TARGET, archive=False)
    at = ny(2025, 11, 13, 16, 30)
    story.observe("gdp", "2025-04-01", "30000", ny(2025, 7, 30, 8, 30), source="bea")
    story.observe("reserves", "2025-11-12", "2850000", at, source="fred")
    assert changes(story.at(at)) == [("fired", "warning", None)]
    assert story.rows[0].message.footer[-2:] == (
        "GDP of Q2 2025; Q3 2025 late since Thu 30 Oct, 08:30 New York",
        "Bank reserves, week average taken from fred: h41 did not answer",
    )


def test_a_text_rule_quotes_what_it_found() -> None:
    """A press release is told with the sentence that matched."""
    rule = "rules: [{name: qt-ends, text: fed_press, matches: '(?i)conclude the reduction'}]\n"
    story = Story(rule, ONE_TARGET, archive=False)
    at = ny(2025, 10, 29, 14)
    item = TextItem(
        source="fed_press", key="https://example.org/a", title="FOMC statement",
        body="Growth is moderate. The Committee decided to conclude the reduction of its "
        "holdings on December 1. More follows.",
        published_at=at, known_at=at,
    )  # fmt: skip
    with story.store.transaction():
        story.store.record_texts([item])
    move = Transition(
        at=at, rule="qt-ends", change=Change.FIRED, level=Level.WARNING, before=Level.NONE,
        value=None, unit=None, threshold=None, period="2025-10-29",
        episode=f"qt-ends@2025-10-29T18:00:00Z/{item.key}", cause=Cause.TEXT,
    )  # fmt: skip
    assert changes(story.tell([move], at=at)) == [("fired", "warning", None)]
    message = story.rows[0].message
    assert message.lines == (
        "FOMC statement",
        "“The Committee decided to conclude the reduction of its holdings on December 1.”",
        "Published Wed 29 Oct 2025, 14:00 New York",
    )
    assert message.link == item.key


def test_a_text_that_is_not_held_is_told_without_a_quote() -> None:
    """What matched is told even where the text itself is gone."""
    rule = "rules: [{name: qt-ends, text: fed_press, matches: runoff}]\n"
    story = Story(rule, ONE_TARGET, archive=False)
    at = ny(2025, 10, 29, 14)
    with story.store.transaction():
        story.store.record_texts(
            [
                TextItem(
                    source="fed_press", key="other", title="Other", body="", published_at=at,
                    known_at=at,
                )
            ]
        )  # fmt: skip
    move = Transition(
        at=at, rule="qt-ends", change=Change.FIRED, level=Level.WARNING, before=Level.NONE,
        value=None, unit=None, threshold=None, period="2025-10-29",
        episode="qt-ends@2025-10-29T18:00:00Z/gone", cause=Cause.TEXT,
    )  # fmt: skip
    story.silence(at, at + timedelta(hours=1), name="qt-ends")
    assert changes(story.tell([move], at=at)) == [("fired", "warning", "silence by s1")]
    assert story.telling.owed() == set()  # nothing follows a text that could tell it later
    assert changes(story.tell([replace(move, at=at + timedelta(hours=1))],
                              at=at + timedelta(hours=1))) == [("fired", "warning", None)]  # fmt: skip
    assert story.rows[0].message.link == ""


def test_an_alert_whose_rule_is_gone_is_withdrawn_where_it_was_told() -> None:
    """By its title; no route can ask for the labels of a rule that is gone: who was told is told."""
    titled = PLAIN.replace("    value:", "    title: Repo over fed funds\n    value:")
    story = Invented(titled, BOTH + "routes: [{match: {theme: funding}, to: [ops]}]")
    [fired] = story.reads(25)
    rest = ruleset("rules: [{name: other, value: sofr, above: {watch: 9 %}}]",
                   BOTH + "routes: [{match: {theme: funding}, to: [ops]}]")  # fmt: skip
    story.telling.use(Judge(rest, story.history))
    withdrawn = replace(
        fired, at=ny(2020, 6, 2, 10), change=Change.WITHDRAWN, value=None, unit=None,
        threshold=None, period="", cause=Cause.RULE_CHANGED, inputs=(), muted=None,
    )  # fmt: skip
    told = story.tell([withdrawn], at=ny(2020, 6, 2, 10))
    assert changes(told) == [("withdrawn", "warning", None)]
    assert [row.target.receiver for row in story.rows] == ["ops", "ops"]
    message = story.rows[1].message
    assert (message.headline, message.lines) == (
        "⚪ WITHDRAWN · Repo over fed funds",
        (
            "Lasted 60 minutes: Tue 2 Jun 2020, 09:00 to Tue 2 Jun 2020, 10:00 New York",
            "Cause: the rule was changed or removed; this alert is no more",
        ),
    )


def test_a_slower_series_that_changes_an_old_reading_is_no_correction() -> None:
    """New GDP under the reserves of last week is news of the next reading, not a mistake."""
    ratio = "rules: [{name: ratio, value: reserves / gdp, below: {warning: 10 %}}]"
    story = Story(ratio, ONE_TARGET, archive=False)
    week, later = ny(2025, 7, 17, 16, 30), ny(2025, 7, 30, 8, 30)
    story.observe("gdp", "2025-01-01", "30000", ny(2025, 4, 30, 8, 30), source="bea")
    story.observe("reserves", "2025-07-16", "2850000", week, source="h41")
    story.at(week)
    story.observe("gdp", "2025-04-01", "31000", later, source="bea")
    assert story.at(later) == []
    assert story.states["ratio"].read_at == micros(later)
    assert [row.message.reason for row in story.rows] == ["first"]


def test_targets_of_one_language_share_the_words() -> None:
    """A message is worded once for each language, and an unknown one falls back."""
    three = """
receivers:
  desk: [{slack: {channel: C01}}, {slack: {channel: C02}}, {webhook: {url: {secret: HOOK}}}]
"""
    story = Invented(PLAIN, three)
    story.telling = Telling(
        story.judge, story.store, {"zh-Hant": TRANSLATORS["zh-Hant"]}, place_of=place_of
    )
    story.reads(15)
    first, second, program = sorted(
        (row.message for row in story.rows), key=lambda said: said.state is not None
    )
    assert second == first
    assert replace(program, state=None, alerts=first.alerts) == first
    assert first.language == "zh-Hant"


def test_what_waits_is_not_told_before_its_time_by_a_reading() -> None:
    """A new reading of an alert whose escalation still waits does not overtake it."""
    story = Invented(PLAIN, ONE_TARGET + "routes: [{to: [desk], group_wait: 2 d}]\n")
    story.reads(15)
    story.tick(story.day + timedelta(days=2))
    story.day += timedelta(days=2)
    moves = story.reads(25, 26)
    assert story.reasons == ["first watch"]
    # The same event again does not make the group say it twice.
    again = story.tell([replace(moves[0], muted=None)], at=moves[0].at)
    assert changes(again) == [("escalated", "warning", None)]
    story.tick(story.day + timedelta(days=2))
    assert story.reasons == ["first watch", "escalated warning"]
    assert "Since the last message:" not in story.rows[1].message.lines


def test_a_resolution_nobody_wants_is_not_owed_either() -> None:
    """After a silence a route without resolutions stays silent, and knows that it is over."""
    story = Invented(PLAIN, ONE_TARGET + "routes: [{to: [desk], resolved: false}]\n")
    story.reads(15)
    story.silence(story.day, story.day + timedelta(days=2), name="spread")
    assert changes(story.reads(5)) == [("resolved", "watch", "silence by s1")]
    story.reads(4, 4)
    assert (story.reasons, story.telling.owed()) == (["first watch"], set())
    story.reads(15)
    assert story.reasons == ["first watch", "first watch"]


def test_a_resolution_in_a_silence_is_told_after_it() -> None:
    """Who was told that an alert fires hears in the end that it is over."""
    story = Invented(PLAIN, ONE_TARGET)
    story.reads(15)
    story.silence(story.day, story.day + timedelta(days=1, hours=1), name="spread")
    assert changes(story.reads(5)) == [("resolved", "watch", "silence by s1")]
    story.reads(4)
    assert story.reasons == ["first watch", "resolved none"]


def test_nothing_is_owed_of_an_alert_that_never_ended_and_is_no_more() -> None:
    """An edit of its rule may let an alert rest that was silenced; there is nothing to tell."""
    story = Invented(PLAIN, ONE_TARGET)
    story.silence(story.day, ny(2020, 6, 3), name="spread")
    story.reads(15)
    story.states["spread"] = AlertState()
    with story.store.transaction():
        story.telling.look(["spread"], at=ny(2020, 6, 4), states=story.states)
    assert (story.keys, story.telling.owed()) == ([], set())


def test_without_receivers_time_tells_nothing() -> None:
    """A tick and a reminder of a replay do nothing."""
    story = Invented(PLAIN, "receivers: {}\n")
    story.reads(15)
    story.tick(story.day)
    assert story.keys == []


# ---- edits, and places that come and go --------------------------------------------------------


def begun(*texts: str, spread: int = 25) -> Invented:
    """Return a story whose first summary was told, with the spread at so many bp."""
    story = Invented(*texts)
    story.observe("effr", "2020-05-29", "2.00", story.day)
    story.observe("sofr", "2020-05-29", str(Decimal(200 + spread) / 100), story.day)
    story.at(story.day, history=True)
    with story.store.transaction():
        story.telling.summary(at=story.day, states=story.states)
    return story


def adopt(story: Story, *texts: str) -> list[OutboxRow]:
    """Take other receivers, routes or rules, and return the rows that come of it."""
    before = len(story.rows)
    story.judge = Judge(ruleset(*texts), story.history)
    story.telling.use(story.judge)
    edit(story, ny(2020, 6, 1, 12))
    return story.rows[before:]


def test_a_place_that_is_new_hears_once_how_things_stand() -> None:
    """Another chat, or another receiver: it hears what fires, and then how it goes on."""
    story = begun(PLAIN, ONE_TARGET)
    two = "receivers: {desk: [{slack: {channel: C01}}, {slack: {channel: C02}}]}\n"
    [row] = adopt(story, PLAIN, two)
    assert (row.place, row.message.headline) == (
        "slack:C02", "👁 Ebbwatch is watching · 1 of 1 rule fires",
    )  # fmt: skip
    assert adopt(story, PLAIN, two) == []
    story.reads(5)
    assert [row.place for row in story.rows[2:]] == ["slack:C01", "slack:C02"]


def test_a_place_under_another_name_keeps_its_memory() -> None:
    """A receiver that is renamed hears nothing twice, and hears the end."""
    story = begun(PLAIN, ONE_TARGET)
    assert adopt(story, PLAIN, ONE_TARGET.replace("desk", "traders")) == []
    story.reads(25, 5)
    assert story.reasons == ["summary warning", "resolved none"]


def test_a_place_that_an_edit_of_the_routes_leads_to_hears_what_fires() -> None:
    """It knows of nothing but its summary; what is routed to it now is told as news."""
    receivers = "receivers: {desk: [{slack: {channel: C01}}], ops: [{slack: {channel: C02}}]}\n"
    story = begun(PLAIN, receivers + "routes: [{to: [desk]}]\n")
    [row] = adopt(story, PLAIN, receivers + "routes: [{to: [ops]}]\n")
    assert (row.place, str(row.message.reason)) == ("slack:C02", "first")


def test_what_waited_for_a_receiver_that_is_gone_follows_the_routes_in_force() -> None:
    """A group that waits under the old name is told under the new one."""
    story = begun(PLAIN, ONE_TARGET + "routes: [{to: [desk], group_wait: 2 d}]\n", spread=5)
    assert changes(story.reads(25)) == [("fired", "warning", None)]
    renamed = ONE_TARGET.replace("desk", "traders")
    adopt(story, PLAIN, renamed + "routes: [{to: [traders], group_wait: 2 d}]\n")
    story.tick(story.day + timedelta(days=2))
    assert [(row.target.receiver, str(row.message.reason)) for row in story.rows[1:]] == [
        ("traders", "first")
    ]


def test_what_waits_for_a_place_that_is_gone_is_given_up_for_a_reason() -> None:
    """It would be sent to somebody who is not to hear of it; other places keep theirs."""
    two = "receivers: {desk: [{slack: {channel: C01}}, {slack: {channel: C02}}]}\n"
    story = begun(PLAIN, two)
    adopt(story, PLAIN, ONE_TARGET)
    stand = {row.place: (row.state, row.error) for row in story.store.outbox(limit=10)}
    assert stand == {
        "slack:C01": (RowState.WAITING, ""),
        "slack:C02": (RowState.DROPPED, "no receiver is told at this place any more"),
    }


def test_twenty_five_rules_that_are_renamed_are_one_message() -> None:
    """Each fires as before under its new name, and programs hear the end of the old one."""

    def rules(letter: str) -> str:
        return "rules:\n" + "".join(
            f"  - {{name: {letter}{n}, value: sofr - effr, above: {{watch: {n} bp}}}}\n"
            for n in range(1, 26)
        )

    story = begun(rules("a"), ONE_TARGET, spread=30)
    at = ny(2020, 6, 1, 12)
    old = {name: story.states.pop(name) for name in [*story.states]}
    withdrawn = [pipeline.withdrawn(name, state, micros(at)) for name, state in old.items()]
    story.states = {name.replace("a", "b"): state for name, state in old.items()}
    story.judge = Judge(ruleset(rules("b"), ONE_TARGET), story.history)
    story.telling.use(story.judge)
    pairs = tuple((f"a{n}", f"b{n}") for n in range(1, 26))
    told = edit(story, at, withdrawn, renamed=pairs)
    assert {move.muted for move in told} == {None}
    [row] = story.rows[1:]
    assert row.message.lines == (
        "Renamed: " + ", ".join(f"{a} → {b}" for a, b in pairs[:20]) + ", and 5 more",
    )
    states = [alert["status"] for alert in row.message.alerts]
    assert (states.count("resolved"), states.count("firing")) == (25, 25)
    story.reads(31)
    assert len(story.rows) == 2


def test_the_end_of_a_silence_is_an_instant() -> None:
    """What still fires is told then, not with the next figure."""
    story = begun(PLAIN, ONE_TARGET, spread=5)
    until = ny(2020, 6, 2, 12)
    story.silence(story.day, until, name="spread")
    assert changes(story.reads(25)) == [("fired", "warning", "silence by s1")]
    assert story.telling.next_due() == until
    story.tick(until)
    assert story.reasons[1:] == ["first warning"]
    assert story.rows[1].created_at == until
    assert story.telling.next_due() is None


def test_a_place_that_works_again_hears_what_is_still_news() -> None:
    """Not with the next figure, which for a weekly series is a week away."""
    story = begun(PLAIN, ONE_TARGET, spread=5)
    story.reads(25)
    row = settle(story, RowState.PARKED)
    with story.store.transaction():
        story.telling.lost(row)
        story.telling.works(row.place, at=story.day + timedelta(hours=1), states=story.states)
    assert story.reasons[1:] == ["first warning", "first warning"]


def test_an_end_is_told_only_to_those_who_heard_the_beginning() -> None:
    """What fired and ended while nobody could be told is told to nobody."""
    story = begun(PLAIN, ONE_TARGET, spread=5)
    story.reads(25)
    first = settle(story, RowState.PARKED)
    with story.store.transaction():
        story.telling.lost(first)
    assert changes(story.reads(5)) == [("resolved", "warning", "not news")]
    with story.store.transaction():
        story.telling.works(first.place, at=story.day + timedelta(hours=1), states=story.states)
    assert story.reasons[1:] == ["first warning"]


def test_much_that_was_kept_from_a_place_is_told_in_one_message() -> None:
    """After a silence over everything nobody gets a screen of single alerts."""
    rules = "rules:\n" + "".join(
        f"  - {{name: r{n}, value: sofr - effr, above: {{watch: {n} bp}}}}\n" for n in range(1, 6)
    )
    story = begun(rules, ONE_TARGET, spread=0)
    until = ny(2020, 6, 2, 12)
    story.silence(story.day, until, level="watch")
    story.reads(25)
    story.tick(until)
    [row] = story.rows[1:]
    assert (row.message.headline, len(row.message.alerts)) == ("🟡 WATCH · 5 alerts", 5)


def test_words_that_fail_are_told_in_plain_figures() -> None:
    """A fault in the words of one message keeps no alert from being told."""

    class Broken(Context):
        def whole(self, move: Transition, **_: object) -> ToldChange:
            raise ValueError(move.rule)

    story = Invented(PLAIN, ONE_TARGET)
    story.telling = Telling(
        story.judge, story.store, TRANSLATORS, place_of=place_of, contexts=Broken
    )
    assert changes(story.reads(25)) == [("fired", "warning", None)]
    assert story.rows[0].message.lines == ("spread: fired (warning), 25.0 bp [2020-06-01]",)
