"""The Board's press releases on monetary policy, as text.

A feed's title says little: the end of runoff (2025-10-29) and the start of reserve
management purchases (2025-12-10) were both "Federal Reserve issues FOMC statement". So the
page of each item is read, and the implementation note it links to.

Source: federalreserve.gov, feed ``press_monetary.xml`` and pages, as recorded 2026-09-25
and 2026-10-02.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import ClassVar
from urllib.parse import SplitResult, urlsplit
from xml.etree import ElementTree as ET

from ebbwatch.model.observation import TextItem
from ebbwatch.model.source import Gives, Planned, SourceFacts
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.net.delays import http_date
from ebbwatch.ports import Poll, SourceChanged
from ebbwatch.sources import cursors
from ebbwatch.sources.pages import Article, article
from ebbwatch.sources.provider import Provider
from ebbwatch.sources.replies import Validators

_HOST = "www.federalreserve.gov"
_BASE = f"https://{_HOST}"
_FEED = "/feeds/press_monetary.xml"

#: Most items looked at. Source: 15 in 2026-08, read 2026-11-22.
_MOST_ITEMS = 40

_PAGE_LIMIT_BYTES = 2_000_000

#: A page is looked at again for so long after it was published: it may be up with its text
#: missing, and slips are corrected in the first hours.
_YOUNG = timedelta(days=1)

#: An implementation note, as statements link to it; the feed does not list it.
_NOTE = re.compile(r"/newsevents/pressreleases/monetary\d{8}a\d\.htm", re.ASCII)
_PAGE = re.compile(r"/[\w./-]+\.html?", re.ASCII)

#: Title of the pages that matter most. Source: feed and pages as recorded 2026-09-25.
_STATEMENT = re.compile(r"FOMC statement", re.IGNORECASE)

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of the feed.

    Attributes:
        address: Of what it announces.
        page: Path of it on the Board's site; empty where it is something else, a document or
            a page elsewhere, whose title alone counts.
        title: As given.
        published_at: As scheduled, UTC; the page is up some seconds later.
    """

    address: str
    page: str
    title: str
    published_at: datetime

    @property
    def mark(self) -> str:
        """Return what changes when the item does."""
        return f"{self.published_at.isoformat()} {self.title}"


@dataclass(frozen=True, slots=True)
class _PressCursor:
    """What a poll hands to the next one.

    Attributes:
        feed: Validators of the feed.
        read: Marks of the items that are read for good, by address.
        open: Whether pages are to be looked at again though the feed has not changed.
    """

    feed: Validators
    read: Mapping[str, str]
    open: bool

    @classmethod
    def load(cls, text: str | None) -> _PressCursor:
        saved = cursors.load(text)
        return cls(
            Validators.load(saved.get("feed")), saved.get("read", {}), bool(saved.get("open", True))
        )

    def dump(self) -> str:
        return cursors.dump({"feed": self.feed.dump(), "read": dict(self.read), "open": self.open})


