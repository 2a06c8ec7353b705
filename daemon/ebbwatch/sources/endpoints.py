"""Endpoints of a host: one endpoint that fails spoils no other's answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from ebbwatch.model.observation import Published
from ebbwatch.ports import Poll, SourceError, SourceUnavailable, Wanted

T = TypeVar("T")


class Endpoints:
    """Asks one thing after the other of a host, and remembers what failed.

    Attributes:
        faults: Why there is no whole answer, by the name of each series it is missing for.
    """

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.faults: dict[str, SourceError] = {}
        self._rests: SourceUnavailable | None = None

    async def ask(self, series: Iterable[str], question: Callable[[], Awaitable[T]]) -> T | None:
        """Return an answer; None where it failed, which is noted.

        A host that asks for patience, or cannot be reached, is asked no more in this visit.

        Args:
            series: Names of the series that the answer is for.
            question: Asks for it.
        """
        error: SourceError
        if self._rests is not None:
            error = self._rests
        else:
            try:
                return await question()
            except SourceUnavailable as unavailable:
                error = unavailable
                if error.after is not None or not error.reached:
                    self._rests = unavailable
            except SourceError as failed:
                error = failed
        self.faults |= dict.fromkeys(series, error)
        return None

    @contextmanager
    def sparing(self, series: Iterable[str]) -> Iterator[None]:
        """Go on behind the block where reading an answer for some series fails in it."""
        try:
            yield
        except SourceError as error:
            self.faults |= dict.fromkeys(series, error)

    def poll(
        self, wanted: Sequence[Wanted], published: Iterable[Published], *, cursor: str | None,
        note: str = "",
    ) -> Poll:  # fmt: skip
        """Return what came of the visit.

        Raises:
            SourceError: If nothing came for any series: why not for the first.
        """
        names = {each.series.name for each in wanted}
        first = next(iter(self.faults.values()), None)
        if first is not None and names <= self.faults.keys():
            raise first
        found = tuple(figure for figure in published if figure.series not in self.faults)
        return Poll(
            published=found,
            cursor=cursor,
            note="" if found else note or "no rows",
            faults=dict(self.faults),
        )
