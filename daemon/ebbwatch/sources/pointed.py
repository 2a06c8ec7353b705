"""Sources that people point at data of their own: an address or a file for each series."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from ebbwatch.model.observation import Published
from ebbwatch.model.source import SourceFacts
from ebbwatch.ports import Poll, SourceSetup, Wanted
from ebbwatch.sources import cursors
from ebbwatch.sources.addresses import Addresses
from ebbwatch.sources.cells import digest, reaching
from ebbwatch.sources.replies import Reply, Validators


class PointedSource(ABC):
    """Reads what each series is pointed at, whole, where it changed since the last visit.

    Attributes:
        name: Of the source.
        facts: What is known of it before it is asked.
    """

    name: ClassVar[str]
    facts: ClassVar[SourceFacts] = SourceFacts(whole=True)

    def __init__(self, setup: SourceSetup, *, tries: int = 3) -> None:
        """Open nothing yet; `tries` is how often a request is sent when it fails."""
        self._addresses = Addresses(setup, self.name, tries=tries)

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Ask each place, only for changes where it knows how to say "not modified".

        The cursor holds for each series what was asked, what came, and its validators.
        """
        entries = cursors.load(cursor)
        published: list[Published] = []
        modified = False
        for item in wanted:
            name, question = item.series.name, digest(item)
            entry = entries.get(name) if since is None else None
            entry = entry if isinstance(entry, dict) else {}
            known = entry.get("question") == question
            answer = await self._ask(
                item, Validators.load(entry.get("file")) if known else Validators()
            )
            if answer.not_modified:
                continue
            entries[name] = {
                "question": question,
                "answer": digest(item, answer.content),
                "file": answer.validators.dump(),
            }
            if entry.get("answer") == entries[name]["answer"]:
                continue
            modified = True
            rows = await asyncio.to_thread(self._read, answer, item)
            published += reaching(item.series, rows, since)
        note = "" if published else ("no rows" if modified else "not modified")
        return Poll(published=tuple(published), cursor=cursors.dump(entries), note=note)

    @abstractmethod
    async def _ask(self, item: Wanted, validators: Validators) -> Reply:
        """Return what stands at the place a series is pointed at; may be ``not modified``."""

    @abstractmethod
    def _read(self, answer: Reply, item: Wanted) -> tuple[Published, ...]:
        """Return an answer's figures, oldest first; called on a thread."""

    async def aclose(self) -> None:
        """Close connections."""
        await self._addresses.aclose()


def host_of(address: str) -> str:
    """Return the host that an address names; empty for an address that names none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # asking it fails in its turn, and says so
        return ""
