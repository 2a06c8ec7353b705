"""The database watch: a database in trouble is told once through the chats, and its end too."""

from __future__ import annotations

from datetime import timedelta

from ebbwatch.core.render import Health, Trouble
from ebbwatch.ports import StoreError
from ebbwatch.runtime.database_watch import PATIENCE, DatabaseWatch
from tests.fakes import ManualClock

FULL = StoreError("database or disk is full")


def watched() -> tuple[DatabaseWatch, ManualClock, list[Health]]:
    """A watch, its clock, and what it cried."""
    clock, cried = ManualClock(), list[Health]()
    return DatabaseWatch(clock, cried.append), clock, cried


def test_a_moment_of_trouble_is_nobodys_business() -> None:
    """A restart of the server, or another program's write, ends by itself."""
    watch, clock, cried = watched()
    watch.refused(FULL)
    clock.advance(PATIENCE - timedelta(seconds=1))
    watch.refused(FULL)
    watch.answered()
    assert (cried, watch.refused_since) == ([], None)


def test_trouble_that_lasts_is_told_once_with_its_reason_and_its_end() -> None:
    """However often it is met meanwhile."""
    watch, clock, cried = watched()
    watch.refused(FULL)
    for _ in range(50):
        clock.advance(PATIENCE)
        watch.refused(FULL)
    watch.answered()
    watch.answered()
    assert [(one.kind, one.reason, one.lasted) for one in cried] == [
        (Trouble.DATABASE_REFUSING, "database or disk is full", None),
        (Trouble.DATABASE_ANSWERS, "", 50 * PATIENCE),
    ]


def test_the_next_trouble_is_told_again() -> None:
    """It is another one, counted from its own beginning."""
    watch, clock, cried = watched()
    for _ in range(2):
        watch.refused(FULL)
        clock.advance(PATIENCE)
        watch.refused(FULL)
        watch.answered()
        clock.advance(timedelta(hours=1))
    assert [one.kind for one in cried] == [
        Trouble.DATABASE_REFUSING, Trouble.DATABASE_ANSWERS,
    ] * 2  # fmt: skip
