"""Time zones: New York's, whose days and hours the figures that are watched go by."""

from __future__ import annotations

from zoneinfo import ZoneInfo

#: Its name, for texts and rule files, is `NEW_YORK.key`.
NEW_YORK = ZoneInfo("America/New_York")
