"""What was known when: effects, revisions, and what time alone changes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from ebbwatch.expr import Expression, Scope, compile_expression
from ebbwatch.expr.evaluate import Evaluation
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros, period_of
from tests.naive.tapes import CATALOGUE, history_of


def fact(series: str, day: str, value: str | None, known: str) -> Observation:
    """Return one figure, in percent or base units as written."""
    return Observation(
        series=series, period=period_of(datetime.fromisoformat(day).date()),
        value=None if value is None else CATALOGUE[series].unit.to_base(Decimal(value)),
        known_at=datetime.fromisoformat(known).astimezone(UTC), source="test",
    )  # fmt: skip


def at(text: str) -> int:
    """Return an instant in µs."""
    return micros(datetime.fromisoformat(text))


def test_a_rate_dated_into_the_future_is_read_from_midnight_in_new_york() -> None:
    """No reading carries a period later than the day of as_of."""
    history = history_of([fact("target", "2024-01-05", "5.5", "2024-01-02T09:00:00-05:00")])
    assert history.known_instants(after=0, upto=at("2024-01-05T00:00:00-05:00") - 1).tolist() == []
    assert history.known_instants(after=0, upto=at("2024-01-06T00:00:00-05:00")).tolist() == [
        at("2024-01-05T00:00:00-05:00")
    ]


def test_of_two_versions_known_before_their_day_the_last_known_counts() -> None:
    """A correction of a future rate replaces it before anybody read it."""
    history = history_of(
        [
            fact("target", "2024-01-05", "5.25", "2024-01-03T09:00:00-05:00"),
            fact("target", "2024-01-05", "5.5", "2024-01-02T09:00:00-05:00"),
        ]
    )
    found = [(f.value, f.known_at) for f in history.observations("target")]
    known = datetime.fromisoformat("2024-01-03T09:00:00-05:00").astimezone(UTC)
    assert found == [(Fraction(525, 10_000), known)]


def test_the_same_value_told_again_is_no_revision() -> None:
    """A second poll of the same datum is nothing new, and the first stays its source of time."""
    history = history_of(
        [
            fact("sofr", "2024-01-02", "5.31", "2024-01-03T08:00:00-05:00"),
            fact("sofr", "2024-01-02", "5.310", "2024-01-04T08:00:00-05:00"),
        ]
    )
    assert len(list(history.observations("sofr"))) == 1
    later = at("2024-01-04T08:00:00-05:00")
    assert history.changed(after=later - 1, upto=later) == set()


def test_a_value_told_back_after_another_is_a_revision_of_its_own() -> None:
    """5.31, then 5.32, then 5.31 again are three facts."""
    days = ("03", "04", "05")
    values = ("5.31", "5.32", "5.31")
    history = history_of(
        [
            fact("sofr", "2024-01-02", v, f"2024-01-{d}T08:00:00-05:00")
            for d, v in zip(days, values, strict=True)
        ]
    )
    assert [f.value for f in history.observations("sofr")] == [
        Fraction(531, 10_000), Fraction(532, 10_000), Fraction(531, 10_000),
    ]  # fmt: skip


def test_history_that_is_filled_in_later_does_not_reach_back_earlier() -> None:
    """A peak over all history is unknown until the first period is held, also in hindsight."""
    scope = Scope(CATALOGUE)
    expression = compile_expression("peak(old)", scope)
    assert isinstance(expression, Expression)
    history = history_of(
        [
            fact("old", "2024-01-10", "5", "2024-01-11T08:00:00-05:00"),
            fact("old", "2024-01-03", "6", "2024-01-20T08:00:00-05:00"),
        ]
    )
    readings = Evaluation(history).readings(expression.node)
    assert [int(w) > 0 for w in readings.why] == [True, False]
    assert readings.numbers is not None
    assert readings.numbers.exact(1) == Fraction(6, 100)


def test_lateness_ends_when_the_next_figure_is_known() -> None:
    """Late and stale are stretches of time, and their edges are ticks."""
    history = history_of(
        [
            fact("timely", "2024-01-02", "5.31", "2024-01-03T08:00:00-05:00"),
            fact("timely", "2024-01-03", "5.32", "2024-01-08T08:00:00-05:00"),
        ]
    )
    late, stale = history.late("timely"), history.stale("timely", carried=False)
    assert late.starts.tolist()[0] == at("2024-01-04T10:00:00-05:00")
    assert stale.starts.tolist()[0] == at("2024-01-05T10:00:00-05:00")
    assert late.ends.tolist()[0] == stale.ends.tolist()[0] == at("2024-01-08T08:00:00-05:00")
    assert history.next_edge(at("2024-01-03T08:00:00-05:00")) == at("2024-01-04T10:00:00-05:00")
    assert history.newest("timely", as_of=at("2024-01-04T12:00:00-05:00")) is not None
    assert history.newest("timely", as_of=at("2024-01-02T12:00:00-05:00")) is None
