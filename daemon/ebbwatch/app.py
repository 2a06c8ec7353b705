"""The composition root: builds what the commands need, and nothing they do not.

Everything heavy is imported where it is first needed: ``ebbwatch check`` loads no database,
``ebbwatch replay --data`` neither that nor the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.resources import files as package_files
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebbwatch import __version__
from ebbwatch.core.asof import Facts, History
from ebbwatch.core.release_clock import ReleaseClock
from ebbwatch.core.tables import TableFault, Tables
from ebbwatch.model.message import Target
from ebbwatch.model.series import Series
from ebbwatch.ruleset.load import Loaded, load
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.rulefiles import ENDINGS, read_rules
from ebbwatch.spread import shares, spread

if TYPE_CHECKING:
    import asyncio
    from importlib.metadata import EntryPoint

    from ebbwatch.ports import Clock, Notifier, Secret, Source, Store
    from ebbwatch.runtime.service import Service
    from ebbwatch.settings import Settings

#: What providers are told who asks.
USER_AGENT = f"ebbwatch/{__version__}"

#: Tables that are worth a process of their own to read.
WORTH_A_PROCESS = 10
#: Sources that give texts, not series.
TEXT_SOURCES = ("fed_press",)


class NoSuchDirectory(Exception):
    """A directory that was asked for is not there."""


# ---- rule files ------------------------------------------------------------------------


def default_rules() -> Path:
    """Return the directory of the default pack: in the package, or in the checkout."""
    packaged = Path(str(package_files("ebbwatch"))) / "pack"
    if packaged.is_dir():
        return packaged
    return packaged.parent.parent.parent / "rules"


def rule_files(directory: Path) -> dict[str, bytes]:
    """Return the rule files of a directory and below, by path as shown to people.

    Raises:
        NoSuchDirectory: If there is no such directory.
    """
    try:
        return read_rules(directory)
    except NotADirectoryError:
        raise NoSuchDirectory(f"there is no directory {directory}") from None


def builtin_files() -> dict[str, str]:
    """Return the built-in catalogue, by name of its file."""
    folder = package_files("ebbwatch.ruleset") / "builtin"
    return {
        f"built-in {entry.name}": entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(ENDINGS)
    }


class SourceFaults(Mapping[str, Callable[[Any], str | None]]):
    """What says why a source cannot be asked for something; adapters are loaded when asked."""

    def __init__(self, points: Mapping[str, EntryPoint]) -> None:
        """Take the entry points by name."""
        self._points = points

    def __getitem__(self, name: str) -> Callable[[Any], str | None]:
        """Return the check of one source."""
        point = self._points[name]

        def fault(argument: Any) -> str | None:
            found: str | None = point.load().fault(argument)
            return found

        return fault

    def __iter__(self) -> Iterator[str]:
        """Return the names of the sources."""
        return iter(self._points)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._points)


class AnySource(Mapping[str, Callable[[Any], str | None]]):
    """Stands for the sources where data come from elsewhere: every name and argument will do."""

    def __getitem__(self, name: str) -> Callable[[Any], str | None]:
        """Return a check that finds nothing."""
        return lambda _argument: None

    def __contains__(self, name: object) -> bool:
        """Return True."""
        return True

    def __iter__(self) -> Iterator[str]:
        """Return no names."""
        return iter(())

    def __len__(self) -> int:
        """Return 0."""
        return 0


def plugins(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name: ``sources`` or ``notifiers``."""
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"ebbwatch.{group}")}


def load_rules(files: Mapping[str, bytes], *, data_only: bool = False) -> Loaded:
    """Return a directory's ruleset, or what is wrong with it.

    Args:
        files: As `rule_files` returns them.
        data_only: True where no source will be asked: then sources are not checked.
    """
    if data_only:
        return load(
            files, builtin=builtin_files(), faults=AnySource(), text_sources=TEXT_SOURCES,
            notifiers=("telegram", "slack", "webhook", "terminal"),
        )  # fmt: skip
    # Adapters take half a second to import; a test holds the built-in catalogue against them.
    return load(
        files, builtin=builtin_files(), builtin_faults=AnySource(),
        faults=SourceFaults(plugins("sources")), text_sources=TEXT_SOURCES,
        notifiers=tuple(plugins("notifiers")),
    )  # fmt: skip


