"""How long a far side asks us to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: Longest wait that is taken seriously: a nonsensical header must not silence anybody for ever.
LONGEST = timedelta(days=1)


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """Return the delay of a ``Retry-After`` header, at most `LONGEST`; None for none or nonsense.

    Args:
        header: Seconds, or an HTTP date.
        now: For the date.
    """
    if header is None:
        return None
    if (digits := header.strip()).isdecimal():
        return seconds(int(digits[:18]))
    moment = http_date(header)
    return None if moment is None else min(max(moment - now, timedelta(0)), LONGEST)


def seconds(count: int) -> timedelta:
    """Return a delay of some seconds, at least none and at most `LONGEST`."""
    return timedelta(seconds=min(max(count, 0), int(LONGEST.total_seconds())))


def http_date(text: str | None) -> datetime | None:
    """Return the instant of an HTTP date, UTC; None where there is none or it is malformed."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
