"""What is news to a receiver, and by what name: drawn as timelines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ebbwatch.core.telling.dedup import (
    Entry,
    Situation,
    reason_to_tell,
    remembered,
    situation_after,
)
from ebbwatch.model.alert import Cause, Change, Level, Transition
from ebbwatch.model.message import Reason

START = datetime(2025, 10, 28, 13, tzinfo=UTC)
LEVELS = {".": Level.NONE, "w": Level.WATCH, "W": Level.WARNING, "C": Level.CRITICAL}
REASONS = {
    "-": None,
    "F": Reason.FIRST,
    "E": Reason.ESCALATED,
    "e": Reason.EASED,
    "R": Reason.RESOLVED,
    "r": Reason.REMINDER,
    "c": Reason.CORRECTION,
}


def situation(**changes: object) -> Situation:
    """Return an alert at warning with 36 bp for 31 October."""
    fields: dict[str, object] = {
        "episode": "e1",
        "level": Level.WARNING,
        "value": 36.0,
        "period": "2025-10-31",
        **changes,
    }
    fields.setdefault("highest", fields["level"])
    return Situation(**fields)  # type: ignore[arg-type]


def entry(**changes: object) -> Entry:
    """Return the log of a receiver that was told just that."""
    fields: dict[str, object] = {
        "episode": "e1",
        "level": Level.WARNING,
        "at": START,
        "value": 36.0,
        "period": "2025-10-31",
        **changes,
    }
    return Entry(**fields)  # type: ignore[arg-type]


# One column per daily reading.  levels: . inactive  w watch  W warning  C critical
# reasons: F first  E escalated  e eased  R resolved  r reminder (after 3 days)  - no news
TIMELINES = [
    ("an alert is told once while it rests", ".WW.", "-F-R"),
    ("each rung up is told", "wWC", "FEE"),
    ("each rung down is told", "CWw.", "FeeR"),
    ("a reminder comes when it is due and not before", "WWWWWWW", "F--r--r"),
    ("an escalation puts the reminder off", "wwWWWW", "F-E--r"),
    ("an alert that comes back is news again", "W.W.W", "FRFRF"),
    ("an alert that never fired is no news", "....", "----"),
]


@pytest.mark.parametrize(("name", "levels", "reasons"), TIMELINES, ids=[t[0] for t in TIMELINES])
def test_a_receiver_is_told_what_is_new(name: str, levels: str, reasons: str) -> None:
    """Walking an alert's days, each telling has its reason and the rest has none."""
    last: Entry | None = None
    episode = 0
    said = ""
    for day, letter in enumerate(levels):
        at = START + timedelta(days=day)
        level = LEVELS[letter]
        if level and (day == 0 or levels[day - 1] == "."):
            episode += 1
        now = situation(
            episode=f"e{episode}", level=level, value=float(day), period=at.date().isoformat()
        )
        remind_at = last.at + timedelta(days=3) if last else None
        reason = reason_to_tell(last, now, at=at, remind_at=remind_at)
        said += next(key for key, value in REASONS.items() if value is reason)
        if reason is not None:
            last = remembered(now, at=at)
    assert said == reasons


CASES = [
    ("an unknown alert that fires is first", None, situation(), Reason.FIRST),
    ("another stay of the alert is first", entry(episode="e0"), situation(), Reason.FIRST),
    ("the same level with another figure is no news", entry(),
     situation(value=22.0, period="2025-11-03"), None),
    ("a higher level is an escalation", entry(), situation(level=Level.CRITICAL),
     Reason.ESCALATED),
    ("a lower level is an easing", entry(), situation(level=Level.WATCH, period="2025-11-03"),
     Reason.EASED),
    ("an end is a resolution", entry(), situation(level=Level.NONE, period="2025-11-03"),
     Reason.RESOLVED),
    ("the end of what was never told is no news", None, situation(level=Level.NONE), None),
    ("a stay that came and went while the telling waited is first", None,
     situation(level=Level.NONE, highest=Level.WARNING), Reason.FIRST),
    ("a height passed while the telling waited is an escalation", entry(),
     situation(level=Level.WARNING, highest=Level.CRITICAL), Reason.ESCALATED),
    ("a first telling of an alert that has eased is first", None, situation(level=Level.WATCH),
     Reason.FIRST),
    ("a revision of the told figure that ends the alert is a correction", entry(),
     situation(level=Level.NONE, value=4.0, cause=Cause.REVISION), Reason.CORRECTION),
    ("a revision of the told figure that eases the alert is a correction", entry(),
     situation(level=Level.WATCH, value=14.0, cause=Cause.REVISION), Reason.CORRECTION),
    ("a revision of the told figure that changes no level is a correction", entry(),
     situation(value=35.0, cause=Cause.REVISION), Reason.CORRECTION),
    ("a revision to the same figure is no news", entry(), situation(cause=Cause.REVISION), None),
    ("a revision that goes up is an escalation", entry(),
     situation(level=Level.CRITICAL, value=60.0, cause=Cause.REVISION), Reason.ESCALATED),
    ("a revision of a figure that was not told resolves", entry(period="2025-10-30"),
     situation(level=Level.NONE, value=4.0, cause=Cause.REVISION), Reason.RESOLVED),
]  # fmt: skip


