"""A day that is published in parts: what is known in the morning may breach, and never clear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ebbwatch import app
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.answering.expected import Expected
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.edge import Present
from ebbwatch.core.facts.period_parts import admit_by_parts
from ebbwatch.core.facts.release_clock import FreshnessState, ReleaseClock
from ebbwatch.locale import translator
from ebbwatch.model.alert import Cause
from ebbwatch.model.calendars import business_calendar
from ebbwatch.model.observation import Observation, Published
from ebbwatch.model.periods import FREQUENCIES, instant, micros, period_of
from ebbwatch.model.series import Released, Series, SourceRef
from ebbwatch.model.text import LANGUAGES
from ebbwatch.model.units import UNITS
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.backfill import backfill
from ebbwatch.runtime.feeds import Event
from ebbwatch.runtime.lookback.replay import WantedSpan, replay, transitions
from ebbwatch.runtime.lookback.replay_messages import messages, to_one_reader
from ebbwatch.runtime.pipeline import Handled, Outcome, Pipeline
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.test_cli_figures import Canned

NEW_YORK = ZoneInfo("America/New_York")
CALENDARS = {name: business_calendar(name) for name in ("federal-reserve", "sifma")}
CLOCK = ReleaseClock(CALENDARS)


def rule(at: str, *, since: date | None = None, part: str = "") -> Released:
    """Return a release on the day itself."""
    return Released(
        0, True, time.fromisoformat(at), "America/New_York", "sifma", since=since, part=part
    )


SINCE = date(2025, 6, 26)
FACILITY = Series(
    name="facility",
    source=SourceRef("nyfed", "standing_repo"),
    unit=UNITS["USD billions"],
    every=FREQUENCIES["business day"],
    released=(
        rule("13:45"),
        rule("13:45", since=SINCE, part="afternoon"),
        rule("08:30", since=SINCE, part="morning"),
    ),
)


def ny(text: str) -> datetime:
    """Return an instant by New York's clock: ``2025-12-31 08:31``."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def day(text: str) -> int:
    """Return the period of a date."""
    return period_of(date.fromisoformat(text))


def shown(at: int | None) -> str:
    """Return an instant by New York's clock."""
    assert at is not None
    return instant(at).astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


# ---- the release clock -------------------------------------------------------------------


def test_a_period_comes_out_whole_with_its_last_part() -> None:
    """From the day on from which there are several; before, there was one."""
    assert CLOCK.parts(FACILITY, day("2025-06-25")) == []
    assert [(shown(at), part) for at, part in CLOCK.parts(FACILITY, day("2025-06-26"))] == [
        ("2025-06-26 08:30", "morning"),
        ("2025-06-26 13:45", "afternoon"),
    ]
    both = np.array([day("2025-06-25"), day("2025-06-26")])
    assert [shown(at) for at in CLOCK.release_instants(FACILITY, both).tolist()] == [
        "2025-06-25 13:45", "2025-06-26 13:45",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("period", "known", "lacking", "part"),
    [
        ("2025-12-31", "2025-12-31 08:31", 1, "morning"),
        ("2025-12-31", "2025-12-31 13:44", 1, "morning"),
        ("2025-12-31", "2025-12-31 13:45", 0, ""),
        # Earlier than any part: it is the first one all the same.
        ("2025-12-31", "2025-12-31 07:00", 1, "morning"),
        ("2025-06-25", "2025-06-25 08:31", 0, ""),
        ("2025-12-31", "2026-01-02 08:31", 0, ""),
    ],
)
def test_how_much_of_a_period_a_figure_holds(
    period: str, known: str, lacking: int, part: str
) -> None:
    """It follows from when it became known."""
    at = micros(ny(known))
    assert CLOCK.lacking_at(FACILITY, day(period), at) == lacking
    assert CLOCK.part(FACILITY, day(period), at) == part


