"""Quiet hours across midnight and changed clocks; when an alert flaps."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from ebbwatch.core.telling.muting import is_flapping, quiet_until
from ebbwatch.model.alert import Change, Level
from ebbwatch.ruleset.rules import Quiet


def local(zone: str, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


NEW_YORK, LONDON = "America/New_York", "Europe/London"


@pytest.mark.parametrize(
    ("name", "start", "end", "zone", "at", "until"),
    [
        ("starts on the minute", 22, 7, NEW_YORK, "2025-11-04T22:00", "2025-11-05T07:00"),
        ("a minute before it starts", 22, 7, NEW_YORK, "2025-11-04T21:59", None),
        ("after midnight", 22, 7, NEW_YORK, "2025-11-05T03:00", "2025-11-05T07:00"),
        ("ends on the minute", 22, 7, NEW_YORK, "2025-11-05T07:00", None),
        ("within one day", 12, 13, NEW_YORK, "2025-11-05T12:30", "2025-11-05T13:00"),
        ("after hours within one day", 12, 13, NEW_YORK, "2025-11-05T14:00", None),
        ("an empty span is never quiet", 7, 7, NEW_YORK, "2025-11-05T07:00", None),
        ("the night clocks go back", 22, 7, NEW_YORK, "2025-11-01T23:00", "2025-11-02T07:00"),
        ("the night clocks go forward", 22, 7, NEW_YORK, "2026-03-07T23:00", "2026-03-08T07:00"),
        ("in another zone", 22, 7, LONDON, "2025-10-26T06:30", "2025-10-26T07:00"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_quiet_hours_stand_on_the_clocks_of_their_zone(
    name: str, start: int, end: int, zone: str, at: str, until: str | None
) -> None:
    """Start included, end excluded, midnight crossed, whatever the clocks do."""
    quiet = Quiet(start=time(start), end=time(end), zone=zone, below=Level.CRITICAL)
    expected = None if until is None else local(zone, until)
    assert quiet_until(quiet, local(zone, at)) == expected


def test_an_end_that_the_clocks_skip_is_the_instant_after_the_gap() -> None:
    """02:30 does not exist on 8 March 2026 in New York: quiet lasts until 03:30 there."""
    quiet = Quiet(start=time(22), end=time(2, 30), zone=NEW_YORK, below=Level.CRITICAL)
    assert quiet_until(quiet, local(NEW_YORK, "2026-03-08T01:59")) == datetime(
        2026, 3, 8, 7, 30, tzinfo=UTC
    )


def test_an_end_that_the_clocks_repeat_is_its_first_pass() -> None:
    """01:30 comes twice on 2 November 2025 in New York: quiet ends the first time."""
    quiet = Quiet(start=time(22), end=time(1, 30), zone=NEW_YORK, below=Level.CRITICAL)
    first = local(NEW_YORK, "2025-11-02T01:30")
    assert quiet_until(quiet, local(NEW_YORK, "2025-11-02T01:15")) == first
    assert quiet_until(quiet, local(NEW_YORK, "2025-11-02T01:15", fold=1)) is None


def test_a_night_lasts_an_hour_longer_when_clocks_go_back() -> None:
    """Deferral is by instants, not by hours of the day."""
    at = local(NEW_YORK, "2025-11-01T22:00")
    until = quiet_until(Quiet(start=time(22), end=time(7), zone=NEW_YORK, below=Level.CRITICAL), at)
    assert until is not None
    assert until - at == timedelta(hours=10)


# One column per reading.  F fired  E escalated  e eased  R resolved  A armed  . no move
@pytest.mark.parametrize(
    ("name", "moves", "flapping"),
    [
        ("an alert that never moved", "....", "...."),
        ("two stays are no flapping", "FRFR....", "........"),
        ("three stays are", "FRFRFR..", ".....!!!"),
        ("three stays in just under twenty periods", "F........RFR......FR", "...................!"),
        ("three stays in twenty-one periods", "F.........RFR.......FR", "." * 22),
        ("it is over after ten periods of rest", "FRFRFR.........." + "...", ".....!!!!!!!!!!...."),
        ("a move in between starts the rest again", "FRFRFR.....F" + "...........",
         ".....!!!!!!!!!!!!!!!!.."),
        ("arming is no move", "FRFRFR.....A....", ".....!!!!!!!!!!."),
        ("a calm alert may flap again", "FRFRFR..........FRFRFR", ".....!!!!!!!!!!..!!!!!"),
        ("a resolution without a firing is no stay", "RRRR", "...."),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_flapping_begins_and_rests(name: str, moves: str, flapping: str) -> None:
    """Asked at every reading with the moves so far, the answer draws the line below."""
    changes = {
        "F": Change.FIRED, "E": Change.ESCALATED, "e": Change.EASED, "R": Change.RESOLVED,
        "A": Change.ARMED,
    }  # fmt: skip
    made = [(number, changes[c]) for number, c in enumerate(moves) if c != "."]
    drawn = "".join(
        "!" if is_flapping([m for m in made if m[0] <= now], now=now) else "."
        for now in range(len(moves))
    )
    assert drawn == flapping
