"""What messages are told with: gathered from history, as it was known then."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.answering.conditions import naming_of, working_of
from ebbwatch.core.answering.defines import filled_in
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.core.render import Late, Measure, Phrases, Revised, ToldChange, Working
from ebbwatch.core.telling.context import CHART_POINTS, Context
from ebbwatch.core.telling.digest_clock import due_digest, next_digest
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.expr.view import BEGINNING
from ebbwatch.locale import translator
from ebbwatch.model.alert import Cause, Change, Input, Level, Transition
from ebbwatch.model.calendars import business_calendar
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros, period_of
from ebbwatch.model.text import FALLBACKS, LANGUAGES, Text
from ebbwatch.ruleset.rules import Digest
from tests.ruleset.loading import valid

NEW_YORK = ZoneInfo("America/New_York")
BOTH = [translator(language) for language in LANGUAGES if language not in FALLBACKS]
EN = BOTH[0]


def ny(year: int, month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    """Return an instant on New York's clocks."""
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


class Known:
    """Rules over figures that a test writes down."""

    def __init__(self, rules: str) -> None:
        """Know the rules and nothing else."""
        self.rules = valid(rules)
        self.history = History(
            self.rules.series, self.rules.business, ReleaseClock(self.rules.business)
        )
        self.judge = Judge(self.rules, self.history)
        self.context = Context(self.judge, BOTH)

    def has(self, series: str, period: str, value: str | None, at: datetime) -> None:
        """Take a figure in the series' unit."""
        entry = self.history.catalogue[series]
        exact = None if value is None else Decimal(value) * entry.unit.factor
        self.history.observe(
            [
                Observation(
                    series=series, period=entry.every.parse(period), value=exact, known_at=at,
                    source=entry.source.name,
                )
            ]
        )  # fmt: skip

    def moves(self, at: datetime) -> list[Transition]:
        """Return every transition up to an instant."""
        evaluation = Evaluation(self.history, BEGINNING, micros(at))
        judged = [
            self.judge.judge(rule, AlertState(), evaluation) for rule in self.judge.watched.values()
        ]
        return [move for one in judged for move in self.judge.transitions(one)]

    def working(self, name: str, period: str, at: datetime) -> tuple[Working, ...]:
        """Return the comparisons of a rule."""
        rule = self.judge.watched[name]
        return working_of(
            rule, Evaluation(self.history, BEGINNING, micros(at)), rule.every.parse(period),
            Phrases(naming_of(self.judge), BOTH),
        )  # fmt: skip


FILLED = [
    ("a define alone", "spread", "sofr - effr"),
    ("an argument needs no brackets", "avg(spread, 4 w)", "avg(sofr - effr, 4 w)"),
    ("a term does", "spread * 2", "(sofr - effr) * 2"),
    ("a name does not", "2 * own", "2 * sofr"),
    ("a call does not", "calm - own", "avg(sofr, 4 w) - sofr"),
    ("defines of defines are filled in too", "wide", "(sofr - effr) - avg(sofr, 4 w)"),
    ("a quoted name is left alone", 'breaches("spread", warning)', 'breaches("spread", warning)'),
    ("lines are joined", "sofr\n  - effr", "sofr - effr"),
]
DEFINES = {
    "spread": "sofr - effr",
    "own": "sofr",
    "calm": "avg(sofr, 4 w)",
    "wide": "spread - calm",
}


@pytest.mark.parametrize(("text", "filled"), [r[1:] for r in FILLED], ids=[r[0] for r in FILLED])
def test_defines_are_filled_in(text: str, filled: str) -> None:
    """An expression is shown without the names that only its rule files know."""
    assert filled_in(text, DEFINES) == filled


CONDITIONS = """
define: {over: sofr > effr, least: 2 %}
rules:
  - {name: both, when: over and not (2.5 % <= sofr or sofr == effr)}
  - {name: counted, when: 'count(sofr > 2 %, effr > 2 %) > 1 and sofr > 2 %'}
  - {name: short, when: 'change(sofr, 1 y) > 5 bp or sofr >= least'}
  - {name: value, value: sofr, above: {watch: 2 %}}
"""


def words(text: str) -> Text:
    """Return a text that both languages write the same way."""
    return Text((("en", text), ("zh-Hant", text)))


