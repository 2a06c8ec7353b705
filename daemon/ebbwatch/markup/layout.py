"""What every platform's text has in common: the order of its lines, and how it is cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from ebbwatch.model.message import Message
from ebbwatch.model.text import ODD_SIGNS

_POSSIBLE_REPEAT = {
    "en": "Possibly a repeat: an earlier copy may have reached you",
    "zh-Hant": "可能重複：同一則通知也許先前已送達",
    "zh-Hans": "可能重复：同一则通知也许先前已送达",
    "zh-Hant-HK": "可能重複：同一則通知也許先前已送達",
}

#: An escape code must not reach a terminal, nor half an emoji an encoder.
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")

#: Stands for what was cut.
ELLIPSIS = "…"


class LineRole(StrEnum):
    """What a line is for; each platform gives each part its own look."""

    HEADLINE = "headline"
    REPEAT = "repeat"
    FACT = "fact"
    NOTE = "note"
    FOOTER = "footer"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text without markup.

    Attributes:
        text: Clean: no line breaks, no control characters.
        part: What it is for.
    """

    text: str
    part: LineRole


def laid_out(message: Message, *, possible_repeat: bool = False) -> list[Line]:
    """Return a message's lines, headline first, then by importance.

    Args:
        message: What to say.
        possible_repeat: Say right below the headline that an earlier copy may have arrived.
    """
    lines = [Line(clean(message.headline), LineRole.HEADLINE)]
    if possible_repeat:
        words = _POSSIBLE_REPEAT.get(message.language, _POSSIBLE_REPEAT["en"])
        lines.append(Line(words, LineRole.REPEAT))
    lines += [Line(text, LineRole.FACT) for fact in message.lines for text in _clean_lines(fact)]
    lines += [Line(text, LineRole.NOTE) for text in _clean_lines(message.note)]
    lines += [Line(text, LineRole.FOOTER) for part in message.footer for text in _clean_lines(part)]
    if link := clean(message.link):
        lines.append(Line(link, LineRole.LINK))
    return lines


def clean(text: str) -> str:
    """Return a text on one line, without control characters and half characters.

    Non-breaking spaces stay: they hold a number and its unit together.
    """
    return " ".join(_clean_lines(text))


def _clean_lines(text: str) -> list[str]:
    lines = []
    for raw in text.splitlines():
        whole = _HALF_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", raw.replace("\t", " "))
        if line := ODD_SIGNS.sub("", whole).strip():
            lines.append(line)
    return lines


def web_address(text: str) -> tuple[str, str] | None:
    """Return an address and the host that stands for it; None if it is no web address.

    Anything but http and https stays text: a rule file cannot smuggle in a ``tg://`` link.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:  # a malformed IPv6 host, for example
        return None
    if parts.scheme not in ("http", "https") or not host or " " in text:
        return None
    return text, host.removeprefix("www.")


def utf16_units(text: str) -> int:
    """Return how long a text is for platforms that count as JavaScript does."""
    return sum(2 if ord(char) > 0xFFFF else 1 for char in text)


def cut_text(text: str, limit: int, size: Callable[[str], int] = utf16_units) -> str:
    """Return a text of at most `limit`, ending in an ellipsis where something was cut."""
    if size(text) <= limit:
        return text
    room = limit - size(ELLIPSIS)
    kept = 0
    for char in text:
        room -= size(char)
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip() + ELLIPSIS


def cut_lines(
    lines: Sequence[Line], limit: int, size: Callable[[str], int] = utf16_units
) -> list[Line]:
    """Return as many whole lines as fit, joined by single line breaks.

    Lines stand in the order of their importance, so what goes is the end. Only where not
    even the first fact fits behind the headline is a line itself shortened.

    Args:
        lines: Most important first.
        limit: Of the whole text.
        size: How the platform measures text.
    """
    if sum(size(line.text) + 1 for line in lines) - 1 <= limit:
        return list(lines)
    room = limit - size(ELLIPSIS) - 1
    kept: list[Line] = []
    for line in lines:
        needed = size(line.text) + (1 if kept else 0)
        if needed > room:
            break
        kept.append(line)
        room -= needed
    if any(line.part is LineRole.FACT for line in kept):
        return [*kept, Line(ELLIPSIS, LineRole.FACT)]
    # Room counts the ellipsis' own line, which is not needed here.
    shortened = lines[len(kept)]
    left = room + size(ELLIPSIS) + (0 if kept else 1)
    return [*kept, Line(cut_text(shortened.text, left, size), shortened.part)]