# ---- figures ---------------------------------------------------------------------------


def empty_history(ruleset: Ruleset) -> History:
    """Return a history that knows the catalogue and nothing else."""
    return History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))


def history_from_data(ruleset: Ruleset, directory: Path) -> History:
    """Return a history of a ``--data`` directory: ``<series>.csv`` for each series.

    Raises:
        NoSuchDirectory: If there is no such directory.
        TableFault: If a table is wrong, or names a series that is not in the catalogue.
    """
    if not directory.is_dir():
        raise NoSuchDirectory(f"there is no directory {directory}")
    history = empty_history(ruleset)
    tables = Tables(history, "data")

    def read(path: Path) -> tuple[str, Facts]:
        series = ruleset.series.get(path.stem)
        if series is None:
            raise TableFault(
                f"{path.name}: there is no series {path.stem}: declare it under series, "
                "or name the file after one that is"
            )
        try:
            return series.name, tables.facts(series, path.read_text("utf-8"))
        except UnicodeDecodeError:
            raise TableFault(f"{path.name} is not UTF-8 text") from None

    parts = shares(sorted(directory.glob("*.csv")), worth=WORTH_A_PROCESS)
    for name, facts in chain.from_iterable(spread(lambda part: [*map(read, part)], parts)):
        history.add(name, facts)
    return history


def history_from_archive(ruleset: Ruleset, store: Store | None) -> History:
    """Return a history of the bundled archive and what a store holds."""
    from ebbwatch import archive

    history = empty_history(ruleset)
    tables = Tables(history, None)
    entries = archive.files()
    for name in sorted(_archived(ruleset, entries)):
        tables.read(ruleset.series[name], entries[name].read_text("utf-8"))
    if store is not None:
        history.observe(o for o in store.observations() if o.series in ruleset.series)
    return history


def _archived(ruleset: Ruleset, names: Collection[str]) -> set[str]:
    """Return which series the archive speaks of: as built in, or redeclared in the same unit."""
    own = ruleset.own_series & set(names)
    found = (set(names) & set(ruleset.series)) - own
    if own:
        builtin = load({}, builtin=builtin_files(), faults=AnySource()).ruleset
        assert builtin is not None
        found |= {
            name
            for name in own
            if name in builtin.series
            and (builtin.series[name].unit, builtin.series[name].every)
            == (ruleset.series[name].unit, ruleset.series[name].every)
        }
    return found


# ---- receivers -------------------------------------------------------------------------


def with_default_receivers(ruleset: Ruleset, settings: Settings, language: str) -> Ruleset:
    """Return the ruleset with somewhere to tell, where its files name no receiver.

    Telegram and Slack, as far as the settings know a place there; else the terminal.
    """
    if ruleset.receivers:
        return ruleset
    targets: list[Target] = []
    if settings.telegram.token is not None and settings.telegram.chat is not None:
        targets.append(
            Target("default", "telegram", {"chat": settings.telegram.chat, "language": language})
        )
    if settings.slack.bot_token is not None and settings.slack.channel is not None:
        options = {"channel": settings.slack.channel, "language": language}
        targets.append(Target("default", "slack", options, len(targets)))
    if not targets:
        targets.append(Target("default", "terminal", {"language": language}))
    return replace(ruleset, receivers={"default": tuple(targets)})


#: Options that name the place a target's messages go to, by kind.
_PLACES = {"telegram": ("chat", "topic"), "slack": ("channel",), "terminal": ()}


def place_of(target: Target) -> str:
    """Return what identifies the place that a target leads to, without secrets."""
    import hashlib
    import json

    names = _PLACES.get(target.kind)
    if names is None:
        text = json.dumps(target.options, sort_keys=True, default=str)
        return f"{target.kind}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    parts = [str(target.options[name]) for name in names if name in target.options]
    return ":".join([target.kind, *parts])


