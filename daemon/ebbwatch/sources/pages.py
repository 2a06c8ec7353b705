"""The Board's web pages as text: what they say, without what changes on every load.

The bytes of a page differ each time it is fetched (a token hides an e-mail address, share
links carry another), so pages are compared by their article's text alone.

Source: six pages of press releases and implementation notes of 2025-10, 2025-12 and
2026-09, as recorded 2026-10-02.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

#: Hyphens and dashes of all lengths, quotes of all shapes, spaces that do not break.
#: The range of December 2025 was written with U+2011.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u2018\u2019\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201f", '"'),
        **dict.fromkeys("\u00a0\u2009\u202f", " "),
        "\u00ad": None,
        "\u200b": None,
    }
)

#: Elements that begin a new line of text.
_BLOCKS = frozenset({"p", "div", "li", "ul", "ol", "blockquote", "br", "table", "tr"}) | frozenset(
    f"h{level}" for level in range(1, 7)
)
_SILENT = frozenset({"script", "style", "noscript", "template"})


@dataclass(frozen=True, slots=True)
class Link:
    """A link in an article: where it leads, and what it says."""

    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Article:
    """What a page says.

    Attributes:
        title: Its heading; empty where it has none.
        body: Text of the article, a line for each paragraph; empty where there is no article.
        links: In the article, in its order.
    """

    title: str = ""
    body: str = ""
    links: Sequence[Link] = ()


def normalised(text: str) -> str:
    """Return text with one kind of hyphen, quote and space, a line for each paragraph."""
    lines = (" ".join(line.split()) for line in text.translate(_PLAIN).split("\n"))
    return "\n".join(line for line in lines if line)


def plain_text(page: str) -> str:
    """Return all text of a page, normalised."""
    reader = _PageReader(everything=True)
    reader.feed(_tamed(page))
    reader.close()
    return normalised("".join(reader.body))


def article(page: str) -> Article:
    """Return the article of a press release or an implementation note.

    Both have a ``div.heading`` with the title, and the text in the first
    ``div.col-xs-12.col-sm-8`` after it. Paragraphs are not always closed; divisions are.
    """
    reader = _PageReader(everything=False)
    reader.feed(_tamed(page))
    reader.close()
    links = tuple(Link(href, normalised("".join(words))) for href, words in reader.links)
    title = re.sub(r"\s+", " ", normalised("".join(reader.title)))
    return Article(title, normalised("".join(reader.body)), links)


#: Longest tag that is read as one; the Board's have some hundred characters.
_TAG_LIMIT_CHARS = 4_000
_NO_TAG = re.compile(rf"<(?![^<>]{{0,{_TAG_LIMIT_CHARS}}}>)")

#: Digits of a character that no character has; Python refuses to read very many of them.
_HUGE_NUMBER = re.compile("&(?=#[0-9]{8})")


def _tamed(page: str) -> str:
    """Return a page without comments, in which every ``<`` begins a whole tag.

    Python's parser looks for the end of each from where it begins: a page of tags or comments
    that never end takes it the square of their number.
    """
    parts: list[str] = []
    done = 0
    while (start := page.find("<!--", done)) >= 0:
        parts.append(page[done:start])
        end = page.find("-->", start + 4)
        done = len(page) if end < 0 else end + 3
    parts.append(page[done:])
    return _HUGE_NUMBER.sub("&amp;", _NO_TAG.sub("&lt;", "".join(parts)))


@dataclass
class _Place:
    """Where in the page the reader stands: the depth at which a division began, or none."""

    began: int | None = None
    seen: bool = False


class _PageReader(HTMLParser):
    """Collects heading, body and links."""

    def __init__(self, *, everything: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.body: list[str] = []
        self.links: list[tuple[str, list[str]]] = []
        self._everything = everything
        self._depth = 0
        self._silent = 0
        self._heading = _Place()
        self._article = _Place()
        self._in_title = False
        self._in_link = False

    @property
    def _in_article(self) -> bool:
        return self._everything or self._article.began is not None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in _SILENT:
            self._silent += 1
        if tag in _BLOCKS and self._in_article:
            self.body.append("\n")
        if tag == "div":
            self._depth += 1
            self._enter(set((values.get("class") or "").split()))
        elif tag == "h3" and self._heading.began is not None:
            self._in_title = True
        elif tag == "a" and self._in_article and values.get("href"):
            self.links.append((values["href"] or "", []))
            self._in_link = True

    def _enter(self, classes: set[str]) -> None:
        if "heading" in classes and not self._heading.seen:
            self._heading = _Place(self._depth, seen=True)
        elif (
            self._heading.seen
            and self._heading.began is None
            and not self._article.seen
            and {"col-xs-12", "col-sm-8"} <= classes
        ):
            self._article = _Place(self._depth, seen=True)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self._silent:
            self._silent -= 1
        if tag in _BLOCKS and self._in_article:
            self.body.append("\n")
        if tag == "div":
            for place in (self._heading, self._article):
                if place.began == self._depth:
                    place.began = None
            self._depth = max(0, self._depth - 1)
        elif tag == "h3":
            self._in_title = False
        elif tag == "a":
            self._in_link = False

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._in_title:
            self.title.append(data)
        if self._in_article:
            # Line ends of the source are spaces; only elements make new lines.
            self.body.append(data.replace("\n", " "))
            if self._in_link:
                self.links[-1][1].append(data)