@pytest.mark.parametrize(
    ("newest", "known", "following", "late"),
    [
        ("2025-12-31", "2025-12-31 08:31", "2025-12-31 13:45", "2025-12-31 15:45"),
        ("2025-12-31", "2025-12-31 13:46", "2026-01-02 08:30", "2026-01-02 15:45"),
        ("2025-06-25", "2025-06-25 13:46", "2025-06-26 08:30", "2025-06-26 15:45"),
        ("2025-06-24", "2025-06-24 13:46", "2025-06-25 13:45", "2025-06-25 15:45"),
    ],
)
def test_what_comes_next_is_a_part_and_what_is_late_is_a_day(
    newest: str, known: str, following: str, late: str
) -> None:
    """A day is late only when its last part is."""
    at = micros(ny(known))
    assert shown(CLOCK.next_at(FACILITY, day(newest), at)) == following
    assert shown(CLOCK.lateness(FACILITY, day(newest), at).late_at) == late


@pytest.mark.parametrize(
    ("at", "period", "out", "lacking"),
    [
        ("2025-12-31 08:29", "2025-12-30", "2025-12-30 13:45", 0),
        ("2025-12-31 08:30", "2025-12-31", "2025-12-31 08:30", 1),
        ("2025-12-31 13:45", "2025-12-31", "2025-12-31 13:45", 0),
        ("2026-01-01 12:00", "2025-12-31", "2025-12-31 13:45", 0),
        ("2025-06-25 12:00", "2025-06-24", "2025-06-24 13:45", 0),
    ],
)
def test_what_should_be_out(at: str, period: str, out: str, lacking: int) -> None:
    """Polling looks for each part when it comes out."""
    due = CLOCK.due(FACILITY, micros(ny(at)))
    assert due is not None
    assert (due[0], shown(due[1]), due[2]) == (day(period), out, lacking)


# ---- the edge ----------------------------------------------------------------------------


def history(*facts: tuple[str, str, str | None]) -> History:
    """Return what is held: period, when it became known, and how much."""
    found = History({"facility": FACILITY}, CALENDARS, CLOCK)
    found.observe(
        Observation(
            series="facility", period=day(period), known_at=ny(known), source="nyfed",
            value=None if value is None else Decimal(value) * 10**9,
        )
        for period, known, value in facts
    )  # fmt: skip
    return found


def admitted(held: History, at: str, *figures: tuple[str, str, str]) -> list[tuple[str, str]]:
    """Return what of an answer (period, value, part) is news: how much, and when it was known."""
    found = admit_by_parts(
        FACILITY,
        [
            Published(series="facility", period=day(period), value=Decimal(value), part=part)
            for period, value, part in figures
        ],
        Present(held), CLOCK, at=ny(at), source="nyfed", first_choice=True,
    )  # fmt: skip
    assert all(o.known_at == ny(at) for o in found.observations)
    return [(FACILITY.every.text(o.period), f"{o.value:f}"[:-9]) for o in found.observations]


MORNING = ("2025-12-31", "2025-12-31 08:31", "74.6")


