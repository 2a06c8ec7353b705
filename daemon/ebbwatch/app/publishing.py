"""Publishing: the page and the metrics of the daemon, as long as the process runs.

The page outlives every lead: it listens before the database is open, and shows whichever
daemon leads in this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from ebbwatch.app.assembly import Built
    from ebbwatch.app.in_force import InForce
    from ebbwatch.ports import Clock
    from ebbwatch.runtime.delivery import Settled
    from ebbwatch.settings import Settings
    from ebbwatch.web.site import Front, Site

log = structlog.get_logger()


@dataclass(slots=True)
class Publication:
    """What is shown of the daemon; without a site, nothing is.

    Attributes:
        site: Serves the page and the metrics; None where settings want none.
    """

    site: Site | None = None

    @property
    def _front(self) -> Front | None:
        return None if self.site is None else self.site.front

    def leads(self, built: Built, rules: InForce) -> None:
        """Show a daemon that begins to lead."""
        if self.site is None or self._front is None:
            return
        self.site.metrics.expect(
            {
                receiver: {target.kind for target in targets}
                for receiver, targets in built.service.pipeline.judge.ruleset.receivers.items()
            }
        )
        built.service.heard.append(self.settled)
        built.service.seen.append(self.site.metrics.handled)
        self._front.leads(built.service.desk, lambda: _in_force(rules))

    def leads_no_more(self) -> None:
        """Show nothing until another daemon leads here."""
        if self._front is not None:
            self._front.starts()

    def stands_by(self) -> None:
        """Say that another process leads."""
        if self._front is not None:
            self._front.stands_by()

    def settled(self, event: Settled) -> None:
        """Count a try to deliver."""
        if self.site is not None:
            self.site.metrics.settled(event)


def _in_force(rules: InForce) -> dict[str, bytes]:
    """Return the rule files in force; nothing while those that stand there have mistakes."""
    from ebbwatch.ruleset.yaml import Unread

    if rules.problems:
        return {}
    return {
        path: content.encode() if isinstance(content, str) else content
        for path, content in rules.files.items()
        if not isinstance(content, Unread)
    }


@asynccontextmanager
async def published(settings: Settings, clock: Clock) -> AsyncIterator[Publication]:
    """Serve the page and the metrics meanwhile, where settings want them."""
    if not settings.web.on:
        yield Publication()
        return
    site = _site(settings, clock)
    serving = asyncio.create_task(_serving(site, settings), name="page")
    try:
        yield Publication(site)
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def _serving(site: Site, settings: Settings) -> None:
    """Serve; whatever goes wrong with it is no reason to stop watching."""
    try:
        await site.run(settings.web.host, settings.web.port)
    except Exception as error:
        log.exception("web.ended", error=type(error).__name__)


def _site(settings: Settings, clock: Clock) -> Site:
    from ebbwatch import __version__
    from ebbwatch.charts.sketch import svg_sketch
    from ebbwatch.charts.svg import svg_chart
    from ebbwatch.clocks import elapsed_s
    from ebbwatch.locale import translator
    from ebbwatch.model.text import LANGUAGES
    from ebbwatch.runtime.trials import Trials
    from ebbwatch.web.gate import Gate
    from ebbwatch.web.metrics import Metrics
    from ebbwatch.web.rendering import PageDrawings, Pages, static_files
    from ebbwatch.web.site import Front, Site

    front = Front()
    return Site(
        front=front,
        gate=Gate(settings.web.token, settings.web.loopback, settings.web.hosts),
        pages=Pages(
            PageDrawings(svg_chart, svg_sketch),
            {language: translator(language) for language in LANGUAGES},
            static_files(), __version__,
        ),
        clock=clock,
        elapsed_s=elapsed_s,
        language=settings.language,
        metrics=Metrics(front, clock, __version__),
        trials=Trials(clock, settings.database_url),
    )  # fmt: skip
