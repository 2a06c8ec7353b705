"""When sources are visited: a timeline of visits, drawn by asking again and again."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.core.facts.poll_plan import next_poll, next_texts, planned_visit
from ebbwatch.model.periods import FREQUENCIES, instant, micros
from ebbwatch.model.source import Planned
from ebbwatch.sources.fed_press import FedPress

NEW_YORK = ZoneInfo("America/New_York")
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def visits(every: str, *, last: int, until: int, due: int, following: int) -> list[int]:
    """Return the visits to a source that does not have the figure due, until an instant."""
    found = []
    at = last
    while True:
        at = next_poll(
            due_at=due if at >= due else due - DAY,
            held=at < due,
            next_due_at=following if at >= due else due,
            last_poll_at=at,
            at=at,
            every=FREQUENCIES[every],
            jitter=0.0,
        )
        if at > until:
            return found
        found.append(at)


def test_visits_are_dense_after_the_expected_instant_and_widen() -> None:
    """Every two seconds at first, then an eighth of the time waited."""
    found = visits("business day", last=-1800 * SECOND, until=60 * SECOND, due=0, following=DAY)
    assert [round(at / SECOND, 1) for at in found] == [
        *(2, 4, 6, 8, 10, 12, 14, 16, 18),
        *(20.2, 22.8, 25.6, 28.8, 32.4, 36.5, 41.1, 46.2, 52.0, 58.5),
    ]


def test_a_figure_that_never_comes_costs_little() -> None:
    """A day of waiting is under a hundred visits, and none is more than an hour apart."""
    found = visits("business day", last=0, until=DAY - SECOND, due=0, following=DAY)
    assert len(found) < 100
    assert max(b - a for a, b in itertools.pairwise(found)) <= HOUR


@pytest.mark.parametrize(
    ("every", "gap"),
    [
        ("1 min", MINUTE),
        ("15 min", 15 * MINUTE),
        ("hour", HOUR),
        ("business day", HOUR),
        ("day", HOUR),
        ("week ending Wednesday", 6 * HOUR),
        ("month", DAY),
        ("quarter", DAY),
        ("year", DAY),
    ],
)
def test_visits_are_sparse_while_nothing_is_awaited(every: str, gap: int) -> None:
    """With the due figure held and the next one far away, the pace of the frequency counts."""
    at = next_poll(
        due_at=0,
        held=True,
        next_due_at=400 * DAY,
        last_poll_at=HOUR,
        at=HOUR + SECOND,
        every=FREQUENCIES[every],
        jitter=0.0,
    )
    assert at - HOUR == gap


def test_a_held_figure_ends_the_dense_visits() -> None:
    """Once held, the next visit is seconds after the next instant, or the sparse one."""
    daily = {"due_at": 0, "held": True, "every": FREQUENCIES["business day"], "jitter": 0.0}
    last = 5 * SECOND
    soon = next_poll(**daily, next_due_at=30 * MINUTE, last_poll_at=last, at=last)
    later = next_poll(**daily, next_due_at=DAY, last_poll_at=last, at=last)
    assert (soon, later) == (30 * MINUTE + 2 * SECOND, HOUR + last)


def test_candles_are_asked_for_seconds_after_they_end() -> None:
    """A quarter of an hour is followed by the next, not by a gap of its own."""
    end = 900 * SECOND
    at = next_poll(
        due_at=0,
        held=True,
        next_due_at=end,
        last_poll_at=2 * SECOND,
        at=2 * SECOND,
        every=FREQUENCIES["15 min"],
        jitter=0.0,
    )
    assert at == end + 2 * SECOND


def test_a_large_file_is_asked_for_less_often() -> None:
    """GDP is awaited every half minute, not every two seconds."""
    found = visits("quarter", last=-MINUTE, until=3 * MINUTE, due=0, following=90 * DAY)
    assert [at // SECOND for at in found] == [4, 34, 64, 94, 124, 154]


def test_the_first_visit_of_all_is_at_once() -> None:
    """Where nothing was asked yet, nothing is waited for."""
    at = next_poll(
        due_at=None,
        held=False,
        next_due_at=None,
        last_poll_at=None,
        at=7,
        every=FREQUENCIES["day"],
        jitter=0.9,
    )
    assert at == 7


def test_visits_that_were_slept_through_are_made_now() -> None:
    """A plan never lies in the past."""
    at = next_poll(
        due_at=0,
        held=False,
        next_due_at=DAY,
        last_poll_at=-HOUR,
        at=5 * HOUR,
        every=FREQUENCIES["business day"],
        jitter=0.5,
    )
    assert at == 5 * HOUR


def test_a_series_of_which_nothing_is_expected_is_visited_sparsely() -> None:
    """An announced rate has no instant of its own."""
    at = next_poll(
        due_at=None,
        held=False,
        next_due_at=None,
        last_poll_at=0,
        at=0,
        every=FREQUENCIES["day"],
        jitter=0.0,
    )
    assert at == HOUR


def test_revisions_have_a_visit_of_their_own() -> None:
    """The revision window is looked at once, and then no more that day."""
    planned = {
        "due_at": 0,
        "held": True,
        "next_due_at": DAY,
        "every": FREQUENCIES["business day"],
        "jitter": 0.0,
    }
    window = 6 * HOUR + 35 * MINUTE
    before = next_poll(**planned, last_poll_at=6 * HOUR, at=6 * HOUR, planned_at=window)
    after = next_poll(**planned, last_poll_at=before, at=before, planned_at=window)
    assert (before, after) == (window, before + HOUR)


@given(
    due=st.integers(-30 * DAY, 0),
    waited=st.integers(0, 30 * DAY),
    gap=st.integers(0, DAY),
    held=st.booleans(),
    every=st.sampled_from(sorted(FREQUENCIES)),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_a_plan_lies_ahead_and_never_far(
    due: int, waited: int, gap: int, held: bool, every: str, jitter: float
) -> None:
    """Whatever happened, the next visit is not in the past and not past the sparse pace."""
    last = due + waited
    at = last + gap
    found = next_poll(
        due_at=due,
        held=held,
        next_due_at=due + 40 * DAY,
        last_poll_at=last,
        at=at,
        every=FREQUENCIES[every],
        jitter=jitter,
    )
    assert at <= found <= max(at, last + DAY + MINUTE)


@given(jitter=st.floats(0, 1, exclude_max=True))
def test_jitter_delays_by_a_quarter_and_a_minute_at_most(jitter: float) -> None:
    """Many daemons spread out without coming late."""
    first = next_poll(
        due_at=0,
        held=False,
        next_due_at=DAY,
        last_poll_at=-MINUTE,
        at=0,
        every=FREQUENCIES["business day"],
        jitter=jitter,
    )
    sparse = next_poll(
        due_at=0,
        held=True,
        next_due_at=DAY,
        last_poll_at=HOUR,
        at=HOUR,
        every=FREQUENCIES["business day"],
        jitter=jitter,
    )
    assert 2 * SECOND <= first <= 2.5 * SECOND
    assert 2 * HOUR <= sparse <= 2 * HOUR + MINUTE


AFTERNOON = Planned(at=time(14, 35), zone="America/New_York")
MORNING = Planned(at=time(8, 30, 4), zone="America/New_York")


@pytest.mark.parametrize(
    ("planned", "after", "visit"),
    [
        ([AFTERNOON], "2026-11-24 08:00", "2026-11-24 14:35:00"),
        ([AFTERNOON], "2026-11-24 14:35", "2026-11-25 14:35:00"),
        ([AFTERNOON], "2026-11-27 15:00", "2026-11-30 14:35:00"),
        ([AFTERNOON], "2026-10-31 12:00", "2026-11-02 14:35:00"),  # a weekend and a clock change
        ([AFTERNOON, MORNING], "2026-11-24 12:00", "2026-11-24 14:35:00"),
        ([AFTERNOON, MORNING], "2026-11-24 15:00", "2026-11-25 08:30:04"),
        ([], "2026-11-24 12:00", None),
    ],
)
def test_planned_visits_are_on_weekdays_at_the_publishers_hour(
    planned: list[Planned], after: str, visit: str | None
) -> None:
    """By the publisher's own clock, strictly later, and only where there is such an hour."""
    moment = micros(datetime.fromisoformat(after).replace(tzinfo=NEW_YORK))
    found = planned_visit(planned, moment)
    shown = (
        None if found is None else instant(found).astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S")
    )
    assert shown == visit