@pytest.mark.parametrize(
    ("held", "at", "part", "value", "news"),
    [
        # The morning is news in the morning, and not twice.
        ([], "2025-12-31 08:31", "morning", "75", True),
        ([MORNING], "2025-12-31 08:32", "morning", "74.6", False),
        ([MORNING], "2025-12-31 08:32", "morning", "75", True),
        # After 13:45 the morning alone is not taken for the day.
        ([], "2025-12-31 13:46", "morning", "75", False),
        ([MORNING], "2025-12-31 13:46", "morning", "74.6", False),
        # The afternoon is news, also where it adds nothing, and not twice.
        ([MORNING], "2025-12-31 13:46", "afternoon", "74.6", True),
        ([MORNING], "2025-12-31 13:46", "afternoon", "80", True),
        # What the publisher says of the whole day counts, also where the morning said more.
        ([MORNING], "2025-12-31 13:46", "afternoon", "70", True),
        ([MORNING], "2025-12-31 13:46", "afternoon", "0", True),
        # A page without the morning has no whole day, until nobody expects more.
        ([MORNING], "2025-12-31 13:46", "morning", "1", False),
        ([MORNING], "2025-12-31 15:44", "morning", "1", False),
        ([MORNING, ("2025-12-31", "2025-12-31 13:46", "74.6")], "2025-12-31 14:00",
         "afternoon", "74.6", False),
        # Out early, it counts as what is due by then, and once more when it is whole.
        ([MORNING], "2025-12-31 13:40", "afternoon", "80", True),
        ([MORNING], "2025-12-31 13:40", "afternoon", "74.6", False),
        ([("2025-12-31", "2025-12-31 13:40", "80")], "2025-12-31 13:45", "afternoon", "80", True),
        # No second operation was held: two hours later the day is what it is.
        ([MORNING], "2025-12-31 15:46", "morning", "74.6", True),
        ([], "2026-01-05 09:00", "morning", "74.6", True),
        # A source that does not say what is in its figures goes by the clock.
        ([MORNING], "2025-12-31 13:44", "", "74.6", False),
        ([MORNING], "2025-12-31 13:45", "", "74.6", True),
    ],
)  # fmt: skip
def test_what_is_news_of_a_day_in_parts(
    held: Sequence[tuple[str, str, str]], at: str, part: str, value: str, *, news: bool
) -> None:
    """A figure never counts as more than it holds."""
    found = admitted(history(*held), at, ("2025-12-31", value, part))
    assert bool(found) is news


def test_a_day_before_there_were_parts_is_news_once() -> None:
    """Whatever its source says."""
    known = history(("2025-06-25", "2025-06-25 13:46", "1"))
    assert admitted(known, "2025-06-25 14:00", ("2025-06-25", "1", "afternoon")) == []


# ---- alerts ------------------------------------------------------------------------------

SERIES = """
series:
  facility:
    source: {csv: {path: facility.csv}}
    unit: USD billions
    every: business day
    released:
      - {after: 0 business days, at: "08:30", zone: America/New_York, calendar: sifma, part: morning}
      - {after: 0 business days, at: "13:45", zone: America/New_York, calendar: sifma, part: afternoon}
"""