def test_a_condition_shows_each_comparison_with_its_value() -> None:
    """Defines are opened, constants stand on the right, and equalities are left out."""
    known = Known(CONDITIONS)
    at = ny(2020, 6, 3)
    known.has("sofr", "2020-06-02", "2.40", at)
    known.has("effr", "2020-06-02", "2.10", at)
    sofr, effr = words("SOFR"), Text()
    assert effr == Text()
    assert known.working("both", "2020-06-02", at) == (
        Working(measure=sofr, value=2.4, comparison=">", bound=2.1, unit="%", holds=True),
        Working(measure=sofr, value=2.4, comparison=">=", bound=2.5, unit="%", holds=False),
    )
    assert known.working("value", "2020-06-02", at) == ()


def test_what_is_unknown_is_shown_as_unknown() -> None:
    """A window without history has no value and no verdict; nor has a count a past."""
    known = Known(CONDITIONS)
    at = ny(2020, 6, 3)
    known.has("sofr", "2020-06-02", "2.40", at)
    change = Text((("en", "Change over 1 year of SOFR"), ("zh-Hant", "SOFR近 1 年的變動")))
    assert known.working("short", "2020-06-02", at) == (
        Working(measure=change, value=None, comparison=">", bound=5.0, unit="bp", holds=None),
        Working(measure=words("SOFR"), value=2.4, comparison=">=", bound=2.0, unit="%", holds=True),
    )
    before = known.working("short", "2020-05-01", at)
    assert [(row.value, row.holds) for row in before] == [(None, None), (None, None)]
    counted = known.working("counted", "2020-06-02", at)
    assert [(row.value, row.holds) for row in counted] == [(None, None), (2.4, True)]


WEEKLY = """
rules:
  - name: reserves
    value: reserves
    below: {watch: $3tn}
    turns: {quarter-end: annotate}
"""


def test_a_week_is_told_with_the_turn_that_lies_in_it() -> None:
    """The anchor of a week's turn is the day in that week, and weeks are shaded whole."""
    known = Known(WEEKLY)
    at = ny(2020, 7, 2, 16, 30)
    known.has("reserves", "2020-07-01", "2900000", at)
    [move] = known.moves(at)
    told = known.context.whole(move, at=at)
    assert told.turn_days == {"quarter-end": date(2020, 6, 30)}
    chart = known.context.chart("reserves", at, EN)
    assert chart is not None
    assert chart.points == (("2020-07-01", 2.9e12),)
    assert known.context.next_due(known.judge.watched["reserves"], micros(at)) == ny(
        2020, 7, 9, 16, 30
    )


def test_an_overdue_figure_is_not_promised_again() -> None:
    """Once its instant has passed nobody knows when the next figure comes."""
    known = Known(WEEKLY)
    known.has("reserves", "2020-07-01", "2900000", ny(2020, 7, 2, 16, 30))
    rule = known.judge.watched["reserves"]
    assert known.context.next_due(rule, micros(ny(2020, 7, 9, 16, 31))) is None
    assert Known(WEEKLY).context.next_due(rule, micros(ny(2020, 7, 9))) is None


COUNT = """
rules:
  - name: lamps
    value: count(sofr > 2 %, effr > 2 %, reserves < $3tn)
    above: {watch: 1}
"""


def test_a_count_of_which_some_is_unknown_says_at_least() -> None:
    """Two of three lamps are known to burn, and the next figure is that of any of them."""
    known = Known(COUNT)
    at = ny(2020, 6, 3)
    known.has("sofr", "2020-06-02", "2.40", ny(2020, 6, 3, 8))
    known.has("effr", "2020-06-02", "2.10", at)
    [move] = known.moves(at)
    told = known.context.whole(move, at=at)
    assert (told.at_least, told.next_due) == (True, ny(2020, 6, 4, 8))
    known.has("reserves", "2020-06-03", "3100000", ny(2020, 6, 4, 16, 30))
    later = known.context.whole(
        Transition(**{**fields(move), "at": ny(2020, 6, 4, 16, 30), "period": "2020-06-03"}), at=at
    )
    assert later.at_least is False
    assert list(known.context.periods("lamps", micros(at))) == [period_of(date(2020, 6, 2))]
    assert len(known.context.periods("gone", micros(at))) == 0


def fields(move: Transition) -> dict[str, object]:
    """Return a transition's fields."""
    return {name: getattr(move, name) for name in Transition.__dataclass_fields__}


SPREAD = """
rules:
  - {name: spread, value: sofr - effr, above: {watch: 10 bp}}
  - {name: text, text: fed_press, matches: QT}
"""


