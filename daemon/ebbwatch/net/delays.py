"""How long a far side asks us to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: Longest wait that is kept; whoever asked for more is asked again then.
LONGEST = timedelta(hours=1)
#: What asks for more than this means nothing: it must not silence anybody at all.
NONSENSE = timedelta(days=1)


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
    return None if moment is None else _kept(moment - now)


def seconds(count: int) -> timedelta | None:
    """Return a delay of some seconds, at most `LONGEST`; None for nonsense."""
    return None if count > NONSENSE.total_seconds() else _kept(timedelta(seconds=max(count, 0)))


def _kept(delay: timedelta) -> timedelta | None:
    return None if delay > NONSENSE else min(max(delay, timedelta(0)), LONGEST)


def http_date(text: str | None) -> datetime | None:
    """Return the instant of an HTTP date, UTC; None where there is none or it is malformed."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
