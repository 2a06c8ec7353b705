"""Assembling the daemon: store and lead, polling, pipeline, delivery, and rules that change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from ebbwatch.app.histories import history_from_archive, known_texts
from ebbwatch.app.loading import load_rules
from ebbwatch.app.providers import followed, sources, wanted_sources
from ebbwatch.app.receivers import (
    Notifiers,
    half_set,
    kinds_of,
    missing_secrets,
    with_default_receivers,
)
from ebbwatch.model.problem import Problem, Span
from ebbwatch.model.redaction import redacted
from ebbwatch.ports import EbbwatchError
from ebbwatch.ruleset.rules import Ruleset

if TYPE_CHECKING:
    import asyncio

    from ebbwatch.app.in_force import InForce
    from ebbwatch.ports import Clock, Secret, Source, Store
    from ebbwatch.ruleset.yaml import Content
    from ebbwatch.runtime.service import Service
    from ebbwatch.settings import Settings

log = structlog.get_logger()


@dataclass(slots=True)
class Built:
    """A daemon, ready to run, and what must be closed after it.

    Attributes:
        service: The daemon.
        sources: Asked by polling, by name; to be closed.
        notifiers: Used by delivery, by kind; to be closed.
        store: To be closed last.
        warnings: What people should know at start.
    """

    service: Service
    sources: dict[str, Source]
    notifiers: Notifiers
    store: Store
    warnings: list[str]

    def equip(self, settings: Settings, ruleset: Ruleset) -> None:
        """Build the sources and notifiers that a ruleset wants and that are not there yet.

        Raises:
            EbbwatchError: If one cannot be built; then nothing was added.
        """
        clock = self.service.clock
        asked = sources(settings, clock, wanted_sources(ruleset) - self.sources.keys())
        self.notifiers.equip(kinds_of(ruleset))
        self.sources.update(asked)

    async def aclose(self) -> None:
        """Close connections, then the database."""
        for source in self.sources.values():
            await source.aclose()
        await self.notifiers.aclose()
        self.store.close()


def build(
    settings: Settings, ruleset: Ruleset, store: Store, *, clock: Clock, owner: str,
    stop: asyncio.Event,
) -> Built:  # fmt: skip
    """Put a daemon together: history, judge, pipeline, polling, delivery.

    Args:
        settings: What the surroundings say.
        ruleset: Valid rules.
        store: Whose lead is ours.
        clock: Who says what time it is.
        owner: Distinguishes this process among those that deliver.
        stop: Set when it shall end.
    """
    import asyncio
    import random

    from ebbwatch.charts.png import PngCharts
    from ebbwatch.clocks import elapsed_s
    from ebbwatch.core.alerting.judging import Judge
    from ebbwatch.core.facts.edge import Present
    from ebbwatch.locale import translator
    from ebbwatch.model.text import LANGUAGES
    from ebbwatch.runtime.clock_watch import ClockWatch
    from ebbwatch.runtime.delivery import Delivery, Settled
    from ebbwatch.runtime.feeds import LiveFeed
    from ebbwatch.runtime.ledger import Ledger
    from ebbwatch.runtime.pipeline import Pipeline
    from ebbwatch.runtime.polling import Polling
    from ebbwatch.runtime.selfwatch import SelfWatch
    from ebbwatch.runtime.service import Service
    from ebbwatch.runtime.telling import Telling
    from ebbwatch.runtime.whereabouts import Whereabouts

    warnings = [
        f"receiver {each.receiver} names the secret {each.name}, which is not set: {each.remedy}"
        for each in missing_secrets(ruleset, settings)
    ]
    warnings += half_set(ruleset, settings)
    history = history_from_archive(ruleset, store)
    judge = Judge(ruleset, history)
    told = Notifiers(settings, clock)
    told.equip(kinds_of(ruleset))
    telling = Telling(
        judge, store, {name: translator(name) for name in LANGUAGES},
        place_of=Whereabouts(store, told).of,
        shows=lambda kind: kind in told and told[kind].can.show_charts,
    )  # fmt: skip
    ledger = Ledger(store, telling, judge)
    pipeline = Pipeline(judge, ledger, lambda source: known_texts(source, store))
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    watch = SelfWatch(
        store, lambda health, key: telling.announcements.notice(health, at=clock.now(), key=key)
    )
    asked = sources(settings, clock, wanted_sources(ruleset))
    polling = Polling(
        clock=clock, sources=asked, release=history.clock, history=Present(history),
        kept=store, inbox=inbox, watch=watch, jitter=random.random,
    )  # fmt: skip
    polling.follow(followed(ruleset), {r.text_source for r in ruleset.rules if r.text_source})
    service: Service

    def settled(event: Settled) -> None:
        service.settled(event)

    delivery = Delivery(
        store, told, clock, owner=owner, charts=PngCharts(),
        on_event=settled,
    )  # fmt: skip
    service = Service(
        clock=clock, store=store, owner=owner, pipeline=pipeline, ledger=ledger, telling=telling,
        feed=LiveFeed(clock, inbox, stop), delivery=delivery, polling=polling, watch=watch,
        stop=stop,
    )  # fmt: skip
    watching = ClockWatch(clock, elapsed_s, [service.jumped])
    service.steady = watching.steady
    service.others.append(watching.run)
    if settings.heartbeat_url is not None:
        service.others.append(_heartbeat(settings.heartbeat_url, service, clock))
    return Built(service, asked, told, store, warnings)


def _heartbeat(url: Secret, service: Service, clock: Clock) -> Callable[[], object]:
    """Return the task that tells an outside watchman that we work."""
    from ebbwatch.net.client import client
    from ebbwatch.runtime.heartbeat import Heartbeat, pinging

    async def beat() -> None:
        async with client(url.reveal()) as watchman:
            checks = {
                "polling": lambda: service.polling.working(clock.now()),
                "delivery": lambda: "outbox" not in service.watch.troubles,
            }
            await Heartbeat(pinging(url, watchman), clock=clock, checks=checks).run()

    return beat


def new_owner() -> str:
    """Return a name that no other process, and no earlier run of this one, has."""
    import os
    import uuid

    return f"{os.uname().nodename}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


def watch_rules(built: Built, settings: Settings, rules: InForce, asked: asyncio.Event) -> None:
    """Have the daemon adopt the rules of a directory when they change.

    Args:
        built: The daemon.
        settings: What the surroundings say.
        rules: In force; kept up to date.
        asked: Set by whoever wants the files read again.
    """
    from ebbwatch.ports import LeadLost, StoreError
    from ebbwatch.runtime.reload import RulesWatch

    service = built.service

    async def changed(files: dict[str, Content]) -> None:
        found = load_rules(files)
        if found.ruleset is None:
            rules.refuse(files, found.problems)
            service.refuse(found.problems)
            return
        ruleset = with_default_receivers(found.ruleset, settings, settings.language)
        try:
            await _adopt(built, settings, ruleset)
        except (LeadLost, StoreError):
            raise
        except Exception as error:
            # Whatever it is, it came with the edit: the rules before it go on.
            log.exception("rules.unusable")
            place = Span(min(files, default=str(rules.place)), 1, 1)
            said = (
                str(error)
                if isinstance(error, EbbwatchError)
                else f"{type(error).__name__}: {error}"
            )
            problem = Problem(place, "error", "unusable", redacted(f"cannot be taken over: {said}"))
            rules.refuse(files, [problem])
            service.refuse([problem])
            return
        rules.take(files, ruleset)
        rules.keep(built.store)

    reload = RulesWatch(
        rules.place, clock=service.clock, held=rules.files, changed=changed, asked=asked
    )
    service.others.append(reload.run)


async def _adopt(built: Built, settings: Settings, ruleset: Ruleset) -> None:
    """Have a daemon go by other rules, with all that they want built.

    Raises:
        EbbwatchError: If an adapter cannot be built; then nothing has changed.
    """
    from ebbwatch.core.alerting.judging import Judge
    from ebbwatch.ruleset.difference import difference

    service = built.service
    built.equip(settings, ruleset)
    for missing in missing_secrets(ruleset, settings):
        log.warning("secret.missing", receiver=missing.receiver, remedy=missing.remedy)
    old = service.pipeline.judge
    history = old.history
    if ruleset.series != history.catalogue or ruleset.business != history.business:
        history = history_from_archive(ruleset, built.store)
    await service.adopt(Judge(ruleset, history), difference(old.ruleset, ruleset))
    texts = {rule.text_source for rule in ruleset.rules if rule.text_source}
    service.polling.follow(followed(ruleset), texts, release=history.clock)
