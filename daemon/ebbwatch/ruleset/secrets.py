"""Secrets: tokens that must not stand in rule files, and how they are recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from ebbwatch.model.address import names_secret

#: What tokens look like, by what they open. Shapes only: none is ever tried.
#: Source: core.telegram.org/bots/api and docs.slack.dev/authentication/tokens,
#: as recorded 2026-11-22.
TOKENS = {
    "a Telegram bot token": re.compile(r"(?<![\w-])\d{6,12}:[A-Za-z0-9_-]{30,}"),
    "a Slack token": re.compile(r"(?<![\w-])x(?:ox[a-z]|app)-[A-Za-z0-9-]{10,}"),
    "a Slack webhook address": re.compile(r"hooks\.slack\.com/(?:services|workflows)/[\w/-]{8,}"),
    "a Discord webhook address": re.compile(r"discord(?:app)?\.com/api/webhooks/[\w/-]{8,}"),
}

#: What to do instead of writing a secret out.
USE_SECRET = "write {secret: NAME} and set EBBWATCH_SECRET__NAME"  # noqa: S105  no secret, but what is said of one


def tokens_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and kind of every token that stands in a text."""
    for kind, pattern in TOKENS.items():
        for found in pattern.finditer(text):
            yield found.start(), found.end(), kind


def masked(text: str) -> str:
    """Return a text without any token that stands in it."""
    for pattern in TOKENS.values():
        text = pattern.sub("***", text)
    return text


def secret_in_address(address: str) -> str | None:
    """Return what secret an http(s) address holds, in words, or None.

    Tokens are left to `tokens_in`, which looks at everything.
    """
    parts = urlsplit(address)
    if parts.username is not None or parts.password is not None:
        return "a user and password"
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if names_secret(name):
            return f"a secret in its parameter {name}"
    return None