@pytest.mark.parametrize(
    ("visited", "expected"),
    [
        ("2026-10-28T17:58:30", "2026-10-28T17:59:30"),
        ("2026-10-28T17:59:30", "2026-10-28T18:00:02"),
        ("2026-10-28T18:00:02", "2026-10-28T18:00:07"),
        ("2026-10-28T18:05:02", "2026-10-28T18:06:02"),
        ("2026-12-09T18:59:30", "2026-12-09T19:00:02"),
        ("2026-12-12T18:59:30", "2026-12-12T19:00:30"),  # a Saturday
    ],
)
def test_statements_are_looked_for_at_two_in_new_york(visited: str, expected: str) -> None:
    """When the FOMC's statement is put up, the feed is asked by the second, summer and winter."""
    last = micros(datetime.fromisoformat(visited).replace(tzinfo=UTC))
    found = next_texts(
        last_poll_at=last, at=last, jitter=0.0,
        planned_at=planned_visit(FedPress.facts.planned, last),
    )  # fmt: skip
    assert instant(found) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [{"every": timedelta(0)}, {"lasts": timedelta(seconds=-1)}, {"zone": "America/New_Yrok"}],
)
def test_a_plan_that_cannot_be_kept_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    """An adapter with such a plan does not load, and says why."""
    with pytest.raises((ValueError, KeyError)):
        Planned(**{"at": time(9), "zone": "America/New_York", **wrong})


def test_texts_are_looked_for_at_once_and_then_by_the_minute() -> None:
    """And a quarter of a minute later at most."""
    assert next_texts(last_poll_at=None, at=7, jitter=0.9) == 7
    assert next_texts(last_poll_at=0, at=7, jitter=0.0) == MINUTE
    assert MINUTE < next_texts(last_poll_at=0, at=7, jitter=0.9) < 75 * SECOND
