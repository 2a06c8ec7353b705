"""The database watch: says through the chats that the database is in trouble.

A chat needs no disk: this one notice is sent and not recorded, once for each process and
trouble. Alerts wait until they can be recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from ebbwatch.core.render import Health, Trouble
from ebbwatch.ports import Clock, StoreError

#: How long the database may be in trouble before people are told: a restart of the server, or
#: another program that holds it for a moment, is nobody's business.
PATIENCE = timedelta(seconds=20)

log = structlog.get_logger()


class DatabaseWatch:
    """Knows since when the database refuses, and tells it once.

    Attributes:
        refused_since: When it began to refuse; None while it answers.
    """

    def __init__(self, clock: Clock, cry: Callable[[Health], None]) -> None:
        """Take who sends a notice without recording it."""
        self._clock = clock
        self._cry = cry
        self._reason = ""
        self._cried = False
        self.refused_since: datetime | None = None

    def refused(self, error: StoreError) -> None:
        """Report that the database refused."""
        now = self._clock.now()
        self._reason = str(error)
        if self.refused_since is None:
            self.refused_since = now
            log.error(
                "database.refused", reason=self._reason,
                remedy="what is decided waits, and is recorded once the database takes it",
            )  # fmt: skip
        if not self._cried and now >= self.refused_since + PATIENCE:
            self._cried = True
            self._cry(
                Health(
                    kind=Trouble.DATABASE_REFUSING, name="database", reason=self._reason,
                    since=self.refused_since, trouble="database", began=self.refused_since,
                )
            )  # fmt: skip

    def answered(self) -> None:
        """Report that the database took what it was given."""
        if self.refused_since is None:
            return
        began, lasted = self.refused_since, self._clock.now() - self.refused_since
        log.info("database.answers", lasted_s=round(lasted.total_seconds()))
        self.refused_since = None
        if self._cried:
            self._cried = False
            self._cry(
                Health(
                    kind=Trouble.DATABASE_ANSWERS, name="database", lasted=lasted,
                    trouble="database", began=began,
                )
            )  # fmt: skip
