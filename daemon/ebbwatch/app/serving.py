"""Serving: leads the replicas, or stands by, for as long as the daemon is to run.

One process polls and decides. On PostgreSQL others stand by meanwhile: they deliver what is in
the outbox, and one of them takes over when the leader is gone, frozen or cut off. Whoever takes
the lead reads the rules and everything else anew: what it knew may be old.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ebbwatch.app.assembly import Built, build, watch_rules
from ebbwatch.app.loading import load_rules
from ebbwatch.app.publishing import Publication, published
from ebbwatch.app.receivers import Notifiers, with_default_receivers
from ebbwatch.ports import LeadLost, StoreError, StoreReplaced
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.ruleset.yaml import Content, Unread
from ebbwatch.runtime.rulefiles import read_or_why

if TYPE_CHECKING:
    from ebbwatch.model.problem import Problem
    from ebbwatch.ports import Clock, Store
    from ebbwatch.settings import Settings

#: How often a replica that stands by tries to lead.
TRY_TO_LEAD = timedelta(milliseconds=500)
#: How long to wait before a database that refused is opened again.
TRY_AGAIN = timedelta(seconds=2)

#: Where the rule files are kept that were in force last.
_KEPT = "rules-in-force"

log = structlog.get_logger()


class RulesInvalid(Exception):
    """The rule files have mistakes, and no others are known that were in force before.

    Attributes:
        problems: What is wrong.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Take what is wrong."""
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


@dataclass(slots=True)
class InForce:
    """Rules that are gone by, and the files that were read last.

    Attributes:
        place: Directory where they stand, or a file.
        files: Contents that were read last, by path: what a change is compared with.
        ruleset: Made of them, or of those before them, with somewhere to tell; None before any
            were valid.
        problems: What is wrong with the files, which then are not in force.
    """

    place: Path
    files: Mapping[str, Content]
    ruleset: Ruleset | None
    problems: tuple[Problem, ...] = ()

    def take(self, files: Mapping[str, Content], ruleset: Ruleset) -> None:
        """Go by files that are valid from now on."""
        self.files, self.ruleset, self.problems = files, ruleset, ()

    def refuse(self, files: Mapping[str, Content], problems: Sequence[Problem]) -> None:
        """Know of files that are wrong; the rules stay as they are."""
        self.files, self.problems = files, tuple(problems)

    def read_again(self, settings: Settings, store: Store) -> Ruleset:
        """Return the rules to lead by: of the files as they are now, where they are valid.

        Else those that were in force last, whoever led by them, as the store has them.

        Raises:
            RulesInvalid: If there are none.
            StoreError: If the store does not answer.
        """
        files = read_or_why(self.place)
        if files != self.files:
            found = load_rules(files)
            self.refuse(files, found.problems)
            if found.ruleset is not None:
                language = settings.language
                self.take(files, with_default_receivers(found.ruleset, settings, language))
        if self.problems and (kept := self._kept(store)) is not None:
            self.ruleset = with_default_receivers(kept, settings, settings.language)
        if self.ruleset is None:
            raise RulesInvalid(self.problems)
        return self.ruleset

    def keep(self, store: Store) -> None:
        """Have the store remember the files in force, for a start when they have mistakes."""
        if self.problems:
            return
        files = {
            path: content if isinstance(content, str) else content.decode("utf-8")
            for path, content in self.files.items()
            if not isinstance(content, Unread)
        }
        text = json.dumps({"place": str(self.place.resolve()), "files": files})
        try:
            if store.get(_KEPT) != text:
                with store.transaction():
                    store.put(_KEPT, text)
        except LeadLost:
            raise
        except StoreError as error:
            log.warning("rules.unkept", reason=str(error))

    def _kept(self, store: Store) -> Ruleset | None:
        text = store.get(_KEPT)
        kept = {} if text is None else json.loads(text)
        if kept.get("place") != str(self.place.resolve()):
            return None
        return load_rules({path: one.encode() for path, one in kept["files"].items()}).ruleset


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