def test_a_revision_is_told_with_what_was_published_before() -> None:
    """Only the figures that changed at that instant are named."""
    known = Known(SPREAD)
    known.has("effr", "2020-06-02", "2.00", ny(2020, 6, 3))
    known.has("sofr", "2020-06-02", "2.05", ny(2020, 6, 3))
    known.has("sofr", "2020-06-02", "2.15", ny(2020, 6, 3, 14, 30))
    [move] = known.moves(ny(2020, 6, 4))
    assert move.cause is Cause.REVISION
    every = known.history.catalogue["sofr"].every
    assert known.context.whole(move, at=move.at).revised == (
        Revised(series="sofr", period="2020-06-02", every=every, old=2.05, new=2.15, unit="%"),
    )


def test_a_value_that_was_withdrawn_before_is_told_as_none() -> None:
    """A figure published, withdrawn and published again was no value in between."""
    known = Known(SPREAD)
    known.has("effr", "2020-06-02", "2.00", ny(2020, 6, 3))
    known.has("sofr", "2020-06-02", "2.05", ny(2020, 6, 3))
    known.has("sofr", "2020-06-02", None, ny(2020, 6, 3, 10))
    known.has("sofr", "2020-06-02", "2.15", ny(2020, 6, 3, 14, 30))
    move = known.moves(ny(2020, 6, 4))[-1]
    assert [one.old for one in known.context.whole(move, at=move.at).revised] == [None]


def test_a_first_figure_is_no_revision_of_anything() -> None:
    """A move said to be a revision names nothing where nothing stood before."""
    known = Known(SPREAD)
    at = ny(2020, 6, 3)
    known.has("effr", "2020-06-02", "2.00", at)
    known.has("sofr", "2020-06-02", "2.15", at)
    [move] = known.moves(at)
    told = known.context.whole(Transition(**{**fields(move), "cause": Cause.REVISION}), at=at)
    assert told.revised == ()


def test_an_alert_whose_rule_is_gone_is_told_by_its_name() -> None:
    """A withdrawn alert has no rule to ask, and a text rule no readings."""
    known = Known(SPREAD)
    move = Transition(
        at=ny(2020, 6, 3), rule="gone", change=Change.WITHDRAWN, level=Level.WATCH,
        before=Level.WATCH, value=None, unit=None, threshold=None, period="", episode="gone@x",
        cause=Cause.RULE_CHANGED,
    )  # fmt: skip
    assert known.context.whole(move, at=move.at) == ToldChange(transition=move)
    text = Transition(**{**fields(move), "rule": "text"})
    assert known.context.whole(text, at=move.at) == ToldChange(transition=text)
    assert known.context.chart("text", move.at, EN) is None
    assert known.context.chart("spread", move.at, EN) is None


def test_late_series_are_named_with_what_is_missing() -> None:
    """A series is late after its grace; one that is not due, or unheard of, is not."""
    known = Known(SPREAD)
    known.has("sofr", "2020-06-01", "2.05", ny(2020, 6, 2, 8))
    every = known.history.catalogue["sofr"].every
    names = ["sofr", "effr"]
    assert known.context.late(names, micros(ny(2020, 6, 3, 9, 59))) == ()
    assert known.context.late(names, micros(ny(2020, 6, 3, 10, 0))) == (
        Late(
            series="sofr", held="2020-06-01", missing="2020-06-02", every=every,
            since=ny(2020, 6, 3, 8),
        ),
    )  # fmt: skip


def test_a_chart_of_many_points_keeps_the_furthest_of_each_stretch() -> None:
    """Two years of quarter hours are drawn as 800 points at most, spikes and the last one included."""
    known = Known("rules: [{name: btc, value: bitcoin, above: {watch: $90000/BTC}}]")
    step = 15
    first = period_of(date(2024, 1, 1))
    entry = known.history.catalogue["bitcoin"]
    assert entry.every.minutes == step
    known.history.observe(
        Observation(
            series="bitcoin", period=first + n * step,
            value=Decimal(99_000 if n == 1234 else 50_000 + n % 7),
            known_at=datetime.fromtimestamp((first + (n + 1) * step) * 60, UTC), source="coinbase",
        )
        for n in range(2000)
    )  # fmt: skip
    chart = known.context.chart("btc", datetime(2024, 3, 1, tzinfo=UTC), EN)
    assert chart is not None
    assert (len(chart.points), chart.shaded) == (CHART_POINTS - 1, ())
    assert (entry.every.text(first + 1234 * step), 99_000.0) in chart.points
    assert chart.points[-1][0] == entry.every.text(first + 1999 * step)


