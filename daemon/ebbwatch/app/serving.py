"""Serving: leads the replicas, or stands by, for as long as the daemon is to run.

One process polls and decides. On PostgreSQL others stand by meanwhile: they deliver what is in
the outbox, and one of them takes over when the leader is gone, frozen or cut off. Whoever takes
the lead reads the rules and everything else anew: what it knew may be old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from ebbwatch.app.assembly import Built, build, watch_rules
from ebbwatch.app.in_force import InForce
from ebbwatch.app.publishing import Publication, published
from ebbwatch.app.receivers import Notifiers
from ebbwatch.ports import LeadLost, StoreError, StoreReplaced
from ebbwatch.ruleset.rules import Ruleset

if TYPE_CHECKING:
    from ebbwatch.ports import Clock, Store
    from ebbwatch.settings import Settings

#: How often a replica that stands by tries to lead.
TRY_TO_LEAD = timedelta(milliseconds=500)
#: How long to wait before a database that refused is opened again.
TRY_AGAIN = timedelta(seconds=2)

log = structlog.get_logger()


async def serve(
    settings: Settings,
    rules: InForce,
    *,
    clock: Clock,
    owner: str,
    stop: asyncio.Event,
    shown: Callable[[Built], None],
    asked: asyncio.Event,
    waits: Callable[[], None],
) -> None:
    """Run the daemon until it is to stop.

    Args:
        settings: What the surroundings say.
        rules: As read at the start; read again whenever the lead is taken.
        clock: Who says what time it is.
        owner: Distinguishes this process, and this run of it, from others.
        stop: Set when it shall end.
        shown: Is given the daemon each time it begins to lead.
        asked: Set by whoever wants the rule files read again.
        waits: Is called each time it begins to stand by.

    Raises:
        RulesInvalid: If the rule files have mistakes at the first start.
        StoreError: If the database cannot be used at the first start, or another daemon has a
            SQLite file.
    """
    async with published(settings, clock) as publication:
        await _serve(
            settings, rules, clock=clock, owner=owner, stop=stop, shown=shown, asked=asked,
            waits=waits, publication=publication,
        )  # fmt: skip


async def _serve(
    settings: Settings,
    rules: InForce,
    *,
    clock: Clock,
    owner: str,
    stop: asyncio.Event,
    shown: Callable[[Built], None],
    asked: asyncio.Event,
    waits: Callable[[], None],
    publication: Publication,
) -> None:
    """Lead, or stand by, again and again."""
    started = False
    while not stop.is_set():
        store: Store | None = None
        try:
            store = await leading_store(
                settings, clock=clock, owner=owner, stop=stop, waits=waits,
                publication=publication,
            )  # fmt: skip
            if store is None:
                return
            ruleset = _ruleset(settings, rules, store)
            built = build(settings, ruleset, store, clock=clock, owner=owner, stop=asyncio.Event())
            watch_rules(built, settings, rules, asked)
            await _lead(built, rules, stop, shown, publication)
        except (LeadLost, StoreReplaced) as error:
            started = True
            log.warning("lead.lost", reason=str(error))
        except StoreError as error:
            if not started or stop.is_set():
                raise
            log.warning("database.refused", reason=str(error), remedy="it is opened again")
            await clock.wait_until(clock.now() + TRY_AGAIN)
        started = True


def _ruleset(settings: Settings, rules: InForce, store: Store) -> Ruleset:
    """Return the rules to lead by; whoever cannot lead leaves the store closed."""
    try:
        return rules.read_again(settings, store)
    except BaseException:
        store.close()
        raise


async def _lead(
    built: Built,
    rules: InForce,
    stop: asyncio.Event,
    shown: Callable[[Built], None],
    publication: Publication,
) -> None:
    """Lead until the daemon is to stop, or another one leads."""
    service = built.service
    following = asyncio.create_task(_follow(stop, service.stop))
    try:
        service.begin(visits_first=True)
        rules.keep(built.store)
        if rules.problems:
            service.refuse(rules.problems)
        shown(built)
        publication.leads(built, rules)
        await service.run()
    finally:
        publication.leads_no_more()
        following.cancel()
        await built.aclose()


async def _follow(stop: asyncio.Event, ours: asyncio.Event) -> None:
    await stop.wait()
    ours.set()


async def leading_store(
    settings: Settings,
    *,
    clock: Clock,
    owner: str,
    stop: asyncio.Event,
    waits: Callable[[], None] = lambda: None,
    publication: Publication | None = None,
) -> Store | None:
    """Open the database, and return it once this process leads; None when stopped before.

    Args:
        settings: What the surroundings say.
        clock: Who says what time it is.
        owner: Distinguishes this process from others.
        stop: Set when it shall end.
        waits: Is called each time it begins to stand by.
        publication: Says that another process leads; None where nothing is published.

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
        waits()
        publication = publication or Publication()
        publication.stands_by()
        told = Notifiers(settings, clock)
        delivery = Delivery(
            store, told, clock, owner=owner, charts=PngCharts(), on_event=publication.settled
        )
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
            await told.aclose()
        return None
    finally:
        if not leads:
            store.close()
