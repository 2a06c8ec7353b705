"""How the tests of sources ask for series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import FREQUENCIES, day_of
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.units import UNITS
from ebbwatch.ports import Poll, Source, TextSource, Wanted


def wanting(
    source: str,
    *arguments: str | Mapping[str, Any],
    every: str = "business day",
    unit: str = "percent per year",
) -> list[Wanted]:
    """Return what a poll is asked for; each series is called like its argument."""
    return [
        Wanted(
            Series(
                name=argument if isinstance(argument, str) else str(argument.get("description")),
                source=SourceRef(source, argument),
                unit=UNITS[unit],
                every=FREQUENCIES[every],
            ),
            argument,
        )
        for argument in arguments
    ]


def figures(published: tuple[Published, ...], series: str) -> dict[str, Decimal | None]:
    """Return what was published of a series, by date."""
    return {str(day_of(each.period)): each.value for each in published if each.series == series}


async def visited(source: Source, wanted: Sequence[Wanted]) -> Poll:
    """Return what a first visit brings: of some series, or of the only host of texts."""
    if isinstance(source, TextSource):
        return await source.read("", cursor=None)
    return await source.poll(wanted, cursor=None)