@pytest.mark.parametrize(("name", "last", "now", "reason"), CASES, ids=[c[0] for c in CASES])
def test_news_has_a_name(
    name: str, last: Entry | None, now: Situation, reason: Reason | None
) -> None:
    """Each pairing of what was told and what is has its one reason."""
    assert reason_to_tell(last, now, at=START + timedelta(days=3)) is reason


@pytest.mark.parametrize(
    ("at", "remind_at", "period", "reason"),
    [
        (START, None, "2025-11-03", None),
        (START, START + timedelta(seconds=1), "2025-11-03", None),
        (START, START, "2025-11-03", Reason.REMINDER),
        (START, START, "2025-10-31", None),
    ],
)
def test_a_reminder_needs_its_time_and_a_new_figure(
    at: datetime, remind_at: datetime | None, period: str, reason: Reason | None
) -> None:
    """Without a new observation a reminder would repeat what was said."""
    now = situation(value=22.0, period=period)
    assert reason_to_tell(entry(), now, at=at, remind_at=remind_at) is reason


def test_an_end_that_a_receiver_does_not_want_is_forgotten_all_the_same() -> None:
    """The log is cleared by what is news, sent or not; else the next firing looks old."""
    over = situation(level=Level.NONE)
    assert reason_to_tell(entry(), over, at=START) is Reason.RESOLVED
    last = remembered(over, at=START)
    assert last is None
    assert reason_to_tell(last, situation(episode="e2"), at=START) is Reason.FIRST


@pytest.mark.parametrize("value", [36.0, None])
def test_an_entry_survives_its_text(value: float | None) -> None:
    """What is stored of a telling is what is read again."""
    last = entry(value=value, level=Level.CRITICAL)
    assert Entry.from_json(last.to_json()) == last


def move(change: Change, level: Level, episode: str = "e1", **changes: object) -> Transition:
    fields: dict[str, object] = {
        "at": START, "rule": "funding-spread", "before": Level.NONE, "value": 36.0,
        "unit": "bp", "threshold": 20.0, "period": "2025-10-31", "cause": Cause.NEW_PERIOD,
        **changes,
    }  # fmt: skip
    return Transition(change=change, level=level, episode=episode, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "moves", "expected"),
    [
        ("nothing moved", [], None),
        ("arming is nobody's news",
         [move(Change.ARMED, Level.WATCH), move(Change.DISARMED, Level.WATCH)], None),
        ("a firing stands at its level",
         [move(Change.ARMED, Level.WATCH), move(Change.FIRED, Level.WARNING)], situation()),
        ("the highest level on the way is kept",
         [move(Change.ESCALATED, Level.CRITICAL), move(Change.EASED, Level.WARNING)],
         situation(highest=Level.CRITICAL)),
        ("a stay that ended has its height",
         [move(Change.FIRED, Level.WARNING), move(Change.RESOLVED, Level.WARNING)],
         situation(level=Level.NONE, highest=Level.WARNING)),
        ("an end alone has no height",
         [move(Change.WITHDRAWN, Level.WARNING, cause=Cause.RULE_CHANGED)],
         situation(level=Level.NONE, cause=Cause.RULE_CHANGED)),
        ("of two stays the newest counts",
         [move(Change.FIRED, Level.CRITICAL, "e1"), move(Change.RESOLVED, Level.CRITICAL, "e1"),
          move(Change.FIRED, Level.WATCH, "e2")],
         situation(episode="e2", level=Level.WATCH)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_moves_add_up_to_where_an_alert_stands(
    name: str, moves: list[Transition], expected: Situation | None
) -> None:
    """Several changes told together are one situation."""
    assert situation_after(moves) == expected