def test_a_fallback_is_named_only_where_it_stood_in() -> None:
    """Figures of the archive are nobody's failure."""
    known = Known(SPREAD)
    at = ny(2020, 6, 3)
    known.has("effr", "2020-06-02", "2.00", at)
    known.has("sofr", "2020-06-02", "2.15", at)
    [move] = known.moves(at)

    def given(source: str) -> Transition:
        inputs = tuple(
            Input(**{name: getattr(row, name) for name in Input.__dataclass_fields__} | {
                "source": source}) for row in move.inputs
        )  # fmt: skip
        return Transition(**{**fields(move), "inputs": inputs})

    fallbacks = {
        source: known.context.whole(given(source), at=at).fallbacks
        for source in ("nyfed", "fred", "archive")
    }
    assert fallbacks == {"nyfed": {}, "fred": {"sofr": "nyfed", "effr": "nyfed"}, "archive": {}}


def test_a_series_without_a_release_rule_promises_nothing() -> None:
    """The next figure is that of the series which has one."""
    known = Known("rules: [{name: over, value: effr - iorb, above: {watch: 0 bp}}]")
    at = ny(2020, 6, 3)
    known.has("effr", "2020-06-02", "2.00", at)
    known.has("iorb", "2020-06-02", "1.90", at)
    assert known.context.next_due(known.judge.watched["over"], micros(at)) == ny(2020, 6, 4)


def test_a_condition_over_counts_is_no_count_itself() -> None:
    """Only a number can be at least something."""
    known = Known(CONDITIONS)
    at = ny(2020, 6, 3)
    known.has("sofr", "2020-06-02", "2.40", at)
    known.has("effr", "2020-06-02", "2.10", at)
    [move] = [move for move in known.moves(at) if move.rule == "counted"]
    told = known.context.whole(move, at=at)
    assert (told.at_least, told.measure, told.unusual) == (False, Measure(), None)


# ---- digests -------------------------------------------------------------------------------

SIFMA = business_calendar("sifma")
FRIDAY = ny(2026, 4, 2, 8, 45)  # Thursday before Good Friday
DUE = [
    ("every day", "days", ny(2026, 4, 3, 8, 45)),
    ("not on Good Friday", "business days", ny(2026, 4, 6, 8, 45)),
    ("on weekdays that are named", "tuesday wednesday", ny(2026, 4, 7, 8, 45)),
    ("never on a day there is not", "someday", None),
]


@pytest.mark.parametrize(("on", "due"), [r[1:] for r in DUE], ids=[r[0] for r in DUE])
def test_digests_come_on_their_days(on: str, due: datetime | None) -> None:
    """The next digest lies strictly after the last one."""
    digest = Digest(at=time(8, 45), zone="America/New_York", on=on, to=("desk",))
    assert next_digest(digest, FRIDAY, SIFMA) == due


def test_of_missed_digests_the_newest_is_due() -> None:
    """The instant itself is due; a moment before it is not."""
    digest = Digest(at=time(8, 45), zone="America/New_York", on="days", to=("desk",))
    last, now = ny(2026, 3, 1), ny(2026, 4, 2, 8, 45)
    assert due_digest(digest, last, now, SIFMA) == now
    assert due_digest(digest, ny(2026, 4, 1, 8, 45), ny(2026, 4, 2, 8, 44), SIFMA) is None


def test_defines_that_double_end_in_a_name_instead_of_a_book():
    """Sixty steps of doubling are refused a reader, and cost nothing."""
    doubling = {f"d{i}": f"d{i - 1} + d{i - 1}" for i in range(1, 60)} | {"d0": "sofr"}
    assert len(filled_in("d59 > 3 %", doubling)) < 1000


def test_what_a_count_read_before_is_known_too() -> None:
    """Whether it flaps, and how unusual it is, is seen from all of its readings."""
    known = Known("rules: [{name: two, value: 'count(sofr > 2 %, effr > 2 %)', above: {watch: 1}}]")
    days = [f"2025-10-0{day}" for day in (6, 7, 8)]
    for number, day in enumerate(days):
        for series in ("sofr", "effr"):
            known.has(series, day, "2.1", ny(2025, 10, 7 + number))
    periods = known.context.periods("two", micros(ny(2025, 10, 9)))
    every = known.judge.watched["two"].every
    assert [every.text(int(period)) for period in periods] == days
