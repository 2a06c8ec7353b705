"""What `csv` and `http_json` share: sources that people point at an address or file of their own."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import ClassVar
from urllib.parse import urlsplit

from ebbwatch.model.observation import Published
from ebbwatch.model.source import SourceFacts
from ebbwatch.ports import Poll, SourceSetup, Wanted
from ebbwatch.sources import cursors
from ebbwatch.sources.addresses import Addresses
from ebbwatch.sources.cells import Rows, digest, reaching
from ebbwatch.sources.endpoints import Endpoints
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
        unread: dict[str, Sequence[str]] = {}
        modified = False
        endpoints = Endpoints()
        for item in wanted:
            name, question = item.series.name, digest(item)
            entry = entries.get(name) if since is None else None
            entry = entry if isinstance(entry, dict) else {}
            known = entry.get("question") == question
            validators = Validators.load(entry.get("file")) if known else Validators()
            answer = await endpoints.ask([name], partial(self._ask, item, validators))
            if answer is None or answer.not_modified:
                continue
            fresh = {
                "question": question,
                "answer": digest(item, answer.content),
                "file": answer.validators.dump(),
            }
            if entry.get("answer") != fresh["answer"]:
                modified = True
                reading = partial(asyncio.to_thread, self._read, answer, item)
                rows = await endpoints.ask([name], reading)
                if rows is None:
                    continue
                published += reaching(item.series, rows.figures, since)
                if rows.unread:
                    unread[name] = rows.unread
            entries[name] = fresh
        note = "" if modified else "not modified"
        poll = endpoints.poll(wanted, published, cursor=cursors.dump(entries), note=note)
        return replace(poll, unread=unread, local=all(self._is_local(item) for item in wanted))

    def _is_local(self, item: Wanted) -> bool:  # noqa: ARG002  a source may know better
        """Return whether a series is read from this machine."""
        return False

    @abstractmethod
    async def _ask(self, item: Wanted, validators: Validators) -> Reply:
        """Return what stands at the place a series is pointed at; may be ``not modified``."""

    @abstractmethod
    def _read(self, answer: Reply, item: Wanted) -> Rows:
        """Return an answer's figures; called on a thread."""

    async def aclose(self) -> None:
        """Close connections."""
        await self._addresses.aclose()


def host_of(address: str) -> str:
    """Return the host that an address names; empty for an address that names none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # asking it fails in its turn, and says so
        return ""
