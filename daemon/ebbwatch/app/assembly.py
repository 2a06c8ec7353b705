"""Assembling the daemon: store and lead, polling, pipeline, delivery, and rules that change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebbwatch.app.histories import history_from_archive
from ebbwatch.app.loading import load_rules
from ebbwatch.app.providers import followed, sources, wanted_sources
from ebbwatch.app.receivers import (
    kinds_of,
    missing_secrets,
    notifiers,
    with_default_receivers,
)
from ebbwatch.ruleset.rules import Ruleset

if TYPE_CHECKING:
    import asyncio

    from ebbwatch.app.serving import InForce
    from ebbwatch.ports import Clock, Notifier, Secret, Source, Store
    from ebbwatch.runtime.service import Service
    from ebbwatch.settings import Settings


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
    notifiers: dict[str, Notifier]
    store: Store
    warnings: list[str]

    def equip(self, settings: Settings, ruleset: Ruleset) -> None:
        """Build the sources and notifiers that a ruleset wants and that are not there yet.

        Raises:
            EbbwatchError: If one cannot be built; then nothing was added.
        """
        clock = self.service.clock
        asked = sources(settings, clock, wanted_sources(ruleset) - self.sources.keys())
        told = notifiers(settings, clock, kinds_of(ruleset) - self.notifiers.keys())
        self.sources.update(asked)
        self.notifiers.update(told)

    async def aclose(self) -> None:
        """Close connections, then the database."""
        for source in self.sources.values():
            await source.aclose()
        for notifier in self.notifiers.values():
            await notifier.aclose()
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
        f"receiver {each.receiver} names the secret {each.name}, which is not set: "
        f"set EBBWATCH_SECRET__{each.name.upper()}"
        for each in missing_secrets(ruleset, settings)
    ]
    history = history_from_archive(ruleset, store)
    judge = Judge(ruleset, history)
    told = notifiers(settings, clock, kinds_of(ruleset))
    telling = Telling(
        judge, store, {name: translator(name) for name in LANGUAGES},
        place_of=Whereabouts(store, told).of,
    )  # fmt: skip
    ledger = Ledger(store, telling, judge)
    pipeline = Pipeline(judge, ledger)
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


def watch_rules(built: Built, settings: Settings, rules: InForce) -> None:
    """Have the daemon adopt the rules of a directory when they change."""
    from ebbwatch.core.alerting.judging import Judge
    from ebbwatch.model.problem import Problem, Span
    from ebbwatch.ports import EbbwatchError
    from ebbwatch.ruleset.difference import difference
    from ebbwatch.runtime.reload import RulesWatch

    service = built.service

    async def changed(files: dict[str, bytes]) -> None:
        found = load_rules(files)
        if found.ruleset is None:
            service.refuse(found.problems)
            return
        old = service.pipeline.judge
        ruleset = with_default_receivers(found.ruleset, settings, settings.language)
        try:
            built.equip(settings, ruleset)
        except EbbwatchError as err:
            place = Span(str(rules.directory), 1, 1)
            service.refuse([Problem(place, "error", "unusable-adapter", str(err))])
            return
        history = old.history
        if ruleset.series != history.catalogue or ruleset.business != history.business:
            history = history_from_archive(ruleset, built.store)
        await service.adopt(Judge(ruleset, history), difference(old.ruleset, ruleset))
        rules.files, rules.ruleset = files, ruleset
        texts = {rule.text_source for rule in ruleset.rules if rule.text_source}
        service.polling.follow(followed(ruleset), texts, release=history.clock)

    reload = RulesWatch(rules.directory, clock=service.clock, held=rules.files, changed=changed)
    service.others.append(reload.run)
