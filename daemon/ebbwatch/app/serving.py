"""Serving: leads the replicas, or stands by, for as long as the daemon is to run.

One process polls and decides. On PostgreSQL others stand by meanwhile: they deliver what is in
the outbox, and one of them takes over when the leader is gone, frozen or cut off. Whoever takes
the lead reads the rules and everything else anew: what it knew may be old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ebbwatch.app.assembly import Built, build, watch_rules
from ebbwatch.app.loading import load_rules
from ebbwatch.app.receivers import kinds_of, notifiers, with_default_receivers
from ebbwatch.ports import LeadLost, StoreError, StoreReplaced
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.rulefiles import read_rules

if TYPE_CHECKING:
    from ebbwatch.model.problem import Problem
    from ebbwatch.ports import Clock, Store
    from ebbwatch.settings import Settings

#: How often a replica that stands by tries to lead.
TRY_TO_LEAD = timedelta(milliseconds=500)
#: How long to wait before a database that refused is opened again.
TRY_AGAIN = timedelta(seconds=2)

log = structlog.get_logger()


@dataclass(slots=True)
class InForce:
    """Rules that were valid when they were read.

    Attributes:
        directory: Where they stand.
        files: Their contents, by path: what a change is compared with.
        ruleset: Made of them, with somewhere to tell.
        problems: Of files that were read since, and are not in force.
    """

    directory: Path
    files: Mapping[str, bytes]
    ruleset: Ruleset
    problems: tuple[Problem, ...] = ()

    def read_again(self, settings: Settings) -> None:
        """Take the files as they are now, where they are valid; else say what is wrong."""
        try:
            files = read_rules(self.directory)
        except OSError as error:
            log.warning("rules.unreadable", reason=error.strerror or str(error))
            return
        if files == self.files:
            return
        found = load_rules(files)
        self.problems = () if found.ruleset is not None else tuple(found.problems)
        if found.ruleset is not None:
            self.files = files
            self.ruleset = with_default_receivers(found.ruleset, settings, settings.language)


async def serve(
    settings: Settings,
    rules: InForce,
    *,
    clock: Clock,
    owner: str,
    stop: asyncio.Event,
    shown: Callable[[Built], None],
) -> None:
    """Run the daemon until it is to stop.

    Args:
        settings: What the surroundings say.
        rules: Valid ones, read at the start.
        clock: Who says what time it is.
        owner: Distinguishes this process, and this run of it, from others.
        stop: Set when it shall end.
        shown: Is given the daemon each time it begins to lead.

    Raises:
        StoreError: If the database cannot be used at the first start, or another daemon has a
            SQLite file.
    """
    started = False
    while not stop.is_set():
        store: Store | None = None
        try:
            store = await leading_store(
                settings, rules.ruleset, clock=clock, owner=owner, stop=stop
            )
            if store is None:
                return
            if started:
                rules.read_again(settings)
            await _lead(settings, rules, store, clock=clock, owner=owner, stop=stop, shown=shown)
        except (LeadLost, StoreReplaced) as error:
            started = True
            log.warning("lead.lost", reason=str(error))
        except StoreError as error:
            if not started or stop.is_set():
                raise
            log.warning("database.refused", reason=str(error), remedy="it is opened again")
            await clock.wait_until(clock.now() + TRY_AGAIN)
        started = True


async def _lead(
    settings: Settings,
    rules: InForce,
    store: Store,
    *,
    clock: Clock,
    owner: str,
    stop: asyncio.Event,
    shown: Callable[[Built], None],
) -> None:
    """Lead until the daemon is to stop, or another one leads."""
    ours = asyncio.Event()
    following = asyncio.create_task(_follow(stop, ours))
    built = build(settings, rules.ruleset, store, clock=clock, owner=owner, stop=ours)
    try:
        built.service.begin()
        if rules.problems:
            built.service.refuse(rules.problems)
        shown(built)
        watch_rules(built, settings, rules)
        await built.service.run()
    finally:
        following.cancel()
        await built.aclose()


async def _follow(stop: asyncio.Event, ours: asyncio.Event) -> None:
    await stop.wait()
    ours.set()


async def leading_store(
    settings: Settings, ruleset: Ruleset, *, clock: Clock, owner: str, stop: asyncio.Event
) -> Store | None:
    """Open the database, and return it once this process leads; None when stopped before.

    Raises:
        StoreError: If the database cannot be used, or another daemon has a SQLite file.
    """
    from ebbwatch.charts.png import PngCharts
    from ebbwatch.runtime.delivery import Delivery
    from ebbwatch.store.open import open_store

    store = open_store(settings.database_url.reveal())
    leads = False
    try:
        if leads := store.lead(owner):
            return store
        log.info("lead.awaited", remedy="another replica leads; this one delivers meanwhile")
        told = notifiers(settings, clock, kinds_of(ruleset))
        delivery = Delivery(store, told, clock, owner=owner, charts=PngCharts())
        delivering = asyncio.create_task(delivery.run(stop))
        try:
            while not stop.is_set() and not delivering.done():
                await clock.wait_until(clock.now() + TRY_TO_LEAD)
                # A database that is away for a while is nobody's to lead.
                with suppress(StoreError):
                    leads = store.lead(owner)
                if leads:
                    log.info("lead.taken")
                    return store
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            for notifier in told.values():
                await notifier.aclose()
        return None
    finally:
        if not leads:
            store.close()