@dataclass(frozen=True, slots=True)
class Missing:
    """A secret that rule files name and settings do not have.

    Attributes:
        receiver: Whose.
        name: Of the secret.
    """

    receiver: str
    name: str


def missing_secrets(ruleset: Ruleset, settings: Settings) -> list[Missing]:
    """Return the secrets that receivers name and settings lack."""
    known = {name.upper() for name in settings.secret}
    return [
        Missing(receiver, name)
        for receiver, targets in ruleset.receivers.items()
        for target in targets
        for name in _named_secrets(target.options)
        if name.upper() not in known
    ]


def _named_secrets(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if set(value) == {"secret"}:
            yield str(value["secret"])
        else:
            for part in value.values():
                yield from _named_secrets(part)


# ---- the daemon ------------------------------------------------------------------------


def sources(settings: Settings, clock: Clock, names: Collection[str]) -> dict[str, Source]:
    """Return the adapters of the sources that are wanted and can be asked.

    FRED is left out without the user's own key: it counts as down, and nothing is asked.
    """
    from ebbwatch.ports import SourceSetup

    points = plugins("sources")
    found: dict[str, Source] = {}
    for name in sorted(set(names) & set(points)):
        key = settings.api_key(name)
        if name == "fred" and key is None:
            continue
        setup = SourceSetup(
            clock=clock, base_url=settings.base_url(name), api_key=key, user_agent=USER_AGENT
        )
        found[name] = points[name].load()(setup)
    return found


def wanted_sources(ruleset: Ruleset) -> set[str]:
    """Return the names of the sources that the rules' series, and their fallbacks, come from."""
    found = {rule.text_source for rule in ruleset.rules if rule.text_source}
    for series in followed(ruleset):
        found.add(series.source.name)
        if series.fallback is not None:
            found.add(series.fallback.name)
    return found


def followed(ruleset: Ruleset) -> list[Series]:
    """Return the series that any rule reads, in order of name."""
    names: set[str] = set()
    for rule in ruleset.rules:
        for expression in (rule.value, rule.when, rule.clear_when):
            if expression is not None:
                names |= expression.series
    return [ruleset.series[name] for name in sorted(names)]


def notifiers(settings: Settings, clock: Clock, kinds: Collection[str]) -> dict[str, Notifier]:
    """Return the adapters of the kinds of receivers that are named."""
    from ebbwatch.ports import NotifierSetup

    points = plugins("notifiers")
    own = {
        "telegram": (settings.telegram.token, settings.telegram.api_base),
        "slack": (settings.slack.bot_token, settings.slack.api_base),
    }
    found: dict[str, Notifier] = {}
    for kind in sorted(set(kinds) & set(points)):
        token, api_base = own.get(kind, (None, None))
        setup = NotifierSetup(clock=clock, secrets=settings.secret, token=token, api_base=api_base)
        found[kind] = points[kind].load()(setup)
    return found


@dataclass(slots=True)
class Built:
    """A daemon, ready to run, and what must be closed after it.

    Attributes:
        service: The daemon.
        sources: To be closed.
        notifiers: To be closed.
        store: To be closed last.
        warnings: What people should know at start.
    """

    service: Service
    sources: Mapping[str, Source]
    notifiers: Mapping[str, Notifier]
    store: Store
    warnings: list[str]

    async def aclose(self) -> None:
        """Close connections, then the database."""
        for source in self.sources.values():
            await source.aclose()
        for notifier in self.notifiers.values():
            await notifier.aclose()
        self.store.close()


#: How often a replica that stands by tries to lead.
_TRY_TO_LEAD = timedelta(seconds=2)


async def leading_store(
    settings: Settings, ruleset: Ruleset, *, clock: Clock, owner: str, stop: asyncio.Event
) -> Store | None:
    """Open the database, and return it once this process leads; None when stopped before.

    One process polls and decides. On PostgreSQL others stand by meanwhile: they deliver what
    is in the outbox, and one of them takes over when the leader's connection ends.

    Raises:
        StoreError: If the database cannot be used, or another daemon has a SQLite file.
    """
    import asyncio

    import structlog

    from ebbwatch.charts.png import PngCharts
    from ebbwatch.runtime.delivery import Delivery
    from ebbwatch.store.open import open_store

    store = open_store(settings.database_url.reveal())
    if store.lead():
        return store
    log = structlog.get_logger()
    log.info("lead.awaited", remedy="another replica leads; this one delivers meanwhile")
    told = notifiers(settings, clock, kinds_of(ruleset))
    delivery = Delivery(store, told, clock, owner=owner, charts=PngCharts())
    delivering = asyncio.create_task(delivery.run(stop))
    try:
        while not stop.is_set() and not delivering.done():
            await clock.wait_until(clock.now() + _TRY_TO_LEAD)
            if store.lead():
                log.info("lead.taken")
                return store
    finally:
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)
        for notifier in told.values():
            await notifier.aclose()
    store.close()
    return None