class FedPress(Provider):
    """Reads the Board's press releases on monetary policy."""

    name: ClassVar[str] = "fed_press"
    facts: ClassVar[SourceFacts] = SourceFacts(
        gives=Gives.TEXTS,
        # The FOMC's statement is put up at this hour, on the second day of a meeting.
        # Source: federalreserve.gov, statements of 2025 and 2026, as recorded 2026-09-25.
        planned=(Planned(at=time(14, 0, 2), zone=NEW_YORK.key, lasts=timedelta(minutes=5)),),
    )
    base_url: ClassVar[str] = _BASE
    pace_s: ClassVar[float] = 0.5

    async def read(
        self,
        host: str,  # noqa: ARG002  there is one
        *,
        cursor: str | None,
        since: datetime | None = None,
    ) -> Poll:
        """Read new and changed items with their pages and implementation notes.

        `since` reads every item of the feed again that was published from then on. Pages
        that are not up yet, or have no article yet, come with an empty body and are looked
        at again.
        """
        before = _PressCursor.load(cursor if since is None else None)
        conditional = None if before.open else before.feed
        answer = await self._client.get(_FEED, validators=conditional)
        if answer.not_modified:
            return Poll(cursor=cursor, note="not modified")
        items = [
            item for item in _items(answer.text()) if since is None or item.published_at >= since
        ]
        read = {
            item.address: item.mark for item in items if before.read.get(item.address) == item.mark
        }
        texts: list[tuple[_Item, Article]] = []
        young = self._clock.now() - _YOUNG
        for item in items:
            if item.address not in read:
                texts += await self._read(item)
                if item.published_at < young:
                    read[item.address] = item.mark
        known_at = self._clock.now()
        after = _PressCursor(answer.validators, read, open=len(read) < len(items))
        return Poll(
            texts=tuple(
                TextItem(
                    source=self.name,
                    key=item.address,
                    title=item.title,
                    body=page.body,
                    published_at=item.published_at,
                    known_at=known_at,
                )
                for item, page in texts
            ),
            cursor=after.dump(),
            note="" if texts else "no rows",
        )

    async def _read(self, item: _Item) -> list[tuple[_Item, Article]]:
        """Return an item with its page, and the implementation notes that the page links to.

        Raises:
            SourceChanged: If a statement or a note is up and has no article. Pages of other
                kinds may be built differently, and must not hide the next statement.
        """
        page = await self._page(item.page)
        if page is None:
            return [(item, Article())]
        if not page.body and _STATEMENT.search(item.title):
            raise SourceChanged("fed_press: expected an article in the FOMC statement, found none")
        found = [(item, page)]
        for path in _notes(page):
            note = await self._page(path)
            if note is not None and not note.body:
                raise SourceChanged(
                    "fed_press: expected text in the implementation note, found none"
                )
            note = note or Article()
            title = note.title or "Implementation Note"
            found.append((_Item(f"{_BASE}{path}", path, title, item.published_at), note))
        return found

    async def _page(self, path: str) -> Article | None:
        """Return what a page says; None while it is not up, or where there is no page."""
        if not path:
            return None
        answer = await self._client.get(path, limit_bytes=_PAGE_LIMIT_BYTES, expected={_NOT_FOUND})
        return None if answer.status == _NOT_FOUND else article(answer.text())


def _notes(page: Article) -> list[str]:
    """Return the paths of the implementation notes that a statement links to, each once."""
    parts = (_split(link.href) for link in page.links)
    paths = (each.path for each in parts if each is not None)
    return list(dict.fromkeys(path for path in paths if _NOTE.fullmatch(path)))


def _items(feed: str) -> list[_Item]:
    """Return the items of the feed, oldest first.

    Raises:
        SourceChanged: If it is no such feed.
    """
    if "<!DOCTYPE" in feed or "<!ENTITY" in feed:
        raise SourceChanged("fed_press: expected a plain feed, found a DOCTYPE or an entity")
    try:
        root = ET.fromstring(feed)  # noqa: S314  (neither DOCTYPE nor entities got this far)
    except ET.ParseError:
        raise SourceChanged("fed_press: expected a feed, found no whole XML (cut off?)") from None
    items = [_item(each) for each in list(root.iterfind("channel/item"))[:_MOST_ITEMS]]
    if not items:
        raise SourceChanged("fed_press: expected a feed with items, found none")
    return sorted(items, key=lambda item: item.published_at)


def _item(element: ET.Element) -> _Item:
    """Return one item."""
    title, link, date = (
        (element.findtext(tag) or "").strip() for tag in ("title", "link", "pubDate")
    )
    address = _split(link)
    if not title or address is None or address.scheme not in {"http", "https"}:
        raise SourceChanged(
            "fed_press: expected a title and a link in each item, found one without"
        )
    published_at = http_date(date)
    if published_at is None:
        raise SourceChanged("fed_press: expected a pubDate in each item, found one without")
    page = address.path if address.hostname == _HOST and _PAGE.fullmatch(address.path) else ""
    return _Item(link, page, title, published_at)


def _split(link: str) -> SplitResult | None:
    """Return the parts of an address, or None for a malformed one."""
    try:
        return urlsplit(link)
    except ValueError:
        return None