def walked(rules: str, facts: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return how the alerts of some rules move: when, and how."""
    ruleset = valid(SERIES + rules)
    known = History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))
    known.observe(
        Observation(
            series="facility", period=day(period), value=Decimal(value) * 10**9,
            known_at=ny(f"{period} {at}"), source="csv",
        )
        for period, at, value in facts
    )  # fmt: skip
    judge = Judge(ruleset, known)
    found = transitions(judge, replay(judge), WantedSpan(everything=True))
    return [
        f"{t.at.astimezone(NEW_YORK):%d %H:%M} {t.change} {t.level.word}"
        for t in sorted(found, key=lambda one: one.at)
    ]


#: Over 10 on the 9th and the morning of the 10th; less on the morning of the 11th, more at noon.
DAYS = [
    ("2025-12-09", "08:31", "2"), ("2025-12-09", "13:46", "12"),
    ("2025-12-10", "08:31", "12"), ("2025-12-10", "13:46", "12"),
    ("2025-12-11", "08:31", "3"), ("2025-12-11", "13:46", "20"),
    ("2025-12-12", "08:31", "0"), ("2025-12-12", "13:46", "0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("alert", "moves"),
    [
        # 3 on the morning of the 11th clears nothing; 0 on the 12th does at noon, unchanged.
        ("value: facility, above: {warning: $10bn}",
         ["09 13:46 fired warning", "12 13:46 resolved warning"]),
        ("when: facility > $10bn", ["09 13:46 fired warning", "12 13:46 resolved warning"]),
        ("when: facility > $10bn, clear_when: facility < $1bn",
         ["09 13:46 fired warning", "12 13:46 resolved warning"]),
        # The morning breaches at once.
        ("value: facility, above: {watch: $1bn}",
         ["09 08:31 fired watch", "12 13:46 resolved watch"]),
        ("value: facility, above: {watch: $1bn, critical: $11bn}",
         ["09 08:31 fired watch", "09 13:46 escalated critical", "12 13:46 resolved critical"]),
        # A day counts once, and a morning that does not breach ends no count.
        ("value: facility, above: {warning: $10bn}, for: {warning: 2 releases}",
         ["09 13:46 armed none", "10 08:31 fired warning", "12 13:46 resolved warning"]),
        ("value: facility, above: {warning: $10bn}, for: {warning: 3 releases}",
         ["09 13:46 armed none", "11 13:46 fired warning", "12 13:46 resolved warning"]),
        # Nor does it end a hold in time.
        ("value: facility, above: {warning: $10bn}, for: {warning: 46 h}",
         ["09 13:46 armed none", "11 13:46 fired warning", "12 13:46 resolved warning"]),
    ],
)  # fmt: skip
def test_a_part_of_a_day_may_breach_and_never_clear(alert: str, moves: list[str]) -> None:
    """Not a level, not a count, not a hold; and the whole day counts in its place."""
    assert walked(f"rules: [{{name: x, {alert}}}]\n", DAYS) == moves


BREACHED = ("2025-12-09", "08:31", "12")


@pytest.mark.parametrize(
    ("facts", "moves"),
    [
        # The whole day is less than its morning was said to be: over, as a figure and no sooner.
        ([("2025-12-09", "13:46", "3")], ["09 13:46 resolved warning"]),
        ([("2025-12-09", "13:46", "0")], ["09 13:46 resolved warning"]),
        ([("2025-12-09", "13:46", "12"), ("2025-12-10", "13:46", "0")],
         ["10 13:46 resolved warning"]),
        # A morning that is corrected is still a morning.
        ([("2025-12-09", "09:30", "3"), ("2025-12-09", "13:46", "12"),
          ("2025-12-10", "13:46", "0")], ["10 13:46 resolved warning"]),
        ([("2025-12-09", "09:30", "3"), ("2025-12-09", "13:46", "3")],
         ["09 13:46 resolved warning"]),
        # After a holiday (and a Friday) the next morning is that of the next open day.
        ([("2025-12-09", "13:46", "12"), ("2025-12-24", "13:46", "12"), ("2025-12-26", "08:31", "0"),
          ("2025-12-26", "13:46", "0")], ["26 13:46 resolved warning"]),
        # Several days at once, as after an outage: each at its own instant, whole.
        ([("2025-12-09", "17:00", "12"), ("2025-12-10", "17:00", "0")],
         ["10 17:00 resolved warning"]),
    ],
)  # fmt: skip
def test_what_the_afternoon_may_bring(
    facts: Sequence[tuple[str, str, str]], moves: list[str]
) -> None:
    """Less, nothing, the same, a correction, a holiday: it ends with a day that is whole."""
    rules = "rules: [{name: x, value: facility, above: {warning: $10bn}}]"
    assert walked(rules, [BREACHED, *facts]) == ["09 08:31 fired warning", *moves]


def test_an_afternoon_that_did_not_come_clears_nothing() -> None:
    """Not on its day, nor with the next morning; only with a day that is whole."""
    days = [one for one in DAYS if one[:2] != ("2025-12-12", "13:46")]
    days += [("2025-12-15", "08:31", "0"), ("2025-12-15", "13:46", "0")]
    assert walked("rules: [{name: x, value: facility, above: {warning: $10bn}}]", days) == [
        "09 13:46 fired warning", "15 13:46 resolved warning",
    ]  # fmt: skip


WHOLE = """
series:
  facility:
    source: {csv: {path: facility.csv}}
    unit: USD billions
    every: business day
    released: {after: 0 business days, at: "13:45", zone: America/New_York, calendar: sifma}
"""
RULE = "rules: [{name: x, value: facility, above: {warning: $10bn}}]"


class Unwritten:
    """A recorder that keeps nothing: what counts is how the alerts stand."""

    def take(self, _outcome: Outcome) -> bool:
        return False

    def record(self, handled: Handled, states: Mapping[str, AlertState]) -> None:
        assert not handled.failures

    def next_due(self) -> int | None:
        return None


def fact(period: str, at: str, value: str) -> Observation:
    """Return what became known of a day, by New York's clock."""
    return Observation(
        series="facility", period=day(period), value=Decimal(value) * 10**9,
        known_at=ny(f"{period} {at}"), source="csv",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "then", "levels"),
    [
        # Told that days come in parts, what the morning had ended holds; the afternoon ends it.
        (WHOLE, SERIES, ["warning", "warning", "none", "warning", "none"]),
        # Told that they do not, the morning counts as the day, and ends it.
        (SERIES, WHOLE, ["warning", "warning", "warning", "none", "none"]),
        (SERIES, SERIES, ["warning", "warning", "warning", "warning", "none"]),
    ],
    ids=["added", "removed", "kept"],
)
def test_rules_that_add_or_remove_parts_count_from_then_on(
    first: str, then: str, levels: list[str]
) -> None:
    """Between a morning and its afternoon; and what is lived through is what replay says then."""
    facts = [fact("2025-12-09", "08:31", "12"), fact("2025-12-09", "13:46", "12"),
             fact("2025-12-10", "08:31", "0"), fact("2025-12-10", "13:46", "0")]  # fmt: skip

    def judging(series: str, held: Sequence[Observation]) -> Judge:
        ruleset = valid(series + RULE)
        known = History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))
        known.observe(held)
        return Judge(ruleset, known)

    pipeline = Pipeline(judging(first, []), Unwritten())

    def level() -> str:
        return pipeline.states["x"].level.word

    found = []
    for one in facts[:3]:
        pipeline.handle(Event(at=micros(one.known_at), observations=(one,)))
        found.append(level())
    pipeline.adopt(judging(then, facts[:3]), micros(ny("2025-12-10 12:00")))
    found.append(level())
    pipeline.handle(Event(at=micros(facts[3].known_at), observations=(facts[3],)))
    assert [*found, level()] == levels


