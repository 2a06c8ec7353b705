"""What the adapters of single providers have in common: one client, and how it is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.model.source import SourceFacts
from ebbwatch.ports import Poll, SourceSetup, Wanted
from ebbwatch.sources.endpoints import Endpoints


class Provider:
    """An adapter that asks one provider over HTTP.

    Attributes:
        name: Of the source.
        facts: What is known of it before it is asked.
        base_url: The provider's own.
        pace_s: Least seconds between the starts of two requests.
    """

    name: ClassVar[str]
    facts: ClassVar[SourceFacts] = SourceFacts()
    base_url: ClassVar[str]
    pace_s: ClassVar[float] = 0.0

    def __init__(self, setup: SourceSetup, *, tries: int = 3) -> None:
        """Open nothing yet; `tries` is how often a request is sent when it fails."""
        # Loading rules looks at facts and arguments, and needs no HTTP library for that.
        from ebbwatch.sources.http import ProviderClient  # noqa: PLC0415

        self._clock = setup.clock
        self._client = ProviderClient(
            setup, self.base_url, name=self.name, pace_s=self.pace_s, tries=tries
        )

    @classmethod
    def host(cls, argument: str | Mapping[str, Any]) -> str:  # noqa: ARG003  one for all
        """Return nothing: the provider is one, whatever it is asked for."""
        return ""

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()


class DatedProvider(Provider, ABC):
    """An adapter that asks for what there is from a day on; there is nothing to resume from."""

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Read each series from `since` on, or as far back as an ordinary visit reaches."""
        today = self._clock.now().date()
        published: list[Published] = []
        endpoints = Endpoints()
        for item in wanted:
            first = today - self._reach(item) if since is None else since.date()
            found = await endpoints.ask(
                [item.series.name], partial(self._figures, item, first, today)
            )
            published += [
                figure
                for figure in found or ()
                if since is None or figure.period >= period_of(first)
            ]
        return endpoints.poll(wanted, published, cursor=cursor)

    @abstractmethod
    def _reach(self, item: Wanted) -> timedelta:
        """Return how far back an ordinary visit reads a series."""

    @abstractmethod
    async def _figures(self, item: Wanted, first: date, today: date) -> list[Published]:
        """Return what a provider has of one series from a day on, oldest first."""
