"""When digests are due: at a time of day, on the days they ask for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ebbwatch.model.calendars import BusinessCalendar
from ebbwatch.model.periods import WEEKDAYS
from ebbwatch.ruleset.rules import Digest

#: Farther apart no two digests are: a week, and a week of holidays.
_FARTHEST = timedelta(days=15)
_DAY = timedelta(days=1)


def next_digest(digest: Digest, after: datetime, business: BusinessCalendar) -> datetime | None:
    """Return the first UTC instant later than `after` at which a digest is due.

    A time that the clocks skip stands for the instant after the gap, one that they repeat
    for its first pass.

    Args:
        digest: Of the ruleset.
        after: Exclusive.
        business: Whose business days count.

    Returns:
        None where no day within a fortnight will do.
    """
    zone = ZoneInfo(digest.zone)
    day = after.astimezone(zone).date()
    last = day + _FARTHEST
    while day <= last:
        due = datetime.combine(day, digest.at, zone).astimezone(UTC)
        if due > after and _wanted(digest.on, day, business):
            return due
        day += _DAY
    return None


def due_digest(
    digest: Digest, after: datetime, upto: datetime, business: BusinessCalendar
) -> datetime | None:
    """Return the newest instant in (after, upto] at which a digest was due, or None.

    Of several that were missed only the newest is told.
    """
    found = None
    due = next_digest(digest, max(after, upto - _FARTHEST), business)
    while due is not None and due <= upto:
        found, due = due, next_digest(digest, due, business)
    return found


def _wanted(on: str, day: date, business: BusinessCalendar) -> bool:
    match on:
        case "days":
            return True
        case "business days":
            return business.is_open(day)
        case _:
            return WEEKDAYS[day.weekday()].lower() in on.split()
