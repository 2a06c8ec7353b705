"""What keeps alerts quiet by the clock: the quiet hours of a route, and flapping."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ebbwatch.model.alert import Change
from ebbwatch.ruleset.rules import Quiet

#: An alert that fired and resolved this often ...
FLAPS = 3
#: ... within this many of its periods is flapping ...
FLAP_PERIODS = 20
#: ... until it has not moved for this many.
REST_PERIODS = 10


def quiet_until(quiet: Quiet, at: datetime) -> datetime | None:
    """Return the UTC instant at which the quiet hours around `at` end, or None outside them.

    Start included, end excluded. Both are instants on the zone's own clock, so that a night
    in which clocks change is an hour shorter or longer; a time that the clocks skip stands
    for the instant after the gap, one that they repeat for its first pass.
    """
    zone = ZoneInfo(quiet.zone)
    today = at.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        over_midnight = quiet.end < quiet.start
        last = day + timedelta(days=1) if over_midnight else day
        start = datetime.combine(day, quiet.start, zone).astimezone(UTC)
        end = datetime.combine(last, quiet.end, zone).astimezone(UTC)
        if start <= at < end:
            return end
    return None


def is_flapping(moves: Collection[tuple[int, Change]], *, now: int) -> bool:
    """Return whether an alert is flapping.

    It starts when a third stay within 20 of its periods ends, and is over when the alert
    has not moved for 10.

    Args:
        moves: (number of the period among the alert's readings, change), oldest first.
        now: Number of the newest reading.
    """
    fired_at: list[int] = []
    stays: list[tuple[int, int]] = []
    flapping = False
    last: int | None = None
    for number, change in moves:
        if change not in (Change.FIRED, Change.ESCALATED, Change.EASED, Change.RESOLVED):
            continue
        if last is not None and number - last >= REST_PERIODS:
            flapping = False
        last = number
        if change is Change.FIRED:
            fired_at.append(number)
        elif change is Change.RESOLVED and fired_at:
            stays.append((fired_at[-1], number))
            recent = stays[-FLAPS:]
            if len(recent) == FLAPS and number - recent[0][0] < FLAP_PERIODS:
                flapping = True
    return flapping and last is not None and now - last < REST_PERIODS