async def test_a_back_fill_brings_each_part_at_its_own_instant() -> None:
    """What the publisher still knows of mornings is kept; a day without a stamp is whole."""
    ruleset = valid("")
    store, name = MemoryStore(), "standing_repo"

    def figure(on: str, value: str, part: str, at: str | None) -> Published:
        return Published(
            series=name, period=day(on), value=Decimal(value), part=part,
            known_at=None if at is None else ny(f"{on} {at}"),
        )  # fmt: skip

    source = Canned(
        figure("2025-12-30", "2000000000", "morning", "08:31"),
        figure("2025-12-30", "3000000000", "afternoon", "13:46"),
        figure("2025-12-31", "74600000000", "morning", "08:31"),
        figure("2025-12-31", "74600000000", "afternoon", None),
    )
    await backfill(
        {"nyfed": source}, [ruleset.series[name]], app.empty_history(ruleset), store,
        clock=ManualClock(ny("2026-01-05 12:00")), since=None,
        on_begin=lambda _name, _count: None,
    )  # fmt: skip
    known = app.empty_history(ruleset)
    known.observe(store.observations())
    spells = known.partial(name)
    ends = zip(spells.starts.tolist(), spells.ends.tolist(), strict=True)
    assert [(shown(start), shown(end)) for start, end in ends] == [
        ("2025-12-30 08:31", "2025-12-30 13:46"),
        ("2025-12-31 08:31", "2025-12-31 13:45"),
    ]


