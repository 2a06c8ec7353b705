"""Redaction: no secret stands in a text that leaves us or is kept, whatever it came out of.

Secrets are recognised by value, because settings say which are in force, and by their looks,
because a platform may repeat one that we were never told of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from ebbwatch.model.text import clean

MASK = "***"

#: Shorter texts are no secrets, and masking them would make texts unreadable; up to the second
#: length they are masked only where they stand by themselves.
_SHORTEST_CHARS = 4
_WORD_CHARS = 8

#: What stands before a secret, as headers and addresses have it.
_SCHEME = re.compile(r"(?:bearer|basic|token)\s+(?=\S{8})", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^/?#]*(?=/)", re.IGNORECASE)
#: Parts of a secret address that are shorter are words, as `alertmanager` is.
_TELLING_CHARS = 16

#: Longest text of an error that is told and kept.
SAID_LIMIT_CHARS = 2_000

#: A text without which it cannot be one, what secrets look like, and what is left of them.
_LOOKS = tuple(
    (needed, re.compile(pattern), replacement)
    for needed, pattern, replacement in (
        ("bot", r"bot\d+:[\w-]+", f"bot{MASK}"),
        (":", r"\b\d{6,}:[\w-]{30,}", MASK),
        ("xox", r"\bxox[a-z]-[\w-]+", MASK),
        ("xapp-", r"\bxapp-[\w-]+", MASK),
        (
            "hooks.slack.com/",
            r"hooks\.slack\.com/(services|workflows|triggers)/[^\s\"'<>]+",
            rf"hooks.slack.com/\1/{MASK}",
        ),
        ("/api/webhooks/", r"(discord(?:app)?\.com/api/webhooks)/[^\s\"'<>]+", rf"\1/{MASK}"),
        (
            "=",
            r"(?i)\b((?:api_?key|userid|access_token|token|password|secret)\s?=)[^&\s\"']+",
            rf"\1{MASK}",
        ),
        ("", r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}", rf"\1{MASK}"),
        # What our own hints say stands for a password is none.
        ("://", r"(://[^/\s:@]*:)(?!PASSWORD@)[^/\s@]+@", rf"\1{MASK}@"),
    )
)


class _Known:
    """The secrets in force in this process: one of them is a secret wherever it shows up."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.pattern: re.Pattern[str] | None = None


_known = _Known()


def learn(secrets: Iterable[str]) -> None:
    """Mask these texts from now on, however they are written."""
    _known.texts.update(text for text in secrets if len(text) >= _SHORTEST_CHARS)
    parts = {part for text in _known.texts for part in (text, *_parts(text))}
    forms = {form for part in parts for form in _written(part)}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    _known.pattern = re.compile("|".join(map(_alone, longest_first))) if forms else None


def forget() -> None:
    """Know of no secrets any more."""
    _known.texts.clear()
    _known.pattern = None


def redacted(text: str) -> str:
    """Return a text with every secret in it masked."""
    if _known.pattern is not None:
        text = _known.pattern.sub(MASK, text)
    for needed, look, replacement in _LOOKS:
        if needed in text:
            text = look.sub(replacement, text)
    return text


def said(text: str, limit: int = SAID_LIMIT_CHARS) -> str:
    """Return what may be told and kept of somebody's text: no secret, no odd sign, not endless.

    What is cut or folded is so afterwards: of half a secret nobody would know that it is one.
    """
    told = redacted(clean(text))
    return told if len(told) <= limit else f"{told[: limit - 1]}…"


def _alone(form: str) -> str:
    """Return the pattern of a form; of a short one, where it is no part of a word."""
    escaped = re.escape(form)
    return escaped if len(form) >= _WORD_CHARS else rf"(?<!\w){escaped}(?!\w)"


def _parts(text: str) -> Iterator[str]:
    """Yield what of a secret is one by itself: servers repeat it without what stood before it."""
    if scheme := _SCHEME.match(text):
        yield text[scheme.end() :]
    if address := _ADDRESS.match(text):
        path = text[address.end() :].partition("?")[0]
        if path.count("/") > 1 or len(path) > _TELLING_CHARS:
            yield path
        yield from (each for each in path.split("/") if len(each) >= _TELLING_CHARS)


def _written(text: str) -> Iterator[str]:
    """Yield a text as addresses, JSON and the texts of exceptions would write it."""
    yield text
    yield quote(text)
    yield quote(text, safe="")
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