def kinds_of(ruleset: Ruleset) -> set[str]:
    """Return the kinds of notifiers that a ruleset's receivers want."""
    return {target.kind for targets in ruleset.receivers.values() for target in targets}


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
    from ebbwatch.core.edge import Present
    from ebbwatch.core.judging import Judge
    from ebbwatch.locale import translator
    from ebbwatch.model.text import LANGUAGES
    from ebbwatch.runtime.delivery import Delivery, Settled
    from ebbwatch.runtime.feeds import LiveFeed
    from ebbwatch.runtime.ledger import Ledger
    from ebbwatch.runtime.pipeline import Pipeline
    from ebbwatch.runtime.polling import Polling
    from ebbwatch.runtime.selfwatch import SelfWatch
    from ebbwatch.runtime.service import Service
    from ebbwatch.runtime.telling import Telling

    warnings = [
        f"receiver {each.receiver} names the secret {each.name}, which is not set: "
        f"set EBBWATCH_SECRET__{each.name.upper()}"
        for each in missing_secrets(ruleset, settings)
    ]
    history = history_from_archive(ruleset, store)
    judge = Judge(ruleset, history)
    telling = Telling(
        judge, store, {name: translator(name) for name in LANGUAGES}, place_of=place_of
    )
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
    told = notifiers(settings, clock, kinds_of(ruleset))
    service: Service

    def settled(event: Settled) -> None:
        service.settled(event)

    delivery = Delivery(
        store, told, clock, owner=owner, charts=PngCharts(),
        on_event=settled,
    )  # fmt: skip
    service = Service(
        clock=clock, store=store, pipeline=pipeline, ledger=ledger, telling=telling,
        feed=LiveFeed(clock, inbox, stop), delivery=delivery, polling=polling, watch=watch,
        stop=stop,
    )  # fmt: skip
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


def watch_rules(built: Built, settings: Settings, directory: Path) -> None:
    """Have the daemon adopt the rules of a directory when they change."""
    from ebbwatch.core.judging import Judge
    from ebbwatch.ruleset.difference import difference
    from ebbwatch.runtime.reload import Reload

    service = built.service

    async def changed(files: dict[str, bytes]) -> None:
        found = load_rules(files)
        if found.ruleset is None:
            service.refuse(found.problems)
            return
        old = service.pipeline.judge
        ruleset = with_default_receivers(found.ruleset, settings, settings.language)
        history = old.history
        if ruleset.series != history.catalogue or ruleset.business != history.business:
            history = history_from_archive(ruleset, built.store)
        service.adopt(Judge(ruleset, history), difference(old.ruleset, ruleset))
        texts = {rule.text_source for rule in ruleset.rules if rule.text_source}
        service.polling.follow(followed(ruleset), texts, release=history.clock)

    reload = Reload(directory, clock=service.clock, held=read_rules(directory), changed=changed)
    service.others.append(reload.run)