def test_a_further_part_is_no_revision() -> None:
    """What the afternoon adds is told as a figure, not as a correction."""
    ruleset = valid(SERIES + "rules: [{name: x, value: facility, above: {watch: $10bn}}]")
    known = History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))
    corrected = [("2025-12-09", "08:31", "2"), ("2025-12-09", "13:46", "12"),
                 ("2025-12-09", "17:00", "9")]  # fmt: skip
    known.observe(
        Observation(series="facility", period=day(p), value=Decimal(v) * 10**9,
                    known_at=ny(f"{p} {at}"), source="csv")
        for p, at, v in corrected
    )  # fmt: skip
    judge = Judge(ruleset, known)
    found = list(transitions(judge, replay(judge), WantedSpan(everything=True)))
    assert [t.cause for t in found] == [Cause.NEW_PERIOD, Cause.REVISION]


def test_a_series_known_in_part_is_due_again_the_same_day() -> None:
    """Fresh until 13:45, due until 15:45, late after; and promised for 13:45."""
    known = history(MORNING)
    for at, state in (
        ("12:00", FreshnessState.FRESH),
        ("13:50", FreshnessState.DUE),
        ("15:50", FreshnessState.LATE),
    ):
        standing = Expected(known, micros(ny(f"2025-12-31 {at}"))).series("facility")
        assert standing.state is state
        assert standing.due_at == ny("2025-12-31 13:45")
        assert standing.part == "morning"
    late = Expected(known, micros(ny("2025-12-31 16:00"))).late("facility")
    assert late is not None
    assert (late.held, late.missing, late.since) == (
        "2025-12-31", "2025-12-31", ny("2025-12-31 13:45"),
    )  # fmt: skip


# ---- the last day of 2025 ----------------------------------------------------------------

DRAW = """
rules:
  - name: draw
    title: {en: The facility is drawn on, zh-Hant: 動用 SRF}
    value: standing_repo
    above: {critical: $50bn}
"""


@pytest.fixture(scope="module", name="draws")
def _draws() -> dict[str, list[tuple[datetime, str]]]:
    """Return what a reader of each language is told of large draws, over the bundled archive."""

    def told(language: str) -> Iterator[tuple[datetime, str]]:
        loaded = app.load_rules({"draw.yaml": DRAW}).ruleset
        assert isinstance(loaded, Ruleset)
        ruleset = to_one_reader(loaded, language)
        judge = Judge(ruleset, app.history_from_archive(ruleset, None))
        store, translators = MemoryStore(), {one: translator(one) for one in LANGUAGES}
        for row in messages(judge, replay(judge), store, translators, lambda _at: True):
            lines = (row.message.headline, *row.message.lines, *row.message.footer)
            yield row.created_at, "\n".join(lines)

    return {language: list(told(language)) for language in LANGUAGES}


def test_the_draw_of_the_last_day_of_2025_is_told_in_the_morning(
    draws: dict[str, list[tuple[datetime, str]]],
) -> None:
    """All of the $74.6bn was known at 08:31, and that is when it is told; it is over at a noon."""
    at = {moment.astimezone(NEW_YORK): text for moment, text in draws["en"]}
    fired = datetime(2025, 12, 31, 8, 31, 20, tzinfo=NEW_YORK)
    assert "$74.6bn for Wed 31 Dec 2025 (morning operation only)" in at[fired]
    assert "Next figure Wed 31 Dec, 13:45 New York" in at[fired]
    after = min(moment for moment in at if moment > fired)
    assert after == datetime(2026, 1, 2, 13, 45, tzinfo=NEW_YORK)
    assert "morning" not in at[after]
    zh = dict(draws["zh-Hant"])[fired.astimezone(UTC)]
    assert "僅含上午操作" in zh


def test_no_day_of_the_archive_is_left_in_parts() -> None:
    """Each morning has its afternoon, and both their own stamps."""
    loaded = app.load_rules({"draw.yaml": DRAW}).ruleset
    assert loaded is not None
    known = app.history_from_archive(loaded, None)
    spells = known.partial("standing_repo")
    lasted = [timedelta(microseconds=int(n)) for n in spells.ends - spells.starts]
    assert len(lasted) > 120
    assert max(lasted) < timedelta(hours=6)
