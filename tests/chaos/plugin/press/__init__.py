"""A source that is asked twice a second, so that a minute of chaos holds a month of figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from ebbwatch.model.observation import Published
from ebbwatch.model.source import Gives, KeyPolicy, Planned, SourceFacts
from ebbwatch.ports import Poll, SourceChanged, SourceSetup, Wanted
from ebbwatch.sources.http import ProviderClient


class Press:
    """Reads all its figures in one answer: rows of series, minute and value."""

    name: ClassVar[str] = "press"
    facts: ClassVar[SourceFacts] = SourceFacts(
        gives=Gives.FIGURES,
        key=KeyPolicy.NONE,
        planned=(
            Planned(
                at=time(0), zone="UTC", lasts=timedelta(days=1), every=timedelta(milliseconds=500)
            ),
        ),
    )

    def __init__(self, setup: SourceSetup) -> None:
        self._client = ProviderClient(setup, "https://press.example", name=self.name)

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return None: any name will do."""
        return None if isinstance(argument, str) else "expected a name"

    @classmethod
    def host(cls, argument: str | Mapping[str, Any]) -> str:
        """Return nothing: all are asked for together."""
        return "" if argument else "nobody"

    async def poll(
        self,
        wanted: Sequence[Wanted],
        *,
        cursor: str | None,
        since: datetime | None = None,
    ) -> Poll:
        """Read what the press remembers."""
        names = {str(one.argument): one.series.name for one in wanted}
        answer = await self._client.get("/figures")
        try:
            rows = json.loads(answer.content, parse_float=Decimal)
            published = tuple(
                Published(series=names[series], period=int(minute), value=Decimal(value))
                for series, minute, value in rows
                if series in names
            )
        except (ValueError, TypeError, ArithmeticError) as error:
            raise SourceChanged(f"no list of figures: {type(error).__name__}") from None
        return Poll(published=published, cursor=cursor)

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()
